"""Items with their scores go in; one line of text for each, or an HTML table with thumbnails for a notebook, comes out.

The size of a table is bounded: rows, pictures of a row, and the bytes of every picture; everything that people wrote is escaped.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

from hannun.errors import HannunError
from hannun.item import Image, Item

ROWS = 30
PICTURES = 3  # of one row
SIDE = 128  # pixels of the longer side
_TEXT = 300  # characters of a text, and of all facts together
_LINE = 60


def line(item: Item) -> str:
    """What an item is, in a few words: the beginning of its text, or where its picture lies."""
    text = " ".join((item.text or "").split())
    if text:
        return text if len(text) <= _LINE else text[: _LINE - 1] + "…"
    return str(item.images[0]) if item.images else ""


def table(rows: Sequence[tuple[float, Item]]) -> str:
    """An HTML table: score, id, thumbnails, text and facts of each item, at most ROWS of them."""
    body = "".join(f"<tr><td>{score:.3f}</td>{_cells(item)}</tr>" for score, item in rows[:ROWS])
    more = f"<p>and {len(rows) - ROWS} more</p>" if len(rows) > ROWS else ""
    return f"<table><tr><th>score</th><th>id</th><th></th><th>text</th><th>facts</th></tr>{body}</table>{more}"


def _cells(item: Item) -> str:
    pictures = "".join(map(_thumbnail, item.images[:PICTURES]))
    facts = ", ".join(f"{k} = {v}" for k, v in item.facts.items())
    return f"<td>{_escaped(item.id)}</td><td>{pictures}</td><td>{_escaped(item.text or '')}</td><td>{_escaped(facts)}</td>"


def _escaped(text: str) -> str:
    return html.escape(text if len(text) <= _TEXT else text[: _TEXT - 1] + "…")


def _thumbnail(picture: Image) -> str:
    try:
        small = picture.load(SIDE)
    except HannunError as e:
        return f"<em>{_escaped(str(e))}</em>"
    small.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=80)
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}">'
