"""Cosines of a query with an item and the encoder's calibration go in; how surely the two are related, 0…1, comes out.

The scores that rank hang on the options and on the collection. Relevance does not: it says how far the cosine stands above those of
things that have nothing to do with each other, which an encoder's calibration knows, and is the same wherever an item is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from hannun.encoder import JOINT, Calibration
from hannun.item import Image, Text, joined
from hannun.search import fuse

FITS = 0.5  # from here on a hit fits; for words, on drawn products, between the best hit of junk and that of titles (docs/search.md)
# Deviations above unrelated things at which relevance is one half, by the kind of the query: a picture is like very many pictures.
# Measured for these two kinds (docs/search.md); other kinds are judged as strictly as words until somebody measures them.
_HALF, _STRICT = {Text.kind: 3.0, Image.kind: 2.0}, 3.0
_STEEP = 1.5  # how fast it grows with deviations: 0.18 one below the half, 0.82 one above


#: How surely an item is related to a query, by the cosines of the query with its parts and by those of each two of these parts.
Judge = Callable[[Mapping[str, float], Mapping[str, float]], float | None]


def relevance(calibration: Calibration, shares: Mapping[str, float], weights: Mapping[str, float]) -> Judge:
    """How surely items are related to a query, 0…1, each told by its cosines: what hangs on the query alone is reckoned once.

    Args:
        calibration: of the encoder.
        shares: how much of the query is of each kind.
        weights: how much the parts of an item count.

    Returns:
        A function of the cosines of the query with an item's parts by kind, as far as it has them, and of the cosine of each two of
        these parts (`fuse.agreements`). It gives None where the encoder has no calibration, or one joint vector.
    """
    if JOINT in shares or not calibration.measured:
        return lambda cosines, agreement: None
    return _judge(calibration, tuple(shares.items()), tuple(weights.items()))


@lru_cache(maxsize=64)
def _judge(calibration: Calibration, mixed: tuple[tuple[str, float], ...], weighed: tuple[tuple[str, float], ...]) -> Judge:
    shares, weights = dict(mixed), dict(weighed)
    unrelated, one_above = (fuse.edges(calibration, shares, weights, tail) for tail in (0.0, 1.0))
    half = sum(_HALF.get(q, _STRICT) * s for q, s in shares.items())

    def judged(cosines: Mapping[str, float], agreement: Mapping[str, float]) -> float | None:
        counting = fuse.counted(cosines, weights)
        if not counting:
            return None
        kind = joined(counting)
        score = fuse.averaged(cosines, weights, agreement)
        deviations = (score - unrelated[kind]) / max(one_above[kind] - unrelated[kind], 1e-6)
        return 1 / (1 + math.exp(-_STEEP * max(min(deviations - half, 50.0), -50.0)))

    return judged
