"""The text of an HTML page goes in; its title and, in their order, its pieces come out: text, ends of blocks, pictures, captions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import final

_SILENT = frozenset({"script", "style", "noscript", "template", "svg", "math", "head"})
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr"),
        "ul",
    )
)
# Where a page keeps a picture's address, the one that it shows only when it is looked at first.
_SOURCES = ("data-src", "data-original", "data-lazy-src", "src")


@dataclass(frozen=True)
class PageText:
    """Text that is read, inside a caption or not."""

    text: str
    caption: bool


@dataclass(frozen=True)
class PageBreak:
    """A block of text begins or ends."""


@dataclass(frozen=True)
class FigureTag:
    """A <figure> begins, or ends."""

    begins: bool


@dataclass(frozen=True)
class ImageTag:
    """An <img> with its attributes."""

    given: Mapping[str, str]

    @property
    def source(self) -> str:
        """Its address; empty where it has none."""
        return next((v for name in _SOURCES if (v := self.given.get(name, "").strip())), "")


@dataclass(frozen=True)
class CaptionEnd:
    """A caption ends."""


Piece = PageText | PageBreak | FigureTag | ImageTag | CaptionEnd


@dataclass
class Markup:
    """A page's title and its pieces."""

    title: str = ""
    pieces: list[Piece] = field(default_factory=list)


def parsed(html: str) -> Markup:
    """The page of a text; whatever is torn or unclosed in it is read as far as it goes."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page


@final
class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Markup()
        self._silent = 0
        self._titled = self._caption = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A piece, or what is no text from here on."""
        if tag == "title" and not self.page.title:
            self._titled = True
        elif tag == "body":
            self._silent = 0  # pages forget to end their head
        elif tag in _SILENT:
            self._silent += 1
        elif tag == "img":
            self.page.pieces.append(ImageTag({k: v or "" for k, v in attrs}))
        if tag in _BLOCKS:
            self.page.pieces.append(PageBreak())
        if tag == "figure":
            self.page.pieces.append(FigureTag(True))
        self._caption = self._caption or tag == "figcaption"

    def handle_endtag(self, tag: str) -> None:
        """What ends with it."""
        if tag == "title":
            self._titled = False
        elif tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        if tag in _BLOCKS:
            self.page.pieces.append(PageBreak())
        if tag == "figcaption" and self._caption:
            self._caption = False
            self.page.pieces.append(CaptionEnd())
        if tag == "figure":
            self.page.pieces.append(FigureTag(False))

    def handle_data(self, data: str) -> None:
        """Text, where it is read."""
        if self._titled:
            self.page.title += data
        elif not self._silent:
            self.page.pieces.append(PageText(data, self._caption))
