"""What a model was trained on: counted in every suite, left out of what is measured, and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hannun.errors import InputError
from hannun.evaluate import run, suites
from hannun.evaluate.harness import Harness, Overlap
from hannun.evaluate.report import EvalReport
from hannun.evaluate.suites import held_out, texts
from hannun.item import Item, Text
from hannun.seen import Seen, hashes
from hannun.serve.cli.evaluate import overlap, trained_on
from tests.conftest import ROOT
from tests.toy import Toy

DATA = ROOT.parent / "shared/data"
SENTENCES = [(f"문장 하나 번호 {n}", f"sentence number {n} here") for n in range(6)]


def seen(*words: str) -> Seen:
    return Seen(hashes([Item("", (Text(w),)) for w in words]))


def harness(data: Path, trained: Seen | None, keep: bool = False) -> Harness:
    (data / "texts").mkdir(exist_ok=True)
    rows = [{"source": "xtd10", "ko": k, "en": e} for k, e in SENTENCES]
    (data / "texts/parallel_ko_en.jsonl").write_text("\n".join(json.dumps(r) for r in rows), "utf-8")
    return Harness(Toy(), data, data / "cache", trained=trained, keep_trained=keep)


def test_known_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    """Rows 1 and 4 are known by one side each, the first in another writing."""
    h = harness(tmp_path, seen("문장 하나,  번호 1!", "sentence number 4 here"))
    report = run.evaluate(h, [suites.suite("xtd_ko")])
    assert all(len(f.outcomes) == 4 for f in report.results[0].figures)
    found = report.results[0].overlap
    assert (found["known"], found["rows"], found["kept"]) == (2, 6, False)
    assert (found["met"], found["contents"]) == (0, 16)  # of the four rows that were read, both sides, as queries and as documents
    assert overlap(dict(found)) == "trained on: 2 of 6 rows, left out; 0 of 16 contents that were read"
    report.save(tmp_path / "report")
    assert EvalReport.load(tmp_path / "report").results[0].overlap == found


def test_known_rows_are_measured_where_that_is_wished(tmp_path: Path) -> None:
    report = run.evaluate(harness(tmp_path, seen(*SENTENCES[1]), keep=True), [suites.suite("xtd_ko")])
    assert all(len(f.outcomes) == 6 for f in report.results[0].figures)
    assert overlap(dict(report.results[0].overlap)) == "trained on: 1 of 6 rows, measured all the same; 4 of 24 contents that were read"


def test_a_suite_of_known_rows_alone_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trained on all 6 rows, so nothing is measured; --keep-trained"):
        texts.xtd(harness(tmp_path, seen(*(k for k, _ in SENTENCES))))


def test_an_unknown_past_is_said(tmp_path: Path) -> None:
    report = run.evaluate(harness(tmp_path, None), [suites.suite("xtd_ko")])
    assert report.results[0].overlap == {} and "is not known" in overlap({})
    assert trained_on(str(tmp_path)) is None
    seen("하나 둘 셋").save(tmp_path)
    assert trained_on(f"{tmp_path}#code") == trained_on(str(tmp_path)) or len(trained_on(str(tmp_path)) or ()) == 1


@pytest.mark.skipif(not (DATA / "flickr8k").exists(), reason="the data sets are not in ../shared/data")
def test_minis_weights_never_saw_what_they_are_measured_on() -> None:
    """What of the suites of pictures and sentences is among mini's hashes: nothing but photos of one product under two ids, sentences that
    KorSTS has in two splits, and XTD-10, all of it.
    """
    mini = trained_on("mini")
    assert mini is not None and len(mini) > 10_000
    h = Harness(Toy(), DATA, Path("/nowhere"), trained=mini)
    for pictures in (held_out.flickr8k, held_out.flickr8k_korean, held_out.fashion, held_out.emoji):
        h.begin()
        pictures(h)
        assert h.overlap.rows > 100 and h.overlap.known <= (20 if pictures is held_out.fashion else 0), pictures.__name__
    h.begin()
    texts.korquad_pairs(h)
    assert h.overlap == Overlap(rows=5774, known=0)
    with pytest.raises(InputError, match="all 1,000 rows"):
        texts.xtd(h)
