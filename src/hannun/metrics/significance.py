"""One figure for each query goes in; intervals, paired differences and adjusted p-values come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hannun.errors import InputError
from hannun.metrics import checks
from hannun.metrics.checks import Array, Ints


def bootstrap(
    values: npt.ArrayLike,
    *,
    statistic: Callable[[Array], float] | None = None,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> tuple[float, float]:
    """The percentile interval of a statistic of values [n] or rows [n, c] drawn again with replacement (Efron 1979).

    Args:
        values: one for each query; draw again what varies by itself (queries, not query–document pairs).
        statistic: of the drawn values; the mean when left out. Draws for which it is NaN (no order to correlate) are left out.
        level: how much of the drawn statistics the interval holds.
        rounds: how many times the list is drawn.
        seed: the same seed, the same interval.
        groups: [n] whole numbers: values of one group (the captions of one picture, the windows of one person) are drawn
            together, because they do not vary by themselves.

    Returns:
        The lower and the upper end.
    """
    x = checks.rows("values", values)
    found = [_statistic(x[draw], statistic) for draw in _draws(len(x), groups, level, rounds, seed)]
    return _interval(found, level)


def paired(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    statistic: Callable[[Array], float] | None = None,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
    swaps: int | None = None,
) -> tuple[float, float, float, float]:
    """How two systems differ on the same queries: difference, both ends of its paired bootstrap interval, and a p-value.

    The p-value is of the randomisation test (Noreen 1989; Smucker et al. 2007): the share of rounds in which swapping the two
    systems at random, query by query (group by group), makes a difference at least as large; 1 is added above and below.

    Args:
        first, second: [n] or [n, c], row i of both for query i.
        statistic, level, rounds, seed, groups: as for `bootstrap`.
        swaps: rounds of the randomisation test; no p-value is below 1 / (swaps + 1). As many as `rounds` when left out.
    """
    x, y = checks.rows("first", first), checks.rows("second", second)
    if x.shape != y.shape:
        raise InputError(f"values of shapes {x.shape} and {y.shape} came, expected the same queries from both systems")
    difference = _statistic(x, statistic) - _statistic(y, statistic)
    draws = _draws(len(x), groups, level, rounds, seed)
    low, high = _interval([_statistic(x[d], statistic) - _statistic(y[d], statistic) for d in draws], level)
    _, member = np.unique(np.arange(len(x)) if groups is None else np.asarray(groups), return_inverse=True)
    found = _swapped(x, y, member, statistic, swaps or rounds, np.random.default_rng([seed, 1]))
    extreme = int((np.abs(found) >= abs(difference) - 1e-12).sum())
    return difference, low, high, (1 + extreme) / (1 + len(found))


def holm(p: npt.ArrayLike) -> Array:
    """P-values [n] adjusted for being n at once (Holm 1979): keep those below the level and the chance of one false finding is below it."""
    x = checks.vector("p", p)
    order = np.argsort(x, kind="stable")
    stepped = np.maximum.accumulate(x[order] * np.arange(len(x), 0, -1))
    out = np.empty(len(x))
    out[order] = np.minimum(stepped, 1)
    return out


def _statistic(x: Array, statistic: Callable[[Array], float] | None) -> float:
    return float(x.mean()) if statistic is None else statistic(x)


def _draws(n: int, groups: npt.ArrayLike | None, level: float, rounds: int, seed: int) -> Iterator[Ints]:
    if not 0 < level < 1 or rounds < 1:
        raise InputError(f"level={level}, rounds={rounds} came, expected a level between 0 and 1 and at least one round")
    random = np.random.default_rng(seed)
    if groups is None:
        return (random.integers(n, size=n) for _ in range(rounds))
    g = np.asarray(groups)
    if g.shape != (n,):
        raise InputError(f"groups have shape {g.shape}, expected one for each of {n} values")
    _, member = np.unique(g, return_inverse=True)
    rows, sizes = np.argsort(member, kind="stable"), np.bincount(member)
    starts = sizes.cumsum() - sizes

    def drawn() -> Ints:
        chosen = random.integers(len(sizes), size=len(sizes))
        lengths = sizes[chosen]
        within = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
        return np.asarray(rows[np.repeat(starts[chosen], lengths) + within], dtype=np.int64)

    return (drawn() for _ in range(rounds))


def _swapped(
    x: Array, y: Array, member: Ints, statistic: Callable[[Array], float] | None, rounds: int, random: np.random.Generator
) -> Array:
    """The differences that come of swapping x and y at random, whole members together."""
    count = int(member.max()) + 1
    if statistic is None and x.ndim == 1:  # of means: a sign for each member's sum
        sums = np.bincount(member, weights=x - y)
        return np.concatenate(
            [(1 - 2 * random.integers(2, size=(min(500, rounds - k), count))) @ sums for k in range(0, rounds, 500)]
        ) / len(x)
    found = np.zeros(rounds)
    for k in range(rounds):
        swap = random.integers(2, size=count).astype(bool)[member].reshape(-1, *[1] * (x.ndim - 1))
        found[k] = _statistic(np.where(swap, y, x), statistic) - _statistic(np.where(swap, x, y), statistic)
    return found


def _interval(found: Sequence[float], level: float) -> tuple[float, float]:
    there = [v for v in found if not np.isnan(v)]
    if 2 * len(there) < len(found):
        raise InputError(f"{len(found) - len(there)} of {len(found)} draws have no such statistic, expected more or more varied values")
    low, high = np.quantile(there, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
