"""A trained model's facts, tensors and files go in; a folder that `open_checkpoint` reads, written whole or not at all, comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hannun.errors import StorageError
from hannun.files import whole_folder
from hannun.processes import once

OWN = "hannun.json"
FORMAT = 1


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without its progress bars."""
    import transformers

    log: Any = transformers.logging
    bars = log.is_progress_bar_enabled()
    log.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            log.enable_progress_bar()


def whole_tensor(tensor: Any) -> Any:
    """A tensor on the CPU, made whole where it is divided among processes: then every one of them must call this."""
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).detach().cpu()


def whole(folder: Path, write: Callable[[Path], None]) -> None:
    """`write` fills a folder beside, which then takes the place of `folder`. Of several processes the first writes, and all wait for it.

    Raises StorageError, in all of them, where the disk is full; what was there before stays.
    """
    once(lambda: _written(folder, write))


def _written(folder: Path, write: Callable[[Path], None]) -> None:
    try:
        with whole_folder(folder) as part, quiet():
            write(part)
    except Exception as e:
        if isinstance(e, OSError) or "No space left" in str(e):  # safetensors has an error of its own for it
            raise StorageError(f"{folder}: cannot be written ({e}); free some space. What was there before is untouched") from None
        raise


def save_folder(
    folder: Path,
    facts: Mapping[str, Any],
    state: Mapping[str, Any],
    write: Callable[[Path], None],
    stock: Callable[[Path], Mapping[str, Any]],
) -> None:
    """A folder in Hannun's own format: what `write` puts there, weights.safetensors, what `stock` exports, and hannun.json.

    `stock` returns what it exported and what no stock module can say, with the reason; both are kept in hannun.json.
    """
    from safetensors.torch import save_file

    state = {k: whole_tensor(v).contiguous().clone() for k, v in state.items()}

    def both(part: Path) -> None:
        write(part)
        save_file(state, part / "weights.safetensors", {"format": "pt"})
        write_facts(part, {**facts, **stock(part)})

    whole(folder, both)


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """hannun.json, last: a folder without it is no checkpoint."""
    (folder / OWN).write_text(json.dumps({"format": FORMAT, **facts}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
