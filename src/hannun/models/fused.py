"""Words and picture cells go in as one sequence, one vector (and one for each token) comes out: a small model that starts as mini.

mini's text encoder is cut in two. Its lower layers read the words alone and stay frozen, so their states are computed once for each
text; its upper layers, trained, read picture cells and words as one sequence, as the language model of a VLM does. What they say is
added to mini's own vectors (the mean of text and picture, each of unit length) through matrices that are zero at first:
an untrained model gives mini's vectors, and training can only move away from there.

Ours. The sequence, its [EOS] state and the instruction are Kanana-v-embedding's; the second output is jina-embeddings-v4's.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import PIL.Image
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hannun.embeddings import Embeddings
from hannun.errors import InputError
from hannun.item import Image, Item
from hannun.models import adapters
from hannun.models.adapters import Task
from hannun.models.backbones import e5
from hannun.models.backbones.mini_image import MiniImage
from hannun.models.features import Features, Vectors, embeddings
from hannun.models.frozen import Kept, stamp
from hannun.models.network import Role, Row, content
from hannun.models.pooling import mean, pooled

if TYPE_CHECKING:
    from jaxtyping import Float, Int

CELLS = 9  # that mini's picture network gives of each view
TARGETS = r"(top\.\d+\..*(query|key|value|dense)|enter|out|token_out)"  # what adapters change: the upper layers and the heads


@dataclass(frozen=True)
class Shape:
    """The numbers of a Fused model; all of them are saved with it.

    `cut` lower layers are frozen. `tiles` are the columns and rows that a picture is cut into besides the whole. `dims` are the
    nested dimensions of its training. `limit` tokens of a text are read. `instructions` are the role's own, by role.
    """

    dim: int = 512
    token_dim: int = 0
    cut: int = 10
    pooling: str = "lasttoken"
    tiles: tuple[int, int] = (1, 1)
    dims: tuple[int, ...] = ()
    limit: int = 512
    instructions: dict[str, str] = field(default_factory=dict)
    tasks: tuple[Task, ...] = ()
    rank: int = 0
    alpha: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the checkpoint's own file."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Shape:
        """The inverse of `to_json`."""
        tasks = tuple(Task.from_json(t) for t in data["tasks"])
        return Shape(**{**data, "tiles": tuple(data["tiles"]), "dims": tuple(data["dims"]), "tasks": tasks})


@final
class Fused(nn.Module):  # type: ignore[misc]
    """See the module's first lines. `kept` holds what the frozen parts say; `remember` gives it a folder."""

    sees = True
    kinds: tuple[str, ...] = ()

    def __init__(self, words: Any, tokenizer: Any, projection: e5.Projection, sight: MiniImage, shape: Shape) -> None:
        super().__init__()
        width = words.config.hidden_size
        layers = len(words.encoder.layer)
        if not 0 <= shape.cut < layers:
            raise InputError(f"cut={shape.cut} came, expected 0…{layers - 1}: some layers must be left to train")
        if shape.dim < width:
            raise InputError(f"dim={shape.dim} came, expected {width} or more: mini's own vector is in it")
        if shape.token_dim > width:
            raise InputError(f"token_dim={shape.token_dim} came, expected at most {width}")
        self.shape, self.sight, self.tokenizer = shape, sight, tokenizer
        words.pooler = None
        self.words, self.projection = words.requires_grad_(False), projection.requires_grad_(False)
        self.top = nn.ModuleList(self.words.encoder.layer[shape.cut :]).requires_grad_(True)
        self.words.encoder.layer = self.words.encoder.layer[: shape.cut]
        self._untrained = (copy.deepcopy(self.top).requires_grad_(False).eval(),)  # in a tuple: no part of the state, no gradient
        self.width, self.kept = width, Kept(None)
        self.enter = nn.Linear(width, width)
        columns, lines = shape.tiles
        views = 1 if shape.tiles == (1, 1) else 1 + columns * lines
        self.place = nn.Parameter(torch.randn(1 + CELLS * views, width) * 0.02)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, shape.dim)
        self.token_out = nn.Linear(width, shape.token_dim) if shape.token_dim else None
        self.gate, self.look, self.turn = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, shape.dim)
        for head in (self.out, self.token_out, self.turn):
            if head is not None:
                nn.init.zeros_(head.weight)
                nn.init.zeros_(head.bias)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.05).log())
        names = adapters.adapters(shape.tasks)
        if names:
            adapters.attach(self, names, TARGETS, shape.rank, shape.alpha)

    @staticmethod
    def from_mini(folder: Path, shape: Shape | None = None) -> Fused:
        """An untrained model over mini's weights in `folder` (text.onnx, tokenizer.json, image.onnx)."""
        sight = MiniImage(folder / "image.onnx")
        return Fused(e5.model(folder), e5.tokenizer(folder), e5.projection(folder), sight, shape or Shape())

    def with_tasks(self, tasks: Sequence[Task], rank: int, alpha: float) -> Fused:
        """The same model with a LoRA adapter for each task's roles, the rest frozen; in place."""
        self.shape = replace(self.shape, tasks=tuple(tasks), rank=rank, alpha=alpha)
        adapters.attach(self, adapters.adapters(tasks), TARGETS, rank, alpha)
        return self.train(self.training)  # the adapters' own dropout begins in training mode

    def train(self, mode: bool = True) -> Fused:
        """Training mode for what is trained; what is frozen never drops anything."""
        super().train(mode)
        self.words.eval()
        self.projection.eval()
        return self

    @property
    def dim(self) -> int:
        """Length of the dense vector."""
        return self.shape.dim

    @property
    def token_dim(self) -> int:
        """Length of a token vector; 0 for none."""
        return self.shape.token_dim

    @property
    def dims(self) -> tuple[int, ...]:
        """The nested dimensions of its training, besides the full one."""
        return self.shape.dims

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks it has adapters for."""
        return self.shape.tasks

    @property
    def side(self) -> int:
        """Pixels that a picture is decoded at."""
        return self.sight.side * max(self.shape.tiles)

    def remember(self, folder: Path) -> None:
        """Keep what the frozen parts say in `folder`, under a name that other weights do not have."""
        frozen = nn.ModuleList([self.words, self.projection, self.start()])
        self.kept = Kept(folder / stamp(frozen, [self.sight.path]))

    # ------------------------------------------------------------------------------------------------------------- features

    def collate(self, items: Sequence[Item], role: Role, *, instruction: str | None = None, task: str = "") -> Features:
        """Features of items: texts and pictures in any mixture; frozen parts run here, once for each text and picture."""
        return self._features([content(it) for it in items], role, instruction, task)

    def _features(
        self, rows: Sequence[tuple[str | Image | PIL.Image.Image, ...]], role: Role, instruction: str | None, task: str
    ) -> Features:
        prompt = adapters.named(self.tasks, task).prompts[role] if task else e5.PREFIXES[role]
        said = self.shape.instructions.get(role, "") if instruction is None else instruction
        texts = ["\n".join(p for p in row if isinstance(p, str)) for row in rows]
        pictures = [p for row in rows for p in row if not isinstance(p, str)]
        counts = tuple(sum(not isinstance(p, str) for p in row) for row in rows)
        states = self._words([f"{prompt}{said} {t}".strip() if said else f"{prompt}{t}" for t in texts])
        own = self._own([(e5.PREFIXES[role] + t) if t else "" for t in texts])
        seen = self._seen(pictures)
        longest = max(len(s) for s in states)
        words, mask = np.zeros((len(rows), longest, states[0].shape[1]), np.float32), np.zeros((len(rows), longest), np.int64)
        for n, s in enumerate(states):
            words[n, : len(s)], mask[n, : len(s)] = s, 1
        pixels = {"cells": torch.from_numpy(np.stack(seen))} if seen else {}
        tensors = {"words": torch.from_numpy(words), "mask": torch.from_numpy(mask), "own": torch.from_numpy(np.stack(own))}
        tensors["told"] = torch.tensor([float(bool(said or t)) for t in texts])  # whether there are words besides the role's prompt
        return Features(tensors, counts, pixels, None, task, role)

    def _words(self, written: Sequence[str]) -> list[Any]:
        """[t, width (+ token_dim)] for each text: states after the cut, and beside them the token's own vector in mini's space."""

        def compute(positions: Sequence[int]) -> list[Any]:
            with torch.inference_mode():
                ids, mask = self._ids([written[n] for n in positions])
                states = e5.lower(self.words, ids, mask, self.shape.cut)
                finished = self._finished(states, mask)
                for n, vector in zip(positions, self.projection(mean(finished, mask)).cpu().numpy(), strict=True):
                    self.kept.put(self._key(written[n]), vector)  # most texts are read as they are: their own vector is had here
                if self.token_dim:
                    states = torch.cat([states, self.projection(finished)[..., : self.token_dim]], dim=-1)
            return [s[: int(m.sum())].cpu().numpy() for s, m in zip(states, mask, strict=True)]

        key = f"w{self.shape.cut}/{self.token_dim}/{self.shape.limit}:"
        return [s.astype(np.float32) for s in self.kept.states([key + t for t in written], compute)]

    def _key(self, written: str) -> str:
        return f"o{self.shape.limit}:{written}"

    def _own(self, written: Sequence[str]) -> list[Any]:
        """mini's own vector [width] of each text; zeros for an empty one."""

        def compute(positions: Sequence[int]) -> list[Any]:
            with torch.inference_mode():
                ids, mask = self._ids([written[n] for n in positions])
                return list(
                    self.projection(mean(self._finished(e5.lower(self.words, ids, mask, self.shape.cut), mask), mask)).cpu().numpy()
                )

        full = [n for n, t in enumerate(written) if t]
        found = self.kept.states([self._key(written[n]) for n in full], lambda at: compute([full[i] for i in at]))
        out = [np.zeros(self.width, np.float32) for _ in written]
        for n, vector in zip(full, found, strict=True):
            out[n] = vector.astype(np.float32)
        return out

    def _finished(self, states: Float[Tensor, "n t width"], mask: Int[Tensor, "n t"]) -> Float[Tensor, "n t width"]:
        """The encoder's own last states, through the upper layers as they were before training."""
        return e5.through(self.start().to(states.device), states, mask, self.words)

    def start(self) -> Any:
        """The upper layers as they were before training, saved with the model."""
        return self._untrained[0]

    def _ids(self, written: Sequence[str]) -> tuple[Int[Tensor, "n t"], Int[Tensor, "n t"]]:
        batch = self.tokenizer(list(written), padding=True, truncation=True, max_length=self.shape.limit, return_tensors="pt")
        device = self.place.device
        return batch["input_ids"].to(device), batch["attention_mask"].to(device)

    def _seen(self, pictures: Sequence[Image | PIL.Image.Image]) -> list[Any]:
        def compute(positions: Sequence[int]) -> list[Any]:
            loaded = [p.load(self.side) if isinstance(p, Image) else p for p in (pictures[n] for n in positions)]
            return self.sight.see(loaded, self.shape.tiles)

        keys = [
            f"p{self.shape.tiles}:{blake2b(p.read(), digest_size=16).hexdigest()}" if isinstance(p, Image) else f"-{n}"
            for n, p in enumerate(pictures)
        ]
        return [s.astype(np.float32) for s in self.kept.states(keys, compute)]

    # -------------------------------------------------------------------------------------------------------------- network

    def forward(self, features: Features) -> Vectors:
        """Dense [n, dim] and, with a token head, tokens [n, cells + t, token_dim] with their mask [n, cells + t]."""
        name = adapters.named(self.tasks, features.task).adapters[features.role] if features.task else ""
        if self.tasks:
            adapters.activate(self, name)
        words, mask = features.rows["words"], features.rows["mask"]
        n, many, device = len(features), max(features.pictures), words.device
        cells, there = self._placed(features, n, many, device)
        states = words[..., : self.width]
        hidden, seen = states, mask
        if many:
            entered = normalize(self.enter(cells), dim=-1) * self.width**0.5 + self.place
            loud = mean(states.detach().norm(dim=-1, keepdim=True), mask) / self.width**0.5  # cells as loud as the row's words
            hidden = torch.cat([(entered * loud[:, :, None, None]).flatten(1, 2), states], dim=1)
            seen = torch.cat([there[:, :, None].expand(-1, -1, cells.shape[2]).flatten(1), mask], dim=1)
        if self.token_out is None and self.shape.pooling == "lasttoken":
            said = e5.at_last(self.top[-1], e5.through(self.top[:-1], hidden, seen, self.words), seen)
        else:
            hidden = e5.through(self.top, hidden, seen, self.words)
            pictured = torch.zeros_like(seen)
            pictured[:, : seen.shape[1] - mask.shape[1]] = 1
            said = pooled(hidden, seen, self.shape.pooling, pictured)
        said = self.norm(said)
        residual, base = self.out(said), features.rows["own"]
        if many:
            looked = normalize((cells[:, :, 0] * there[..., None]).sum(1), dim=-1)
            # Which of a picture's traits count is for the words to say; without any it is looked at as it is.
            turned = self.turn(self.gate(said) * self.look(looked * self.width**0.5))
            residual = residual + turned * features.rows["told"][:, None]
            base = normalize(base + looked, dim=-1)
        dense = normalize(nn.functional.pad(base, (0, self.dim - self.width)) + residual, dim=-1)
        if self.token_out is None:
            return Vectors(dense.float())
        first = words[..., self.width :]
        if many:
            first = torch.cat([normalize(cells[..., : self.token_dim], dim=-1).flatten(1, 2), first], dim=1)
        tokens = normalize(normalize(first, dim=-1) + self.token_out(self.norm(hidden)), dim=-1) * seen[..., None]
        return Vectors(dense.float(), tokens.float(), seen.bool())

    def _placed(
        self, features: Features, n: int, many: int, device: torch.device
    ) -> tuple[Float[Tensor, "n many cells width"], Int[Tensor, "n many"]]:
        """Cells of all pictures by row [n, many, c, width], zeros where a row has fewer, and which are there [n, many]."""
        there = torch.arange(many, device=device)[None, :] < torch.tensor(features.pictures, device=device)[:, None]
        if not many:
            return torch.zeros(n, 0, 1, self.width, device=device), there.long()
        cells = features.pixels["cells"].to(device)
        placed = cells.new_zeros(n, many, *cells.shape[1:])
        placed[there] = cells
        return placed, there.long()

    # -------------------------------------------------------------------------------------------------------------- network protocol

    def vectors(self, rows: Sequence[Row], role: Role, instruction: str | None, task: str = "") -> Embeddings:
        """Dense vectors [n, dim], and token vectors where it has them, of rows of decoded pictures."""
        with torch.inference_mode():
            out = self(self._features(rows, role, instruction, task).to(self.place.device))
        return embeddings(out)
