"""A trained model's folder goes in; ONNX files for onnxruntime, checked against the model itself, or a stock folder come out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from hannun.errors import DependencyError, InputError, MissingError, neighbours

_FORMATS = ("onnx", "sentence-transformers")


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a trained model.")],
    to: Annotated[Path, typer.Option("--to", help="The folder for text.onnx and image.onnx.")] = Path("onnx"),
    int8: Annotated[bool, typer.Option("--int8", help="Matrix products in 8 bits: smaller and faster, a little off.")] = False,
    format: Annotated[str, typer.Option(help="onnx, or sentence-transformers: a folder of its stock modules.")] = "onnx",
) -> int:
    """Export a model to ONNX (one file for texts, one for pictures, each giving unit vectors), or to stock sentence-transformers."""
    if str(model) in ("mini", "mini-free") and not model.is_dir():
        from hannun.mini.model import HERE

        raise InputError(f"{model}: is ONNX as it comes, in {HERE}; a model that you trained or tuned is exported by its folder")
    if not model.is_dir():
        raise MissingError(f"{model}: no such folder, expected the folder of a trained model")
    if format not in _FORMATS:
        raise InputError(f"--format {format!r} came; {neighbours(format, _FORMATS)}")
    if to.exists() and (not to.is_dir() or any(to.iterdir())) and not (to / "export.json").exists():
        raise InputError(f"{to}: is there already and is no export; give another folder with --to")
    try:
        from hannun.mini.tuned import is_tuned

        if format == "sentence-transformers":
            return _stock(model, to, is_tuned(model))
        found = _tuned(model, to) if is_tuned(model) else _towers(model, to, int8)
    except ImportError as e:
        raise DependencyError(f"export needs torch and onnx ({e}); pip install -c constraints.txt '.[train]' in Hannun's folder") from None
    for name, cosine in found.items():
        size = (to / f"{name}.onnx").stat().st_size / 1e6
        typer.echo(f"{to / f'{name}.onnx'}: {size:.1f} MB, cosine to the model's own vectors at least {cosine:.4f}")
    return 0


def _towers(model: Path, to: Path, int8: bool) -> dict[str, float]:
    from hannun.models.checkpoint import open_model
    from hannun.models.export.onnx import write_onnx
    from hannun.models.two_tower import TwoTower

    opened = open_model(model)
    if not isinstance(opened, TwoTower):
        raise InputError(f"{model}: is a {type(opened).__name__}, expected two towers; a sequence of words and pictures has no ONNX export")
    return dict(write_onnx(opened.eval(), to, int8))


def _tuned(model: Path, to: Path) -> dict[str, float]:
    """Mini's files, the picture network with the head in its graph."""
    import onnx  # noqa: F401

    from hannun.mini.export_head import export as write
    from hannun.mini.model import DIMS, HERE
    from hannun.mini.tuned import open_tuned

    opened = open_tuned(model)
    to.mkdir(parents=True, exist_ok=True)
    worst = write(opened.head, HERE, to)
    if worst < 1 - 1e-4:
        raise InputError(f"the ONNX vectors have cosine {worst:.4f} to the model's own, expected 0.9999 or more")
    facts = {
        "dim": DIMS[0],
        "dims": list(DIMS),
        "prompts": {"query": "query: ", "document": "passage: "},
        "fingerprint": opened.fingerprint,
    }
    (to / "export.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return {"text": 1.0, "image": round(worst, 6)}


def _stock(model: Path, to: Path, tuned: bool) -> int:
    """Copy the stock folder that a trained model carries; say what cannot be stock."""
    own = model / "hannun.json"
    if not own.exists():
        raise MissingError(f"{model}: holds no trained model of Hannun (hannun.json is not there); give the folder that training wrote")
    facts: dict[str, Any] = json.loads(own.read_text("utf-8"))
    stock: dict[str, Any] = {} if tuned else facts.get("stock", {})
    reasons = dict(facts.get("own_format", {}))
    if tuned:
        reasons["everything"] = "mini's networks are ONNX graphs, and a head over what they see is no module of sentence-transformers"
    if not stock:
        remedy = "export to ONNX instead" if tuned else "load it with hannun.load, or serve it: `hannun serve` speaks OpenAI's requests"
        raise InputError(f"{model}: cannot be stock sentence-transformers ({'; '.join(map(str, reasons.values()))}); {remedy}")
    to.mkdir(parents=True, exist_ok=True)
    for place in stock:
        shutil.copytree(model / place, to / ("" if place == "." else place), dirs_exist_ok=True)
        typer.echo(f"{to / place}: {stock[place].get('class', 'SentenceTransformer')}")
    for what, why in reasons.items():
        typer.echo(f"not stock: {what}: {why}")
    (to / "export.json").write_text(json.dumps({"stock": stock, "own_format": reasons}, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0
