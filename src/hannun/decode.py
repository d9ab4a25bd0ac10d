"""A picture's foreign bytes go in; upright 8-bit RGB pixels, or one PictureError that says why not, come out.

Every place that opens bytes which others made opens them here: with one closed list of decoders, one bound in pixels that is
checked before a pixel is decoded, and one rule for damage. Damaged metadata (EXIF, ICC, XMP, texts) never costs a picture whose
pixels are whole: what cannot be read of it is left out. Whatever a decoder raises about one picture is that picture's PictureError.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import io
import struct
import warnings
from collections.abc import Callable, Iterator
from typing import TypeVar, final

import PIL.Image

from hannun.errors import PictureError

MAX_PIXELS = 178_956_970  # Pillow's own bound for a decompression bomb (twice its warning level), 178.9 megapixels
MAX_SCANS = 100  # of a progressive JPEG; encoders write about ten, and every one of them costs a pass over the picture

# Only these decoders see foreign bytes: Pillow knows dozens more, one of which (EPS) starts a program.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "HEIF")
EXPECTED = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000 or HEIC"

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}  # brands of ISO/IEC 23008-12
_AVIF = {b"avif", b"avis"}
_CLEAR, _FAINT = 0.1, 32  # the share of clear pixels, and the mean distance from white, from which light things get a dark ground

_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}

T = TypeVar("T")


@final
class TooLarge(PictureError):
    """A picture has more than MAX_PIXELS pixels: a decompression bomb, or too large a scan."""


def examine(data: bytes, name: str, look: Callable[[PIL.Image.Image], T]) -> T:
    """What `look` finds in the picture that the bytes hold, which is opened but not yet decoded.

    Where that fails, it is tried again without the metadata. Raises PictureError, which begins with `name`, for anything that is
    not a picture of FORMATS, for more than MAX_PIXELS pixels, and for whatever a decoder or `look` raises.
    """
    first: PictureError | None = None
    attempts: tuple[Callable[[], bytes | None], ...] = (lambda: data, lambda: _bare(data, b"exif"), lambda: _bare(data))
    for attempt in attempts:
        try:
            if content := attempt():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # Pillow warns of half-bombs and of odd metadata; our own rules decide
                    return look(_open(content, name))
        except TooLarge:
            raise
        except PictureError as e:
            first = first or e
        except Exception as e:  # decoders raise of everything: zlib.error, OverflowError, AssertionError, …
            reason = " ".join(str(e).split())[:200] or type(e).__name__
            first = first or PictureError(f"{name}: cannot be decoded ({reason}); the file may be truncated or damaged")
        if not data:
            break
    raise first or PictureError(f"{name}: is empty (0 bytes), expected a picture; copy it again")


def check_size(width: int, height: int, name: str) -> None:
    """Raises PictureError for no pixels at all, TooLarge for more than MAX_PIXELS."""
    if width * height > MAX_PIXELS:
        raise TooLarge(f"{name}: {width}×{height} pixels are over the limit of {MAX_PIXELS:,}; scale it down")
    if width < 1 or height < 1:
        raise PictureError(f"{name}: has no pixels ({width}×{height}); the file may be damaged")


def orientation(picture: PIL.Image.Image) -> PIL.Image.Transpose | None:
    """How the picture is to be turned by its EXIF or XMP; None where it is upright, or where that block is damaged."""
    try:
        return _TURNS.get(picture.getexif().get(0x0112, 1))
    except Exception:  # a damaged block says nothing of the pixels
        return None


def upright(picture: PIL.Image.Image, turn: PIL.Image.Transpose | None) -> PIL.Image.Image:
    """The picture turned, without a word of the EXIF that said so: it would be obeyed a second time."""
    turned = picture if turn is None else picture.transpose(turn)
    if turned is picture and any(k in picture.info for k in ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")):
        turned = picture.copy()
    if turned is not picture:
        turned.info = {k: v for k, v in turned.info.items() if k in ("transparency", "icc_profile")}
    return turned


def rgb(picture: PIL.Image.Image, side: int | None = None, *, draft: bool = True) -> PIL.Image.Image:
    """The picture as plain upright RGB without metadata: transparency on a ground that shows it, deep greys scaled to 8 bits.

    With `side` it may be decoded at a reduced scale, as long as its shorter side stays at least `side` pixels; `draft` says whether
    the picture itself may be changed for that. Raises whatever the decoder raises.
    """
    if side is not None and draft and min(picture.size) > side:
        scale = side / min(picture.size)
        picture.draft("RGB", (-int(-picture.width * scale // 1), -int(-picture.height * scale // 1)))
    picture.load()  # some formats know what is transparent only now, and TIFF turns itself
    turn, whole = orientation(picture), picture
    if side is not None and (factor := min(picture.size) // side) >= 2:
        picture = _reduced(picture, factor)
    flat = _flat(upright(picture, turn))
    if flat is whole:
        flat = picture.copy()  # a file's own class keeps its EXIF beside `info`; and what was handed over is not ours to change
    flat.info = {}
    return flat


def _open(data: bytes, name: str) -> PIL.Image.Image:
    kind = _brand(data)
    if kind == "HEIF" and importlib.util.find_spec("pi_heif") is None:
        raise PictureError(f"{name}: is a HEIC picture, which needs a decoder; run `pip install -c constraints.txt '.[formats]'`")
    known = _known(kind == "HEIF")
    if kind == "AVIF" and "AVIF" not in known:
        raise PictureError(f"{name}: is an AVIF picture, which needs Pillow 11.3 or later; run `pip install -U pillow`")
    try:
        picture = PIL.Image.open(io.BytesIO(data), formats=known)
    except PIL.UnidentifiedImageError:
        raise PictureError(f"{name}: is not a picture, or of an unknown kind; expected {EXPECTED}") from None
    except PIL.Image.DecompressionBombError:
        raise TooLarge(f"{name}: has over {MAX_PIXELS:,} pixels (a decompression bomb?); scale it down") from None
    check_size(*picture.size, name)
    if picture.format in ("JPEG", "MPO") and "progressive" in picture.info and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        raise PictureError(f"{name}: is a progressive JPEG of {scans} scans, over the limit of {MAX_SCANS}; save it again")
    return picture


@functools.cache
def _known(heif: bool) -> tuple[str, ...]:
    """Those of FORMATS that are installed here; naming one that is not would be Pillow's KeyError."""
    PIL.Image.preinit()
    for plugin in ("WebP", "Tiff", "Avif", "Jpeg2K"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{plugin}ImagePlugin")
    if heif:
        importlib.import_module("pi_heif").register_heif_opener(thumbnails=False)
    return tuple(f for f in FORMATS if f in PIL.Image.OPEN)


def _brand(data: bytes) -> str | None:
    """Which of the two kinds of picture that lie in ISO media boxes this is."""
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = [data[8:12], *(data[n : n + 4] for n in range(16, end, 4))]
    return "AVIF" if _AVIF.intersection(brands) else "HEIF" if _HEIC.intersection(brands) else None


def _bare(data: bytes, keep: bytes = b"") -> bytes | None:
    """The picture without its metadata, besides the kind to `keep`; None where nothing can be left out."""
    try:
        if data.startswith(b"\xff\xd8"):
            bare = b"".join(_jpeg_segments(data, keep))
        elif data.startswith(b"\x89PNG\r\n\x1a\n"):
            bare = data[:8] + b"".join(_png_chunks(data, keep))
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            chunks = b"WEBP" + b"".join(_webp_chunks(data, keep))
            bare = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
        else:
            return None
    except (struct.error, IndexError):
        return None
    return bare if len(bare) != len(data) else None


def _jpeg_segments(data: bytes, keep: bytes) -> Iterator[bytes]:
    """Everything but comments and the APP segments that are no part of decoding: all save JFIF's (0) and Adobe's (14) where whole."""
    yield data[:2]
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] in (0xFF, 0x00, 0x01, *range(0xD0, 0xD9)):  # padding and markers without a length
            at += 1 if data[at + 1] == 0xFF else 2
            continue
        end = at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])
        kind = data[at + 1]
        kept = keep == b"exif" and data[at + 4 : at + 8] == b"Exif"
        stub = (kind == 0xE0 and end - at < 18) or (kind == 0xEE and end - at < 16)  # libjpeg passes over these, Pillow fails at them
        if (not (0xE1 <= kind <= 0xEF and kind != 0xEE) and kind != 0xFE and not stub) or kept:
            yield data[at:end]
        at = end
    yield data[at:]


def _png_chunks(data: bytes, keep: bytes) -> Iterator[bytes]:
    """The chunks that pixels are made of."""
    at = 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND") or (keep == b"exif" and data[at + 4 : at + 8] == b"eXIf"):
            yield data[at : at + 12 + length]
        at += 12 + length


def _webp_chunks(data: bytes, keep: bytes) -> Iterator[bytes]:
    """The chunks that pixels are made of, with the flags of the others taken out of the header."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if kind == b"VP8X":
            flags = data[at + 8] & ~(0b00100100 if keep else 0b00101100)
            yield data[at : at + 8] + bytes([flags]) + data[at + 9 : end]
        elif kind not in (b"ICCP", b"XMP ") and (kind != b"EXIF" or keep == b"exif"):
            yield data[at:end]
        at = end


def _reduced(picture: PIL.Image.Image, factor: int) -> PIL.Image.Image:
    """Shrunk by a whole factor with box averaging; left as it is in modes that cannot be averaged."""
    if picture.mode not in ("RGB", "L", "CMYK", "RGBA", "LA", "YCbCr") or "transparency" in picture.info:
        return picture
    return picture.reduce(factor)


def _flat(picture: PIL.Image.Image) -> PIL.Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":  # 16-bit and float greys: Pillow's convert would clip them to white
        import numpy as np

        grey = np.nan_to_num(np.asarray(picture, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        top = _top(float(grey.max())) if picture.mode != "F" or grey.max() > 1 else 1.0
        return PIL.Image.fromarray(np.clip(grey * (255 / top), 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        try:
            layer = picture.convert("RGBA")
        except (TypeError, ValueError):  # what `info` calls transparent is no colour of this picture
            picture = picture.copy()
            picture.info = {}
            return picture.convert("RGB")
        ground = PIL.Image.new("RGBA", layer.size, _ground(layer))
        return PIL.Image.alpha_composite(ground, layer).convert("RGB")
    return picture.convert("RGB")


def _top(brightest: float) -> float:
    """The value that becomes 255: the full 16 bits for a picture that uses them, else the brightest value there is.

    A 12-bit picture in a 16-bit file has no value over 4095 and would be nearly black by the file's range. At 15 bits a dark
    picture of the full range is as likely, and stays as dark as it is; and values of 8 bits stay what they are.
    """
    return 65535.0 if 2**14 <= brightest <= 65535 else max(255.0, brightest)


def _ground(layer: PIL.Image.Image) -> tuple[int, int, int, int]:
    """White; black where what is seen of an RGBA picture is so light that little of it would show on white (a white logo)."""
    alpha = layer.getchannel("A")
    counts = alpha.histogram()
    if sum(counts[:128]) < _CLEAR * sum(counts):
        return (255, 255, 255, 255)
    weights = layer.convert("L").histogram(alpha.point([0] * 128 + [255] * 128))  # of what is seen
    seen = sum(weights)
    faint = sum((255 - luma) * n for luma, n in enumerate(weights)) < _FAINT * seen
    return (0, 0, 0, 255) if faint else (255, 255, 255, 255)
