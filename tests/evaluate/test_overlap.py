"""What a model was trained on: counted in every suite, left out of what is measured, and said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import PIL.Image
import pytest

from hannun.errors import InputError
from hannun.evaluate import geometry, run, suites
from hannun.evaluate.harness import Harness, Overlap
from hannun.evaluate.report import EvalReport
from hannun.evaluate.suites import drawn, held_out, texts
from hannun.evaluate.suites.visual_docs import suite as visual
from hannun.item import Image, Item, Text
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


def test_rows_that_are_asked_for_twice_count_once(tmp_path: Path) -> None:
    h = harness(tmp_path, seen(SENTENCES[1][0]))
    h.unseen([("문장 하나 번호 1",), ("문장 하나 번호 2",), ("문장 하나 번호 2",)])  # twice in one set: two rows
    h.unseen([("문장 하나 번호 1",), ("문장 하나 번호 3",)])
    assert h.overlap == Overlap(rows=4, known=1)
    h.begin()
    assert h.overlap == Overlap()


def test_known_titles_and_pictures_of_the_catalogue_are_searched_and_not_asked_for(small: None, tmp_path: Path) -> None:
    entries = drawn.held_out()
    pictures = drawn.drawn(Harness(Toy(), tmp_path, tmp_path), entries, "catalogue")
    trained = Seen(hashes([Item("", (Text(entries[0].title),)), Item("", (pictures[1].images[0],))]))
    h = Harness(Toy(), tmp_path, tmp_path, trained=trained)
    found = {f.name: f for f in suites.suite("catalogue").run(h).figures}
    assert len(entries) == 9 and len(found["catalogue ko title→picture R@1"].outcomes) == 7
    assert len(found["catalogue picture→en title R@1"].outcomes) == 8  # its Korean title is not asked for there
    assert len(found["garment ko accuracy"].outcomes) == 5  # of six garments; this one is named by its looks
    others, pairs = drawn.composed_entries()
    again = sum(others[answer].title == entries[0].title for _, answer in pairs)  # asked for with its title once more
    assert (h.overlap.rows, h.overlap.known) == (9 + 9 + len(pairs) + len(pairs) + 6, 2 + 1 + again + 1)


@pytest.mark.parametrize("name", ["mbeir", "geometry", "matryoshka"])
def test_suites_of_the_drawn_catalogue_leave_out_what_is_known(
    name: str, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry's title in both languages, which every task that shows or asks for it has."""
    monkeypatch.setattr(geometry, "maps", lambda *_: {})  # t-SNE and UMAP take a minute
    entry = drawn.held_out()[2]
    (tmp_path / "data").mkdir()
    h = Harness(Toy(), tmp_path / "data", tmp_path, trained=seen(entry.title, entry.title_en))
    found = suites.suite(name).run(h).figures
    assert 0 < h.overlap.known < h.overlap.rows
    if name == "mbeir":  # nine entries; the three tasks of titles ask for eight
        assert [len(f.outcomes) for f in found if f.name.endswith("local R@1")][:4] == [8, 8, 8, 8]
    if name == "matryoshka":
        assert len(found[0].outcomes) == 8


def test_a_page_that_is_known_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(folder: Path, wanted: list[visual.DocumentRecord]) -> list[Path]:
        """A picture of its own for every page, quickly drawn."""
        for r in wanted:
            shade = int.from_bytes(hashlib.blake2b(r.id.encode(), digest_size=3).digest())
            PIL.Image.new("RGB", (32, 32), f"#{shade:06x}").save(folder / f"{r.id}.png")
        return [folder / f"{r.id}.png" for r in wanted]

    monkeypatch.setattr(visual, "draw_pages", plain)
    monkeypatch.setattr(visual, "PER_KIND", 2)
    wanted = visual.records(2, 0)
    korean = [r for r in wanted if r.lang == "ko"]
    page = plain(tmp_path, korean[:1])[0]
    trained = Seen(hashes([Item("", (Image(page),)), Item("", (Text(visual.queries(korean[3])["question"]),))]))
    h = Harness(Toy(), tmp_path, tmp_path, trained=trained)
    found = {f.name: len(f.outcomes) for f in suites.suite("visual_docs").run(h).figures}
    assert found["ko fact, single nDCG@5"] == len(korean) - 1 and found["ko question, single nDCG@5"] == len(korean) - 2
    assert found["en fact, single nDCG@5"] == len(wanted) - len(korean)
    pairs = visual.graded(wanted)
    assert found["graded pairs of pages Spearman"] == sum(korean[0] not in pair for pair in pairs) < len(pairs)


def test_every_suite_counts_rows_or_says_why_it_has_none() -> None:
    assert {n for n, s in suites.suites().items() if s.no_rows} == {"sensors", "logs"}
    assert "a row is" in overlap({"rows": 0, "known": 0, "contents": 3, "met": 1, "kept": False, "no_rows": "a row is a window"})


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
