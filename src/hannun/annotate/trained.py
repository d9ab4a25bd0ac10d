"""Pictures go in; what small heads over the embedded model's features find comes out, with calibrated probabilities and *unknown*.

`hannun.recipes.fashion_search` trains the heads and writes them into one file, with the fingerprint of the tower: another's features mean
nothing to them. Attributes without a head are found by prompts (`zero_shot`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from hannun.annotate import schema as topics
from hannun.annotate.annotator import Finding
from hannun.annotate.head import TagHead
from hannun.annotate.looks import looks
from hannun.annotate.schema import Schema
from hannun.embeddings import Floats
from hannun.errors import EncoderMismatch, HannunError, MissingError
from hannun.item import Image, Item
from hannun.mini.heads import rounded
from hannun.mini.model import Mini

WEIGHTS = Path(__file__).with_name("fashion.npz")
ATTRIBUTES = Path(__file__).with_name("attributes.npz")  # of single garments: `hannun.recipes.fashion_attributes`


@dataclass(frozen=True)
class TrainedHeads:
    """Heads by the name of their attribute, what features each reads, and the tower whose features these are."""

    heads: Mapping[str, TagHead]
    reads: Mapping[str, tuple[str, ...]]
    fingerprint: str
    about: str = ""

    @property
    def digest(self) -> str:
        """Changes with every weight and threshold."""
        h = hashlib.blake2b(digest_size=4)
        for key, head in self.heads.items():
            h.update(f"{key}/{head.classes}/{head.temperature:.6f}/{head.threshold:.6f}".encode())
            h.update(head.arrays()["outer"].tobytes())
        return h.hexdigest()

    def probabilities(self, key: str, seen: Mapping[str, Floats]) -> Floats:
        """How likely each class of an attribute is [n, classes], by features of `looks`."""
        return self.heads[key].probabilities(np.concatenate([seen[name] for name in self.reads[key]], axis=1))

    def save(self, path: Path) -> None:
        """One .npz, weights in half precision; those of the first layer, by far the most, as bytes with a scale for each unit."""
        told = {
            k: {"classes": h.classes, "reads": self.reads[k], "temperature": h.temperature, "threshold": h.threshold}
            for k, h in self.heads.items()
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            f"{n}.{name}": a for n, h in enumerate(self.heads.values()) for name, a in h.arrays().items()
        }
        for n, h in enumerate(self.heads.values()):
            arrays[f"{n}.inner"], arrays[f"{n}.inner_scale"] = rounded(h.inner, axis=0)
        head = {"heads": told, "fingerprint": self.fingerprint, "about": self.about}
        with path.open("wb") as f:
            np.savez_compressed(f, told=np.array(json.dumps(head, ensure_ascii=False)), **arrays)  # type: ignore[arg-type]

    @staticmethod
    def load(path: Path = WEIGHTS) -> TrainedHeads:
        """What `save` wrote. Raises MissingError."""
        if not path.is_file():
            raise MissingError(f"{path}: no such heads; train them: python -m hannun.recipes.fashion_search --data FOLDER --to {path.name}")
        with np.load(path, allow_pickle=False) as f:
            told: dict[str, Any] = json.loads(str(f["told"]))
            heads = {}
            for n, (key, row) in enumerate(told["heads"].items()):
                w = {a: f[f"{n}.{a}"].astype(np.float32) for a in ("mean", "scale", "inner", "inner_bias", "outer", "outer_bias")}
                if f"{n}.inner_scale" in f:
                    w["inner"] = w["inner"] * f[f"{n}.inner_scale"]
                made = (w["mean"], w["scale"], w["inner"], w["inner_bias"], w["outer"], w["outer_bias"])
                heads[key] = TagHead(tuple(row["classes"]), *made, float(row["temperature"]), float(row["threshold"]))
        return TrainedHeads(heads, {k: tuple(r["reads"]) for k, r in told["heads"].items()}, str(told["fingerprint"]), str(told["about"]))


@final
class Tagger:
    """The annotator of trained heads. Raises EncoderMismatch where they were trained on another tower than the one at hand."""

    def __init__(
        self, trained: TrainedHeads | None = None, tower: Mini | None = None, schema: Schema | None = None, english: bool = False
    ) -> None:
        self._trained, self._tower = trained or TrainedHeads.load(), tower or Mini()
        self._schema, self._english = schema or topics.read(), english
        if self._trained.fingerprint != self._tower.fingerprint:
            raise EncoderMismatch(
                f"the tagger was trained on the picture tower {self._trained.fingerprint}, here is {self._tower.fingerprint}; "
                "train it again with: python -m hannun.recipes.fashion_search --data FOLDER"
            )

    @property
    def name(self) -> str:
        """The topic."""
        return self._schema.name

    @property
    def version(self) -> str:
        """The topic and the digest of the heads and of the schema."""
        return f"{self.name}-{self._trained.digest}{self._schema.digest[:2]}{'-en' if self._english else ''}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Those attributes of the schema that there are heads for."""
        there = [a for a in self._schema.attributes if a.key in self._trained.heads]
        return tuple(a.english if self._english else a.key for a in there)

    def annotate(self, items: Sequence[Item]) -> list[tuple[Finding, ...]]:
        """See `Annotator.annotate`; of several pictures the first that can be read counts."""
        out: list[tuple[Finding, ...]] = [() for _ in items]
        chosen = [(n, p) for n, it in enumerate(items) if (p := _readable(it)) is not None]
        if not chosen:
            return out
        seen = looks([p for _, p in chosen], self._tower)
        for attribute in (a for a in self._schema.attributes if a.key in self._trained.heads):
            head = self._trained.heads[attribute.key]
            for (n, _), p in zip(chosen, self._trained.probabilities(attribute.key, seen), strict=True):
                best = int(p.argmax())
                value, score = attribute.value(head.classes[best]), float(p[best])
                key = attribute.english if self._english else attribute.key
                if score < head.threshold:
                    out[n] = (*out[n], Finding(key, None, score))
                elif self._english:
                    out[n] = (*out[n], Finding(key, value.english, score, (value.name,)))
                else:
                    out[n] = (*out[n], Finding(key, value.name, score, value.words))
        return out


def _readable(it: Item) -> Image | None:
    for picture in it.images:
        try:
            return Image(picture.load(260))
        except HannunError:  # gone or damaged: told where it is indexed
            continue
    return None
