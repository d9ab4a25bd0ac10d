"""Cosines of a query with an item and the encoder's calibration go in; how surely the two are related, 0…1, comes out.

The scores that rank hang on the options and on the collection. Relevance does not: it says how far the cosine stands above those of
things that have nothing to do with each other, which an encoder's calibration knows, and is the same wherever an item is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from hannun.encoder import JOINT, Calibration
from hannun.item import Image, Text, joined
from hannun.search import fuse

FITS = 0.5  # from here on a hit fits; for words, on drawn products, between the best hit of junk and that of titles (docs/search.md)
# Deviations above unrelated things at which relevance is one half, by the kind of the query: a picture is like very many pictures.
# Measured for these two kinds (docs/search.md); other kinds are judged as strictly as words until somebody measures them.
_HALF, _STRICT = {Text.kind: 3.0, Image.kind: 2.0}, 3.0
_STEEP = 1.5  # how fast it grows with deviations: 0.18 one below the half, 0.82 one above


def relevance(
    cosines: Mapping[str, float],
    agreement: Mapping[str, float],
    calibration: Calibration,
    shares: Mapping[str, float],
    weights: Mapping[str, float],
) -> float | None:
    """How surely an item is related to a query, 0…1; None where the encoder has no calibration, or one joint vector.

    Args:
        cosines: of the query with the item's parts by kind, as far as it has them.
        agreement: the cosine of each two of the item's parts (`fuse.agreements`).
        shares: how much of the query is of each kind.
        weights: how much the parts of an item count.
    """
    counting = fuse.counted(cosines, weights)
    if not counting or JOINT in shares or not calibration.measured:
        return None
    kind = joined(counting)
    at = [fuse.edges(calibration, shares, weights, tail)[kind] for tail in (0.0, 1.0)]
    deviations = (fuse.averaged(cosines, weights, agreement) - at[0]) / max(at[1] - at[0], 1e-6)
    half = sum(_HALF.get(q, _STRICT) * s for q, s in shares.items())
    return 1 / (1 + math.exp(-_STEEP * max(min(deviations - half, 50.0), -50.0)))
