"""Rows that a processor has made tensors of go in; slices of them, rows with their own pictures, come out.

Pictures of all rows lie end to end, because rows have different numbers of them: slicing pixels by row would give a row another
row's pictures. A Qwen-VL-class model goes further: there a picture is a number of patches, and patches lie end to end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from hannun.embeddings import Embeddings
from hannun.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

PATCHED = "pixel_values"  # the one tensor that may hold patches instead of pictures


@dataclass(frozen=True)
class Features:
    """A trainable model's inputs for n rows.

    `rows` are tensors [n, …]; `pixels` are tensors [pictures, …] of all rows' pictures in order, except `pixel_values`, which is
    [patches, …] where `patches` says how many each picture has. `pictures` says how many pictures each row has, so it also
    says what n is. `task` names the prompts and the adapter that the rows were made for; "" is the bare model.
    """

    rows: Mapping[str, Tensor]
    pictures: tuple[int, ...]
    pixels: Mapping[str, Tensor] = field(default_factory=dict)
    patches: tuple[int, ...] | None = None
    task: str = ""
    role: str = "document"

    def __post_init__(self) -> None:
        total = sum(self.pictures)
        for name, tensor in self.rows.items():
            if len(tensor) != len(self.pictures):
                raise InputError(f"{name} has {len(tensor)} rows, expected {len(self.pictures)}, one for each item")
        for name, tensor in self.pixels.items():
            expected = sum(self.patches) if self.patches is not None and name == PATCHED else total
            if len(tensor) != expected:
                raise InputError(f"{name} has {len(tensor)} entries, expected {expected} for {total} pictures")

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, start: int, stop: int) -> Features:
        """Rows start … stop - 1 with their own pictures; views, not copies."""
        first, last = sum(self.pictures[:start]), sum(self.pictures[:stop])
        pixels = {k: v[first:last] for k, v in self.pixels.items()}
        patches = self.patches
        if patches is not None:
            places = [0, *accumulate(patches)]
            if PATCHED in self.pixels:
                pixels[PATCHED] = self.pixels[PATCHED][places[first] : places[last]]
            patches = patches[first:last]
        rows = {k: v[start:stop] for k, v in self.rows.items()}
        return Features(rows, self.pictures[start:stop], pixels if last > first else {}, patches, self.task, self.role)

    def split(self, size: int) -> list[Features]:
        """Pieces of at most `size` rows, in order."""
        return [self.take(at, min(at + size, len(self))) for at in range(0, len(self), size)]

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Features:
        """The same features with every tensor changed, such as moved or cast."""
        return Features(
            {k: change(v) for k, v in self.rows.items()},
            self.pictures,
            {k: change(v) for k, v in self.pixels.items()},
            self.patches,
            self.task,
            self.role,
        )

    def to(self, device: Any) -> Features:
        """The same features on a device."""
        return self.mapped(lambda t: t.to(device, non_blocking=True))


class Vectors(NamedTuple):
    """What a trainable model says, in float32.

    `dense` [n, dim] are unit rows; `tokens` [n, t, token_dim] are unit rows too, zero where `mask` [n, t] is False. `others` are further
    tensors [n, …] by name, such as a caption's logits or a momentum teacher's vectors: gradient caching and gathering carry them too.
    """

    dense: Float[Tensor, "n dim"]
    tokens: Float[Tensor, "n t token_dim"] | None = None
    mask: Bool[Tensor, "n t"] | None = None
    others: Mapping[str, Tensor] = {}

    def named(self) -> dict[str, Tensor]:
        """Every tensor by name, `others` among them."""
        own = {"dense": self.dense, "tokens": self.tokens, "mask": self.mask}
        return {k: v for k, v in own.items() if v is not None} | dict(self.others)

    @staticmethod
    def of(named: Mapping[str, Tensor]) -> Vectors:
        """The inverse of `named`."""
        rest = dict(named)
        return Vectors(rest.pop("dense"), rest.pop("tokens", None), rest.pop("mask", None), rest)


def embeddings(out: Vectors) -> Embeddings:
    """Vectors as Embeddings, each row's token vectors without its padding."""
    dense = out.dense.float().cpu().numpy()
    if out.tokens is None or out.mask is None:
        return Embeddings(dense)
    return Embeddings(dense, tuple(t[m].cpu().numpy() for t, m in zip(out.tokens.float(), out.mask, strict=True)))
