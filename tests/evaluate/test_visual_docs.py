"""Drawn pages: deterministic, in pairs of twins, legible, with one right page for a query wherever the facts allow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from hannun.embeddings import Embeddings
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.visual_docs import draw, records, suite
from tests.toy import Toy

ALL = records.records(4)


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    assert records.records(4) == ALL and records.records(4, seed=1) != ALL
    assert len(ALL) == 2 * 8 * 4 and len({r.id for r in ALL}) == len(ALL)
    assert {r.kind for r in ALL} == set(records.KINDS) == set(draw.DRAWERS)


def test_twins_share_topic_and_kind_but_no_owner() -> None:
    for one, other in zip(ALL[::2], ALL[1::2], strict=True):
        assert (one.lang, one.kind, one.topic) == (other.lang, other.kind, other.topic) and one.owner != other.owner


@pytest.mark.parametrize("record", ALL[::4], ids=lambda r: r.id)
def test_every_kind_of_page_is_drawn_and_the_same_twice(record: records.DocumentRecord) -> None:
    first = draw.page(record)
    assert draw.page(record) == first
    page = PIL.Image.open(io.BytesIO(first)).convert("L")
    assert min(page.size) >= 400 and np.asarray(page).std() > 10  # something is written on it
    assert draw.page(records.again(record, 1)) != first


def test_the_facts_reach_the_page() -> None:
    """The same look with another value differs only where that value stands."""
    record = next(r for r in ALL if r.kind == "table")
    other = records.DocumentRecord(**{**vars(record), "entries": (("강남점", "999 만 원"), *record.entries[1:])})
    a, b = (np.asarray(draw.table(r), np.int16) for r in (record, other))
    changed = np.argwhere(np.abs(a - b).sum(axis=2) > 60)
    assert len(changed) and np.ptp(changed[:, 0]) < 60  # one row of the table


def test_queries_are_of_five_kinds_in_the_page_s_language() -> None:
    for record in ALL:
        said = records.queries(record)
        assert tuple(said) == records.QUERIES and len(set(said.values())) == 5
        label, amount = record.entries[record.asked]
        assert label in said["keywords"] and amount in said["fact"] and amount not in said["question"]
        assert any("가" <= c <= "힣" for c in said["fact"]) == (record.lang == "ko")
        assert len(said["description"]) > len(said["phrase"]) > 0
        assert amount in record.said and record.owner in record.said


def test_particles_follow_the_last_syllable() -> None:
    assert records.josa("사과", "은", "는") == "사과는" and records.josa("수박", "은", "는") == "수박은"
    assert records.josa("표", "으로", "로") == "표로" and records.josa("영수증", "으로", "로") == "영수증으로"


def test_markdown_is_parsed_and_not_shown_raw() -> None:
    record = next(r for r in ALL if r.kind == "markdown")
    assert draw.source(record).startswith("# ") and "|---|---|" in draw.source(record)
    assert draw.markdown(record).size == draw.PAGE


def test_a_query_has_its_page_and_whatever_says_the_same() -> None:
    record = ALL[0]
    alone = suite.right_pages(record, "fact", ALL)
    assert alone[0] == 1 and alone.sum() >= 1
    label, amount = record.entries[record.asked]
    same = {"lang": record.lang, "owner": record.owner, "when": record.when, "entries": ((label, amount),)}
    double = records.DocumentRecord(**{**vars(ALL[5]), **same})
    assert suite.right_pages(record, "fact", [*ALL, double])[-1] == 1
    assert suite.right_pages(record, "keywords", [*ALL, double])[-1] == 1
    assert suite.right_pages(record, "description", [*ALL, double])[-1] == 0
    other = records.DocumentRecord(**{**vars(double), "entries": ((label, "1 원"),)})
    assert suite.right_pages(record, "fact", [*ALL, other])[-1] == 0


def test_grades_say_how_alike_two_pages_are() -> None:
    pairs = records.graded(ALL)
    assert {g for _, _, g in pairs} == {0, 1, 2, 3, 4, 5}
    for a, b, grade in pairs:
        same_facts = a.entries == b.entries and a.owner == b.owner
        assert same_facts == (grade >= 4)
        if grade == 5:
            assert a.kind == b.kind and a.variant != b.variant
        if grade == 4:
            assert a.kind != b.kind
        if grade == 3:
            assert a.kind == b.kind and a.topic == b.topic
        if grade == 0:
            assert a.lang != b.lang and a.topic != b.topic


def test_maxsim_takes_each_query_token_s_best_match() -> None:
    x, y = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    both = np.concatenate([x, y])
    asked = Embeddings(x, (both,))
    shown = Embeddings(np.concatenate([x, x, x]), (both, x, y))
    assert suite.late(asked, shown).tolist() == [[1, 0.5, 0.5]]  # both found, one of two found
    # Patches: the dense query against each page's patches; their best counts.
    assert suite.late(asked, [both, y]).tolist() == [[1, 0]]


def test_the_suite_runs_with_and_without_several_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "PER_KIND", 2)
    few = [r for r in records.records(2) if r.kind in ("receipt", "form")]
    monkeypatch.setattr(suite, "records", lambda count, seed: few)
    monkeypatch.setattr(suite, "graded", lambda found: [(found[0], found[1], 3), (found[0], found[2], 0), (found[1], found[1], 5)])
    harness = Harness(Toy(), tmp_path, tmp_path / "cache")
    found = {f.name for f in suite.visual_docs(harness).figures}
    assert "ko fact, single nDCG@5" in found and "en question, text oracle nDCG@5" in found and "graded pairs of pages Spearman" in found
    assert not any("multi" in n for n in found) and any("left out" in n for n in harness.notes)
    assert any("real receipts left out" in n for n in harness.notes)
    toy = harness.encoder
    monkeypatch.setattr(toy, "patches", lambda shown: np.ones((len(shown), 2, 64), np.float32) / 8, raising=False)
    assert "ko fact, multi nDCG@5" in {f.name for f in suite.visual_docs(harness).figures}
