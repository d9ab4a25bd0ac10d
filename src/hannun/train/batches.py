"""Sources of different sizes go in; a reproducible stream of batches, each from one source, comes out.

Batch number i is a function of (seed, i) alone: a resumed run sees what the killed one would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def shares(sizes: Mapping[str, int], temperature: float, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """How often each source is drawn: size^(1 / temperature) × weight, scaled to sum to 1.

    Temperature 1 draws by size, a large one evenly (Arivazhagan et al. 2019, who use 5).
    """
    raw = {k: n ** (1 / temperature) * (weights or {}).get(k, 1.0) for k, n in sizes.items() if n}
    total = sum(raw.values())
    return {k: v / total for k, v in raw.items()}


def draw(step: int, seed: int, source_shares: Mapping[str, float]) -> tuple[str, np.random.Generator]:
    """The source of one step, and the generator that its batch should be drawn with."""
    rng = np.random.default_rng([seed, step])
    names = list(source_shares)
    return names[int(rng.choice(len(names), p=[source_shares[k] for k in names]))], rng


def distinct(candidates: Sequence[int], size: int, rng: np.random.Generator) -> Rows:
    """Up to `size` different candidates in random order."""
    pool = np.asarray(candidates, dtype=np.int64)
    return rng.choice(pool, size=min(size, len(pool)), replace=False)


def without_twins(rows: Rows, labels: Sequence[int] | npt.NDArray[np.int64]) -> Rows:
    """The rows, in order, without those whose label came before: no positive appears twice in a batch."""
    _, first = np.unique(np.asarray(labels)[: len(rows)], return_index=True)
    return rows[np.sort(first)]
