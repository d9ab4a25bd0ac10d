"""A row that says where its picture lies goes in; the picture's bytes, the picture decoded, or the JPEG for a shard come out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import PIL.Image

from hannun.decode import examine
from hannun.item import Image, Member

_SIDE = 512  # pixels of the shorter side that models look at, at most
_QUALITY = 92  # of a JPEG that is made here


def picture_bytes(row: Mapping[str, Any]) -> bytes:
    """The bytes, out of a file of their own or out of an archive. Raises HannunError where they cannot be read."""
    path = Path(row["path"])
    return Image(path if row["size"] < 0 else Member(path, row["offset"], row["size"], row["key"])).read()


def decoded(row: Mapping[str, Any]) -> tuple[bytes, PIL.Image.Image]:
    """The bytes, and the picture as models want it. Raises HannunError where it cannot be decoded."""
    data = picture_bytes(row)
    return data, Image(data).load(_SIDE)


def jpeg(data: bytes, side: int | None) -> bytes:
    """The bytes for the shard: as they came if they are a JPEG of fitting size, else a JPEG made of the picture."""

    def fits(picture: PIL.Image.Image) -> bool:
        return picture.format == "JPEG" and picture.mode == "RGB" and (side is None or min(picture.size) <= side)

    if examine(data, "picture", fits):
        return data
    picture = Image(data).load(side)
    if side is not None and min(picture.size) > side:
        scale = side / min(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), PIL.Image.Resampling.BICUBIC)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
