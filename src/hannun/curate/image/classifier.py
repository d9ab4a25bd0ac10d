"""The path of a picture classifier (an .onnx file, a transformers folder or hub id, LAION's watermark weights) goes in; a Scorer comes out.

So adult pictures are judged by whatever detector a team trusts, and LAION's watermark detector can stand in for the embedded head.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from hannun.curate.image.scorer import Scorer, pixels, probability
from hannun.errors import DependencyError, InputError, MissingError
from hannun.mini.session import open_session

#: Labels that say yes; a classifier without any of them must have two classes, of which the second counts.
POSITIVE = ("nsfw", "porn", "hentai", "explicit", "sexy", "adult", "unsafe", "watermark", "watermarked")


def classifier(place: str) -> Scorer:
    """Probabilities 0…1 of the class that says yes. Raises MissingError or InputError for what cannot be loaded."""
    path = Path(place)
    if path.suffix in (".onnx", ".pt", ".pth") and not path.exists():
        raise MissingError(f"{path}: no such file, expected a picture classifier")
    if path.suffix == ".onnx":
        return _onnx(path)
    if path.suffix in (".pt", ".pth"):
        from hannun.curate.image.laion import detector

        return detector(path)
    return _transformers(place)


def positives(labels: Sequence[str], where: str) -> list[int]:
    """Which classes say yes, by their names."""
    lower = [label.lower() for label in labels]
    named = [n for n, label in enumerate(lower) if any(label == p or label.startswith(p + "_") for p in POSITIVE)]
    if named:
        return named
    if len(labels) <= 2:
        return [len(labels) - 1]
    raise InputError(f"{where}: has the classes {', '.join(labels)[:200]}, expected one named like {', '.join(POSITIVE)}")


def _onnx(path: Path) -> Scorer:
    session: Any = open_session(path)
    given = session.get_inputs()[0]
    side = given.shape[-1] if isinstance(given.shape[-1], int) else 224
    if len(given.shape) != 4 or given.shape[1] not in (3, "3"):
        raise InputError(f"{path}: takes {given.shape}, expected pictures [n, 3, side, side]")
    classes = session.get_outputs()[0].shape[-1]
    count = classes if isinstance(classes, int) else 2
    named = session.get_modelmeta().custom_metadata_map.get("labels", "")  # `hannun.recipes.adult` writes them
    yes = positives(named.split(",") if named else [str(n) for n in range(count)], str(path))

    def score(pictures: Sequence[PIL.Image.Image]) -> list[float]:
        return probability(session.run(None, {given.name: pixels(pictures, side)})[0], yes) if pictures else []

    return score


def _transformers(place: str) -> Scorer:
    try:
        import torch
        from transformers import AutoImageProcessor, AutoModelForImageClassification
    except ImportError:
        raise DependencyError(
            f"the classifier {place!r} needs transformers; pip install -c constraints.txt '.[train]' in Hannun's folder"
        ) from None
    try:
        model: Any = AutoModelForImageClassification.from_pretrained(place).eval()
        processor: Any = AutoImageProcessor.from_pretrained(place)
    except (OSError, ValueError) as e:
        raise MissingError(f"{place}: no picture classifier there ({(str(e).splitlines() or ['?'])[0][:160]})") from None
    labels = [str(model.config.id2label[n]) for n in range(model.config.num_labels)]
    yes = positives(labels, place)

    def score(pictures: Sequence[PIL.Image.Image]) -> list[float]:
        if not pictures:
            return []
        with torch.no_grad():
            inputs = processor(images=[p.convert("RGB") for p in pictures], return_tensors="pt")
            return probability(model(**inputs).logits.float().numpy(), yes)

    return score
