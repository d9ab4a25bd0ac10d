"""BERTScore, CLIPScore and the FID-style distance with an encoder in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hannun import metrics
from hannun.embeddings import Embeddings
from hannun.errors import InputError
from hannun.evaluate.likeness import bert_score, clip_score, frechet_distance
from hannun.item import Content
from tests.conftest import draw
from tests.toy import Toy


def test_words_match_one_by_one_where_there_are_no_token_vectors() -> None:
    toy = Toy()
    same, other = bert_score(toy, ["빨간 원피스", "빨간 원피스"], ["원피스 빨간", "파란 바다 위"])
    assert same.tolist() == pytest.approx([1, 1, 1], abs=1e-6)  # order does not matter
    words = toy.encode_document(["빨간", "원피스"]).dense, toy.encode_document(["파란", "바다", "위"]).dense
    cosines = words[0].astype(float) @ words[1].T
    assert other[:2].tolist() == pytest.approx([cosines.max(1).mean(), cosines.max(0).mean()], abs=1e-6)


def test_rare_words_weigh_more() -> None:
    references = ["그 빨간 옷", "그 파란 옷", "그 노란 옷"]
    plain = bert_score(Toy(), ["그 옷 검정"] * 3, references)[0]
    weighted = bert_score(Toy(), ["그 옷 검정"] * 3, references, idf=True)[0]
    assert weighted[1] < plain[1]  # "그" and "옷" are in every reference: ln(4/4) = 0, only the colour counts


def test_token_vectors_are_used_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Toy()
    rows = {"a": np.eye(3, dtype=np.float32)[:2], "b": np.eye(3, dtype=np.float32)[[0, 2, 2]]}

    def tokens(contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return Embeddings(np.ones((len(contents), 64), np.float32) / 8, tuple(rows[str(c)] for c in contents))

    monkeypatch.setattr(toy, "encode_document", tokens)
    assert bert_score(toy, ["a"], ["b"])[0].tolist() == pytest.approx([1 / 2, 1 / 3, 2 / 5])
    with pytest.raises(InputError, match="idf"):
        bert_score(toy, ["a"], ["b"], idf=True)


def test_pictures_with_texts_and_sets_of_pictures() -> None:
    toy: Any = Toy()
    shown = [draw(seed=n) for n in range(6)]
    scores = clip_score(toy, shown, ["가", "나", "다", "라", "마", "바"])
    assert scores.shape == (6,) and (scores >= 0).all()
    assert frechet_distance(toy, shown, shown) == pytest.approx(0, abs=1e-6)
    others = [draw((n * 9, 10, 10)) for n in range(6)]
    assert (
        frechet_distance(toy, shown, others)
        == metrics.frechet_distance(toy.encode_document(shown).dense, toy.encode_document(others).dense)
        > 0
    )
    with pytest.raises(InputError, match="one each"):
        bert_score(toy, ["a"], [])
