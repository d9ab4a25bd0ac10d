"""Two kinds of items about their own centres, a query between them: what is usual for each kind comes to one score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hannun import collection
from hannun.embeddings import Floats, unit
from hannun.search.background import FEWEST, TAIL, Background
from tests.conftest import draw
from tests.toy import Toy

HALVES = {"text": 0.5, "image": 0.5}


def crowd(n: int, centre: int, seed: int) -> Floats:
    return unit(2 * np.eye(8)[centre] + np.random.default_rng(seed).normal(size=(n, 8)))


def test_the_usual_of_every_kind_comes_to_one_score() -> None:
    texts, pictures = crowd(200, 0, 1), crowd(200, 1, 2)
    both = crowd(100, 2, 3), crowd(100, 3, 4)
    query = unit([3, 1, 2, 1, 0, 0, 0, 0])
    g = Background({"text": texts, "image": pictures}, both).gains(query, HALVES)
    assert g is not None and max(g.values()) == 1
    edges = {
        kind: float((rows @ query).mean() + TAIL * (rows @ query).std())
        for kind, rows in {"text": texts, "image": pictures, "text+image": unit(both[0] + both[1])}.items()
    }
    assert [g[k] * edges[k] for k in edges] == pytest.approx([min(edges.values())] * 3, rel=1e-5)


def test_one_kind_needs_no_gain_and_too_few_give_none() -> None:
    texts, pictures = crowd(200, 0, 1), crowd(FEWEST - 1, 1, 2)
    query = unit(np.ones(8))
    assert Background({"text": texts}, None).gains(query, HALVES) is None
    assert Background({"text": texts, "image": pictures}, None).gains(query, HALVES) is None
    assert Background({"text": texts, "image": crowd(200, 1, 2)}, None).gains(query, {"text": 1.0, "image": 0.0}) is None
    assert Background({}, (texts, texts)).gains(query, HALVES) is None


def test_a_shorter_query_is_judged_by_prefixes() -> None:
    texts, pictures = crowd(100, 0, 1), crowd(100, 1, 2)
    query = unit(np.ones(4))
    whole = Background({"text": texts, "image": pictures}, None).gains(query, HALVES)
    cut = Background({"text": unit(texts[:, :4]), "image": unit(pictures[:, :4])}, None).gains(query, HALVES)
    assert whole is not None and whole == pytest.approx(cut, abs=1e-5)


def test_a_sample_knows_how_long_texts_are(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy(), words=False) as shop:
        shop.add([{"id": "1", "text": "네 글자"}, {"id": "2", "text": "여섯 글자요"}, {"id": "3", "image": draw()}])
        usual = shop._usual()
        assert usual is not None and usual.letters == 5


def test_a_mixed_collection_ranks_its_kinds_fairly(tmp_path: Path) -> None:
    """The toy's texts are nearer to any text than its pictures are; by the sample, both kinds are seen."""
    words = ["빨간", "파란", "노란", "하얀", "검은"]
    with collection.open(tmp_path / "c", Toy(), words=False) as shop:
        shop.add(
            [{"id": f"t{n}", "text": f"{words[n % 5]} 원피스 {n}"} for n in range(60)]
            + [{"id": f"p{n}", "image": draw(seed=n, size=(12, 12))} for n in range(60)]
        )
        kinds = [bool(h.item.images) for h in shop.search("빨간 원피스", limit=40)]
        shop._sample = (0, 10**9, None)  # as without a sample: the encoder's own calibration
        before = [bool(h.item.images) for h in shop.search("빨간 원피스", limit=40)]
        assert sum(kinds) > sum(before) and not all(kinds)
        assert shop.search(draw(seed=3, size=(12, 12)), limit=1)[0].id == "p3"
