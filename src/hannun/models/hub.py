"""The path or hub id of a model goes in; the folder with its files comes out, fetched where it is not there yet."""

from __future__ import annotations

import re
from pathlib import Path

from hannun.errors import InputError, MissingError
from hannun.models.saving import OWN

READ = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.codes")  # the files that make the vectors
OTHER_BACKENDS = ("onnx/*", "openvino/*", "original/*", "*.onnx", "*.msgpack", "*.h5")


def model_folder(name_or_path: str) -> Path:
    """The folder of a model by path or hub id, fetched where it is not in the hub's cache yet. Raises MissingError."""
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if not any((path / f).exists() for f in (OWN, "config.json", "modules.json")):
            raise MissingError(
                f"{name_or_path}: holds no model (neither config.json nor modules.json); give the folder that save_pretrained wrote"
            )
        return path
    if path.exists():
        raise InputError(f"{name_or_path}: is a file, expected the folder of a model")
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name_or_path, flags=re.ASCII):
        raise MissingError(f"{name_or_path}: no such folder; check the path")
    from huggingface_hub import errors, snapshot_download

    try:
        folder = Path(snapshot_download(name_or_path, allow_patterns=list(READ), ignore_patterns=list(OTHER_BACKENDS)))
        if not any(folder.rglob("*.safetensors")):
            snapshot_download(name_or_path, allow_patterns=["*.bin"], ignore_patterns=list(OTHER_BACKENDS))
        return folder
    except errors.GatedRepoError:
        raise MissingError(f"{name_or_path}: is gated; accept its terms on the model hub, then `hf auth login`") from None
    except errors.RepositoryNotFoundError:
        raise MissingError(
            f"{name_or_path}: no such folder and no such model on the hub; check the name, or `hf auth login` if it is private"
        ) from None
    except Exception as e:  # the hub's client fails in many ways: no network, a time-out, a broken cache, an http error
        raise MissingError(
            f"{name_or_path}: no such folder, not in the hub's cache, and the hub cannot be reached ({type(e).__name__}); "
            "check the name and the connection, or give the path of a downloaded model"
        ) from None


def backbone_folder(name_or_path: str) -> Path:
    """The folder of what a training begins at. Raises MissingError that says how to bring it here."""
    try:
        return model_folder(name_or_path)
    except MissingError as e:
        raise MissingError(
            f"the backbone is not here: {e}. Download it where there is a network (`hf download {name_or_path}`) and give its folder with "
            "--backbone FOLDER"
        ) from None
