"""The name of a suite goes in, the Suite comes out; an unknown name is an error that lists its neighbours."""

from __future__ import annotations

from functools import cache

from hannun.errors import MissingError, neighbours
from hannun.evaluate.suites import drawn, fashion, imagenet_kr, ko_embed, logs, mbeir, photos, sensors, space, texts
from hannun.evaluate.suites.public import public
from hannun.evaluate.suites.suite import Suite
from hannun.evaluate.suites.visual_docs import suite as visual


@cache
def suites() -> dict[str, Suite]:
    """Every suite by name, in the order of a whole report."""
    every = (
        *ko_embed.SUITES,
        *photos.SUITES,
        *texts.SUITES,
        *imagenet_kr.SUITES,
        *fashion.SUITES,
        *drawn.SUITES,
        *sensors.SUITES,
        *logs.SUITES,
        *visual.SUITES,
        *space.SUITES,
        *mbeir.SUITES,
    )
    return {s.name: s for s in every}


def suite(name: str) -> Suite:
    """The suite of that name; "mteb:TASK" is a public one."""
    if name.startswith("mteb:"):
        return public(name)
    if name not in suites():
        raise MissingError(f"{name}: no such suite; {neighbours(name, suites())}; `hannun eval --list` names them all")
    return suites()[name]
