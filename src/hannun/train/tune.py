"""A user's pairs of words and pictures go in; mini's head for them, measured on a share that was held out, comes out. Needs no torch.

Two shares are held out: *new* products (some fifth of them, whole: nothing of them is trained on) and *more* pictures of products that are
trained on. Where the head is not surely better (the lower end of the interval of the difference above zero), there is no model.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from hannun import catalogue, metrics
from hannun.embeddings import Floats, unit
from hannun.encoder import Calibration
from hannun.errors import HannunError, InputError, PictureError
from hannun.files import write_whole
from hannun.item import Image, Pair
from hannun.journal import Journal, digest
from hannun.metrics.checks import Array
from hannun.mini.image import STATES, ImageTower
from hannun.mini.model import HERE, Mini
from hannun.mini.text import WIDTH
from hannun.mini.tuned import FORMAT, KIND, OWN, WEIGHTS, TunedHead
from hannun.train.heads import HeadSettings, Ints, Matched, centres, train

NEW, MORE, MOST = 10, 15, 33  # % of products, % of the pictures of the others; and of small collections up to so much of both
FEW = 20  # of how many products on any is held out whole
MANY = 4  # pictures of a product from which on some may be held out
LEAST = 20  # held-out pictures below which nothing is sure
SHARES = (0.3, 0.5, 0.7, 1.0)  # of the trained matrix that are tried: between the model as it was and as it was trained
EVEN = 0.01  # what a larger share must give more, in reciprocal rank, to be taken
BLOCK = 64  # pictures that are read before what was found is kept
LOSS = 0.02  # that the drawn catalogue may lose
Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class OwnPairs:
    """Different pictures and texts, which belong together [k, 2], each text's product, and pair number → pairs that only look right."""

    pictures: list[Image]
    keys: list[str]
    texts: list[str]
    pairs: Ints
    products: list[str]
    beside: Mapping[int, Ints]


@dataclass(frozen=True)
class TuneLine:
    """One line of the comparison: a reciprocal rank, or a hit, for each query, before and after."""

    name: str
    before: Array
    after: Array

    def difference(self) -> tuple[float, float, float]:
        """By how much it is better, and the paired 95 % interval."""
        return metrics.paired(self.after, self.before, swaps=1)[:3]

    def line(self) -> str:
        """For a terminal."""
        d, low, high = self.difference()
        return f"{self.name:44} {len(self.before):6}  {self.before.mean():.3f}  {self.after.mean():.3f}  {d:+.3f} [{low:+.3f}, {high:+.3f}]"


@dataclass(frozen=True, eq=False)
class Tuning:
    """What a tuning gave: the head, the lines of its comparison, whether it is kept, and why not."""

    head: TunedHead
    calibration: Calibration
    lines: list[TuneLine]
    kept: bool
    why: str


def own_pairs(pairs: Iterable[Pair], product: str = "") -> OwnPairs:
    """Pairs of words and a picture, each different one once; by `product`, a fact, or by their text products are told apart."""
    pictures: dict[str, Image] = {}
    texts: dict[str, str] = {}  # text → product
    found: dict[tuple[str, str], int] = {}
    shown: list[tuple[tuple[str, str], str]] = []
    for pair in pairs:
        text, seen = pair.query.text, pair.positive.images[:1]
        if not text or not seen:
            continue
        key = _digest(seen[0])
        if not key:
            continue
        pictures.setdefault(key, seen[0])
        named = str(pair.positive.facts.get(product) or pair.query.facts.get(product) or "") if product else ""
        texts.setdefault(text, named or text)
        found.setdefault((key, text), len(found))
        shown += [((key, text), mark) for n in pair.negatives if n.images and (mark := _digest(n.images[0]))]
    keys, said = list(pictures), list(texts)
    place, word = {k: n for n, k in enumerate(keys)}, {t: n for n, t in enumerate(said)}
    rows = np.array([(place[k], word[t]) for k, t in found], np.int64).reshape(-1, 2)
    of: dict[int, list[int]] = {}
    for n, (p, _) in enumerate(rows.tolist()):
        of.setdefault(p, []).append(n)
    beside: dict[int, list[int]] = {}
    for pair_key, negative in shown:
        beside.setdefault(found[pair_key], []).extend(of.get(place.get(negative, -1), []))
    return OwnPairs(
        list(pictures.values()), keys, said, rows, list(texts.values()), {n: np.array(v, np.int64) for n, v in beside.items() if v}
    )


def _digest(picture: Image) -> str:
    """The hash of a picture's bytes; empty where they cannot be read."""
    try:
        return picture.digest()
    except HannunError:
        return ""


def readable(own: OwnPairs, states: Floats) -> tuple[OwnPairs, Floats]:
    """The pictures that could be decoded, with their states and pairs. The others have states that are no numbers."""
    good = np.isfinite(states[:, 0])
    if good.all():
        return own, states
    place = np.cumsum(good) - 1
    kept = [n for n, (p, _) in enumerate(own.pairs.tolist()) if good[p]]
    number = {n: k for k, n in enumerate(kept)}
    pairs = np.array([(place[p], t) for p, t in own.pairs[kept].tolist()], np.int64).reshape(-1, 2)
    beside = {number[n]: np.array([number[m] for m in v.tolist() if m in number], np.int64) for n, v in own.beside.items() if n in number}
    chosen = np.flatnonzero(good).tolist()
    left = replace(own, pictures=[own.pictures[n] for n in chosen], keys=[own.keys[n] for n in chosen], pairs=pairs, beside=beside)
    return left, states[good]


def checked(own: OwnPairs) -> None:
    """Raises InputError for pairs from which nothing can be learnt, and says why."""
    if not len(own.pairs):
        raise InputError("no item has both words and a picture, and tuning brings the two together; add items with `text` and `image`")
    if len(own.texts) < 2:
        raise InputError(f"all {len(own.pictures)} pictures have one text ({own.texts[0][:40]!r}); there is nothing to tell apart")
    if len(own.pictures) < 4 * LEAST:
        raise InputError(f"{len(own.pictures)} different pictures with words came, expected {4 * LEAST} or more; add items")


def held_out(own: OwnPairs, salt: str = "") -> tuple[set[int], set[int]]:
    """The pictures of products that are new, and those that are more pictures of known ones, by the hash of what they are."""
    of: dict[int, set[str]] = {}
    for p, t in own.pairs.tolist():
        of.setdefault(p, set()).add(own.products[t])
    # A product's name is what a picture shares with the fewest others: a text that half of all have is no product.
    sizes: dict[str, int] = {}
    for products in of.values():
        for name in products:
            sizes[name] = sizes.get(name, 0) + 1
    product = {p: min(names, key=lambda n: (sizes[n], n)) for p, names in of.items()}
    counts: dict[str, int] = {}
    for name in product.values():
        counts[name] = counts.get(name, 0) + 1
    least = min(MOST, 150 * LEAST // len(own.pictures))
    whole = {n for n in counts if len(counts) >= FEW and _share(f"{salt}product {n}") < max(NEW, least)}
    new = {p for p, n in product.items() if n in whole}
    more = {p for p, n in product.items() if n not in whole and counts[n] >= MANY and _share(f"{salt}{own.keys[p]}") < max(MORE, least)}
    return new, more


def _share(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") % 100


def states_of(pictures: Sequence[Image], keys: Sequence[str], journal: Journal, tell: Tell, progress: Callable[[int], None]) -> Floats:
    """States [n, STATES] in half precision; what is read is kept, and after the first block it is told how long all take."""
    tower, found, mark = ImageTower(HERE, states=True), [], Mini().fingerprint
    begun = time.monotonic()
    for at in range(0, len(pictures), BLOCK):
        some = slice(at, at + BLOCK)

        def read(some: slice = some) -> bytes:
            try:
                return tower.states(pictures[some]).astype(np.float16).tobytes()
            except PictureError:
                return np.concatenate([_alone(tower, p) for p in pictures[some]]).astype(np.float16).tobytes()

        data = journal.get(digest("states", mark, *keys[some]), read)
        found.append(np.frombuffer(data, np.float16).reshape(len(keys[some]), -1))
        progress(len(keys[some]))
        if not at:
            seconds = (time.monotonic() - begun) * len(pictures) / len(keys[some])
            after = _minutes(40 + len(pictures) / 100)
            tell(f"about {_minutes(seconds)} to look at {len(pictures):,} pictures, then {after} to learn and measure")
    return np.concatenate(found)


def _alone(tower: ImageTower, picture: Image) -> Floats:
    """One picture's states; not numbers where it cannot be decoded."""
    try:
        return tower.states([picture])
    except PictureError:
        return np.full((1, STATES), np.nan, np.float32)


def _minutes(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


@dataclass(frozen=True, eq=False)
class KnownPairs:
    """What is known of a user's pairs before any training: states of pictures, vectors of texts asked for."""

    own: OwnPairs
    states: Floats
    texts: Floats

    def standardised(self, rows: Ints) -> TunedHead:
        """A head that changes nothing, whose scales and gate are those of these pictures."""
        x = self.states[rows].astype(np.float32)
        vectors = unit(x[:, :WIDTH])
        middles = centres(vectors, max(4, min(64, len(rows) // 20)))
        nearest = (vectors @ middles.T).max(axis=1)
        high = float(np.quantile(nearest, 0.05))
        near = np.array([high - 0.15, high], np.float32)
        spread = x.std(axis=0) + 1e-4
        return TunedHead(x.mean(axis=0), spread, np.zeros((x.shape[1], WIDTH), np.float32), middles, near)

    def trained(self, rows: set[int], settings: HeadSettings, watch: Callable[[int], None] | None = None) -> TunedHead:
        """A head that was trained on the pairs of these pictures."""
        at = np.array(sorted(rows), np.int64)
        head = self.standardised(at)
        place = {p: n for n, p in enumerate(at.tolist())}
        kept = [n for n, (p, _) in enumerate(self.own.pairs.tolist()) if p in place]
        number = {n: k for k, n in enumerate(kept)}
        pairs = np.array([(place[p], t) for p, t in self.own.pairs[kept].tolist()], np.int64).reshape(-1, 2)
        groups = np.unique(np.array(self.own.products), return_inverse=True)[1]
        beside = {number[n]: np.array([number[m] for m in v if m in number], np.int64) for n, v in self.own.beside.items() if n in number}
        x = self.states[at].astype(np.float32)
        data = Matched(unit(x[:, :WIDTH]), head.standard(x), self.texts, pairs, groups, {n: v for n, v in beside.items() if len(v)})
        return replace(head, matrix=train(data, settings, watch))

    def ranks(self, head: TunedHead, rows: set[int]) -> tuple[Ints, Ints]:
        """Of held-out pictures the rank of the first of their texts among all texts, and of their texts that of the first such picture."""
        at = sorted(rows)
        pictures = head.vectors(self.states[at].astype(np.float32))
        place = {p: n for n, p in enumerate(at)}
        mine = np.array([(place[p], t) for p, t in self.own.pairs.tolist() if p in place], np.int64).reshape(-1, 2)
        right = np.zeros((len(at), len(self.texts)), bool)
        right[mine[:, 0], mine[:, 1]] = True
        groups = np.unique(np.array(self.own.products), return_inverse=True)[1]
        same = np.zeros_like(right)
        np.logical_or.at(same, mine[:, 0], groups[None, :] == groups[mine[:, 1]][:, None])
        right |= same
        scores = pictures @ self.texts.T
        asked = np.unique(mine[:, 1])
        return _first(scores, right), _first(scores[:, asked].T, right[:, asked].T)


def _first(scores: Floats, right: Any) -> Ints:
    """The rank of the best right column of each row, ties counted against it."""
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(1 + ((scores >= best) & ~right).sum(axis=1), np.int64)


def tune(
    own: OwnPairs, work: Path | None, tell: Tell, progress: Callable[[int], None] = lambda n: None, settings: HeadSettings | None = None
) -> Tuning:
    """Train and measure. Killed and called again with the same `work`, it goes on where it was. Raises InputError (see `checked`)."""
    checked(own)
    settings, journal, mini = settings or HeadSettings(), Journal(work), Mini()
    count = len(own.pictures)
    own, states = readable(own, states_of(own.pictures, own.keys, journal, tell, progress))
    if len(own.pictures) < count:
        tell(f"{count - len(own.pictures)} of {count} pictures cannot be read and are left out; `hannun index` says which and why")
        checked(own)
    new, more = held_out(own)
    if len(new) + len(more) < LEAST:
        raise InputError(f"{len(new) + len(more)} pictures could be held out to measure on, expected {LEAST} or more; give more items")
    known = KnownPairs(own, states, mini.encode_query(own.texts).dense)
    rest = set(range(len(own.pictures))) - new - more
    mark = digest(mini.fingerprint, *own.keys, *own.texts, own.pairs.tobytes(), repr(settings), repr(sorted(own.beside)))
    again = _within(own, rest)
    many = f"learning from {len(rest):,} pictures and {len(own.texts):,} texts"
    tell(f"{many}; held out: {len(new)} of new products, {len(more)} more of known ones")
    inner = _kept(journal, digest("inner", mark), lambda: known.trained(rest - again, settings))
    figures = [float(np.mean([(1 / r).mean() for r in known.ranks(_weaker(inner, s), again)])) for s in SHARES]
    share = next(s for s, f in zip(SHARES, figures, strict=True) if f >= max(figures) - EVEN)
    head = _weaker(_kept(journal, digest("whole", mark), lambda: known.trained(rest, settings)), share)
    lines = compared(known, head, new, more)
    lines.append(_remembered(head, mini))
    kept, why = verdict(lines)
    return Tuning(head, calibration(known, head, sorted(new | more)), lines, kept, why)


def _within(own: OwnPairs, rest: set[int]) -> set[int]:
    """A share of the training pictures to choose by."""
    new, more = held_out(own, "within ")
    chosen = (new | more) & rest
    return chosen if len(chosen) >= 4 else set(sorted(rest)[:: max(2, len(rest) // 10)])


def _weaker(head: TunedHead, share: float) -> TunedHead:
    """A share of what the head adds (Wortsman et al. 2022, arXiv:2109.01903)."""
    return replace(head, matrix=head.matrix * np.float32(share))


def _kept(journal: Journal, key: str, make: Callable[[], TunedHead]) -> TunedHead:
    def written() -> bytes:
        out = io.BytesIO()
        np.savez(out, **make().arrays())
        return out.getvalue()

    with np.load(io.BytesIO(journal.get(key, written)), allow_pickle=False) as arrays:
        return TunedHead.of(arrays)


def compared(known: KnownPairs, head: TunedHead, new: set[int], more: set[int]) -> list[TuneLine]:
    """Before and after on what was held out: how often the right one is first, and its reciprocal rank."""
    start, lines = _weaker(head, 0.0), []
    for name, rows in (("new products", new), ("more pictures", more)):
        if len(rows) < 2:
            continue
        before, after = known.ranks(start, rows), known.ranks(head, rows)
        for way, b, a in zip(("pictures → words", "words → pictures"), before, after, strict=True):
            lines.append(TuneLine(f"{name}, {way}, MRR", 1 / b.astype(np.float64), 1 / a.astype(np.float64)))
            lines.append(TuneLine(f"{name}, {way}, among the first 5", (b <= 5).astype(np.float64), (a <= 5).astype(np.float64)))
    return lines


def _remembered(head: TunedHead, mini: Mini) -> TuneLine:
    """What mini knew: pictures of the drawn catalogue by their Korean titles."""
    entries = [e for e in catalogue.entries() if e.split == "test" and e.category != "문서"][::2]
    states = ImageTower(HERE, states=True).states([Image(e.picture()) for e in entries])
    titles = mini.encode_query([e.title for e in entries]).dense
    right = np.array([[a.title == b.title for b in entries] for a in entries])
    before, after = (_first(titles @ v.T, right) for v in (unit(states[:, :WIDTH]), head.vectors(states)))
    return TuneLine("what it knew: drawn catalogue, titles, MRR", 1 / before.astype(np.float64), 1 / after.astype(np.float64))


def verdict(lines: Sequence[TuneLine]) -> tuple[bool, str]:
    """Whether a head is surely better on what was held out and has not lost what it knew; why not."""
    told = [m for m in lines if m.name.endswith("MRR")]
    *held, old = told
    pooled = TuneLine("", np.concatenate([m.before for m in held]), np.concatenate([m.after for m in held]))
    d, low, high = pooled.difference()
    if low <= 0:
        return False, f"on what was held out it is not surely better ({d:+.3f} [{low:+.3f}, {high:+.3f}])"
    worse = [m.name for m in held if m.difference()[2] < 0]
    if worse:
        return False, f"it is worse on {worse[0].removesuffix(', MRR')}"
    d, low, high = old.difference()
    if d < -LOSS and high < 0:
        return False, f"it forgot what it knew ({d:+.3f} [{low:+.3f}, {high:+.3f}] on the drawn catalogue)"
    d, low, high = pooled.difference()
    return True, f"{d:+.3f} [{low:+.3f}, {high:+.3f}] in reciprocal rank on what was held out"


def calibration(known: KnownPairs, head: TunedHead, rows: Sequence[int]) -> Calibration:
    """The background of the tuned cosines: of pictures anew, of texts among themselves mini's."""
    was = Mini().calibration
    at = list(rows)[:600]
    pictures, texts = head.vectors(known.states[at].astype(np.float32)), known.texts[:600]
    own = {(p, t) for p, t in known.own.pairs.tolist()}
    cosines = pictures @ texts.T
    mine = np.array([[(p, t) in own for t in range(len(texts))] for p in at])
    others, among = cosines[~mine], (pictures @ pictures.T)[~np.eye(len(at), dtype=bool)]
    background = {
        "text": {"text": was.about("text", "text"), "image": _spread(others)},
        "image": {"text": _spread(others), "image": _spread(among)},
    }
    agree = float(cosines[mine].mean()) if mine.any() else was.agrees("text+image")
    return Calibration(background, agree)


def _spread(values: Floats) -> tuple[float, float]:
    return (round(float(values.mean()), 5), round(float(values.std()), 5)) if len(values) else (0.0, 1.0)


def write(outcome: Tuning, folder: Path, about: Mapping[str, Any]) -> None:
    """The folder that `hannun.load` opens; hannun.json is written last. Raises StorageError."""
    out = io.BytesIO()
    np.savez(out, **outcome.head.arrays())
    data = out.getvalue()
    facts = {
        "format": FORMAT,
        "kind": KIND,
        "mini": Mini().fingerprint,
        "weights": blake2b(data, digest_size=16).hexdigest(),
        "calibration": outcome.calibration.to_json(),
        "measured": [
            {"name": m.name, "n": len(m.before), "before": float(m.before.mean()), "after": float(m.after.mean())} for m in outcome.lines
        ],
        **about,
    }
    write_whole(folder / WEIGHTS, data)
    write_whole(folder / OWN, (json.dumps(facts, ensure_ascii=False, indent=1) + "\n").encode())
