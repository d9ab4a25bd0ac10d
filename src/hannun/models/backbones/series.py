"""Signals go in, tokens of their patches come out: the token source of captioners that read wearables (SensorLM, arXiv:2506.09108).

A signal is laid on the rows and channels of a form and cut into patches of rows × channels, as the paper cuts a day of 1440 minutes × 26
features into patches of 10 × 2: 1,872 tokens of a ViT. A patch of which nothing was measured has no token, and inside a patch the mask is
read beside the values, so that a missing value is never taken for a zero. Ours: several forms in one network (a day, and short
windows of raw values), each with a projection and places of its own; a place is the sum of one for the time and one for the channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor, nn

from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.sensors.channels import FEATURES, MINUTES
from hannun.sensors.form import Mask, day_table, gridded, standardised
from hannun.signals import Signal

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

DAY = "day"


@dataclass(frozen=True)
class SeriesForm:
    """How signals of one kind are laid out: `rows` at `rate` Hz of `channels`, cut into patches [rows, channels].

    `mean` and `deviation` standardise each channel, where given. The form DAY is the paper's table: its channels are FEATURES.
    """

    name: str
    rows: int
    rate: float
    channels: tuple[str, ...]
    patch: tuple[int, int]
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    @property
    def grid(self) -> tuple[int, int]:
        """Patches along the rows and along the channels."""
        return math.ceil(self.rows / self.patch[0]), math.ceil(len(self.channels) / self.patch[1])

    @property
    def tokens(self) -> int:
        """How many patches there are, measured or not."""
        return self.grid[0] * self.grid[1]

    def laid(self, signal: Signal) -> tuple[Floats, Mask]:
        """Standardised values and mask [rows, channels] of a signal. Raises InputError where it has none of the channels.

        Of a longer signal the rows in the middle are read; a faster one is averaged, a slower one leaves rows unmeasured.
        """
        if self.name == DAY:
            values, mask = day_table(signal)
            return standardised(values, mask), mask
        if not set(signal.channels) & set(self.channels):
            raise InputError(f"a signal of {', '.join(signal.channels)[:120]} came, expected some of {', '.join(self.channels)}")
        cell = np.floor(np.arange(len(signal.values)) * self.rate / signal.rate + 1e-6).astype(np.int64)
        skipped = max(0, int(cell[-1]) + 1 - self.rows) // 2
        here = (cell >= skipped) & (cell < skipped + self.rows)
        values, mask = np.zeros((self.rows, len(self.channels)), np.float32), np.zeros((self.rows, len(self.channels)), bool)
        for n, key in enumerate(self.channels):
            if key in signal.channels:
                column = signal.channels.index(key)
                made = gridded(cell[here] - skipped, signal.values[here, column], signal.measured[here, column], self.rows, False)
                values[:, n], mask[:, n] = made
        if self.mean:
            values = np.asarray((values - np.array(self.mean)) / np.array(self.deviation), np.float32)
        return np.where(mask, values, 0).astype(np.float32), mask


def day_form(patch: tuple[int, int] = (10, 2)) -> SeriesForm:
    """The paper's table of a day; its own patches are 10 × 2, which makes 1,872 tokens."""
    return SeriesForm(DAY, MINUTES, 1 / 60, tuple(f.key for f in FEATURES), patch)


@dataclass(frozen=True)
class SeriesShape:
    """The numbers of the network; all of them are saved with it."""

    forms: tuple[SeriesForm, ...]
    width: int
    layers: int
    heads: int
    inner: int
    drop: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the checkpoint's own file."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> SeriesShape:
        """The inverse of `to_json`."""
        plain: list[dict[str, Any]] = [{k: tuple(v) if isinstance(v, list) else v for k, v in form.items()} for form in data["forms"]]
        made = [SeriesForm(**form) for form in plain]
        return SeriesShape(**{**data, "forms": tuple(made)})


#: The ViTs of the paper's sizes; B with patches of 10 × 2 is the configuration that is released, S and L are the ViT's own.
SMALL: Mapping[str, int] = {"width": 384, "layers": 12, "heads": 6, "inner": 1536}
BASE: Mapping[str, int] = {"width": 768, "layers": 12, "heads": 12, "inner": 3072}
LARGE: Mapping[str, int] = {"width": 1024, "layers": 24, "heads": 16, "inner": 4096}


@final
class Series(nn.Module):  # type: ignore[misc]
    """See the module's first lines: a `TokenSource` of signals."""

    kind = Signal.kind
    side = 0
    path: Path | None = None

    def __init__(self, shape: SeriesShape) -> None:
        super().__init__()
        self.shape, self.width = shape, shape.width
        sizes = [2 * f.patch[0] * f.patch[1] for f in shape.forms]
        self.enter = nn.ModuleList(nn.Linear(size, shape.width) for size in sizes)
        self.when = nn.ParameterList(nn.Parameter(torch.randn(f.grid[0], shape.width) * 0.02) for f in shape.forms)
        self.which = nn.ParameterList(nn.Parameter(torch.randn(f.grid[1], shape.width) * 0.02) for f in shape.forms)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                shape.width, shape.heads, shape.inner, shape.drop, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(shape.width)

    def remember(self, folder: Path) -> None:
        """Nothing: every layer is trained."""

    def formed(self, signal: Signal) -> int:
        """The number of the form that a signal is laid on: the one that has most of its channels, then the nearest rate.

        Raises InputError where no form has any of its channels.
        """
        mine = set(signal.channels)
        fits = [
            (len(mine & set(f.channels)), -abs(math.log(f.rate / signal.rate)), -len(f.channels), n) for n, f in enumerate(self.shape.forms)
        ]
        shared, _, _, best = max(fits)
        if not shared:
            known = sorted({c for f in self.shape.forms for c in f.channels})
            raise InputError(f"a signal of {', '.join(signal.channels)[:120]} came; this model reads {', '.join(known)[:200]}")
        return best

    def collate(self, parts: Sequence[Signal]) -> dict[str, Tensor]:
        """Of each signal the measured patches, end to end.

        `values` [n, t, 2·patch] (values, then the mask), `place` [n, t] (row and channel of the patch as one number), `form` [n],
        `there` [n, t]: the rest of a row is padding. Raises InputError for a signal that no form fits or of which nothing is measured.
        """
        rows = [self._patches(p) for p in parts]
        longest, widest = max(len(place) for _, _, place in rows), max(v.shape[1] for _, v, _ in rows)
        values, place = np.zeros((len(rows), longest, widest), np.float32), np.zeros((len(rows), longest), np.int64)
        there = np.zeros((len(rows), longest), bool)
        for n, (_, v, p) in enumerate(rows):
            values[n, : len(v), : v.shape[1]], place[n, : len(p)], there[n, : len(p)] = v, p, True
        made = {"values": values, "place": place, "form": np.array([f for f, _, _ in rows]), "there": there}
        return {k: torch.from_numpy(v) for k, v in made.items()}

    def _patches(self, signal: Signal) -> tuple[int, Floats, Any]:
        number = self.formed(signal)
        form = self.shape.forms[number]
        values, mask = form.laid(signal)
        (down, across), (tall, wide) = form.grid, form.patch
        room = ((0, down * tall - len(values)), (0, across * wide - values.shape[1]))
        cut = [
            np.pad(x, room).reshape(down, tall, across, wide).transpose(0, 2, 1, 3).reshape(down * across, tall * wide)
            for x in (values, mask.astype(np.float32))
        ]
        kept = np.flatnonzero(cut[1].any(axis=1))
        if not len(kept):
            raise InputError(f"{signal} has no measured value where the form {form.name!r} reads it")
        return number, np.concatenate(cut, axis=1)[kept], kept

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Float[Tensor, "n t width"], Bool[Tensor, "n t"]]:
        """Tokens, and which of them are patches that were measured."""
        there = inputs["there"]
        x = torch.zeros(*there.shape, self.width, device=there.device)
        for number, form in enumerate(self.shape.forms):
            mine = inputs["form"] == number
            if bool(mine.any()):
                patches = inputs["values"][mine][..., : self.enter[number].in_features]
                place = inputs["place"][mine]
                made = self.enter[number](patches) + self.when[number][place // form.grid[1]] + self.which[number][place % form.grid[1]]
                x = x.index_put((mine.nonzero().squeeze(1),), made.to(x.dtype))
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~there)
        return self.norm(x), there
