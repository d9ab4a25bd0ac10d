"""A test double: ids and patches in, dense and token vectors out; small, with dropout, and with everything a real network has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import nn
from torch.nn.functional import normalize

from hannun.item import Item
from hannun.models.features import Features, Vectors

LENGTH = 6


@final
class Net(nn.Module):  # type: ignore[misc]
    """Letters are embedded, patches of pictures are added to them, a Transformer layer with dropout reads both."""

    def __init__(self, width: int = 16, drop: float = 0.3) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.letters, self.patch = nn.Embedding(64, width), nn.Linear(3, width)
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=drop, batch_first=True)
        self.head = nn.Linear(width, 8)
        self.unused = nn.Linear(2, 2)  # as a vision tower is in a batch of texts
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def collate(self, items: Sequence[Item], role: str, *, instruction: str | None = None, task: str = "") -> Features:
        ids, mask = torch.zeros(len(items), LENGTH, dtype=torch.int64), torch.zeros(len(items), LENGTH, dtype=torch.bool)
        for n, it in enumerate(items):
            written = [ord(c) % 64 for c in (instruction or "") + (it.text or "-")][:LENGTH]
            ids[n, : len(written)], mask[n, : len(written)] = torch.tensor(written), True
        return Features({"ids": ids, "mask": mask}, (0,) * len(items), {}, None, task, role)

    def forward(self, features: Features) -> Vectors:
        x, mask = self.letters(features.rows["ids"]), features.rows["mask"]
        if features.pixels:
            assert features.patches is not None
            owners = [n for n, count in enumerate(features.pictures) for _ in range(count)]
            places = torch.tensor([o for o, p in zip(owners, features.patches, strict=True) for _ in range(p)])
            seen = self.patch(features.pixels["pixel_values"])
            x = x + torch.zeros_like(x[:, 0]).index_add(0, places, seen)[:, None]
        x = self.layer(x, src_key_padding_mask=~mask)
        dense = normalize((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)
        return Vectors(dense, normalize(self.head(x), dim=-1) * mask[..., None], mask)


def features(n: int, seed: int, pictures: bool) -> Features:
    """Random rows; with `pictures`, 0 to 2 of them in a row, each of 1 to 4 patches."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 64, (n, LENGTH), generator=g)
    mask = torch.arange(LENGTH)[None] < torch.randint(1, LENGTH + 1, (n, 1), generator=g)
    if not pictures:
        return Features({"ids": ids, "mask": mask}, (0,) * n)
    counts = tuple(torch.randint(0, 3, (n,), generator=g).tolist())
    patches = tuple(torch.randint(1, 5, (sum(counts),), generator=g).tolist())
    return Features({"ids": ids, "mask": mask}, counts, {"pixel_values": torch.randn(sum(patches), 3, generator=g)}, patches)


def gradient(module: nn.Module) -> Any:
    """All gradients end to end, zeros where there is none."""
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in module.parameters()])
