"""The data folder goes in; the pairs and the tests that the small sizes of kelip, jina_clip and jina_v4 share come out.

Training reads training splits alone: Flickr8k train (without the held-out Korean pictures), fashion train, emoji by base, KorSTS train,
and of sets that have one split only a share by hash. Settings are chosen on "dev", figures are of "test".
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import torch

from hannun import metrics
from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture, one_per_base
from hannun.datasets.split import blake, part, share
from hannun.datasets.texts import korsts, plain, rows
from hannun.embeddings import Floats
from hannun.encoder import Encoder
from hannun.errors import DependencyError
from hannun.item import Content, Image, Item, Pair, Text

MINI = Path(__file__).parent.parent / "mini"
Outcomes = npt.NDArray[np.float64]


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
    """XNLI and KLUE-NLI: (premise → what follows, its contradiction as a hard negative)."""
    found: dict[str, dict[str, str]] = {}
    for name in ("xnli_ko_dev.tsv", "xnli_ko_test.tsv"):
        path = data / "texts" / name
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


# ------------------------------------------------------------------------------------------------------------------- measuring


def embed(model: Any, items: Sequence[Item], role: str, task: str = "", size: int = 64) -> tuple[Floats, list[Floats]]:
    """Dense vectors [n, dim] of a model in training, and token vectors where it has them; its kept states are used."""
    training = model.training
    model.eval()
    dense, tokens = [], []
    with torch.inference_mode():
        for at in range(0, len(items), size):
            out = model(model.collate(items[at : at + size], role, task=task))
            dense.append(out.dense.numpy())
            if out.tokens is not None:
                tokens += [t[m].numpy() for t, m in zip(out.tokens, out.mask, strict=True)]
    model.train(training)
    return np.concatenate(dense), tokens


Embed = Callable[[Sequence[Item], str], Floats]  # items and a role → unit rows


def of_model(model: Any, task: str = "") -> Embed:
    """A model in training as a way to embed."""
    return lambda items, role: embed(model, items, role, task)[0]


def of_encoder(encoder: Encoder) -> Embed:
    """An encoder as a way to embed."""

    def embed(items: Sequence[Item], role: str) -> Floats:
        contents: list[Content] = list(items)
        return (encoder.encode_query(contents) if role == "query" else encoder.encode_document(contents)).dense

    return embed


def found(scores: npt.NDArray[Any], answers: Sequence[int], k: int) -> Outcomes:
    """Whether each query's answer is among the first k; ties count against it."""
    return (metrics.pessimistic_rank(scores, np.asarray(answers)) <= k).astype(np.float64)


def reciprocal(scores: npt.NDArray[Any], answers: Sequence[int]) -> Outcomes:
    """One over the rank of each query's answer; a tie counts against it."""
    out: Outcomes = 1 / metrics.pessimistic_rank(scores, np.asarray(answers))
    return out


@dataclass(frozen=True)
class Photos:
    """Flickr8k test in English, and the held-out Korean captions in a gallery of 1,000; of "dev", its photos with Korean captions."""

    test: list[Picture]
    held: list[Picture]

    @staticmethod
    def read(data: Path, split: str = "test") -> Photos:
        """From the data folder."""
        if split == "test":
            return Photos(photos(data, "test"), photos(data, "ko"))
        group = photos(data, split)
        return Photos([p for p in group if "captions_ko" not in p.facts], [p for p in group if "captions_ko" in p.facts])

    def measure(self, embed: Embed) -> dict[str, Outcomes]:
        """R@10 in both directions and both languages, by name."""
        gallery = [*self.held, *self.test]
        seen = embed([p.item for p in gallery], "document")
        asked = embed([p.item for p in gallery], "query")
        out: dict[str, Outcomes] = {}
        for name, group, first in (("en", self.test, len(self.held)), ("ko", self.held, 0)):
            stored = seen[first : first + len(self.test)] if name == "en" else seen[:1000]
            looked = asked[first : first + len(self.test)] if name == "en" else asked[: len(self.held)]
            said = [p.facts["captions"] if name == "en" else p.facts["captions_ko"] for p in group]
            words = [worded(f"{n}", sentences.clean(c)) for n, captions in enumerate(said) for c in captions]
            owner = [n for n, captions in enumerate(said) for _ in captions]
            out[f"Flickr8k {name} T→I R@10"] = found(embed(words, "query") @ stored.T, owner, 10)
            scores = looked @ embed(words, "document").T
            best = np.array([np.where(np.asarray(owner) == n)[0][scores[n, np.asarray(owner) == n].argmax()] for n in range(len(group))])
            out[f"Flickr8k {name} I→T R@10"] = found(scores, best.tolist(), 10)
        return out


def emoji_test(data: Path) -> list[Picture]:
    """One held-out emoji for each base."""
    return one_per_base([p for p in pictures.emoji(data) if p.split == "test" and p.facts["name_ko"] and p.facts["name_en"]])


def named(group: Sequence[Picture], embed: Embed) -> dict[str, Outcomes]:
    """Emoji by their Korean and English names, R@10."""
    seen = embed([p.item for p in group], "document")
    return {
        f"emoji {lang} T→I R@10": found(
            embed([worded(p.key, p.facts[f"name_{lang}"]) for p in group], "query") @ seen.T, range(len(group)), 10
        )
        for lang in ("ko", "en")
    }


def similarity(graded: Sequence[dict[str, Any]], embed: Embed, role: str = "query") -> Outcomes:
    """Cosines of Korean sentence pairs and people's scores of them, [pairs, 2]: `figure` makes Spearman's correlation of them."""
    first = embed([worded(f"a{n}", r["ko"][0]) for n, r in enumerate(graded)], role)
    second = embed([worded(f"b{n}", r["ko"][1]) for n, r in enumerate(graded)], role)
    return np.stack([(first * second).sum(axis=1), np.array([float(r["score"]) for r in graded])], axis=1)


def figure(outcomes: Outcomes) -> float:
    """The mean of outcomes, or Spearman's correlation of their two columns."""
    return float(outcomes.mean()) if outcomes.ndim == 1 else metrics.spearman(*outcomes.T)


def lead(a: Outcomes, b: Outcomes) -> str:
    """How far figure(a) is above figure(b), with its paired 95 % bootstrap interval."""
    difference, low, high, _ = metrics.paired(a, b, statistic=figure, swaps=1)  # the p-value is not printed
    return f"{difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def line(name: str, columns: Sequence[Outcomes]) -> str:
    """One row of a table: each column's figure, and the lead of the first over the second."""
    figures = f"{name:28} " + "  ".join(f"{figure(c):8.3f}" for c in columns)
    return figures if len(columns) < 2 else f"{figures}   {lead(*columns[:2])}"


def missing(data: Path, names: Sequence[str]) -> None:
    """Raises DependencyError naming the first part of the data that is not there."""
    for name in names:
        if not (data / name).exists():
            raise DependencyError(f"{data / name}: is not there; give the folder of data sets with --data")
