"""A count and a seed go in; drawn garments as small pictures with their prompts in both languages come out, made once and kept.

Combinations of colour, pattern and garment that the catalogue holds out (`hannun.catalogue.split`) are in none of the training prompts and
pictures: what is asked for in them was never seen together. Garments hang or lie straight before plain studio walls, one to a picture.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun.catalogue import COLOURS, PATTERNS, Entry, Product, garment, held_out, products
from hannun.catalogue.garments import GARMENTS
from hannun.embeddings import Floats
from hannun.errors import StorageError
from hannun.files import write_cached
from hannun.item import Image
from hannun.mini.image import ImageTower
from hannun.mini.model import HERE as MINI

SIDE = 64  # pixels
CHUNK = 100  # pictures of one kept file: what is lost at most when a run is killed
GROUNDS = ("흰 스튜디오", "회색 스튜디오", "분홍 파스텔")
WAYS = (("{}", "{}"), ("{} 사진", "a photo of a {}"), ("{} 하나", "one {}"))  # Korean and English
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class DrawnSet:
    """Products, pixels uint8 [n, 64, 64, 3], and what mini's picture tower makes of them, float32 [n, STATES] (its vector first)."""

    products: tuple[Product, ...]
    pixels: Pixels
    states: Floats

    def __len__(self) -> int:
        return len(self.products)


def asked(product: Product) -> list[tuple[str, str]]:
    """The ways to ask for a product: Korean and English, of one meaning."""
    it = garment("-", product, GROUNDS[0], "정면")
    return [(korean.format(it.title), english.format(it.title_en)) for korean, english in WAYS]


def prompts(held: bool) -> list[tuple[str, str]]:
    """Every way to ask for every combination that is held out, or that is open."""
    return [way for product in products() if held_out(product) == held for way in asked(product)]


def things() -> list[str]:
    """What the prompts name, in Korean, then in English."""
    return [*GARMENTS, *(g.english for g in GARMENTS.values())]


def planned(count: int, seed: int, held: bool) -> list[Entry]:
    """`count` garments, of open or of held-out combinations, each of which comes as often as any other; nothing is drawn yet."""
    rng = random.Random(f"imagine/{seed}/{held}")
    chosen = [p for p in products() if held_out(p) == held]
    made = []
    for n in range(count):
        if n % len(chosen) == 0:
            rng.shuffle(chosen)
        product = chosen[n % len(chosen)]
        pose = rng.choice(("정면", *GARMENTS[product.kind].supports))
        made.append(garment(f"imagine-{seed}-{held}-{n}", product, rng.choice(GROUNDS), pose))
    return made


def small(picture: PIL.Image.Image) -> PIL.Image.Image:
    """A drawing at the painter's size."""
    return picture.resize((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)


def seen(pixels: Sequence[PIL.Image.Image]) -> Floats:
    """What mini's picture tower makes of small pictures."""
    return ImageTower(MINI, states=True).states(Image(p) for p in pixels)


def drawn(folder: Path, count: int, seed: int, held: bool, tell: Callable[[str], None] = lambda _: None) -> DrawnSet:
    """The same as arrays, kept in `folder` a hundred at a time: killed and called again, it goes on. Raises StorageError."""
    plan, tower = planned(count, seed, held), ImageTower(MINI, states=True)
    kinds, colours, patterns = list(GARMENTS), list(COLOURS), list(PATTERNS)
    parts = []
    for begin in range(0, count, CHUNK):
        file = folder / f"{seed}-{'held' if held else 'open'}-{count}-{begin:06}.npz"
        if not file.exists():
            some = [(_product(e), small(e.picture())) for e in plan[begin : begin + CHUNK]]
            out = io.BytesIO()
            np.savez_compressed(
                out,
                products=np.array([(kinds.index(p.kind), colours.index(p.color), patterns.index(p.pattern)) for p, _ in some], np.int16),
                pixels=np.stack([np.asarray(i, np.uint8) for _, i in some]),
                states=tower.states(Image(i) for _, i in some).astype(np.float16),
            )
            try:
                write_cached(file, out.getvalue())
            except OSError as e:
                raise StorageError(f"{file}: cannot be written ({e.strerror or e}); free some space, or give another --work") from None
            tell(f"drawn {begin + len(some)} of {count}")
        with np.load(file) as kept:
            parts.append({k: kept[k] for k in ("products", "pixels", "states")})
    rows = np.concatenate([p["products"] for p in parts])
    found = tuple(Product(kinds[k], colours[c], patterns[p]) for k, c, p in rows.tolist())
    return DrawnSet(found, np.concatenate([p["pixels"] for p in parts]), np.concatenate([p["states"] for p in parts]).astype(np.float32))


def _product(entry: Entry) -> Product:
    return Product(*(str(entry.facts[k]) for k in ("kind", "color", "pattern")))
