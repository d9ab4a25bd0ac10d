"""Points and requests go in, Matches come out of a Qdrant server or cluster, found by its address: qdrant://host:port/name.

Shards, replicas, optimising and durability are the server's own work (docs/engines.md tells how to start one); what is stored
and what is asked is the same as in the embedded engine. Several processes may use one collection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, final
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import qdrant_client
from qdrant_client import models

from hannun.checksums import Damage
from hannun.embeddings import Floats
from hannun.errors import CollectionBusy, InputError, MissingError, StorageError
from hannun.files import whole_folder
from hannun.index import answer
from hannun.index import request as form
from hannun.index.edge import Edge
from hannun.index.engine import Condition, Layout, Match, Point, Request, Scalar
from hannun.index.request import Json

KEY = "HANNUN_QDRANT_KEY"  # environment variable with the server's API key
_PAGE = 500
_AT_ONCE = 64  # points sent in one request: a server refuses bodies above 32 MB
_SAMPLE = 1000
_NOTES = "hannun"  # key of the collection's own metadata


def connect(url: str, layout: Layout | None = None) -> Cluster:
    """The collection at qdrant://host[:port]/name (qdrants:// over TLS); the API key is read from HANNUN_QDRANT_KEY.

    A collection that is made by this call is divided and copied as `?shards=6&replicas=2` says; the server's defaults otherwise.

    Raises:
        InputError: the address is not of that form.
        StorageError: the server cannot be reached. MissingError: no such collection, and no `layout` to make it.
    """
    parts = urlsplit(url)
    name = unquote(parts.path.strip("/"))
    if parts.scheme not in ("qdrant", "qdrants") or not parts.hostname or not name or "/" in name:
        raise InputError(f"{url!r} came, expected qdrant://host:port/collection (qdrants:// for TLS)")
    wanted = dict(parse_qsl(parts.query))
    if not wanted.keys() <= {"shards", "replicas"} or not all(v.isdigit() and int(v) > 0 for v in wanted.values()):
        raise InputError(f"{url!r} came, expected nothing after ? but shards=NUMBER and replicas=NUMBER")
    with _storage(url):
        secure = parts.scheme == "qdrants"
        client = qdrant_client.QdrantClient(
            host=parts.hostname, port=parts.port or 6333, https=secure, api_key=os.environ.get(KEY) or None, timeout=60
        )
    return Cluster(client, name, layout, **{k: int(v) for k, v in wanted.items()})


@contextmanager
def _storage(place: str) -> Iterator[None]:
    try:
        yield
    except (StorageError, InputError, MissingError):
        raise
    except Exception as e:  # the client raises those of httpx, grpc and its own
        text = " ".join(str(e).split())
        if "already accessed by another instance" in text:
            raise CollectionBusy(f"{place}: another process has this collection open; wait for it or stop it") from None
        if type(e).__name__ == "ResponseHandlingException":
            raise StorageError(f"{place}: the Qdrant server cannot be reached ({text[:200]}); start it, or check the address") from None
        raise StorageError(f"{place}: the Qdrant server refused ({text[:300]})") from None


@final
class Cluster:
    """A collection of a Qdrant server with what a layout says of each point. `layout` None: that of the one which is there."""

    def __init__(
        self,
        client: qdrant_client.QdrantClient,
        name: str,
        layout: Layout | None = None,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> None:
        self._client, self._name = client, name
        with _storage(name):
            if not client.collection_exists(name):
                if layout is None:
                    raise MissingError(f"{name}: the Qdrant server has no such collection; copy one there with `hannun copy`")
                form.check_layout(layout)
                self._create(layout, shards, replicas)
            self.layout = self._stored_layout()
        if layout is not None and layout != self.layout:
            raise InputError(f"{name}: was made as {self.layout}, but {layout} came; give the collection another name")

    def _create(self, layout: Layout, shards: int | None, replicas: int | None) -> None:
        self._client.create_collection(
            self._name,
            vectors_config={n: models.VectorParams(**p) for n, p in vector_params(layout).items()},
            shard_number=shards,
            replication_factor=replicas,
            metadata={_NOTES: {"layout": asdict(layout)}},
        )
        for path in (form.WORDS, form.INITIALS):
            self._client.create_payload_index(
                self._name, path, models.TextIndexParams(type=models.TextIndexType.TEXT, scoring=True), wait=True
            )

    def _stored_layout(self) -> Layout:
        told = self._notes().get("layout")
        if not told:
            raise InputError(f"{self._name}: the Qdrant collection was not made by Hannun; give another name")
        return Layout(tuple(told["parts"]), tuple(told["dims"]), told["tokens"], told["quantise"], told["prefix"])

    def _notes(self) -> Json:
        metadata = self._client.get_collection(self._name).config.metadata or {}
        return dict(metadata.get(_NOTES) or {})

    def read_settings(self) -> Json | None:
        """The JSON that `write_settings` put beside the points."""
        with _storage(self._name):
            found = self._notes().get("settings")
        return None if found is None else json.loads(found)

    def write_settings(self, settings: Json) -> None:
        """Keep a small JSON object with the collection, in its metadata."""
        with _storage(self._name):
            # As text: the server merges nested metadata, and what is no longer told would stay.
            self._client.update_collection(self._name, metadata={_NOTES: {**self._notes(), "settings": json.dumps(settings)}})

    # ------------------------------------------------------------------------------------------------------------- writing

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace whole points."""
        rows = list({r["id"]: r for r in (form.point(p, self.layout) for p in points)}.values())
        with _storage(self._name):
            for some in _batches(rows):
                self._client.upsert(self._name, [models.PointStruct(**r) for r in some], wait=True)

    def update(self, points: Sequence[Point]) -> None:
        """Replace payloads and words; the vectors stay."""
        found = {str(r.id): r for r in self._retrieve([p.id for p in points], [form.OURS], False)}
        with _storage(self._name):
            for p in points:
                if stored := found.get(form.uid(p.id)):
                    known = form.known((stored.payload or {}).get(form.OURS) or {})
                    self._client.overwrite_payload(self._name, dict(form.payload(p, known)), points=[form.uid(p.id)], wait=True)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; unknown ids are no error."""
        with _storage(self._name):
            for some in _batches([form.uid(i) for i in ids]):
                self._client.delete(self._name, models.PointIdsList(points=list(some)), wait=True)

    def delete_where(self, where: Condition) -> int:
        """Remove the points a condition holds for."""
        there = self.count(where)
        with _storage(self._name):
            self._client.delete(self._name, models.FilterSelector(filter=_filter(where)), wait=True)
        return there

    # ------------------------------------------------------------------------------------------------------------- reading

    def get(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
        """Payloads by id."""
        rows = self._retrieve(ids, None if fields is None else ["id", *fields], False)
        return {r.payload["id"]: r.payload for r in rows if r.payload}

    def vectors(self, ids: Sequence[str]) -> dict[str, Mapping[str, Floats]]:
        """Vectors by id."""
        wanted = [*self.layout.parts, *([form.TOKENS] if self.layout.tokens else [])]
        rows = self._retrieve(ids, ["id"], wanted)
        return {r.payload["id"]: {n: np.asarray(v, np.float32) for n, v in (r.vector or {}).items()} for r in rows if r.payload}

    def shown(self, ids: Sequence[str], parts: Sequence[str]) -> dict[str, tuple[Mapping[str, Any], Mapping[str, Floats]]]:
        """Payloads and vectors by id."""
        rows = ((r.payload, r.vector or {}) for r in self._retrieve(ids, None, list(parts)))
        return {p["id"]: (p, {n: np.asarray(x, np.float32) for n, x in v.items()}) for p, v in rows if p}

    def points(self, ids: Sequence[str] | None = None) -> Iterator[Point]:
        """Whole points."""
        rows = self._pages(None, True, True) if ids is None else (r for some in _batches(ids) for r in self._retrieve(some, True, True))
        for r in rows:
            yield form.whole(r.payload or {}, r.vector or {}, self.layout)

    def _retrieve(self, ids: Sequence[str], fields: bool | list[str] | None, vectors: bool | list[str]) -> list[Any]:
        wanted = _but_ours() if fields is None else fields
        with _storage(self._name):
            return self._client.retrieve(self._name, [form.uid(i) for i in ids], with_payload=wanted, with_vectors=vectors)

    def query(self, request: Request) -> list[Match]:
        """Run a request."""
        return answer.matches(self, request, self._ask, self._orders)

    def _ask(self, query: Json) -> list[Match]:
        asked = request_of(query)
        with _storage(self._name):
            found = self._client.query_points(
                self._name,
                query=asked.query,
                using=asked.using,
                prefetch=asked.prefetch,
                query_filter=asked.filter,
                search_params=asked.params,
                limit=asked.limit,
                with_payload=asked.with_payload,
            ).points
        return [Match(float(p.score if p.order_value is None else p.order_value), p.payload or {}) for p in found]

    def _orders(self, field: str) -> bool:
        """See to it that the server can order by a fact: that takes an index of its numbers."""
        with _storage(self._name):
            self._client.create_payload_index(self._name, form.key(field), models.PayloadSchemaType.FLOAT, wait=True)
        return True

    def facets(self, field: str, where: Condition | None = None, limit: int = 100) -> list[tuple[Scalar, int]]:
        """Values of a fact and how many points have each."""
        with _storage(self._name):
            path = form.values(field)
            self._client.create_payload_index(self._name, path, models.PayloadSchemaType.KEYWORD, wait=True)
            condition = None if where is None else _filter(where)
            hits = self._client.facet(self._name, path, facet_filter=condition, limit=2 * limit, exact=True).hits
        return answer.values({str(h.value): h.count for h in hits}, limit)

    def scan(self, fields: Sequence[str], where: Condition | None = None) -> Iterator[Mapping[str, Any]]:
        """Every payload, page by page."""
        yield from (r.payload or {} for r in self._pages(None if where is None else _filter(where), list(fields), False))

    def _pages(self, where: Any, fields: bool | list[str], vectors: bool) -> Iterator[Any]:
        offset: Any = None
        while True:
            with _storage(self._name):
                rows, offset = self._client.scroll(
                    self._name, scroll_filter=where, limit=_PAGE, offset=offset, with_payload=fields, with_vectors=vectors
                )
            yield from rows
            if offset is None:
                return

    def count(self, where: Condition | None = None) -> int:
        """Exact count."""
        with _storage(self._name):
            return int(self._client.count(self._name, count_filter=None if where is None else _filter(where), exact=True).count)

    # -------------------------------------------------------------------------------------------------------------- upkeep

    def optimise(self) -> None:
        """Index the facts; the server builds its vector indexes by itself."""
        facts = [p.get("facts") or {} for p in islice(self.scan(["facts"]), _SAMPLE)]
        with _storage(self._name):
            for path in form.read(self.layout):
                self._client.create_payload_index(self._name, path, models.PayloadSchemaType.FLOAT, wait=True)
            for field in form.sampled(facts):
                self._client.create_payload_index(self._name, form.values(field), models.PayloadSchemaType.KEYWORD, wait=True)
                self._client.create_payload_index(self._name, form.key(field), models.PayloadSchemaType.FLOAT, wait=True)

    def check(self) -> list[Damage]:
        """A server looks after its own files."""
        return []

    def backup(self, target: Path) -> None:
        """Copy everything into an embedded store at `target`."""
        if target.exists():
            raise InputError(f"{target}: is there already, expected the name of a folder to be made")
        with whole_folder(target) as begun:
            store = Edge(begun, self.layout)
            source = self.points()
            while some := list(islice(source, _AT_ONCE)):
                store.upsert(some)
            store.close()

    def flush(self) -> None:
        """Every write has waited for the server's log already."""

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()


def vector_params(layout: Layout) -> dict[str, Json]:
    """The parameters of every vector, as the REST interface takes them; the embedded engine has the same."""
    quantised: dict[str, Json] = {
        "none": {},
        "int8": {"quantization_config": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}},
        "binary": {"quantization_config": {"binary": {"always_ram": True}}},
    }
    no_graph: Json = {"hnsw_config": {"m": 0}, "on_disk": True}
    params: dict[str, Json] = {}
    for name, size in form.names(layout).items():
        searched = not layout.prefix or name not in layout.parts
        rest = {**quantised[layout.quantise], **({} if layout.quantise == "none" else {"on_disk": True})} if searched else no_graph
        params[name] = {"size": size, "distance": "Dot", **rest}
    if layout.tokens:
        maxsim = {"multivector_config": {"comparator": "max_sim"}, "datatype": "float16"}
        params[form.TOKENS] = {"size": layout.tokens, "distance": "Dot", **maxsim, **no_graph}
    return params


def request_of(query: Json) -> Any:
    """The client's request for a compiled one."""
    return models.QueryRequest(**query)


def _filter(where: Condition) -> Any:
    return models.Filter(**form.condition(where))


def _but_ours() -> Any:
    return models.PayloadSelectorExclude(exclude=[form.OURS])


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
