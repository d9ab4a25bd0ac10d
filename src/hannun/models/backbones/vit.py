"""Pictures go in, the tokens of a Vision Transformer of transformers come out: what a captioner of the paper's sizes sees with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import PIL.Image
import torch
from torch import Tensor, nn

from hannun.item import Image
from hannun.models.network import decoded, side_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

#: CoCa's picture encoders (arXiv:2205.01917, table 1) at its 288 px, in patches of 18: 86, 303 and 1,000 million parameters.
BASE: Mapping[str, int] = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
LARGE: Mapping[str, int] = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
HUGE: Mapping[str, int] = {"hidden_size": 1408, "num_hidden_layers": 40, "num_attention_heads": 16, "intermediate_size": 6144}
SIDE, PATCH = 288, 18


@final
class PatchTokens(nn.Module):  # type: ignore[misc]
    """A ViT and the processor of its pictures; every patch's last state is a token."""

    kind = Image.kind
    path: Path | None = None

    def __init__(self, network: Any, images: Any) -> None:
        super().__init__()
        self.network, self.images = network, images
        self.width, self.side = int(network.config.hidden_size), side_of(images)

    @staticmethod
    def begin(numbers: Mapping[str, int], side: int = SIDE, patch: int = PATCH) -> PatchTokens:
        """An untrained ViT of these numbers (names of transformers' ViTConfig)."""
        from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

        network = ViTModel(ViTConfig(image_size=side, patch_size=patch, **numbers), add_pooling_layer=False)
        return PatchTokens(network, ViTImageProcessorPil(size={"height": side, "width": side}))

    @staticmethod
    def of_json(facts: Mapping[str, Any]) -> PatchTokens:
        """The network that `to_json` tells of, untrained."""
        from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

        return PatchTokens(
            ViTModel(ViTConfig.from_dict(dict(facts["network"])), add_pooling_layer=False), ViTImageProcessorPil(**facts["images"])
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the checkpoint's own file."""
        kept = ("size", "resample", "rescale_factor", "image_mean", "image_std")
        said = self.images.to_dict()
        return {"network": self.network.config.to_dict(), "images": {k: said[k] for k in kept if k in said}}

    def remember(self, folder: Path) -> None:
        """Nothing: every layer is trained."""

    def collate(self, pictures: Sequence[Image | PIL.Image.Image]) -> dict[str, Tensor]:
        """`pixel_values` [n, 3, side, side]."""
        loaded = [decoded(p.load(self.side)) if isinstance(p, Image) else p for p in pictures]
        return {"pixel_values": self.images(images=loaded, return_tensors="pt")["pixel_values"]}

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Float[Tensor, "n t width"], Bool[Tensor, "n t"]]:
        """Tokens, all of which are to be read."""
        states = self.network(pixel_values=inputs["pixel_values"]).last_hidden_state
        return states, torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
