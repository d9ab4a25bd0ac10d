"""Polluted product pairs go in; what a similarity threshold keeps, and whether curated pairs teach a model more, come out."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image

from hannun import metrics, shards
from hannun.curate import run as curation
from hannun.curate import sweep as sweeping
from hannun.curate.image.header import image_hash
from hannun.curate.runner import Runner
from hannun.curate.stages.plan import RunPlan
from hannun.curate.tally import funnel
from hannun.curate.verdict import AtLeast
from hannun.datasets import sentences
from hannun.datasets.pictures import flickr8k
from hannun.encode import embed
from hannun.item import Image, Item
from hannun.mini.model import Mini
from hannun.recipes.data import marks
from hannun.recipes.naver_pairs import RULES

SPAM = (
    "로또 당첨번호 확인",
    "오늘의 주가 전망",
    "재난지원금 신청 방법",
    "무료 무료 무료 이벤트 당첨",
    "클릭 클릭 클릭 ★★★★★",
    "야동 무료 보기",
    "출장안마 010-1234-5678",
)
#: For every clean pair, how many of each kind of dirt.
DIRT = {"swapped caption": 0.7, "watermark, swapped caption": 0.23, "receipt": 0.23, "spam title": 0.385}


@dataclass(frozen=True)
class Product:
    """A picture's bytes, its true title, the queries that mean it, and its kind."""

    picture: bytes
    title: str
    queries: tuple[str, ...]
    kind: str

    def load(self) -> PIL.Image.Image:
        return Image(self.picture).load().resize((320, 320), PIL.Image.Resampling.BICUBIC)


def products(data: Path, split: str) -> list[Product]:
    """Product photos whose type and colour have a Korean name: "colour type" is the title."""
    words = sentences.table("fashion_words.json")
    found = []
    for file in sorted((data / "fashion").glob(f"{split}-*.tar")):
        for record in shards.read(file):
            kind, colour = words["types"].get(record.data["articleType"]), words["colours"].get(record.data["baseColour"])
            if kind and colour:
                kinds, colours = kind["ko"], colour["ko"]
                queries = (kinds[-1], f"{colours[-1]} {kinds[0]}", f"{kinds[0]} 추천")
                found.append(Product(Image(record.pictures[0]).read(), f"{colours[0]} {kinds[0]}", queries, kinds[0]))
    return found


def captioned(data: Path) -> list[Product]:
    """Photos of people and animals that are kept for measuring, with a person's Korean caption as title and its last words as a query."""
    held = [p for p in flickr8k(data) if p.split == "ko"]
    captions = [str(p.facts["captions_ko"][0]) for p in held]
    return [Product(p.image.read(), c, (" ".join(c.split()[-4:]),), "") for p, c in zip(held, captions, strict=True)]


@dataclass(frozen=True)
class Made:
    """How a row was made, out of what, and whether its title and its queries are true."""

    how: str
    of: Product
    title: bool
    query: bool


def pollute(true: Sequence[Product], place: Path, data: Path, seed: int) -> dict[str, Made]:
    """Pictures and `rows.jsonl` with DIRT in `place`; by the picture's hash, how each was made."""
    rng, draws = random.Random(seed), np.random.default_rng(seed)
    receipts = [Image(r.pictures[0]).load() for r in shards.read(data / "receipts" / "all-000.tar")]
    made: dict[str, Made] = {}
    with (place / "rows.jsonl").open("w", encoding="utf-8") as table:

        def add(picture: PIL.Image.Image, how: str, of: Product, title: str, said: Product) -> None:
            name = f"{len(made):05d}.jpg"
            picture.save(place / name, "JPEG", quality=92, comment=name)  # a comment, so that each file is one of its own
            shown = how != "receipt"  # what a title may be true of
            made[image_hash((place / name).read_bytes())] = Made(how, of, shown and title == of.title, shown and said.queries == of.queries)
            row = {"id": name, "image": name, "title": title, "query": said.queries, "query_count": [9, 5, 2][: len(said.queries)]}
            table.write(json.dumps(row, ensure_ascii=False) + "\n")

        for one in true:
            add(one.load(), "clean", one, one.title, one)
        for how, share in DIRT.items():
            for one in rng.choices(true, k=round(share * len(true))):
                other = rng.choice(true)
                picture = rng.choice(receipts) if how == "receipt" else _shaken(one.load(), rng)
                if how.startswith("watermark"):
                    picture = marks.draw(picture, draws)
                spam = how == "spam title" or (how == "receipt" and rng.random() < 0.75)
                add(picture, how, one, rng.choice(SPAM[:3] if how == "receipt" else SPAM) if spam else other.title, other)
    return made


def sweep(a: argparse.Namespace) -> None:
    """`hannun curate run` and `sweep` over polluted products of the train split; the labelled ones are the dev products.

    What a threshold costs is also said of captioned photos, whose texts are sentences; neither the embedded scorer nor anything here was
    trained on them.
    """
    train, rng = products(a.data, "train"), random.Random(6)
    true = rng.sample(train, round(1300 * a.scale)) + captioned(a.data)[: round(200 * a.scale)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made = pollute(true, place, a.data, 6)
        with (place / "labelled.jsonl").open("w", encoding="utf-8") as table:
            for n, one in enumerate(products(a.data, "dev")):
                (place / f"dev{n:04d}.jpg").write_bytes(one.picture)
                table.write(json.dumps({"id": f"dev{n}", "image": f"dev{n:04d}.jpg", "label": one.kind}, ensure_ascii=False) + "\n")
        rules = replace(
            RULES, valid=0.0, near=None, titles=(AtLeast("similarity", -1, "title"),), queries=(AtLeast("similarity", -1, "query"),)
        )
        result = curation.run([place / "rows.jsonl"], RunPlan(place / "all", rules, ocr=False, watermark=None), Runner())
        encoder = Mini(threads=1)
        pairs = sweeping.read_pairs([place / "all" / "shards"], encoder)
        labelled = sweeping.read_labelled(place / "labelled.jsonl", encoder)
        records = [r for p in sorted((place / "all" / "shards").glob("*.tar")) for r in shards.read(p)]
    print(f"{len(made)} rows ({dict(Counter(m.how for m in made.values()))}), {result.manifest['pairs']} pairs without an agreement bound")
    print(f"{len(labelled.classes)} labelled pictures of {len(labelled.names)} kinds; scorer {encoder.fingerprint}\n")
    for kind, scored in pairs.items():
        of = [made[records[row].key] for row in scored.rows]
        right, product = np.array([getattr(m, kind) for m in of]), np.array([m.of.kind != "" for m in of])
        chosen = np.flatnonzero(product)
        learnt = sweeping.Scored(scored.vectors, scored.rows[chosen], tuple(scored.texts[n] for n in chosen), scored.similarity[chosen])
        swept = sweeping.sweep(kind, learnt, labelled, SWEPT)
        print(
            f"\n| threshold ({kind}) | pairs | true ones kept | false ones kept | of photos: true | false | zero-shot accuracy |\n"
            "|---|---|---|---|---|---|---|"
        )
        for point in swept.points:
            passed = scored.similarity >= point.threshold
            shares = [passed[p & r].mean() for p in (product, ~product) for r in (right, ~right)]
            name = "none" if point.threshold <= -1 else f"{point.threshold:.2f}"
            name = f"**{name}**" if point.threshold == swept.threshold else name
            accuracy = f"{point.accuracy:.3f} ({point.low:.3f}–{point.high:.3f})"
            print(f"| {name} | {point.pairs} | {' | '.join(f'{s:.3f}' for s in shares)} | {accuracy} |")
        print(f"\nchosen {swept.threshold}; on the other half {swept.test:.3f} ({swept.test_low:.3f}–{swept.test_high:.3f})", flush=True)


SWEPT = (-1.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)


def helps(a: argparse.Namespace) -> None:
    """The same small model on raw, curated and never polluted pairs of held-out product photos: zero-shot and recall@10.

    The pictures are of the split that the embedded scorer was not trained on; 650 (times `--scale`) to learn from, the rest to ask about.
    """
    rows = products(a.data, "test")
    random.Random(5).shuffle(rows)
    true, test = rows[: round(650 * a.scale)], rows[650:]
    encoder = Mini(threads=1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made = pollute([replace(p, queries=()) for p in true], place, a.data, 5)
        result = curation.run([place / "rows.jsonl"], RunPlan(place / "out", replace(RULES, shard=4000, valid=0.0)), Runner())
        kept = [r for p in sorted((place / "out" / "shards").glob("*.tar")) for r in shards.read(p) if r.data["title"]]
        print("dropped: " + ", ".join(f"{r} {n}" for _, r, n in funnel(result.tally)) + "\n")
        lost: dict[str, Counter[str]] = defaultdict(Counter)
        for row in curation.ledger(place / "out"):
            if row["kind"] in ("picture", "title"):
                lost[made[row["image_hash"]].how][row["reason"]] += 1
        left = Counter(made[r.key].how for r in kept)
        print("| kind | rows | kept | dropped for |\n|---|---|---|---|")
        for how, count in Counter(m.how for m in made.values()).items():
            print(f"| {how} | {count} | {left[how]} | {', '.join(f'{r} {n}' for r, n in lost[how].most_common())} |")
        print(f"\nof the kept {len(kept)}, titles that are true: {np.mean([made[r.key].title for r in kept]):.3f}\n")
        listed = [json.loads(line) for line in (place / "rows.jsonl").open(encoding="utf-8")]
        sets = {
            "raw": [(Image(place / str(r["image"])), str(r["title"])) for r in listed],
            "curated": [(Image(r.pictures[0]), str(r.data["title"])) for r in kept],
            "never polluted": [(Image(p.load()), p.title) for p in true],
        }
        vectors = {name: _vectors([p for p, _ in pairs], encoder) for name, pairs in sets.items()}
    seen = _vectors([Image(p.load()) for p in test], encoder)
    names = sorted({p.kind for p in test} & {p.kind for p in true})
    asked = [n for n, p in enumerate(test) if p.kind in names]
    label = np.array([names.index(test[n].kind) for n in asked])
    titles = sorted({p.title for p in test})
    print(
        f"| pairs | how many | zero-shot accuracy ({len(names)} kinds, {len(asked)} pictures) "
        f"| text → picture R@1, R@10 ({len(titles)} titles, {len(test)} pictures) | |\n|---|---|---|---|---|"
    )
    scores: dict[str, list[np.ndarray]] = {}
    for name, pairs in sets.items():
        hits, first, ten = [], [], []
        for seed in (0, 1, 2):
            cosines = sweeping.train(vectors[name], np.arange(len(pairs)), [t for _, t in pairs], sweeping.SmallModel(), seed)
            hits.append(cosines(seen[asked], names).argmax(1) == label)
            order = np.argsort(-cosines(seen, titles).T, axis=1)[:, :10]
            found = np.array([[test[p].title == t for p in row] for t, row in zip(titles, order, strict=True)])
            first.append(found[:, 0])
            ten.append(found.any(1))
        scores[name] = [np.mean(x, 0) for x in (hits, first, ten)]
        cells = [f"{x.mean():.3f} ({'–'.join(f'{b:.3f}' for b in metrics.bootstrap(x))})" for x in scores[name]]
        print(f"| {name} | {len(pairs)} | {' | '.join(cells)} |", flush=True)
    for against in ("raw", "never polluted"):
        gains = [x - y for x, y in zip(scores["curated"], scores[against], strict=True)]
        cells = [f"{x.mean():+.3f} ({'–'.join(f'{b:+.3f}' for b in metrics.bootstrap(x))})" for x in gains]
        print(f"| curated minus {against}, paired | | {' | '.join(cells)} |")


def _shaken(picture: PIL.Image.Image, rng: random.Random) -> PIL.Image.Image:
    """Cropped a little and mirrored perhaps: a copy on another page is seldom the same file."""
    dx, dy = rng.randint(0, 40), rng.randint(0, 40)
    cut = picture.crop((dx, dy, 320 - rng.randint(0, 40), 320 - rng.randint(0, 40))).resize((320, 320))
    return cut.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else cut


def _vectors(pictures: Sequence[Image], encoder: Mini) -> np.ndarray:
    found, _ = embed([Item(str(n), (p,)) for n, p in enumerate(pictures)], encoder, "document", [], lambda done: None)
    return found.dense
