"""BLEU and CIDEr-D of words, BERTScore, CLIPScore and the Fréchet distance of vectors, whose figures can be counted out."""

from __future__ import annotations

import numpy as np
import pytest

from hannun import metrics
from hannun.errors import InputError


def test_bert_score_matches_greedily() -> None:
    x, y, z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    # Candidate (x, y) against (x, z, z): x finds 1, y finds 0 → P = 1/2; reference: 1, 0, 0 → R = 1/3; F1 = 2·(1/6)/(5/6) = 2/5.
    assert metrics.bert_score([[x, y]], [[x, z, z]])[0].tolist() == pytest.approx([1 / 2, 1 / 3, 2 / 5])
    # With weights 3 and 1 for x and y: P = 3/4; with 1, 1, 0 for x, z, z: R = 1/2.
    assert metrics.bert_score([[x, y]], [[x, z, z]], ([[3, 1]], [[1, 1, 0]]))[0, :2].tolist() == pytest.approx([3 / 4, 1 / 2])
    assert metrics.bert_score([[x]], [[y]])[0].tolist() == [0, 0, 0]
    assert metrics.bert_score([[x]], [[x]])[0].tolist() == [1, 1, 1]  # 2·1·1/(1 + 1)
    assert metrics.bert_score([[x]], [[x]], ([[0]], [[1]]))[0].tolist() == [0, 1, 0]  # a candidate without any weight
    assert metrics.bert_score([[[0.1, 0.0]]], [[[0.0, 0.0], [0.5, 0.0]]])[0].tolist() == pytest.approx(
        [1, 1 / 2, 2 / 3]
    )  # lengths do not matter


def test_clip_score_is_never_negative() -> None:
    x, y = [[2.0, 0.0], [1.0, 0.0], [3.0, 4.0]], [[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]
    assert metrics.clip_score(x, y).tolist() == pytest.approx([2.5, 0, 2.5 * 3 / 5])
    assert metrics.clip_score(x, y, weight=100).tolist() == pytest.approx([100, 0, 60])


@pytest.mark.parametrize("bad", [[1.0, 0.0], np.zeros((0, 2))], ids=["one vector alone", "no vectors"])
def test_vectors_come_in_rows_and_at_least_one(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="at least one row"):
        metrics.clip_score(bad, bad)


def test_frechet_distance_of_sets_in_one_and_two_dimensions() -> None:
    # Means 0 and 3, variances ((±1)²·2)/(2−1) = 2 and 8: 9 + 2 + 8 − 2·√16 = 11.
    assert metrics.frechet_distance([[-1.0], [1.0]], [[1.0], [5.0]]) == pytest.approx(11)
    assert metrics.frechet_distance([[1.0], [3.0]], [[4.0], [6.0]]) == pytest.approx(9)  # means 2 and 5, spreads equal
    square = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    assert metrics.frechet_distance(square, square) == pytest.approx(0, abs=1e-9)
    moved = np.add(square, [3.0, 4.0])
    assert metrics.frechet_distance(square, moved) == pytest.approx(25)  # 3² + 4², the spreads being equal


def test_sets_of_vectors_of_other_lengths_have_no_distance() -> None:
    with pytest.raises(InputError, match="one dim and at least two"):
        metrics.frechet_distance([[1.0], [2.0]], [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(InputError, match="one dim and at least two"):
        metrics.frechet_distance([[1.0], [2.0]], [[1.0]])


def test_bleu_by_hand() -> None:
    """Of "a b c e" against "a b c d": 3 of 4 words, 2 of 3 pairs; of one length, so nothing is taken off."""
    made, real = ["a", "b", "c", "e"], ["a", "b", "c", "d"]
    assert metrics.bleu([made], [[real]], order=2) == pytest.approx((3 / 4 * 2 / 3) ** 0.5)
    assert metrics.bleu([made], [[real]]) == 0  # no four words in a row are right
    assert metrics.bleu([real], [[real]]) == pytest.approx(1)
    # "a a a" against "a b": the second and third a are not in the reference. Against two references the fuller one counts.
    assert metrics.bleu([["a", "a", "a"]], [[["a", "b"]]], order=1) == pytest.approx(1 / 3)
    assert metrics.bleu([["a", "a", "a"]], [[["a", "b"], ["a", "a", "c"]]], order=1) == pytest.approx(2 / 3)
    # Two words of four: exp(1 − 4/2). Over a set of texts the counts are added before anything is divided.
    assert metrics.bleu([["a", "b"]], [[["a", "b", "c", "d"]]], order=1) == pytest.approx(np.exp(-1))
    assert metrics.bleu([["a", "b"], ["x", "y"]], [[["a", "b"]], [["p", "q"]]], order=1) == pytest.approx(2 / 4)
    # Of references of 1 and 3 words for a candidate of 2 the shorter one: nothing is taken off.
    assert metrics.bleu([["a", "b"]], [[["a"], ["a", "b", "c"]]], order=1) == pytest.approx(1)


def test_bleu_is_nltk_s() -> None:
    nltk = pytest.importorskip("nltk.translate.bleu_score", reason="nltk comes with hannun[adapters]")
    rng = np.random.default_rng(0)
    for _ in range(5):
        texts = [[[str(w) for w in rng.integers(0, 4, rng.integers(4, 12))] for _ in range(4)] for _ in range(30)]
        made, real = [t[0] for t in texts], [t[1:] for t in texts]
        assert metrics.bleu(made, real) == pytest.approx(nltk.corpus_bleu(real, made), abs=1e-12)


def test_cider_d_by_hand() -> None:
    """Two pictures. ln 2 weighs what one of them has, 0 what both have; each length of n-grams is a quarter of the figure."""
    references = [[["a", "b"]], [["c", "d"]]]
    # The same words: cosine 1 for single words and for the pair; there are no longer n-grams: 10 · (1 + 1 + 0 + 0) / 4.
    assert metrics.cider_d([["a", "b"], ["c", "d"]], references).tolist() == pytest.approx([5, 5])
    # One of two words: cosine 1/√1/√2 … mine (a, x) and theirs (a, b) have length √2 each and share a: 1/2; no pair is shared.
    assert metrics.cider_d([["a", "x"], ["d"]], references)[0] == pytest.approx(10 * (1 / 2) / 4)
    # "d" against "c d": 1 / √2, a word too few: exp(−1 / (2 · 36)).
    assert metrics.cider_d([["a", "x"], ["d"]], references)[1] == pytest.approx(10 * 2**-0.5 * np.exp(-1 / 72) / 4)
    # A word said three times counts once in the product, three times in the length: (1 · 1) / (3 · √2), with a word too many.
    assert metrics.cider_d([["a", "a", "a"], ["d"]], references)[0] == pytest.approx(10 / (3 * 2**0.5) * np.exp(-1 / 72) / 4)
    # Of two references the mean: 5 and 0. What every picture has says nothing, and neither do pictures without others.
    assert metrics.cider_d([["a", "b"], ["c"]], [[["a", "b"], ["x", "y"]], [["c", "d"]]])[0] == pytest.approx(2.5)
    assert metrics.cider_d([["a"], ["a"]], [[["a"]], [["a"]]]).tolist() == [0, 0]
    assert metrics.cider_d([["a", "b"]], [[["a", "b"]]]).tolist() == [0]


def test_texts_are_given_as_words_with_a_reference_each() -> None:
    for figure in (metrics.bleu, metrics.cider_d):
        with pytest.raises(InputError, match="2 candidates and 1 sets of references"):
            figure([["a"], ["b"]], [[["a"]]])
        with pytest.raises(InputError, match="one or more references each"):
            figure([["a"]], [[]])
        with pytest.raises(InputError, match="the list of its words is expected"):
            figure(["a b"], [[["a"]]])
