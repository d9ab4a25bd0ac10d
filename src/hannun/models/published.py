"""The hub id of a backbone, or a model's folder, goes in; its network on the meta device, which holds shapes and no weights, comes out.

The numbers of named backbones are their published config.json's, so that sizes can be told where nothing can be downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hannun.errors import MissingError

QWEN = "Qwen/Qwen2.5-VL-3B-Instruct"
XLMR, CLIP_L = "FacebookAI/xlm-roberta-large", "openai/clip-vit-large-patch14"
NEW_CLIP = "a new CLIP ViT-B/32 with a 12-layer text Transformer"


def _qwen() -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

    text = {
        "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2,
        "vocab_size": 151_936, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0, "mrope_section": [16, 24, 24]},
    }  # fmt: skip
    vision = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048}
    return Qwen2_5_VLModel(Qwen2_5_VLConfig(text_config=text, vision_config=vision))


def _xlmr() -> Any:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    config = XLMRobertaConfig(
        vocab_size=250_002, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        max_position_embeddings=514, type_vocab_size=1,
    )  # fmt: skip
    return XLMRobertaModel(config, add_pooling_layer=False)


def _clip_l() -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModel

    return CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=224, patch_size=14
        )
    )


def new_clip_config() -> Any:
    """CLIP's ViT-B/32 as transformers' own defaults have it (Radford et al. 2021): 512 dimensions, 77 tokens, 224 pixels."""
    from transformers import CLIPConfig

    return CLIPConfig()


def _new_clip() -> Any:
    from transformers import CLIPModel

    return CLIPModel(new_clip_config())


_MADE: dict[str, Callable[[], Any]] = {QWEN: _qwen, XLMR: _xlmr, CLIP_L: _clip_l, NEW_CLIP: _new_clip}


def halves(backbone: str) -> list[str]:
    """The names in a recipe's `backbone`: one, or a text and a picture backbone as "TEXT + PICTURE"."""
    return [name.strip() for name in backbone.split(" + ")]


def shapes(name: str) -> Any:
    """One backbone's network on the meta device. Raises MissingError where neither its numbers nor its folder are known."""
    import torch

    with torch.device("meta"):
        if name in _MADE:
            return _MADE[name]()
        if (Path(name) / "config.json").exists():
            from transformers import AutoConfig, AutoModel

            return AutoModel.from_config(AutoConfig.from_pretrained(name, local_files_only=True, trust_remote_code=False))
    raise MissingError(f"{name}: its sizes are not known here; give the folder of a downloaded model with --backbone FOLDER")
