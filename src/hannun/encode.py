"""Items go in, their vectors (or the reason why there are none) come out, chunk by chunk and in order.

Reading, hashing and decoding run ahead in threads while the encoder works; pictures are decoded at the scale the encoder
looks at, so that a folder of 12-megapixel photos costs memory for a few chunks of small ones.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, TypeVar, final

import numpy as np
import PIL.Image

from hannun.embeddings import Embeddings, Floats, concatenate, unit
from hannun.encoder import JOINT, Encoder
from hannun.errors import HannunError, InputError
from hannun.item import SOURCE, Content, Image, Item, Part, Problem, content_hash, plain_facts, require_content
from hannun.journal import Journal, digest

MIDDLE = 0.86  # of a picture's sides: what a careful look sees of its middle
CHUNK = 64  # items: large enough to fill a batch by modality, small enough that little is lost when killed

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Encoded:
    """An item with its vectors by kind (or JOINT, from an encoder that declares none), each float32 [dim].

    Beside these `vectors` has "pictures" [n, dim], one row for each, where an item of an encoder with part vectors has several, and
    "tokens" [length, token dim] where the encoder gives them. `digests` are the hashes of the pictures' bytes.
    """

    item: Item
    hash: str
    pictures: tuple[bytes | None, ...]
    vectors: Mapping[str, Floats]
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unchanged:
    """An item that the caller knows already, with the same content."""

    item: Item


Outcome = Encoded | Unchanged | Problem


@final
class Done(int):
    """How many more items are done: what progress is told. A number as any other; of these items `skipped` were there already, so that
    how long they took says nothing of how long the others will.
    """

    skipped: int

    def __new__(cls, done: int, skipped: int) -> Done:
        """`skipped` of `done` items."""
        made = super().__new__(cls, done)
        made.skipped = skipped
        return made

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Done:
        """A chunk as `encode` gives it."""
        return cls(len(outcomes), sum(isinstance(o, Unchanged) for o in outcomes))


@dataclass(frozen=True)
class _Read:
    item: Item
    hash: str
    former: str  # the hash as it was made before, with where the item was read in it
    pictures: tuple[bytes | None, ...]  # None for a picture that can be read again from where it lies
    digests: tuple[str, ...]
    ready: Item  # the same item with its bytes, later its decoded pictures


def encode(
    items: Iterable[Item | Problem],
    encoder: Encoder,
    known: Callable[[Sequence[tuple[str, str]]], set[str]] | None = None,
    careful: bool = False,
) -> Iterator[list[Outcome]]:
    """Encode items in chunks of CHUNK, in order; a Problem that comes in goes out unchanged.

    Args:
        items: with their pictures still on disk.
        encoder: gives the vectors.
        known: told the (id, hash) of a chunk, of an item that was read from a file also the hash that it had in earlier versions; returns
            the ids whose vectors need not be made again.
        careful: whether each picture is encoded by three looks, see `looks`.

    Yields:
        One list for each chunk, an outcome for each item. An item that cannot be read or encoded, for whatever reason, makes a
        Problem and stops nothing. Raises what `each` raises where the encoder is broken for everything.
    """
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2), thread_name_prefix="hannun-decode") as pool:

        def reading() -> Iterator[list[Future[_Read | Problem] | Problem]]:
            for chunk in _chunks(items, CHUNK):
                yield [it if isinstance(it, Problem) else pool.submit(_read, it) for it in chunk]

        def decoding() -> Iterator[list[Future[_Read | Problem] | Unchanged | Problem]]:
            for chunk in _ahead(reading(), 2):
                done = [r.result() if isinstance(r, Future) else r for r in chunk]
                pairs = [(r.item.id, h) for r in done if isinstance(r, _Read) for h in dict.fromkeys((r.hash, r.former))]
                skip = known(pairs) if known is not None and pairs else set()
                yield [
                    r if isinstance(r, Problem) else Unchanged(r.item) if r.item.id in skip else pool.submit(_decode, r, encoder.side)
                    for r in done
                ]

        for waiting in _ahead(decoding(), 1):
            settled = [w.result() if isinstance(w, Future) else w for w in waiting]
            ready = [r.ready for r in settled if isinstance(r, _Read)]
            made = iter(each(ready, lambda some: _finite(vectors(some, encoder, careful)), encoder))
            yield [_outcome(r, next(made)) if isinstance(r, _Read) else r for r in settled]


def each(items: Sequence[Item], make: Callable[[Sequence[Item]], Sequence[R]], encoder: Encoder) -> list[R | Problem]:
    """What `make` gives for each item; where it raises, halves are tried until what is at fault is alone, and becomes a Problem.

    An error other than InputError may be the encoder's own (its file is damaged, its service shuts down): one that cannot encode
    a plain word or a grey picture either is broken, and its error is raised, as HannunError. Storage and interrupts pass through.
    """
    if not items:
        return []
    try:
        return list(make(items))
    except Exception as e:
        if len(items) > 1:
            half = len(items) // 2
            return each(items[:half], make, encoder) + each(items[half:], make, encoder)
        if not isinstance(e, InputError):
            _require_working(encoder, items[0], e)
        return [_problem(items[0], e)]


def _finite(rows: list[dict[str, Floats]]) -> list[dict[str, Floats]]:
    if not all(np.isfinite(v).all() for row in rows for v in row.values()):
        raise InputError("the encoder gives a vector with NaN or infinite values, which cannot be compared with any other")
    return rows


def _require_working(encoder: Encoder, it: Item, error: Exception) -> None:
    """Raises the error where the encoder fails with the plainest content of the item's kinds too."""
    try:
        vectors([Item("-", tuple(p.plain(encoder.side) for p in it.parts))], encoder)
    except Exception:
        if isinstance(error, HannunError):
            raise error from None
        raise HannunError(
            f"{encoder.name}: encodes nothing, not even a plain word or picture ({_line(error)}); check the model and its files"
        ) from error


def looks(picture: Image, side: int) -> list[PIL.Image.Image]:
    """The picture, its mirror image, and its middle: the mean of their vectors finds it more surely than its own (docs/search.md)."""
    whole = picture.load(side)
    width, height = (round(MIDDLE * length) for length in whole.size)
    left, top = (whole.width - width) // 2, (whole.height - height) // 2
    middle = whole.crop((left, top, left + max(width, 1), top + max(height, 1)))
    return [whole, whole.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT), middle]


def _looked_at(pictures: Sequence[Image], encoder: Encoder) -> Floats:
    """Unit vectors [n, dim], each the mean of its looks; batches of CHUNK, so that few pictures are in memory."""
    rows = []
    for some in _chunks(pictures, CHUNK):
        every: list[Content] = [look for p in some for look in looks(p, encoder.side)]
        made = encoder.encode_document(every).dense
        rows.append(unit(made.reshape(len(some), -1, made.shape[1]).sum(axis=1)))
    return np.concatenate(rows)


def vectors(items: Sequence[Item], encoder: Encoder, careful: bool = False) -> list[dict[str, Floats]]:
    """The vectors of each item by kind, float32 [dim]; items must have content that the encoder reads. Several parts of a kind give
    their mean direction. `careful`: pictures are encoded by three looks, where the encoder gives them vectors of their own.

    Of items with several pictures each one's vector is there too, as "pictures" [n, dim]; and "tokens" where the encoder gives them.
    """
    if not items:
        return []
    if not encoder.kinds:
        made = encoder.encode_document(items)
        tokens = made.tokens or (None,) * len(made)
        return [{JOINT: v} if t is None else {JOINT: v, "tokens": t} for v, t in zip(made.dense, tokens, strict=True)]
    found: list[dict[str, Floats]] = [{} for _ in items]
    for it in items:
        require_content(it, encoder.kinds)
    for kind in encoder.kinds:
        pieces = [(n, piece) for n, it in enumerate(items) for piece in it.pieces(kind)]
        if not pieces:
            continue
        rows: dict[int, list[Floats]] = {}
        pictures = [p.images[0] for _, p in pieces] if careful and kind == Image.kind else []
        seen = _looked_at(pictures, encoder) if pictures else encoder.encode_document([p for _, p in pieces]).dense
        for (n, _), vector in zip(pieces, seen, strict=True):
            rows.setdefault(n, []).append(vector)
        for n, several in rows.items():
            found[n][kind] = unit(np.sum(several, axis=0))
            if len(several) > 1 and kind == Image.kind:
                found[n]["pictures"] = np.stack(several)
    return found


def embed(
    items: Sequence[Item],
    encoder: Encoder,
    role: Literal["query", "document"],
    problems: list[Problem],
    progress: Callable[[int], None],
    journal: Journal | None = None,
) -> tuple[Embeddings, list[Item]]:
    """One vector for each readable item [n, dim] (the average, for text with a picture), and those items.

    Items that cannot be read are appended to `problems`; `progress` is told how many items are done. What a `journal` has of equal
    contents in chunks of CHUNK, by an encoder of the same fingerprint, is neither decoded nor encoded again.
    """
    journal = journal or Journal()
    rows: list[Embeddings] = []
    kept: list[Item] = []
    with ThreadPoolExecutor(thread_name_prefix="hannun-decode") as pool:
        for chunk in _chunks(items, CHUNK):
            read = list(pool.map(_read, chunk))
            inputs = digest(encoder.fingerprint, role, *(r.hash if isinstance(r, _Read) else r.reason for r in read))
            kept_there = journal.has(inputs)
            made, reasons = _unpacked(journal.get(inputs, lambda read=read: _packed(*_embedded(read, encoder, role, pool))))  # type: ignore[misc]
            rows.append(made)
            kept += [it for it, reason in zip(chunk, reasons, strict=True) if reason is None]
            problems += [_problem(it, HannunError(r)) for it, r in zip(chunk, reasons, strict=True) if r is not None]
            progress(Done(len(chunk), len(chunk) if kept_there else 0))
    return concatenate(rows, encoder.dims[0]), kept


def _embedded(
    read: Sequence[_Read | Problem], encoder: Encoder, role: Literal["query", "document"], pool: ThreadPoolExecutor
) -> tuple[Embeddings, list[str | None]]:
    """The vectors of what can be encoded, and for each that came None, or why it cannot be."""

    def split(some: Sequence[Item]) -> list[Embeddings]:
        whole = encoder.encode_query(some) if role == "query" else encoder.encode_document(some)
        return [whole.take([n]) for n in range(len(whole))]

    decoded = list(pool.map(lambda r: _decode(r, encoder.side) if isinstance(r, _Read) else r, read))
    made = iter(each([d.ready for d in decoded if isinstance(d, _Read)], split, encoder))
    found = [next(made) if isinstance(d, _Read) else d for d in decoded]
    rows = [f for f in found if isinstance(f, Embeddings)]
    return concatenate(rows, encoder.dims[0]), [f.reason if isinstance(f, Problem) else None for f in found]


def _packed(made: Embeddings, reasons: Sequence[str | None]) -> bytes:
    vectors = io.BytesIO()
    made.write(vectors)
    return json.dumps(reasons).encode() + b"\n" + vectors.getvalue()


def _unpacked(data: bytes) -> tuple[Embeddings, list[str | None]]:
    reasons, _, vectors = data.partition(b"\n")
    return Embeddings.read(io.BytesIO(vectors)), json.loads(reasons)


def _loaded(it: Item, side: int) -> Item | Problem:
    try:
        require_content(it)
        return replace(it, parts=tuple(Image(p.load(side)) if isinstance(p, Image) else p for p in it.parts))
    except Exception as e:  # of one item: the others go on
        return _problem(it, e)


def _read(it: Item) -> _Read | Problem:
    try:
        require_content(it)
        parts: list[Part] = []
        kept: list[bytes | None] = []
        digests: list[str] = []
        for p in it.parts:
            if isinstance(p, Image):
                data = p.read()
                kept.append(data if isinstance(p.source, bytes | PIL.Image.Image) else None)
                digests.append(hashlib.blake2b(data, digest_size=16).hexdigest())
                p = Image(data)
            parts.append(p)
        told = plain_facts(it.facts)
        hash = content_hash(tuple(parts), _told(told))
        former = content_hash(tuple(parts), _told({**told, SOURCE: it.facts[SOURCE]})) if SOURCE in it.facts else hash
        return _Read(it, hash, former, tuple(kept), tuple(digests), replace(it, parts=tuple(parts)))
    except Exception as e:  # of one item: the others go on
        return _problem(it, e)


def _told(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True, default=str, ensure_ascii=False).encode()


def _decode(read: _Read, side: int) -> _Read | Problem:
    ready = _loaded(read.ready, side)
    return _problem(read.item, HannunError(ready.reason)) if isinstance(ready, Problem) else replace(read, ready=ready)


def _outcome(read: _Read, made: dict[str, Floats] | Problem) -> Encoded | Problem:
    if isinstance(made, Problem):
        return _problem(read.item, HannunError(made.reason))
    return Encoded(read.item, read.hash, read.pictures, made, read.digests)


def _problem(it: Item, error: Exception) -> Problem:
    # Bytes have no name of their own: the row's is what its owner knows.
    where = str(it.images[0]) if it.images and not isinstance(it.images[0].source, bytes | PIL.Image.Image) else it.id
    reason = _reason(error)
    if ": " in reason and reason.startswith(("picture of", where)):
        reason = reason.split(": ", 1)[1]
    return Problem(where, reason, it.id)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, HannunError) else f"cannot be encoded ({_line(error)})"


def _line(error: Exception) -> str:
    """A foreign error in one line, with its kind."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def _ahead(source: Iterator[T], depth: int) -> Iterator[T]:
    """The same things, with `depth` of them taken early: what they started in threads runs while the caller works."""
    waiting: deque[Any] = deque()
    for thing in source:
        waiting.append(thing)
        if len(waiting) > depth:
            yield waiting.popleft()
    yield from waiting
