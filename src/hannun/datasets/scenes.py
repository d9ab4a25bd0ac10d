"""A seed goes in; pictures of several things at known boxes come out: what a map of where a thing is, is measured on.

`drawn` are things of the catalogue on one of its grounds. `pasted` are photos of bags, watches, shoes and the like, cut out of their white
ground and laid on Flickr8k's photos: real pixels on a real scene, and boxes that are known because we laid them there. Nobody's boxes were
drawn by hand, and no detector was asked. Test pictures are made of what is held out, dev pictures of the rest.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import PIL.ImageFilter

from hannun.catalogue import COLOURS, held_out, products, splits, surfaces
from hannun.catalogue.drawing import Sheet
from hannun.catalogue.garments import GARMENTS
from hannun.catalogue.palette import PATTERNS
from hannun.catalogue.things import THINGS
from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture
from hannun.datasets.split import blake

SIDE = 320  # pixels of a picture's side
THINGS_EACH = (2, 3)  # things of a pasted and of a drawn picture
SIZES = (0.28, 0.46)  # of the picture's side, the longer side of a thing
APART = 0.02  # of the picture's side between two boxes
LIGHT = 24  # how far from the white ground a pixel may be and still belong to it
LEAST = 0.12  # of its frame that a cut-out fills: less is a failed cut

Box = tuple[int, int, int, int]

#: What is cut out of fashion's photos: things that a photo of people and animals seldom shows without a caption that says so.
CUT = ("Handbags", "Watches", "Sunglasses", "Wallets", "Heels", "Belts", "Ties", "Backpacks", "Perfume and Body Mist", "Laptop Bag")
BAGS = frozenset({"Handbags", "Backpacks", "Laptop Bag"})  # each is a bag, too: of these a picture has one at most


@dataclass(frozen=True)
class PlacedThing:
    """A thing in a scene: what it is called in Korean and in English, and its box (left, upper, right, lower) in pixels."""

    ko: str
    en: str
    box: Box


@dataclass(frozen=True)
class PlacedScene:
    """A picture and the things at known places in it."""

    id: str
    picture: PIL.Image.Image
    things: tuple[PlacedThing, ...]


def drawn(count: int, seed: int, split: str = "test") -> list[PlacedScene]:
    """`count` pictures of three drawn things of different kinds and colours; "test" has held-out combinations on held-out grounds."""
    return [_drawn(f"drawn-{split}-{seed}-{n}", split == "test") for n in range(count)]


def pasted(data: Path, count: int, seed: int, split: str = "test") -> list[PlacedScene]:
    """`count` photos of Flickr8k's split with two cut-outs of fashion's same split, of different kinds.

    A photo whose captions name a kind does not get that kind: it may be in it already. A cut-out may be used several times.
    """
    names = sentences.table("fashion_words.json")["types"]
    found: dict[str, list[PIL.Image.Image]] = {}
    for p in sorted(pictures.fashion(data, split), key=lambda p: blake(p.key)):
        kind = p.facts["articleType"]
        if kind in CUT and (cut := cut_out(p.image.load())) is not None:
            found.setdefault(kind, []).append(cut)
    grounds = sorted(pictures.shards(data, "flickr8k", split), key=lambda p: blake(f"{seed}/{p.key}"))
    scenes: list[PlacedScene] = []
    for n, ground in enumerate(grounds):
        if len(scenes) == count:
            break
        rng = random.Random(f"scenes/{split}/{seed}/{n}")
        free = [k for k in found if not _named(ground, [w for lang in ("ko", "en") for w in names[k][lang]])]
        if len(free) < THINGS_EACH[0]:
            continue
        kinds = rng.sample(free, THINGS_EACH[0])
        while len(BAGS & set(kinds)) > 1 and set(free) - BAGS:
            kinds = rng.sample(free, THINGS_EACH[0])
        chosen = [(names[k]["ko"][0], names[k]["en"][0], rng.choice(found[k])) for k in kinds]
        scenes.append(_laid(f"pasted-{split}-{seed}-{n}", ground.image.load().resize((SIDE, SIDE)), chosen, rng))
    return scenes


def cut_out(picture: PIL.Image.Image) -> PIL.Image.Image | None:
    """A thing without its white ground, RGBA and cropped to itself; None where the ground is not white, or (nearly) nothing is left."""
    rgb = picture.convert("RGB")
    grey = PIL.ImageChops.lighter(PIL.ImageChops.invert(rgb.convert("L")), _colourful(rgb))
    outside = grey.point([255 if v <= LIGHT else 0 for v in range(256)])
    framed = PIL.Image.new("L", (rgb.width + 2, rgb.height + 2), 255)
    framed.paste(outside, (1, 1))
    PIL.ImageDraw.floodfill(framed, (0, 0), 128)  # what white is joined to the border; white inside a thing stays the thing's
    alpha = framed.crop((1, 1, rgb.width + 1, rgb.height + 1)).point([0 if v == 128 else 255 for v in range(256)])
    edge = np.asarray(alpha)
    if np.concatenate([edge[0], edge[-1], edge[:, 0], edge[:, -1]]).mean() > 0.1 * 255:
        return None
    alpha = alpha.filter(PIL.ImageFilter.MinFilter(3))
    box = alpha.getbbox()
    if box is None or not LEAST * rgb.width * rgb.height <= np.count_nonzero(np.asarray(alpha)) <= 0.9 * rgb.width * rgb.height:
        return None
    out = rgb.convert("RGBA")
    out.putalpha(alpha.filter(PIL.ImageFilter.GaussianBlur(0.7)))
    return out.crop(box)


def _colourful(rgb: PIL.Image.Image) -> PIL.Image.Image:
    """How far a pixel's channels lie apart, 0 … 255: a pale colour is no white."""
    r, g, b = rgb.split()
    most = PIL.ImageChops.lighter(PIL.ImageChops.lighter(r, g), b)
    return PIL.ImageChops.subtract(most, PIL.ImageChops.darker(PIL.ImageChops.darker(r, g), b))


def _named(ground: Picture, words: Sequence[str]) -> bool:
    said = " ".join(ground.facts["captions"]).lower()
    return any(w in said for w in words) or any(part in said for w in words if w.isascii() for part in w.split() if len(part) > 3)


def _drawn(id: str, held: bool) -> PlacedScene:
    rng = random.Random(id)
    grounds = [g for g in surfaces.BACKGROUNDS if (g in splits()["backgrounds"]) == held]
    garments = [p for p in products() if held_out(p) == held]
    things = [(t, c) for t in THINGS.values() for c in t.colours if (c in splits()["things"][t.kind]) == held]
    chosen: list[tuple[str, str, PIL.Image.Image]] = []
    kinds: set[str] = set()
    colours: set[str] = set()
    while len(chosen) < THINGS_EACH[1]:
        if rng.random() < 0.5:
            p = rng.choice(garments)
            kind, colour, pattern = p.kind, p.color, p.pattern
        else:
            t, colour = rng.choice(things)
            kind, pattern = t.kind, ""
        if kind in kinds or colour in colours:
            continue
        kinds.add(kind)
        colours.add(colour)
        c = COLOURS[colour]
        sheet = Sheet(c.rgb, surfaces.cloth(pattern, c.rgb, rng) if pattern else None)
        (GARMENTS[kind] if pattern else THINGS[kind]).draw(sheet, rng)
        english = GARMENTS[kind].english if pattern else THINGS[kind].english
        told = [w for w in (c.english, PATTERNS[pattern] if pattern and PATTERNS[pattern] != "plain" else "", english) if w]
        image = sheet.image
        chosen.append((f"{c.adjective} {f'{pattern} ' if pattern else ''}{kind}", " ".join(told), image.crop(image.getbbox())))
    ground = surfaces.BACKGROUNDS[rng.choice(grounds)](rng).resize((SIDE, SIDE))
    return _laid(id, ground, chosen, rng)


def _laid(id: str, ground: PIL.Image.Image, chosen: Sequence[tuple[str, str, PIL.Image.Image]], rng: random.Random) -> PlacedScene:
    """The things laid on a ground, boxes apart; all smaller where they found no room."""
    largest = SIZES[1]
    while True:
        boxes: list[Box] = []
        for _, _, cut in chosen:
            for _ in range(50):
                scale = SIDE * rng.uniform(SIZES[0], largest) / max(cut.size)
                w, h = max(1, round(cut.width * scale)), max(1, round(cut.height * scale))
                x, y = rng.randint(2, SIDE - w - 2), rng.randint(2, SIDE - h - 2)
                box = (x, y, x + w, y + h)
                if all(_clear(box, b) for b in boxes):
                    boxes.append(box)
                    break
        if len(boxes) == len(chosen):
            break
        largest = max(SIZES[0] + 0.01, largest - 0.02)
    picture = ground.convert("RGB")
    for (_, _, cut), box in zip(chosen, boxes, strict=True):
        small = cut.resize((box[2] - box[0], box[3] - box[1]), PIL.Image.Resampling.LANCZOS)
        picture.paste(small, box[:2], small)
    things = tuple(PlacedThing(ko, en, b) for (ko, en, _), b in zip(chosen, boxes, strict=True))
    return PlacedScene(id, picture, things)


def _clear(a: Box, b: Box) -> bool:
    gap = APART * SIDE
    return a[2] + gap <= b[0] or b[2] + gap <= a[0] or a[3] + gap <= b[1] or b[3] + gap <= a[1]
