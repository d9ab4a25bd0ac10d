"""What a user asks (words, pictures, items, things to avoid) goes in; an Asked, and its unit query vector, come out.

Words that follow a minus are to be avoided: `원피스 -줄무늬`, `셔츠 -"꽃 무늬"`; `\\-줄무늬` is a plain minus.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hannun.embeddings import Floats, unit
from hannun.encoder import JOINT, Encoder
from hannun.errors import InputError, MissingError
from hannun.index.engine import Engine
from hannun.item import KINDS, Content, Item, Part, Text, item, require_content, type_names
from hannun.search import fuse

_AVOID = re.compile(r"""(?:^|(?<=\s))[-−–](?:"([^"]+)"|“([^”]+)”|([^\W\d_][^\s"“”]*))""")
_WRITTEN = re.compile(r"""(?:^|(?<=\s))\\(?=[-−–])""")
_LONGEST = 200  # characters; in longer texts a dash is punctuation


@dataclass(frozen=True)
class Known:
    """An item of the collection, named by its id."""

    id: str


Wanted = Item | Known
Example = Content | Known


@dataclass(frozen=True)
class Asked:
    """The query's own content (None: only examples), examples of what is wanted, and of what is not."""

    own: Item | None
    like: tuple[Wanted, ...] = ()
    unlike: tuple[Wanted, ...] = ()

    @property
    def words(self) -> str:
        """The query's own words, for ranking by words; empty where it has none."""
        return (self.own.text or "") if self.own is not None else ""

    @property
    def avoided(self) -> str:
        """The words of what is not wanted."""
        return " ".join(w.text for w in self.unlike if isinstance(w, Item) and w.text)

    @property
    def named(self) -> tuple[str, ...]:
        """The ids of the examples: a search for more like them leaves them out."""
        return tuple(w.id for w in (*self.like, *self.unlike) if isinstance(w, Known))


def asked(query: Content | None, like: Iterable[Example] = (), unlike: Iterable[Example] = ()) -> Asked:
    """What is asked. Raises InputError for an empty query, unless there are examples to go by."""
    wanted, unwanted = examples("like", like), examples("unlike", unlike)
    if query is None:
        if not wanted:
            raise InputError("no query came, expected words, a picture, or examples in `like`")
        return Asked(None, wanted, unwanted)
    own = item(query, id="query")
    if own.text and len(own.text) <= _LONGEST:
        own, avoided = _avoided(own)
        unwanted += avoided
        if avoided and not own.parts:
            if not wanted:
                raise InputError(f"{item(query, id='query').text!r} came: only words to avoid; write what to look for before them")
            return Asked(None, wanted, unwanted)
    if not own.parts and wanted:
        return Asked(None, wanted, unwanted)
    return Asked(require_content(own), wanted, unwanted)


def examples(name: str, given: Iterable[Example]) -> tuple[Wanted, ...]:
    """Contents, {"id": …} for items of the collection, and Known, as they came."""
    if isinstance(given, str | bytes | Mapping):
        raise InputError(f"{name} is a single {type(given).__name__}, expected a list; write {name}=[…]")
    found: list[Wanted] = []
    for one in given:
        match one:
            case Known():
                found.append(one)
            case Mapping() if "id" in one and not KINDS.keys() & one.keys():
                found.append(Known(_id(name, one["id"])))
            case _:
                try:
                    found.append(require_content(item(one, id=f"{name}-{len(found)}")))
                except InputError as e:
                    if isinstance(one, str | bytes | Mapping | Item) or str(e).split(" came")[0] != type(one).__name__:
                        raise
                    raise InputError(f'{type(one).__name__} came in {name}, expected {type_names}, or {{"id": …}}') from None
    return tuple(found)


def _id(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"an id in {name} is a {type(value).__name__}, expected a str or an int")
    return str(value)


def _avoided(own: Item) -> tuple[Item, tuple[Wanted, ...]]:
    parts: list[Part] = []
    avoided: list[Wanted] = []
    for part in own.parts:
        if not isinstance(part, Text):
            parts.append(part)
            continue
        for found in _AVOID.finditer(part.value):
            words = next(g for g in found.groups() if g)
            avoided.append(item(words, id=f"unlike-{words}"))
        left = " ".join(_WRITTEN.sub("", _AVOID.sub(" ", part.value)).split())
        if left:
            parts.append(Text(left))
    return Item(own.id, tuple(parts), own.facts), tuple(avoided)


def needs(query: Asked, encoder: Encoder, mix: float = 0.5) -> list[Item]:
    """Every content that a search gives the encoder to make its query's vector, so that these vectors can be made beforehand."""
    found: list[Item] = []
    for content in (query.own, *query.like, *query.unlike):
        if isinstance(content, Item):
            shares = _shares(content, encoder, mix if content is query.own else 0.5)
            found += itertools.chain.from_iterable(_pieces(content, shares).values())
    return found


def _pieces(content: Item, shares: Mapping[str, float]) -> dict[str, Sequence[Item]]:
    """What is encoded alone, by kind where it counts; the whole where an encoder reads it in one sequence."""
    return {kind: [content] if kind == JOINT else content.pieces(kind) for kind, share in shares.items() if share}


def _shares(content: Item, encoder: Encoder, mix: float) -> dict[str, float]:
    """How much a content's own words count (`mix`, beside other kinds) and each other kind of it. Raises InputError where none is read."""
    if not encoder.kinds:
        return {JOINT: 1.0}
    there = [k for k in encoder.kinds if content.pieces(k)]
    require_content(content, encoder.kinds)
    others = [k for k in there if k != Text.kind]
    mixed = bool(others) and len(others) < len(there)
    return {k: 1 / len(there) if not mixed else mix if k == Text.kind else (1 - mix) / len(others) for k in there}


@dataclass(frozen=True)
class Pointed:
    """A unit query vector [dim], and how much of it is of each kind (they sum to 1)."""

    vector: Floats
    shares: Mapping[str, float]


def pointed(engine: Engine, encoder: Encoder, it: Asked, mix: float, weights: Mapping[str, float], dim: int) -> Pointed:
    """The query vector: the mean of the query's own content and of the examples' mean, turned away from what is not wanted."""
    wanted: list[Pointed] = []
    if it.own is not None:
        wanted.append(_encoded(encoder, it.own, mix))
    stored = engine.vectors(it.named) if it.named else {}
    likes = [_pointed(encoder, w, stored, weights) for w in it.like]
    if likes:
        wanted.append(Pointed(unit(np.sum([x.vector for x in likes], axis=0)), _mean([x.shares for x in likes])))
    unwanted = [_pointed(encoder, w, stored, weights).vector for w in it.unlike]
    vector = fuse.towards([unit(w.vector[:dim]) for w in wanted], [unit(v[:dim]) for v in unwanted])
    return Pointed(vector, _mean([w.shares for w in wanted]))


def _pointed(encoder: Encoder, wanted: Wanted, stored: Mapping[str, Mapping[str, Floats]], weights: Mapping[str, float]) -> Pointed:
    if isinstance(wanted, Item):
        return _encoded(encoder, wanted, 0.5)
    if wanted.id not in stored:
        raise MissingError(f"the collection has no item {wanted.id!r}; see `hannun search` for ids")
    vectors = {p: stored[wanted.id][p] for p in weights if p in stored[wanted.id]}
    counting = {p: v for p, v in vectors.items() if weights[p] > 0} or vectors
    share = {p: weights[p] or 1.0 for p in counting}
    total = sum(share.values())
    return Pointed(unit(np.sum([share[p] * v for p, v in counting.items()], axis=0)), {p: s / total for p, s in share.items()})


def _encoded(encoder: Encoder, asked: Item, mix: float) -> Pointed:
    """The weighted mean of the content's parts by kind; of a joint encoder its one vector."""
    shares = _shares(asked, encoder, mix)
    total = np.zeros(encoder.dims[0], dtype=np.float32)
    for kind, pieces in _pieces(asked, shares).items():
        made = encoder.encode_query(pieces).dense
        total += shares[kind] * unit(made[0] if len(made) == 1 else made.mean(axis=0))
    return Pointed(unit(total), shares)


def _mean(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {n for s in shares for n in s}
    return {n: sum(s.get(n, 0.0) for s in shares) / len(shares) for n in names}
