"""A sample of a collection's own vectors and texts goes in; for each query, what its scores must be multiplied by to be fair, comes out.

A text is nearer to any text than a picture is, and the more so the narrower a collection: in one list the pictures would drown.
An encoder's calibration knows how far unrelated things spread, but not what is usual in this collection for this query. A sample
does: each kind of item (text, picture, both) is scaled so that its mean and three deviations, where what is related begins, come
to the same score. A kind that the sample has little of is judged by the calibration instead, at the height at which the others stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np

from hannun import hangul
from hannun.embeddings import Floats, unit
from hannun.facts import called, noted
from hannun.index.engine import Engine
from hannun.item import joined
from hannun.search.fuse import counted

LOOKED_AT, KEPT, FEWEST = 2000, 256, 30  # points of a sample, kept of each kind, and below which a kind is not judged alone
TAIL = 3.0  # deviations above the mean; of 1 … 8 the one that is fair to words and to pictures as queries, on a dev split (docs/search.md)


@dataclass(frozen=True, eq=False)
class Background:
    """A sample's vectors by the kinds that an item has: for each set of them a matrix [n, dim] of each kind, in their declared order.

    `letters`: how long the texts of the sample are on average, or the names of its pictures where nothing has a text.
    `scripts`: those that these names are written in; empty where there are texts.
    """

    rows: Mapping[tuple[str, ...], tuple[Floats, ...]]
    letters: float = 0.0
    scripts: frozenset[str] = frozenset()

    def answers(self, words: str) -> bool:
        """Whether words may be found here. Names of pictures (IMG_1234) hold none of a query in another script, which need not be read."""
        return self.letters > 0 and (not self.scripts or bool(self.scripts & _scripts(words)))

    def gains(self, query: Floats, weights: Mapping[str, float], usual: Mapping[str, float]) -> dict[str, float]:
        """Gains by kind for a unit query [dim], the largest of the kinds that are there 1.

        Args:
            usual: for each kind the score at which what is related begins, by the encoder's calibration (`fuse.edges`). A kind of which
                the sample has n < FEWEST items counts it for 1 − n/FEWEST, so that one item more or less never turns a ranking round.
        """
        scores = self._scores(query, weights)
        trust = {kind: min(1.0, len(s) / FEWEST) for kind, s in scores.items()}
        own = {kind: max(_above(s), 1e-3) for kind, s in scores.items()}
        # The calibration tells how the kinds stand to each other; how high they stand in this collection, the kinds that are judged tell.
        height = sum(trust[k] * own[k] for k in own) / max(sum(trust[k] * usual[k] for k in own), 1e-6) if own else 1.0
        edge = {k: trust.get(k, 0.0) * own.get(k, 0.0) + (1 - trust.get(k, 0.0)) * height * u for k, u in usual.items()}
        least = min(edge[k] for k in own or edge)  # kinds that are not here change no score
        return {kind: least / e for kind, e in edge.items()}

    def spread(self, query: Floats, weights: Mapping[str, float], gains: Mapping[str, float]) -> float:
        """The deviation of the sample's scores for a query, about the mean of each kind: what a difference of scores is measured by."""
        scores = self._scores(query, weights)
        about = [gains[kind] * (s - s.mean()) for kind, s in scores.items()]
        return float(np.concatenate(about).std()) if about else 0.0

    def _scores(self, query: Floats, weights: Mapping[str, float]) -> dict[str, Floats]:
        return {kind: rows @ query for kind, rows in _kinds(self, len(query), tuple(weights.items())).items()}


def _above(scores: Floats) -> float:
    """TAIL deviations above the mean of scores [n]: `mean` and `std` of NumPy take three times as long, and every search asks it."""
    mean = np.add.reduce(scores) / np.float32(len(scores))
    about = scores - mean
    return float(mean + TAIL * np.sqrt(np.add.reduce(about * about) / np.float32(len(scores))))


@lru_cache(maxsize=8)
def _kinds(sample: Background, dim: int, weighed: tuple[tuple[str, float], ...]) -> dict[str, Floats]:
    """The sample's unit rows by what counts of an item, as a query of `dim` values and these weights sees them; most queries share both."""
    weights = dict(weighed)
    rows: dict[str, list[Floats]] = {}
    for kinds, vectors in sample.rows.items():
        counting = counted(kinds, weights)
        heads = {kind: unit(x[:, :dim]) for kind, x in zip(kinds, vectors, strict=True) if kind in counting}
        if len(heads) == 1:
            rows.setdefault(counting[0], []).append(heads[counting[0]])
        elif heads:
            total = np.sum([weights[kind] * heads[kind] for kind in counting], axis=0)
            rows.setdefault(joined(counting), []).append(unit(total))
    return {kind: np.concatenate(r) for kind, r in rows.items()}


def sampled(engine: Engine) -> Background:
    """A sample of the engine's points. They come in the order of hashes of their ids: at random."""
    payloads = list(islice(engine.scan(["id", "text", "facts"]), LOOKED_AT))
    texts = [str(p["text"]) for p in payloads if p.get("text")]
    told = [] if texts else [p.get("facts") or {} for p in payloads]
    named = [words for t in told if (words := f"{called(t)}\n{noted(t)}".strip())]
    lengths = [len(t) for t in texts or named]
    found: dict[tuple[str, ...], list[tuple[Floats, ...]]] = {}
    for row in engine.vectors([str(p["id"]) for p in payloads]).values():
        there = tuple(p for p in engine.layout.parts if p in row)
        if there and len(kept := found.setdefault(there, [])) < KEPT:
            kept.append(tuple(row[p] for p in there))
    rows = {kinds: tuple(np.stack(x) for x in zip(*several, strict=True)) for kinds, several in found.items()}
    # Those of fewer kinds first, so that sums do not hang on which kind of item came first.
    ordered = dict(sorted(rows.items(), key=lambda r: len(r[0])))
    return Background(ordered, sum(lengths) / max(len(lengths), 1), frozenset().union(*map(_scripts, named)))


def _scripts(text: str) -> frozenset[str]:
    return frozenset("Hangul" if hangul.is_hangul(c) else "digits" if c.isdigit() else "letters" for c in text if c.isalnum())
