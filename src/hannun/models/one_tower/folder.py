"""A trained OneTower goes in, its folder comes out, and the other way round: hannun.json, weights.safetensors, the tokenizer.

The teacher is saved with it: a training that goes on from the folder goes on with both.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file

from hannun.models.one_tower.tower import OneTower
from hannun.models.one_tower.trunk import OneTowerShape
from hannun.models.saving import OWN, save_folder

KIND = "one_tower"


def save_one_tower(model: OneTower, folder: Path) -> None:
    """Everything of the model, whole or not at all. Raises StorageError; what was there before stays."""
    why = "patches and tokens that go through the same layers are no module of sentence-transformers"
    facts = {"kind": KIND, "shape": model.shape.to_json()}
    save_folder(
        folder, facts, model.state_dict(), model.tokenizer.save_pretrained, lambda _: {"stock": {}, "own_format": {"everything": why}}
    )


def open_one_tower(folder: Path) -> OneTower:
    """The model in a folder, in eval mode."""
    from transformers import AutoTokenizer

    facts = json.loads((folder / OWN).read_text("utf-8"))
    model = OneTower(OneTowerShape.from_json(facts["shape"]), AutoTokenizer.from_pretrained(folder, local_files_only=True))
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    model.eval()
    return model
