"""A trained painter with what reads prompts for it goes in; a folder of ONNX files that draws without torch, checked, comes out.

painter.json      sides, cells, what it is called, what reads its prompts, how hard the words pull, and the names of what it draws
denoiser.onnx     latents, time, states, pooled → velocity        decoder.onnx, encoder.onnx   latents ↔ pictures
english.onnx, tokenizer.json   the English text model             head.onnx   the multilingual student's head over its encoder's states
nothing.npz       what the English text model makes of an empty prompt, which guidance pulls away from

Weights are kept in 8 bits (`in_eight_bits`), after each graph was found to be the network that it was made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hannun.errors import InputError
from hannun.models.diffusion_transformer import Painter
from hannun.models.export.compact import in_eight_bits
from hannun.models.onnx import session, traced
from hannun.models.saving import whole
from hannun.models.state_head import StateHead

FACTS, LENGTH = "painter.json", 77
_NEAR = 2e-3  # by which an ONNX output may differ from torch's


@dataclass(frozen=True, eq=False)
class LatentCodec:
    """What turns pictures into latents and back, and the mean and deviation [k] by which latents are brought to one scale."""

    encoder: nn.Module
    decoder: nn.Module
    mean: Tensor
    deviation: Tensor


class _Decoding(nn.Module):  # type: ignore[misc]
    def __init__(self, parts: LatentCodec) -> None:
        super().__init__()
        self.inner = parts.decoder
        self.register_buffer("mean", parts.mean.view(1, -1, 1, 1))
        self.register_buffer("deviation", parts.deviation.view(1, -1, 1, 1))

    def forward(self, latents: Tensor) -> Tensor:
        return self.inner(latents * self.deviation + self.mean).clamp(0, 1)


class _Encoding(nn.Module):  # type: ignore[misc]
    def __init__(self, parts: LatentCodec) -> None:
        super().__init__()
        self.inner = parts.encoder
        self.register_buffer("mean", parts.mean.view(1, -1, 1, 1))
        self.register_buffer("deviation", parts.deviation.view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return (self.inner(pixels) - self.mean) / self.deviation


class _English(nn.Module):  # type: ignore[misc]
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        made = self.network(input_ids=ids)
        return made.last_hidden_state, made.text_embeds


def write_painter(
    folder: Path,
    name: str,
    painter: Painter,
    parts: LatentCodec,
    english: tuple[Any, Any],
    head: StateHead | None,
    reads: str,
    guidance: float = 1.0,
    draws: Sequence[str] = (),
) -> Mapping[str, float]:
    """Write the folder; returns the largest difference of each file's outputs from torch's.

    `english` is the text model and its tokenizer; `head` and `reads` are the student's, where there is one: then it reads the prompts.
    `guidance` is how hard the words pull when nobody says it; `draws` are the names of all that it has learned, where these are known.
    Raises InputError where a file's outputs differ by more than 0.002: tracing has lost something. StorageError where the disk is full.
    """
    shape = painter.shape
    side = shape.cells * 8
    latents = torch.randn(2, shape.channels, shape.cells, shape.cells)
    network, tokenizer = english
    words = {"states": torch.randn(2, 77, shape.states), "pooled": torch.randn(2, shape.pooled)}
    graphs: dict[str, tuple[nn.Module, dict[str, Tensor], Sequence[str], Sequence[str]]] = {
        "denoiser": (painter, {"latents": latents, "time": torch.tensor([0.3, 0.9]), **words}, ["velocity"], []),
        "decoder": (_Decoding(parts), {"latents": latents}, ["pixels"], []),
        "encoder": (_Encoding(parts), {"pixels": torch.rand(2, 3, side, side)}, ["latents"], []),
        "english": (_English(network), {"ids": torch.randint(3, 50, (2, 77))}, ["states", "pooled"], []),
    }
    if head is not None:
        given = {"read": torch.randn(2, 9, head.shape.reads), "mask": torch.ones(2, 9, dtype=torch.bool)}
        graphs["head"] = (head, given, ["states", "pooled"], ["read", "mask"])
    found: dict[str, float] = {}

    def write(part: Path) -> None:
        for file, (module, inputs, outputs, lengths) in graphs.items():
            data = traced(module, inputs, outputs, lengths)
            found[file] = _difference(data, module, inputs)
            if found[file] > _NEAR:
                raise InputError(f"{file}.onnx differs by {found[file]:.4f} from the network it was made of, expected at most {_NEAR}")
            (part / f"{file}.onnx").write_bytes(in_eight_bits(data))
        with torch.no_grad():
            ids = tokenizer([""], padding="max_length", max_length=LENGTH, return_tensors="pt").input_ids
            states, pooled = _English(network)(ids)
        np.savez(part / "nothing.npz", states=states[0].numpy(), pooled=pooled[0].numpy())
        tokenizer.backend_tokenizer.save(str(part / "tokenizer.json"))
        facts = {
            "format": 1,
            "name": name,
            "side": side,
            "cells": shape.cells,
            "channels": shape.channels,
            "reads": reads if head is not None else "",
            "guidance": guidance,
            "draws": list(draws),
        }
        (part / FACTS).write_text(json.dumps({**facts, "pad": tokenizer.pad_token_id}, ensure_ascii=False, indent=1) + "\n", "utf-8")

    whole(folder, write)
    return found


def _difference(data: bytes, module: nn.Module, traced_by: Mapping[str, Tensor]) -> float:
    """The largest difference of the outputs, on one row more than it was traced by: a number of rows that was held fast would show."""
    inputs = {k: torch.cat([v, v[:1]]) for k, v in traced_by.items()}
    with torch.no_grad():
        own = module.eval()(*inputs.values())
    made = session(data).run(None, {k: v.numpy() for k, v in inputs.items()})
    tensors = [own] if isinstance(own, Tensor) else list(own)
    return max(float((torch.from_numpy(m) - t).abs().max()) for m, t in zip(made, tensors, strict=True))
