"""Small models of the real classes with random weights: a Stable Diffusion folder, and a painter's."""

from __future__ import annotations

from pathlib import Path

import torch

from hannun.models.state_head import StateHead, StateShape

TEXTS = ["a red striped dress", "a blue coat", "plain green hat", "a photo of a floral skirt"]


def stable(folder: Path, width: int = 32) -> Path:
    """A pipeline of diffusers' own classes whose every part has its real shape but its size; 64 × 64 pixels."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from hannun.models.backbones.tiny import CLIP_NAMES, CLIP_SPECIAL, tokenizer

    torch.manual_seed(0)
    made = tokenizer(TEXTS, CLIP_SPECIAL, pad=CLIP_NAMES["pad"], bos=CLIP_NAMES["bos"], eos=CLIP_NAMES["eos"], length=77)
    text = CLIPTextConfig(
        vocab_size=len(made), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, **{f"{k}_token_id": getattr(made, f"{k}_token_id") for k in CLIP_NAMES},
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(16, 32), norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width, attention_head_dim=8,
    )  # fmt: skip
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, layers_per_block=1, block_out_channels=(8, 8, 16, 16), norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, sample_size=64,
    )  # fmt: skip
    StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel(text), tokenizer=made, unet=unet,
        scheduler=DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
            set_alpha_to_one=False, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def head(width: int, pooled: int) -> StateHead:
    """A head with random weights: a new one gives every prompt the same states."""
    made = StateHead(StateShape(384, width, pooled, 32, 1, 2))
    for layer in (made.tokens, made.pooled):
        torch.nn.init.normal_(layer.weight)
    return made


def student(folder: Path, width: int, pooled: int) -> Path:
    """An untrained student over mini whose states have these widths."""
    from hannun.prompts.student import MiniStates, Student

    torch.manual_seed(1)
    Student(MiniStates(), head(width, pooled), "a teacher").save(folder)
    return folder


def painter(folder: Path) -> Path:
    """An untrained painter over a small autoencoder of the real kinds of layers, with a student's head."""
    from torch import nn

    from hannun.models.diffusion_transformer import Painter, PainterShape
    from hannun.models.export.painter import LatentCodec, write_painter
    from hannun.recipes.korean_diffusion import begin_teacher

    torch.manual_seed(2)
    teacher = begin_teacher(TEXTS, 32, 1, 0)
    network = Painter(PainterShape(2, 4, 32, teacher.pooled_width, 32, 1, 2))
    for layer in (network.out, network.modulate[-1]):
        nn.init.normal_(layer.weight, std=0.1)
    encoder, decoder = nn.Conv2d(3, 4, 8, 8), nn.Sequential(nn.Upsample(scale_factor=8), nn.Conv2d(4, 3, 1))
    parts = LatentCodec(encoder, decoder, torch.zeros(4), torch.ones(4))
    write_painter(
        folder,
        "small",
        network,
        parts,
        (teacher.network, teacher.tokenizer),
        head(32, teacher.pooled_width),
        "mini",
    )
    return folder
