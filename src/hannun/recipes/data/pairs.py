"""The data folder goes in; the pairs that the small sizes of kelip, jina_clip and jina_v4 share come out.

Training reads training splits alone: Flickr8k train (without the held-out Korean pictures), fashion train, emoji by base, KorSTS train,
and of sets that have one split only a share by hash. Settings are chosen on "dev", figures are of "test".
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture
from hannun.datasets.split import blake, part, share
from hannun.datasets.texts import korsts, plain, rows
from hannun.errors import DependencyError
from hannun.item import Image, Item, Pair, Text


def worded(id: str, text: str, **facts: Any) -> Item:
    """An item of words."""
    return Item(id, (Text(plain(text)),), facts)


# ------------------------------------------------------------------------------------------------------------- text → picture


def photos(data: Path, split: str) -> list[Picture]:
    """Flickr8k's photos of a split; "ko" is the held-out Korean one."""
    return [p for p in pictures.flickr8k(data) if p.split == split]


def training_photos(data: Path, most: int) -> list[Picture]:
    """Flickr8k's training photos, those with Korean captions first; its dev split is for choosing settings."""
    return sorted(photos(data, "train"), key=lambda p: (not korean(p), p.key))[:most]


def korean(p: Picture) -> list[str]:
    """A photo's Korean captions: people's, and ours for training photos."""
    return [s.text for s in sentences.describe(p).sentences if s.korean]


def captioned(group: Sequence[Picture], language: str, each: int) -> list[Pair]:
    """(caption → photo) in one language, at most `each` of a photo."""
    out = []
    for p in group:
        said = korean(p) if language == "ko" else [sentences.clean(c) for c in p.facts["captions"]]
        out += [Pair(worded(f"{p.key}/{language}{n}", t), p.item, (), f"photo_{language}") for n, t in enumerate(said[:each])]
    return out


def described(group: Sequence[Picture], language: str, each: int, source: str) -> list[Pair]:
    """(description → picture) of products or emoji in one language, at most `each` of a picture."""
    out = []
    for p in group:
        said = [s.text for s in sentences.describe(p).sentences if s.korean == (language == "ko") and s.text]
        at = share(p.key)  # each picture begins elsewhere in its list, so that every kind of sentence is seen
        chosen = [said[(at + n) % len(said)] for n in range(min(each, len(said)))]
        out += [Pair(worded(f"{p.key}/{language}{n}", t), p.item, (), source) for n, t in enumerate(dict.fromkeys(chosen))]
    return out


def sheet(group: Sequence[Picture], columns: int, cell: int = 260) -> Image:
    """Pictures on one white page, `columns` beside each other, as JPEG."""
    lines = -(-len(group) // columns)
    page = PIL.Image.new("RGB", (columns * cell, lines * cell), (255, 255, 255))
    for k, p in enumerate(group):
        picture = p.image.load(cell).resize((cell - 12, cell - 12), PIL.Image.Resampling.BICUBIC)
        page.paste(picture, (k % columns * cell + 6, k // columns * cell + 6))
    out = io.BytesIO()
    page.save(out, "JPEG", quality=90)
    return Image(out.getvalue())


def albums(group: Sequence[Picture], skip: Iterable[str] = (), each: int = 4, most: int | None = None) -> list[Pair]:
    """(a long text → a page of photos): two captions of each of its photos, in their order."""
    left_out = set(skip)
    chosen = sorted(group, key=lambda p: blake(p.key))
    out = []
    for n in range(0, len(chosen) - each + 1, each)[:most]:
        photos = chosen[n : n + each]
        said = [c for p in photos for c in [c for c in map(sentences.clean, p.facts["captions"]) if plain(c) not in left_out][:2]]
        out.append(Pair(worded(f"album/{n}/words", " ".join(said)), Item(f"album/{n}", (sheet(photos, 2),)), (), "long"))
    return out


# ----------------------------------------------------------------------------------------------------------------- text → text


def graded(data: Path, skip: Iterable[str]) -> list[Pair]:
    """Korean sentence pairs of KorSTS train with people's scores; none with a sentence of `skip` (as `plain` writes them)."""
    left_out = set(skip)
    return [
        Pair(worded(str(r["id"]), r["ko"][0], score=r["score"]), worded(f"{r['id']}/2", r["ko"][1]), (), "graded")
        for r in korsts(data, "train")
        if not left_out & set(map(plain, r["ko"]))
    ]


def measured_sentences(data: Path) -> list[str]:
    """KorSTS dev and test in both languages: some of them are in its training split, too."""
    return [s for split in ("dev", "test") for r in korsts(data, split) for s in (*r["ko"], *r["en"])]


def parallel(data: Path, measured: Iterable[str] = ()) -> list[Pair]:
    """(Korean → English) sentences without those that tests are made of."""
    skip = {plain(t) for t in measured}
    found = [(r["ko"], r["en"]) for r in rows(data / "texts/parallel_ko_en.jsonl")]
    found += [(r["ko"][n], r["en"][n]) for r in korsts(data, "train") for n in (0, 1)]
    kept = dict.fromkeys((k, e) for k, e in found if plain(k) not in skip and plain(e) not in skip)
    return [Pair(worded(f"parallel/{n}", k), worded(f"parallel/{n}/en", e), (), "parallel") for n, (k, e) in enumerate(kept)]


def paraphrases(data: Path, split: str) -> list[list[str]]:
    """ParaKQC: the ways of saying each intent; a fifth of the intents (by hash) is for measuring."""
    path = data / "texts/parakqc.tsv"
    if not path.exists():
        raise DependencyError(f"{path}: is not there; give the folder of data sets with --data")
    groups: dict[str, list[str]] = {}
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    for n, parts in enumerate(p for p in lines if len(p) >= 3):
        groups.setdefault(str(n // 10), []).append(parts[2].strip())  # ten lines for each intent, in order
    return [g for k, g in groups.items() if part(f"parakqc {k}", 20) == split]


def inferences(data: Path) -> list[Pair]:
    """XNLI dev and KLUE-NLI dev: (premise → what follows, its contradiction as a hard negative). XNLI's test is for measuring."""
    found: dict[str, dict[str, str]] = {}
    path = data / "texts/xnli_ko_dev.tsv"
    for line in path.read_text("utf-8").splitlines()[1:] if path.exists() else ():
        first, second, label = line.split("\t")[:3]
        found.setdefault(first, {})[label] = second
    for r in rows(data / "texts/klue_nli_dev.jsonl"):
        found.setdefault(r["premise"], {})[r["gold_label"]] = r["hypothesis"]
    both = [(p, h) for p, h in found.items() if {"entailment", "contradiction"} <= set(h)]
    return [
        Pair(worded(f"nli/{n}", p), worded(f"nli/{n}/yes", h["entailment"]), (worded(f"nli/{n}/no", h["contradiction"]),), "inference")
        for n, (p, h) in enumerate(both)
    ]


def questions(data: Path, split: str) -> tuple[list[Pair], list[Item]]:
    """KorQuAD: (question → paragraph) and all paragraphs of that part; a third of the articles (by hash) is for measuring."""
    path = data / "texts/korquad_v1_dev.json"
    if not path.exists():
        raise DependencyError(f"{path}: is not there; give the folder of data sets with --data")
    pairs: list[Pair] = []
    paragraphs: list[Item] = []
    for article in json.loads(path.read_text("utf-8"))["data"]:
        if part(f"korquad {article['title']}", 34) != split:
            continue
        for p in article["paragraphs"]:
            passage = worded(f"korquad/{len(paragraphs)}/{article['title']}", p["context"])
            paragraphs.append(passage)
            pairs += [Pair(worded(str(q["id"]), q["question"]), passage, (), "question") for q in p["qas"]]
    return pairs, paragraphs


def code(data: Path, split: str) -> list[Pair]:
    """(English question → Python function): CoSQA and WebQuery's answered ones; a half of the functions (by hash) is for measuring."""
    found = []
    for name in ("cosqa_dev.json", "webquery_test.json"):
        path = data / "code" / name
        if not path.exists():
            raise DependencyError(f"{path}: is not there; give the folder of data sets with --data")
        for r in json.loads(path.read_text("utf-8")):
            if str(r.get("label", "1")) == "1":
                found.append((str(r["idx"]), r["doc"], r["code"]))
    return [Pair(worded(i, q), worded(f"{i}/code", c), (), "code") for i, q, c in found if part(f"code {plain(c)}", 50) == split]


def missing(data: Path, names: Sequence[str]) -> None:
    """Raises DependencyError naming the first part of the data that is not there."""
    for name in names:
        if not (data / name).exists():
            raise DependencyError(f"{data / name}: is not there; give the folder of data sets with --data")
