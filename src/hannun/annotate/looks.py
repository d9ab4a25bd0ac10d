"""Pictures go in; what annotators' heads read comes out: of the embedded tower and its cells, and the thing's colours and outline.

Colours are a histogram in CIELAB over fixed places of that space, of the thing alone (what differs from the picture's border, more so near
the middle) and of all, with the mean and the spread of both. Two white things on white have no border: there the middle counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image

from hannun.colour import lab
from hannun.embeddings import Floats, unit
from hannun.item import Image
from hannun.mini.image import CELL, CLASSES, GRID, WIDTH
from hannun.mini.model import Mini

SIDE = 32  # pixels that colours are counted in
SPREAD = 11.0  # ΔE, how far a colour counts for its neighbours' places
APART = 12.0  # ΔE from the border at which a pixel is the thing's rather than the ground's


def _places() -> Floats:
    """Where colours are counted: five lights, each with grey, six weak hues and eight strong ones; [75, 3]."""
    rows = []
    for light in (14.0, 34.0, 54.0, 74.0, 93.0):
        rows.append((light, 0.0, 0.0))
        for chroma, hues in ((24.0, 6), (56.0, 8)):
            turn = np.arange(hues) * 2 * np.pi / hues
            rows += [(light, float(chroma * np.cos(t)), float(chroma * np.sin(t))) for t in turn]
    return np.array(rows, np.float32)


PLACES = _places()
COLOURS = 2 * (len(PLACES) + 6) + 1
OUTLINE = 16  # cells of a side of a thing's outline
SHAPE = OUTLINE * OUTLINE + 1
FEATURES = {"colours": COLOURS, "vector": WIDTH, "classes": CLASSES, "cells": GRID * GRID * CELL, "shape": SHAPE}


def colours(picture: PIL.Image.Image) -> Floats:
    """What colours a picture has, float32 [COLOURS]: histogram, mean and spread of the thing, then of all; and the thing's share."""
    small = lab(np.asarray(picture.convert("RGB").resize((SIDE, SIDE), PIL.Image.Resampling.BOX)))
    thing, share = foreground(small)
    out = [_counted(small, thing), _counted(small, _CENTRE)]
    return np.concatenate([*out, [share]]).astype(np.float32)


def shape(picture: PIL.Image.Image) -> Floats:
    """What outline the thing in a picture has, float32 [SHAPE]: how much of each cell it covers, and the logarithm of width by height.

    The tower sees a square: how long a garment is, is lost to it.
    """
    small = lab(np.asarray(picture.convert("RGB").resize((2 * OUTLINE, 2 * OUTLINE), PIL.Image.Resampling.BOX)))
    covered = _apart(small).reshape(OUTLINE, 2, OUTLINE, 2).mean(axis=(1, 3)).ravel()
    return np.concatenate([covered, [2 * np.log(picture.width / picture.height)]]).astype(np.float32)


def foreground(small: Floats) -> tuple[Floats, float]:
    """The weight of each pixel [SIDE, SIDE] of a thing, summing to 1, and the share of the picture that it covers."""
    own = _apart(small)
    share = float(own.mean())
    weight = own * _CENTRE + 0.02 * _CENTRE  # a thing of the ground's colour: the middle
    return np.asarray(weight / weight.sum(), np.float32), share


def looks(pictures: Sequence[Image], tower: Mini) -> dict[str, Floats]:
    """Every feature of pictures, each [n, FEATURES[name]]. Raises PictureError for one that cannot be read."""
    loaded = [p.load(tower.side) for p in pictures]
    vector, classes, cells = tower.seen([Image(p) for p in loaded])
    shades = np.stack([colours(p) for p in loaded]) if loaded else np.zeros((0, COLOURS), np.float32)
    outlines = np.stack([shape(p) for p in loaded]) if loaded else np.zeros((0, SHAPE), np.float32)
    return {"colours": shades, "vector": vector, "classes": unit(classes), "cells": cells, "shape": outlines}


def _apart(small: Floats) -> Floats:
    """How surely each pixel is not of the ground, 0 … 1, by its distance from what the picture's four sides show."""
    sides = (small[:2], small[-2:], small[:, :2], small[:, -2:])
    ground = np.stack([np.median(s.reshape(-1, 3), axis=0) for s in sides])
    apart = np.linalg.norm(small[:, :, None] - ground, axis=-1).min(axis=-1)
    return np.asarray(1 / (1 + np.exp(-(apart - APART) / 3)), np.float32)


def _centre() -> Floats:
    at = (np.arange(SIDE) - (SIDE - 1) / 2) / SIDE
    near = np.exp(-(at[:, None] ** 2 + at[None, :] ** 2) / (2 * 0.3**2))
    return np.asarray(near / near.sum(), np.float32)


_CENTRE = _centre()


def _counted(small: Floats, weight: Floats) -> Floats:
    """A histogram (square roots of shares), the mean and the spread of weighted colours [SIDE, SIDE, 3]."""
    flat, w = small.reshape(-1, 3), weight.ravel() / weight.sum()
    near = ((flat[:, None] - PLACES) ** 2).sum(-1)
    soft = np.exp(-(near - near.min(axis=1, keepdims=True)) / (2 * SPREAD**2))
    shares = w @ (soft / soft.sum(axis=1, keepdims=True))
    mean = w @ flat
    spread = np.sqrt(w @ (flat - mean) ** 2)
    return np.concatenate([np.sqrt(shares), mean / 50, spread / 25]).astype(np.float32)
