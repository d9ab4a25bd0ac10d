"""Data, noise and times go in; what lies between them, and how far a predicted velocity is from the straight way, come out.

Flow matching along straight lines (Lipman et al. 2023; rectified flow, Liu et al. 2023): x_t = (1 − t) · data + t · noise, whose velocity
is noise − data at every t. Times are drawn from a logit-normal (Esser et al. 2024), which looks at the middle of the way more often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float


def times(n: int, generator: torch.Generator, spread: float = 1.0) -> Float[Tensor, " n"]:
    """`n` times in (0, 1): the sigmoid of normal numbers of this spread (Esser et al. 2024 take 1)."""
    return torch.sigmoid(spread * torch.randn(n, generator=generator))


def between(data: Float[Tensor, "n ..."], noise: Float[Tensor, "n ..."], time: Float[Tensor, " n"]) -> Float[Tensor, "n ..."]:
    """The points at `time` (0 the data, 1 the noise) on the lines from data to noise. Raises ValueError where the shapes differ."""
    if data.shape != noise.shape or time.shape != data.shape[:1]:
        raise ValueError(
            f"data {tuple(data.shape)}, noise {tuple(noise.shape)} and times {tuple(time.shape)} came, expected [n, …] and [n]"
        )
    t = time.view(-1, *[1] * (data.ndim - 1))
    return (1 - t) * data + t * noise


def flow_matching(velocity: Float[Tensor, "n ..."], data: Float[Tensor, "n ..."], noise: Float[Tensor, "n ..."]) -> Float[Tensor, ""]:
    """Mean squared distance of predicted velocities from noise − data; scalar. Raises ValueError where the shapes differ."""
    if not velocity.shape == data.shape == noise.shape:
        raise ValueError(
            f"velocity {tuple(velocity.shape)}, data {tuple(data.shape)} and noise {tuple(noise.shape)} came, expected one shape"
        )
    return (velocity - (noise - data)).square().mean()
