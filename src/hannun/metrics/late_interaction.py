"""Token vectors of a query and of candidates go in, late-interaction scores come out: MaxSim (Khattab & Zaharia 2020), in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def maxsim(query: Floats, documents: Sequence[Floats]) -> Floats:
    """For each document the mean, over the query's tokens, of the nearest of its tokens: float32 [documents].

    Args:
        query: unit rows [tokens, dim].
        documents: unit rows [tokens_i, dim] each; one without tokens scores -1, below everything.

    The mean, not the sum, so that a score stays a cosine whatever the length of the query.
    """
    lengths = [len(d) for d in documents]
    scores = np.full(len(documents), -1.0, np.float32)
    if not sum(lengths) or not len(query):
        return scores
    near = query @ np.concatenate([d for d in documents if len(d)]).T  # [query tokens, all tokens]: one product, then a cut
    filled = np.flatnonzero(lengths)
    starts = np.concatenate([[0], np.cumsum([lengths[i] for i in filled])[:-1]])
    scores[filled] = np.maximum.reduceat(near, starts, axis=1).mean(axis=0)
    return scores
