"""Whether searches find what a former revision of this repository found, to the last digit of every score.

    python benchmarks/same_results.py --before c2b5af1 [--queries 12]

One set of collections is made by the former revision; both then search it by every set of options below, in a process each, and what
they tell is compared: ids, scores, relevance, groups, reasons, payloads. For changes that may cost or spare time, and nothing else. The
encoder is a toy with a calibration, so that no model decides anything; collections: texts and pictures with albums, texts alone, pictures
alone, token vectors, short vectors searched first, int8, one joint vector, no calibration, and one large enough for an index (HNSW).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from indexing import unpacked

# What both revisions can do.
CHILD = """
import hashlib, itertools, json, sys
from pathlib import Path
import numpy as np
import PIL.Image
import hannun
from hannun.embeddings import Embeddings, unit
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.item import item

WORDS = "빨강 파랑 초록 노랑 검정 원피스 셔츠 가방 모자 바지 줄무늬 꽃무늬 면 린넨 여름 겨울 LG 노트북"
WORDS = (WORDS + " RTX4090 의자 책상 침대 나무 하얀 작은 큰").split()
BACK = {"text": {"text": (0.3, 0.1), "image": (0.05, 0.04)}, "image": {"text": (0.05, 0.04), "image": (0.4, 0.12)}}


class Toy:
    def __init__(self, name, dim=64, kinds=("text", "image"), calibrated=True, tokens=False):
        self.name, self.fingerprint, self.dims, self.kinds, self.side = name, name, (dim, dim // 2), kinds, 16
        self.calibration = Calibration(BACK, 0.2) if calibrated else UNCALIBRATED
        self.tokens = tokens

    def encode_query(self, contents, *, instruction=None):
        its = [item(c) for c in contents]
        rows = [unit(np.sum([self._text(i.text)] * bool(i.text) + [self._look(p) for p in i.images], axis=0)) for i in its]
        dense = np.stack(rows) if rows else np.zeros((0, self.dims[0]), np.float32)
        words = tuple(unit(np.stack([self._text(w)[:16] + 1e-3 for w in (i.text or "그림").split()])) for i in its)
        return Embeddings(dense, words if self.tokens else None)

    encode_document = encode_query

    def _text(self, text):
        row = np.full(self.dims[0], 0.05, np.float32)
        for pair in zip(f" {text}", f"{text} "):
            seed = int.from_bytes(hashlib.blake2b("".join(pair).encode(), digest_size=4).digest(), "little")
            row[seed % self.dims[0]] += 1
            row[seed // 7919 % self.dims[0]] -= 0.5
        return unit(row)

    def _look(self, picture):
        small = np.asarray(picture.load(self.side).resize((8, 8)), np.float32).reshape(-1)
        return unit(np.resize(small - 100, self.dims[0]))


def drawn(seed):
    random = np.random.default_rng(seed)
    return PIL.Image.fromarray(np.kron(random.integers(0, 255, (4, 4, 3)), np.ones((6, 6, 1))).astype(np.uint8))


def rows(count, has):
    random = np.random.default_rng(len(has))
    for n in range(count):
        text = " ".join(random.choice(WORDS, random.integers(1, 6)))
        kind = {"both": n % 3, "text": 0, "image": 1}[has]
        row = {"id": f"i{n}", "price": int(random.integers(1, 50)) * 100, "colour": str(random.choice(WORDS[:5]))}
        row["sizes"] = ["S", "L"][: n % 3]
        row |= {"day": f"2024-0{1 + n % 9}-11"} if n % 4 else {}
        row |= {"text": text} if kind in (0, 2) else {"title": text}
        pictures = [drawn(n // 2), *([drawn(n + 9000)] if has == "both" and n % 5 == 0 else [])]
        yield row | ({"image": pictures if len(pictures) > 1 else pictures[0]} if kind in (1, 2) else {})


MADE = {
    "both": (Toy("a"), "both", {}),
    "texts": (Toy("b"), "text", {}),
    "pictures": (Toy("c"), "image", {}),
    "tokens": (Toy("d", tokens=True), "both", {}),
    "prefix": (Toy("e"), "both", {"prefix": 32}),
    "int8": (Toy("f"), "both", {"quantise": "int8"}),
    "joint": (Toy("g", kinds=()), "both", {}),
    "plain": (Toy("h", calibrated=False), "both", {}),
    "wordless": (Toy("i"), "both", {"words": False}),
    "large": (Toy("j", dim=384), "text", {}),
}
folder, queries = Path(sys.argv[1]), int(sys.argv[2])
for name, (encoder, has, how) in MADE.items():
    if not (folder / f"{name}.hannun").exists():
        with hannun.open(folder / f"{name}.hannun", encoder=encoder, **how) as made:
            made.add(rows(21000 if name == "large" else 300, has))
            if name != "wordless":
                made.synonyms(["빨강, 레드", "노트북, 랩탑"])
            made.optimise()

ASKED = [
    "빨강 원피스", "줄무늬 셔츠 -파랑", "RTX 4090", "ㅃㄱ", "랩탑", "하얀 작은 나무 의자", "여름에 입는 린넨", "빨강",
    "LG 노트북 -의자", "침대",
]
OPTIONS = [
    {},
    {"words": 0},
    {"words": 0, "limit": 3},
    {"words": 0, "limit": 1, "offset": 4},
    {"limit": 60},
    {"words": 0, "limit": 130, "offset": 5},
    {"words": 1},
    {"words": 0.6, "limit": 20},
    {"fusion": "ranks"},
    {"weights": (0.8, 0.2)},
    {"weights": {"image": 1}},
    {"weights": {"text": 1}, "words": 0},
    {"where": 'price < 2000 and colour = "빨강"'},
    {"where": 'sizes contains "L"', "words": 0},
    {"group_by": "colour"},
    {"group_by": "colour", "words": 0, "limit": 3},
    {"dim": "half"},
    {"diversity": 0.4},
    {"diversity": 0.4, "words": 0},
    {"shuffle": 8},
    {"explain": True},
    {"explain": True, "words": 0},
    {"floor": 0.4},
    {"floor": 0.3, "words": 0, "limit": 30},
    {"sort": "price"},
    {"sort": "-day", "group_by": "colour"},
    {"last": "price > 3000"},
    {"last": 'colour = "파랑"', "words": 0, "limit": 40},
    {"unlike": ["파랑"]},
    {"like": [{"id": "i3"}], "words": 0},
    {"like": ["검정 모자"], "unlike": [{"id": "i7"}]},
    {"rerank": "tokens"},
    {"rerank": "own", "limit": 5},
    {"mix": 0.2, "picture": True},
    {"mix": 0.2, "picture": True, "words": 0.3},
    {"picture": "alone"},
    {"picture": "alone", "limit": 2},
]


def told(hit):
    said = [hit.id, float(hit.score).hex(), None if hit.relevance is None else float(hit.relevance).hex(), hit.group]
    said += [hit.item.text, dict(hit.item.facts)]
    said += [[p.source.name if hasattr(p.source, "name") else str(p.source) for p in hit.item.images], [told(h) for h in hit.also]]
    w = hit.why
    if w is None:
        return said
    parts, terms = {k: float(v).hex() for k, v in w.parts.items()}, [[t, float(s).hex()] for t, s in w.terms]
    return [*said, parts, terms, w.picture, w.rank, w.note]


def run(opened, encoder, words, n, options):
    options = dict(options)
    if options.get("dim"):
        options["dim"] = encoder.dims[1]
    if options.get("rerank") == "own":
        options["rerank"] = lambda own, items: [len(i.text or "") + len(i.images) for i in items]
    picture = options.pop("picture", None)
    query = words if not picture else {"image": drawn(n)} if picture == "alone" else {"text": words, "image": drawn(n)}
    try:
        return [told(h) for h in opened.search(query, **options)]
    except hannun.errors.HannunError as e:
        return str(e)


for name, (encoder, has, how) in MADE.items():
    with hannun.open(folder / f"{name}.hannun", encoder=encoder) as opened:
        asked = itertools.cycle([*ASKED, *[r.get("text") or r["title"] for r in rows(40, has)]])
        for n, words in enumerate(itertools.islice(asked, queries)):
            for options in OPTIONS:
                print(json.dumps([name, words, options, run(opened, encoder, words, n, options)], ensure_ascii=False))
            for id in ("i5", "i11"):
                print(json.dumps([name, words, f"why {id}", told(opened.why(id, words))], ensure_ascii=False))
            print(json.dumps([name, words, "similar", [told(h) for h in opened.similar([f"i{n}", "i2"])]], ensure_ascii=False))
"""


def found(sources: Path, folder: Path, queries: int) -> list[Any]:
    """What searches by these sources tell, a row a search."""
    environment = {**os.environ, "PYTHONPATH": str(sources)}
    ran = subprocess.run([sys.executable, "-c", CHILD, str(folder), str(queries)], env=environment, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(ran.stderr)
    return [json.loads(row) for row in ran.stdout.splitlines()]


def main() -> None:
    """Print how many searches were compared, and the first that differ; status 1 where one does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="a revision of this repository")
    parser.add_argument("--queries", type=int, default=12)
    parser.add_argument("--cache", type=Path, help="keep the collections and what the former revision told here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.cache or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{args.before}-{args.queries}.json"
        if not kept.exists():
            kept.write_text(json.dumps(found(unpacked(args.before, Path(temporary)), folder, args.queries)), "utf-8")
        before = json.loads(kept.read_text("utf-8"))
        now = found(Path(__file__).parents[1] / "src", folder, args.queries)
    other = [(b, n) for b, n in zip(before, now, strict=True) if b != n]
    hits = sum(len(row[3]) for row in now if isinstance(row[3], list))
    print(f"{len(now)} searches, {hits} hits: {len(other)} differ from {args.before}")
    for b, n in other[:5]:
        print(f"  {b[:3]}\n    before {str(b[3])[:600]}\n    now    {str(n[3])[:600]}")
    sys.exit(bool(other))


if __name__ == "__main__":
    main()
