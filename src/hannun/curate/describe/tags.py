"""Texts of several origins go in; the same texts with the tag of their origin, `[PROMPT]`, `[QUERY]` or `[SHOPPING]`, come out.

One captioning model learns all three and is asked for one of them by the tag (Prompt-CoCa).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from hannun.curate.describe.attributes import sentences
from hannun.shards import untagged as untagged

Tag = Literal["PROMPT", "QUERY", "SHOPPING"]


def tagged(tag: Tag, text: str) -> str:
    """`[QUERY] 빨간 원피스`."""
    return f"[{tag}] {text}"


def texts(title: str | None, queries: Iterable[str], attributes: Mapping[str, object]) -> Iterator[str]:
    """Everything that is said about one picture: its title as SHOPPING, its queries as QUERY, its attributes' sentences as PROMPT."""
    if title:
        yield tagged("SHOPPING", title)
    yield from (tagged("QUERY", q) for q in queries)
    yield from (tagged("PROMPT", s) for s in sentences(attributes))
