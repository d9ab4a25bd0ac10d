"""A user's pairs go in; those to train on and those to measure on come out, kept apart by product, query and picture.

What was found on the way (twins, leakage, one class) is told. Facts of few values become sentences of their own ("이 상품의 [소재]는
[린넨]입니다"), whose right pictures are all that share the value: these are no negatives of each other (`Contrast.also`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from hannun.embeddings import Floats
from hannun.encoder import Encoder
from hannun.errors import HannunError, InputError
from hannun.generated import is_generated
from hannun.item import Content, Item, Pair, Text
from hannun.metrics.checks import Array
from hannun.train.pairs import label

SHARE = 10  # % of the products that are held out
MOST = 1000  # pairs that are held out at most
LEAST = 8  # pairs that a measurement needs
FEW, LONG, SEVERAL = 50, 30, 3  # values of a fact that is an attribute, their characters, and how often each stands on average
ATTRIBUTES = "attributes"  # the source of sentences made of facts


@dataclass(frozen=True)
class OwnData:
    """Training pairs, pairs to measure on, the facts whose equal values are no negatives, and lines that tell what was found."""

    train: tuple[Pair, ...]
    dev: tuple[Pair, ...]
    also: tuple[str, ...]
    said: tuple[str, ...]
    product: str = ""


def apart(pairs: Sequence[Pair], dev: Sequence[Pair] = (), product: str = "", sentence: Callable[[str, str], str] | None = None) -> OwnData:
    """Training and development pairs.

    Args:
        pairs: all that is given for training.
        dev: what is measured on; where none is given a share of the pairs is held out, whole products and queries.
        product: a fact whose equal values make one product.
        sentence: (name, value) of a fact → a sentence about the picture; None makes none.

    Raises:
        InputError: there is nothing to contrast: fewer than two different queries, or answers.
    """
    said: list[str] = []
    marks = _Marks(product)
    given = _once(pairs, marks, said)
    made = [is_generated(p.query) or is_generated(p.positive) for p in given]
    drawn, real = ([p for p, m in zip(given, made, strict=True) if m == wanted] for wanted in (True, False))
    if dev:
        measured = [p for p in dev if not is_generated(p.query) and not is_generated(p.positive)]
        if len(measured) < len(dev):
            said.append(f"{len(dev) - len(measured)} dev pairs have a generated picture, and are not measured on")
        kept = _without_leaks(given, measured, marks, said)
    else:
        kept, measured = _held_out(real, marks, said)
        kept += _without_leaks(drawn, measured, marks, said) if drawn else []
    _contrastable(kept)
    also: tuple[str, ...] = ()
    if sentence is not None:
        names = attributes([p.positive for p in kept])
        more = list(_described(kept, names, sentence))
        if more:
            plain = [replace(p, query=replace(p.query, facts={k: v for k, v in p.query.facts.items() if k not in names})) for p in kept]
            also, kept = tuple(names), [*plain, *more]  # a title asks for one thing, a sentence for all that share its value
            said.append(f"{len(more)} sentences of the facts {', '.join(names)}")
    return OwnData(tuple(kept), tuple(measured[:MOST]), also, tuple(said), product)


def retrieval(embed: Callable[[Sequence[Item], str], Floats], pairs: Sequence[Pair]) -> dict[str, Array]:
    """Of queries whether one of their answers is found among all answers, and the other way: R@1, R@5 and the reciprocal rank.

    `embed` makes unit rows [n, dim] of items for the role "query" or "document". Ties count against the right one.
    """
    if not pairs:
        return {}
    queries, answers = {label(p.query): p.query for p in pairs}, {label(p.positive): p.positive for p in pairs}
    q, a = embed(list(queries.values()), "query"), embed(list(answers.values()), "document")
    row, column = {k: n for n, k in enumerate(queries)}, {k: n for n, k in enumerate(answers)}
    right = np.zeros((len(row), len(column)), bool)
    for p in pairs:
        right[row[label(p.query)], column[label(p.positive)]] = True
    out: dict[str, Array] = {}
    for name, scores, true in (("query → answer", q @ a.T, right), ("answer → query", a @ q.T, right.T)):
        best = np.where(true, scores, -np.inf).max(axis=1, keepdims=True)
        rank = 1 + ((scores >= best) & ~true).sum(axis=1)
        out |= {f"{name}, R@1": (rank <= 1) * 1.0, f"{name}, R@5": (rank <= 5) * 1.0, f"{name}, MRR": 1 / rank}
    return out


def embedding(encoder: Encoder, dim: int | None = None) -> Callable[[Sequence[Item], str], Floats]:
    """An encoder as `retrieval` takes it; `dim` truncates. Raises InputError for one that is none of its dims."""

    def embed(items: Sequence[Item], role: str) -> Floats:
        contents: list[Content] = list(items)
        made = encoder.encode_query(contents) if role == "query" else encoder.encode_document(contents)
        return (made.truncate(dim) if dim else made).dense

    return embed


class _Marks:
    """What tells that two pairs are of one thing: query, answer by its content, product."""

    def __init__(self, product: str) -> None:
        self._product, self._seen = product, dict[str, str]()

    def answer(self, it: Item) -> str:
        """A mark of an item's content: the bytes of its pictures, wherever they lie; what cannot be read is told by its place."""
        place = label(it)
        if place not in self._seen:
            try:
                content = it.images[0].digest() if it.images else (it.text or "")
            except HannunError:
                content = place
            self._seen[place] = content
        return self._seen[place]

    def of(self, pair: Pair) -> tuple[str, ...]:
        """Every mark of a pair."""
        named = pair.positive.facts.get(self._product) if self._product else None
        found = [f"q{self.query(pair)}", f"a{self.answer(pair.positive)}"]
        return (*found, f"p{named}") if named is not None else tuple(found)

    def query(self, pair: Pair) -> str:
        """A query's mark."""
        return self.answer(pair.query) if pair.query.images else " ".join((pair.query.text or "").lower().split())


def _once(pairs: Sequence[Pair], marks: _Marks, said: list[str]) -> list[Pair]:
    """Each different pair once."""
    found: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        found.setdefault((marks.query(pair), marks.answer(pair.positive)), pair)
    if len(found) < len(pairs):
        said.append(f"{len(pairs) - len(found)} of {len(pairs)} pairs are there twice, with the same answer; each is taken once")
    return list(found.values())


def _without_leaks(pairs: Sequence[Pair], dev: Sequence[Pair], marks: _Marks, said: list[str]) -> list[Pair]:
    """The pairs without those whose answer, or query and product, is measured on. Says how many there were."""
    answers = {marks.answer(p.positive) for p in dev}
    products = {m for p in dev for m in marks.of(p) if m.startswith("p")}
    queries = {marks.query(p) for p in dev}
    kept = [p for p in pairs if marks.answer(p.positive) not in answers and not products & set(marks.of(p))]
    if len(kept) < len(pairs):
        said.append(f"leakage: {len(pairs) - len(kept)} training pairs have an answer or product of the dev pairs, and are left out")
    shared = sum(marks.query(p) in queries for p in kept)
    if shared:
        said.append(f"leakage: {shared} training pairs have a query of the dev pairs; the dev figures are of known queries")
    return kept


def _held_out(pairs: Sequence[Pair], marks: _Marks, said: list[str]) -> tuple[list[Pair], list[Pair]]:
    """A share of the pairs, and the rest: what shares a query, an answer or a product is on one side."""
    root = _joined([marks.of(p) for p in pairs])
    sizes = Counter(root)
    if sizes and max(sizes.values()) > len(pairs) / 2:
        many = f"{max(sizes.values())} of {len(pairs)} pairs hang together by queries or answers"
        said.append(f"{many}; only answers are held out, and their queries are known")
        root = _joined([(f"a{marks.answer(p.positive)}",) for p in pairs])
    order = sorted(set(root), key=lambda r: blake2b(r.encode(), digest_size=8).digest())
    count, chosen = Counter(root), set[str]()
    wanted = min(MOST, max(LEAST, len(pairs) * SHARE // 100))
    while order and sum(count[r] for r in chosen) < wanted and len(order) > 2:
        chosen.add(order.pop())
    return [p for p, r in zip(pairs, root, strict=True) if r not in chosen], [p for p, r in zip(pairs, root, strict=True) if r in chosen]


def _joined(marks: Sequence[tuple[str, ...]]) -> list[str]:
    """For each list of marks the least mark of all that it hangs together with."""
    over: dict[str, str] = {}

    def top(mark: str) -> str:
        while over.setdefault(mark, mark) != mark:
            over[mark] = over[over[mark]]
            mark = over[mark]
        return mark

    for first, *others in marks:
        for other in others:
            a, b = sorted((top(first), top(other)))
            over[b] = a
    return [top(m[0]) for m in marks]


def _contrastable(pairs: Sequence[Pair]) -> None:
    if not pairs:
        raise InputError("no pair is left to train on; give more pairs, or other ones with --dev")
    queries, answers = {label(p.query) for p in pairs}, {label(p.positive) for p in pairs}
    for what, found in (("query", queries), ("answer", answers)):
        if len(found) < 2:
            raise InputError(f"all {len(pairs)} pairs have one {what}: nothing to tell it from; give pairs of other kinds too")


def attributes(items: Iterable[Item]) -> list[str]:
    """The facts of few short values that many items share: what a thing is like, not what it is."""
    values: dict[str, Counter[str]] = {}
    for it in items:
        for name, value in it.facts.items():
            if isinstance(value, str) and value.strip() and len(value) <= LONG:
                values.setdefault(name, Counter())[value.strip()] += 1
    return sorted(n for n, c in values.items() if 2 <= len(c) <= FEW and sum(c.values()) >= SEVERAL * len(c))


def _described(pairs: Sequence[Pair], names: Sequence[str], sentence: Callable[[str, str], str]) -> Iterable[Pair]:
    """One sentence for each attribute of each picture."""
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        facts: Mapping[str, object] = pair.positive.facts
        for name in names:
            value = str(facts.get(name) or "").strip()
            if value and pair.positive.images and (key := (label(pair.positive), name)) not in seen:
                seen.add(key)
                asked = Item(f"{pair.positive.id}/{name}", (Text(sentence(name, value)),), {name: value})
                yield replace(pair, query=asked, negatives=(), source=ATTRIBUTES)
