"""A document (HTML, Markdown, a PDF, a folder) goes in; its pictures come out in their order, each with the words that stand by it.

Nothing is fetched: a picture that an address names (https://…) is counted as unread, one inside the document (data:…) is read. Words by a
picture are its alternative text and caption, and of the running text the block before it and the block after it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from hannun.errors import InputError, MissingError
from hannun.item import Image, Item
from hannun.shards import PICTURES
from hannun.sources import pdf
from hannun.sources.html import SOURCES, beside
from hannun.sources.reading import walk
from hannun.sources.tables import decode_text, ending

PAGES = frozenset({"html", "htm", "xhtml", "md", "markdown"})
MOST = 500  # pictures of one document
_BESIDE = 300  # characters of the running text before and after a picture that count as being by it
_BLOCKS = frozenset({"p", "div", "section", "article", "li", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "figure", "br"})
_SILENT = frozenset({"script", "style", "template", "head", "noscript"})


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
    reader = _PageReader()
    reader.feed(html)
    reader.close()
    figures: list[Illustration] = []
    unread: list[tuple[str, str]] = []
    seen: set[str] = set()
    for found in reader.pictures:
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
    return Illustrated(" ".join(reader.title.split()) or title, tuple(figures), tuple(unread))


def _folder(path: Path) -> Illustrated:
    found = [folder / n for folder, names in walk(path) for n in names if ending(Path(n)) in PICTURES]
    figures = tuple(
        Illustration(n, Image(f), beside=re.sub(r"[_\-]+", " ", f.stem), name=str(f.relative_to(path))) for n, f in enumerate(found[:MOST])
    )
    return Illustrated(path.name, figures, tuple((str(f), f"is beyond the first {MOST} pictures") for f in found[MOST:]))


def _picture(source: str, folder: Path | None) -> Image | str:
    """The picture that an address names, or why it is not read."""
    if source[:5].lower() == "data:":
        head, comma, body = source.partition(",")
        if not comma or not head[5:].lower().startswith("image/"):
            return "is inside the document, but no picture"
        try:
            data = base64.b64decode(unquote(body), validate=False) if head.lower().endswith(";base64") else unquote_to_bytes(body)
        except (binascii.Error, ValueError):
            return "is inside the document, but not base64"
        return Image(data)
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
@dataclass
class _PageReader(HTMLParser):
    """The pictures of a page in their order, with the text around them."""

    pictures: list[_Found] = field(default_factory=list)
    title: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []  # what stands now and is not text to read
        self._block = ""  # the running text since the last picture
        self._waiting: list[_Found] = []  # pictures whose text after them is still to come
        self._figure: list[_Found] | None = None
        self._told: str | None = None  # a caption under way
        self._titled = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Pictures, captions, and what is no text."""
        given = {k: v or "" for k, v in attrs}
        if tag in _SILENT:
            self._open.append(tag)
        elif tag == "title":
            self._titled = True
        elif tag == "figure":
            self._figure = []
        elif tag == "figcaption":
            self._told = ""
        elif tag == "img":
            self._seen(given)
        elif tag == "meta" and given.get("property", given.get("name", "")) in ("og:image", "twitter:image"):
            pass  # a page's own choice is not one of its pictures: it mostly is one of them again
        if tag in _BLOCKS:
            self._text(" ")

    def handle_endtag(self, tag: str) -> None:
        """What ends with it."""
        if self._open and tag == self._open[-1]:
            self._open.pop()
        elif tag == "title":
            self._titled = False
        elif tag == "figcaption" and self._told is not None:
            for picture in self._figure or self.pictures[-1:]:
                picture.said = f"{picture.said} {self._told}".strip()
            self._told = None
        elif tag == "figure":
            self._figure = None

    def handle_data(self, data: str) -> None:
        """Text, where it is read."""
        if self._titled:
            self.title += data
        elif self._told is not None:
            self._told += data
        elif not self._open:
            self._text(data)

    def _text(self, data: str) -> None:
        self._block = f"{self._block}{data}"[-4 * _BESIDE :]
        for picture in self._waiting:
            picture.after = f"{picture.after}{data}"
        self._waiting = [p for p in self._waiting if len(p.after) < 2 * _BESIDE]

    def _seen(self, given: dict[str, str]) -> None:
        source = next((v.strip() for k in SOURCES if (v := given.get(k, "")).strip()), "")
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
