"""A collection's path and settings go in, everything that the routes share comes out: encoder, engine threads, jobs, pictures, keys."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, final

from hannun import collection as face
from hannun.collection import Collection
from hannun.errors import HannunError, InputError
from hannun.item import Content, Image
from hannun.load import load
from hannun.serve.batching import Batched, Vector
from hannun.serve.http import contents
from hannun.serve.http.fetch import Fetch
from hannun.serve.http.jobs import Job, Jobs
from hannun.serve.http.keys import Keys, Signer
from hannun.serve.http.metrics import Metrics
from hannun.serve.http.pictures import Pictures, Rendition
from hannun.serve.http.settings import ServiceSettings
from hannun.serve.outside import outside

log = logging.getLogger("hannun.service")
T = TypeVar("T")
_STALE = 10.0  # seconds that counts may lag behind while items are being added
_UNINDEXED = 20_000  # added items that are searched exactly before they are indexed: some milliseconds a search
_KEPT = 64  # answers to questions about the whole collection


@final
class Service:
    """One collection, opened for serving. `close` finishes what was accepted."""

    def __init__(self, path: str | Path, settings: ServiceSettings, create: bool = False) -> None:
        """Open the collection at `path` (a folder or qdrant://…); with `create`, begin one where there is none."""
        address = str(path)
        if address.startswith(("http://", "https://")):
            raise InputError(f"{address}: is a service already, expected a folder or qdrant://host:6333/name")
        self.settings, self.metrics = settings, Metrics()
        self._unindexed, self._optimising = 0, threading.Thread()
        made = face.read_settings(address, create=create)
        self.encoder = Batched(
            load("mini" if made is None else made.encoder),
            batch=settings.batch,
            wait=settings.batch_wait,
            remember=settings.remember,
            seen=self.metrics.batch,
        )
        try:
            self.collection: Collection = face.open(address, self.encoder)
        except BaseException:
            self.encoder.close()
            raise
        try:
            folder = Path(path)
            local = folder.is_dir()
            state = settings.state or (folder / "service" if local else Path("hannun-service"))
            self.name = folder.name.removesuffix(".hannun")
            self._names: list[tuple[str | Path, str]] = [
                (address, self.name),
                *([(folder.absolute(), self.name)] if local else ()),
                (state.absolute(), "the service's state"),
            ]
            self.model = self.said(self.encoder.name)  # of one that was made here, the folder's name
            self.keys = Keys(settings.keys or state / "keys.json")
            self.pictures = Pictures(state / "pictures", Signer(state / "secret"), self.collection.get)
            self.fetch = Fetch(settings.fetch, limit=settings.body)
            self.jobs = Jobs(self.collection, state / "inbox", self.row, self.said, settings.jobs, self._indexed)
        except BaseException:
            self.collection.close()
            self.encoder.close()
            raise
        self.ready = False
        self._inside = folder.absolute() if local else state.absolute()
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="hannun-engine")
        self._decoders = ThreadPoolExecutor(settings.threads, thread_name_prefix="hannun-picture")
        self._known: OrderedDict[Hashable, tuple[object, float, Any]] = OrderedDict()
        self._keeper = threading.Thread(target=self._keep, name="hannun-keep", daemon=True)
        watch = self.metrics.watch
        watch("items", "Items in the collection.", lambda: len(self.collection))
        watch("jobs_unfinished", "Jobs that wait or run.", lambda: self.jobs.unfinished)
        watch("jobs_set_aside", "Files of accepted work that were set aside: torn, or not done for an unexpected error.", self._aside)
        watch("encode_waiting", "Contents that wait for the encoder.", lambda: self.encoder.waiting)
        watch("remembered_hits", "Vectors of queries that were remembered.", lambda: self.encoder.hits)
        watch("remembered_misses", "Vectors of queries that had to be made.", lambda: self.encoder.misses)
        watch("ready", "1 when searches are answered.", lambda: float(self.ready))

    async def warm(self) -> None:
        """Load the encoder's towers and what reads Korean words, and say ready; then keep thumbnails in the background."""
        try:
            await self.encoder.soon([{"text": "준비"}], "query")
            if self.collection.settings.words:
                await self.engine(self.collection.readings, "준비")
        except Exception:
            log.exception("the encoder cannot be loaded")
            return
        self.ready = True
        if self.settings.thumbnails:
            self._keeper.start()

    async def engine(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What a call of the engine returns, made in a thread of its pool; nobody waits for it any more when the request has ended."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *arguments, **named))

    async def draw(self, token: str, side: int) -> Rendition:
        """A rendition of the picture that a link names."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, self.pictures.draw, token, side)

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """What a call that waits for the disk returns, made in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, partial(work, *arguments))

    async def content(self, said: Any) -> Content:
        """What a request said as content, its pictures decoded at the scale that the encoder looks at. Raises InputError."""
        if isinstance(said, str):
            return {"text": said}
        if not said.get("image"):
            return {k: v for k, v in said.items() if v is not None}
        return await asyncio.get_running_loop().run_in_executor(self._decoders, self._decoded, said)

    async def vectors(self, said: Sequence[Content], role: str, instruction: str | None = None) -> list[Vector]:
        """The vectors of contents, made together with those of other requests."""
        return await self.encoder.soon(said, "query" if role == "query" else "document", instruction)

    async def primed(self, query: Content | None, like: Sequence[Content] = (), unlike: Sequence[Content] = (), mix: float = 0.5) -> None:
        """Encode what a search is going to ask the encoder for, without holding a thread of the engine meanwhile."""
        if query is None and not like:
            return  # all items, in the order of a fact
        await self.encoder.soon(face.needs(face.asked(query, like, unlike), self.encoder, mix), "query")

    async def told(self, key: Hashable, work: Callable[[], T]) -> T:
        """What `work` says of the whole collection: said again while nothing has changed, and for a few seconds while items are added."""
        version = self.jobs.version
        known = self._known.get(key)
        if known is not None and (known[0] == version or time.monotonic() - known[1] < _STALE):
            return known[2]  # type: ignore[no-any-return]
        value = await self.engine(work)
        self._known[key] = (version, time.monotonic(), value)
        self._known.move_to_end(key)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return value

    def said(self, error: object) -> str:
        """An error's words for those outside: where the collection lies on this machine is nobody's business."""
        return outside(str(error), self._names)

    def row(self, sent: Any) -> Content:
        """A row as it was sent, as content with bytes. Raises InputError."""
        return contents.content(sent, self.fetch, self.settings.pixels)

    async def begin_closing(self) -> None:
        """Finish accepted work (the rest stays on disk for the next start), then let others open the collection."""
        self.ready = False
        self.pictures.close()
        left = await asyncio.get_running_loop().run_in_executor(None, self.jobs.close, self.settings.grace)
        if left:
            log.warning("stopped", extra={"fields": {"jobs_left_for_the_next_start": left}})
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def close(self) -> None:
        """Stop everything at once; accepted work that is not done stays on disk."""
        self.ready = False
        self.pictures.close()
        self.jobs.close(0)
        if self._keeper.is_alive():
            self._keeper.join()
        for pool in (self._pool, self._decoders):
            pool.shutdown(wait=True, cancel_futures=True)
        self.encoder.close()
        self.collection.close()
        if self._optimising.is_alive():
            self._optimising.join()

    def _indexed(self, job: Job) -> None:
        """Index anew, beside everything else, when so much has come that exact search of it would be slow."""
        self._unindexed += job.added
        if self._unindexed >= max(_UNINDEXED, len(self.collection) // 5) and not self._optimising.is_alive():
            self._unindexed = 0
            self._optimising = threading.Thread(target=self._optimise, name="hannun-optimise", daemon=True)
            self._optimising.start()

    def _optimise(self) -> None:
        begun = time.monotonic()
        try:
            done = self.collection.optimise()
        except HannunError as e:
            log.error("not indexed", extra={"fields": {"error": str(e)}})
        else:
            log.info("indexed" if done else "too few to index", extra={"fields": {"seconds": round(time.monotonic() - begun, 1)}})

    def _aside(self) -> float:
        return float(len(self.jobs.set_aside))

    def _decoded(self, said: dict[str, Any]) -> Content:
        row = contents.content(said, self.fetch, self.settings.pixels)
        given = {k: v for k, v in row.items() if v is not None}
        return {**given, "text": row.get("text") or "", "image": Image(row["image"]).load(self.encoder.side)}

    def _keep(self) -> None:
        with contextlib.suppress(HannunError):  # the engine was closed meanwhile
            drawn, dropped = self.pictures.keep(self.collection, self._inside)
            log.info("thumbnails", extra={"fields": {"drawn": drawn, "dropped": dropped}})
