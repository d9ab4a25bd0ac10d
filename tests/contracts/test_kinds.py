"""The contract of kinds: an encoder that declares a third kind of content goes through everything, and nothing of Hannun names that kind.

The toy gives texts, pictures and signals a vector each. Adding the kind took a part (`hannun.signals`) and this encoder.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import Calibration, Encoder
from hannun.errors import InputError
from hannun.events import Events
from hannun.item import Content, Image, Item, Signal, Text, item, require_content
from tests.conftest import draw, encoded
from tests.serve.conftest import Start, start  # noqa: F401
from tests.toy import DIM, Toy

pytestmark = pytest.mark.filterwarnings("ignore")
KINDS = (Text.kind, Image.kind, Signal.kind)


@final
class Sensing:
    """The toy with signals: the mean of each channel, spread over 64 dimensions by fixed directions."""

    def __init__(self, version: str = "1") -> None:
        self._toy = Toy(version)
        self.name, self.fingerprint, self.dims, self.side = f"sensing{version}", f"sensing-{version}", (DIM, 32), self._toy.side
        self.kinds = KINDS
        self.calibration = Calibration({q: {d: (0.1, 0.2) for d in KINDS} for q in KINDS}, {"text+image": 0.2, "text+signal": 0.1})

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return self.encode_document(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        rows = [self._row(require_content(item(c), KINDS)) for c in contents]
        return Embeddings(np.stack(rows) if rows else np.zeros((0, DIM), np.float32))

    def _row(self, it: Item) -> Floats:
        rows = [sensed(p) for p in it.parts if isinstance(p, Signal)]
        if seen := it.only((Text.kind, Image.kind)).parts:
            rows.append(self._toy.encode_document([Item("-", seen)]).dense[0])
        return unit(np.sum(rows, axis=0))


def sensed(signal: Signal) -> Floats:
    directions = unit(np.random.default_rng(7).normal(size=(8, DIM)))
    return unit(signal.values.mean(axis=0) @ directions[: signal.values.shape[1]] + 0.01 * directions[-1])


WALK = {"values": [[1, 0.2], [1.2, None], [0.8, 0.1]], "rate": 1 / 60, "channels": ["걸음", "심박"], "start": "2025-11-01T09:00"}
SLEEP = {"values": [[0, 1], [0.1, 1.1]], "rate": 1 / 60, "channels": ["걸음", "심박"]}
CLICKS = [{"time": "2025-11-02", "action": "click", "item": 7}, {"time": "2025-11-01", "action": "search", "text": "운동화"}]
ROWS: list[dict[str, Any]] = [
    {"id": "t", "text": "빨간 원피스"},
    {"id": "i", "image": draw(seed=1)},
    {"id": "s", "signal": WALK, "day": 1},
    {"id": "ts", "text": "아침 산책", "signal": WALK, "events": CLICKS},
    {"id": "is", "image": draw(seed=2), "signal": SLEEP},
    {"id": "tis", "text": "밤잠 기록", "image": [draw(seed=3), draw(seed=4)], "signal": SLEEP, "day": 2},
    {"id": "ti", "text": "푸른 셔츠", "image": draw(seed=5), "signal": "강함"},  # a fact of that name
]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with collection.open(tmp_path / "c.hannun", Sensing()) as made:
        report = made.add([{**r, "image": [encoded(p) for p in _list(r["image"])]} if "image" in r else r for r in ROWS])
        assert (report.added, report.problems) == (len(ROWS), [])
        yield made


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def whole(shop: Collection) -> dict[str, tuple[Any, ...]]:
    """Everything of the items that a user gets back."""
    return {it.id: (it.text, [p.read() for p in it.images], it.only((Signal.kind, Events.kind)).parts, dict(it.facts)) for it in shop}


def test_it_is_an_encoder() -> None:
    assert isinstance(Sensing(), Encoder)


def test_parts_come_back_equal(shop: Collection) -> None:
    (signal,) = Signal.of(WALK)
    (events,) = Events.of(CLICKS)
    assert shop.get("ts").parts == (Text("아침 산책"), signal, events) and shop.get("s").facts == {"day": 1}
    assert shop.get("ti").kinds == ("text", "image") and shop.get("ti").facts == {"signal": "강함"}
    assert shop.add([ROWS[3]]).unchanged == 1
    changed = {**ROWS[3], "signal": {**WALK, "rate": 1}}
    assert shop.add([changed]).added == 1 and shop.get("ts").parts[1].rate == 1  # type: ignore[union-attr]


def brute(query: Item, rows: Mapping[str, Mapping[str, Floats]], weights: Mapping[str, float]) -> dict[str, float]:
    """cos(q, normalise(Σ w·v)) by the definition, of the items that have something that counts."""
    q = unit(np.mean([Sensing().encode_query(query.pieces(k)).dense[0] for k in query.kinds], axis=0))
    found = {}
    for id, row in rows.items():
        counting = [k for k in row if weights.get(k, 0) > 0]
        if counting:
            found[id] = float(q @ unit(np.sum([weights[k] * row[k] for k in counting], axis=0)))
    return found


@pytest.mark.parametrize("query", ["산책", {"signal": WALK}, {"text": "밤잠", "signal": SLEEP}])
@pytest.mark.parametrize("weights", [{"text": 0.2, "image": 0.3, "signal": 0.5}, {"signal": 1}, {"text": 0.6, "signal": 0.4}, None])
def test_scores_are_the_exact_average_of_three_kinds(shop: Collection, query: Content, weights: dict[str, float] | None) -> None:
    rows = {i: {k: v for k, v in row.items() if k in KINDS} for i, row in shop.vectors([r["id"] for r in ROWS]).items()}
    del rows["tis"]  # of several pictures the nearest counts, not their mean
    truth = brute(item(query), rows, weights or dict.fromkeys(KINDS, 1 / 3))
    shop._sample = (0, 10**9, None)  # type: ignore[attr-defined]  # the encoder's calibration alone, whose spreads are alike
    hits = {h.id: h for h in shop.search(query, weights=weights, words=0, limit=20, explain=True)}
    assert {i: 1 for i in truth} == {i: 1 for i in hits if i != "tis"}
    for some in itertools.groupby(sorted(truth, key=lambda i: sorted(rows[i])), key=lambda i: sorted(rows[i])):
        ids = list(some[1])  # items of the same kinds have the same gain
        ratios = [hits[i].score / truth[i] for i in ids if abs(truth[i]) > 0.05]
        assert ratios == pytest.approx([ratios[0]] * len(ratios), rel=1e-3) if ratios else True
    if weights == {"signal": 1}:
        assert {i: hits[i].score for i in truth} == pytest.approx(truth, abs=1e-4)  # one kind: no gain at all


def test_a_signal_finds_its_like_and_says_why(shop: Collection) -> None:
    hit = shop.search({"signal": WALK}, limit=1, explain=True)[0]
    assert hit.id == "s" and hit.why is not None and hit.why.parts == {"signal": pytest.approx(1, abs=1e-5)}
    assert hit.relevance is not None and hit.relevance > 0.5
    both = next(h for h in shop.search("아침 산책", words=0, limit=9, explain=True) if h.id == "ts")
    assert both.why is not None and set(both.why.parts) == {"text", "signal"}
    assert shop.why("is", {"signal": WALK}).why.parts.keys() == {"image", "signal"}  # type: ignore[union-attr]
    assert [h.id for h in shop.similar("s", limit=2)][0] == "ts"  # noqa: RUF015
    assert shop.search(None, like=[{"id": "is"}], limit=1)[0].id == "tis"


def test_a_shorter_query_and_an_index_know_three_kinds(shop: Collection) -> None:
    assert [h.id for h in shop.search({"signal": WALK}, dim=32, limit=2)][:1] == ["s"]
    assert len(shop.map().ids) == len(ROWS) and shop.dupes(0.999) == []


def test_weights_that_name_no_declared_kind_are_told(shop: Collection) -> None:
    for bad, why in (
        ({"events": 1}, "'events', expected a number for some of text, image, signal"),
        ((0.5, 0.5), "expected a number for some of text, image, signal"),
        ({"text": -1}, "numbers ≥ 0, not all 0"),
        ({}, "not all 0"),
    ):
        with pytest.raises(InputError, match=why):
            shop.search("산책", weights=bad)  # type: ignore[arg-type]


def test_content_that_the_encoder_does_not_read_is_told(shop: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="content of events came, which this encoder does not read; expected text and/or image"):
        shop.search({"events": CLICKS})
    with collection.open(tmp_path / "two", Toy()) as two:
        report = two.add([{"id": "1", "text": "산책", "signal": WALK}, {"id": "2", "signal": WALK}])
        assert report.added == 1 and [p.id for p in report.problems] == ["2"] and "content of signal" in report.problems[0].reason
        assert two.get("1").kinds == ("text", "signal") and two.search("산책")[0].id == "1"


def test_info_counts_by_kind(shop: Collection) -> None:
    info = shop.info()
    assert [info[k] for k in ("with_text", "with_picture", "with_signal", "with_events")] == [4, 4, 4, 1]
    assert info["kinds"] == list(KINDS) and info["part_vectors"]


def test_copies_backups_and_new_vectors_have_every_part(shop: Collection, tmp_path: Path) -> None:
    before, ranked = whole(shop), [h.id for h in shop.search({"signal": SLEEP}, limit=9)]
    assert shop.copy(tmp_path / "copy").added == len(ROWS)
    shop.backup(tmp_path / "back.tar")
    collection.restore(tmp_path / "back.tar", tmp_path / "back")
    for place in ("copy", "back"):
        with collection.open(tmp_path / place, Sensing()) as other:
            assert whole(other) == before and [h.id for h in other.search({"signal": SLEEP}, limit=9)] == ranked
    assert shop.reindex(Sensing("2")).added == len(ROWS) and whole(shop) == before


@pytest.fixture
def far(shop: Collection, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:  # noqa: F811
    shop.close()
    monkeypatch.setattr("hannun.serve.http.service.load", lambda name: Sensing())
    monkeypatch.setattr("hannun.collection.local.load", lambda name="mini": Sensing())
    with collection.open(start(tmp_path / "c.hannun").url) as remote:
        yield remote


def test_a_service_and_the_collection_behind_it(far: Collection) -> None:
    (signal,) = Signal.of(WALK)
    assert far.get("ts").kinds == ("text", "signal", "events") and far.get("ts").parts[1] == signal
    report = far.add([{"id": "new", "signal": {**WALK, "values": [[5, 5], [5, 5]]}, "events": CLICKS, "day": 3}])
    assert (report.added, report.problems) == (1, [])
    assert far.get("new").parts[1:] == Events.of(CLICKS) and far.get("new").facts == {"day": 3}
    assert far.search({"signal": WALK}, limit=1, explain=True)[0].why.parts == {"signal": pytest.approx(1, abs=1e-3)}  # type: ignore[union-attr]
    assert far.search(item({"signal": WALK}), weights={"signal": 1}, limit=1)[0].id == "s"
    assert far.search(None, like=[{"signal": SLEEP}], limit=1)[0].id in ("is", "tis")
    assert far.info()["with_signal"] == 5 and far.settings.kinds == KINDS
    assert far.search(draw(seed=1), weights={"image": 1}, limit=1)[0].id == "i"
    with pytest.raises(InputError, match="'events', expected a number for some of text, image, signal"):
        far.search("산책", weights={"events": 1})
    bad = far.add([{"id": "x", "text": "산책"}, {"id": "y", "signal": {"values": [1]}}])
    assert bad.added == 1 and "without 'rate'" in bad.problems[0].reason
