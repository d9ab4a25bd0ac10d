"""HTML pages: their words, their pictures with what is said of them, and nothing from elsewhere."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from hannun.item import plain_facts
from tests.conftest import draw, encoded
from tests.sources.found import read

PAGE = """<!doctype html><html><head><title> 겨울 &amp; 옷 </title><style>p{}</style><script>var a = "비밀";</script></head>
<body><h1>겨울 옷</h1><p>따뜻한 코트입니다.</p><img src="img/a.png" alt="빨간 코트" title="코트">
<figure><img src="img/b.png"><figcaption>파란 <b>목도리</b></figcaption></figure>
<p>아래는 장갑입니다.<img src="img/%EC%9E%A5%EA%B0%91.png?v=3"></p>
<img src="data:image/png;base64,{data}" alt="점">
<img src="https://example.com/a.png" alt="남의 것"><img src="//example.com/b.png">
<img src="gone.png"><img src="../../outside.png"><img src="/etc/passwd"><img src="file:///etc/passwd"><img alt="없음">
<img src="x.gif" data-src="img/lazy.png" alt="늦게"></body></html>"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "img").mkdir(parents=True)
    for n, name in enumerate(("a", "b", "장갑", "lazy", "loose")):
        draw(seed=n).save(folder / "img" / f"{name}.png")
    draw(seed=9).save(tmp_path / "outside.png")
    (folder / "page.html").write_text(PAGE.replace("{data}", base64.b64encode(encoded(draw(seed=8))).decode()), "utf-8")
    return folder


def test_a_page_and_its_pictures(site: Path) -> None:
    items, problems = read(site)
    told = {it.id: it.text for it in items}
    assert told == {
        "site/page.html": "겨울 옷\n따뜻한 코트입니다.\n파란 목도리\n아래는 장갑입니다.",
        "site/page.html#image-1": "빨간 코트\n코트",
        "site/page.html#image-2": "파란 목도리",
        "site/page.html#image-3": "아래는 장갑입니다.",
        "site/page.html#image-4": "점",
        "site/page.html#image-11": "늦게",
        "site/img/loose.png": None,  # the others are the page's
    }
    assert all(plain_facts(it.facts)["title"] == "겨울 & 옷" for it in items if "#" in it.id)
    assert all(it.images[0].load().size == (24, 24) for it in items if it.images)
    reasons = " ".join(p.reason for p in problems)
    assert (
        len(problems) == 2
        and "names 2 pictures at other addresses, which are not fetched" in reasons
        and "'gone.png' and 3 more" in reasons
    )


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_korean_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.htm").write_bytes("<p>빨간 원피스".encode(encoding))
    assert [it.text for it in read(tmp_path)[0]] == ["빨간 원피스"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither words nor pictures"),
        (b"<html><script>x</script></html>", "neither words nor pictures"),
        (bytes(range(128, 256)) * 8, "is not text in UTF-8"),
        (b"x" * (16 * 2**20 + 1), "the limit for a page"),
    ],
)
def test_what_is_no_page_is_one_line(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.html").write_bytes(data)
    items, problems = read(tmp_path)
    assert not items and len(problems) == 1 and reason in problems[0].reason and problems[0].id == f"{tmp_path.name}/a.html"


BROKEN = ["<", "<img src=", "<!--", "<p a=", "&#x", "<![CDATA[", "</", "<" * 5000, "<div>" * 5000, "<figure>" * 500]


@pytest.mark.parametrize("tail", BROKEN)
def test_broken_pages_are_read_as_far_as_they_go(tmp_path: Path, tail: str) -> None:
    (tmp_path / "a.html").write_text("<p>빨간 원피스</p>" + tail, "utf-8")
    items, _ = read(tmp_path)
    assert items[0].text is not None and items[0].text.startswith("빨간 원피스")


def test_a_page_named_alone_has_its_pictures_beside_it(site: Path, tmp_path: Path) -> None:
    shutil.move(site / "page.html", site / "img" / "page.html")
    items, problems = read(site / "img/page.html")
    assert [it.id for it in items if it.images] == ["img/page.html#image-4"] and len(problems) == 2  # the paths lead nowhere from there
