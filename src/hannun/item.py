"""What a user hands over (strings, paths, bytes, pictures, rows) goes in; Items made of ordered parts come out.

A `str` is always text, even when it looks like a path or a URL; a picture is a `Path`, `bytes`, a PIL image or
`{"image": …}`. Nothing is read from disk before `Image.load`, and nothing is ever fetched from the network.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import PIL.Image

from hannun import decode, hangul
from hannun.decode import MAX_PIXELS as MAX_PIXELS
from hannun.errors import HannunError, InputError, MissingError, PictureError

MAX_TEXT = 1_000_000  # characters; an encoder reads windows of a long text, a store must still carry it

type_names = "a str (text), a Path, bytes or PIL image (picture), a dict with 'text' and/or 'image', or an Item"


@dataclass(frozen=True)
class Member:
    """A picture inside an uncompressed tar: read by offset, never unpacked."""

    archive: Path
    offset: int
    size: int
    name: str

    def __str__(self) -> str:
        return f"{self.archive}::{self.name}"


@dataclass(frozen=True)
class Elsewhere:
    """A picture that somebody else keeps (a service): `get` brings its bytes when they are needed, and raises as `Image.read` does."""

    name: str
    get: Callable[[], bytes]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Text:
    """A text part; `value` is NFC with white space folded."""

    value: str


@dataclass(frozen=True)
class Image:
    """A picture part: where its bytes are (a path, a tar member, the bytes themselves) or an already decoded picture."""

    source: Path | Member | Elsewhere | bytes | PIL.Image.Image

    def read(self) -> bytes:
        """The encoded bytes. Raises MissingError when the file is gone; a decoded picture is encoded as PNG, upright."""
        try:
            match self.source:
                case bytes():
                    return self.source
                case Path():
                    if self.source.exists() and not self.source.is_file() and not self.source.is_dir():
                        raise PictureError(f"{self}: is a pipe or a device, expected a picture file")  # reading it might never end
                    return self.source.read_bytes()
                case Elsewhere():
                    return self.source.get()
                case Member():
                    with self.source.archive.open("rb") as archive:
                        archive.seek(self.source.offset)
                        return archive.read(self.source.size)
                case _:
                    return _png(self.source)
        except FileNotFoundError:
            raise MissingError(f"{self}: no such picture; check the path") from None
        except IsADirectoryError:
            raise PictureError(f"{self}: is a folder, expected a picture file; index folders with `hannun index`") from None
        except HannunError:
            raise
        except Exception as e:  # a NUL in a path, a lazily opened picture that is damaged, whatever `get` of another's raises
            reason = e.strerror if isinstance(e, OSError) and e.strerror else str(e) or type(e).__name__
            raise PictureError(f"{self}: cannot be read ({reason}); check its permissions and the disk") from None

    def load(self, side: int | None = None) -> PIL.Image.Image:
        """The first frame as RGB: EXIF orientation honoured, transparency on white (on black where only that shows it), 16-bit scaled to 8.

        With `side`, the picture may be decoded at a reduced scale, as long as its shorter side stays at least `side` pixels (a
        12-megapixel JPEG decodes four times faster so). Raises PictureError with the reason for anything that is not a
        picture, and for more than MAX_PIXELS pixels, which is checked before a single pixel is decoded.
        """
        if not isinstance(self.source, PIL.Image.Image):
            return decode.examine(self.read(), str(self), lambda picture: decode.rgb(picture, side))
        decode.check_size(*self.source.size, str(self))
        try:
            return decode.rgb(self.source, side, draft=False)
        except Exception as e:  # opened by the caller and decoded only now
            raise PictureError(f"{self}: cannot be decoded ({str(e) or type(e).__name__}); the file may be truncated or damaged") from None

    def size(self) -> tuple[int, int]:
        """Width and height as the file's head tells them; no pixel is decoded. Raises PictureError."""
        if isinstance(self.source, PIL.Image.Image):
            return self.source.size
        return decode.examine(self.read(), str(self), lambda picture: picture.size)

    def __str__(self) -> str:
        match self.source:
            case Path() | Member() | Elsewhere():
                return str(self.source)
            case bytes():
                return f"picture of {len(self.source)} bytes"
            case _:
                return f"picture of {self.source.width}×{self.source.height}"


def _png(picture: PIL.Image.Image) -> bytes:
    """A decoded picture as PNG, upright and without EXIF."""
    picture.load()
    straight = decode.upright(picture, decode.orientation(picture))
    if straight.mode not in ("RGB", "RGBA", "L", "LA", "1", "P", "I;16"):
        straight = decode.rgb(straight, draft=False)
    out = io.BytesIO()
    try:
        straight.save(out, "PNG", compress_level=1)
    except Exception:  # what `info` carries may be of any type: a picture's pixels are kept without it
        straight = straight.copy()
        straight.info = {}
        out = io.BytesIO()
        straight.save(out, "PNG", compress_level=1)
    return out.getvalue()


Part = Text | Image


@dataclass(frozen=True)
class Item:
    """One thing to index or to ask with: an id, ordered parts, and facts (metadata) that filters and tables use."""

    id: str
    parts: tuple[Part, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """The text parts joined by a line break; None where there are none."""
        texts = [p.value for p in self.parts if isinstance(p, Text)]
        return "\n".join(texts) if texts else None

    @property
    def images(self) -> tuple[Image, ...]:
        """The picture parts, in order."""
        return tuple(p for p in self.parts if isinstance(p, Image))


@dataclass(frozen=True)
class Pair:
    """One training or curation record: a query, what answers it, and what looks as if it did."""

    query: Item
    positive: Item
    negatives: tuple[Item, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Problem:
    """Something that could not be read, and why; `id` names the item where one was recognised."""

    where: str
    reason: str
    id: str | None = None


Content = str | Path | bytes | PIL.Image.Image | Mapping[str, Any] | Item


def image_part(value: object) -> Image:
    """The value under an `"image"` key as a picture part; here a str is a path. Raises InputError for other types."""
    match value:
        case Image():
            return value
        case str() if not value.strip() or "\0" in value:
            raise InputError(f"'image' is {value!r}, expected the path of a picture")
        case str() if "://" in value[:12]:
            raise InputError(f"'image' is the URL {value[:80]!r}, and Hannun does not fetch; download it and give the path or the bytes")
        case str():
            return image_part(Path(value))
        case Path() if "\0" in str(value) or any("\ud800" <= c <= "\udfff" for c in str(value)):
            raise InputError(
                f"{str(value).encode('utf-8', 'replace').decode()!r}: the file name is not UTF-8; rename it (convmv mends old Korean names)"
            )
        case bytearray() | memoryview():
            return Image(bytes(value))
        case Path() | Member() | Elsewhere() | bytes() | PIL.Image.Image():
            return Image(value)
    raise InputError(f"'image' is a {type(value).__name__}, expected a path, bytes or a PIL image")


def item(content: Content, *, id: str | None = None) -> Item:
    """One piece of content as an Item.

    A dict's keys besides `id`, `text` and `image` become facts. Where no id is given it is the hash of the content, so
    that the same content is the same item. An Item may have no part left (an empty text): callers that need one
    call `require_content`. Raises InputError for a type that is neither text nor picture.
    """
    parts: tuple[Part, ...]
    facts: dict[str, Any] = {}
    match content:
        case Item():
            return content
        case str():
            parts = _text_parts(content)
        case Path() | bytes() | PIL.Image.Image() | bytearray() | memoryview():
            parts = (image_part(content),)
        case Mapping():
            if "text" not in content and "image" not in content:
                raise InputError(f"a row has the keys {sorted(map(str, content))}, expected 'text' and/or 'image'; rename the columns")
            text, pictures = content.get("text"), content.get("image")
            if isinstance(text, list | tuple) and all(isinstance(t, str) for t in text):  # captions: a line each
                text = [t for t in map(hangul.normalise, text) if t]
            elif text is not None and not isinstance(text, str):
                raise InputError(f"'text' is a {type(text).__name__}, expected a str; convert it first")
            many = pictures if isinstance(pictures, list | tuple) else ([] if pictures is None or pictures == "" else [pictures])
            parts = (*_text_parts(text or ""), *(image_part(p) for p in many))
            facts = {hangul.normalise(str(k)): v for k, v in content.items() if k not in ("id", "text", "image")}
            given = content.get("id")
            if given is not None and (isinstance(given, bool) or not isinstance(given, str | int)):
                raise InputError(f"'id' is a {type(given).__name__}, expected a str or an int")
            id = id or (hangul.normalise(str(given)) if given is not None else None)
        case _:
            raise InputError(f"{type(content).__name__} came, expected {type_names}")
    return Item(id or content_hash(parts), parts, facts)


def _text_parts(text: str | list[str]) -> tuple[Text, ...]:
    if isinstance(text, list):
        return (Text("\n".join(text)),) if text and _text_parts("".join(text)) else ()
    if len(text) > MAX_TEXT:
        raise InputError(f"a text of {len(text):,} characters came, the limit is {MAX_TEXT:,}; split it into passages")
    clean = hangul.normalise(text)
    return (Text(clean),) if clean else ()


def require_content(it: Item) -> Item:
    """The item itself. Raises InputError when it has neither text nor picture (an empty string is neither)."""
    if not it.parts:
        raise InputError("empty content came (no text, or white space only), expected words and/or a picture")
    return it


def content_hash(parts: tuple[Part, ...]) -> str:
    """128 bits of BLAKE2b over the parts' kinds and bytes, as hex: equal content, equal hash. Reads the pictures."""
    h = hashlib.blake2b(digest_size=16)
    for p in parts:
        data = p.value.encode() if isinstance(p, Text) else p.read()
        h.update(f"{type(p).__name__}:{len(data)}:".encode())
        h.update(data)
    return h.hexdigest()
