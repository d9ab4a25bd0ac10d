"""A module goes in; the rows, tokens and pictures that pass it a second, and the share of the device's arithmetic they take, come out.

The arithmetic is counted as Kaplan et al. 2020 count it: 2 operations a weight and token forward, 2 for the gradient of what is below, 2
for the weight's own where it is trained; a pass that gradient caching makes twice counts once (as MFU does, Chowdhery et al. 2022).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

import torch
from torch import nn

from hannun.models.features import Features

#: Dense bfloat16 operations a second, from the makers' data sheets, by a part of the device's name.
PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10G": 70e12, "4090": 165e12}


@final
class Speed:
    """Counts what a module is called with inside `counting`; `read` gives what passed a second since it was last asked."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        self.peak = next((v for k, v in PEAKS.items() if k in name), 0.0)
        self._device, self._open, self._since = device, False, time.monotonic()
        self._rows = self._tokens = self._pictures = 0
        matrices = [p for p in module.parameters() if p.ndim > 1]
        self._each = sum(p.numel() * (6 if p.requires_grad else 4) for p in matrices)
        self._hook = module.register_forward_pre_hook(self._count)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Calls in here are the batch's own; those outside are replays."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def _count(self, _: nn.Module, given: tuple[Any, ...]) -> None:
        if not self._open or not given or not isinstance(given[0], Features):
            return
        features = given[0]
        self._rows += len(features)
        self._pictures += sum(features.pictures)
        ids = features.rows.get("input_ids")
        mask = features.rows.get("attention_mask")
        read = mask if mask is not None else ids
        self._tokens += 0 if read is None else int(mask.sum()) if mask is not None else read.numel()

    def read(self) -> dict[str, float]:
        """Rows, tokens, pictures a second of this process, and `mfu` where the device's peak is known; what did not come is left out."""
        now = time.monotonic()
        seconds, self._since = max(now - self._since, 1e-9), now
        found = {"rows": self._rows, "tokens": self._tokens, "pictures": self._pictures}
        out = {f"{k}_per_second": round(n / seconds, 2) for k, n in found.items() if n}
        if self._tokens:
            done = self._each * self._tokens / seconds
            out["teraflops"] = round(done / 1e12, 4)
            if self.peak:
                out["mfu"] = round(done / self.peak, 4)
        self._rows = self._tokens = self._pictures = 0
        return out

    def close(self) -> None:
        """Count no more."""
        self._hook.remove()


def board(folder: Path, schedule: Mapping[str, Any]) -> Any:
    """A run on Weights & Biases where WANDB_PROJECT is set and its package is installed (the extra `wandb`); None otherwise."""
    if not os.environ.get("WANDB_PROJECT"):
        return None
    with suppress(ImportError):
        import wandb

        return wandb.init(dir=str(folder), name=folder.name, config=dict(schedule), resume="allow", reinit="finish_previous")
    return None
