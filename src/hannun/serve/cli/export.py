"""A trained model's folder goes in; ONNX files for onnxruntime come out, checked against the model itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hannun.errors import DependencyError, InputError, MissingError


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a trained model of two towers.")],
    to: Annotated[Path, typer.Option("--to", help="The folder for text.onnx and image.onnx.")] = Path("onnx"),
    int8: Annotated[bool, typer.Option("--int8", help="Matrix products in 8 bits: smaller and faster, a little off.")] = False,
) -> int:
    """Export a model of two towers to ONNX: one file for texts, one for pictures, each giving unit vectors."""
    if not model.is_dir():
        raise MissingError(f"{model}: no such folder, expected the folder of a trained model")
    if to.exists() and (not to.is_dir() or any(to.iterdir())) and not (to / "export.json").exists():
        raise InputError(f"{to}: is there already and is no export; give another folder with --to")
    try:
        from hannun.models.checkpoint import open_model
        from hannun.models.export.onnx import write_onnx
        from hannun.models.two_tower import TwoTower
    except ImportError as e:
        raise DependencyError(f"export needs torch and onnx ({e}); pip install -c constraints.txt '.[train]' in Hannun's folder") from None
    opened = open_model(model)
    if not isinstance(opened, TwoTower):
        raise InputError(f"{model}: is a {type(opened).__name__}, expected two towers; a sequence of words and pictures has no ONNX export")
    found = write_onnx(opened.eval(), to, int8)
    for name, cosine in found.items():
        size = (to / f"{name}.onnx").stat().st_size / 1e6
        typer.echo(f"{to / f'{name}.onnx'}: {size:.1f} MB, cosine to the model's own vectors at least {cosine:.4f}")
    return 0
