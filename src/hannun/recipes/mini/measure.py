"""A way to encode (texts → vectors, pictures → vectors) goes in; every figure of mini's table comes out.

Each figure comes with the per-query outcomes it averages, so that intervals can be had by resampling queries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hannun import metrics
from hannun.datasets import pictures, sentences
from hannun.mini.model import HERE
from hannun.seen import Seen, text_hash

Floats = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]
HELD_COLOURS = 12  # the most frequent colours and types of the fashion test, which every accuracy is over
HELD_TYPES = 20


@dataclass(frozen=True)
class MiniFigure:
    """One number of the table: its outcomes (one per query) and how they are put together ("mean", or a pair for "spearman")."""

    name: str
    outcomes: npt.NDArray[np.float64]
    kind: str = "mean"

    @property
    def value(self) -> float:
        """The figure itself."""
        return statistic(self.outcomes, self.kind)

    def interval(self, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval over queries."""
        return metrics.bootstrap(self.outcomes, statistic=lambda x: statistic(x, self.kind), rounds=resamples, seed=seed)


def statistic(outcomes: npt.NDArray[np.float64], kind: str) -> float:
    """Mean of [n]; Spearman's correlation of the two columns of [n, 2]; macro-F1 of the (true, guessed) columns."""
    if kind == "mean":
        return float(outcomes.mean())
    first, second = outcomes[:, 0], outcomes[:, 1]
    if kind == "spearman":
        from scipy.stats import spearmanr

        return float(spearmanr(first, second)[0])
    scores = []
    for c in np.unique(first):
        hit = float(((first == c) & (second == c)).sum())
        scores.append(2 * hit / float((first == c).sum() + (second == c).sum()))
    return float(np.mean(scores))


def ranks(queries: Floats, gallery: Floats, answers: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The place (0 is first) of each query's own answer in the gallery; ties count against it."""
    scores = queries @ gallery.T
    own = scores[np.arange(len(queries)), np.asarray(answers)]
    place: npt.NDArray[np.int64] = (scores >= own[:, None]).sum(1) - 1
    return place


@dataclass(frozen=True)
class Sets:
    """What is measured on: pictures by source, and the class names."""

    flickr: list[pictures.Picture]
    fashion: list[pictures.Picture]
    clothing: list[pictures.Picture]
    emoji: list[pictures.Picture]
    clipart: list[pictures.Picture]
    stamps: list[pictures.Picture]
    catalogue: list[pictures.Picture]
    names: list[tuple[str, str]]  # Korean, English


def classes_table(path: Path) -> list[tuple[str, str]]:
    """(Korean, English) names of the 1,000 classes from classes.tsv (index, en, ko; synonyms after commas)."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [(r[2].strip(), r[1].strip()) for r in sorted(rows, key=lambda r: int(r[0]))]


def held_sets(every: Sequence[pictures.Picture], names: list[tuple[str, str]]) -> Sets:
    """Only what training never sees."""
    test = [p for p in every if p.split in ("test", "ko")]
    by = {s: [p for p in test if p.source == s] for s in ("flickr8k", "fashion", "clothing", "emoji", "clipart", "stamps", "catalogue")}
    return Sets(
        by["flickr8k"],
        by["fashion"],
        by["clothing"],
        pictures.one_per_base(by["emoji"]),
        by["clipart"],
        by["stamps"],
        by["catalogue"],
        names,
    )


def retrieval(
    name: str, texts: Sequence[str], answers: Sequence[int], gallery: Floats, query: Encode, ks: Sequence[int] = (1, 5, 10)
) -> list[MiniFigure]:
    """Text → picture recall at k."""
    place = ranks(query(texts), gallery, answers)
    return [MiniFigure(f"{name} R@{k}", (place < k).astype(np.float64)) for k in ks]


def _accuracy(name: str, prompts: Sequence[str], true: Sequence[int], gallery: Floats, query: Encode) -> list[MiniFigure]:
    guess = (gallery @ query(prompts).T).argmax(1)
    both = np.stack([np.asarray(true), guess], 1).astype(np.float64)
    return [MiniFigure(f"{name} accuracy", (both[:, 0] == both[:, 1]).astype(np.float64)), MiniFigure(f"{name} macro-F1", both, "f1")]


def _photos(flickr: Sequence[pictures.Picture], query: Encode, look: Callable[[Sequence[str]], Floats]) -> list[MiniFigure]:
    test = [p for p in flickr if p.split == "test"]
    held = [p for p in flickr if p.split == "ko"]
    v_test = look([p.key for p in test])
    captions = [sentences.clean(c) for p in test for c in p.facts["captions"]]
    owner = [i for i, p in enumerate(test) for _ in p.facts["captions"]]
    out = retrieval("flickr8k test en text→image", captions, owner, v_test, query)
    t = query(captions)
    scores = v_test @ t.T
    best = np.array([scores[i][np.asarray(owner) == i].max() for i in range(len(test))])
    place = (scores >= best[:, None]).sum(1) - 1
    out += [MiniFigure(f"flickr8k test en image→text R@{k}", (place < k).astype(np.float64)) for k in (1, 5, 10)]
    gallery = np.concatenate([look([p.key for p in held]), v_test])[:1000]
    korean = [(c, i) for i, p in enumerate(held) for c in p.facts["captions_ko"]]
    out += retrieval("flickr8k held-out ko text→image", [c for c, _ in korean], [i for _, i in korean], gallery, query)
    english = [(c, i) for i, p in enumerate(held) for c in p.facts["captions_ko_en"]]
    return out + retrieval("  the same in en", [c for c, _ in english], [i for _, i in english], gallery, query, (10,))


def picture_figures(
    sets: Sets, query: Encode, look: Callable[[Sequence[str]], Floats], backbone: Mapping[str, tuple[int, float]]
) -> list[MiniFigure]:
    """Everything that needs pictures. `look` gives picture vectors by key, `backbone[key]` is (class, confidence)."""
    out: list[MiniFigure] = []
    if sets.flickr:  # a build without the restricted sources has no features of these
        out += _photos(sets.flickr, query, look)
    for label, group, ko, en in (
        ("emoji held-out", sets.emoji, "name_ko", "name_en"),
        ("stamps test", [p for p in sets.stamps if p.facts["name_ko"]], "name_ko", "name_en"),
        ("catalogue test", sets.catalogue, "text", "title_en"),
    ):
        if group:
            v, every = look([p.key for p in group]), range(len(group))
            out += retrieval(f"{label} ko", [str(p.facts[ko]) for p in group], every, v, query, (1, 10))
            out += retrieval(f"{label} en", [str(p.facts[en]) for p in group], every, v, query, (10,))
    if sets.clipart:
        v = look([p.key for p in sets.clipart])
        named = [(p.facts["name"], i) for i, p in enumerate(sets.clipart) if p.facts["name"]]
        out += retrieval("clipart test en", [a for a, _ in named], [i for _, i in named], v, query, (10,))
        korean = [(k[0], i) for i, p in enumerate(sets.clipart) if (k := sentences.dictionary().get(p.facts["name"]))]
        if korean:
            out += retrieval("clipart test ko", [a for a, _ in korean], [i for _, i in korean], v, query, (10,))
    out += _fashion(sets.fashion, "test", query, look)
    out += _clothing(sets.clothing, "test", query, look)
    sure = [p.key for p in (*sets.flickr, *sets.fashion) if p.split == "test" and backbone[p.key][1] >= 0.7]
    for lang, column in (("ko", 0), ("en", 1)) if sure else ():
        guess = (look(sure) @ query([n[column].split(",")[0] for n in sets.names]).T).argmax(1)
        out.append(
            MiniFigure(
                f"ImageNet top-1 agreement {lang} (n={len(sure)})",
                np.array([g == backbone[k][0] for g, k in zip(guess, sure, strict=True)], np.float64),
            )
        )
    return out


def selection_figures(every: Sequence[pictures.Picture], query: Encode, look: Callable[[Sequence[str]], Floats]) -> list[MiniFigure]:
    """The dev splits, which settings are chosen on: Flickr8k dev (English; Korean by people's captions) and fashion dev."""
    photos = [p for p in every if p.source == "flickr8k" and p.split == "dev"]
    out: list[MiniFigure] = []
    if photos:
        v = look([p.key for p in photos])
        english = [(sentences.clean(c), i) for i, p in enumerate(photos) for c in p.facts["captions"]]
        out += retrieval("flickr8k dev en", [c for c, _ in english], [i for _, i in english], v, query)
        korean = [(c, i) for i, p in enumerate(photos) for c in p.facts.get("captions_ko", ())]
        out += retrieval("flickr8k dev ko", [c for c, _ in korean], [i for _, i in korean], v, query)
    out += _fashion([p for p in every if p.source == "fashion" and p.split == "dev"], "dev", query, look)
    return out + _clothing([p for p in every if p.source == "clothing" and p.split == "dev"], "dev", query, look)


def _fashion(group: Sequence[pictures.Picture], split: str, query: Encode, look: Callable[[Sequence[str]], Floats]) -> list[MiniFigure]:
    out: list[MiniFigure] = []
    words = sentences.table("fashion_words.json")
    for label, fact, part, count in (("type", "articleType", "types", HELD_TYPES), ("colour", "baseColour", "colours", HELD_COLOURS)):
        seen = [p.facts[fact] for p in group if p.facts[fact] in words[part]]
        common = sorted(set(seen), key=lambda c: (-seen.count(c), c))[:count]
        kept = [p for p in group if p.facts[fact] in common]
        if not kept:
            continue
        v, true = look([p.key for p in kept]), [common.index(p.facts[fact]) for p in kept]
        for lang in ("ko", "en"):
            prompts = [
                words[part][c][lang][0] + (" 옷" if part == "colours" and lang == "ko" else " clothes" if part == "colours" else "")
                for c in common
            ]
            out += _accuracy(f"fashion {split} {label} {lang}", prompts, true, v, query)
    return out


def _clothing(group: Sequence[pictures.Picture], split: str, query: Encode, look: Callable[[Sequence[str]], Floats]) -> list[MiniFigure]:
    """Which of the labels that occur is it, told by each label's first name."""
    words = sentences.table("fashion_words.json")["clothing"]
    kept = [p for p in group if p.facts["label"] in words]
    labels = sorted({str(p.facts["label"]) for p in kept})
    out: list[MiniFigure] = []
    for lang in ("ko", "en") if kept else ():
        v, true = look([p.key for p in kept]), [labels.index(str(p.facts["label"])) for p in kept]
        out += _accuracy(f"clothing {split} kind {lang}", [words[c][lang][0] for c in labels], true, v, query)
    return out


def similarity_sets(data: Path) -> dict[str, tuple[list[str], list[str], npt.NDArray[np.float64]]]:
    """KLUE-STS dev and KorSTS dev, test: two lists of sentences and the gold scores.

    KorSTS's pairs with a sentence that is trained on are left out: it stands in the training split too, in either language, or among what
    the weights that ship say they were trained on (captions that KorSTS and Flickr8k share).
    """
    klue = [json.loads(x) for x in (data / "texts/klue_sts_dev.jsonl").read_text(encoding="utf-8").splitlines()]
    out = {
        "KLUE-STS dev": (
            [r["sentence1"] for r in klue],
            [r["sentence2"] for r in klue],
            np.array([r["labels"]["real-label"] for r in klue]),
        )
    }
    kor = [json.loads(x) for x in (data / "texts/korsts_stsb.jsonl").read_text(encoding="utf-8").splitlines()]
    known = Seen(h for r in kor if r["split"] == "train" for t in (*r["ko"], *r["en"]) if (h := text_hash(t)) is not None)
    known |= Seen.of(HERE) or Seen()
    for split in ("dev", "test"):
        rows = [r for r in kor if r["split"] == split and not any(known.holds(text_hash(t)) for t in r["ko"])]
        out[f"KorSTS {split}"] = ([r["ko"][0] for r in rows], [r["ko"][1] for r in rows], np.array([r["score"] for r in rows]))
    return out


def text_figures(data: Path, query: Encode, only: str = "") -> list[MiniFigure]:
    """Spearman of the cosines with human scores; of the one set named `only`, where one is."""
    out = []
    for name, (a, b, gold) in similarity_sets(data).items():
        if only and name != only:
            continue
        cosine = (query(a) * query(b)).sum(1)
        out.append(MiniFigure(f"{name} Spearman", np.stack([cosine, gold], 1).astype(np.float64), "spearman"))
    return out


def korquad(data: Path, limit: int | None = None) -> tuple[list[str], list[str], list[int]]:
    """Questions, distinct paragraphs, and the paragraph of each question."""
    paragraphs: dict[str, int] = {}
    questions, answers = [], []
    for article in json.loads((data / "texts/korquad_v1_dev.json").read_text(encoding="utf-8"))["data"]:
        for part in article["paragraphs"]:
            at = paragraphs.setdefault(part["context"], len(paragraphs))
            for q in part["qas"]:
                questions.append(q["question"])
                answers.append(at)
    return questions[:limit], list(paragraphs), answers[:limit]
