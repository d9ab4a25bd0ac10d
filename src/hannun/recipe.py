"""The one Recipe type: everything that decides what a training run makes, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """A system's name and the numbers of its training.

    `sources` gives each source's weight in the mix; `restricted` names those whose licence forbids some uses, so that a
    build may leave them out; `dims` are the nested Matryoshka dimensions.
    """

    name: str
    sources: Mapping[str, float]
    restricted: frozenset[str]
    steps: int
    batch: int
    learning_rate: float
    dims: tuple[int, ...]
    temperature: float = 0.07
    source_temperature: float = 2.0
    ema: float = 0.0
    seed: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)

    def without_restricted(self) -> Recipe:
        """The same recipe from free sources only."""
        from dataclasses import replace

        return replace(self, name=f"{self.name}-free", sources={k: v for k, v in self.sources.items() if k not in self.restricted})
