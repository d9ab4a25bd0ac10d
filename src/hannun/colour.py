"""Pixels go in, their colours as people see differences come out: CIELAB, in which equal distances look about equally far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hannun.embeddings import Floats

_XYZ = np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]], np.float32)  # of linear sRGB
_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)  # D65


def lab(pixels: npt.ArrayLike) -> Floats:
    """CIELAB (D65) of sRGB values 0 … 255 [..., 3]: float32 of the same shape."""
    c = np.asarray(pixels, np.float32) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    t = linear @ _XYZ / _WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
