"""A trained model of users goes in, its folder comes out, and the other way round: hannun.json, names.json, weights.safetensors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file

from hannun.errors import InputError, MissingError
from hannun.models.saving import FORMAT, OWN, save_folder
from hannun.models.sequence.network import LogNames, UserNetwork, UserShape

KIND, NAMES, WEIGHTS = "users", "names.json", "weights.safetensors"


def save_users(model: UserNetwork, folder: Path) -> None:
    """Everything of the model, whole or not at all. Raises StorageError; what was there before stays."""

    def write(part: Path) -> None:
        (part / NAMES).write_text(json.dumps(asdict(model.known), ensure_ascii=False), "utf-8")

    why = "histories of events are no input of sentence-transformers"
    facts = {"kind": KIND, "shape": model.shape.to_json()}
    save_folder(folder, facts, model.state_dict(), write, lambda _: {"stock": {}, "own_format": {"everything": why}})


def is_users(folder: Path) -> bool:
    """Whether the folder holds a model of users."""
    try:
        return bool(json.loads((folder / OWN).read_text("utf-8")).get("kind") == KIND)
    except (OSError, ValueError, AttributeError):
        return False


def require_users(folder: Path) -> None:
    """Raises MissingError where the folder holds no model of users."""
    if not is_users(folder):
        raise MissingError(f"{folder}: holds no model of users; give the folder that `hannun users train` wrote")


def open_users(folder: Path) -> UserNetwork:
    """The model in a folder, in eval mode. Raises MissingError where it holds none, InputError where it is damaged."""
    require_users(folder)
    try:
        facts = json.loads((folder / OWN).read_text("utf-8"))
        if facts.get("format") != FORMAT:
            raise InputError(f"{folder}: is of format {facts.get('format')}, expected {FORMAT}; update hannun")
        known = LogNames(**{k: tuple(v) for k, v in json.loads((folder / NAMES).read_text("utf-8")).items()})
        state = load_file(folder / WEIGHTS)
        model = UserNetwork(UserShape.from_json(facts["shape"]), known, state["content"])
        model.load_state_dict(state)
    except InputError:
        raise
    except Exception as e:  # a damaged folder makes the libraries raise anything
        raise InputError(f"{folder}: cannot be loaded ({' '.join(str(e).split())[:160]}); train the model again") from None
    model.eval()
    return model


def fingerprint(folder: Path) -> str:
    """The hash of the files that make the vectors: the version of what they give."""
    h = hashlib.sha256()
    for name in (OWN, NAMES, WEIGHTS):
        with (folder / name).open("rb") as f:
            h.update(hashlib.file_digest(f, "sha256").digest())
    return h.hexdigest()[:32]
