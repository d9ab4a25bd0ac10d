"""Geometry and the Matryoshka curve on spaces whose figures can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Embeddings, unit
from hannun.errors import DependencyError, InputError
from hannun.evaluate import geometry, matryoshka, suites
from hannun.evaluate.harness import Harness
from tests.toy import Toy


def test_effective_rank_counts_directions() -> None:
    assert geometry.effective_rank(np.eye(5, dtype=np.float32)) == pytest.approx(5)
    assert geometry.effective_rank(np.ones((7, 3), np.float32)) == pytest.approx(1)
    # Singular values 3 and 1: shares 3/4, 1/4 → e^(3/4 ln 4/3 + 1/4 ln 4).
    assert geometry.effective_rank(np.diag([3.0, 1.0]).astype(np.float32)) == pytest.approx((4 / 3) ** 0.75 * 4**0.25)


def test_the_gap_is_the_distance_of_the_means() -> None:
    texts = np.array([[1.0, 0, 0]] * 4, np.float32)
    images = np.array([[0, 1.0, 0]] * 4, np.float32)
    shape = geometry.shape(texts, images)
    assert shape.gap == pytest.approx(np.sqrt(2)) and shape.matched == 0 and shape.unmatched == 0
    assert shape.text_text == shape.image_image == 1 and shape.cone == 1  # each kind is one point: a closed cone
    assert shape.alignment == pytest.approx(2)  # squared distance of unit vectors at a right angle
    assert shape.uniformity == 0  # log e^0
    assert shape.effective_rank == pytest.approx(2)


def test_alignment_and_uniformity_by_hand() -> None:
    x = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert geometry.alignment(x, x[::-1]) == pytest.approx(2)
    # Opposite points have distance² 4 → e^−8; equal ones 0 → 1; the mean of both, logged.
    rows = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    pairs = np.array([0, 0]), np.array([1, 0])
    assert geometry.uniformity(rows, pairs) == pytest.approx(np.log((np.exp(-8) + 1) / 2))


def test_centring_closes_a_gap_that_is_a_shift() -> None:
    random = np.random.default_rng(0)
    meaning = random.normal(size=(300, 16))
    texts, images = (unit(meaning + 0.1 * random.normal(size=meaning.shape) + 4 * np.eye(16)[k]) for k in (0, 1))
    before = geometry.shape(texts, images)
    after = geometry.shape(*geometry.centred(texts, images, (texts.mean(axis=0), images.mean(axis=0))))
    assert before.gap > 0.8 and after.gap < 0.1
    assert after.matched - after.unmatched > before.matched - before.unmatched
    assert after.cone < 0.1 < before.cone


def test_a_space_must_be_matched_and_finite() -> None:
    x = np.eye(3, dtype=np.float32)
    with pytest.raises(InputError, match="matched rows"):
        geometry.shape(x, x[:2])
    with pytest.raises(InputError, match="finite"):
        geometry.shape(x, np.full((3, 3), np.nan, np.float32))


def test_maps_are_the_same_for_the_same_seed_and_what_is_missing_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(rows: Any, seed: int) -> Any:
        raise DependencyError("needs a package that is not here")

    # UMAP compiles for minutes on a busy machine; `benchmarks/evaluate.py` draws it.
    monkeypatch.setattr(geometry, "MAPS", {"PCA": geometry.MAPS["PCA"], "t-SNE": geometry.MAPS["t-SNE"], "UMAP": absent})
    random = np.random.default_rng(0)
    rows = unit(np.concatenate([random.normal(size=(20, 8)) + 3, random.normal(size=(20, 8)) - 3]))
    notes: list[str] = []
    found = geometry.maps(rows, ["a"] * 20 + ["b"] * 20, 0, notes)
    assert len(found) - 1 + len(notes) == 3 and "PCA" in found and "UMAP" not in found and "not here" in notes[-1]
    assert geometry.maps(rows, found["kinds"], 0, []) == found
    for name in set(found) - {"kinds"}:
        points = np.array(found[name])
        assert points.shape == (40, 2) and np.abs(points).max() <= 1
        inner = np.linalg.norm(points[:20] - points[:20].mean(0), axis=1).mean()
        assert np.linalg.norm(points[:20].mean(0) - points[20:].mean(0)) > inner, name  # two heaps stay two heaps
    points, share = geometry.pca(rows)
    assert points.shape == (40, 2) and 1 >= share[0] >= share[1] >= 0


def test_every_dim_in_every_format() -> None:
    # Four axes; the answer of query 3 is only told apart by the third and fourth value.
    documents = Embeddings(unit(np.array([[3, 1, 0, 0], [1, 3, 0, 0], [2, 2, 2, 0], [2, 2, 0, 2]], np.float32)))
    points = matryoshka.curve(documents, documents, np.arange(4), (4, 2))
    by = {(p.dim, p.format): p for p in points}
    assert set(by) == {(d, f) for d in (2, 4) for f in matryoshka.FORMATS}
    assert by[4, "fp32"].quality == 1 and by[4, "int8"].quality == 1
    # At 2 dims the last two are the same point: they tie, and a tie counts against: rank 2 for both, 1/log2(3).
    assert by[2, "fp32"].quality == pytest.approx((2 + 2 / np.log2(3)) / 4)
    assert [by[d, f].bytes for d in (4, 2) for f in matryoshka.FORMATS] == [16, 4, 1, 8, 2, 1]
    assert all(p.milliseconds >= 0 and len(p.outcomes) == 4 for p in points)
    # Signs at 2 dims are ++ everywhere: all tie, every rank is 4.
    assert by[2, "binary"].quality == pytest.approx(1 / np.log2(5))
    with pytest.raises(InputError, match="at least one"):
        matryoshka.curve(documents.take([]), documents, np.arange(0), (4,))


def point(size: int, quality: float) -> matryoshka.CurvePoint:
    return matryoshka.CurvePoint(size, "fp32", quality, np.array([quality]), size, 0.1)


def test_the_knee_is_where_more_bytes_stop_paying() -> None:
    points = [point(2, 0.2), point(4, 0.7), point(8, 0.9), point(16, 0.92), point(32, 0.93), point(8, 0.5)]
    assert [p.bytes for p in matryoshka.front(points)] == [2, 4, 8, 16, 32] and 0.5 not in [p.quality for p in matryoshka.front(points)]
    # Above the line from (1, 0.2) to (5, 0.93): 4 bytes by 0.685 − 0.25, 8 bytes by 0.959 − 0.5 = 0.459, the most.
    assert matryoshka.knee(points).bytes == 8
    assert matryoshka.knee([point(2, 0.2)]).bytes == 2
    assert [matryoshka.least(points, s).bytes for s in (0.5, 0.95, 0.99, 1.0)] == [
        4,
        8,
        32,
        32,
    ]  # 0.465, 0.884, 0.921 and 0.93 are asked for
    assert matryoshka.knee([point(2, 0.5), point(4, 0.4)]).bytes == 2  # larger and worse is not on the front


def test_both_suites_run_on_the_drawn_catalogue(small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "MAPS", {"PCA": geometry.MAPS["PCA"]})
    harness = Harness(Toy(), tmp_path, tmp_path / "cache")
    found = suites.suite("geometry").run(harness)
    names = {f.name for f in found.figures}
    assert {"ko modality gap (distance of means)", "ko modality gap (distance of means), centred", "en effective rank"} <= names
    assert set(found.extra) == {"maps, as it is", "maps, centred"} and found.extra["maps, as it is"] != found.extra["maps, centred"]
    assert "PCA" in found.extra["maps, centred"] and set(found.extra["maps, centred"]["kinds"]) == {
        "Korean text",
        "English text",
        "picture",
    }
    curve = suites.suite("matryoshka").run(harness)
    assert len(curve.figures) == 2 * 3 and sum(r["knee"] for r in curve.extra["curve"]) == 1
