"""Every suite: that it is found by name, says what is missing, is never empty, and measures what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hannun.datasets.wearables import ActivityWindows
from hannun.embeddings import Embeddings
from hannun.errors import InputError, MissingError
from hannun.evaluate import run, suites
from hannun.evaluate.figure import Figure, hits, labels, value
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import drawn, fashion, imagenet_kr, logs, sensors, texts
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.item import item
from hannun.mini.classes import classes
from tests.toy import Toy


def test_an_unknown_suite_lists_its_neighbours() -> None:
    with pytest.raises(MissingError, match="'flickr8k'"):
        suites.suite("flickr")
    with pytest.raises(MissingError, match=r"known: .*catalogue"):
        suites.suite("zzzz")


@pytest.mark.parametrize("name", [n for n, s in suites.suites().items() if s.needs or n in ("imagenet_kr",)])
def test_missing_data_says_where_to_get_it(harness: Harness, name: str) -> None:
    with pytest.raises(MissingError) as told:
        suites.suite(name).run(harness)
    said = str(told.value)
    assert str(harness.data) in said and ("get it from" in said or "where to get" in said) and "--data" in said


def test_an_empty_suite_is_an_error_and_not_a_zero(harness: Harness) -> None:
    empty = Suite("empty", "nothing", lambda _: Measured([]))
    with pytest.raises(InputError, match="empty suite"):
        empty.run(harness)
    with pytest.raises(InputError, match="not the figure 0"):
        Figure("nothing", np.zeros(0))
    (harness.data / "texts").mkdir()
    (harness.data / "texts" / "klue_sts_dev.jsonl").write_text("")
    with pytest.raises(InputError, match=r"expected .*least|nothing to measure"):
        suites.suite("klue_sts").run(harness)


def test_what_is_skipped_is_told_as_long_as_something_remains(harness: Harness) -> None:
    fine = Suite("fine", "one", lambda _: Measured([value("x", 1.0)]))
    report = run.evaluate(harness, [suites.suite("korquad"), fine])
    assert [r.suite for r in report.results] == ["fine"] and "korquad.github.io" in report.skipped["korquad"]
    with pytest.raises(MissingError, match="korquad"):
        run.evaluate(harness, [suites.suite("korquad")])
    with pytest.raises(InputError, match="no suite"):
        run.evaluate(harness, [])


def test_an_encoder_of_texts_skips_pictures(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "_sees", False)
    with pytest.raises(InputError, match="reads text only"):
        suites.suite("catalogue").run(harness)


def test_a_figure_checks_its_outcomes() -> None:
    with pytest.raises(InputError, match="NaN"):
        Figure("x", np.array([np.nan]))
    with pytest.raises(InputError, match="shape"):
        Figure("x", np.zeros((3, 2)))
    with pytest.raises(InputError, match="groups"):
        Figure("x", np.zeros(3), groups=np.zeros(2, np.int64))
    assert [f.value for f in hits("x", np.array([1, 3, 20]), (1, 5))] == pytest.approx([1 / 3, 2 / 3])
    accuracy, f1 = labels("x", [0, 0, 1], [0, 1, 1])
    assert accuracy.value == pytest.approx(2 / 3) and f1.value == pytest.approx(2 / 3)  # F1 of both: 2·1/(2+1), 2·1/(1+2)
    assert value("x", 3.0).interval() is None and accuracy.interval() is not None


def test_the_catalogue_needs_no_data(harness: Harness, small: None) -> None:
    measured = suites.suite("catalogue").run(harness)
    names = [f.name for f in measured.figures]
    assert "catalogue ko title→picture R@1" in names and any(n.startswith("composed") for n in names)
    assert all(0 <= f.value <= 1 for f in measured.figures)


def test_composed_queries_change_the_colour_alone() -> None:
    entries, pairs = drawn.composed_entries()
    assert len(pairs) > 50
    for a, b in pairs:
        one, other = entries[a].facts, entries[b].facts
        assert one["kind"] == other["kind"] and one["pattern"] == other["pattern"] and one["color"] != other["color"]
        assert drawn.catalogue.held_out(drawn.catalogue.Product(str(other["kind"]), str(other["color"]), str(other["pattern"])))
    same = [(e.facts["kind"], e.facts["color"], e.facts["pattern"]) for e in entries]
    assert len(set(same)) == len(same)  # one right answer each
    assert drawn.wish(next(e for e in entries if e.facts["color"] == "빨강")) == "빨간색으로"
    assert drawn.wish(next(e for e in entries if e.facts["color"] == "회색")) == "회색으로"


class Reads:
    """Ranks by a table: the vector of a text is the row of its label."""

    def __init__(self, rows: dict[str, list[float]]) -> None:
        self.rows = rows
        self.name = self.fingerprint = "table"
        self.dims, self.kinds, self.side = (len(next(iter(rows.values()))),), ("text", "image"), 8
        self.calibration = Toy().calibration

    def encode_query(self, contents: list[str], *, instruction: str | None = None) -> Embeddings:
        return Embeddings(np.array([self.rows[str(c if isinstance(c, str) else c.text)] for c in contents], np.float32))  # type: ignore[attr-defined]

    encode_document = encode_query


def test_korquad_counts_what_a_reader_would(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    articles = [{"paragraphs": [{"context": c, "qas": [{"question": q} for q in qs]} for c, qs in (("p1", ["q1", "q2"]), ("p2", ["q3"]))]}]
    (tmp_path / "texts" / "korquad_v1_dev.json").write_text(json.dumps({"data": articles}))
    rows = {"p1": [1.0, 0], "p2": [0, 1.0], "q1": [1.0, 0], "q2": [0, 1.0], "q3": [0, 1.0]}  # q2 finds the wrong one first
    harness = Harness(Reads(rows), tmp_path, tmp_path / "cache")  # type: ignore[arg-type]
    found = {f.name.split()[-1]: f for f in texts.korquad(harness).figures}
    assert found["R@1"].value == pytest.approx(2 / 3) and found["R@10"].value == 1
    assert found["MRR"].value == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert found["nDCG@10"].value == pytest.approx((2 + 1 / np.log2(3)) / 3)
    assert found["R@1"].groups is not None and found["R@1"].groups.tolist() == [0, 0, 1]  # questions of one paragraph go together


def test_klue_sts_is_spearman_of_cosines(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    pairs = [("a", "a", 5.0), ("a", "b", 2.0), ("a", "c", 3.0)]
    lines = [json.dumps({"sentence1": x, "sentence2": y, "labels": {"real-label": g}}) for x, y, g in pairs]
    (tmp_path / "texts" / "klue_sts_dev.jsonl").write_text("\n".join(lines))
    rows = {"a": [1.0, 0], "b": [0.6, 0.8], "c": [0.0, 1.0]}  # cosines 1, 0.6, 0 against 5, 2, 3: ranks 3 2 1 against 3 1 2
    harness = Harness(Reads(rows), tmp_path, tmp_path / "cache")  # type: ignore[arg-type]
    assert texts.klue_sts(harness).figures[0].value == pytest.approx(1 - 6 * 2 / (27 - 3))


def test_products_that_are_classes_of_imagenet_are_called_the_same() -> None:
    by_index = {c.index: c.english for c in classes()}
    near = {
        "Backpacks": "backpack",
        "Tshirts": "T-shirt",
        "Socks": "sock",
        "Sandals": "sandal",
        "Umbrellas": "umbrella",
        "Wallets": "wallet",
    }
    for product, name in near.items():
        assert name in by_index[imagenet_kr.PRODUCTS[product]]
    assert all(t.count("{}") == 1 for ts in imagenet_kr.TEMPLATES.values() for t in ts)


def test_every_category_of_fashion_has_two_names() -> None:
    for kind in ("articleType", "baseColour", "subCategory"):
        assert len(fashion.names(kind)) >= 10 and all(ko and en for ko, en in fashion.names(kind).values())


def test_people_never_stand_on_both_sides_of_a_fold() -> None:
    people = np.random.default_rng(0).integers(0, 17, 400)
    fold = sensors.folds(people)
    assert all(len(set(fold[people == p])) == 1 for p in set(people)) and set(fold) == {0, 1, 2, 3}


def test_statistics_tell_a_fast_swing_from_rest() -> None:
    t = np.arange(128) / 32
    random = np.random.default_rng(1)
    windows, activity, person = [], [], []
    for who in range(8):
        for what, hertz in ((0, 0.0), (1, 2.0)):
            for _ in range(3):
                swing = np.sin(2 * np.pi * hertz * t + random.random())[:, None] * [0.5, 0.2, 0.1]
                windows.append(swing + np.array([0, 0, 1]) + random.normal(0, 0.02, (128, 3)))
                activity.append(what)
                person.append(who)
    channels, people = ("acc_x", "acc_y", "acc_z"), tuple(f"p{n}" for n in range(8))
    signals = ActivityWindows("made", 32.0, channels, np.stack(windows), np.array(activity), np.array(person), ("Walk", "D01"), people)
    found = sensors.recognise(sensors.statistics(signals), signals, 0, "made")
    assert found[0].value == 1 and found[0].groups is not None
    said = sensors.captions(signals)
    assert "초당 2.0번" in said[3] and "거의 움직임이 없고" in said[0]


def test_the_last_item_baseline_follows_chains() -> None:
    # Item 1 follows item 0 in training, item 9 is the most popular one.
    events = [np.array([0, 1, 9]), np.array([0, 1, 9]), np.array([5, 9]), *(np.array([n, 9]) for n in range(2, 5))]
    found = {f.name: f.value for f in logs.chains([np.array([7, 0])], np.array([1]), events, 20, "made", "")}
    assert found["made last item MRR"] == 1 and found["made popularity MRR"] < 1


def test_no_event_after_the_moment_is_seen(harness: Harness) -> None:
    # User 1 buys 0, 1 before the moment and 2 after; user 2's purchase of 2 after it must not teach that 2 follows 1.
    users, items = np.array([1, 1, 2, 2, 3, 3, 4, 4, 4, 1]), np.array([0, 1, 3, 1, 4, 5, 6, 7, 8, 2])
    figures = logs._by_time(harness, users, items, np.arange(10), [f"상품 {n}" for n in range(20)], "made", [str(n) for n in range(20)])
    last = next(f for f in figures if f.name == "made last item MRR")
    assert last.outcomes.shape == (1,) and last.value < 1


def test_a_model_of_users_is_asked_for_what_it_knows(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.load import load
    from hannun.models.sequence.folder import save_users
    from hannun.models.sequence.network import LogNames, UserNetwork, UserShape

    ids = [str(n) for n in range(20)]
    model = UserNetwork(UserShape((16, 8), layers=1), LogNames(tuple(ids)))
    save_users(model, tmp_path / "m")
    mine = Harness(load(tmp_path / "m"), tmp_path, tmp_path / "cache")
    histories, times = [np.array([7, 0]), np.array([3])], [np.array([5, 9]), np.array([5])]
    asked = logs.NextAsked("made", histories, times, np.array([1, 4]), ids)
    found = {f.name: f for f in logs.behaviour(mine, asked, "note")}
    users = mine.encoder.encode_document([{"events": asked.events(u)} for u in range(2)]).dense
    things = mine.encoder.encode_document([item({"id": i, "text": i}) for i in ids]).dense
    scores = users @ things.T
    scores[0, [7, 0]] = scores[1, 3] = -3
    ranks = [int((scores[u] >= scores[u, t]).sum()) for u, t in enumerate((1, 4))]
    assert found["made user vector MRR"].outcomes.tolist() == [1 / r for r in ranks]
    assert found["made user vector HR@10"].note == "note; 20 items known by id"
    assert logs.behaviour(mine, replace(asked, ids=[f"x{n}" for n in range(20)]), "") == [] and "shares 0 ids with the 20" in mine.notes[0]
    assert logs.behaviour(Harness(Toy(), tmp_path, tmp_path / "cache"), asked, "") == []


@pytest.mark.parametrize("name", ["klue_sts", "emoji", "sensors"])
def test_real_data(name: str, data: Path, tmp_path: Path) -> None:
    harness = Harness(Toy(), data, tmp_path)
    measured = suites.suite(name).run(harness)
    assert len(measured.figures) >= 1 and all(np.isfinite(f.value) for f in measured.figures)
    assert any(k.endswith((".jsonl", ".tar", ".npz")) for k in harness.used)
