"""Cached backbone maps and text vectors go in; vectors of the joint 384-d space come out: the networks that mini trains.

Picture: the backbone's last stage, trained further → 3 × 3 cells and a few learned glimpses → Transformer → patch vectors; their
attention-weighted sum is what was *seen*. The untouched backbone's class probabilities times the projected class names (ConSE,
Norouzi et al. 2014) are what was *recognised*. A learned gate weighs the two for each picture. Text: the encoder's vector, centred,
turned, plus a small residual network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.recipes.mini.backbone import CELL, DEEP, FINE, GRID, NARROW, Top, pooling, stage

WIDTH = 384
STAGE = tuple(f"{layer}.{kind}" for layer in ("expand", "project", "near", "last") for kind in ("weight", "bias"))
EASE = 0.1  # the last stage learns at a tenth of the rate, and decays towards what ImageNet taught it


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


class Eased(nn.Module):  # type: ignore[misc]
    """A frozen `Top` plus EASE × a trained difference: under Adam a smaller rate, under weight decay a pull to the start."""

    def __init__(self, start: Top) -> None:
        super().__init__()
        self.still = False  # True: no gradient, as long as the head is only learning to see
        for name, value in start.named_parameters():
            flat = name.replace(".", "_")
            self.register_buffer(f"start_{flat}", value.detach().clone())
            self.register_parameter(f"moved_{flat}", nn.Parameter(torch.zeros_like(value)))

    def _now(self) -> dict[str, Tensor]:
        now = {}
        for name in STAGE:
            flat = name.replace(".", "_")
            moved = getattr(self, f"moved_{flat}")
            now[name] = getattr(self, f"start_{flat}") + EASE * (moved.detach() if self.still else moved)
        return now

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """As `Top`."""
        return stage(maps, self._now())

    def settled(self) -> Top:
        """The same as a plain `Top`, for export."""
        out = Top()
        out.load_state_dict({k: v.detach() for k, v in self._now().items()})
        return out


def cropped(maps: Tensor, smallest: int = 6) -> Tensor:
    """Random square crops of the maps, one size (`smallest`…9) for all, each at its own place, half of them mirrored: [n, s², c]."""
    n, side = len(maps), int(torch.randint(smallest, FINE + 1, ()))
    down, across = torch.randint(0, FINE - side + 1, (2, n, 1, 1))
    rows = down + torch.arange(side)[:, None]
    columns = across + torch.where(torch.rand(n, 1, 1) < 0.5, torch.arange(side), torch.arange(side).flip(0))
    places = (rows * FINE + columns).flatten(1)
    return maps[torch.arange(n)[:, None], places]


class PictureHead(nn.Module):  # type: ignore[misc]
    """Map [n, 81, 208], cells [n, 9, CELL], class shares [n, k] and those classes' vectors [n, k, 384] → pooled, patches, gate."""

    def __init__(
        self,
        top: Top,
        deep: tuple[Tensor, Tensor],
        cells: tuple[Tensor, Tensor],
        width: int = 384,
        layers: int = 2,
        heads: int = 6,
        glimpses: int = 6,
        drop: float = 0.25,
        drop_cells: float = 0.2,
    ) -> None:
        """`deep` and `cells` are the means and deviations of the last convolution's and the cells' channels."""
        super().__init__()
        for name, value in zip(("deep_mean", "deep_spread", "cell_mean", "cell_spread"), (*deep, *cells), strict=True):
            self.register_buffer(name, value)
        self.drop_cells, self.loose = drop_cells, nn.Dropout(drop)
        self.most = 2.0  # the gate's limit
        self.top = Eased(top)
        self.salience = nn.Linear(NARROW, 1 + glimpses)
        self.enter, self.also = nn.Linear(DEEP, width), nn.Linear(CELL, width)
        self.whole, self.glance = nn.Linear(DEEP, width), nn.Linear(DEEP, width)
        self.place = nn.Parameter(torch.randn(GRID * GRID + 1 + glimpses, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, heads, 2 * width, drop) for _ in range(layers))
        self.leave = nn.LayerNorm(width)
        self.joint = nn.Linear(width, WIDTH)
        self.weigh = nn.Linear(width, 1)
        self.gate = nn.Linear(width + 2, 1)
        self.sharpen = nn.Parameter(torch.tensor(1.0))
        nn.init.normal_(self.salience.weight, std=0.02)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, -1.0)

    def _pooled(self, maps: Tensor) -> Tensor:
        """Maps [n, s², 208] → [n, 1 + 9 + glimpses, 1280], standardised: the whole, the cells, the glimpses."""
        narrow, deep = self.top(maps)
        salience = self.salience(narrow).transpose(1, 2).float()  # [n, 1 + glimpses, s²]
        size = int(maps.shape[1])
        pool = pooling(GRID, math.isqrt(size))
        cells = torch.einsum("ap,bq->abpq", pool, pool).reshape(GRID * GRID, -1) * torch.exp(salience[:, :1].clamp(-8, 8))
        cells = cells / cells.sum(-1, keepdim=True)
        whole = torch.full_like(salience[:, :1], 1 / size)
        weights = torch.cat([whole, cells, torch.softmax(salience[:, 1:], dim=-1)], dim=1)
        return ((weights.to(deep.dtype) @ deep - self.deep_mean) / self.deep_spread).clamp(-6, 6)

    def forward(self, maps: Tensor, cells: Tensor, share: Tensor, named: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled unit vectors [n, 384], patch unit vectors [n, 9, 384], and the gate [n, 1] that weighed the class names."""
        n = len(maps)
        x = self._pooled(cropped(maps) if self.training else maps)
        own = ((cells - self.cell_mean) / self.cell_spread).clamp(-6, 6)
        if self.training:
            x = self.loose(x)
            if self.drop_cells:
                own = own * (torch.rand(n, GRID * GRID, 1, device=x.device) > self.drop_cells)
                x = x * (torch.rand(n, x.shape[1], 1, device=x.device) > self.drop_cells)
        small = self.also(own)
        parts = [self.whole(x[:, :1]) + small.mean(1, keepdim=True), self.enter(x[:, 1 : GRID * GRID + 1]) + small]
        z = torch.cat([*parts, self.glance(x[:, GRID * GRID + 1 :])], dim=1) + self.place
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
        gate = self.most * torch.sigmoid(self.gate(torch.cat([z[:, 0], sure], dim=-1)))
        return normalize(seen + gate * recognised, dim=-1), normalize(vectors[:, 1 : GRID * GRID + 1], dim=-1), gate


class Towers(nn.Module):  # type: ignore[misc]
    """Both heads, the class names' text vectors [1000, languages, 384] as the text encoder gives them, and the learned scale."""

    def __init__(self, text: TextHead, picture: PictureHead, names: Tensor, temperature: float = 0.07) -> None:
        super().__init__()
        self.text, self.picture = text, picture
        self.register_buffer("names", names)
        self.away = torch.zeros(0, WIDTH)  # orthonormal directions that no class is to have a part in
        self.scale = nn.Parameter(torch.tensor(1 / temperature).log())

    def classes(self) -> Tensor:
        """The 1,000 class names in the joint space: the mean over languages, centred over classes, [1000, 384] unit rows."""
        each = normalize(self.text(self.names).mean(1), dim=-1)
        centred = each - each.mean(0)
        return normalize(centred - (centred @ self.away.T) @ self.away, dim=-1)
