"""The data folder goes in; parallel Korean–English prompts by source, and those kept for measuring, come out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hannun.catalogue import held_out, products
from hannun.datasets import pictures
from hannun.datasets.split import part
from hannun.errors import DependencyError
from hannun.recipes.data import drawn_prompts, pairs

Parallel = tuple[str, str]
CAPTIONS = 300  # sentences that are measured on


@dataclass(frozen=True)
class ParallelPrompts:
    """Pairs to train on by source, and pairs to measure on: combinations that are held out, and sentences of captions."""

    train: dict[str, list[Parallel]]
    held: list[Parallel]
    sentences: list[Parallel]


def prompts(data: Path | None) -> ParallelPrompts:
    """The catalogue's prompts; with the data folder also names of emoji and parallel sentences, a part of them for measuring."""
    held = [drawn_prompts.asked(p)[0] for p in products() if held_out(p)]
    train = {"drawn": drawn_prompts.prompts(held=False)}
    if data is None or not data.exists():
        return ParallelPrompts(train, held, [])
    sentences: list[Parallel] = []
    try:
        every = [(p.query.text or "", p.positive.text or "") for p in pairs.parallel(data, pairs.measured_sentences(data))]
    except DependencyError:
        every = []
    for pair in every:
        if len(pair[0]) <= 120:  # a prompt, not a paragraph
            (sentences if part(f"prompts {pair[1]}", 4) == "test" else train.setdefault("sentences", [])).append(pair)
    if (data / "emoji").exists():
        signs = [p for p in pictures.emoji(data) if p.split == "train"]
        train["emoji"] = sorted({(str(p.facts["name_ko"]), str(p.facts["name_en"])) for p in signs})
    return ParallelPrompts(train, held, sentences[:CAPTIONS])
