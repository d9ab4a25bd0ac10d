"""The contract of every engine: what is stored comes back, after closing and opening, whole, and with one owner."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from hannun.errors import CollectionBusy, InputError
from hannun.index.edge import Edge
from hannun.index.engine import Engine, Layout, Point, Words
from hannun.search.where import parse_where
from tests.contracts.engines.points import DIM, ENGINES, Opener, crowd, ids, plan, point, vector, words
from tests.contracts.engines.test_prefixes_and_tokens import TOKEN_DIM, tokens


def test_a_new_engine_is_empty(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.count() == 0 and ids(engine) == [] and engine.get(["x"]) == {}
    assert engine.query(plan(vector(1))) == []
    engine.delete(["x"])
    engine.upsert([])
    engine.optimise()
    engine.flush()


def test_what_is_stored_comes_back_as_it_was(engine: Engine) -> None:
    facts = {
        "s": "빨강 👗",
        "n": 5,
        "f": 0.25,
        "yes": True,
        "no": False,
        "l": ["a", 1, True],
        "d": {"k": [1.5]},
        "big": 2**63 - 1,
        "색 이름": "x",
    }
    engine.upsert([point("가/방 #1", vector(1, 2), vector(2, 1), **facts)])
    payload = engine.get(["가/방 #1", "none"])["가/방 #1"]
    assert payload["facts"] == facts and payload["id"] == "가/방 #1"
    assert {k: type(v) for k, v in payload["facts"].items()} == {k: type(v) for k, v in facts.items()}
    assert set(payload) == {"id", "facts"}
    assert payload == engine.query(plan(vector(1)))[0].payload
    stored = engine.vectors(["가/방 #1", "none"])
    assert list(stored) == ["가/방 #1"]
    assert stored["가/방 #1"]["text"] == pytest.approx(vector(1, 2), abs=1e-6)
    assert stored["가/방 #1"]["image"] == pytest.approx(vector(2, 1), abs=1e-6)


def test_only_the_named_fields(engine: Engine) -> None:
    engine.upsert([Point("1", {"text": vector(1)}, {"facts": {"price": 5}, "text": "x"})])
    assert engine.get(["1"], []) == {"1": {"id": "1"}}
    assert engine.get(["1"], ["facts"]) == {"1": {"id": "1", "facts": {"price": 5}}}
    assert list(engine.scan(["id", "text"])) == [{"id": "1", "text": "x"}]


def test_payload_and_vectors_are_read_together(engine: Engine) -> None:
    engine.upsert([point("1", vector(1, 2), vector(0, 1), n=1), point("2", None, vector(0, 0, 1)), words("3", n=3)])
    shown = engine.shown(["1", "none", "2", "1"], ["image"])
    assert {i: payload for i, (payload, _) in shown.items()} == engine.get(["1", "2"])
    stored = engine.vectors(["1", "2"])
    assert all(list(vectors) == ["image"] and (vectors["image"] == stored[i]["image"]).all() for i, (_, vectors) in shown.items())
    assert engine.shown(["2"], ["text"]) == {"2": (engine.get(["2"])["2"], {})}


def test_an_id_replaces_the_whole_point(engine: Engine) -> None:
    engine.upsert([point("1", vector(1), vector(0, 1), old=1, both=1)])
    engine.upsert([point("1", None, vector(0, 0, 1), both=2)])
    assert engine.count() == 1
    assert engine.get(["1"])["1"]["facts"] == {"both": 2}
    assert list(engine.vectors(["1"])["1"]) == ["image"]
    assert ids(engine, "old = 1") == [] and ids(engine, "both = 2") == ["1"]


def test_of_one_id_twice_in_a_batch_the_last_stands(engine: Engine) -> None:
    engine.upsert([words("1", n=1), words("1", n=2)])
    assert engine.count() == 1 and engine.get(["1"])["1"]["facts"] == {"n": 2}


def test_delete(engine: Engine) -> None:
    engine.upsert([words(str(n), n=n) for n in range(5)])
    engine.delete(["1", "3", "none", "1"])
    assert ids(engine) == ["0", "2", "4"] and engine.count() == 3
    assert len(engine.query(plan(vector(1), limit=10))) == 3
    engine.upsert([words("1")])
    assert ids(engine) == ["0", "1", "2", "4"]


def test_a_scan_passes_every_point_once(engine: Engine) -> None:
    many = 4_500  # more than two pages
    for start in range(0, many, 1500):
        engine.upsert([words(str(n), n=n) for n in range(start, start + 1500)])
    found = [p["id"] for p in engine.scan(["id"])]
    assert len(found) == len(set(found)) == many == engine.count()
    assert engine.count(parse_where("n >= 4000")) == 500


def test_what_was_written_is_there_after_closing_and_opening(opener: Opener) -> None:
    engine = opener(("text", "image"))
    engine.upsert([point("1", vector(1), vector(0, 1), a="x", yes=True), words("2")])
    engine.delete(["2"])
    before = engine.query(plan(vector(1, 1)))
    engine.close()
    again = opener(("text", "image"))
    assert ids(again) == ["1"] and again.get(["1"])["1"]["facts"] == {"a": "x", "yes": True}
    after = again.query(plan(vector(1, 1)))
    assert [m.payload for m in after] == [m.payload for m in before]
    assert [m.score for m in after] == pytest.approx([m.score for m in before], abs=1e-6)
    again.upsert([words("3")])
    assert ids(again) == ["1", "3"]


def test_files_have_one_owner(opener: Opener) -> None:
    first = opener(("text", "image"))
    first.upsert([words("1")])
    with pytest.raises(CollectionBusy):
        opener(("text", "image"))
    first.close()
    assert ids(opener(("text", "image"))) == ["1"]


@pytest.mark.parametrize(
    "bad",
    [
        Point("x", {}, {}),
        Point("x", {"text": np.array([math.nan] * DIM, np.float32)}, {}),
        Point("x", {"text": np.array([math.inf] + [0] * (DIM - 1), np.float32)}, {}),
        Point("x", {"text": np.ones(DIM + 1, np.float32)}, {}),
    ],
)
def test_vectors_that_would_spoil_the_index_are_refused(engine: Engine, bad: Point) -> None:
    with pytest.raises(InputError):
        engine.upsert([words("1"), bad])
    assert engine.count() == 0  # the batch is written whole or not at all


def test_large_payloads(engine: Engine) -> None:
    text = "가" * 1_000_000
    engine.upsert([Point(str(n), {"text": vector(1)}, {"text": text}) for n in range(3)])
    assert engine.get(["2"])["2"]["text"] == text


def test_an_update_keeps_the_vectors(engine: Engine) -> None:
    old = point("1", vector(1, 2), vector(2, 1), a=1)
    engine.upsert([old, point("2", None, vector(1))])
    before = engine.query(plan(vector(1)))
    engine.update([Point("1", {}, {"facts": {"b": 2}}, words=("새",)), Point("none", {}, {"facts": {"b": 2}})])
    assert engine.count() == 2 and engine.get(["1"])["1"] == {"id": "1", "facts": {"b": 2}}
    assert [(m.payload["id"], m.score) for m in engine.query(plan(vector(1)))] == [
        (m.payload["id"], pytest.approx(m.score)) for m in before
    ]
    assert ids(engine, "b = 2") == ["1"] and ids(engine, "a = 1") == []
    assert [m.payload["id"] for m in engine.query(Words(("새",)))] == ["1"]


def test_delete_where(engine: Engine) -> None:
    engine.upsert(crowd(50, seed=7))
    assert engine.delete_where(parse_where("n < 20")) == 20
    assert engine.delete_where(parse_where("n < 20")) == 0
    assert engine.count() == 30 and ids(engine, "n < 21") == ["20"]


def test_whole_points_come_back(opener: Opener) -> None:
    engine = opener(("text", "image"), tokens=TOKEN_DIM, prefix=4)
    points = [
        Point(
            "1", {"text": vector(1, 2), "image": vector(3)}, {"facts": {"a": 1}, "text": "x"}, ("빨갛다", "빨갛다"), ("ㅃㄱ",), tokens(1, 3)
        ),
        Point("2", {"image": vector(2)}, {}),
    ]
    engine.upsert(points)
    for found in (list(engine.points()), list(engine.points(["2", "1", "none"]))):
        for p, q in zip(sorted(found, key=lambda p: p.id), points, strict=True):
            assert (p.id, p.words, p.initials) == (q.id, q.words, q.initials) and p.payload == {**q.payload, "id": q.id}
            assert p.vectors.keys() == q.vectors.keys() and all(p.vectors[n] == pytest.approx(v, abs=1e-6) for n, v in q.vectors.items())
            assert (p.tokens is None) == (q.tokens is None) and (p.tokens is None or p.tokens == pytest.approx(q.tokens))


def test_a_backup_opens_as_a_store(engine: Engine, tmp_path: Path) -> None:
    engine.upsert(crowd(30, seed=3))
    engine.backup(tmp_path / "backup")
    with pytest.raises(InputError, match="already"):
        engine.backup(tmp_path / "backup")
    engine.delete(["1"])
    copy = Edge(tmp_path / "backup")
    assert copy.layout == engine.layout and copy.count() == 30 and engine.count() == 29
    copy.close()


@pytest.mark.parametrize(
    "layout",
    [
        Layout((), (8,)),
        Layout(("text",), ()),
        Layout(("text",), (4, 8)),
        Layout(("text",), (8, 4), prefix=5),
        Layout(("text",), (8, 4), prefix=8),
    ],
)
@pytest.mark.parametrize("name", ENGINES)
def test_layouts_that_contradict_themselves_are_refused(tmp_path: Path, name: str, layout: Layout) -> None:
    with pytest.raises(InputError):
        ENGINES[name](tmp_path, layout)


def test_a_store_has_one_layout(opener: Opener) -> None:
    opener().close()
    with pytest.raises(InputError, match="was made as"):
        opener(prefix=4)
    opener()
