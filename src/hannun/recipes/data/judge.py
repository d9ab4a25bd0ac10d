"""Real drawings go in; a judge of small pictures comes out: the garment, colour and pattern of each, and its colour by pixels.

It is trained on drawings alone, never on what a generator made, and its own accuracy on drawings of combinations that it has not seen is
what a generator's figures are to be read beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hannun.catalogue import COLOURS, PATTERNS, Product
from hannun.catalogue.garments import GARMENTS
from hannun.colour import lab
from hannun.embeddings import Floats
from hannun.recipes.data.drawn_prompts import DrawnSet, Pixels

ASPECTS = {"kind": tuple(GARMENTS), "color": tuple(COLOURS), "pattern": tuple(PATTERNS)}
_STEPS, _DECAY, _LENGTH = 60, 1e-3, 10.0  # of L-BFGS; of the weights' squares; about how long the standardised states are
_BORDER, _APART, _LEAST = 4, 12.0, 0.02  # pixels of the ground's edge; Lab distance from it that is the garment's; its least share


@dataclass(frozen=True)
class Judged:
    """For each picture whether its garment, colour and pattern are those that were asked for; colour also by pixels. 1.0 or 0.0."""

    kind: npt.NDArray[np.float64]
    color: npt.NDArray[np.float64]
    pattern: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.float64]


@final
class Judge:
    """Three linear classifiers on standardised states of mini's picture tower."""

    def __init__(self, real: DrawnSet, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self._mean, self._deviation = real.states.mean(0), real.states.std(0) + 1e-3
        x = torch.from_numpy(self._scaled(real.states))
        self._layers: dict[str, Any] = {}
        for aspect, values in ASPECTS.items():
            y = torch.tensor([values.index(getattr(p, aspect)) for p in real.products])
            layer = nn.Linear(x.shape[1], len(values))
            nn.init.zeros_(layer.weight)
            optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

            def loss(layer: nn.Linear = layer, y: torch.Tensor = y, optimiser: Any = optimiser) -> torch.Tensor:
                optimiser.zero_grad()
                value = nn.functional.cross_entropy(layer(x), y) + _DECAY * layer.weight.square().sum()
                value.backward()
                return value

            optimiser.step(loss)
            self._layers[aspect] = layer

    def _scaled(self, states: Floats) -> Floats:
        made: Floats = ((states - self._mean) / self._deviation * (_LENGTH / np.sqrt(states.shape[1]))).astype(np.float32)
        return made

    def names(self, states: Floats) -> dict[str, list[str]]:
        """What each picture shows, by aspect."""
        x = torch.from_numpy(self._scaled(states))
        with torch.no_grad():
            return {a: [ASPECTS[a][int(k)] for k in layer(x).argmax(1)] for a, layer in self._layers.items()}

    def judged(self, states: Floats, pixels: Pixels, asked: tuple[Product, ...]) -> Judged:
        """Pictures against what was asked for."""
        said = self.names(states)
        right = {a: np.array([s == getattr(p, a) for s, p in zip(said[a], asked, strict=True)], np.float64) for a in ASPECTS}
        seen = [colour_of(p) for p in pixels]
        return Judged(**right, pixels=np.array([c == p.color for c, p in zip(seen, asked, strict=True)], np.float64))


def colour_of(pixels: Pixels) -> str:
    """The palette's colour nearest to what most of the thing in the middle is of, by pixels alone."""
    values = lab(pixels.astype(np.float32))
    edge = np.concatenate([values[:_BORDER].reshape(-1, 3), values[-_BORDER:].reshape(-1, 3), values[:, :_BORDER].reshape(-1, 3)])
    flat = values.reshape(-1, 3)
    away = np.sqrt(((flat[:, None] - _few(edge)[None]) ** 2).sum(-1)).min(1) > _APART
    middle = np.zeros(pixels.shape[:2], bool)
    middle[12:-12, 12:-12] = True
    thing = flat[away & middle.ravel()]
    if len(thing) < _LEAST * len(flat):
        thing = flat[middle.ravel()]  # white on white
    palette = lab(np.array([c.rgb for c in COLOURS.values()], np.float32)[None])[0]
    votes = np.bincount(((thing[:, None] - palette[None]) ** 2).sum(-1).argmin(1), minlength=len(palette))
    return list(COLOURS)[int(votes.argmax())]


def _few(edge: Floats) -> Floats:
    """A few values that stand for the ground: its edge is a slow gradient."""
    order = np.argsort(edge[:, 0])
    return edge[order[:: max(1, len(order) // 24)]]
