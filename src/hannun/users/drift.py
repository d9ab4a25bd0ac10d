"""The users' vectors of two days go in; how far they have moved, and whether they are spread otherwise, comes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from hannun.embeddings import Floats, unit
from hannun.errors import InputError
from hannun.users.vectors import UserVectors

BINS = 10
SHIFTED = 0.2  # population stability index from which a distribution counts as another one, by common usage


@final
@dataclass(frozen=True)
class UserDrift:
    """What changed between two days.

    Attributes:
        both, new, gone: users.
        cosine: the 5th, 50th and 95th of a hundred of the cosines of users' two vectors.
        turned: the share of users whose cosine is below 0.8.
        centre: the cosine of the two mean vectors.
        stability: the largest population stability index along the eight main directions of the first day; over 0.2 is another population.
    """

    both: int
    new: int
    gone: int
    cosine: tuple[float, float, float]
    turned: float
    centre: float
    stability: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        low, middle, high = self.cosine
        verdict = "another population" if self.stability > SHIFTED else "the same population"
        return [
            f"{self.both:,} users on both days, {self.new:,} new, {self.gone:,} gone",
            f"cosine of the two vectors: {middle:.3f} in the middle, {low:.3f} … {high:.3f} for nine of ten; {self.turned:.1%} below 0.8",
            f"mean vector {self.centre:.3f}; stability index {self.stability:.3f}: {verdict}",
        ]


def drift(before: UserVectors, after: UserVectors) -> UserDrift:
    """Between two days. Raises InputError where another model made them, or no user is on both."""
    if before.version != after.version:
        told = f"the vectors are of models {before.version} and {after.version}, whose spaces have nothing in common"
        raise InputError(f"{told}; embed both days with one")
    place = {u: n for n, u in enumerate(before.users)}
    pairs = [(place[u], n) for n, u in enumerate(after.users) if u in place]
    if not pairs:
        raise InputError("no user is in both tables, expected some; are the ids of users written alike?")
    first, second = np.array(pairs).T
    cosines = (before.vectors[first] * after.vectors[second]).sum(1)
    means = unit(np.stack([before.vectors.mean(0), after.vectors.mean(0)]))
    low, middle, high = (float(q) for q in np.quantile(cosines, (0.05, 0.5, 0.95)))
    return UserDrift(
        both=len(pairs),
        new=len(after.users) - len(pairs),
        gone=len(before.users) - len(pairs),
        cosine=(low, middle, high),
        turned=float((cosines < 0.8).mean()),
        centre=float(means[0] @ means[1]),
        stability=_stability(before.vectors, after.vectors),
    )


def _stability(before: Floats, after: Floats) -> float:
    """The largest population stability index along the main directions of the first day: Σ (q − p) · ln(q / p) over tenths of p."""
    centre = before.mean(0)
    _, _, directions = np.linalg.svd(before - centre, full_matrices=False)
    return max((_index((before - centre) @ d, (after - centre) @ d) for d in directions[:8]), default=0.0)


def _index(p: npt.NDArray[np.floating], q: npt.NDArray[np.floating]) -> float:
    edges = np.quantile(p, np.linspace(0, 1, BINS + 1)[1:-1])
    a, b = (np.bincount(np.searchsorted(edges, x), minlength=BINS) + 0.5 for x in (p, q))
    a, b = a / a.sum(), b / b.sum()
    return float(((b - a) * np.log(b / a)).sum())
