"""Texts and pictures go in, a vector for each or for both comes out of one Transformer; beside it, while it is trained, its slow teacher.

The frame is MoCo v3's (Chen et al. 2021, arXiv:2104.02057), as OneR takes it (Jang et al. 2023, arXiv:2211.11153): a projector on both
sides, a predictor on the student's alone, a teacher that is the moving average of the student, its momentum rising to 1 by half a cosine,
and no gradient to it. A query goes through the predictor, a document does not: that is what the objectives compare.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import PIL.Image
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.embeddings import Embeddings, Floats, unit
from hannun.item import Image, Item, Text
from hannun.models.adapters import Role, Task
from hannun.models.features import Features, Vectors, embeddings
from hannun.models.frozen import Kept
from hannun.models.network import Row, content, decoded, plain_text
from hannun.models.one_tower.trunk import OneTowerShape, Sequences, Trunk
from hannun.objectives.infonce import START_TEMPERATURE

if TYPE_CHECKING:
    from jaxtyping import Float

IMAGE, TEXT = Image.kind, Text.kind
#: The ways to read a pair: each alone, each in the light of the other, both as one.
MODES = (IMAGE, TEXT, "image|text", "text|image", "both")


class BatchNormLast(nn.BatchNorm1d):  # type: ignore[misc]
    """Batch normalisation over every axis but the last."""

    def forward(self, x: Tensor) -> Tensor:
        """x [..., width] → the same, normalised."""
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def mlp(width: int, hidden: int, dim: int, layers: int, batch_norm: bool) -> nn.Sequential:
    """A head of linear layers: batch normalisation and ReLU between them and a normalisation behind (MoCo v3), or LayerNorm and GELU."""
    parts: list[nn.Module] = []
    for n in range(layers):
        last = n == layers - 1
        a, b = (hidden if n else width), (dim if last else hidden)
        parts.append(nn.Linear(a, b, bias=not batch_norm))
        if batch_norm:
            parts += [BatchNormLast(b, affine=not last), *([] if last else [nn.ReLU()])]
        elif not last:
            parts += [nn.LayerNorm(b), nn.GELU()]
    return nn.Sequential(*parts)


@final
class Branch(nn.Module):  # type: ignore[misc]
    """A trunk for both kinds or one for each, and projectors likewise: all of the teacher, and the student but its predictor."""

    def __init__(self, shape: OneTowerShape) -> None:
        super().__init__()
        if shape.trunks == 1:
            self.trunks = nn.ModuleList([Trunk(shape, shape.layers)])
        else:
            each = shape.layers // 2
            self.trunks = nn.ModuleList([Trunk(shape, each, text=False), Trunk(shape, each, image=False)])
        heads = (mlp(shape.width, shape.hidden, shape.dim, 3, shape.batch_norm) for _ in range(shape.projectors))
        self.projectors = nn.ModuleList(heads)

    def trunk(self, kind: str) -> Trunk:
        """The Transformer that reads a kind."""
        found: Trunk = self.trunks[kind == TEXT if len(self.trunks) > 1 else 0]
        return found

    def projected(self, kind: str, states: Float[Tensor, "... width"]) -> Float[Tensor, "... dim"]:
        """States of a kind through its projector."""
        out: Tensor = self.projectors[kind == TEXT if len(self.projectors) > 1 else 0](states)
        return out

    def read(self, image: Sequences | None, text: Sequences | None, modes: Collection[str]) -> dict[str, Float[Tensor, "n dim"]]:
        """What [CLS] says in each mode, projected and not yet of unit length.

        Raises ValueError for a mode over both kinds where each has a Transformer of its own.
        """
        crossing = [m for m in modes if m not in (IMAGE, TEXT)]
        if crossing and len(self.trunks) > 1:
            raise ValueError(f"{', '.join(crossing)} came, and two towers read each kind alone")
        out = {
            k: self.projected(k, self.trunk(k).alone(x)[:, 0]) for k, x in ((IMAGE, image), (TEXT, text)) if k in modes and x is not None
        }
        if crossing and image is not None and text is not None:
            trunk = self.trunk(IMAGE)
            if "image|text" in modes or "text|image" in modes:
                seen, said = trunk.across(image, text)
                out |= {"image|text": self.projected(IMAGE, seen[:, 0]), "text|image": self.projected(TEXT, said[:, 0])}
            if "both" in modes:
                out["both"] = self.projected(IMAGE, trunk.together(image, text)[:, 0])
        return out


@final
class OneTower(nn.Module):  # type: ignore[misc]
    """The student, its predictor and the teacher; `tokenizer` makes the tokens of texts."""

    sees = True
    kinds: tuple[str, ...] = (TEXT, IMAGE)
    reads_pixels = True

    def __init__(self, shape: OneTowerShape, tokenizer: Any) -> None:
        super().__init__()
        self.shape, self.tokenizer = shape, tokenizer
        self.student = Branch(shape)
        if shape.momentum:
            made = (mlp(shape.dim, shape.hidden, shape.dim, 2, shape.batch_norm) for _ in range(shape.projectors))
            self.predictors = nn.ModuleList(made)
            self.teacher: Branch | None = copy.deepcopy(self.student).requires_grad_(False)
            self.log_scale: nn.Parameter | None = None
        else:
            self.predictors, self.teacher = nn.ModuleList(), None
            self.log_scale = nn.Parameter(torch.tensor(1 / START_TEMPERATURE).log())
        self.kept = Kept(None)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.shape.dim

    @property
    def side(self) -> int:
        """Pixels of the square that a picture is scaled to."""
        return self.shape.side

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the patches."""
        return self.shape.grid, self.shape.grid

    @property
    def dims(self) -> tuple[int, ...]:
        """None besides the full one."""
        return ()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """None."""
        return ()

    @property
    def token_dim(self) -> int:
        """0: a vector for each text and picture; those of patches are `patches`."""
        return 0

    def remember(self, folder: Path) -> None:
        """Keep pictures scaled to `side` in `folder`, so that each is decoded once."""
        self.kept = Kept(folder / f"pixels-{self.side}")

    # ------------------------------------------------------------------------------------------------------------- teacher

    def predicted(self, kind: str, z: Float[Tensor, "... dim"]) -> Float[Tensor, "... dim"]:
        """A student's projection through the predictor, as unit rows; without a teacher there is none to predict."""
        if len(self.predictors):
            z = self.predictors[kind == TEXT if len(self.predictors) > 1 else 0](z)
        return normalize(z.float(), dim=-1)

    def follow(self, number: int, steps: int) -> None:
        """Move the teacher after update `number` of `steps`: momentum · teacher + (1 − momentum) · student."""
        if self.teacher is None:
            return
        m = momentum(number, steps, self.shape.momentum)
        with torch.no_grad():
            for slow, quick in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                slow.lerp_(quick.detach(), 1 - m)

    # ------------------------------------------------------------------------------------------------------------- features

    def collate(self, items: Sequence[Item], role: Role, *, instruction: str | None = None, task: str = "") -> Features:
        """Features of items: texts and pictures in any mixture. An instruction stands before a text."""
        return self._features([content(it) for it in items], role, instruction)

    def _features(self, rows: Sequence[tuple[str | Image | PIL.Image.Image, ...]], role: Role, instruction: str | None) -> Features:
        texts = ["\n".join(p for p in row if isinstance(p, str)) for row in rows]
        pictures = [p for row in rows for p in row if not isinstance(p, str)]
        written = [f"{instruction or ''}{t}" if t else "" for t in texts]
        safe = [plain_text(t, self.tokenizer) for t in written]
        batch = self.tokenizer(safe, padding=True, truncation=True, max_length=self.shape.limit, return_tensors="pt")
        tensors = {"input_ids": batch["input_ids"].long(), "attention_mask": batch["attention_mask"]}
        tensors["worded"] = torch.tensor([bool(t) for t in texts])
        counts = tuple(sum(not isinstance(p, str) for p in row) for row in rows)
        return Features(tensors, counts, {"pixel_values": self._pixels(pictures)} if pictures else {}, None, "", role)

    def _pixels(self, pictures: Sequence[Image | PIL.Image.Image]) -> Float[Tensor, "n 3 side side"]:
        """−1 … 1; the whole picture is scaled to a square, so that patches cover all of it."""

        def compute(positions: Sequence[int]) -> list[Any]:
            return [self._scaled(pictures[n]) for n in positions]

        files = [p for p in pictures if isinstance(p, Image)]
        if len(files) < len(pictures):  # decoded by the caller: there is nothing to know them by
            found = np.stack(compute(range(len(pictures))))
        else:
            found = np.stack(self.kept.states([blake2b(p.key(), digest_size=16).hexdigest() for p in files], compute))
        return torch.from_numpy(found.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1

    def _scaled(self, picture: Image | PIL.Image.Image) -> Any:
        loaded = decoded(picture.load(self.side)) if isinstance(picture, Image) else picture
        square = loaded.resize((self.side, self.side), PIL.Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(square, np.uint8)

    # -------------------------------------------------------------------------------------------------------------- network

    def forward(self, features: Features) -> Vectors:
        """Dense [n, dim]: F(T|T) of a text, F(I|I) of a picture (the mean of several), F(I,T|I,T) of a text with one picture.

        Two towers, and a text with several pictures, get the mean of both. Rows for the role "query" go through the predictor.
        """
        rows, counts = features.rows, torch.tensor(features.pictures)
        worded = rows["worded"].cpu()
        joint = worded & (counts == 1) & (self.shape.trunks == 1)
        device = rows["input_ids"].device
        total = torch.zeros(len(features), self.dim, device=device)
        owner = torch.repeat_interleave(torch.arange(len(features)), counts)
        plain = worded & ~joint
        if plain.any():
            at = plain.nonzero().squeeze(1).to(device)
            total = total.index_put((at,), self._said(features, None, self._text(features, at)), accumulate=True)
        if features.pixels:
            pixels = features.pixels["pixel_values"]
            apart = (~joint[owner]).nonzero().squeeze(1).to(device)
            if len(apart):
                seen = self._said(features, self.student.trunk(IMAGE).image(pixels[apart]), None)
                pictured = torch.zeros_like(total).index_put((owner.to(device)[apart],), seen, accumulate=True)
                total = total + normalize(pictured, dim=-1)
            if joint.any():
                at, which = joint.nonzero().squeeze(1).to(device), joint[owner].nonzero().squeeze(1).to(device)
                image, text = self.student.trunk(IMAGE).image(pixels[which]), self._text(features, at)
                total = total.index_put((at,), self._said(features, image, text), accumulate=True)
        return Vectors(normalize(total, dim=-1))

    def _text(self, features: Features, at: Tensor) -> Sequences:
        return self.student.trunk(TEXT).text(features.rows["input_ids"][at], features.rows["attention_mask"][at])

    def _said(self, features: Features, image: Sequences | None, text: Sequences | None) -> Float[Tensor, "n dim"]:
        """Unit rows of one mode."""
        mode = "both" if image is not None and text is not None else IMAGE if image is not None else TEXT
        z = self.student.read(image, text, (mode,))[mode]
        return self.predicted(mode, z) if features.role == "query" else normalize(z.float(), dim=-1)

    def vectors(self, rows: Sequence[Row], role: Role, instruction: str | None, task: str = "") -> Embeddings:
        """Vectors [n, dim] of rows of decoded pictures."""
        with torch.inference_mode():
            return embeddings(self(self._features(rows, role, instruction).to(self._device())))

    def patches(self, pictures: Sequence[Image]) -> Floats:
        """Unit vectors [n, grid², dim] of the patches of each picture, row by row: their last states as documents are projected."""
        if not pictures:
            return np.zeros((0, self.shape.grid**2, self.dim), np.float32)
        with torch.inference_mode():
            trunk = self.student.trunk(IMAGE)
            states = trunk.alone(trunk.image(self._pixels(pictures).to(self._device())))[:, 1:]
            return unit(self.student.projected(IMAGE, states).float().cpu().numpy())

    def _device(self) -> torch.device:
        device: torch.device = next(self.parameters()).device
        return device


def momentum(number: int, steps: int, start: float = 0.99) -> float:
    """The teacher's momentum at an update: from `start` to 1 by half a cosine (MoCo v3, after BYOL, Grill et al. 2020)."""
    return 1 - (1 - start) * (math.cos(math.pi * number / max(1, steps)) + 1) / 2
