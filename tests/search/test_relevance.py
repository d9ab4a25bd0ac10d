"""Relevance is a half so many deviations above what is unrelated, whatever kind of item and query it is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hannun import collection
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.errors import InputError
from hannun.search.relevance import FITS, relevance
from tests.conftest import draw
from tests.toy import Toy

KNOWN = Calibration({"text": {"text": (0.4, 0.1), "image": (0.1, 0.05)}, "image": {"text": (0.1, 0.1), "image": (0.3, 0.2)}}, 0.0)
HALVES = {"text": 0.5, "image": 0.5}


@pytest.mark.parametrize(
    ("cosines", "shares"),
    [
        ({"text": 0.7}, {"text": 1.0}),  # 0.4 and three times 0.1
        ({"image": 0.25}, {"text": 1.0}),  # 0.1 and three times 0.05
        ({"image": 0.7}, {"image": 1.0}),  # 0.3 and two times 0.2
        # the average of both parts: 0.25 and three times ½·√(0.1² + 0.05²), before it is renormalised
        ({"text": 0.25 + 3 * math.hypot(0.05, 0.025), "image": 0.25 + 3 * math.hypot(0.05, 0.025)}, {"text": 1.0}),
    ],
)
def test_a_half_is_where_what_is_related_begins(cosines: dict[str, float], shares: dict[str, float]) -> None:
    assert relevance(KNOWN, shares, HALVES)(cosines, {}) == pytest.approx(FITS)


def test_one_deviation_more_is_surer() -> None:
    assert relevance(KNOWN, {"text": 1.0}, HALVES)({"text": 0.8}, {}) == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert relevance(KNOWN, {"text": 1.0}, HALVES)({"text": 0.6}, {}) == pytest.approx(1 / (1 + math.exp(1.5)))


def test_what_cannot_be_judged_is_told_as_such() -> None:
    assert relevance(UNCALIBRATED, {"text": 1.0}, HALVES)({"text": 0.9}, {}) is None
    assert relevance(KNOWN, {"joint": 1.0}, {"joint": 1.0})({}, {}) is None
    assert relevance(KNOWN, {"text": 1.0}, {"text": 1.0, "image": 0.0})({"image": 0.9}, {}) is None


def test_an_item_is_as_relevant_however_it_is_ranked(tmp_path: Path) -> None:
    encoder = Toy()
    encoder.calibration = Calibration({q: {"text": (0.1, 0.1), "image": (0.0, 0.1)} for q in ("text", "image")}, 0.0)
    with collection.open(tmp_path / "c", encoder) as shop:
        shop.add({"id": str(n), "text": t} for n, t in enumerate(("red dress", "red shoe", "xyz"), start=1))
        shop.add([{"id": "4", "image": draw()}])
        ways = [{}, {"words": 0}, {"words": 0.7, "fusion": "ranks"}, {"limit": 1}, {"where": "id in (1, 2)"}, {"diversity": 0.5}]
        for id in ("1", "2"):
            found = {h.relevance for w in ways for h in shop.search("red dresses of silk", **w) if h.id == id}  # type: ignore[arg-type]
            assert len(found) == 1 and None not in found
            assert shop.why(id, "red dresses of silk").relevance in found
        # every word of the query, however far the vectors say it is
        assert {h.id: h.relevance for h in shop.search("shoe")}["2"] == 1
        assert [h.id for h in shop.search("red shoe", floor=1)] == ["2"] and shop.search("qqqq", floor=FITS) == []
        assert len(shop.search("qqqq")) == 4
        with pytest.raises(InputError, match="floor=2 came, expected 0"):
            shop.search("a", floor=2)
