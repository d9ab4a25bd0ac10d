"""Texts of several origins go in; the same texts with the tag of their origin, `[PROMPT]`, `[QUERY]` or `[SHOPPING]`, come out.

One captioning model learns all three and is asked for one of them by the tag (Prompt-CoCa). As in Naver's talk, captions and titles of
documents are [PROMPT], what people searched for is [QUERY], and names of products are [SHOPPING].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from hannun.curate.describe.attributes import sentences
from hannun.shards import untagged as untagged

Tag = Literal["PROMPT", "QUERY", "SHOPPING"]


#: Attributes that hold a product's name and not something about it.
NAMES = ("상품명", "제품명", "product_name", "product")


def tagged(tag: Tag, text: str) -> str:
    """`[QUERY] 빨간 원피스`."""
    return f"[{tag}] {text}"


def texts(title: str | None, queries: Iterable[str], attributes: Mapping[str, object]) -> Iterator[str]:
    """Everything said of one picture: title and attributes' sentences as PROMPT, queries as QUERY, the product's name as SHOPPING."""
    if title:
        yield tagged("PROMPT", title)
    yield from (tagged("QUERY", q) for q in queries)
    yield from (tagged("SHOPPING", str(attributes[k])) for k in NAMES if attributes.get(k))
    yield from (tagged("PROMPT", s) for s in sentences({k: v for k, v in attributes.items() if k not in NAMES}))
