"""A picture's bytes go in; when, where and with what it was taken, as its EXIF says (JEITA CP-3451), come out as facts.

Nothing here raises: what is damaged, impossible or not there is left out, and a picture without EXIF has no facts.
"""

from __future__ import annotations

import contextlib
import datetime
import math
from typing import Any

import PIL.Image

from hannun import decode, hangul
from hannun.errors import PictureError

_EXIF, _GPS = 0x8769, 0x8825  # the two blocks that the first one points to
_TAKEN = ((_EXIF, 0x9003, 0x9011), (_EXIF, 0x9004, 0x9012), (0, 0x0132, 0x9010))  # original, digitised, changed; each with its zone
_MAKE, _MODEL = 0x010F, 0x0110
_PNG, _PNG_EXIF = b"\x89PNG\r\n\x1a\n", (b"eXIf", b"Raw profile type exif", b"Raw profile type APP1")
_LONGEST = 100  # characters of a camera's name

Tags = dict[int, Any]


def facts_of(data: bytes) -> dict[str, Any]:
    """What is known of the picture: "taken" (ISO 8601), "latitude" and "longitude" (degrees, north and east positive), "camera".

    Keys without a believable value are missing; the dict is empty where there is no EXIF, or no picture.
    """
    if data.startswith(_PNG) and not any(mark in data for mark in _PNG_EXIF):
        return {}  # Pillow decodes every pixel of a PNG to look for it
    try:
        blocks = decode.examine(data, "picture", _blocks)
    except PictureError:
        return {}
    found: dict[str, Any] = {}
    for read in (_taken, _place, _camera):
        with contextlib.suppress(Exception):  # foreign values may be of any type; the other facts stand
            found |= read(blocks)
    return found


def _blocks(picture: PIL.Image.Image) -> dict[int, Tags]:
    """The tags of each block that can be read; 0 is the first one."""
    found: dict[int, Tags] = {0: {}, _EXIF: {}, _GPS: {}}
    with contextlib.suppress(Exception):
        exif = picture.getexif()
        for block in found:
            with contextlib.suppress(Exception):
                found[block] = {int(k): v for k, v in (exif.get_ifd(block) if block else exif).items()}
    return found


def _taken(blocks: dict[int, Tags]) -> dict[str, Any]:
    for block, tag, zone in _TAKEN:
        with contextlib.suppress(ValueError):
            moment = datetime.datetime.strptime(_text(blocks[block].get(tag)).replace("-", ":"), "%Y:%m:%d %H:%M:%S")
            with contextlib.suppress(ValueError):
                offset = datetime.datetime.strptime(_text(blocks[_EXIF].get(zone)), "%z").tzinfo
                return {"taken": moment.replace(tzinfo=offset).isoformat()}
            return {"taken": moment.isoformat()}
    return {}


def _place(blocks: dict[int, Tags]) -> dict[str, Any]:
    gps = blocks[_GPS]
    latitude, longitude = _degrees(gps.get(2), gps.get(1), "S"), _degrees(gps.get(4), gps.get(3), "W")
    believable = abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude, longitude) != (0, 0)  # 0, 0: a receiver without a fix
    return {"latitude": latitude, "longitude": longitude} if believable else {}


def _degrees(parts: Any, side: Any, negative: str) -> float:
    """Degrees, minutes and seconds as degrees; NaN, which is not believable, for what is no angle."""
    value = math.fsum(float(p) / 60.0**n for n, p in enumerate(list(parts)[:3]))
    if not math.isfinite(value) or value < 0:
        return math.nan
    return round(-value if _text(side).upper() == negative else value, 7)


def _camera(blocks: dict[int, Tags]) -> dict[str, Any]:
    make, model = _text(blocks[0].get(_MAKE)), _text(blocks[0].get(_MODEL))
    whole = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    return {"camera": whole[:_LONGEST].strip()} if whole else {}


def _text(value: Any) -> str:
    """A tag's text up to its first NUL, without control characters; empty for other types."""
    plain = value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    with contextlib.suppress(UnicodeError):  # Pillow reads Latin-1, cameras and phones write UTF-8
        plain = plain.encode("latin-1").decode("utf-8")
    plain = plain.split("\0", 1)[0]
    return hangul.normalise("".join(c if c.isprintable() else " " for c in plain)).strip()
