"""A collection (or a service's) goes in, an MCP server with the tools search, similar, add and tag comes out.

Hits come back as text and as small pictures, so that an agent sees what it found. Pictures that an agent sends are base64; paths are
read only below a folder that the user named.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

from pydantic import Field

import hannun
from hannun.errors import DependencyError, HannunError, InputError
from hannun.item import Content, Item
from hannun.search.hits import Hit
from hannun.search.proposals import unwritten
from hannun.serve.http.contents import picture as decoded
from hannun.serve.outside import outside

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from hannun.collection import Collection

THUMBNAIL = 256  # pixels: enough to see what it is, little to read
_PIXELS = 50_000_000
_TEXT = 1000  # characters of an item's text that are told

Where = Annotated[str | None, Field(description="a condition on facts: category = 원피스 and price < 50000")]
Limit = Annotated[int, Field(ge=1, le=50)]
Shown = Annotated[bool, Field(description="whether to show small pictures of what was found")]


def server(collection: Collection, *, files: Path | None = None, writable: bool = True) -> MCPServer:
    """The tools of a collection. Below the folder `files`, pictures may be named by path; `writable` adds the tools that change items.

    Raises DependencyError without the `mcp` package.
    """
    try:
        from mcp.server import MCPServer
        from mcp.types import ToolAnnotations
    except ImportError:
        raise DependencyError(
            "the tools for agents need the package mcp: pip install -c constraints.txt '.[agents]' in Hannun's folder"
        ) from None
    name = outside(str(collection.name))
    made = MCPServer(
        "hannun",
        title="Hannun",
        version=hannun.__version__,
        instructions=f"Korean and English search over the collection {name}: by words, by a picture, or by both.",
    )
    tools = _Tools(collection, files)
    for reading in (tools.search, tools.similar):
        made.tool(annotations=ToolAnnotations(read_only_hint=True), structured_output=False)(reading)
    for writing in (tools.add, tools.tag) if writable else ():
        made.tool(annotations=ToolAnnotations(read_only_hint=False, idempotent_hint=True))(writing)
    return made


@final
class _Tools:
    """One collection's tools: each method's name, signature and docstring are what an agent reads of it."""

    def __init__(self, collection: Collection, files: Path | None) -> None:
        self._collection, self._files = collection, files
        self._places: list[tuple[str | Path, str]] = [
            (collection.name, outside(str(collection.name))),
            *([(files.absolute(), files.name)] if files else ()),
        ]

    def search(
        self,
        words: Annotated[str, Field(description="what to look for, in Korean or English; words after a minus are avoided")] = "",
        image: Annotated[str | None, Field(description="a picture as base64, alone or together with words")] = None,
        where: Where = None,
        limit: Limit = 10,
        weights: Annotated[
            dict[str, float] | None, Field(description='how much the parts of an item count, by kind: {"text": 0.7, "image": 0.3}')
        ] = None,
        diversity: Annotated[float, Field(ge=0, le=1, description="0 pure relevance … 1 as varied as can be")] = 0.0,
        sort: Annotated[
            str | None,
            Field(description="a fact: what fits comes in its order; -price: the greatest first. Without words and picture: all items"),
        ] = None,
        last: Annotated[str | None, Field(description="a condition; the items it holds for come after all others: stock = 0")] = None,
        pictures: Shown = True,
    ) -> list[Any]:
        """Items nearest to words, to a picture, or to both. Gives id, score, text and facts of each, best first."""
        from mcp.types import TextContent

        with self._errors():
            query: Content = {"text": words, **({"image": self._picture(image)} if image else {})}
            asked = query if words or image or not sort else None
            hits = self._collection.search(asked, weights=weights, where=where, limit=limit, diversity=diversity, sort=sort, last=last)
            found = _content(hits, pictures)
            if unwritten(words, (h.relevance for h in hits)) and (meant := self._collection.readings(words)):
                found.append(TextContent(type="text", text=f"did you mean: {', '.join(meant[:3])}"))
            return found

    def similar(
        self,
        ids: Annotated[list[str], Field(min_length=1, max_length=20, description="ids of items, from search")],
        where: Where = None,
        limit: Limit = 10,
        pictures: Shown = True,
    ) -> list[Any]:
        """More like these: items nearest to items that were found before, without these themselves."""
        with self._errors():
            return _content(self._collection.similar(ids, where=where, limit=limit), pictures)

    def add(
        self,
        text: str = "",
        image: Annotated[str | None, Field(description="a picture as base64")] = None,
        id: Annotated[str | None, Field(description="an item with this id is replaced; left out, the content's hash")] = None,
        facts: Annotated[dict[str, str | int | float | bool] | None, Field(description="what filters use: category, price, …")] = None,
    ) -> dict[str, Any]:
        """Add one item: a text, a picture, or both, with facts."""
        with self._errors():
            row: dict[str, Any] = {**(facts or {}), "text": text, **({"image": self._picture(image)} if image else {})}
            report = self._collection.add([row | ({"id": id} if id else {})])
            return {"added": report.added, "unchanged": report.unchanged, "items": len(self._collection)}

    def tag(
        self,
        ids: Annotated[list[str], Field(min_length=1, max_length=50, description="ids of items, from search")],
        choices: Annotated[list[str], Field(min_length=1, max_length=50, description="tags to choose from, as short phrases")],
        fact: Annotated[
            str | None, Field(description="write the best choice of each item into this fact; left out, nothing is written")
        ] = None,
    ) -> dict[str, Any]:
        """Which of some tags fits each item best, by its looks and words; the best may be written into a fact that filters then use."""
        with self._errors():
            return tags(self._collection, ids, choices, fact)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Hannun's errors as the protocol has them, without the places of this machine."""
        from mcp.server.mcpserver.exceptions import ToolError

        try:
            yield
        except HannunError as e:
            raise ToolError(outside(str(e), self._places)) from None

    def _picture(self, image: str) -> bytes:
        """A picture's bytes from base64, or from a path below the folder that the user named."""
        if self._files is not None and not image.startswith("data:") and len(image) < 4096:
            path = (self._files / image).resolve()
            if path.is_file():
                if not path.is_relative_to(self._files.resolve()):
                    raise InputError(f"{image}: lies outside {self._files}, and no other pictures may be read")
                return decoded(base64.b64encode(path.read_bytes()).decode(), _no_fetch, _PIXELS)
        return decoded(image, _no_fetch, _PIXELS)


def _content(hits: Sequence[Hit], pictures: bool) -> list[Any]:
    """Hits as an agent receives them: one text for all, then the small picture of each."""
    from mcp.types import ImageContent, TextContent

    found: list[Any] = [TextContent(type="text", text=json.dumps([_plain(h) for h in hits], ensure_ascii=False))]
    for hit in hits if pictures else ():
        if (small := _thumbnail(hit.item)) is not None:
            found.append(TextContent(type="text", text=f"picture of {hit.id}:"))
            found.append(ImageContent(type="image", data=base64.b64encode(small).decode(), mime_type="image/jpeg"))
    return found


def tags(collection: Collection, ids: Sequence[str], choices: Sequence[str], fact: str | None) -> dict[str, Any]:
    """Each item's choices with their scores, best first; the best is written into `fact` where one is named."""
    for id in ids:
        collection.get(id)  # an unknown id is a mistake, not an item without tags
    quoted = ", ".join('"' + i.replace("\\", "\\\\").replace('"', '\\"') + '"' for i in ids)
    scores: dict[str, dict[str, float]] = {i: {} for i in ids}
    for choice in choices:
        for hit in collection.search({"text": choice}, where=f"id in ({quoted})", limit=len(ids)):
            scores[hit.id][choice] = round(hit.score, 4)
    ranked = {i: dict(sorted(s.items(), key=lambda kv: -kv[1])) for i, s in scores.items()}
    written = 0
    if fact:
        for choice in choices:
            best = [i for i, s in ranked.items() if next(iter(s), None) == choice]
            written += collection.update({fact: choice}, ids=best) if best else 0
    return {"tags": ranked, "written": written}


def _plain(hit: Hit) -> dict[str, Any]:
    return {"id": hit.id, "score": round(hit.score, 4), "text": (hit.item.text or "")[:_TEXT], "facts": dict(hit.item.facts)}


def _thumbnail(it: Item) -> bytes | None:
    if not it.images:
        return None
    try:
        small = it.images[0].load(THUMBNAIL)
    except HannunError:
        return None  # gone since it was indexed; its text still tells
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return out.getvalue()


def _no_fetch(url: str) -> bytes:
    raise InputError(f"{url[:120]!r}: URLs are not fetched; send the picture as base64")
