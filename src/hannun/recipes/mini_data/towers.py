"""Cached backbone cells and text vectors go in; vectors of the joint 384-d space come out: the networks that mini trains.

Picture: 3 × 3 cells → Transformer → patch vectors; their attention-weighted sum is what was *seen*. The backbone's class
probabilities times the projected class names (ConSE, Norouzi et al. 2014) are what was *recognised*. A learned gate weighs
the two for each picture. Text: the encoder's vector, centred, turned, plus a small residual network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.recipes.mini_data.backbone import CELL, GRID

WIDTH = 384


class TextHead(nn.Module):  # type: ignore[misc]
    """[n, 384] unit vectors of the text encoder → [n, 384] unit vectors of the joint space."""

    def __init__(self, mean: Tensor, turn: Tensor, hidden: int = 768) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.turn = nn.Linear(WIDTH, WIDTH, bias=True)
        with torch.no_grad():
            self.turn.weight.copy_(turn)
            self.turn.bias.zero_()
        self.inner, self.outer = nn.Linear(WIDTH, hidden), nn.Linear(hidden, WIDTH)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        centred = normalize(vectors, dim=-1) - self.mean
        y = normalize(self.turn(centred), dim=-1)
        return normalize(y + self.outer(torch.relu(self.inner(y * WIDTH**0.5))), dim=-1)


class Layer(nn.Module):  # type: ignore[misc]
    """A pre-norm Transformer layer over [n, t, width], written out so that it exports plainly."""

    def __init__(self, width: int, heads: int, inner: int, drop: float) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(self.first(x)).reshape(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        attention = torch.softmax(q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5, dim=-1)
        x = x + self.drop(self.out((attention @ v).transpose(1, 2).reshape(n, t, width)))
        return x + self.drop(self.down(nn.functional.gelu(self.up(self.second(x)))))


class PictureHead(nn.Module):  # type: ignore[misc]
    """Cells [n, 9, CELL], top class shares [n, k] with the vectors [n, k, 384] of those classes → pooled [n, 384], patches [n, 9, 384]."""

    def __init__(
        self, mean: Tensor, spread: Tensor, width: int = 384, layers: int = 2, heads: int = 6, drop: float = 0.15, drop_cells: float = 0.15
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.drop_cells = drop_cells
        self.enter = nn.Linear(CELL, width)
        self.whole = nn.Linear(CELL, width)
        self.place = nn.Parameter(torch.randn(GRID * GRID + 1, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, heads, 2 * width, drop) for _ in range(layers))
        self.leave = nn.LayerNorm(width)
        self.joint = nn.Linear(width, WIDTH)
        self.weigh = nn.Linear(width, 1)
        self.gate = nn.Linear(width + 2, 1)
        self.sharpen = nn.Parameter(torch.tensor(1.0))
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, cells: Tensor, share: Tensor, named: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled unit vectors [n, 384], patch unit vectors [n, 9, 384], and the gate [n, 1] that weighed the class names."""
        x = ((cells - self.mean) / self.spread).clamp(-6, 6)
        whole = x.mean(1, keepdim=True)
        if self.training and self.drop_cells:
            x = x * (torch.rand(*x.shape[:2], 1, device=x.device) > self.drop_cells)
        z = torch.cat([self.whole(whole), self.enter(x)], dim=1) + self.place
        for layer in self.layers:
            z = layer(z)
        z = self.leave(z)
        vectors = self.joint(z)
        weight = torch.softmax(self.weigh(z), dim=1)
        seen = normalize((vectors * weight).sum(1), dim=-1)
        sharp = torch.exp(torch.log(share.clamp(min=1e-6)) * self.sharpen)
        sharp = sharp / sharp.sum(-1, keepdim=True)
        recognised = normalize((sharp[..., None] * named).sum(1), dim=-1)
        sure = torch.stack([share[:, 0], -(share * torch.log(share.clamp(min=1e-6))).sum(-1)], dim=-1)
        gate = 2 * torch.sigmoid(self.gate(torch.cat([z[:, 0], sure], dim=-1)))
        return normalize(seen + gate * recognised, dim=-1), normalize(vectors[:, 1:], dim=-1), gate


class Towers(nn.Module):  # type: ignore[misc]
    """Both heads, the class names' text vectors [1000, languages, 384] as the text encoder gives them, and the learned scale."""

    def __init__(self, text: TextHead, picture: PictureHead, names: Tensor, temperature: float = 0.07) -> None:
        super().__init__()
        self.text, self.picture = text, picture
        self.register_buffer("names", names)
        self.scale = nn.Parameter(torch.tensor(1 / temperature).log())

    def classes(self) -> Tensor:
        """The 1,000 class names in the joint space: the mean over languages, centred over classes, [1000, 384] unit rows."""
        each = normalize(self.text(self.names).mean(1), dim=-1)
        return normalize(each - each.mean(0), dim=-1)
