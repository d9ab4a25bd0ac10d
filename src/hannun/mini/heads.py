"""A folder of constants goes in; another model over mini's own networks comes out: the same frozen bodies, heads trained apart.

`heads.npz` holds, by the name of an ONNX file and of a constant in it, what the heads have instead of mini's values: matrices as 8 bits
with a scale for each row or column (NAME.byte, NAME.scale), all else as it is. `space.json` has the fingerprint and the calibration.
So a second model costs a tenth of the first one, and the two cannot drift apart in what they share.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from hannun import runtime
from hannun.errors import InputError, MissingError
from hannun.runtime import BYTE, HALF, SCALE

FILE = "heads.npz"
HUBS = "hubs."  # how the names begin of what moves pictures that are near to everything (see `hannun.recipes.mini.hubs`)
Array = npt.NDArray[Any]


@final
@dataclass(frozen=True, eq=False)
class HeadValues:
    """Constants by the file that they belong to and by name; `where` is what errors name."""

    where: Path
    files: Mapping[str, Mapping[str, Array]]

    def over(self, path: Path) -> bytes:
        """An ONNX file's bytes with these constants. Raises InputError where they were made for another graph."""
        model = path.read_bytes()
        there, values = runtime.constants(model), dict[str, bytes]()
        for name, value in self.files.get(path.name, {}).items():
            plain = name.removesuffix(BYTE)
            if name.endswith(SCALE) and name not in there:
                continue  # the file keeps this matrix in half precision, and what it is multiplied by is in there
            if name.endswith(BYTE) and plain + HALF in there:
                whole = value.astype(np.float32) * self.files[path.name][plain + SCALE]
                name, value = plain + HALF, whole.astype(np.float16)
            values[name] = np.ascontiguousarray(value).tobytes()
        try:
            return runtime.with_constants(model, values)
        except ValueError as e:
            raise InputError(
                f"{self.where}: was made for another {path.name} than the one in this package ({e}); reinstall hannun"
            ) from None

    def save(self) -> None:
        """Write the constants, compressed and in one order, so that the same ones make the same bytes."""
        with zipfile.ZipFile(self.where, "w") as f:
            for file, some in sorted(self.files.items()):
                for name, value in sorted(some.items()):
                    entry = zipfile.ZipInfo(f"{file}|{name}.npy")  # the date of a ZipInfo is 1980, whenever it is made
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    with f.open(entry, "w") as out:
                        np.lib.format.write_array(out, np.ascontiguousarray(value), allow_pickle=False)

    @staticmethod
    def load(folder: Path) -> HeadValues:
        """What `save` wrote. Raises MissingError, or InputError for a file that is damaged."""
        path = folder / FILE
        if not path.exists():
            raise MissingError(f"{path}: no such weights, expected them inside the package; reinstall hannun")
        files: dict[str, dict[str, Array]] = {}
        try:
            with np.load(path, allow_pickle=False) as found:
                for key in found.files:
                    file, _, name = key.partition("|")
                    files.setdefault(file, {})[name] = found[key]
        except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError) as e:
            raise InputError(f"{path}: is damaged ({e}), expected the constants that Hannun comes with; reinstall hannun") from None
        return HeadValues(path, files)


def rounded(value: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """A matrix [n, k] as signed bytes and the scales [n, 1] or [1, k] that they are multiplied by; largest values become ±127.

    `axis` is the one that each scale goes over: 1 for a scale a row, 0 for one a column.
    """
    scale = np.maximum(np.abs(value).max(axis=axis, keepdims=True), 1e-12) / 127
    return np.rint(value / scale).astype(np.int8), scale.astype(np.float32)


def fingerprint(folder: Path, base: Path) -> str:
    """128 bits over the constants in `folder` and over what they share with the networks in `base`: the bodies and the tokeniser.

    Other heads of the networks in `base` change nothing.
    """
    heads = HeadValues.load(folder)
    h = blake2b((folder / FILE).read_bytes() + (base / "tokenizer.json").read_bytes(), digest_size=16)
    for file in ("image.onnx", "text.onnx"):
        model, own = (base / file).read_bytes(), {plain(n) for n in heads.files[file]}
        for name, (at, end) in sorted(runtime.constants(model).items()):
            if plain(name) not in own and not name.startswith(HUBS):
                h.update(name.encode() + model[at:end])
    return h.hexdigest()


def plain(name: str) -> str:
    """A constant's name without what says how it is stored."""
    return name.removesuffix(BYTE).removesuffix(SCALE).removesuffix(HALF)
