"""The address of a Hannun service goes in, a Remote comes out: a collection that is kept elsewhere."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final
from urllib.parse import quote

import httpx2
import numpy as np

from hannun import errors
from hannun.collection.points import batched
from hannun.collection.records import Checked, Compacted, Contents, Map, Progress, Report, require_either, require_list
from hannun.collection.settings import Settings
from hannun.collection.wire import array_of, content_json, example_json, row_json, why_of, words_given
from hannun.embeddings import Floats
from hannun.encode import Done
from hannun.encoder import Encoder
from hannun.errors import EncoderMismatch, HannunError, InputError, MissingError, StorageError
from hannun.facts import FactRange
from hannun.item import JSON_KINDS, Content, Elsewhere, Image, Item, Problem, Text, parts_of
from hannun.search.dupes import Group
from hannun.search.hits import Hit, Hits
from hannun.search.options import Fusion, Rerank, Share, Weights
from hannun.search.query import Example, Known
from hannun.search.where import Where, parse_where, written
from hannun.sources import Roots, fresh, surveyed
from hannun.sources import contents as contents_of

_ROWS = 256  # of one request
_BYTES = 8 * 2**20  # of one request's pictures, as base64
_TRIES = 6  # when the service says that it has too much to do


@final
class Remote:
    """Items and vectors behind `hannun serve`. Made by `hannun.open("http://…")`; a context manager.

    The service's key is taken from the variable HANNUN_KEY. Where the service has too much to do, a request is sent again when the
    service says so, a few times.
    """

    def __init__(self, url: str, encoder: Encoder | None = None, *, key: str | None = None, timeout: float = 60.0) -> None:
        """`encoder`, where it is given, must be the one that the service runs: it is not used, but a mistake is noticed.

        Raises HannunError when nobody answers, or no key or a wrong one came; EncoderMismatch for another encoder.
        """
        key = key or os.environ.get("HANNUN_KEY") or None
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._url = url.rstrip("/")
        self._client = httpx2.Client(base_url=self._url, headers=headers, timeout=timeout, follow_redirects=False)
        try:
            about = self._ask("GET", "/v1/collection")
            self._made_by = str(about["encoder"])
            if encoder is not None and encoder.fingerprint != about["fingerprint"]:
                raise EncoderMismatch(
                    f"{url}: runs encoder {about['encoder']!r} ({about['fingerprint']}), but {encoder.name!r} "
                    f"({encoder.fingerprint}) came; leave the encoder out, the service encodes"
                )
        except BaseException:
            self._client.close()
            raise

    @property
    def name(self) -> str:
        """The address."""
        return self._url

    @property
    def settings(self) -> Settings:
        """See `Collection.settings`."""
        return Settings.from_json(self._ask("GET", "/v1/settings")["settings"], self._url)

    @property
    def advice(self) -> str:
        """See `Collection.advice`: empty, for it can be followed only where the files lie."""
        return ""

    @property
    def encoder(self) -> Encoder:
        """Raises InputError: the service encodes."""
        raise self._elsewhere("encodes what it is sent; for an encoder on this machine, call hannun.load")

    def __len__(self) -> int:
        return int(self._ask("GET", "/v1/collection")["count"])

    def __contains__(self, id: object) -> bool:
        with suppress(MissingError):
            return isinstance(id, str) and self.get(id).id == id
        return False

    def __repr__(self) -> str:
        return f"<collection {self._url}: a service, made by {self._made_by}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        """Every item, in no stated order."""
        return self.items()

    def items(self, where: Where | None = None, ids: Sequence[str] | None = None) -> Iterator[Item]:
        """See `Collection.items`; pictures are brought when they are read."""
        if ids is None:
            return self._pages(where)
        require_either(where, ids)
        return self._named(ids)

    def _named(self, ids: Sequence[str]) -> Iterator[Item]:
        for id in ids:
            with suppress(MissingError):
                yield self.get(id)

    def _pages(self, where: Where | None) -> Iterator[Item]:
        offset = 0
        while True:
            page = self._ask("GET", "/v1/items", params={"limit": 1000, "offset": offset, **({"where": where} if where else {})})["items"]
            yield from map(self._item, page)
            if len(page) < 1000:
                return
            offset += len(page)

    def count(self, where: Where | None = None) -> int:
        """How many items there are, or for how many a condition holds."""
        return int(self._ask("GET", "/v1/facets", params={"where": where} if where else {})["count"])

    def facets(self, fields: Sequence[str] | None = None, where: Where | None = None, limit: int = 12) -> dict[str, list[tuple[Any, int]]]:
        """The commonest values of facts, with counts. See Collection.facets."""
        params: dict[str, Any] = {"limit": limit, **({"where": where} if where else {}), **({"field": list(fields)} if fields else {})}
        found = self._ask("GET", "/v1/facets", params=params)["facets"]
        return {f["field"]: [(v["value"], v["count"]) for v in f["values"]] for f in found}

    def ranges(self, limit: int = 12) -> list[FactRange]:
        """See `Collection.ranges`."""
        return [FactRange(**r) for r in self._ask("GET", "/v1/ranges")["ranges"]][:limit]

    def info(self) -> dict[str, Any]:
        """See `Collection.info`; the service's bounds are among them."""
        about = self._ask("GET", "/v1/collection")
        bounds = {k: about[k] for k in ("writable", "max_upload_bytes", "max_pixels", "fetch", "version")}
        return {"path": self._url, **self._ask("GET", "/v1/info")["info"], **bounds}

    def dupes(self, threshold: float | None = None, where: Where | None = None) -> list[Group]:
        """See `Collection.dupes`."""
        params = {k: v for k, v in (("threshold", threshold), ("where", where)) if v is not None}
        groups = self._ask("GET", "/v1/dupes", params=params)["groups"]
        return [Group(tuple(g["ids"]), g["similarity"], g["exact"]) for g in groups]

    def synonyms(self, lines: Sequence[str] | None = None) -> tuple[str, ...]:
        """See `Collection.synonyms`."""
        told = self._ask("GET", "/v1/synonyms") if lines is None else self._ask("PUT", "/v1/synonyms", json={"lines": list(lines)})
        return tuple(told["lines"])

    def readings(self, words: str) -> tuple[str, ...]:
        """See `Collection.readings`."""
        return tuple(self._ask("GET", "/v1/readings", params={"words": words})["readings"])

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """See `Collection.vectors`."""
        require_list("ids", ids)
        found: dict[str, Mapping[str, Floats]] = {}
        for some in batched(ids, _ROWS):
            for row in self._ask("POST", "/v1/vectors", json={"ids": some})["items"]:
                found[row["id"]] = {k: array_of(v) for k, v in row["vectors"].items()}
        return found

    def map(self, limit: int = 2000, where: Where | None = None, seed: int = 0) -> Map:
        """See `Collection.map`."""
        made = self._ask("GET", "/v1/map", params={"limit": limit, "seed": seed, **({"where": where} if where else {})})
        points = np.array([[p["x"], p["y"]] for p in made["points"]], np.float32).reshape(-1, 2)
        return Map(tuple(p["id"] for p in made["points"]), points, (made["explained"][0], made["explained"][1]))

    def search(
        self,
        query: Content | None,
        *,
        like: Sequence[Example] = (),
        unlike: Sequence[Example] = (),
        mix: float = 0.5,
        weights: Weights | None = None,
        words: Share = "auto",
        fusion: Fusion = "scores",
        where: Where | None = None,
        limit: int = 10,
        offset: int = 0,
        group_by: str | None = None,
        dim: int | None = None,
        rerank: Rerank | None = None,
        diversity: float = 0.0,
        shuffle: int = 0,
        explain: bool = False,
        floor: float = 0.0,
        sort: str | None = None,
        last: Where | None = None,
    ) -> list[Hit]:
        """The items nearest to a query, best first. See Collection.search; a reranking function cannot be sent."""
        if rerank is not None and not isinstance(rerank, str):
            raise InputError("rerank is a function, and a service cannot be sent one; give 'tokens', or rerank the hits here")
        body: dict[str, Any] = {
            "query": None if query is None else content_json(query),
            "like": [example_json(e) for e in like],
            "unlike": [example_json(e) for e in unlike],
            "mix": mix,
            "weights": dict(weights) if isinstance(weights, Mapping) else weights,
            "fusion": fusion,
            "where": where,
            "limit": limit,
            "offset": offset,
            "group_by": group_by,
            "dim": dim,
            "rerank": rerank,
            "diversity": diversity,
            "shuffle": shuffle,
            "explain": explain,
            **({"floor": floor} if floor else {}),  # what an older service does not know is sent only where it is asked for
            **({} if sort is None else {"sort": sort}),
            **({} if last is None else {"last": last}),
        }
        return Hits(self._hit(h) for h in self._ask("POST", "/v1/search", json=body | words_given(words))["hits"])

    def similar(
        self, ids: str | Sequence[str], *, weights: Weights | None = None, where: Where | None = None, limit: int = 10
    ) -> list[Hit]:
        """More like these. See Collection.similar."""
        named = [ids] if isinstance(ids, str) else list(ids)
        return self.search(None, like=[Known(i) for i in named], weights=weights, where=where, limit=limit)

    def why(
        self,
        id: str,
        query: Content | None,
        *,
        like: Sequence[Example] = (),
        unlike: Sequence[Example] = (),
        mix: float = 0.5,
        weights: Weights | None = None,
        words: Share = "auto",
        fusion: Fusion = "scores",
        where: Where | None = None,
        dim: int | None = None,
    ) -> Hit:
        """See `Collection.why`."""
        body: dict[str, Any] = {
            "id": id,
            "query": None if query is None else content_json(query),
            "like": [example_json(e) for e in like],
            "unlike": [example_json(e) for e in unlike],
            "mix": mix,
            "weights": dict(weights) if isinstance(weights, Mapping) else weights,
            "fusion": fusion,
            "where": where,
            "dim": dim,
        }
        return self._hit(self._ask("POST", "/v1/explain", json=body | words_given(words)))

    def get(self, id: str) -> Item:
        """The item with this id. Raises MissingError."""
        return self._item(self._ask("GET", f"/v1/items/{quote(id, safe='')}"))

    def add(self, contents: Contents, progress: Progress | None = None) -> Report:
        """Add rows, or replace those whose id is there. See Collection.add; pictures are read here and sent."""
        found, unread = surveyed(contents)
        report = Report(unread=unread)
        rows: list[dict[str, Any]] = []
        size = 0

        def send() -> None:
            nonlocal size
            if rows:
                job = self._done(self._ask("POST", "/v1/items", json={"items": rows}))
                report.added += job["added"]
                report.unchanged += job["unchanged"]
                report.problems += [Problem(p["where"], p["reason"], p["id"]) for p in job["problems"]]
                if progress is not None:
                    progress(Done(len(rows), int(job["unchanged"])))
            rows.clear()
            size = 0

        for number, content in enumerate(contents_of(found), start=1):
            try:
                if isinstance(content, Problem):
                    report.problems.append(content)
                    continue
                row = row_json(content)
            except HannunError as e:
                report.problems.append(Problem(f"row {number}", str(e)))
                continue
            rows.append(row)
            size += sum(map(len, row.get("image", ()))) + sum(len(json.dumps(row[k])) for k in JSON_KINDS if k in row)
            if len(rows) >= _ROWS or size >= _BYTES:
                send()
        send()
        report.require_some()
        return report

    def update(self, changes: Mapping[str, Any], ids: Sequence[str] = (), where: Where | None = None) -> int:
        """Change facts of items. See Collection.update."""
        require_list("ids", ids)
        return int(self._done(self._ask("PATCH", "/v1/items", json={"facts": dict(changes), "ids": list(ids), "where": where}))["changed"])

    def delete(self, ids: Sequence[str] = (), where: Where | None = None) -> int:
        """Remove items. See Collection.delete."""
        require_list("ids", ids)
        if not ids and where is None:
            return 0  # as with a folder; the service takes it for a mistake
        return int(self._done(self._ask("DELETE", "/v1/items", json={"ids": list(ids), "where": where}))["removed"])

    def rooted(self, folders: Sequence[str]) -> Roots:
        """See `Collection.rooted`; a service is not told where items were read: of two folders with one name it takes one for the other."""
        return fresh(folders)

    def unchanged(self, states: Set[str]) -> dict[str, list[str]]:
        """See `Collection.unchanged`: none, for a service is not told where items were read."""
        return {}

    def moved(self, seen: set[str]) -> int:
        """See `Collection.moved`: none, for a service is not told where items were read."""
        return 0

    def optimise(self) -> bool:
        """See `Collection.optimise`: the service does so by itself, when there is enough to need it."""
        return False

    def prune(self, below: Sequence[Path], keep: set[str]) -> int:
        """Raises InputError: a service is not told where items were read."""
        raise self._elsewhere("is not told from which files its items were read; remove items with `hannun delete`")

    def copy(self, to: str | Path, progress: Progress | None = None) -> Report:
        """Raises InputError: it is done where the files lie."""
        raise self._elsewhere("is copied only where its files lie: run `hannun copy` there")

    def backup(self, to: str | Path) -> int:
        """Raises InputError: it is done where the files lie."""
        raise self._elsewhere("is backed up only where its files lie: run `hannun backup` there")

    def check(self) -> Checked:
        """Raises InputError: it is done where the files lie."""
        raise self._elsewhere("is checked only where its files lie: run `hannun check` there")

    def compact(self) -> Compacted:
        """Raises InputError: it is done where the files lie."""
        raise self._elsewhere("is compacted only where its files lie: run `hannun compact` there")

    def reindex(self, encoder: Encoder, progress: Progress | None = None) -> Report:
        """Raises InputError: it is done where the files lie."""
        raise self._elsewhere("is encoded anew only where its files lie: run `hannun reindex` there")

    def _elsewhere(self, what: str) -> InputError:
        return InputError(f"{self._url}: is the address of a service, which {what}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _done(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job when it has ended. Raises HannunError when it failed for another reason than its rows."""
        while job["state"] in ("queued", "running"):
            if job["state"] == "queued" and job.get("error"):
                raise StorageError(f"{self._url}: the work was accepted, is kept, and is done once it can be: {job['error']}")
            time.sleep(0.05)
            job = self._ask("GET", f"/v1/jobs/{job['job']}")
        if job["state"] == "failed" and not job["problems"]:
            raise HannunError(f"{self._url}: {job['error']}")
        return job

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        for body in (more.get("params"), more.get("json")):
            if isinstance(body, dict) and not isinstance(body.get("where"), str | None):  # the service takes conditions as text
                body["where"] = written(parse_where(body["where"]))
        return self._sent(method, path, **more).json()

    def _sent(self, method: str, path: str, **more: Any) -> httpx2.Response:
        for trial in range(_TRIES):
            try:
                answer = self._client.request(method, path, **more)
            except httpx2.TimeoutException:
                raise HannunError(f"{self._url}: did not answer in time; ask for less at once, or look at the service") from None
            except httpx2.HTTPError as e:
                raise HannunError(f"{self._url}: cannot be reached ({e}); start it with `hannun serve`, or check the address") from None
            except (httpx2.InvalidURL, UnicodeError) as e:
                raise InputError(f"{self._url}: is not the address of a service ({e}), expected http://host:port") from None
            if answer.status_code < 300:
                return answer
            if answer.status_code not in (429, 503) or trial == _TRIES - 1:
                break
            given = answer.headers.get("retry-after", "1")
            time.sleep(min(float(given) if given.isdigit() else 1.0, 30.0))
        raise _mistake(self._url, answer)

    def _item(self, told: Mapping[str, Any]) -> Item:
        texts = [Text(told["text"])] if told["text"] else []
        pictures = [Image(Elsewhere(self._url + p["picture"], partial(self._picture, p["picture"]))) for p in told["images"]]
        return Item(told["id"], (*texts, *pictures, *parts_of(told)), told["facts"])

    def _picture(self, link: str) -> bytes:
        return self._sent("GET", link).content

    def _hit(self, told: Mapping[str, Any]) -> Hit:
        also = tuple(self._hit(h) for h in told.get("also", ()))
        why = why_of(told["explain"]) if "explain" in told else None
        return Hit(told["id"], told["score"], self._item(told), told.get("group"), also, why, told.get("relevance"))


def _mistake(url: str, answer: httpx2.Response) -> HannunError:
    """The error that the service had, as the same kind here."""
    try:
        said = answer.json()["error"]
        kind = getattr(errors, str(said["code"]), None)
        message = str(said["message"])
    except (ValueError, KeyError, TypeError):
        return HannunError(f"{url}: answered {answer.status_code} and is not a Hannun service; check the address")
    if not (isinstance(kind, type) and issubclass(kind, HannunError)):
        kind = InputError if 400 <= answer.status_code < 500 and answer.status_code not in (401, 403, 429) else HannunError
    return kind(message if kind is not HannunError else f"{url}: {message}")
