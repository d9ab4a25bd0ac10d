"""Thumbnails, tags, places: the figures of what Naver's MDS put in front of users, each on real pictures where there are some.

    python benchmarks/mds.py --data ../shared/data [--parts thumbnails,tags,…] [--documents 300]

thumbnails: documents assembled of Flickr8k's test photos, receipts and watermarked photos, graded by construction
(`hannun.datasets.documents`); the threshold is chosen on one half of them and measured on the other. What the other parts measure stands at
their functions. Parts that say drawn are of pictures that Hannun draws: landmarks with names are hardly to be had offline.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageEnhance

import hannun
from hannun import catalogue, load, metrics
from hannun.annotate import schema, written
from hannun.annotate.trained import ATTRIBUTES, Tagger, TrainedHeads
from hannun.catalogue import surfaces
from hannun.catalogue.drawing import Sheet
from hannun.catalogue.outfits import outfits
from hannun.catalogue.palette import COLOURS
from hannun.catalogue.things import THINGS
from hannun.datasets import pictures
from hannun.datasets.documents import documents
from hannun.datasets.split import share
from hannun.item import Content
from hannun.recipes import fashion_attributes, fashion_search, place_search, smart_thumbnail
from hannun.recipes.data.garments import of_clothing, of_fashion
from hannun.search.crop import crop
from hannun.serve.tags import annotator, topics

CACHE: Path | None = None


def thumbnails(data: Path, most: int) -> None:
    """The seed's table: first picture, text only, ours."""
    encoder = load("mini")
    half = smart_thumbnail.look(encoder, documents(data, "choose")[: most or None])
    least = {}
    for precision in (0.8, 0.9):
        least[precision], coverage = smart_thumbnail.chosen(half, precision)
        print(f"threshold {least[precision]:.4f} for a precision of {precision} on {len(half)} documents; coverage {coverage:.3f}")
    for split in ("test", "ko"):
        seen = smart_thumbnail.look(encoder, documents(data, split)[: most or None])
        for precision, threshold in least.items():
            print(f"\n{split}: {len(seen)} documents, the threshold of precision {precision}")
            for row in smart_thumbnail.table(seen, threshold)[0 if precision == 0.8 else 3 :]:
                print(row.told(), flush=True)


def crops(data: Path, most: int) -> None:
    """Drawn things set off the middle of a wide or tall picture: how much of the thing a square crop keeps, ours and about the middle."""
    rng = random.Random(0)
    kept: dict[str, list[float]] = {"ours": [], "middle": []}
    things = [e for e in catalogue.entries() if e.category != "문서"]
    for entry in rng.sample(things, min(most or 200, len(things))):
        thing = entry.picture().resize((120, 120))
        wide = rng.random() < 0.5
        size = (rng.randint(220, 420), 120) if wide else (120, rng.randint(220, 420))
        ground = PIL.Image.new("RGB", size, thing.getpixel((2, 2)))
        at = rng.randint(0, max(size) - 120)
        ground.paste(thing, (at, 0) if wide else (0, at))
        box = crop(ground, 1.0)
        start = box[0] if wide else box[1]
        middle = (max(size) - 120) // 2
        for name, place in (("ours", start), ("middle", middle)):
            kept[name].append(max(0, 120 - abs(place - at)) / 120)
    for name, shares in kept.items():
        low, high = metrics.bootstrap(shares)
        print(f"{name:8} share of the thing in the crop {np.mean(shares):.3f} [{low:.3f}, {high:.3f}] of {len(shares)} drawn pictures")


def attributes(data: Path, most: int) -> None:
    """Drawn outfits of two garments: accuracy by attribute, and how often the other garment's value is given, with and without the word."""
    made = outfits(most or fashion_attributes.TESTED, 3, held_out=True)
    for line in fashion_attributes.measured(TrainedHeads.load(ATTRIBUTES), made):
        print(line)


def tags(data: Path, most: int) -> None:
    """The heads that come with Hannun on the half of the fashion test photos that did not calibrate them, beside prompts and chance."""
    for line in fashion_search.measured(fashion_search.fashion(data, 0, CACHE), TrainedHeads.load()):
        print(line)


def clothing(data: Path, most: int) -> None:
    """Phone photos of clothes (CC0): heads trained on the senders of "train" (a sixth of them calibrate), measured on those of "dev"."""
    found = list(pictures.shards(data, "clothing"))
    seen = fashion_search.features([(p.key, p.image) for p in found], CACHE)
    parts = ["test" if p.facts["split"] == "dev" else "choose" if share(f"sender {p.facts['sender']}") < 17 else "train" for p in found]
    for name, labels in (
        ("17 labels as they are", [{"종류": str(p.facts["label"])} for p in found]),
        ("in the schema's words", [of_clothing(p.facts) for p in found]),
    ):
        made = fashion_search.LabelledSet(seen, labels, parts)
        trained = fashion_search.fitted(made, "clothing")
        head = trained.heads["종류"]
        rows = [n for n, part in enumerate(parts) if part == "test" and labels[n].get("종류") in head.classes]
        truth = np.array([head.classes.index(labels[n]["종류"]) for n in rows])
        p = trained.probabilities("종류", {k: v[rows] for k, v in seen.items()})
        print(f"{name}: {len(head.classes)} values, {len(rows)} photos of dev senders\n  " + fashion_search.told(truth, p, head.threshold))


def search(data: Path, most: int) -> None:
    """Colour, type and pattern asked for in words ("꽃무늬 검은색 셔츠"): P@10 without tags and with them, paired over the queries.

    The photos are those of the half of the test split that did not calibrate the heads; their titles have the brand and the year, no word
    of the product. Right is what the official labels say, and of patterns what the product's own name says; at least three are there.
    """
    found = [p for p in pictures.fashion(data, "test") if fashion_search.part_of("test", p.key) == "test"]
    told = [of_fashion(p.facts) for p in found]
    titles = [f"{str(p.facts.get('productDisplayName', '')).split()[0]} {p.facts.get('year', '')}" for p in found]
    called = {v.name: v.words[0] for v in schema.read().attribute("색").values}
    called |= {v.name: v.name for key in ("종류", "무늬") for v in schema.read().attribute(key).values}
    figures: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as place, hannun.open(Path(place) / "c.hannun") as c:
        c.add([{"id": str(n), "image": p.image, "text": title} for n, (p, title) in enumerate(zip(found, titles, strict=True))])
        for way in ("without tags", "with tags"):
            if way == "with tags":
                written.tag(c, Tagger(TrainedHeads.load()))
            for keys in (("색", "종류"), ("무늬", "색"), ("무늬", "종류"), ("무늬", "색", "종류")):
                counts = Counter(tuple(t[k] for k in keys) for t in told if set(keys) <= set(t) and t.get("무늬") != "민무늬")
                for asked, n in sorted(counts.items()):
                    if n >= 3:
                        hits = c.search(" ".join(called[v] for v in asked), limit=10)
                        right = sum(tuple(told[int(h.id)].get(k, "") for k in keys) == asked for h in hits)
                        figures.setdefault((way, "+".join(keys)), []).append(right / min(10, n))
    kinds = list(dict.fromkeys(kind for _, kind in figures))
    for kind in (*kinds, "all"):
        both = [np.array([x for k in kinds if kind in (k, "all") for x in figures[way, k]]) for way in ("without tags", "with tags")]
        gain, low, high, p = metrics.paired(both[1], both[0])
        ends = [metrics.bootstrap(some) for some in both]
        shown = ", ".join(f"{some.mean():.3f} [{a:.3f}, {b:.3f}]" for some, (a, b) in zip(both, ends, strict=True))
        print(f"{kind}: P@10 without and with tags {shown} of {len(both[0])} queries, {len(found)} photos")
        print(f"  gain {gain:+.3f} [{low:+.3f}, {high:+.3f}], p {p:.4f}", flush=True)


def food(data: Path, most: int) -> None:
    """The domain that was added by one file: grocery's photos by prompts alone, against chance. mini never saw them."""
    names = {"Fruit": "과일", "Vegetables": "채소", "Packages": "포장 식품"}
    found = list(pictures.shards(data, "grocery", "val"))[: most or None]
    looking = annotator("food", zero_shot=True)
    topic = schema.read(topics()["food"])
    kinds = {v.english.split()[0]: v.name for v in topic.attribute("품목").values}
    answers = looking.annotate([p.item for p in found])
    for key, truth in (
        ("분류", [names[p.facts["group"]] for p in found]),
        ("품목", [kinds.get(str(p.facts["kind"]).lower().split("-")[0], "") for p in found]),
    ):
        told = [(t, next(f for f in fs if f.key == key)) for t, fs in zip(truth, answers, strict=True) if t]
        right = np.array([f.value == t for t, f in told], float)
        said = np.array([f.value is not None for _, f in told])
        low, high = metrics.bootstrap(right)
        common = Counter(t for t, _ in told).most_common(1)[0][1] / len(told)
        print(
            f"{key}: right {right.mean():.3f} [{low:.3f}, {high:.3f}] of {len(told)}, unknown {1 - said.mean():.3f}, "
            f"right of the rest {right[said].mean():.3f}, chance {common:.3f}"
        )


def places(data: Path, most: int) -> None:
    """Drawn places: three things of the catalogue on one ground; each photo of a place is cut, turned and lit in its own way."""
    count = most or 40
    rng = random.Random(5)
    things = [e for e in catalogue.entries() if e.category == "사물"]
    scenes = [(rng.sample(things, 3), rng.choice(sorted(surfaces.BACKGROUNDS))) for _ in range(count + count // 2)]

    def photo(n: int, k: int) -> PIL.Image.Image:
        three, ground = scenes[n]
        own = random.Random(f"place {n}")
        made = surfaces.BACKGROUNDS[ground](random.Random(f"{n}")).resize((320, 320))
        for e, (x, y) in zip(three, ((10, 120), (110, 40), (200, 130)), strict=True):
            sheet = Sheet(COLOURS[str(e.facts["color"])].rgb)
            THINGS[str(e.facts["kind"])].draw(sheet, own)
            made.paste(small := sheet.image.resize((120, 120)), (x, y), small)
        mine = random.Random(f"photo {n} {k}")
        side, turn = mine.randint(230, 300), mine.uniform(-8, 8)
        x, y = mine.randint(0, 320 - side), mine.randint(0, 320 - side)
        lit = PIL.ImageEnhance.Brightness(made.rotate(turn, PIL.Image.Resampling.BILINEAR)).enhance(mine.uniform(0.55, 1.25))
        return lit.crop((x, y, x + side, y + side))

    photos = {str(n): [photo(n, k) for k in range(4)] for n in range(len(scenes))}
    there = list(photos)[:count]
    print(f"{count} drawn places, two pictures of each:")
    _placed({n: photos[n][:2] for n in there}, {n: photos[n][2:] for n in there}, [some[2] for some in list(photos.values())[count:]])


def products(data: Path, most: int) -> None:
    """What stands in for landmarks on real photos: grocery's products, of half of which five photos are known, asked by other photos."""
    known, asked, strange = defaultdict(list), defaultdict(list), []
    for split in ("train", "val"):
        for p in pictures.shards(data, "grocery", split):
            name = str(p.facts["product"])
            if share(f"place {name}") < 50:
                (known if split == "train" else asked)[name].append(p.image)
            elif split == "val":
                strange.append(p.image)
    print("grocery's products, five photos of each:")
    _placed({n: some[:5] for n, some in known.items()}, {n: asked[n] for n in known}, strange)


def _placed(known: Mapping[str, Sequence[Content]], asked: Mapping[str, Sequence[Content]], strange: Sequence[Content]) -> None:
    """How often a photo's place comes first or among five, and how well photos of what is not there are told from them."""
    with tempfile.TemporaryDirectory() as place, hannun.open(Path(place) / "p.hannun", words=False) as c:
        c.add(
            {"id": f"{name}#{n}", "image": picture, "text": f"장소 {name}", "place": name, "region": ["국내"]}
            for name, some in known.items()
            for n, picture in enumerate(some)
        )
        found = [(name, place_search.find(c, photo, threshold=-1)) for name, some in asked.items() for photo in some]
        others = [place_search.find(c, photo, threshold=-1)[0].score for photo in strange]
    best = [f[0].score for _, f in found]
    auc = float(np.mean([(b > s) + 0.5 * (b == s) for b in best for s in others]))
    least, balance = place_search.chosen(best[::2], others[::2])
    kept, refused = np.mean([b >= least for b in best[1::2]]), np.mean([s < least for s in others[1::2]])
    for name, many in (("top 1", 1), ("top 5", 5)):
        some = [float(right in [p.name for p in f[:many]]) for right, f in found]
        low, high = metrics.bootstrap(some)
        print(f"  {name}: {np.mean(some):.3f} [{low:.3f}, {high:.3f}] of {len(some)} photos; {len(known)} are known")
    print(f"  not there: AUC {auc:.3f} of {len(others)} photos; the threshold of one half, {least:.3f} (balanced {balance:.3f}),")
    print(f"  keeps {kept:.3f} and refuses {refused:.3f} of the other half")


PARTS: dict[str, Callable[[Path, int], None]] = {
    "thumbnails": thumbnails,
    "crops": crops,
    "tags": tags,
    "attributes": attributes,
    "clothing": clothing,
    "search": search,
    "food": food,
    "places": places,
    "products": products,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--documents", type=int, default=0, help="at most so many documents of each split; 0 for all")
    parser.add_argument("--cache", type=Path, help="an .npz that keeps features of pictures between runs")
    given = parser.parse_args()
    global CACHE
    CACHE = given.cache
    for name in given.parts.split(","):
        print(f"\n== {name}")
        PARTS[name](given.data, given.documents)


if __name__ == "__main__":
    main()
