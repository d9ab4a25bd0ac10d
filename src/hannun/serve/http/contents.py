"""What a request says about texts and pictures goes in (plain JSON), content that encoders take comes out; no path is ever read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from hannun.errors import InputError, PictureError
from hannun.item import Image

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.ASCII)


def picture(value: object, fetch: Callable[[str], bytes], pixels: int) -> bytes:
    """The bytes of a picture that came as base64, as a data: URL, or as a URL that may be fetched.

    Raises InputError for anything else (a path on the server is not a picture), PictureError for more than `pixels` pixels.
    """
    if isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in ("url", "base64"):
        value = next(iter(value.values()))
    if not isinstance(value, str) or not value:
        raise InputError(f"'image' is a {type(value).__name__}, expected base64, a data: URL or a URL")
    data = _decoded(value, fetch)
    width, height = Image(data).size()
    if width * height > pixels:
        raise PictureError(f"picture of {width}×{height} pixels came, the limit here is {pixels:,} pixels; scale it down")
    return data


def _decoded(value: str, fetch: Callable[[str], bytes]) -> bytes:
    if value[:5].lower() == "data:":
        head = _DATA.match(value[:300])
        if head is None:
            raise InputError("a data: URL came that cannot be read, expected data:image/jpeg;base64,…")
        rest = value[head.end() :]
        return _base64(rest) if head.group(3) else unquote_to_bytes(rest)
    if "://" in value[:12]:
        return fetch(value)
    return _base64(value)


def _base64(text: str) -> bytes:
    clean = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(clean + "=" * (-len(clean) % 4), validate=True)
    except (binascii.Error, ValueError):  # the second: not ASCII
        raise InputError(
            "'image' is neither whole base64 nor a URL; send the picture's bytes as base64 (a path on the server is never read)"
        ) from None


def content(value: str | Mapping[str, Any], fetch: Callable[[str], bytes], pixels: int) -> dict[str, Any]:
    """{"text", "image": bytes or a list of them} of a str, or of a dict with those keys; other keys pass through."""
    if isinstance(value, str):
        return {"text": value}
    row = dict(value)
    given = row.pop("image", None)
    if given is not None and given != "" and given != []:
        row["image"] = [picture(v, fetch, pixels) for v in given] if isinstance(given, list) else picture(given, fetch, pixels)
    return row
