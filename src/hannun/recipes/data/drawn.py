"""A folder goes in; pairs of the drawn catalogue's titles and pictures, and outcomes on what of it is held out, come out.

Training entries are drawn beyond the default catalogue and never show what is held out for testing. Documents are left out: their titles
say what is printed on them, which a small picture does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hannun.datasets import pictures
from hannun.datasets.pictures import Picture
from hannun.item import Pair
from hannun.recipes import table
from hannun.recipes.data.pairs import worded
from hannun.recipes.table import Outcomes

COUNT, SEED = 3000, 3  # of the training entries


def catalogue(folder: Path, count: int = COUNT) -> list[Picture]:
    """Garments and things, drawn under `folder` where they are not yet: of `count` training entries, and the test entries."""
    return [p for p in pictures.catalogue(folder, count, SEED) if p.facts["category"] != "문서"]


def titled(group: Sequence[Picture], language: str) -> list[Pair]:
    """(title → picture) of a group, in one language."""
    name = "text" if language == "ko" else "title_en"
    return [Pair(worded(f"{p.key}/{language}", str(p.facts[name])), p.item, (), f"drawn_{language}") for p in group]


def training(folder: Path, count: int = COUNT) -> dict[str, list[Pair]]:
    """Training pairs by source: drawn_ko and drawn_en."""
    group = [p for p in catalogue(folder, count) if p.split == "train"]
    return {f"drawn_{lang}": titled(group, lang) for lang in ("ko", "en")}


def test(folder: Path) -> list[Picture]:
    """The test entries, drawn in `folder`/test."""
    return catalogue(folder / "test", 0)


def measure(group: Sequence[Picture], embed: table.Embed) -> dict[str, Outcomes]:
    """Outcomes by name, of Korean titles and pictures: text recall (TR: picture → its title), image recall (IR), kind by its name."""
    seen, looked = (embed([p.item for p in group], role) for role in ("document", "query"))
    titles = [worded(p.key, str(p.facts["text"])) for p in group]
    asked, said = embed(titles, "query"), embed(titles, "document")
    places: dict[str, int] = {}
    for n, p in enumerate(group):
        places.setdefault(str(p.facts["text"]), n)
    first = [places[str(p.facts["text"])] for p in group]  # of a title that two pictures share, its first
    unique = sorted(set(first))
    row = {n: k for k, n in enumerate(unique)}
    out: dict[str, Outcomes] = {}
    for k in (1, 5):
        out[f"drawn TR@{k}"] = table.found(looked @ said[unique].T, [row[n] for n in first], k)
    for k in (1, 5):
        out[f"drawn IR@{k}"] = table.found(asked[unique] @ seen.T, unique, k)
    kinds = sorted({str(p.facts["kind"]) for p in group})
    scores = looked @ embed([worded(f"kind/{k}", k) for k in kinds], "document").T
    out["drawn kind, top-1"] = np.asarray(scores.argmax(axis=1) == [kinds.index(str(p.facts["kind"])) for p in group], np.float64)
    return out
