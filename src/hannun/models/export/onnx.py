"""Two trained towers go in; ONNX files that give the same vectors, checked, come out."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import torch

from hannun import runtime
from hannun.errors import InputError
from hannun.models.onnx import onnx_bytes, session
from hannun.models.saving import whole

if TYPE_CHECKING:
    from hannun.models.two_tower import TwoTower


def write_onnx(model: TwoTower, folder: Path, int8: bool) -> Mapping[str, float]:
    """text.onnx and image.onnx (unit vectors of whole inputs), tokenizer, picture settings and export.json in `folder`.

    Returns the smallest cosine of each file's vectors to the model's own over probe texts and pictures. `int8` stores and computes
    matrix products in 8 bits, weights in 7 (dynamic quantisation); picture networks are convolutions, which it leaves in float32.
    Raises InputError where float32 vectors differ by more than 1e-4: tracing has lost something.
    """
    rng = np.random.default_rng(0)
    texts = ["빨간 줄무늬 원피스", "a", "두 사람이 바닷가를 걷는다. " * 4, "the quick brown fox"]
    pictures = [PIL.Image.fromarray(rng.integers(0, 255, (s, 2 * s, 3), dtype=np.uint8)) for s in (40, 90, 300)]
    found: dict[str, float] = {}

    def write(part: Path) -> None:
        for name, tower, inputs in (("text", model.text, model.tokens(texts)), ("image", model.image, model.pixels(pictures))):
            data = onnx_bytes(tower, {k: v[:2] for k, v in inputs.items()}, projected=True)
            with torch.inference_mode():
                own = tower(tower.states(inputs)).numpy()
            given = {k: v.numpy() for k, v in inputs.items()}
            worst = float((session(data).run(None, given)[0] * own).sum(axis=1).min())
            if worst < 1 - 1e-4:
                raise InputError(f"the {name} tower's ONNX vectors have cosine {worst:.4f} to its own, expected 0.9999 or more")
            file = part / f"{name}.onnx"
            file.write_bytes(data)
            if int8:
                _quantise(file)
                worst = float((session(file.read_bytes()).run(None, given)[0] * own).sum(axis=1).min())
            found[name] = round(worst, 6)
        model.tokenizer.save_pretrained(part)
        model.images.save_pretrained(part)
        facts = {
            "dim": model.dim,
            "dims": list(model.dims),
            "prompts": dict(model.plan.prompts),
            "limit": model.limit,
            "int8": int8,
            "cosine": found,
        }
        (part / "export.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", "utf-8")

    whole(folder, write)
    return found


def _quantise(file: Path) -> None:
    runtime.onnxruntime()  # before its parts
    from onnxruntime.quantization import QuantType, quantize_dynamic

    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it logs advice to the root logger
    try:
        # Weights of 7 bits: without VNNI an x86 CPU adds two products of 8 × 8 bits in 16, which overflow (cosines fall to 0.95).
        quantize_dynamic(
            file, file, op_types_to_quantize=["MatMul", "Gather", "Gemm"], weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )
    finally:
        logging.getLogger().setLevel(level)
