"""Nothing (or a count and a seed) goes in; entries come out: what each picture of the catalogue shows, its titles, its facts, its split.

The same entry gives the same pixels on every run; `training_entries` never draws what is held out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import PIL.Image

from hannun.catalogue import pages, scene, surfaces
from hannun.catalogue.drawing import Sheet
from hannun.catalogue.garments import GARMENTS
from hannun.catalogue.palette import COLOURS, PATTERNS
from hannun.catalogue.split import Product, Split, held_out, products, split_of, splits
from hannun.catalogue.things import THINGS
from hannun.errors import MissingError, neighbours

PER_GARMENT = 14  # of the 98 combinations of each garment, in the default catalogue
PER_THING = 3


@dataclass(frozen=True)
class Entry:
    """One picture of the catalogue before it is drawn: what it shows, and whether training may see it."""

    id: str
    title: str
    title_en: str
    category: str
    facts: dict[str, str | int]
    split: Split

    def picture(self) -> PIL.Image.Image:
        """The picture, drawn: RGB, 320 × 320 (documents 400 × 520)."""
        return picture(self)

    def row(self) -> dict[str, str | int]:
        """The entry as a row of `catalogue.jsonl`."""
        head: dict[str, str | int] = {"id": self.id, "text": self.title, "image": f"{self.id}.jpg", "title_en": self.title_en}
        return {**head, "category": self.category, **self.facts, "split": self.split}


def garment(id: str, product: Product, background: str, pose: str) -> Entry:
    """The entry of one garment; its price follows from its combination."""
    made, colour, pattern = GARMENTS[product.kind], COLOURS[product.color], PATTERNS[product.pattern]
    dear = random.Random(f"{product.kind}/{product.color}/{product.pattern}").uniform(0.75, 1.4)
    facts: dict[str, str | int] = {
        "kind": product.kind, "color": product.color, "pattern": product.pattern,
        "background": background, "pose": pose, "price": round(made.price * dear / 1000) * 1000 - 100,
    }  # fmt: skip
    english = " ".join((pattern, colour.english) if pattern == "plain" else (colour.english, pattern))
    title = f"{colour.adjective} {product.pattern} {product.kind}"
    return Entry(id, title, f"{english} {made.english}", made.category, facts, split_of(held_out(product), background, pose))


def thing(id: str, kind: str, color: str, background: str, pose: str) -> Entry:
    """The entry of one everyday object."""
    held = color in splits()["things"][kind]
    facts: dict[str, str | int] = {"kind": kind, "color": color, "background": background, "pose": pose}
    return Entry(
        id,
        f"{COLOURS[color].adjective} {kind}",
        f"{COLOURS[color].english} {THINGS[kind].english}",
        "사물",
        facts,
        split_of(held, background, pose),
    )


def page(id: str, slug: str, variant: int, background: str, pose: str) -> Entry:
    """The entry of one Korean document; any variant but 0 shows other figures."""
    p = pages.PAGES[slug]
    said = pages.facts(p, variant)
    title, english = pages.titles(p, said)
    facts: dict[str, str | int] = {
        "kind": p.kind,
        "topic": p.topic,
        "page": slug,
        "variant": variant,
        **said,
        "background": background,
        "pose": pose,
    }
    return Entry(id, title, english, "문서", facts, split_of(slug in splits()["pages"], background, pose))


def picture(entry: Entry) -> PIL.Image.Image:
    """Draws an entry: the same entry gives the same pixels. Raises DependencyError for a document without the Korean font."""
    rng, facts = random.Random(f"hannun/{entry.id}"), entry.facts
    kind, background, pose = str(facts["kind"]), str(facts["background"]), str(facts["pose"])
    if entry.category == "문서":
        sheet = pages.paper(pages.PAGES[str(facts["page"])], int(facts["variant"]), rng)
        return scene.lay_paper(sheet, pose, background, pages.SIZE, rng)
    colour = COLOURS[str(facts["color"])].rgb
    if entry.category == "사물":
        drawn = Sheet(colour)
        THINGS[kind].draw(drawn, rng)
        return scene.compose(drawn.image, pose, background, THINGS[kind].stands, rng)
    if kind not in GARMENTS:
        raise MissingError(f"the catalogue has no garment {kind!r}; {neighbours(kind, GARMENTS)}")
    drawn = Sheet(colour, surfaces.cloth(str(facts["pattern"]), colour, rng), pose if pose in scene.SUPPORTED else "")
    GARMENTS[kind].draw(drawn, rng)
    return scene.compose(drawn.image, pose, background, False, rng)


def _garment_poses(kind: str) -> list[str]:
    """The poses of a garment; hangers and mannequins twice, for they are what a shop window shows most."""
    return [p for p in scene.POSES if p not in scene.SUPPORTED] + [*GARMENTS[kind].supports] * 2


def _thing_poses(kind: str) -> list[str]:
    return [p for p in scene.POSES if p not in scene.SUPPORTED and (p in scene.UPRIGHT or not THINGS[kind].stands)]


_PAGE_POSES = ("정면", "왼쪽 기울임", "오른쪽 기울임")


def _setting(poses: Sequence[str], unseen: bool, rng: random.Random) -> tuple[str, str]:
    """A background and a pose: both open to training, or (unseen) one or both of them kept for testing."""
    kept_poses = [p for p in poses if p in splits()["poses"]]
    open_poses = [p for p in poses if p not in splits()["poses"]]
    kept_grounds = [b for b in surfaces.BACKGROUNDS if b in splits()["backgrounds"]]
    open_grounds = [b for b in surfaces.BACKGROUNDS if b not in splits()["backgrounds"]]
    choice = rng.randrange(3) if unseen else None
    grounds = kept_grounds if choice in (0, 2) or (unseen and not kept_poses) else open_grounds
    return rng.choice(grounds), rng.choice(kept_poses if choice in (1, 2) and kept_poses else open_poses)


def entries() -> list[Entry]:
    """The default catalogue, both splits, every title once: garments balanced over colour and pattern, objects, documents."""
    made: list[Entry] = []
    for kind, chosen in _balanced().items():
        for k, product in enumerate(chosen):
            rng = random.Random(f"default/{product}")
            # Held-out combinations in seen and in unseen settings; of the others, one per garment in an unseen setting.
            unseen = k % 4 == 0 if held_out(product) else k == len(chosen) - 1
            id = f"{GARMENTS[kind].slug}-{COLOURS[product.color].english}-{PATTERNS[product.pattern]}"
            made.append(garment(id, product, *_setting(_garment_poses(kind), unseen, rng)))
    for kind, t in THINGS.items():
        kept = [c for c in t.colours if c in splits()["things"][kind]][:1]
        rest = [c for c in t.colours if c not in splits()["things"][kind]]
        for k, color in enumerate(kept + random.Random(kind).sample(rest, PER_THING - 1)):
            rng = random.Random(f"default/{kind}/{color}")
            made.append(
                thing(f"{t.slug}-{COLOURS[color].english}", kind, color, *_setting(_thing_poses(kind), k == 0 and rng.random() < 0.5, rng))
            )
    for slug in pages.PAGES:
        rng = random.Random(f"default/{slug}")
        unseen = slug in splits()["pages"] and rng.random() < 0.5
        made.append(page(f"page-{slug}", slug, 0, *_setting(_PAGE_POSES, unseen, rng)))
    return made


def _balanced() -> dict[str, list[Product]]:
    """For each garment as many held-out combinations as open ones, so chosen that colours and patterns come up equally often.

    Each choice takes the combination whose colour and pattern the garment, then the whole catalogue, has least; with 98
    combinations per garment the sample is full of pairs that differ in one attribute only.
    """
    seen: Counter[object] = Counter()
    chosen: dict[str, list[Product]] = {}
    for kind in GARMENTS:
        rng = random.Random(f"balance/{kind}")
        pool = [p for p in products() if p.kind == kind]
        rng.shuffle(pool)
        own: Counter[str] = Counter()
        chosen[kind] = []
        for k in range(PER_GARMENT):
            open_now = [p for p in pool if p not in chosen[kind] and held_out(p) == (k % 2 == 0)]
            best = min(
                open_now, key=lambda p: (own[p.color] + own[p.pattern] / 2, seen[p.color, p.pattern], seen[p.color] + seen[p.pattern])
            )
            chosen[kind].append(best)
            own.update((best.color, best.pattern))
            seen.update((best.color, best.pattern, (best.color, best.pattern)))
    return chosen


def training_entries(count: int, seed: int) -> list[Entry]:
    """`count` random entries open to training, beyond the default catalogue: 7 garments to 2 objects to 1 document."""
    rng = random.Random(f"training/{seed}")
    open_products = [p for p in products() if not held_out(p)]
    open_things = [(t, c) for t in THINGS.values() for c in t.colours if c not in splits()["things"][t.kind]]
    open_pages = [slug for slug in pages.PAGES if slug not in splits()["pages"]]
    made: list[Entry] = []
    for k in range(count):
        id, draw = f"train-{seed}-{k:06}", rng.random()
        if draw < 0.7:
            product = rng.choice(open_products)
            made.append(garment(id, product, *_setting(_garment_poses(product.kind), False, rng)))
        elif draw < 0.9:
            t, color = rng.choice(open_things)
            made.append(thing(id, t.kind, color, *_setting(_thing_poses(t.kind), False, rng)))
        else:
            made.append(page(id, rng.choice(open_pages), rng.randrange(1, 10**6), *_setting(_PAGE_POSES, False, rng)))
    return made
