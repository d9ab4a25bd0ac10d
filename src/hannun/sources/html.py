"""An HTML page and the files beside it go in; an Item of its words and one for each of its pictures come out. Nothing is ever fetched.

The words of a picture are those that the page has for it (alt, title, its caption); where it has none, those that stand nearest to it.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from hannun import hangul
from hannun.errors import InputError
from hannun.item import Image, Item, Problem, Text
from hannun.sources.markup import FigureTag, ImageTag, Markup, PageBreak, PageText, Piece, parsed
from hannun.sources.roots import on_disk
from hannun.sources.tables import decode_text

PAGES = frozenset({"html", "htm"})
MAX_BYTES = 16 * 2**20  # of one page
MAX_PICTURES = 1_000  # of one page
MAX_TEXT = 100_000  # characters of a page, and of what stands near a picture a fraction of it
_NEAR = 300  # characters


@final
@dataclass
class _Picture:
    source: str
    words: list[str]  # its alt and title
    block: int  # how many blocks of text come before it
    caption: list[str] = field(default_factory=list)  # shared by the pictures of a figure


@final
class _Page:
    """The title, the blocks of text and the pictures of a page."""

    def __init__(self, page: Markup) -> None:
        self.title, self.blocks, self.pictures = page.title, list[str](), list[_Picture]()
        self._words: list[str] = []
        self._figures: list[list[str]] = []
        self._caption = False
        for piece in page.pieces:
            self._take(piece)
        self._flush()

    def _take(self, piece: Piece) -> None:
        match piece:
            case PageText(text, caption):
                self._words.append(text)
                self._caption = caption
            case PageBreak():
                self._flush()
            case FigureTag(True):
                self._figures.append([])
            case FigureTag() if self._figures:
                self._figures.pop()
            case ImageTag():
                self._picture(piece)

    def _picture(self, found: ImageTag) -> None:
        if found.source and len(self.pictures) <= MAX_PICTURES:
            words = dict.fromkeys(w for name in ("alt", "title") if (w := hangul.normalise(found.given.get(name, ""))))
            caption = self._figures[-1] if self._figures else []
            self.pictures.append(_Picture(found.source, list(words), len(self.blocks) + bool("".join(self._words).strip()), caption))

    def _flush(self) -> None:
        text = hangul.normalise("".join(self._words))
        self._words = []
        if text:
            self.blocks.append(text)
            if self._caption and self._figures:
                self._figures[-1].append(text)


def items(file: Path, id: str, facts: Mapping[str, Any], within: Path) -> Iterator[Item | Problem]:
    """The page's words with the id given, and its pictures with the ids `ID#image-N`; "title" is the page's own where it has one.

    Pictures at other addresses are counted in one Problem, and so are those that are not there or lie outside the folder `within`.
    Raises InputError where the file is no text or over MAX_BYTES, and OSError as opening a file does.
    """
    page = _read(file)
    told = {**facts, **({"title": title[:_NEAR]} if (title := hangul.normalise(page.title)) else {})}
    words = _within(page.blocks, MAX_TEXT)
    if words:
        yield Item(id, Text.of(words), told)
    away, missing = 0, list[str]()
    for number, picture in enumerate(page.pictures[:MAX_PICTURES], start=1):
        if _is_remote(picture.source):
            away += 1
            continue
        image = embedded(picture.source) or beside(file.parent, picture.source, within)
        if image is None:
            missing.append(picture.source[:80])
            continue
        yield Item(f"{id}#image-{number}", (*Text.of(_said(page, picture)), Image(image)), told)
    if away:
        yield Problem(str(file), f"names {away} pictures at other addresses, which are not fetched; save the page with them")
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield Problem(str(file), f"names pictures that are not there, or lie outside its folder: {missing[0]!r}{more}", id)
    if len(page.pictures) > MAX_PICTURES:
        yield Problem(str(file), f"has over {MAX_PICTURES:,} pictures, of which these are read; split it")
    if not words and not page.pictures:
        raise InputError(f"{file}: has neither words nor pictures in it")


def claimed(file: Path, within: Path) -> Iterator[str]:
    """The absolute paths of the pictures beside a page that it shows. Raises OSError and InputError as reading it does."""
    for picture in _read(file).pictures[:MAX_PICTURES]:
        if not _is_remote(picture.source) and (place := beside(file.parent, picture.source, within)) is not None:
            yield str(place)


def _read(file: Path) -> _Page:
    if (size := file.stat().st_size) > MAX_BYTES:
        raise InputError(f"{file}: has {size:,} bytes, the limit for a page is {MAX_BYTES:,}; split it")
    return _Page(parsed(decode_text(file.read_bytes(), str(file))))


def _said(page: _Page, picture: _Picture) -> list[str]:
    """What a page says of a picture: its alt, title and caption; else the text before it, or behind it at the page's begin."""
    if own := [*picture.words, *picture.caption]:
        return own
    return _within(page.blocks[max(0, picture.block - 1) : picture.block] or page.blocks[:1], _NEAR)


def _within(lines: Sequence[str], most: int) -> list[str]:
    """Lines up to so many characters, the last one cut."""
    kept: list[str] = []
    for line in lines:
        if most <= 0:
            break
        kept.append(line[:most])
        most -= len(line)
    return kept


def _is_remote(source: str) -> bool:
    return source.startswith("//") or (_scheme(source) not in ("", "data", "file"))


def _scheme(source: str) -> str:
    """An address's scheme; "" for a path, "invalid" for what is no address."""
    try:
        return urlsplit(source[:2000]).scheme if ":" in source[:12] else ""
    except ValueError:
        return "invalid"


def embedded(source: str) -> bytes | None:
    """The bytes of a picture that the page itself holds (`data:`, RFC 2397); None where they are none."""
    head, comma, rest = source.partition(",")
    if not comma or not head.lower().startswith("data:image/"):
        return None
    try:
        return (base64.b64decode(unquote(rest)) if head.lower().endswith(";base64") else unquote_to_bytes(rest)) or None
    except (binascii.Error, ValueError):
        return None


def beside(folder: Path, source: str, within: Path) -> Path | None:
    """The file of a picture that a page in `folder` names: one below the folder `within`, else None, wherever links in it lead."""
    if _scheme(source):
        return None
    plain = unquote(source.partition("?")[0].partition("#")[0])
    if not plain or "\0" in plain or plain.startswith("/"):
        return None
    place = on_disk(Path(folder.absolute() / plain))
    try:
        inside = place.resolve().is_relative_to(within.resolve()) and place.is_file()
    except (OSError, ValueError, RuntimeError):
        return None
    return Path(os.path.abspath(place)) if inside else None
