"""What a user hands over (strings, paths, bytes, pictures, rows) goes in; Items made of ordered parts come out.

A `str` is always text, even when it looks like a path or a URL; a picture is a `Path`, `bytes`, a PIL image or
`{"image": …}`. Nothing is read from disk before `Image.load`, and nothing is ever fetched from the network.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, final

import PIL.Image

from hannun import decode, hangul
from hannun.decode import MAX_PIXELS as MAX_PIXELS
from hannun.errors import HannunError, InputError, MissingError, PictureError
from hannun.events import Events as Events
from hannun.part import AnyPart, digest
from hannun.signals import Signal as Signal

MAX_TEXT = 1_000_000  # characters; an encoder reads windows of a long text, a store must still carry it
_SHOWN = 60  # characters of a text in a message
SOURCE = "_source"  # the fact that holds the absolute path of the file an item was read from; a store keeps it, nobody is told it
PLACE = "_place"  # the fact that holds the same place as it is told to others: below the folder that was indexed ("photos/2024/a.jpg")
STATE = "_state"  # the fact that holds the state of a file that is slow to read (`sources.changed`); it is kept as SOURCE is

expected_keys = "expected 'text' and/or 'image' (or 'signal', a dict with 'values', or 'events', a list of dicts with 'time')"
type_names = "a str (text), a Path, bytes or PIL image (picture), a Signal, Events, a dict with 'text' and/or 'image', or an Item"


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


@final
@dataclass(frozen=True)
class Text(AnyPart):
    """A text part; `value` is NFC with white space folded."""

    kind: ClassVar[str] = "text"
    value: str

    @classmethod
    def of(cls, value: object) -> tuple[Text, ...]:
        """One part of a str, or of a list of them (captions, a line each). Raises InputError for other types and for over MAX_TEXT."""
        match value:
            case None:
                return ()
            case str():
                lines = [value]
            case list() | tuple() if all(isinstance(t, str) for t in value):
                lines = list(value)
            case _:
                raise InputError(f"'text' is a {type(value).__name__}, expected a str; convert it first")
        if (length := sum(map(len, lines))) > MAX_TEXT:
            raise InputError(f"a text of {length:,} characters came, the limit is {MAX_TEXT:,}; split it into passages")
        clean = "\n".join(t for t in map(hangul.normalise, lines) if t)
        return (Text(clean),) if clean else ()

    @classmethod
    def plain(cls, side: int) -> Text:
        """One syllable."""
        return Text("가")

    def data(self) -> bytes:
        """UTF-8."""
        return self.value.encode("utf-8", "surrogatepass")

    def __str__(self) -> str:
        return self.value if len(self.value) <= _SHOWN else f"{self.value[:_SHOWN]}…"


@final
@dataclass(frozen=True)
class Image(AnyPart):
    """A picture part: where its bytes are (a path, a tar member, the bytes themselves) or an already decoded picture."""

    kind: ClassVar[str] = "image"
    source: Path | Member | Elsewhere | bytes | PIL.Image.Image

    @classmethod
    def of(cls, value: object) -> tuple[Image, ...]:
        """A part for a picture, or for each of a list of them; here a str is a path. Raises InputError."""
        many = value if isinstance(value, list | tuple) else [] if value is None or value == "" else [value]
        return tuple(image_part(p) for p in many)

    @classmethod
    def plain(cls, side: int) -> Image:
        """A grey square."""
        return Image(PIL.Image.new("RGB", (side, side), (128, 128, 128)))

    def data(self) -> bytes:
        """The encoded bytes, as `read` gives them."""
        return self.read()

    def key(self) -> bytes:
        """The pixels of a decoded picture, which is cheaper than to encode it; else its bytes."""
        if not isinstance(self.source, PIL.Image.Image):
            return self.read()
        return f"{self.source.mode}:{self.source.size}:".encode() + self.source.tobytes()

    def place(self) -> bytes:
        """Where it lies; of bytes and of a decoded picture the content."""
        match self.source:
            case bytes() | PIL.Image.Image():
                return self.key()
            case Member(archive, offset):
                return f"{archive}\0{offset}".encode("utf-8", "replace")
            case _:
                return str(self.source).encode("utf-8", "replace")

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


Part = Text | Image | Signal | Events
#: Every kind of content by its name, in the order in which an item's parts stand, with the class of its parts. A new kind is named here.
KINDS: Mapping[str, type[Part]] = {p.kind: p for p in (Text, Image, Signal, Events)}

#: Those whose parts are plain JSON wherever they are kept or sent; texts and pictures have places of their own.
JSON_KINDS: Mapping[str, type[Signal] | type[Events]] = {p.kind: p for p in (Signal, Events)}


def joined(kinds: Collection[str]) -> str:
    """The name of a set of kinds, given in their declared order: what an item has, or whose vectors agree ("text+image")."""
    return "+".join(kinds)


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

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that it has parts of, in the order of KINDS."""
        there = {p.kind for p in self.parts}
        return tuple(k for k in KINDS if k in there)

    def only(self, kinds: Collection[str]) -> Item:
        """The same item with its parts of these kinds alone."""
        return replace(self, parts=tuple(p for p in self.parts if p.kind in kinds))

    def json_parts(self) -> dict[str, list[Any]]:
        """The parts by kind as plain JSON, of those kinds that have no place of their own in a store: all but texts and pictures."""
        found: dict[str, list[Any]] = {}
        for p in self.parts:
            if not isinstance(p, Text | Image):
                found.setdefault(p.kind, []).append(p.to_json())
        return found

    def pieces(self, kind: str) -> tuple[Item, ...]:
        """What of one kind has a vector of its own, as items of one part each: the texts as one, of every other kind each part."""
        if kind == Text.kind:
            return (replace(self, parts=(Text(self.text),)),) if self.text else ()
        return tuple(replace(self, parts=(p,)) for p in self.parts if p.kind == kind)


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


Content = str | Path | bytes | PIL.Image.Image | Signal | Events | Mapping[str, Any] | Item


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

    A dict's values under the names of kinds become parts (of "signal" and "events" those that have the shape of one), other keys
    facts. Where no id is given it is the hash of the content, so that the same content is the same item. An Item may have no part left
    (an empty text): callers that need one call `require_content`. Raises InputError for a type that is of no kind.
    """
    parts: tuple[Part, ...]
    facts: dict[str, Any] = {}
    match content:
        case Item():
            return content
        case str():
            parts = Text.of(content)
        case Path() | bytes() | PIL.Image.Image() | bytearray() | memoryview():
            parts = Image.of(content)
        case AnyPart():
            parts = (content,)
        case Mapping():
            given = content_of(content)
            if not given:
                raise InputError(f"a row has the keys {sorted(map(str, content))}, {expected_keys}; rename the columns")
            parts = tuple(p for kind, value in given.items() for p in KINDS[kind].of(value))
            facts = {hangul.normalise(str(k)): v for k, v in content.items() if k != "id" and k not in given}
            told = content.get("id")
            if told is not None and (isinstance(told, bool) or not isinstance(told, str | int)):
                raise InputError(f"'id' is a {type(told).__name__}, expected a str or an int")
            id = id or (hangul.normalise(str(told)) if told is not None else None)
        case _:
            raise InputError(f"{type(content).__name__} came, expected {type_names}")
    return Item(id or content_hash(parts), parts, facts)


def content_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row that are content, by kind; all others are its facts."""
    return {kind: row[kind] for kind, part in KINDS.items() if kind in row and part.reads(row[kind])}


def parts_of(stored: Mapping[str, Any]) -> tuple[Part, ...]:
    """The inverse of `Item.json_parts`. Raises InputError."""
    return tuple(p for kind, part in JSON_KINDS.items() for one in stored.get(kind) or () for p in part.of(one))


def plain_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without those that say where an item was read."""
    return {k: v for k, v in told.items() if k not in (SOURCE, PLACE, STATE)}


def require_content(it: Item, kinds: Collection[str] = ()) -> Item:
    """The item itself. Raises InputError where it has no part (an empty string is none), or none of these kinds."""
    if not it.parts:
        raise InputError("empty content came (no text, or white space only), expected words and/or a picture")
    if kinds and not any(p.kind in kinds for p in it.parts):
        raise InputError(f"content of {' and '.join(it.kinds)} came, which this encoder does not read; expected {' and/or '.join(kinds)}")
    return it


def content_hash(parts: tuple[Part, ...], more: bytes = b"") -> str:
    """128 bits of BLAKE2b over the parts' kinds and bytes and `more`, as hex: equal content, equal hash. Reads the pictures."""
    return digest(parts, more=more)
