"""A captioner that sees with mini's picture network goes in; two ONNX graphs in int8, its tokenizer and its facts come out.

What `hannun.mini.captions` reads: `look.onnx` (what the eyes saw → keys and values for the upper half of the decoder) and `say.onnx` (one
token, and keys and values of all before it → scores of the next). Weights of matrices are int8, computed with int8 activations.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hannun import runtime
from hannun.files import whole_folder
from hannun.models.backbones.places import VALUES, PictureTokens
from hannun.models.captioner.layers import KeysAndValues
from hannun.models.captioner.network import END, LANGUAGES, TOLD, Captioner
from hannun.models.onnx import traced

FACTS = "captions.json"


def export_captioner(model: Captioner, folder: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write the folder, whole or not at all; `about` is kept with the facts. Raises TypeError for a captioner with other eyes."""
    if not isinstance(model.source, PictureTokens):
        raise TypeError(f"a captioner that sees with a {type(model.source).__name__} came, expected PictureTokens")
    model = model.eval()
    shape = model.shape
    ids = {t: i for t, i in model.ids.items()}
    facts = {
        "styles": {name: ids[token] for name, token in shape.styles.items()},
        "languages": {name: ids[token] for name, token in LANGUAGES.items()},
        "end": ids[END],
        "never": sorted(i for t, i in ids.items() if t != END),
        "longest": shape.context - TOLD - 1,
        **(about or {}),
    }
    n, heads, size = 2, shape.heads, shape.width // shape.heads
    seen = torch.zeros(shape.joint, n, heads, shape.queries, size)
    past = torch.zeros(shape.alone + shape.joint, n, heads, 1, size)
    rows, grown = {1: "n"}, {1: "n", 3: "t"}
    with whole_folder(folder) as part:
        looked = {"places": {0: "n"}, "keys": rows, "values": rows}
        _write(part / "look.onnx", _Look(model), {"places": torch.zeros(n, VALUES)}, looked)
        say = {
            "tokens": torch.zeros(n, 1, dtype=torch.int64), "place": torch.ones(1, dtype=torch.int64), "past_keys": past,
            "past_values": past, "seen_keys": seen, "seen_values": seen,
        }  # fmt: skip
        axes = {
            "tokens": {0: "n"}, "past_keys": grown, "past_values": grown, "seen_keys": rows, "seen_values": rows, "scores": {0: "n"},
            "keys": grown, "values": grown,
        }  # fmt: skip
        _write(part / "say.onnx", _Say(model), say, axes)
        model.tokenizer.backend_tokenizer.save(str(part / "tokenizer.json"), pretty=False)
        (part / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class _Look(nn.Module):  # type: ignore[misc]
    """places [n, VALUES] → keys and values [layers, n, heads, queries, size]."""

    def __init__(self, model: Captioner) -> None:
        super().__init__()
        self.model = model

    def forward(self, places: Tensor) -> tuple[Tensor, Tensor]:
        tokens, _ = self.model.source({"places": places})
        known = self.model.known(self.model.many(tokens))
        return torch.stack([k.keys for k in known]), torch.stack([k.values for k in known])


class _Say(nn.Module):  # type: ignore[misc]
    """One token [n, 1] at a place [1], keys and values before it and of what is seen → scores [n, vocabulary], keys and values with it."""

    def __init__(self, model: Captioner) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, tokens: Tensor, place: Tensor, past_keys: Tensor, past_values: Tensor, seen_keys: Tensor, seen_values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        model = self.model
        x = model.words(tokens) + model.place[place]
        kept = []
        lower = len(model.lower)
        for n, layer in enumerate([*model.lower, *model.upper]):
            seen = KeysAndValues(seen_keys[n - lower], seen_values[n - lower]) if n >= lower else None
            x, now = layer(x, None, KeysAndValues(past_keys[n], past_values[n]), seen)
            kept.append(now)
        return model.scores(x[:, -1]), torch.stack([k.keys for k in kept]), torch.stack([k.values for k in kept])


def _write(path: Path, graph: nn.Module, inputs: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]]) -> None:
    """Trace the graph and write it with int8 weights."""
    runtime.onnxruntime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = path.with_suffix(".fp32")
    whole.write_bytes(traced(graph, inputs, [k for k in axes if k not in inputs], axes=axes))
    try:
        _quietly(lambda: quantize_dynamic(str(whole), str(path), weight_type=QuantType.QInt8, per_channel=True))
    finally:
        whole.unlink(missing_ok=True)


def _quietly(work: Callable[[], None]) -> None:
    """Without the quantiser's advice to preprocess, which it gives on the root logger."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        work()
    finally:
        root.setLevel(before)
