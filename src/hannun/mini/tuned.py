"""The folder of a head goes in; an Encoder comes out: mini, whose pictures were brought nearer to the words of one collection.

`hannun tune` trains the head; nothing here needs torch. Texts keep mini's vectors to the bit. A picture gets mini's vector plus what the
head makes of what the picture network has seen, weighed by how near the picture lies to those that the head was trained on: far from
them (`gate`) mini speaks as before, so that what it knew is not forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, final

import numpy as np

from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import Calibration
from hannun.errors import InputError, MissingError
from hannun.item import Content, Image
from hannun.mini.image import SIDE, ImageTower
from hannun.mini.model import DIMS, HERE, KINDS, Mini, encoded
from hannun.mini.text import WIDTH

OWN, KIND, WEIGHTS = "hannun.json", "mini_head", "head.npz"
FORMAT = 1
CLIP = 4.0  # deviations: what a picture has beyond them says nothing


@final
@dataclass(frozen=True, eq=False)
class TunedHead:
    """What turns states [n, STATES] of pictures into vectors.

    `mean` and `spread` [p] standardise states; `matrix` [p, 384] is added to the vector; `centres` [k, 384] are where the pictures of
    the training lie, `near` the cosines to the nearest of them at which the head begins to count, and from which it counts in full.
    """

    mean: Floats
    spread: Floats
    matrix: Floats
    centres: Floats
    near: Floats

    def standard(self, states: Floats) -> Floats:
        """States as the matrix reads them; of unit length where they are as far from the mean as is usual."""
        x = ((states - self.mean) / self.spread).clip(-CLIP, CLIP)
        return np.asarray(x / np.sqrt(x.shape[1]), np.float32)

    def gate(self, vectors: Floats) -> Floats:
        """How much the head counts for pictures by their own vectors [n, 384]: 0 … 1, [n, 1]."""
        nearest = (vectors @ self.centres.T).max(axis=1, keepdims=True)
        low, high = self.near
        return np.asarray(((nearest - low) / max(high - low, 1e-6)).clip(0, 1), np.float32)

    def vectors(self, states: Floats) -> Floats:
        """Unit vectors [n, 384] of states."""
        own = unit(states[:, :WIDTH])
        return unit(own + self.gate(own) * (self.standard(states) @ self.matrix))

    def arrays(self) -> dict[str, Any]:
        """For a file: the matrix in half precision."""
        return {
            "mean": self.mean,
            "spread": self.spread,
            "matrix": self.matrix.astype(np.float16),
            "centres": self.centres,
            "near": self.near,
        }

    @staticmethod
    def of(arrays: Mapping[str, Any]) -> TunedHead:
        """The inverse of `arrays`."""
        return TunedHead(**{k: np.asarray(arrays[k], np.float32) for k in ("mean", "spread", "matrix", "centres", "near")})


@final
class Tuned:
    """An Encoder over mini and a TunedHead."""

    def __init__(self, name: str, head: TunedHead, fingerprint: str, calibration: Calibration, threads: int | None = None) -> None:
        self.name, self.fingerprint, self.calibration, self.head = name, fingerprint, calibration, head
        self.dims, self.kinds, self.side = DIMS, KINDS, SIDE  # mini's
        self._mini, self._image = Mini(threads=threads), ImageTower(HERE, threads, states=True)

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors of what is asked; `instruction` changes nothing."""
        return encoded(contents, lambda texts: self._mini.encode_query(texts).dense, self._pictures)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors of what is searched; `instruction` changes nothing."""
        return encoded(contents, lambda texts: self._mini.encode_document(texts).dense, self._pictures)

    @property
    def grid(self) -> tuple[int, int]:
        """mini's."""
        return self._mini.grid

    def patches(self, pictures: Sequence[Image]) -> Floats:
        """mini's vectors of 3 × 3 cells of each picture, float32 [n, 9, 384]: the head is of whole pictures alone."""
        return self._mini.patches(pictures)

    def _pictures(self, pictures: Sequence[Image]) -> Floats:
        return self.head.vectors(self._image.states(pictures))


def is_tuned(folder: Path) -> bool:
    """Whether a folder holds a head for mini."""
    try:
        return bool(json.loads((folder / OWN).read_text("utf-8")).get("kind") == KIND)
    except (OSError, ValueError, AttributeError):
        return False


def open_tuned(folder: Path, threads: int | None = None) -> Tuned:
    """The encoder in a folder. Raises InputError where it was made for another mini than the one in this package, or is damaged."""
    facts = json.loads((folder / OWN).read_text("utf-8"))
    if facts.get("format") != FORMAT:
        raise InputError(f"{folder}: is of format {facts.get('format')}, expected {FORMAT}; update hannun")
    here = Mini().fingerprint
    if facts.get("mini") != here:
        raise InputError(f"{folder}: was tuned from another mini ({facts.get('mini')}) than this one ({here}); run `hannun tune` again")
    file = folder / WEIGHTS
    if not file.exists():
        raise MissingError(f"{file}: no such weights; run `hannun tune` again")
    data = file.read_bytes()
    if blake2b(data, digest_size=16).hexdigest() != facts["weights"]:
        raise InputError(f"{file}: is not what was written (damaged, or of another model); run `hannun tune` again")
    with np.load(file, allow_pickle=False) as arrays:
        head = TunedHead.of(arrays)
    return Tuned(str(folder), head, fingerprint(facts), Calibration.from_json(facts["calibration"]), threads)


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Of mini and of the head."""
    return blake2b(f"{KIND} {FORMAT} {facts['mini']} {facts['weights']}".encode(), digest_size=16).hexdigest()
