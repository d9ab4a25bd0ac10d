"""A document (HTML, Markdown, a PDF, a folder) goes in; its pictures come out in their order, each with the words that stand by it.

Nothing is fetched: a picture that an address names (https://…) is counted as unread, one inside the document (data:…) is read. Words by a
picture are its alternative text and caption, and of the running text the block before it and the block after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final
from urllib.parse import urlsplit

from hannun.errors import InputError, MissingError
from hannun.item import Image, Item
from hannun.shards import PICTURES
from hannun.sources import pdf
from hannun.sources.html import beside, embedded
from hannun.sources.markup import CaptionEnd, FigureTag, ImageTag, PageBreak, PageText, Piece, parsed
from hannun.sources.reading import walk
from hannun.sources.tables import decode_text, ending

PAGES = frozenset({"html", "htm", "xhtml", "md", "markdown"})
MOST = 500  # pictures of one document
_BESIDE = 300  # characters of the running text before and after a picture that count as being by it


@dataclass(frozen=True)
class Illustration:
    """A picture of a document: its place in it from 0, what its maker says of it, the running text by it, and what it is called there."""

    number: int
    image: Image
    caption: str = ""
    beside: str = ""
    name: str = ""

    @property
    def words(self) -> str:
        """All words by it."""
        return " ".join(w for w in (self.caption, self.beside) if w)


@dataclass(frozen=True)
class Illustrated:
    """A document's title, its figures, and what of its pictures is not read, with the reason."""

    title: str
    figures: tuple[Illustration, ...]
    unread: tuple[tuple[str, str], ...] = ()


def read(path: Path) -> Illustrated:
    """The pictures of a document. Raises MissingError for a path that is not there, InputError for one of another kind."""
    if not path.exists():
        raise MissingError(f"{path}: no such document; check the path")
    if path.is_dir():
        return _folder(path)
    kind = ending(path)
    if kind in PAGES:
        text = decode_text(path.read_bytes(), str(path))
        return page(rendered(text) if kind in ("md", "markdown") else text, path.parent, path.stem)
    if kind == "pdf":
        pages = [it for it in pdf.items(path, str(path), {}) if isinstance(it, Item)][:MOST]
        figures = tuple(Illustration(n, it.images[0], beside=(it.text or "")[:_BESIDE], name=f"page {n + 1}") for n, it in enumerate(pages))
        return Illustrated(path.stem, figures)
    if kind in PICTURES:
        return Illustrated(path.stem, (Illustration(0, Image(path), name=path.name),))
    raise InputError(f"{path}: is of no kind that holds pictures, expected a folder, .pdf, {', '.join('.' + p for p in sorted(PAGES))}")


def rendered(markdown: str) -> str:
    """Markdown as HTML."""
    from markdown_it import MarkdownIt

    return str(MarkdownIt("commonmark", {"html": True}).render(markdown))


def page(html: str, folder: Path | None, title: str = "") -> Illustrated:
    """The pictures of an HTML page that lies in `folder`; of a page that lies nowhere (None) only those inside it are read."""
    read = parsed(html)
    figures: list[Illustration] = []
    unread: list[tuple[str, str]] = []
    seen: set[str] = set()
    for found in _Around(read.pieces).pictures:
        if found.source in seen:
            continue
        seen.add(found.source)
        if len(figures) >= MOST:
            unread.append((found.source[:120], f"is beyond the first {MOST} pictures"))
            continue
        image = _picture(found.source, folder)
        if isinstance(image, str):
            unread.append((found.source[:120], image))
            continue
        beside = " ".join(f"{found.before[-_BESIDE:]} {found.after[:_BESIDE]}".split())
        figures.append(Illustration(len(figures), image, " ".join(found.said.split()), beside, found.source[:200]))
    return Illustrated(" ".join(read.title.split()) or title, tuple(figures), tuple(unread))


def _folder(path: Path) -> Illustrated:
    found = [folder / n for folder, names in walk(path) for n in names if ending(Path(n)) in PICTURES]
    figures = tuple(
        Illustration(n, Image(f), beside=re.sub(r"[_\-]+", " ", f.stem), name=str(f.relative_to(path))) for n, f in enumerate(found[:MOST])
    )
    return Illustrated(path.name, figures, tuple((str(f), f"is beyond the first {MOST} pictures") for f in found[MOST:]))


def _picture(source: str, folder: Path | None) -> Image | str:
    """The picture that an address names, or why it is not read."""
    if source[:5].lower() == "data:":
        inside = embedded(source)
        return Image(inside) if inside else "is inside the document, but no picture"
    parts = urlsplit(source)
    if parts.scheme not in ("", "file") or parts.netloc:
        return "lies elsewhere, and Hannun does not fetch; save the page with its pictures"
    if folder is None:
        return "is a file that did not come with the document"
    file = beside(folder, source, folder)
    if file is None:
        return "is not there, or lies outside the folder of the document"
    return Image(file) if ending(file) in PICTURES else "is of no kind of picture that is read"


@dataclass
class _Found:
    source: str
    said: str
    before: str
    after: str = ""


@final
class _Around:
    """The pictures of a page in their order, with the text around them."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pictures: list[_Found] = []
        self._block = ""  # the running text since the last picture
        self._waiting: list[_Found] = []  # pictures whose text after them is still to come
        self._figure: list[_Found] | None = None
        self._told = ""  # a caption under way
        for piece in pieces:
            self._take(piece)

    def _take(self, piece: Piece) -> None:
        match piece:
            case PageText(text, True):
                self._told += text
            case PageText(text):
                self._text(text)
            case PageBreak():
                self._text(" ")
            case FigureTag(begins):
                self._figure = [] if begins else None
            case CaptionEnd():
                for picture in self._figure or self.pictures[-1:]:
                    picture.said = f"{picture.said} {self._told}".strip()
                self._told = ""
            case ImageTag():
                self._seen(piece)

    def _text(self, data: str) -> None:
        self._block = f"{self._block}{data}"[-4 * _BESIDE :]
        for picture in self._waiting:
            picture.after = f"{picture.after}{data}"
        self._waiting = [p for p in self._waiting if len(p.after) < 2 * _BESIDE]

    def _seen(self, picture: ImageTag) -> None:
        given, source = picture.given, picture.source
        if not source and given.get("srcset", "").strip():
            source = given["srcset"].split(",")[0].split()[0]
        if not source:
            return
        said = " ".join(dict.fromkeys(w for w in (given.get("alt", ""), given.get("title", "")) if w.strip()))
        found = _Found(source, said, " ".join(self._block.split()))
        self.pictures.append(found)
        self._waiting = [found]  # the text between two pictures is after the first and before the second
        self._block = ""
        if self._figure is not None:
            self._figure.append(found)
