"""What every reader of prompts gives: texts go in, for each the states that a picture model attends to, and one vector, come out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

Read = TypeVar("Read")
LENGTH = 77  # states of a prompt: the window of CLIP's text tower (Radford et al. 2021), which Stable Diffusion inherits


@dataclass(frozen=True, eq=False)
class PromptStates:
    """`tokens` [n, 77, d], `pooled` [n, e], and for each text what was cut off of it: "" where it was read whole."""

    tokens: Float[Tensor, "n t d"]
    pooled: Float[Tensor, "n e"]
    cut: tuple[str, ...]


class PromptReader(Protocol):
    """Reads prompts. `width` is d, `pooled_width` e; `version` changes whenever the same text could give other states."""

    version: str
    width: int
    pooled_width: int

    def states(self, texts: Sequence[str]) -> PromptStates:
        """The states of texts, without gradient. A text over the window loses its end, and `cut` says what."""
        ...


def shortened(text: str, kept: int, of: int, end: int) -> str:
    """What `PromptStates.cut` says of a text of `of` tokens, of which `kept` were read, up to character `end`; "" where that is all."""
    left = text[end:].strip()
    return f"read to {kept} of {of} tokens; left out: {left[:80]!r}" if of > kept and left else ""


def remembered(
    kept: OrderedDict[str, Read], texts: Sequence[str], read: Callable[[Sequence[str]], Iterable[Read]], most: int
) -> list[Read]:
    """What `read` gives for each text, once for texts that come again; `kept` holds `most` of them, the oldest go first."""
    if new := [t for t in dict.fromkeys(texts) if t not in kept]:
        kept.update(zip(new, read(new), strict=True))
    found = [kept[t] for t in texts]
    while len(kept) > most:
        kept.popitem(last=False)
    return found


@final
class RememberingReader:
    """A reader that keeps the states of texts that come again, in half precision, up to `room` bytes; the oldest go first."""

    def __init__(self, reader: PromptReader, room: int = 1 << 30) -> None:
        self.version, self.width, self.pooled_width = reader.version, reader.width, reader.pooled_width
        self._reader, self._most = reader, max(1, room // (2 * (LENGTH * reader.width + reader.pooled_width)))
        self._kept: OrderedDict[str, tuple[Tensor, Tensor, str]] = OrderedDict()

    def states(self, texts: Sequence[str]) -> PromptStates:
        """The same to half precision, read once."""

        def read(new: Sequence[str]) -> Iterator[tuple[Tensor, Tensor, str]]:
            made = in_batches(self._reader.states, new)
            for tokens, pooled, cut in zip(made.tokens.half(), made.pooled.half(), made.cut, strict=True):
                yield tokens.clone(), pooled.clone(), cut

        found = remembered(self._kept, texts, read, self._most)
        tokens, pooled = torch.stack([f[0].float() for f in found]), torch.stack([f[1].float() for f in found])
        return PromptStates(tokens, pooled, tuple(f[2] for f in found))


def in_batches(read: Callable[[Sequence[str]], PromptStates], texts: Sequence[str], size: int = 64) -> PromptStates:
    """Many texts, `size` at a time."""
    parts = [read(texts[n : n + size]) for n in range(0, len(texts), size)]
    return PromptStates(torch.cat([p.tokens for p in parts]), torch.cat([p.pooled for p in parts]), tuple(c for p in parts for c in p.cut))
