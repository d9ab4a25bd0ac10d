"""A picture's bytes go in; its size, the share of white pixels and its perceptual hash come out, decoded no larger than they need.

A JPEG is decoded at an eighth of its scale, where each value is the mean of an 8 × 8 block. From block means follow bounds on the share
of white pixels (Markov's inequality on both sides); only where the bounds leave the decision open is the picture decoded in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun import decode

WHITE = 250  # luma from which a pixel is white: JPEG leaves a white ground at 250–255. Ours; the source says only "white pixels"
SMALLEST = 48  # pixels of the shorter side at the reduced scale: half as many again as the side of the hash
SLACK = 0.02  # added to both bounds: clipping at 255 moves a block's mean by a little
_SIDE, _LOW = 32, 8  # of the perceptual hash: 32 × 32 grey values, of whose cosine transform the lowest 8 × 8 are kept
_COSINES = 2 * np.cos(np.pi * np.outer(np.arange(_LOW), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE))
_NAME = "picture"  # a record of the factory is named by its row
_SIDEWAYS = {PIL.Image.Transpose.TRANSPOSE, PIL.Image.Transpose.ROTATE_270, PIL.Image.Transpose.TRANSVERSE, PIL.Image.Transpose.ROTATE_90}
_MEANS = np.arange(256.0)
_MOST = np.minimum(1.0, (_MEANS + 0.5) / WHITE)  # of a block with each mean, the share of white pixels
_LEAST = np.maximum(0.0, 1.0 - (255.0 - np.maximum(_MEANS - 0.5, 0)) / (256 - WHITE))
_BITS = 1 << np.arange(_LOW * _LOW, dtype=np.uint64)[::-1]

Luma = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Header:
    """What the first bytes say: pixels upright, and the format."""

    width: int
    height: int
    format: str

    @property
    def side(self) -> int:
        """The shorter side."""
        return min(self.width, self.height)

    @property
    def ratio(self) -> float:
        """The longer side over the shorter."""
        return max(self.width, self.height) / max(1, self.side)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    def figures(self) -> dict[str, float]:
        """What the filters of `Rules.headers` see."""
        return {"width": self.width, "height": self.height, "side": self.side, "ratio": self.ratio, "pixels": self.pixels}


@dataclass(frozen=True)
class Pixels:
    """What the pixels say: the share of white ones, a 64-bit perceptual hash, and the chroma of four quarters (for telling colours apart).

    `white` is exact where `exact` is set; otherwise it is measured at the reduced scale, and lies on the same side of the bound.
    """

    white: float
    phash: int
    tint: bytes
    exact: bool


def image_hash(data: bytes) -> str:
    """128 bits of BLAKE2b over a picture's bytes, as hex: what records are joined by."""
    return blake2b(data, digest_size=16).hexdigest()


def read_header(data: bytes) -> Header:
    """Size and format, without decoding a pixel. Raises PictureError for what is no picture, TooLarge for bombs (over MAX_PIXELS)."""
    return decode.examine(data, _NAME, _header)


def _header(picture: PIL.Image.Image) -> Header:
    width, height = picture.size
    turned = decode.orientation(picture) in _SIDEWAYS
    return Header(height, width, picture.format or "") if turned else Header(width, height, picture.format or "")


def measure_pixels(data: bytes, decide: float = 0.9) -> Pixels:
    """Whiteness on the right side of `decide`, and the hashes. Raises PictureError for a picture that cannot be decoded whole."""
    y, tint, factor = decode.examine(data, _NAME, _reduced)
    phash = perceptual_hash(PIL.Image.fromarray(y))
    share = float((y >= WHITE).mean())
    if factor > 1:
        low, high = white_bounds(y)
        if low - SLACK < decide <= high + SLACK:
            return Pixels(white_share(data), phash, tint, True)
    return Pixels(share, phash, tint, factor == 1)


def white_share(data: bytes) -> float:
    """The share of pixels whose luma is WHITE or more, at full scale."""
    return float((decode.examine(data, _NAME, _luma) >= WHITE).mean())


def _luma(picture: PIL.Image.Image) -> Luma:
    if picture.format == "JPEG" and picture.mode in ("RGB", "L"):
        picture.draft("L", picture.size)
        return np.asarray(picture.convert("L"))
    return np.asarray(decode.rgb(picture).convert("L"))


def white_bounds(means: Luma) -> tuple[float, float]:
    """The least and the most share of white pixels that blocks with these mean lumas can have.

    A block of mean m has at most m / WHITE of its pixels at WHITE or over; of those under it (each at least 256 − WHITE short of
    255) there are at most (255 − m) / (256 − WHITE). Half a step of rounding is given away on either side.
    """
    blocks = np.bincount(means.ravel(), minlength=256) / means.size
    return float(blocks @ _LEAST), float(blocks @ _MOST)


def perceptual_hash(grey: PIL.Image.Image) -> int:
    """64 bits: which of the lowest 8 × 8 frequencies of the 32 × 32 picture lie over their median (pHash; Zauner 2010)."""
    small = np.asarray(grey.resize((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS), dtype=np.float64)
    low = _COSINES @ small @ _COSINES.T
    low[np.abs(low) < 1e-6] = 0.0  # rounding noise of an even surface
    return int(_BITS[(low > np.median(low)).ravel()].sum())


def _reduced(picture: PIL.Image.Image) -> tuple[Luma, bytes, int]:
    """Luma at a reduced scale, the chroma of four quarters, and by how much the sides were reduced."""
    full = picture.size
    if picture.format == "JPEG" and picture.mode in ("RGB", "L") and "transparency" not in picture.info:
        scale = max(1, min(full) // SMALLEST)
        picture.draft("YCbCr" if picture.mode == "RGB" else "L", (max(1, full[0] // scale), max(1, full[1] // scale)))
        picture.load()
        factor = max(1, round(full[0] / picture.size[0]))
        if picture.mode == "L":
            return np.asarray(picture), b"\x80" * 8, factor
        small: PIL.Image.Image = picture
    else:
        small, factor = decode.rgb(picture).convert("YCbCr"), 1
    y, cb, cr = small.split()
    tint = b"".join(c.resize((2, 2), PIL.Image.Resampling.BOX).tobytes() for c in (cb, cr))
    return np.asarray(y), tint, factor
