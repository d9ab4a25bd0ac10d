"""A signal goes in; the mean, maximum, minimum and deviation of each channel come out, of what was measured alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hannun.sensors.channels import spoken
from hannun.signals import Signal


@dataclass(frozen=True)
class ChannelStatistics:
    """What one channel is like; `deviation` is the population's, as the release has it."""

    key: str
    mean: float
    highest: float
    lowest: float
    deviation: float


def statistics(signal: Signal, keys: tuple[str, ...] | None = None) -> list[ChannelStatistics]:
    """Of each channel that captions speak of (or of `keys`) and that was measured at all, in the signal's order."""
    wanted = spoken(signal.channels) if keys is None else keys
    return [found for key in wanted if key in signal.channels and (found := of_channel(signal, key)) is not None]


def of_channel(signal: Signal, key: str) -> ChannelStatistics | None:
    """Of one channel; None where it was never measured."""
    column = signal.channels.index(key)
    x = signal.values[signal.measured[:, column], column].astype(np.float64)
    return ChannelStatistics(key, float(x.mean()), float(x.max()), float(x.min()), float(x.std())) if len(x) else None
