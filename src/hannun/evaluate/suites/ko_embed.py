"""Korean texts and pictures go in; one table of text→image, image→text, text→text and composed retrieval comes out.

Our open stand-in for KoEmbed, the closed Korean benchmark of Kanana-v-embedding's authors: the same four kinds of task, on sets that
anyone can have. Each kind is the mean of its sets' headline figures (nDCG@10, or Spearman), and the whole the mean of the four.
"""

from __future__ import annotations

import random

import numpy as np

from hannun import metrics
from hannun.datasets import composed
from hannun.evaluate.figure import Figure, gains, hits, prefixed, value
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import drawn, held_out, photos, texts
from hannun.evaluate.suites.suite import Measured, Suite

QUESTIONS = 1000  # of KorQuAD, so that the suite takes minutes on two cores
_HEADLINES = ("nDCG@10", "Spearman")


def _photos(harness: Harness) -> tuple[list[Figure], list[Figure]]:
    held, gallery = photos.korean_gallery(harness)
    captions, owner = photos.captions_of(held, "captions_ko")
    ranks = metrics.pessimistic_rank(harness.queries(captions).dense @ gallery.T, owner)
    forth = [*hits("photos (Flickr8k)", ranks, (1, 10), owner), gains("photos (Flickr8k)", ranks, 10, owner)]
    # Korean sentences of the same kind as distractors, without those that say the same as a caption.
    said = set(captions)
    korsts = [
        s for r in texts.rows(harness, "texts/korsts_stsb.jsonl") if r["split"] != "train" and "caption" in r["genre"] for s in r["ko"]
    ]
    others = [s for s in dict.fromkeys(korsts) if s not in said]
    seen = harness.queries([p.item for p in held]).dense
    scores = (seen @ harness.documents([*captions, *others]).dense.T).astype(np.float64)
    mine = np.r_[owner, np.full(len(others), -1)][None, :] == np.arange(len(held))[:, None]
    ranked = metrics.by_rank(scores, mine)
    note = f"{len(held)} photos, {len(captions)} captions among {len(captions) + len(others)} Korean sentences"
    back = [Figure(f"photos (Flickr8k) hit@{k}", metrics.hit(ranked, k), note=note) for k in (1, 10)]
    return forth, [*back, Figure("photos (Flickr8k) nDCG@10", metrics.ndcg(ranked, 10), note=note)]


def _emoji(harness: Harness) -> tuple[list[Figure], list[Figure]]:
    found = held_out.emoji(harness)
    names = [str(p.facts["name_ko"]) for p in found]
    shown = [p.item for p in found]
    right = np.arange(len(found))
    forth = metrics.pessimistic_rank(harness.queries(names).dense @ harness.documents(shown).dense.T, right)
    back = metrics.pessimistic_rank(harness.queries(shown).dense @ harness.documents(names).dense.T, right)
    return [*hits("emoji", forth, (1, 10)), gains("emoji", forth)], [*hits("emoji", back, (1, 10)), gains("emoji", back)]


def composed_products(harness: Harness) -> list[Figure]:
    """A product's photo and what should be another ("빨간 것으로", "같은 색 바지") → titles and photos of such products, its own left out.

    The test products and changes that the recipe kanana_v is measured on; a query has several answers.
    """
    held = {p.key for p in held_out.fashion(harness)}
    products = [p for p in composed.worded(harness.data, "test") if p.key in held]
    if not products:
        return []
    changes = composed.changed(products, random.Random("kanana test"))
    asked = harness.queries([composed.asked(products, c) for c in changes]).dense
    scores = (asked @ harness.documents([composed.title(p) for p in products]).dense.T).astype(np.float64)
    scores[np.arange(len(changes)), [c.reference for c in changes]] = -2.0  # below any cosine
    right = np.zeros(scores.shape, bool)
    for n, c in enumerate(changes):
        right[n, list(c.answers)] = True
    ranked = metrics.by_rank(scores, right)
    note, groups = f"{len(changes)} changes of {len(products)} test products", np.array([c.reference for c in changes])
    found = [Figure(f"composed photo+change→product hit@{k}", metrics.hit(ranked, k), groups=groups, note=note) for k in (1, 10)]
    return [*found, Figure("composed photo+change→product nDCG@10", metrics.ndcg(ranked, 10), groups=groups, note=note)]


def ko_embed(harness: Harness) -> Measured:
    """The four kinds, each set's figures, and the means."""
    (photo_forth, photo_back), (emoji_forth, emoji_back) = _photos(harness), _emoji(harness)
    products = drawn.figures(harness, languages=("ko",))
    kinds = {
        "T→I": [*photo_forth, *emoji_forth, *(f for f in products if "title→" in f.name)],
        "I→T": [*photo_back, *emoji_back, *(f for f in products if "→ko title" in f.name)],
        "T→T": [
            *texts.korquad_figures(harness, QUESTIONS),
            *texts.klue_sts(harness).figures,
            *(f for f in texts.korsts(harness).figures if f.name == "KorSTS test Spearman"),
        ],
        "composed": composed_products(harness),
    }
    means = {k: float(np.mean([f.value for f in found if f.name.endswith(_HEADLINES)])) for k, found in kinds.items()}
    head = [value(f"{k} mean", m, note="mean of the sets' nDCG@10 and Spearman") for k, m in means.items()]
    whole = value("ko_embed mean", float(np.mean(list(means.values()))), note="mean of the four kinds")
    return Measured([whole, *head, *(f for k, found in kinds.items() for f in prefixed(k, found))])


SUITES = (
    Suite(
        "ko_embed",
        "Korean T→I, I→T, T→T and composed retrieval in one table",
        ko_embed,
        (
            "flickr8k/captions_ko.jsonl",
            "emoji",
            "fashion",
            "texts/korsts_stsb.jsonl",
            "texts/klue_sts_dev.jsonl",
            "texts/korquad_v1_dev.json",
        ),
        "the sources that docs/data.md names",
    ),
)
