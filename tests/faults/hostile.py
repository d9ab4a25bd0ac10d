"""A seed goes in, hostile pictures come out: damaged metadata around whole pixels, damaged pixels, bombs, and odd but whole kinds.

Each says what is right: the colour at its centre where that follows from how it was made, `REFUSED` where no pixel can be had,
None where the damage decides (then it is read or refused, and either is right).
"""

from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import PIL.features
import PIL.Image

from tests.conftest import encoded

RED = (200, 30, 30)
REFUSED = "refused"
BOMB = zlib.compress(bytes(2**25), 9)  # 32 MB in 32 kB
Right = tuple[int, int, int] | str | None


class Hostile(NamedTuple):
    """A picture, the kind of its damage, and what is right."""

    kind: str
    data: bytes
    right: Right


def pictures(count: int, seed: int = 0) -> Iterator[Hostile]:
    """`count` of them, the families in turn."""
    rng = random.Random(seed)
    for n in range(count):
        yield FAMILIES[n % len(FAMILIES)](rng, n // len(FAMILIES))


def plain(kind: str = "JPEG", **options: object) -> bytes:
    """A small picture of one colour, in the kind's best quality."""
    return encoded(PIL.Image.new("RGB", (48, 32), RED), kind, **({"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {}), **options)


def exif() -> bytes:
    """A whole EXIF block, with its two inner ones."""
    block = PIL.Image.Exif()
    block[0x010F], block[0x0110], block[0x0112] = "Canon", "EOS R6", 1
    block.get_ifd(0x8769)[0x9003] = "2024:05:01 12:34:56"
    block.get_ifd(0x8825)[2] = (37.0, 33.0, 59.4)
    return block.tobytes()


def flipped(rng: random.Random, data: bytes, count: int, start: int = 0) -> bytes:
    """Some bytes after `start` made others."""
    changed = bytearray(data)
    for _ in range(count):
        changed[rng.randrange(start, len(changed))] = rng.randrange(256)
    return bytes(changed)


def broken_exif(rng: random.Random, n: int) -> bytes:
    """One of eight ways to damage the block."""
    whole = exif()
    entry = struct.pack("<2sHIH", b"II", 42, 8, 1)
    return [
        b"Exif\0\0" + bytes(100),
        b"Exif\0\0" + rng.randbytes(rng.randrange(1, 200)),
        whole[: rng.randrange(6, len(whole))],
        flipped(rng, whole, rng.randrange(1, 12), 6),
        b"Exif\0\0" + entry + struct.pack("<HHIIH", 0x0112, 3, 1, rng.choice([0, 9, 77, 65535]), 0),  # an orientation that there is not
        b"Exif\0\0" + entry + struct.pack("<HHIII", 0x0110, 2, 2**31 - 1, 2**31 - 1, 8),  # a text of 2 GB, and a chain that bites itself
        b"Exif\0\0" + entry + struct.pack("<HHIII", 0x8769, 4, 1, 8, 0),  # the inner block is the outer one
        b"Exif\0\0" + entry + struct.pack("<HHIII", 0x0112, rng.choice([0, 2, 7, 12, 99]), 1, 6, 0),  # of another type
    ][n % 8]


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def chunk(kind: bytes, body: bytes, crc: int | None = None) -> bytes:
    """A PNG chunk, with a checksum that may be wrong."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if crc is None else crc)


def in_jpeg(*segments: bytes) -> bytes:
    """The plain JPEG with more segments in front."""
    data = plain()
    return data[:2] + b"".join(segments) + data[2:]


def in_png(*chunks: bytes) -> bytes:
    """The plain PNG with more chunks after its header."""
    data = plain("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def in_webp(kind: bytes, body: bytes, flag: int) -> bytes:
    """The plain WebP with one more chunk, announced in its header."""
    inner = plain("WEBP", lossless=True)[12:]
    head = chunk_le(b"VP8X", bytes([flag, 0, 0, 0]) + (47).to_bytes(3, "little") + (31).to_bytes(3, "little"))
    extra = chunk_le(kind, body)
    body = b"WEBP" + head + (extra + inner if kind == b"ICCP" else inner + extra)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk_le(kind: bytes, body: bytes) -> bytes:
    """A RIFF chunk."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def exif_in_jpeg(rng: random.Random, n: int) -> Hostile:
    return Hostile("EXIF in JPEG", in_jpeg(segment(0xE1, broken_exif(rng, n))), RED)


def exif_elsewhere(rng: random.Random, n: int) -> Hostile:
    block = broken_exif(rng, n // 3)[6:]
    if n % 3 == 0:
        return Hostile("EXIF in PNG", in_png(chunk(b"eXIf", block)), RED)
    if n % 3 == 1:
        return Hostile("EXIF in WebP", in_webp(b"EXIF", block, 8), RED)
    profile = f"\nexif\n{len(block):8}\n{block.hex()}\n"[: rng.randrange(3, 200)]
    return Hostile("EXIF as a text of PNG", in_png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile.encode()))), RED)


def icc(rng: random.Random, n: int) -> Hostile:
    noise = rng.randbytes(rng.randrange(300))
    match n % 4:
        case 0:
            return Hostile(
                "ICC in JPEG", in_jpeg(segment(0xE2, b"ICC_PROFILE\0" + bytes([rng.randrange(256), rng.randrange(256)]) + noise)), RED
            )
        case 1:
            return Hostile("ICC in PNG", in_png(chunk(b"iCCP", b"x\0\0" + noise)), RED)
        case 2:
            return Hostile("ICC bomb in PNG", in_png(chunk(b"iCCP", b"x\0\0" + BOMB)), RED)
        case _:
            return Hostile("ICC in WebP", in_webp(b"ICCP", noise, 32), RED)


def xmp(rng: random.Random, n: int) -> Hostile:
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(b'<!ENTITY %c "%s">' % (98 + k, b"&%c;" % (97 + k) * 10) for k in range(9))
    packet = [rng.randbytes(200), laughs + b"]><x>&j;</x>", b'<x:xmpmeta \xff\xfe tiff:Orientation="9"', b"\0" * 300][n % 4]
    match n // 4 % 3:
        case 0:
            return Hostile("XMP in JPEG", in_jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)), RED)
        case 1:
            return Hostile("XMP in PNG", in_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)), RED)
        case _:
            return Hostile("XMP in WebP", in_webp(b"XMP ", packet, 4), RED)


def png_chunks(rng: random.Random, n: int) -> Hostile:
    odd = [
        chunk(b"zTXt", b"Comment\0\0" + BOMB),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
        chunk(b"zTXt", b"Comment\0\7" + rng.randbytes(20)),
        chunk(b"tEXt", b"\0" * 50),
        chunk(b"tEXt", b"k\0" + rng.randbytes(40), crc=rng.randrange(2**32)),
        chunk(b"gAMA", b""),
        chunk(b"pHYs", b"\0\0"),
        chunk(b"cHRM", rng.randbytes(5)),
        chunk(b"sRGB", b""),
        chunk(b"tIME", rng.randbytes(3)),
        chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)),
        chunk(b"acTL", struct.pack(">II", 0, 0)),
        chunk(b"acTL", b"\0"),
        chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 9, 48, 32, 40, 30, 0, 0, 9, 9)),
        chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fdAT", rng.randbytes(2)),
        b"".join(chunk(b"tEXt", b"k%d\0" % k + b"v" * 900) for k in range(100)),
        chunk(b"CRIT", rng.randbytes(10)),
    ]
    return Hostile("PNG chunks", in_png(odd[n % len(odd)]), RED)


def jpeg_segments(rng: random.Random, n: int) -> Hostile:
    mpf = b"MPF\0II*\0\x08\0\0\0"
    odd = [
        segment(0xE2, b"MPF\0" + rng.randbytes(60)),
        segment(0xE2, mpf + struct.pack("<H", 1) + struct.pack("<HHII", 0xB001, 4, 1, 1000) + bytes(4)),
        segment(
            0xE2, mpf + struct.pack("<H", 2) + struct.pack("<HHIIHHII", 0xB001, 4, 1, 2, 0xB002, 7, 32, 38) + bytes(4) + rng.randbytes(32)
        ),
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM" + rng.randbytes(60)),
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\0\0\xff\xff\xff\xff"),
        segment(0xEE, b"Adobe" + bytes(n // 11 % 7)),
        segment(0xE0, b"JFIF\0"),
        segment(0xFE, rng.randbytes(500)),
        segment(0xE1, b"Exif"),
        segment(0xE1, b""),
        b"".join(segment(0xE1, b"Exif\0\0" + rng.randbytes(9)) for _ in range(40)),
    ]
    which = n % len(odd)
    return Hostile("JPEG segments", in_jpeg(odd[which]), RED)  # those that would say how to decode are too short to say it


def cut(rng: random.Random, n: int) -> Hostile:
    kind = KINDS[n % len(KINDS)]
    data = encoded(PIL.Image.fromarray(np.random.default_rng(n).integers(0, 256, (64, 64, 3), np.uint8)), kind)
    return Hostile(f"{kind} cut off", data[: rng.randrange(1, len(data) // 2)], REFUSED)


def noisy(rng: random.Random, n: int) -> Hostile:
    kind = KINDS[n % len(KINDS)]
    data = plain(kind)
    return Hostile(f"{kind} with flipped bytes", flipped(rng, data, rng.randrange(1, 9)), None)


def sizes(rng: random.Random, n: int) -> Hostile:
    width, height = [(0, 5), (5, 0), (0, 0), (2**31 - 1, 2**31 - 1), (60_000, 60_000), (65_535, 65_535)][n % 6]
    small = min(width, 65_535), min(height, 65_535)
    match n // 6 % 5:
        case 0:
            header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
        case 1:
            whole = plain()
            at = whole.index(b"\xff\xc0") + 5
            data = whole[:at] + struct.pack(">HH", small[1], small[0]) + whole[at + 4 :]
        case 2:
            data = b"GIF89a" + struct.pack("<HHBBB", *small, 0, 0, 0) + b"\x2c" + struct.pack("<HHHHB", 0, 0, *small, 0) + b"\x08\x00;"
        case 3:
            whole = plain("BMP")
            data = whole[:18] + struct.pack("<ii", width, height) + whole[26:]
        case _:
            entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1), (278, height), (279, 99)]
            body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
            data = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + body + bytes(300)
    return Hostile(f"{width}×{height} pixels", data, REFUSED)


def other_things(rng: random.Random, n: int) -> Hostile:
    return Hostile(
        "no picture",
        [
            b"",
            b"GIF89a\x10\0\x10\0\0\0\0;",  # no frame
            "글입니다".encode(),
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"RIFF\xff\xff\xff\xffWEBPVP8X",
            b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8),  # a chain of directories that bites itself
            b"\0\0\0\x18ftypavif\0\0\0\0avifmif1",
            b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
            b"\0\0\0\x0cjP  \r\n\x87\n",
            b"\xffO\xffQ" + rng.randbytes(60),
            rng.randbytes(300),
            scans(300),
        ][n % 15],
        REFUSED,
    )


def scans(count: int) -> bytes:
    """A progressive JPEG that draws the same pixels over and over: a short file and a long wait."""
    data = plain(progressive=True)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 2)
    return data[:start] + data[start:end] * count + data[start:]


def odd_kinds(rng: random.Random, n: int) -> Hostile:
    name, picture, kind, right = ODD[n % len(ODD)]()
    return Hostile(name, encoded(picture, kind), right)


def _odd() -> list[Callable[[], tuple[str, PIL.Image.Image, str, Right]]]:
    flat = lambda mode, value: PIL.Image.new(mode, (48, 32), value)  # noqa: E731
    grey = lambda array: PIL.Image.fromarray(np.tile(array, (32, 1)))  # noqa: E731
    half = np.repeat([0, 1, 0], 16)

    def palette() -> PIL.Image.Image:
        picture = PIL.Image.new("P", (48, 32), 1)
        picture.putpalette([0, 0, 0, *RED])
        picture.info["transparency"] = 0
        return picture

    deep = (half * 4095).astype(np.uint16)
    holes = (half * 0.5).astype(np.float32)
    holes[:3] = np.nan, np.inf, -np.inf
    return [
        lambda: ("CMYK", flat("CMYK", (0, 0, 0, 0)), "JPEG", (255, 255, 255)),
        lambda: ("CMYK", flat("CMYK", (0, 0, 0, 255)), "TIFF", (0, 0, 0)),
        lambda: ("1 bit", flat("1", 1), "PNG", (255, 255, 255)),
        lambda: ("1 bit", flat("1", 0), "TIFF", (0, 0, 0)),
        lambda: ("palette with a clear colour", palette(), "PNG", RED),
        lambda: ("palette with a clear colour", palette(), "GIF", RED),
        lambda: ("12 of 16 bits", grey(deep), "PNG", (255, 255, 255)),
        lambda: ("12 of 16 bits", grey(deep), "TIFF", (255, 255, 255)),
        lambda: ("16 bits", grey((half * 65535).astype(np.uint16)), "PNG", (255, 255, 255)),
        lambda: ("float with NaN and infinity", grey(holes), "TIFF", (127, 127, 127)),
        lambda: ("32 bits", grey((half * 2**30).astype(np.int32)), "TIFF", (255, 255, 255)),
        lambda: ("nothing to see", flat("RGBA", (255, 255, 255, 0)), "PNG", (255, 255, 255)),
        lambda: ("LA", flat("LA", (30, 255)), "PNG", (30, 30, 30)),
    ]


ODD = _odd()
with contextlib.suppress(ImportError):  # what writes HEIC, where somebody has it; the extra `formats` only reads it
    import pi_heif
    import pillow_heif

    pillow_heif.register_heif_opener()
    pi_heif.register_heif_opener(thumbnails=False)
KINDS = [
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "BMP",
    "TIFF",
    *(["HEIF"] if "HEIF" in PIL.Image.SAVE else []),
    *(k for k, f in (("AVIF", "avif"), ("JPEG2000", "jpg_2000")) if PIL.features.check(f)),
]
FAMILIES: list[Callable[[random.Random, int], Hostile]] = [
    exif_in_jpeg,
    exif_elsewhere,
    icc,
    xmp,
    png_chunks,
    jpeg_segments,
    cut,
    noisy,
    sizes,
    other_things,
    odd_kinds,
]


def opened(rng: random.Random) -> PIL.Image.Image:
    """A picture that its owner opened: its pixels are whole, what is noted beside them is not."""
    if rng.random() < 0.5:
        return PIL.Image.open(io.BytesIO(in_jpeg(segment(0xE1, broken_exif(rng, rng.randrange(8))))))
    picture = PIL.Image.new("RGB", (48, 32), RED)
    key = rng.choice(["exif", "icc_profile", "xmp", "XML:com.adobe.xmp", "Raw profile type exif", "transparency", "dpi"])
    picture.info[key] = rng.choice([b"Exif\0\0" + bytes(100), rng.randbytes(50), "글", 7, None, [1], object()])
    return picture
