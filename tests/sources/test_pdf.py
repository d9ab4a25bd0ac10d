"""A PDF is its pages, each with its words and its picture; whatever is wrong with one is one Problem."""

from __future__ import annotations

import re
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hannun import collection, sources
from hannun.item import PLACE, SOURCE
from hannun.sources import pdf
from tests.conftest import draw
from tests.sources.found import read
from tests.toy import Toy

pytest.importorskip("pypdfium2", reason="the extra `formats` is not installed")


def written(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A whole PDF of numbered objects, the first of which is its catalogue (ISO 32000-1, 7.5)."""
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, len(out))
    return out + head + table + end


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def document(
    *pages: bytes, box: bytes = b"0 0 595 842", catalogue: bytes = b"", more: Sequence[bytes] = (), trailer: bytes = b"", page: bytes = b""
) -> bytes:
    """A PDF whose pages show these contents (operators of PDF); a font has the name F. Page n (from 0) is object 4 + 2 n."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalogue,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, content in enumerate(pages):
        form = b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents %d 0 R /Resources << /Font << /F 3 0 R >> >> %s >>"
        objects += [form % (box, 5 + 2 * n, page), content if content.startswith(b"<<") else stream(content)]
    return written([*objects, *more], trailer)


def line(text: bytes) -> bytes:
    return b"BT /F 24 Tf 72 700 Td (%s) Tj ET" % text


def given(folder: Path, data: bytes, name: str = "글.pdf") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def test_every_page_is_an_item_with_its_words_and_its_picture(tmp_path: Path) -> None:
    red = b"1 0 0 rg 0 0 595 421 re f "  # the lower half
    file = given(tmp_path, document(line(b"first  page"), red + line(b"second")))
    items, problems = read(file)
    assert not problems and sources.count([tmp_path]) == 2
    assert [it.id for it in items] == [f"{tmp_path.name}/글.pdf#page-1", f"{tmp_path.name}/글.pdf#page-2"] and {
        it.facts[SOURCE] for it in items
    } == {str(file)}
    assert [it.text for it in items] == ["first page", "second"]
    facts = {"title": "글", "folder": tmp_path.name, "pages": 2, SOURCE: str(file), PLACE: f"{tmp_path.name}/글.pdf"}
    assert [dict(it.facts) for it in items] == [{**facts, "page": 1}, {**facts, "page": 2}]
    pixels = np.asarray(items[1].images[0].load()).astype(int)
    assert pixels.shape == (1240, 876, 3)  # 1,240 × 595 / 842
    assert abs(pixels[900, 400] - (255, 0, 0)).max() < 8 and pixels[50, 400].min() > 247


def test_scanned_pages_have_a_picture_alone(tmp_path: Path) -> None:
    draw((20, 40, 200), (300, 200)).save(tmp_path / "scan.PDF", save_all=True, append_images=[draw((200, 30, 30), (200, 300))])
    items, problems = read(tmp_path)
    assert not problems and [it.kinds for it in items] == [("image",)] * 2
    assert [it.images[0].size() for it in items] == [(1200, 800), (800, 1200)]  # 4 pixels a point; Pillow writes 72 dpi
    assert abs(np.asarray(items[0].images[0].load())[400, 600].astype(int) - (20, 40, 200)).max() < 8


def test_a_word_that_a_line_break_divides_is_whole(tmp_path: Path) -> None:
    items, _ = read(given(tmp_path, document(b"BT /F 24 Tf 72 700 Td (exam-) Tj 0 -30 Td (ple of words) Tj ET")))
    assert items[0].text == "example of words"


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (b"0 0 14400 14400", (1240, 1240)),  # 200 inches
        (b"0 0 14400 1", (1240, 1)),
        (b"0 0 10 5", (40, 20)),
        (b"0 0 1e9 1e9", None),
        (b"0 0 0 0", None),
    ],
)
def test_pages_of_any_size_are_bounded(tmp_path: Path, box: bytes, size: tuple[int, int] | None) -> None:
    items, problems = read(given(tmp_path, document(line(b"x"), box=box)))
    assert not problems and max(items[0].images[0].size()) <= pdf.SIDE and (size is None or items[0].images[0].size() == size)


def test_a_turned_page_is_upright(tmp_path: Path) -> None:
    items, _ = read(given(tmp_path, document(line(b"x"), page=b"/Rotate 90")))
    assert items[0].images[0].size() == (1240, 876)


def test_what_was_filled_into_a_form_is_seen(tmp_path: Path) -> None:
    field = b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /F 4 /Rect [100 100 500 500] /AP << /N 7 0 R >> >>"
    drawn = stream(b"0 0 1 rg 0 0 400 400 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 400 400]")
    form = b"/AcroForm << /Fields [6 0 R] >>"
    items, _ = read(given(tmp_path, document(b" ", catalogue=form, more=[field, drawn], page=b"/Annots [6 0 R]")))
    pixels = np.asarray(items[0].images[0].load()).astype(int)
    x, y = 300 * 1240 // 842, 1240 - 300 * 1240 // 842
    assert pixels[y, x, 2] > 200 and pixels[y, x, 0] < 247 and pixels[20, 20].min() > 247


LOCKED = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<00> <00>]" % (b"41" * 32, b"42" * 32)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"%PDF-1.4", "is not a whole PDF"),
        (b"<html>not one</html>", "is not a whole PDF"),
        (document(line(b"x"))[:400], "is not a whole PDF"),
        (document(), "is not a whole PDF|has no pages"),
        (document(line(b"x"), trailer=LOCKED), "is encrypted with a password"),
        (document(line(b"x"), trailer=b"/Encrypt << /Filter /Other /V 9 >>"), "is encrypted in a way"),
        (written([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 5 >>"]), r"cannot be read \("),
    ],
)
def test_what_is_no_pdf_that_can_be_read_is_one_problem(tmp_path: Path, data: bytes, reason: str) -> None:
    file = given(tmp_path, data, "a.pdf")
    given(tmp_path, document(line(b"x")), "b.pdf")
    items, problems = read(tmp_path)
    assert [it.text for it in items] == ["x"] and len(problems) == 1
    assert problems[0].where.startswith(str(file)) and problems[0].id == f"{tmp_path.name}/{file.name}" and "\n" not in problems[0].reason
    assert re.search(reason, problems[0].reason) and sources.count([file]) >= 1


def test_pages_that_cannot_be_read_are_one_problem_and_the_others_go_on(tmp_path: Path) -> None:
    file = given(
        tmp_path, document(*[line(b"x")] * 7).replace(b"/Type /Page ", b"/Type /Nope ", 5).replace(b"/Type /Nope ", b"/Type /Page ", 1)
    )
    items, problems = read(file)
    told = [(p.where, p.id) for p in problems]
    assert [it.facts["page"] for it in items] == [1, 6, 7] and told == [
        (f"{file}, pages 2, 3, 4 and 1 more", f"{tmp_path.name}/{file.name}")
    ]


def test_a_file_that_lies_about_its_pages_is_left(tmp_path: Path) -> None:
    items, problems = read(given(tmp_path, document(line(b"x")).replace(b"/Count 1 ", b"/Count 1000000 ")))
    assert len(items) == 1 and any("pages after them are not read" in p.reason for p in problems) and len(problems) <= 2


def test_pages_text_and_seconds_are_bounded_and_the_cut_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 2)
    monkeypatch.setattr(pdf, "MAX_TEXT", 5)
    items, problems = read(given(tmp_path, document(line(b"abcdefgh"), line(b"b"), line(b"c"))))
    assert [it.text for it in items] == ["abcde", "b"] and sources.count([tmp_path]) == 2
    assert [p.reason.partition(";")[0] for p in problems] == ["over 5 characters of text", "has 3 pages, of which 2 are read"]
    monkeypatch.setattr(pdf, "MAX_SECONDS", 0.0)
    strokes = stream(zlib.compress(b"0 0 m 500 500 l 30 40 m 9 9 l S " * 5000), b"/Filter /FlateDecode")
    items, problems = read(given(tmp_path, document(strokes)))
    assert not items and "takes over 0 s to draw" in problems[0].reason
    monkeypatch.setattr(pdf, "MAX_BYTES", 100)
    items, problems = read(tmp_path)
    assert not items and "the limit for a PDF is 100" in problems[0].reason


def test_attached_files_are_told(tmp_path: Path) -> None:
    names = b"/Names << /EmbeddedFiles << /Names [(a.pdf) 6 0 R] >> >>"
    more = [b"<< /Type /Filespec /F (a.pdf) /EF << /F 7 0 R >> >>", stream(document(line(b"inner")), b"/Type /EmbeddedFile")]
    items, problems = read(given(tmp_path, document(line(b"x"), catalogue=names, more=more)))
    assert [it.text for it in items] == ["x"] and [p.reason.partition(",")[0] for p in problems] == ["has 1 attached file"]


def test_without_its_reader_the_problem_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    file = given(tmp_path, document(line(b"x")))
    items, problems = read(tmp_path)
    assert (
        not items
        and [(p.where, p.id) for p in problems] == [(str(file), f"{tmp_path.name}/{file.name}")]
        and sources.count([tmp_path]) == 1
    )
    assert problems[0].reason == "is a PDF, which needs a reader; run `pip install -c constraints.txt '.[formats]'`"


def test_several_threads_may_read(tmp_path: Path) -> None:
    given(tmp_path, document(*[line(b"page %d" % n) for n in range(6)]))
    found: list[list[str | None]] = []
    threads = [threading.Thread(target=lambda: found.append([it.text for it in read(tmp_path)[0]])) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [[f"page {n}" for n in range(6)]] * 4


def test_an_iterator_that_is_left_closes_its_file(tmp_path: Path) -> None:
    def open_files() -> int:
        return sum(place.resolve().suffix == ".pdf" for place in Path("/proc/self/fd").iterdir())

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc here")
    file = given(tmp_path, document(line(b"x"), line(b"y")))
    pages = pdf.items(file, str(file), {})
    next(pages)
    assert open_files() == 1
    pages.close()  # type: ignore[attr-defined]
    assert open_files() == 0


def test_a_collection_knows_pages_again_and_lets_vanished_ones_go(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    file = given(folder, document(line(b"one"), line(b"two"), line(b"three")), "a.pdf")
    with collection.open(tmp_path / "c.hannun", Toy()) as kept:
        assert kept.add(folder).added == 3
        again = kept.add(folder)
        assert (again.added, again.unchanged, again.problems) == (0, 3, [])
        assert kept.get("in/a.pdf#page-2").images[0].size() == (876, 1240)
        assert {it.id for it in kept} == {f"in/a.pdf#page-{n}" for n in (1, 2, 3)}

        file.rename(folder / "b.pdf")
        kept.add(folder)
        assert kept.moved({f.id for f in sources.read([folder]) if f.id}) == 3
        assert {it.id for it in kept} == {f"in/b.pdf#page-{n}" for n in (1, 2, 3)}

        given(folder, document(line(b"one")), "b.pdf")
        kept.add(folder)
        assert kept.prune([folder], {f.id for f in sources.read([folder]) if f.id}) == 2

        given(folder, document(line(b"one"))[:100], "b.pdf")  # damaged is not vanished
        assert kept.prune([folder], {f.id for f in sources.read([folder]) if f.id}) == 0 and len(kept) == 1
