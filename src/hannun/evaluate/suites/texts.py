"""Korean text sets go in; Spearman of similarities (KLUE-STS, KorSTS) and retrieval (KorQuAD, XTD-10 captions) come out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from hannun import metrics
from hannun.datasets import texts
from hannun.evaluate.figure import Figure, gains, hits
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.metrics import Ints

_KLUE, _KORSTS = "texts/klue_sts_dev.jsonl", "texts/korsts_stsb.jsonl"
_KORQUAD, _PARALLEL = "texts/korquad_v1_dev.json", "texts/parallel_ko_en.jsonl"


def rows(harness: Harness, relative: str) -> list[dict[str, Any]]:
    """The objects of a .jsonl file."""
    return texts.rows(harness.file(relative))


def similarity(harness: Harness, name: str, pairs: list[tuple[str, str]], gold: list[float]) -> Figure:
    """Spearman's correlation of cosines with gold scores; both sentences are encoded as queries, since neither is searched."""
    left = harness.unseen(pairs)
    pairs, gold = [pairs[n] for n in left], [gold[n] for n in left]
    first, second = (harness.queries([p[k] for p in pairs]).dense for k in (0, 1))
    cosines = (first.astype(np.float64) * second).sum(axis=1)
    return Figure(f"{name} Spearman", np.stack([cosines, np.asarray(gold, np.float64)], axis=1), "spearman")


def klue_sts(harness: Harness) -> Measured:
    """KLUE-STS dev (Park et al. 2021): 519 pairs, mean of human scores 0…5."""
    found = rows(harness, _KLUE)
    pairs = [(r["sentence1"], r["sentence2"]) for r in found]
    return Measured([similarity(harness, "KLUE-STS dev", pairs, [r["labels"]["real-label"] for r in found])])


def korsts(harness: Harness) -> Measured:
    """KorSTS dev and test (Ham et al. 2020), and the English STS-B sentences it was translated from, with the same scores."""
    figures = []
    for split in ("dev", "test"):
        found = [r for r in rows(harness, _KORSTS) if r["split"] == split]
        gold = [r["score"] for r in found]
        figures.append(similarity(harness, f"KorSTS {split}", [(r["ko"][0], r["ko"][1]) for r in found], gold))
        if split == "test":
            figures.append(similarity(harness, "STS-B test (the same in English)", [(r["en"][0], r["en"][1]) for r in found], gold))
            figures.append(similarity(harness, "KorSTS test, Korean against English", [(r["ko"][0], r["en"][1]) for r in found], gold))
    return Measured(figures)


def korquad_pairs(harness: Harness, limit: int | None = None) -> tuple[list[str], list[str], Ints]:
    """Questions, distinct paragraphs, and the paragraph of each question."""
    paragraphs: dict[str, int] = {}
    questions: list[str] = []
    answers: list[int] = []
    for article in json.loads(harness.file(_KORQUAD).read_text("utf-8"))["data"]:
        for part in article["paragraphs"]:
            at = paragraphs.setdefault(part["context"], len(paragraphs))
            for question in part["qas"]:
                questions.append(question["question"])
                answers.append(at)
    every = list(paragraphs)
    left = harness.unseen([(q, every[a]) for q, a in zip(questions[:limit], answers[:limit], strict=True)])
    return [questions[n] for n in left], every, np.array([answers[n] for n in left], np.int64)


def korquad_figures(harness: Harness, limit: int | None = None) -> list[Figure]:
    """Question → paragraph; the questions of one paragraph do not vary by themselves and are drawn together."""
    questions, paragraphs, answers = korquad_pairs(harness, limit)
    scores = harness.queries(questions).dense @ harness.documents(paragraphs).dense.T
    ranks = metrics.pessimistic_rank(scores, answers)
    name = "KorQuAD question→paragraph"
    reciprocal = Figure(f"{name} MRR", 1 / ranks.astype(np.float64), groups=answers)
    return [gains(name, ranks, 10, answers), *hits(name, ranks, (1, 10), answers), reciprocal]


def korquad(harness: Harness) -> Measured:
    """KorQuAD 1.0 dev (Lim et al. 2019) as retrieval: 5,774 questions, 964 paragraphs."""
    return Measured(korquad_figures(harness))


def xtd(harness: Harness) -> Measured:
    """XTD-10's 1,000 Korean captions (Aggarwal & Kale 2020) against the English ones, both ways; against the photos where they are."""
    every = [r for r in rows(harness, _PARALLEL) if r["source"] == "xtd10"]
    found = [every[n] for n in harness.unseen([(r["ko"], r["en"]) for r in every])]
    korean, english = [r["ko"] for r in found], [r["en"] for r in found]
    right = np.arange(len(found))
    q_ko, q_en = harness.queries(korean).dense, harness.queries(english).dense
    d_ko, d_en = harness.documents(korean).dense, harness.documents(english).dense
    figures = hits("Korean caption→its English one", metrics.pessimistic_rank(q_ko @ d_en.T, right), (1, 10))
    figures += hits("English caption→its Korean one", metrics.pessimistic_rank(q_en @ d_ko.T, right), (1, 10))
    photos = [harness.data / "coco" / "train2014" / str(r.get("image")) for r in found]
    if not photos or not all(p.is_file() for p in photos) or not harness.sees:
        harness.notes.append("texts only: XTD-10's photos are 1,000 of COCO train2014 (cocodataset.org); put them into coco/train2014")
        return Measured(figures)
    pictures = harness.documents([*photos]).dense
    figures += hits("Korean caption→photo", metrics.pessimistic_rank(q_ko @ pictures.T, right))
    figures += hits("English caption→photo", metrics.pessimistic_rank(q_en @ pictures.T, right))
    return Measured(figures)


SUITES = (
    Suite(
        "klue_sts", "similarity of Korean sentences", klue_sts, (_KLUE,), "github.com/KLUE-benchmark/KLUE (CC BY-SA 4.0)", pictures=False
    ),
    Suite(
        "korsts",
        "similarity of Korean sentences, beside English",
        korsts,
        (_KORSTS,),
        "github.com/kakaobrain/kor-nlu-datasets (CC BY-SA 4.0)",
        pictures=False,
    ),
    Suite(
        "korquad", "Korean questions → Wikipedia paragraphs", korquad, (_KORQUAD,), "korquad.github.io (CC BY-ND 2.0 KR)", pictures=False
    ),
    Suite(
        "xtd_ko",
        "Korean captions ↔ English captions and photos",
        xtd,
        (_PARALLEL,),
        "github.com/adobe-research/Cross-lingual-Test-Dataset-XTD10",
        pictures=False,
    ),
)
