"""Two picture networks of mini and the captioner that sees by the first go in; the captioner that sees by the second comes out.

`python -m hannun.recipes.mini.captions --old FOLDER --new FOLDER --data FOLDER`. The captioner reads the narrow maps of the backbone's last
stage (`models.backbones.places`), the untouched one and the one that mini has trained further. When mini is trained anew only the latter
changes, so that the first layer of `look.onnx` is fitted by least squares to say of the new maps what it said of the old ones; all behind
it stays. Training the captioner again on the new maps (`hannun train prompt_coca`) is the other way, and takes as long as the first time.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from hannun.datasets import pictures
from hannun.embeddings import Floats
from hannun.files import whole_folder
from hannun.item import Image
from hannun.mini.captions import FOLDER, MOVED, STILL
from hannun.mini.heads import rounded
from hannun.mini.image import ImageTower
from hannun.mini.model import HERE as MINI

FITTED, JUDGED = 900, 150  # pictures, of the three sources that captions were learned from
RIDGE = 1e-3
MEAN, SPREAD, BIAS = "model.source.place_mean", "model.source.place_spread", "model.source.enter.bias"
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """What the captioner makes of one place: `weight` [704, width] and `bias` of channels less `mean`, divided by `spread` [704]."""

    mean: Doubles
    spread: Doubles
    weight: Doubles
    bias: Doubles

    def __call__(self, places: Doubles) -> Doubles:
        """[n, 704] → [n, width]."""
        made: Doubles = (places - self.mean) / self.spread @ self.weight + self.bias
        return made


def fitted(layer: FirstLayer, old: Doubles, new: Doubles) -> FirstLayer:
    """The layer that is nearest on the new places [n, 704] to what `layer` makes of the old ones (ridge regression)."""
    mean, spread = new.mean(0), np.maximum(new.std(0), 1e-3)
    z, wanted = (new - mean) / spread, layer(old)
    bias = wanted.mean(0)
    weight = np.linalg.solve(z.T @ z / len(z) + RIDGE * np.eye(z.shape[1]), z.T @ (wanted - bias) / len(z))
    return FirstLayer(mean, spread, weight, bias)


def explained(wanted: Doubles, made: Doubles) -> float:
    """The share of the variance of `wanted` [n, width] that `made` explains."""
    return float(1 - ((wanted - made) ** 2).sum() / ((wanted - wanted.mean(0)) ** 2).sum())


def _constants(model: Any) -> dict[str, Any]:
    return {t.name: t for t in model.graph.initializer}


def _entering(model: Any) -> str:
    """The name of the int8 matrix that reads the places, without its ending."""
    channels = len(numpy_helper.to_array(_constants(model)[MEAN]))
    found = [n for n, t in _constants(model).items() if n.endswith("_quantized") and len(t.dims) == 2 and t.dims[0] == channels]
    return found[0].removesuffix("_quantized")


def read(model: Any) -> FirstLayer:
    """The first layer of look.onnx."""
    known, name = _constants(model), _entering(model)
    value = {k: numpy_helper.to_array(t).astype(np.float64) for k, t in known.items() if k in (MEAN, SPREAD, BIAS) or k.startswith(name)}
    weight = (value[f"{name}_quantized"] - value[f"{name}_zero_point"]) * value[f"{name}_scale"]
    return FirstLayer(value[MEAN], value[SPREAD], weight, value[BIAS])


def write(model: Any, layer: FirstLayer) -> Any:
    """look.onnx with this first layer: a scale for each column, int8."""
    known, name = _constants(model), _entering(model)
    weight, scale = rounded(layer.weight.astype(np.float32), axis=0)
    made = {
        MEAN: layer.mean.astype(np.float32),
        SPREAD: layer.spread.astype(np.float32),
        BIAS: layer.bias.astype(np.float32),
        f"{name}_scale": scale[0],
        f"{name}_zero_point": np.zeros(weight.shape[1], np.int8),
        f"{name}_quantized": weight,
    }
    for key, value in made.items():
        known[key].CopyFrom(numpy_helper.from_array(value, key))
    return model


def places(folder: Path, shown: Sequence[Image]) -> Doubles:
    """What a folder's picture network has at 81 places of each picture, [81 · n, 704]."""
    tower = ImageTower(folder, inner=(STILL, MOVED))

    def joined(values: Sequence[Floats]) -> Floats:
        still, moved = values
        return np.concatenate([still.reshape(len(still), still.shape[1], -1).transpose(0, 2, 1), moved], axis=2).astype(np.float32)

    seen = tower.inside(shown, joined)
    return seen.reshape(-1, seen.shape[2]).astype(np.float64)


def _some(data: Path) -> Iterator[Image]:
    """Training pictures of photos, products and emoji in turn."""
    groups = [[p.image for p in pictures.READERS[s](data) if p.split == "train"] for s in ("flickr8k", "fashion", "emoji")]
    for few in zip(*groups, strict=False):
        yield from few


def refit(data: Path, old: Path, new: Path) -> float:
    """Write new/captions out of old/captions; the share of the first layer's variance that is kept on pictures it was not fitted to."""
    source = _some(data)
    shown = [next(source) for _ in range(FITTED + JUDGED)]
    model = onnx.load(str(old / FOLDER / "look.onnx"))
    layer = read(model)
    before, after = places(old, shown), places(new, shown)
    at = len(before) * FITTED // len(shown)
    made = fitted(layer, before[:at], after[:at])
    write(model, made)
    with whole_folder(new / FOLDER) as part:
        for file in (old / FOLDER).iterdir():
            shutil.copyfile(file, part / file.name)
        onnx.save(model, str(part / "look.onnx"))
    return explained(layer(before[at:]), read(model)(after[at:]))


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.recipes.mini.captions")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--old", type=Path, default=MINI, help="weights of mini with the captioner that sees by them")
    parser.add_argument("--new", type=Path, required=True, help="weights of mini that shall have one")
    a = parser.parse_args(argv)
    kept = refit(a.data, a.old, a.new)
    print(f"{a.new / FOLDER}: {kept:.4f} of the first layer's variance is kept")


if __name__ == "__main__":
    main()
