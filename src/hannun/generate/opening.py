"""A model's folder goes in; the Generator that can open it comes out."""

from __future__ import annotations

from pathlib import Path

from hannun.errors import DependencyError, InputError, MissingError
from hannun.generate.generator import Generator

REMEDY = "give one with --model: the folder of a Stable Diffusion model, or a painter's that `hannun train korean_diffusion` made"
EMBEDDED = Path(__file__).with_name("mini_painter")  # drawn garments at 64 × 64, by words: what `make painter` made


def open_generator(folder: Path | None, text: Path | None = None, english: bool = False, lean: bool = False) -> Generator:
    """Open a folder.

    Args:
        folder: of Stable Diffusion (`model_index.json`) or of a painter (`painter.json`); the embedded painter's where none is given.
        text: the folder of a student that reads the prompts of a Stable Diffusion model.
        english: read a painter's prompts by the English text model that it was trained with.
        lean: take little memory and more time.

    Raises:
        MissingError: there is no model. DependencyError: a package is missing. InputError: it is of another kind.
    """
    if folder is None:
        folder = EMBEDDED
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such folder; {REMEDY}")
    if (folder / "painter.json").is_file():
        if text is not None:
            raise InputError(
                f"--text came for a painter, which has its own; leave it out, or give a Stable Diffusion model instead of {folder}"
            )
        from hannun.generate.painter import OnnxPainter

        return OnnxPainter(folder, english)
    if not (folder / "model_index.json").is_file():
        raise MissingError(f"{folder}: holds neither model_index.json nor painter.json; {REMEDY}")
    if english:
        raise InputError(
            f"--english came for a Stable Diffusion model, which reads English where no --text is given; leave it out for {folder}"
        )
    try:
        from hannun.generate.stable import open_stable
    except ImportError as e:
        raise DependencyError(f"Stable Diffusion needs {e.name}; pip install -c constraints.txt '.[imagine]' in Hannun's folder") from None
    return open_stable(folder, text, lean)
