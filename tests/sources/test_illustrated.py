"""Documents with pictures: what is read of them, in which order, with which words, and what is not and why."""

from __future__ import annotations

import base64
from pathlib import Path

import PIL.Image
import pytest

from hannun.errors import InputError, MissingError
from hannun.sources import illustrated
from tests.conftest import draw, encoded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("a.png", (200, 0, 0)), ("b c.png", (0, 200, 0)), ("d.png", (0, 0, 200))):
        draw(colour, (80, 60)).save(tmp_path / name)
    return tmp_path


def test_pictures_come_in_order_with_the_words_by_them(folder: Path) -> None:
    (folder / "doc.html").write_text(
        "<title>여행 기록</title><style>p{}</style><p>첫날 아침</p><img src=a.png alt='빨간 지붕'>"
        "<p>바다로 갔다</p><figure><img src='b%20c.png'><figcaption>초록 숲</figcaption></figure>"
        "<script>x='<img src=d.png>'</script><p>끝</p>",
        "utf-8",
    )
    read = illustrated.read(folder / "doc.html")
    assert read.title == "여행 기록" and not read.unread
    first, second = read.figures
    assert (first.caption, first.beside) == ("빨간 지붕", "첫날 아침 바다로 갔다")
    assert second.caption == "초록 숲" and second.image.size() == (80, 60) and "끝" in second.beside
    assert second.words == "초록 숲 바다로 갔다 끝" and "초록 숲" not in first.words


def test_what_is_not_read_and_why(folder: Path) -> None:
    inside = base64.b64encode(encoded(draw())).decode()
    html = (
        f"<img src='https://x.test/a.jpg'><img src='//x.test/b.jpg'><img src='gone.png'><img src='data:image/png;base64,{inside}'>"
        "<img src='data:text/plain,x'><img src='style.css'><img><img data-src='a.png' src='blank.gif'><img srcset='d.png 1x, e.png 2x'>"
        "<img src='a.png'>"
    )
    (folder / "style.css").write_text("")
    read = illustrated.page(html, folder)
    assert [f.image.size() for f in read.figures] == [(24, 24), (80, 60), (80, 60)]  # a.png once, though it is there twice
    assert [why for _, why in read.unread] == [
        "lies elsewhere, and Hannun does not fetch; save the page with its pictures",
        "lies elsewhere, and Hannun does not fetch; save the page with its pictures",
        "is not there, or lies outside the folder of the document",
        "is inside the document, but no picture",
        "is of no kind of picture that is read",
    ]
    nowhere = illustrated.page("<img src=a.png>", None)
    assert not nowhere.figures and nowhere.unread[0][1] == "is a file that did not come with the document"


def test_a_page_reads_no_picture_outside_its_folder(folder: Path) -> None:
    """Pages come from others: what they name outside is nobody's to show, by whichever way they lead there."""
    inner = folder / "pages"
    inner.mkdir()
    (inner / "link.png").symlink_to(folder / "a.png")
    draw().save(inner / "own.png")
    outside = [str(folder / "a.png"), (folder / "a.png").as_uri(), "../a.png", "../pages/../a.png", "%2e%2e/a.png", "link.png"]
    (inner / "doc.html").write_text("".join(f"<img src='{s}'>" for s in [*outside, "own.png", "./own.png?v=1"]), "utf-8")
    (inner / "doc.md").write_text("".join(f"![x]({s})\n\n" for s in [*outside, "own.png"]), "utf-8")
    for name, named in (("doc.html", outside), ("doc.md", [s for s in outside if ":" not in s])):  # Markdown makes no image of file:
        read = illustrated.read(inner / name)
        assert {f.image.source for f in read.figures} == {inner / "own.png"}
        assert [s for s, _ in read.unread] == named, name


def test_markdown_and_folders(folder: Path) -> None:
    (folder / "글.md").write_text('# 제목\n\n산에 갔다\n\n![빨간 꽃](a.png)\n\n![](d.png "파란 하늘")\n', "utf-8")
    read = illustrated.read(folder / "글.md")
    assert [f.caption for f in read.figures] == ["빨간 꽃", "파란 하늘"] and "산에 갔다" in read.figures[0].beside
    every = illustrated.read(folder)
    assert [f.name for f in every.figures] == ["a.png", "b c.png", "d.png"] and every.title == folder.name


def test_a_picture_alone_and_what_is_no_document(folder: Path) -> None:
    assert len(illustrated.read(folder / "a.png").figures) == 1
    with pytest.raises(MissingError, match="no such document"):
        illustrated.read(folder / "gone.html")
    (folder / "table.csv").write_text("a")
    with pytest.raises(InputError, match="no kind that holds pictures"):
        illustrated.read(folder / "table.csv")


def test_pages_of_a_pdf(folder: Path) -> None:
    pytest.importorskip("pypdfium2", reason="needs the extra formats")
    pages = [PIL.Image.new("RGB", (200, 280), c) for c in ("white", "navy")]
    pages[0].save(folder / "two.pdf", save_all=True, append_images=pages[1:])
    read = illustrated.read(folder / "two.pdf")
    assert [f.name for f in read.figures] == ["page 1", "page 2"]


@pytest.mark.parametrize(
    "html",
    [
        "<img src='a.png",
        "<figure><figcaption>x",
        "<p>" * 5000 + "<img src=a.png>",
        "<img src='data:image/png;base64,%%%'>",
        "\0<img src=a.png>",
    ],
)
def test_torn_pages_break_nothing(html: str, folder: Path) -> None:
    illustrated.page(html, folder)
