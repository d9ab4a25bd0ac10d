"""A captioner goes in, its folder comes out, and the other way: hannun.json, weights.safetensors, the tokenizer, what its source needs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from hannun.errors import InputError
from hannun.models.backbones.places import PictureTokens
from hannun.models.backbones.series import Series, SeriesShape
from hannun.models.backbones.vit import PatchTokens
from hannun.models.captioner.network import Captioner, CaptionerShape
from hannun.models.saving import save_folder

KIND = "captioner"
NETWORK = "image.onnx"


def save_captioner(model: Captioner, folder: Path) -> None:
    """Everything of a captioner in `folder`, whole or not at all."""
    facts = {"kind": KIND, "shape": model.shape.to_json(), "source": _said(model.source)}
    why = "a decoder in two halves under one picture network is no class of sentence-transformers"

    def write(part: Path) -> None:
        model.tokenizer.save_pretrained(part)
        if model.source.path is not None:
            shutil.copyfile(model.source.path, part / NETWORK)

    save_folder(folder, facts, model.state_dict(), write, lambda _: {"stock": {}, "own_format": {"everything": why}})


def load_captioner(folder: Path, facts: Mapping[str, Any]) -> Captioner:
    """The captioner in a folder whose hannun.json says `facts`, in evaluation mode."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = Captioner(_source(facts["source"], folder), tokenizer, CaptionerShape.from_json(facts["shape"]))
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    model.eval()
    return model


# A new token source is one line in each of these two.
def _said(source: Any) -> dict[str, Any]:
    match source:
        case PictureTokens():
            return {"kind": "places", "width": source.width, "drop": source.drop}
        case PatchTokens():
            return {"kind": "vit", **source.to_json()}
        case Series():
            return {"kind": "series", "shape": source.shape.to_json()}
    raise InputError(f"a captioner that sees with a {type(source).__name__} came, which no folder can hold; name it beside the others")


def _source(facts: Mapping[str, Any], folder: Path) -> Any:
    match facts["kind"]:
        case "places":
            return PictureTokens(folder / NETWORK, int(facts["width"]), float(facts["drop"]))
        case "vit":
            return PatchTokens.of_json(facts)
        case "series":
            return Series(SeriesShape.from_json(facts["shape"]))
    raise InputError(f"sees with {facts['kind']!r}, expected places, vit or series; update hannun")
