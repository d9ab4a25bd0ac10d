"""Contents as people hand them over go in; items with plain facts, each id once, and Problems with reasons come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hannun.errors import HannunError
from hannun.item import PLACE, SOURCE, Content, Item, Problem, item
from hannun.sources import Reading, Rooted, kept_facts, learnt, placed


def items_of(contents: Iterable[Content | Problem], seen: set[str], rooted: Rooted) -> Iterator[Item | Problem]:
    """The items that contents are, with plain facts; a Problem for each that is none, or whose id is among those `seen`.

    `rooted` gives the names of folders that items were read in.
    """
    odd: set[str] = set()
    for number, content in enumerate(contents, start=1):
        if isinstance(content, Problem):
            yield content
            continue
        try:
            it = item(content)
        except HannunError as e:  # of this row alone; a picture without an id is read for one, and may be gone
            yield Problem(f"row {number}", str(e))
            continue
        if PLACE in it.facts and SOURCE in it.facts:
            it = _homed(it, rooted)
        if it.id in seen:
            yield Problem(f"row {number}", f"the id {it.id!r} came before; the first one is kept, give this one another id", it.id)
            continue
        seen.add(it.id)
        if SOURCE not in it.facts:  # what was read of files is plain already
            told, without = kept_facts(it.facts, Reading())
            it = Item(it.id, it.parts, told)
            for name, reason in without:
                if name not in odd:  # once, however many rows have it
                    yield Problem(f"row {number}, fact {name!r}", reason)
            odd |= {name for name, _ in without}
        yield it


def _homed(it: Item, rooted: Rooted) -> Item:
    """An item with the place of its file in this collection, and the id that comes of it; mostly it has these already."""
    source, former = it.facts[SOURCE], it.facts[PLACE]
    place = placed(rooted([learnt(source, former)]), source)
    if place == former:
        return it
    id = place + it.id[len(former) :] if it.id == former or it.id.startswith(f"{former}#") else it.id
    return Item(id, it.parts, {**it.facts, PLACE: place})
