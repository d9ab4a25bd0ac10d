"""The metrics against other people's code: 1e-9 where the peer computes in float64, 1e-6 where it does in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hannun import metrics

RANDOM = np.random.default_rng(11)
QUERIES, DOCUMENTS = 40, 60
SCORES = RANDOM.permutation(QUERIES * DOCUMENTS).reshape(QUERIES, DOCUMENTS) / 1000.0  # no ties: conventions differ there
GRADES = RANDOM.integers(0, 4, (QUERIES, DOCUMENTS)) * (RANDOM.random((QUERIES, DOCUMENTS)) < 0.15)
GRADES[:, 0] = np.maximum(GRADES[:, 0], 1)  # every query has an answer: peers differ in what a query without one is
RANKED = metrics.by_rank(SCORES, GRADES)

OURS = {
    "recall@5": lambda r: metrics.recall(r, 5),
    "recall@20": lambda r: metrics.recall(r, 20),
    "precision@10": lambda r: metrics.precision(r, 10),
    "hit_rate@3": lambda r: metrics.hit(r, 3),
    "ndcg@10": lambda r: metrics.ndcg(r, 10),
    "ndcg_burges@10": lambda r: metrics.ndcg(r, 10, exponential=True),
    "mrr": metrics.reciprocal_rank,
    "map": metrics.average_precision,
}


def test_ranx() -> None:
    ranx = pytest.importorskip("ranx", reason="ranx is not installed: pip install 'hannun[peers]'")
    qrels = ranx.Qrels({f"q{q}": {f"d{d}": int(g) for d, g in enumerate(row) if g} for q, row in enumerate(GRADES)})
    run = ranx.Run({f"q{q}": {f"d{d}": float(s) for d, s in enumerate(row)} for q, row in enumerate(SCORES)})
    theirs = ranx.evaluate(qrels, run, list(OURS), return_mean=False)  # numba compiles each metric the first time, then caches it
    rows = [int(q.removeprefix("q")) for q in run.run]
    for name, ours in OURS.items():
        assert np.abs(ours(RANKED)[rows] - np.asarray(theirs[name])).max() < 1e-9, name


def test_trec_eval() -> None:
    """pytrec_eval is trec_eval itself; it comes with mteb. Ties in its runs go by document id, so there are none here."""
    pytrec = pytest.importorskip("pytrec_eval", reason="pytrec_eval is not installed: pip install 'hannun[eval]'")
    qrels = {f"q{q}": {f"d{d}": int(g) for d, g in enumerate(row)} for q, row in enumerate(GRADES)}
    run = {f"q{q}": {f"d{d}": float(s) for d, s in enumerate(row)} for q, row in enumerate(SCORES)}
    names = {"recall_5": "recall@5", "P_10": "precision@10", "ndcg_cut_10": "ndcg@10", "recip_rank": "mrr", "map": "map", "success_5": None}
    found = pytrec.RelevanceEvaluator(qrels, {"recall.5", "P.10", "ndcg_cut.10", "recip_rank", "map", "success.5"}).evaluate(run)
    for theirs, ours in names.items():
        mine = metrics.hit(RANKED, 5) if ours is None else OURS[ours](RANKED)
        assert np.abs(mine - [found[f"q{q}"][theirs] for q in range(QUERIES)]).max() < 1e-9, theirs


def test_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: pip install 'hannun[eval]'")
    assert metrics.ndcg(RANKED, 10).mean() == pytest.approx(sk.ndcg_score(GRADES, SCORES, k=10, ignore_ties=True), abs=1e-9)
    theirs = [sk.average_precision_score(g > 0, s) for g, s in zip(GRADES, SCORES, strict=True)]
    assert np.abs(metrics.average_precision(RANKED) - theirs).max() < 1e-9
    truth, guess = RANDOM.integers(0, 7, 300), RANDOM.integers(0, 7, 300)
    assert metrics.accuracy(truth, guess) == pytest.approx(sk.accuracy_score(truth, guess), abs=1e-9)
    assert metrics.macro_f1(truth, guess) == pytest.approx(sk.f1_score(truth, guess, average="macro", zero_division=0), abs=1e-9)
    top = [sk.top_k_accuracy_score([t], [s], k=3, labels=range(DOCUMENTS)) for t, s in zip(truth, SCORES, strict=False)]
    ranks = metrics.pessimistic_rank(SCORES, truth[:QUERIES])
    assert (ranks <= 3).astype(float).tolist() == top


def test_where_scores_tie_ours_is_the_lower_bound_of_scikit_learns_average() -> None:
    sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: pip install 'hannun[eval]'")
    tied = np.round(SCORES)
    ours = metrics.ndcg(metrics.by_rank(tied, GRADES), 10)
    averaged = [sk.ndcg_score(g[None], s[None], k=10) for g, s in zip(GRADES, tied, strict=True)]  # averages over the ties' orders
    assert (ours <= np.array(averaged) + 1e-9).all() and ours.mean() < np.mean(averaged)


def test_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install 'hannun[eval]'")
    a, b = RANDOM.integers(0, 9, 200).astype(float), RANDOM.normal(size=200)
    assert metrics.spearman(a, b) == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-9)
    assert np.abs(metrics.average_ranks(a) - stats.rankdata(a)).max() < 1e-9
    values = RANDOM.normal(size=400)
    ours = metrics.bootstrap(values, rounds=4000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    assert np.abs(np.array(ours) - [theirs.low, theirs.high]).max() < 0.02  # other draws: a twentieth of the interval's width of 0.2


@pytest.fixture(scope="module")
def torch() -> Any:
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed: pip install 'hannun[peers]'")
    return pytest.importorskip("torch", reason="torch is not installed: pip install 'hannun[train]'")


def test_torchmetrics_retrieval(torch: Any) -> None:
    from torchmetrics.functional import retrieval as tm

    for q in range(QUERIES):
        s, g = torch.tensor(SCORES[q]), torch.tensor(GRADES[q])
        row = RANKED[q : q + 1]
        assert metrics.ndcg(row, 10)[0] == pytest.approx(float(tm.retrieval_normalized_dcg(s, g, top_k=10)), abs=1e-6)
        assert metrics.average_precision(row)[0] == pytest.approx(float(tm.retrieval_average_precision(s, g > 0)), abs=1e-6)
        assert metrics.reciprocal_rank(row)[0] == pytest.approx(float(tm.retrieval_reciprocal_rank(s, g > 0)), abs=1e-6)
        assert metrics.recall(row, 10)[0] == pytest.approx(float(tm.retrieval_recall(s, g > 0, top_k=10)), abs=1e-6)
        assert metrics.precision(row, 10)[0] == pytest.approx(float(tm.retrieval_precision(s, g > 0, top_k=10)), abs=1e-6)
        assert metrics.hit(row, 10)[0] == pytest.approx(float(tm.retrieval_hit_rate(s, g > 0, top_k=10)), abs=1e-6)


def test_torchmetrics_frechet_distance(torch: Any) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Features(torch.nn.Module):  # type: ignore[misc,name-defined]
        num_features = 12

        def forward(self, x: Any) -> Any:
            return x.flatten(1)[:, :12].double()

    first, second = RANDOM.normal(size=(90, 12)), RANDOM.normal(0.4, 1.3, size=(80, 12))
    theirs = FrechetInceptionDistance(feature=Features(), normalize=True).set_dtype(torch.float64)

    def pictures(x: Any) -> Any:
        return torch.tensor(x).reshape(len(x), 3, 2, 2)

    theirs.update(pictures(first), real=True)
    theirs.update(pictures(second), real=False)
    assert metrics.frechet_distance(first, second) == pytest.approx(float(theirs.compute()), rel=1e-6)


def test_torchmetrics_clip_score(torch: Any) -> None:
    from torch.nn.functional import cosine_similarity
    from torchmetrics.functional.multimodal import clip_score

    class Processor:
        def __call__(self, images: Any = None, text: Any = None, **_: Any) -> Any:
            if images is not None:
                return {"pixel_values": torch.stack([i.double() for i in images])}
            ids = torch.tensor([[len(t), t.count("a"), t.count("e"), t.count(" ")] for t in text])
            return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    class Model(torch.nn.Module):  # type: ignore[misc,name-defined]
        config = type("C", (), {})()
        device = torch.device("cpu")

        def get_image_features(self, pixels: Any) -> Any:
            return pixels.flatten(1)[:, :4]

        def get_text_features(self, ids: Any, _mask: Any = None) -> Any:
            return ids.double()

    images = torch.tensor(RANDOM.integers(0, 255, (6, 3, 4, 4)), dtype=torch.uint8)
    texts = ["a cat", "the bee", "an apple tree", "red", "a a a", "sea"]
    model, processor = Model(), Processor()
    theirs = float(clip_score(images, texts, model_name_or_path=lambda: (model, processor)))
    pixels = model.get_image_features(processor(images=list(images))["pixel_values"])
    words = model.get_text_features(processor(text=texts)["input_ids"])
    assert metrics.clip_score(pixels.numpy(), words.numpy(), weight=100).mean() == pytest.approx(theirs, rel=1e-6)
    assert metrics.clip_score(pixels.numpy(), words.numpy(), 1) == pytest.approx(cosine_similarity(pixels, words).clamp(min=0).numpy())


def test_torchmetrics_bert_score(torch: Any) -> None:
    from torchmetrics.functional.text.bert import bert_score

    # No negative cosines: torchmetrics pads with zero vectors, which would win against them.
    table = torch.tensor(np.abs(RANDOM.normal(size=(50, 8))), dtype=torch.float32)
    vocabulary: dict[str, int] = {}

    def tokens(words: list[str], max_length: int) -> Any:
        ids = [[1, *(vocabulary.setdefault(w, len(vocabulary) + 3) for w in s.split()), 2] for s in words]
        width = max(map(len, ids))
        padded = torch.tensor([i + [0] * (width - len(i)) for i in ids])
        return {"input_ids": padded, "attention_mask": (padded != 0).long()}

    class Tokenizer:
        def __call__(self, text: Any, max_length: int = 99, **_: Any) -> Any:
            return tokens([text] if isinstance(text, str) else list(text), max_length)

    def forward(model: Any, batch: Any) -> Any:
        return table[batch["input_ids"]]

    candidates = ["the cat sat", "a red dress", "dogs run fast today"]
    references = ["a cat sat down", "the red long dress", "dogs walk"]
    own = {"model": torch.nn.Identity(), "user_tokenizer": Tokenizer(), "user_forward_fn": forward, "max_length": 99, "verbose": False}
    each = [bert_score([c], [r], **own) for c, r in zip(candidates, references, strict=True)]  # pair by pair: it sorts batches by length

    def vectors(sentence: str) -> Any:
        return table[[vocabulary[w] for w in sentence.split()]].numpy()  # torchmetrics leaves [CLS] and [SEP] out of its sums

    ours = metrics.bert_score([vectors(c) for c in candidates], [vectors(r) for r in references])
    for column, name in enumerate(("precision", "recall", "f1")):
        assert ours[:, column] == pytest.approx([float(e[name]) for e in each], abs=1e-6), name
