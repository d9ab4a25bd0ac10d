"""The weights of a tiny picture autoencoder go in; its encoder (pictures → latents) and decoder (latents → pictures) come out.

The taesd project's autoencoders (madebyollin, MIT), of which `taef2_*.pth` has 32 channels at an eighth of the scale: convolutions of 64
channels in residual blocks, some of them with a gate of normalised groups. Layers are read off the names and shapes of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hannun.errors import InputError, MissingError

if TYPE_CHECKING:
    from jaxtyping import Float

NAMES = {"encoder": "taef2_encoder.pth", "decoder": "taef2_decoder.pth"}
SCALE = 8  # pixels of a latent cell


class LatentBlock(nn.Module):  # type: ignore[misc]
    """Three convolutions beside the identity; `pooled` adds a path through normalised groups before them."""

    def __init__(self, width: int, inner: int = 0) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.pool = (
            nn.Sequential(nn.Conv2d(width, inner, 1, bias=False), nn.GroupNorm(4, inner), nn.ReLU(), nn.Conv2d(inner, width, 1, bias=False))
            if inner
            else None
        )

    def forward(self, x: Float[Tensor, "n k h w"]) -> Float[Tensor, "n k h w"]:
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


class Bounded(nn.Module):  # type: ignore[misc]
    """Latents kept softly within ±3."""

    def forward(self, x: Float[Tensor, "n k h w"]) -> Float[Tensor, "n k h w"]:
        return torch.tanh(x / 3) * 3


def _layers(state: Mapping[str, Any], decodes: bool) -> nn.Sequential:
    """The modules whose parameters have these names and shapes, at these places; what has no weights stands between them."""
    places = sorted({int(k.partition(".")[0]) for k in state})
    made: list[nn.Module] = []
    for n in range(places[-1] + 1):
        weight = state.get(f"{n}.weight")
        if weight is not None:
            out, width = weight.shape[:2]
            halves = not decodes and f"{n}.bias" not in state
            made.append(nn.Conv2d(width, out, 3, stride=2 if halves else 1, padding=1, bias=f"{n}.bias" in state))
        elif f"{n}.conv.0.weight" in state:
            inner = state.get(f"{n}.pool.0.weight")
            made.append(LatentBlock(state[f"{n}.conv.0.weight"].shape[0], 0 if inner is None else inner.shape[0]))
        else:
            made.append(Bounded() if n == 0 else nn.ReLU() if n == 2 else nn.Upsample(scale_factor=2))
    network = nn.Sequential(*made)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _read(path: Path) -> nn.Sequential:
    if not path.is_file():
        raise MissingError(f"{path}: no such weights, expected those of taesd's taef2 (see docs/data.md); give the data with --data")
    try:
        return _layers(torch.load(path, map_location="cpu", weights_only=True), "decoder" in path.name)
    except Exception as e:  # another network's weights, half a file
        raise InputError(f"{path}: is no autoencoder of taef2's kind ({' '.join(str(e).split())[:160]})") from None


def encoder(folder: Path) -> nn.Sequential:
    """Pictures [n, 3, 8 h, 8 w] in 0 … 1 → latents [n, 32, h, w]. Raises MissingError, InputError."""
    return _read(folder / NAMES["encoder"])


def decoder(folder: Path) -> nn.Sequential:
    """Latents [n, 32, h, w] → pictures [n, 3, 8 h, 8 w], about 0 … 1. Raises MissingError, InputError."""
    return _read(folder / NAMES["decoder"])
