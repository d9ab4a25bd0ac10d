"""A way to embed and a test go in; outcomes for each query, and the lines of a recipe's table, come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from hannun import metrics
from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture, one_per_base
from hannun.embeddings import Floats
from hannun.encoder import Encoder
from hannun.item import Content, Item
from hannun.recipes.data.pairs import photos, worded

Outcomes = npt.NDArray[np.float64]


class Embed(Protocol):
    """Items, a role and the query's instruction → unit rows [n, dim]."""

    def __call__(self, items: Sequence[Item], role: str, instruction: str | None = None) -> Floats: ...


def embed(
    model: Any, items: Sequence[Item], role: str, task: str = "", instruction: str | None = None, size: int = 64
) -> tuple[Floats, list[Floats]]:
    """Dense vectors [n, dim] of a model in training, and token vectors where it has them; its kept states are used."""
    training, device = model.training, next(iter(model.parameters())).device
    model.eval()
    dense, tokens = [], []
    with torch.inference_mode():
        for at in range(0, len(items), size):
            out = model(model.collate(items[at : at + size], role, instruction=instruction, task=task).to(device))
            dense.append(out.dense.float().cpu().numpy())
            if out.tokens is not None:
                tokens += [t[m].float().cpu().numpy() for t, m in zip(out.tokens, out.mask, strict=True)]
    model.train(training)
    return np.concatenate(dense), tokens


def of_model(model: Any, task: str = "") -> Embed:
    """A model in training as a way to embed."""

    def through_model(items: Sequence[Item], role: str, instruction: str | None = None) -> Floats:
        return embed(model, items, role, task, instruction)[0]

    return through_model


def of_encoder(encoder: Encoder) -> Embed:
    """An encoder as a way to embed, without instructions: what another model's queries are told is not its own."""

    def through_encoder(items: Sequence[Item], role: str, instruction: str | None = None) -> Floats:
        contents: list[Content] = list(items)
        return (encoder.encode_query(contents) if role == "query" else encoder.encode_document(contents)).dense

    return through_encoder


def found(scores: npt.NDArray[Any], answers: Sequence[int], k: int) -> Outcomes:
    """Whether each query's answer is among the first k; ties count against it."""
    return (metrics.pessimistic_rank(scores, np.asarray(answers)) <= k).astype(np.float64)


def reciprocal(scores: npt.NDArray[Any], answers: Sequence[int]) -> Outcomes:
    """One over the rank of each query's answer; a tie counts against it."""
    out: Outcomes = 1 / metrics.pessimistic_rank(scores, np.asarray(answers))
    return out


@dataclass(frozen=True)
class Photos:
    """Flickr8k test in English, and the held-out Korean captions in a gallery of 1,000; of "dev", its photos with Korean captions."""

    test: list[Picture]
    held: list[Picture]

    @staticmethod
    def read(data: Path, split: str = "test") -> Photos:
        """From the data folder."""
        if split == "test":
            return Photos(photos(data, "test"), photos(data, "ko"))
        group = photos(data, split)
        return Photos([p for p in group if "captions_ko" not in p.facts], [p for p in group if "captions_ko" in p.facts])

    def measure(self, embed: Embed) -> dict[str, Outcomes]:
        """R@10 in both directions and both languages, by name."""
        gallery = [*self.held, *self.test]
        seen = embed([p.item for p in gallery], "document")
        asked = embed([p.item for p in gallery], "query")
        out: dict[str, Outcomes] = {}
        for name, group, first in (("en", self.test, len(self.held)), ("ko", self.held, 0)):
            stored = seen[first : first + len(self.test)] if name == "en" else seen[:1000]
            looked = asked[first : first + len(self.test)] if name == "en" else asked[: len(self.held)]
            said = [p.facts["captions"] if name == "en" else p.facts["captions_ko"] for p in group]
            words = [worded(f"{n}", sentences.clean(c)) for n, captions in enumerate(said) for c in captions]
            owner = [n for n, captions in enumerate(said) for _ in captions]
            out[f"Flickr8k {name} T→I R@10"] = found(embed(words, "query") @ stored.T, owner, 10)
            scores = looked @ embed(words, "document").T
            best = np.array([np.where(np.asarray(owner) == n)[0][scores[n, np.asarray(owner) == n].argmax()] for n in range(len(group))])
            out[f"Flickr8k {name} I→T R@10"] = found(scores, best.tolist(), 10)
        return out


def emoji_test(data: Path) -> list[Picture]:
    """One held-out emoji for each base."""
    return one_per_base([p for p in pictures.emoji(data) if p.split == "test" and p.facts["name_ko"] and p.facts["name_en"]])


def named(group: Sequence[Picture], embed: Embed) -> dict[str, Outcomes]:
    """Emoji by their Korean and English names, R@10."""
    seen = embed([p.item for p in group], "document")
    return {
        f"emoji {lang} T→I R@10": found(
            embed([worded(p.key, p.facts[f"name_{lang}"]) for p in group], "query") @ seen.T, range(len(group)), 10
        )
        for lang in ("ko", "en")
    }


def similarity(graded: Sequence[dict[str, Any]], embed: Embed, role: str = "query") -> Outcomes:
    """Cosines of Korean sentence pairs and people's scores of them, [pairs, 2]: `figure` makes Spearman's correlation of them."""
    first = embed([worded(f"a{n}", r["ko"][0]) for n, r in enumerate(graded)], role)
    second = embed([worded(f"b{n}", r["ko"][1]) for n, r in enumerate(graded)], role)
    return np.stack([(first * second).sum(axis=1), np.array([float(r["score"]) for r in graded])], axis=1)


def figure(outcomes: Outcomes) -> float:
    """The mean of outcomes, or Spearman's correlation of their two columns."""
    return float(outcomes.mean()) if outcomes.ndim == 1 else metrics.spearman(*outcomes.T)


def lead(a: Outcomes, b: Outcomes) -> str:
    """How far figure(a) is above figure(b), with its paired 95 % bootstrap interval."""
    low, high = paired(a, b)
    return f"{figure(a) - figure(b):+.3f} [{low:+.3f}, {high:+.3f}]"


def paired(a: Outcomes, b: Outcomes, rounds: int = 1000) -> tuple[float, float]:
    """95 % bootstrap interval of figure(a) − figure(b) over the same queries."""
    return metrics.paired(a, b, statistic=figure, rounds=rounds, swaps=1)[1:3]  # no p-value is asked for


def line(name: str, columns: Sequence[Outcomes]) -> str:
    """One row of a table: each column's figure, and the lead of the first over the second."""
    figures = f"{name:28} " + "  ".join(f"{figure(c):8.3f}" for c in columns)
    return figures if len(columns) < 2 else f"{figures}   {lead(*columns[:2])}"
