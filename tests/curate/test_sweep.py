"""The threshold is the one whose pairs teach the most."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in hannun[train]")

from hannun import shards
from hannun.curate import sweep
from hannun.embeddings import unit
from hannun.errors import InputError, MissingError
from tests.conftest import encoded
from tests.curate import world
from tests.toy import Toy

NAMES = ("원피스", "운동화", "자전거", "고양이")


def pretended(seed: int = 0) -> tuple[sweep.Scored, sweep.Labelled]:
    """Four classes of vectors; three fifths of the pairs say the next class, and their similarity tells which."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, 16))
    kind = rng.integers(0, 4, 400)
    said = np.where(np.arange(400) < 160, kind, (kind + 1) % 4)
    similarity = np.where(said == kind, 0.3, 0.05) + rng.normal(size=400) * 0.01
    vectors = unit(centres[kind] + 0.4 * rng.normal(size=(400, 16)))
    texts = tuple(f"{('빨간', '파란', '예쁜')[n % 3]} {NAMES[k]}" for n, k in enumerate(said))
    asked = rng.integers(0, 4, 120)
    target = sweep.Labelled(unit(centres[asked] + 0.4 * rng.normal(size=(120, 16))), asked, NAMES, np.arange(120) % 2 == 0)
    return sweep.Scored(vectors, np.arange(400), texts, similarity.astype(np.float32)), target


def test_the_threshold_parts_right_from_swapped() -> None:
    pairs, labelled = pretended()
    small = sweep.SmallModel(width=32, steps=60, batch=64)
    swept = sweep.sweep("title", pairs, labelled, (-1.0, 0.15, 0.9), small, seeds=(0, 1))
    every, right = swept.points  # at 0.9 nothing is left, so there is no point
    assert swept.threshold == 0.15 and right.accuracy > every.accuracy and right.pairs < every.pairs == 400
    assert swept.test_low <= swept.test <= swept.test_high and swept.test > 0.8
    assert sweep.sweep("query", pairs, labelled, (0.9,), small).threshold is None
    assert sweep.plot(swept).startswith("<svg")


def test_the_same_seed_gives_the_same_model() -> None:
    pairs, labelled = pretended()
    small = sweep.SmallModel(width=16, steps=20)
    one, other = (sweep.train(pairs.vectors, pairs.rows, pairs.texts, small, 3)(labelled.vectors, NAMES) for _ in range(2))
    assert np.array_equal(one, other)


def test_grams_are_hashed_pieces() -> None:
    a, b = sweep.grams(["원피스", "원피스 "])
    assert np.array_equal(sweep.grams(["원피스"])[0], a) and set(a[a > 0]) & set(b[b > 0]) and sweep.grams([""]).sum() == 0


def test_shards_and_labels_are_read_and_plots_written(tmp_path: Path) -> None:
    encoder = Toy()
    records = []
    for n in range(4):
        data = {"title": NAMES[n], "title_kelip_score": 0.1 * n, "query": ["a", "b"], "query_kelip_score": [0.2, 0.3]}
        records.append((f"{n}", encoded(world.scene(n), "JPEG"), data))
    (tmp_path / "pairs").mkdir()
    shards.write(tmp_path / "pairs" / "train-000.tar", records)
    pairs = sweep.read_pairs([tmp_path / "pairs"], encoder)
    assert pairs["title"].texts == NAMES and len(pairs["query"].texts) == 8 and list(pairs["query"].rows) == [0, 0, 1, 1, 2, 2, 3, 3]
    rows = []
    for n in range(6):
        (tmp_path / f"{n}.jpg").write_bytes(encoded(world.scene(n), "JPEG"))
        rows.append({"id": str(n), "image": f"{n}.jpg", "label": NAMES[n % 3]})
    (tmp_path / "eval.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    labelled = sweep.read_labelled(tmp_path / "eval.jsonl", encoder)
    assert labelled.names == tuple(sorted(NAMES[:3])) and len(labelled.classes) == 6
    swept = [
        sweep.SweepResult(k, (sweep.SweepPoint(0.0, 40, 0.5, 0.4, 0.6), sweep.SweepPoint(0.2, 30, 0.7, 0.6, 0.8)), 0.2, 0.6, 0.5, 0.7)
        for k in ("title", "query")
    ]
    page = sweep.write(tmp_path / "sweep", swept, encoder, sweep.SmallModel()).read_text("utf-8")
    assert page.count("<svg") == 2 and json.loads((tmp_path / "sweep" / "sweep.json").read_text("utf-8"))["swept"][0]["threshold"] == 0.2
    with pytest.raises(MissingError):
        sweep.read_pairs([tmp_path / "none"], encoder)
    shards.write(tmp_path / "bare.tar", [("x", encoded(world.scene(0), "JPEG"), {"title": "옷"})])
    with pytest.raises(InputError, match="no scored pairs"):
        sweep.read_pairs([tmp_path / "bare.tar"], encoder)
    (tmp_path / "few.jsonl").write_text(json.dumps(rows[0]) + "\n", "utf-8")
    with pytest.raises(InputError, match="with a 'label'"):
        sweep.read_labelled(tmp_path / "few.jsonl", encoder)
