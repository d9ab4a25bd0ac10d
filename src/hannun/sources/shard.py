"""A tar of pictures with JSON and texts goes in; an Item for each of its records comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hannun import shards
from hannun.errors import HannunError
from hannun.item import Item, Problem, item
from hannun.sources.columns import Reading, identity, kept_facts, words
from hannun.sources.tables import Notes


def items(file: Path, reading: Reading) -> Iterator[Item | Problem]:
    """The items of a tar. Raises InputError at a damaged place."""
    notes, unread = Notes(), Counter[str]()
    for record in shards.read(file):
        where = f"{file}::{record.key}"
        unread.update(record.unread)
        if "_problem" in record.data:
            yield Problem(where, f"its JSON cannot be read ({record.data['_problem']})")
            continue
        data = reading.named(record.data)
        text = data.pop("text", None) or record.text or data.pop("caption", None)
        if isinstance(text, list):  # a curated record's, which tells the origin of each
            text = shards.texts({"text": words(text)})
        if not text and not record.pictures:
            yield Problem(where, "has neither picture nor text")
            continue
        try:
            made = item({"id": identity(data.get("id")) or record.key, "text": words(text), "image": list(record.pictures)})
            told, odd = kept_facts(data, reading)
        except HannunError as e:
            yield Problem(where, str(e))
            continue
        for name, reason in odd:
            notes.tell(f"column {name}", f"{where}, {name!r}", reason)
        yield from notes.drain()
        yield replace(made, facts=told)
    if unread:
        kinds = ", ".join(f"{n} .{kind}" for kind, n in sorted(unread.items()))
        yield Problem(str(file), f"has files beside its records that are not read: {kinds}")
