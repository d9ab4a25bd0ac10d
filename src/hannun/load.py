"""A model's name goes in, an Encoder comes out: "mini" and "mini-free" are embedded, a path or a hub id needs the `[train]` extra.

What `hannun tune` wrote is a path that needs nothing.
"""

from __future__ import annotations

from pathlib import Path

from hannun.encoder import Encoder
from hannun.errors import DependencyError, InputError
from hannun.mini.model import FREE, Mini
from hannun.mini.tuned import is_tuned, open_tuned

FREE_NAME = "mini-free"


def load(model: str | Path = "mini") -> Encoder:
    """The encoder of that name.

    Args:
        model: "mini" (embedded, offline), "mini-free" (the same networks, taught by nothing whose licence forbids some uses), the path of a
            saved model, or a hub id such as "google/siglip2-base-patch16-256".

    Raises:
        MissingError: no such model here or on the hub.
        DependencyError: the model needs torch: `pip install -c constraints.txt '.[train]'`.
    """
    if not str(model).strip():
        raise InputError("an empty model name came, expected 'mini', 'mini-free', a path or a hub id")
    if model == "mini":
        return Mini()
    if model == FREE_NAME:
        return Mini(heads=FREE)
    if is_tuned(Path(model)):
        return open_tuned(Path(model))
    try:
        from hannun.models.sequence.folder import is_users

        if is_users(Path(model)):
            return _users(Path(model))
        from hannun.models.checkpoint import open_checkpoint
    except ImportError as e:
        raise DependencyError(
            f"{model} needs torch and transformers ({e}); pip install -c constraints.txt '.[train]' in Hannun's folder"
        ) from None
    return open_checkpoint(str(model))


def _users(folder: Path) -> Encoder:
    """The encoder of users in a folder, with the one that its items' content was read by."""
    from hannun.models.sequence.encoder import UserEncoder
    from hannun.models.sequence.folder import fingerprint, open_users

    network = open_users(folder)
    reads = network.shape.reads
    return UserEncoder(str(folder), fingerprint(folder), network, load(reads) if reads else None)
