"""Contents and shares go in as people give them, out as a service reads them in JSON; what it answers comes back as records."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.item import KINDS, Content, Image, item, plain_facts, require_content
from hannun.search.hits import PatchMap, Why
from hannun.search.options import Share
from hannun.search.query import Example, Known


def why_of(told: Mapping[str, Any]) -> Why:
    """What a service tells of a score."""
    terms = tuple((w["word"], w["score"]) for w in told.get("words", ()))
    seen = told.get("patches")
    patches = PatchMap(seen["rows"], seen["columns"], tuple(seen["values"])) if seen else None
    return Why(told["parts"], terms, told.get("picture"), patches, told.get("rank", 0), told.get("note", ""))


def words_given(words: Share) -> dict[str, float]:
    """What is left to the collection is not sent: an older service knows no "auto"."""
    return {} if words == "auto" else {"words": words}


def content_json(content: Content) -> dict[str, Any]:
    """A query's content as a service reads it. Raises InputError for several pictures."""
    it = require_content(item(content, id="-"))
    if len(it.images) > 1:
        raise InputError(f"{len(it.images)} pictures came in one query, expected one at most")
    return {**({"text": it.text} if it.text else {}), **({"image": _base64(it.images[0])} if it.images else {}), **it.json_parts()}


def example_json(example: Example) -> dict[str, Any]:
    """An example: an item by its id, or a content."""
    if isinstance(example, Known):
        return {"id": example.id}
    if isinstance(example, Mapping) and "id" in example and not KINDS.keys() & example.keys():
        return {"id": str(example["id"])}
    return content_json(example)


def array_of(told: Mapping[str, Any]) -> Floats:
    """An array as a service sends it: base64 of little-endian float32, and its shape."""
    return np.frombuffer(base64.b64decode(told["data"]), "<f4").astype(np.float32).reshape(told["shape"])


def row_json(content: Content) -> dict[str, Any]:
    """A row to add, with its pictures read and in it."""
    it = require_content(item(content))
    return {
        **plain_facts(it.facts),
        "id": it.id,
        **({"text": it.text} if it.text else {}),
        **({"image": [_base64(p) for p in it.images]} if it.images else {}),
        **it.json_parts(),
    }


def _base64(picture: Image) -> str:
    return base64.b64encode(picture.read()).decode()
