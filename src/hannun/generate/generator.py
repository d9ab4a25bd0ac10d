"""What every generator does: words and a seed go in, pictures come out; the same arguments give the same pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import PIL.Image

from hannun.errors import InputError, neighbours

STEPS, GUIDANCE, STRENGTH = 30, 7.5, 0.75  # Stable Diffusion's usual ones: Rombach et al. 2022 sample at 7.5; SDEdit's strength
MOST_STEPS, MOST_SIDE, MOST_PICTURES = 1_000, 2_048, 64
GRAIN = 8  # pixels of one value of a latent picture


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn.

    `steps` of denoising by `scheduler` ("" is the generator's own); `guidance` is how hard the words pull (classifier-free guidance, Ho and
    Salimans 2022; 1 is off) and `negative` what they pull away from; `width` and `height` in pixels (0: the generator's own). `strength`
    is how much of a picture that is changed is made anew (SDEdit, Meng et al. 2022): 1 all of it. `together` pictures go through the
    network at once (0: as many as are asked for). Raises InputError for values that mean nothing.
    """

    steps: int = STEPS
    scheduler: str = ""
    guidance: float = GUIDANCE
    negative: str = ""
    width: int = 0
    height: int = 0
    strength: float = STRENGTH
    together: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise InputError(f"steps={self.steps} came, expected 1 … {MOST_STEPS:,}; 20 to 50 are usual, 4 to 8 with lcm")
        if not 0 <= self.guidance <= 50:
            raise InputError(f"guidance={self.guidance} came, expected 0 … 50; 7.5 is usual, 1 leaves it off")
        if not 0 < self.strength <= 1:
            raise InputError(f"strength={self.strength} came, expected above 0 … 1: how much of the picture is made anew")
        if self.together < 0:
            raise InputError(f"together={self.together} came, expected 0 (all at once) or more")
        for name, side in (("width", self.width), ("height", self.height)):
            checked_side(name, side)

    def told(self) -> dict[str, Any]:
        """As plain values, for the picture's own record."""
        return asdict(self)


def checked_side(name: str, side: int) -> None:
    """Raises InputError for a side that no latent picture has; it names the nearest ones that can be made."""
    if side and (side < GRAIN or side > MOST_SIDE):
        raise InputError(f"{name}={side} came, expected {GRAIN} … {MOST_SIDE:,} pixels")
    if side % GRAIN:
        below, above = side // GRAIN * GRAIN, (side // GRAIN + 1) * GRAIN
        raise InputError(f"{name}={side} came, expected a multiple of {GRAIN} pixels; take {max(below, GRAIN)} or {above}")


def chosen(name: str, given: str, known: Sequence[str]) -> str:
    """The given name, or the first of the known ones for "". Raises InputError, which lists its neighbours."""
    if given and given not in known:
        raise InputError(f"{name} {given!r} came, which this model does not have; {neighbours(given, known)}")
    return given or known[0]


#: (how many steps are done, of how many in all): told after each step.
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class DrawnPicture:
    """A picture (RGB), its prompt, its seed, and what is to be said of it: words that were cut off, a filter that blanked it."""

    picture: PIL.Image.Image
    prompt: str
    seed: int
    notes: tuple[str, ...] = ()


class Generator(Protocol):
    """Draws pictures; `tests/contracts/test_generators.py` is its contract.

    Picture n of a call has the seed `seed + n`, and is the same (to rounding) whatever is drawn beside it.
    """

    @property
    def name(self) -> str:
        """What a user calls it."""
        ...

    @property
    def version(self) -> str:
        """`name@…`: changes whenever the same words and seed could give another picture. It is the fact `made_by`."""
        ...

    @property
    def sides(self) -> tuple[int, int]:
        """Width and height that it draws when it is not told."""
        ...

    @property
    def schedulers(self) -> tuple[str, ...]:
        """The names that `DrawSettings.scheduler` may have, its own first."""
        ...

    @property
    def guidance(self) -> float:
        """How hard the words are to pull when nobody says it."""
        ...

    def generate(
        self,
        texts: Sequence[str],
        seed: int,
        settings: DrawSettings,
        start: PIL.Image.Image | None = None,
        told: Told = lambda done, of: None,
    ) -> list[DrawnPicture]:
        """A picture for each text; with `start` that picture, changed. Raises InputError, and HannunError when out of memory."""
        ...
