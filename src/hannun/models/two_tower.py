"""Texts and pictures go in, a vector for each comes out of one of two towers in one space; an item with both gets their average.

Contrastive language–image training (Radford et al. 2021) of any transformers dual class (CLIP, SigLIP, ChineseCLIP), or of a text
and a picture backbone of any class with heads on top. A frozen backbone runs once for each text and picture.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
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
from hannun.models.adapters import Role, Task
from hannun.models.features import Features, Vectors, embeddings
from hannun.models.frozen import Kept, stamp
from hannun.models.hub import backbone_folder
from hannun.models.network import Row, content, decoded, side_of
from hannun.models.onnx import onnx_bytes, session
from hannun.models.pooling import pooled
from hannun.models.published import halves
from hannun.models.saving import quiet

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class TowerConfig:
    """What is saved with two towers besides their modules.

    `frozen` names the towers ("text", "image") whose backbone is not trained; `prompts` stand before a text, by role; `limit` tokens of a
    text are read; `dims` are the nested dimensions of its training; `drop` is the share of a picture's states that training leaves out: a
    few thousand pictures are soon learned by heart.
    """

    frozen: tuple[str, ...] = ()
    drop: float = 0.0
    prompts: Mapping[str, str] = field(default_factory=dict)
    limit: int = 512
    dims: tuple[int, ...] = ()

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TowerConfig:
        """The inverse of `dataclasses.asdict`."""
        return TowerConfig(tuple(data["frozen"]), float(data["drop"]), dict(data["prompts"]), int(data["limit"]), tuple(data["dims"]))


def head(*widths: int) -> nn.Sequential:
    """Linear layers from each width to the next with GELU between them: what stock Dense modules can say."""
    layers: list[nn.Module] = []
    for n, (a, b) in enumerate(pairwise(widths)):
        layers += [*([nn.GELU()] if n else []), nn.Linear(a, b)]
    return nn.Sequential(*layers)


@final
class Tower(nn.Module):  # type: ignore[misc]
    """One backbone, how its states become one vector, and the head. `method` is "forward" or a dual class's own projection."""

    def __init__(self, backbone: Any, top: nn.Sequential, method: str = "forward") -> None:
        super().__init__()
        self.backbone, self.head, self.method = backbone, top, method
        self._takes = set(inspect.signature(getattr(backbone, method)).parameters)

    def states(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "n width"]:
        """[n, width] in float32: the mean of the last states over tokens or places, or what the dual class projects."""
        kind = next(self.backbone.parameters()).dtype
        given = {k: v.to(kind) if v.is_floating_point() else v for k, v in inputs.items() if k in self._takes}
        out = getattr(self.backbone, self.method)(**given)
        if self.method != "forward":
            return (out if isinstance(out, Tensor) else out.pooler_output).float()
        hidden = out.last_hidden_state
        if hidden.ndim == 4:  # a picture network's map
            return hidden.float().mean(dim=(2, 3))
        mask = inputs.get("attention_mask", torch.ones(hidden.shape[:2], device=hidden.device))
        return pooled(hidden, mask, "mean", mask)

    def forward(self, states: Float[Tensor, "n width"]) -> Float[Tensor, "n dim"]:
        """Unit rows [n, dim] from states."""
        return normalize(self.head(states), dim=-1)


@final
class TwoTower(nn.Module):  # type: ignore[misc]
    """Two towers; `tokenizer` and `images` (a transformers image processor) make their inputs."""

    sees = True
    kinds: tuple[str, ...] = ("text", "image")

    def __init__(self, text: Tower, image: Tower, tokenizer: Any, images: Any, plan: TowerConfig = TowerConfig()) -> None:
        super().__init__()
        if unknown := set(plan.frozen) - {"text", "image"}:
            raise InputError(f"frozen names {sorted(unknown)}, expected 'text' and/or 'image'")
        self.text, self.image, self.tokenizer, self.images, self.plan = text, image, tokenizer, images, plan
        for name in plan.frozen:
            getattr(self, name).backbone.requires_grad_(False)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())  # CLIP's start
        self.kept = Kept(None)
        self._quick: dict[str, Any] | None = None
        config = text.backbone.config
        window = getattr(getattr(config, "text_config", config), "max_position_embeddings", plan.limit)
        self.limit = min(plan.limit, window, tokenizer.model_max_length)
        # SigLIP's text tower reads the last position, and was trained with every text padded up to there.
        self.pads = str(config.model_type).startswith("siglip")
        self._padding = "max_length" if self.pads else "longest"
        self.side = side_of(images)
        with torch.no_grad():
            self.dim = int(self.text(self._said(["a"]).to(self.log_scale)).shape[1])

    @staticmethod
    def dual(network: Any, processor: Any, plan: TowerConfig = TowerConfig()) -> TwoTower:
        """Both towers of one dual class, such as CLIPModel or SiglipModel, with its processor."""
        if not hasattr(network, "get_text_features"):
            raise InputError(f"{type(network).__name__} came, expected a dual class with get_text_features, such as CLIPModel")
        text, image = (Tower(network, nn.Sequential(), f"get_{k}_features") for k in ("text", "image"))
        return TwoTower(text, image, processor.tokenizer, processor.image_processor, plan)

    @staticmethod
    def begin(
        backbone: str,
        *,
        dim: int,
        dims: Sequence[int] = (),
        prompts: Mapping[str, str] | None = None,
        limit: int = 512,
        attention: str = "",
    ) -> TwoTower:
        """A dual class by path or hub id, or "TEXT + PICTURE" backbones under new linear heads: where training starts.

        Of a dual class in the picture's place its vision tower is taken. Raises MissingError where one cannot be had.
        """
        from transformers import AutoImageProcessor, AutoModel, AutoProcessor, AutoTokenizer

        folders = [backbone_folder(name) for name in halves(backbone)]
        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        chosen = {"attn_implementation": attention} if attention else {}
        with quiet():
            networks = [AutoModel.from_pretrained(f, dtype=torch.float32, **here, **chosen) for f in folders]
            plan = TowerConfig((), 0.0, dict(prompts or {}), limit, tuple(d for d in dims if d < dim))
            if len(folders) == 1:
                return TwoTower.dual(networks[0], AutoProcessor.from_pretrained(folders[0], **here), plan)
            images = AutoImageProcessor.from_pretrained(folders[1], backend="pil", **here)
            words = AutoTokenizer.from_pretrained(folders[0], **here)
        text, image = networks[0], vision(networks[1])
        towers = [Tower(n, head(int(n.config.hidden_size), dim)) for n in (text, image)]
        return TwoTower(towers[0], towers[1], words, images, plan)

    def recompute(self) -> None:
        """Keep the input of each layer alone and make the rest anew in the backward pass."""
        for tower in (self.text, self.image):
            tower.backbone.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})

    def train(self, mode: bool = True) -> TwoTower:
        """Training mode for what is trained; a frozen backbone never drops anything."""
        super().train(mode)
        for name in self.plan.frozen:
            getattr(self, name).backbone.eval()
        return self

    @property
    def reads_pixels(self) -> bool:
        """Whether its pictures may come decoded: what a frozen backbone says is kept by a picture's bytes."""
        return "image" not in self.plan.frozen

    @property
    def token_dim(self) -> int:
        """0: two towers give one vector each."""
        return 0

    @property
    def tasks(self) -> tuple[Task, ...]:
        """None."""
        return ()

    @property
    def dims(self) -> tuple[int, ...]:
        """The nested dimensions of its training, besides the full one."""
        return self.plan.dims

    def remember(self, folder: Path) -> None:
        """Keep what frozen backbones say in `folder`, computed by onnxruntime, which is two to four times as fast as torch on a CPU.

        They are kept under a name that other weights do not have.
        """
        frozen = nn.ModuleList([getattr(self, name).backbone for name in sorted(self.plan.frozen)])
        self.kept, self._quick = Kept(folder / stamp(frozen)), {}

    def _states(self, name: str, inputs: Mapping[str, Tensor]) -> list[Any]:
        """States of one tower's frozen backbone, as numpy arrays."""
        tower = getattr(self, name)
        device = self.log_scale.device
        if self._quick is None or device.type != "cpu":
            with torch.inference_mode():
                return list(tower.states({k: v.to(device) for k, v in inputs.items()}).cpu().numpy())
        if name not in self._quick:
            twice = {k: torch.cat([v[:1], v[:1]]) for k, v in inputs.items()}  # a batch of one would be traced as a constant
            self._quick[name] = session(onnx_bytes(tower, twice, projected=False))
        return list(self._quick[name].run(None, {k: v.numpy() for k, v in inputs.items()})[0])

    # ------------------------------------------------------------------------------------------------------------- features

    def collate(self, items: Sequence[Item], role: Role, *, instruction: str | None = None, task: str = "") -> Features:
        """Features of items: texts and pictures in any mixture."""
        return self._features([content(it) for it in items], role, instruction)

    def _features(self, rows: Sequence[tuple[str | Image | PIL.Image.Image, ...]], role: Role, instruction: str | None) -> Features:
        prompt = self.plan.prompts.get(role, "") if instruction is None else instruction
        texts = ["\n".join(p for p in row if isinstance(p, str)) for row in rows]
        pictures = [p for row in rows for p in row if not isinstance(p, str)]
        counts = tuple(sum(not isinstance(p, str) for p in row) for row in rows)
        tensors: dict[str, Tensor] = {"worded": torch.tensor([bool(t) for t in texts])}
        written = [prompt + t if t else "" for t in texts]
        if any(texts):
            tensors |= {"text_states": self._said(written)} if "text" in self.plan.frozen else self.tokens(written)
        pixels: dict[str, Tensor] = {}
        if pictures:
            pixels = {"picture_states": self._seen(pictures)} if "image" in self.plan.frozen else self.pixels(pictures)
        return Features(tensors, counts, pixels, None, "", role)

    def tokens(self, written: Sequence[str]) -> dict[str, Tensor]:
        """The text tower's inputs [n, t] for texts with their prompts."""
        batch = self.tokenizer(list(written), padding=self._padding, truncation=True, max_length=self.limit, return_tensors="pt")
        return {k: v for k, v in batch.items() if k == "input_ids" or (k == "attention_mask" and not self.pads)}

    def pixels(self, pictures: Sequence[Image | PIL.Image.Image]) -> dict[str, Tensor]:
        """The picture tower's input [n, 3, h, w]."""
        loaded = [decoded(p.load(self.side)) if isinstance(p, Image) else p for p in pictures]
        return {"pixel_values": self.images(images=loaded, return_tensors="pt")["pixel_values"]}

    def _said(self, written: Sequence[str]) -> Float[Tensor, "n width"]:
        """States [n, width] of the text backbone, kept by text."""

        def compute(positions: Sequence[int]) -> list[Any]:
            return self._states("text", self.tokens([written[n] for n in positions]))

        found = self.kept.states([f"t{self.limit}:{t}" for t in written], compute)
        return torch.from_numpy(np.stack(found).astype(np.float32))

    def _seen(self, pictures: Sequence[Image | PIL.Image.Image]) -> Float[Tensor, "n width"]:
        """States [n, width] of the picture backbone, kept by the picture's bytes."""

        def compute(positions: Sequence[int]) -> list[Any]:
            return self._states("image", self.pixels([pictures[n] for n in positions]))

        keys = [f"i:{blake2b(p.read(), digest_size=16).hexdigest()}" if isinstance(p, Image) else f"-{n}" for n, p in enumerate(pictures)]
        return torch.from_numpy(np.stack(self.kept.states(keys, compute)).astype(np.float32))

    # -------------------------------------------------------------------------------------------------------------- network

    def forward(self, features: Features) -> Vectors:
        """Dense [n, dim]: normalise each tower's vector, average, renormalise; a row without text or pictures has the other alone."""
        rows, worded = features.rows, features.rows["worded"]
        total = torch.zeros(len(features), self.dim, device=worded.device)
        if len(rows) > 1 and bool(worded.any()):
            said = {k: v[worded] for k, v in rows.items() if k != "worded"}
            vectors = self.text(said["text_states"] if "text_states" in said else self.text.states(said))
            total = total.index_put((worded.nonzero().squeeze(1),), vectors.float(), accumulate=True)
        if features.pixels:
            pixels = features.pixels
            states = pixels["picture_states"] if "picture_states" in pixels else self.image.states(pixels)
            vectors = self.image(nn.functional.dropout(states, self.plan.drop, self.training))
            owner = torch.repeat_interleave(torch.arange(len(features)), torch.tensor(features.pictures)).to(worded.device)
            pictured = torch.zeros_like(total).index_put((owner,), vectors.float(), accumulate=True)
            total = total + normalize(pictured, dim=-1)
        return Vectors(normalize(total, dim=-1))

    def vectors(self, rows: Sequence[Row], role: Role, instruction: str | None, task: str = "") -> Embeddings:
        """Vectors [n, dim] of rows of decoded pictures."""
        with torch.inference_mode():
            return embeddings(self(self._features(rows, role, instruction).to(self.log_scale.device)))


def vision(network: Any) -> Any:
    """A dual class's vision tower as a model of its own, with the same weights; a picture backbone as it is."""
    if not hasattr(network, "vision_model"):
        return network
    import transformers

    made = getattr(transformers, type(network).__name__.replace("Model", "VisionModel"))(network.config.vision_config)
    inner = getattr(made, "vision_model", made)
    inner.load_state_dict(network.vision_model.state_dict())
    return made


def identity_head(width: int, hidden: int, dim: int) -> nn.Sequential:
    """Linear → GELU → Linear that begins as the identity on `width` values (GELU(x) − GELU(−x) = x), so that training starts at what
    the backbone knows. `hidden` is at least 2 × width; dimensions beyond width start at zero, and the further units idle.
    """
    if hidden < 2 * width or dim < width:
        raise InputError(f"hidden={hidden} and dim={dim} came for width={width}, expected at least {2 * width} and {width}")
    made = head(width, hidden, dim)
    first, last = made[0], made[2]
    with torch.no_grad():
        eye = torch.eye(width)
        first.bias.zero_()
        first.weight[: 2 * width].copy_(torch.cat([eye, -eye]))
        last.weight.zero_()
        last.bias.zero_()
        last.weight[:width, : 2 * width].copy_(torch.cat([eye, -eye], dim=1))
    return made
