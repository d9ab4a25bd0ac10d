"""Texts go in; a CLIP of the real class with new weights, and its processor with a tokenizer learned from the texts, come out.

Where a system trains from nothing (KELIP does), this is where it begins: nothing is known until it is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from hannun.models.backbones.tiny import CLIP_NAMES, CLIP_SPECIAL, tokenizer
from hannun.models.published import new_clip_config


def begin(texts: Sequence[str], config: Any = None, seed: int = 0) -> tuple[Any, Any]:
    """CLIPModel of `config` (the ViT-B/32 by default, at most its 49,408 tokens) and CLIPProcessor."""
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPProcessor

    torch.manual_seed(seed)
    config = config or new_clip_config()
    said, seen = config.text_config, config.vision_config
    names, window = CLIP_NAMES, said.max_position_embeddings
    tok = tokenizer(texts, CLIP_SPECIAL, pad=names["pad"], bos=names["bos"], eos=names["eos"], size=said.vocab_size, length=window)
    for name in names:
        setattr(said, f"{name}_token_id", getattr(tok, f"{name}_token_id"))
    side = {"height": seen.image_size, "width": seen.image_size}
    return CLIPModel(config), CLIPProcessor(CLIPImageProcessorPil(size={"shortest_edge": seen.image_size}, crop_size=side), tok)
