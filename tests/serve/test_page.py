"""The page in a real Chromium over a real service: searches by words, by picture and by both, uploads, languages, keys, a map.

Skipped, with the reason, where Chromium or the Python package playwright is not installed.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hannun
from hannun import catalogue, sources
from hannun.errors import HannunError
from tests.conftest import draw
from tests.serve.conftest import Tab, hidden, shown, titles

ENTRIES = 48


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[str]:
    """`hannun serve` over a part of the drawn catalogue, in a process of its own. Skips with the browser, before anything is drawn."""
    folder = tmp_path_factory.mktemp("page")
    garments = [e for e in catalogue.entries() if e.category in ("원피스", "바지", "셔츠", "치마", "코트")][:ENTRIES]
    table = catalogue.write(folder / "drawn", garments)
    with hannun.open(folder / "page.hannun") as c:
        c.add(sources.read([table]))
    port = free_port()
    told = folder / "log"  # a file: nobody empties a pipe meanwhile, and the service would wait for it
    with told.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hannun.serve.cli.main", "serve", str(folder / "page.hannun"), "--port", str(port)],
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        if process.poll() is not None:
            raise HannunError(told.read_text())
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1)
            break
        except OSError:
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(20)


@pytest.fixture
def page(tab: Tab, service: str) -> Any:
    """A fresh Korean tab over the drawn garments."""
    return tab(service)


def ask(tab: Any, words: str) -> None:
    tab.fill("#words", words)
    with tab.expect_response("**/v1/search"):
        tab.press("#words", "Enter")
    tab.wait_for_selector("#results:not([aria-busy])")


def test_words_find_what_they_say(page: Any) -> None:
    before = titles(page)
    ask(page, "빨간 원피스")
    found = titles(page)
    assert found != before and any("원피스" in t for t in found[:3])
    assert "q=" in page.url and re.search(r"\d+개 결과", page.inner_text("#status"))
    page.go_back()
    page.wait_for_function("() => document.querySelector('#words').value === ''")


def test_hits_say_how_surely_they_fit_and_junk_fits_nothing(page: Any) -> None:
    ask(page, "빨간 원피스")
    first = page.text_content("#grid .relevance")
    assert re.fullmatch(r"관련도\d+%", first) and int(re.sub(r"\D", "", first)) >= 50
    ask(page, "dnjsvltm")  # 원피스, with the keyboard left on English
    page.wait_for_selector("#strange", state="visible")
    assert page.inner_text("#status") == "맞는 것이 없습니다" and hidden(page, "#grid")
    page.click("#strange-show")  # the nearest are a touch away
    assert shown(page, "#grid .card")
    page.click("#to-grid")
    ask(page, "dnjsvltm")
    with page.expect_response("**/v1/search"):
        page.click("#meant button:has-text('원피스')")
    page.wait_for_selector("#results:not([aria-busy])")
    assert page.input_value("#words") == "원피스" and any("원피스" in t for t in titles(page)[:3]) and hidden(page, "#strange")
    page.check("#fits")
    page.wait_for_function("() => ![...document.querySelectorAll('.relevance.weak')].length")
    assert "fits=1" in page.url and titles(page)


def test_a_picture_finds_itself_and_words_are_mixed_in(page: Any, tmp_path: Path) -> None:
    first = page.query_selector("#grid .open img")
    data = page.request.get(page.evaluate("e => new URL(e.src).href", first)).body()
    title = titles(page)[0]
    file = tmp_path / "asked.jpg"
    file.write_bytes(data)
    with page.expect_response("**/v1/search"):
        page.set_input_files("#pick-file", str(file))
    page.wait_for_selector("#results:not([aria-busy])")
    assert titles(page)[0] == title and shown(page, "#chip") and shown(page, "#mix-row")
    ask(page, "파란 바지")
    with page.expect_response("**/v1/search") as sent:
        page.evaluate("() => { const m = document.querySelector('#mix'); m.value = 1; m.dispatchEvent(new Event('input')); }")
    body = sent.value.request.post_data_json
    assert body["mix"] == 1 and body["query"]["text"] == "파란 바지" and body["query"]["image"].startswith("data:image/")
    page.click("#chip-remove")
    page.wait_for_selector("#chip", state="hidden")


def test_a_dropped_and_a_pasted_picture_are_asked_for(page: Any) -> None:
    made = """() => new Promise(done => {
        const c = document.createElement('canvas');
        c.width = c.height = 64;
        c.getContext('2d').fillRect(0, 0, 64, 64);
        c.toBlob(b => { const t = new DataTransfer(); t.items.add(new File([b], 'a.png', {type: 'image/png'})); done(t); });
    })"""
    for event in ("drop", "paste"):
        transfer = page.evaluate_handle(made)
        if event == "drop":
            page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
            assert shown(page, "#drop")
            page.dispatch_event("#drop-search", "dragover", {"dataTransfer": transfer})
            with page.expect_response("**/v1/search"):
                page.dispatch_event("#drop-search", "drop", {"dataTransfer": transfer})
        else:
            with page.expect_response("**/v1/search"):
                page.evaluate(
                    "t => window.dispatchEvent(new ClipboardEvent('paste', {clipboardData: t, bubbles: true, cancelable: true}))", transfer
                )
        page.wait_for_selector("#chip", state="visible")
        page.click("#chip-remove")
        page.wait_for_selector("#chip", state="hidden")


def test_facets_narrow_and_diversity_reorders(page: Any) -> None:
    ask(page, "옷")
    box = page.query_selector("#facets input[type=checkbox]")
    assert box is not None
    with page.expect_response("**/v1/search") as sent:
        box.check()
    assert " in (" in sent.value.request.post_data_json["where"] and sent.value.ok
    page.wait_for_selector("#results:not([aria-busy])")
    assert page.query_selector("#facets input:checked")
    with page.expect_response("**/v1/search") as sent:
        page.evaluate("() => { const d = document.querySelector('#diversity'); d.value = 0.8; d.dispatchEvent(new Event('input')); }")
    assert sent.value.request.post_data_json["diversity"] == 0.8 and sent.value.ok


def test_more_like_this_and_less_like_this(page: Any) -> None:
    ask(page, "원피스")
    with page.expect_response("**/v1/search") as sent:
        page.click("#grid .card .foot button")
    assert sent.value.ok and sent.value.request.post_data_json["like"] and page.query_selector("#chosen button")
    page.wait_for_selector("#results:not([aria-busy])")
    page.click("#grid .open")
    page.wait_for_selector("#detail[open]")
    with page.expect_response("**/v1/search") as sent:
        page.click("#detail-unlike")
    assert sent.value.ok and sent.value.request.post_data_json["unlike"]


def test_a_hit_says_why_it_was_found(page: Any) -> None:
    ask(page, "빨간 원피스")
    page.click("#grid .open")
    page.wait_for_selector("#why .meter")
    page.wait_for_selector("#patches i", state="attached")
    assert len(page.query_selector_all("#patches i")) >= 9 and hidden(page, "#patches")  # the clean picture first
    page.click("#heat")
    assert shown(page, "#patches") and page.get_attribute("#heat", "aria-pressed") == "true"
    page.click("#heat")
    assert hidden(page, "#patches")
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail:not([open])", state="attached")


def test_keys_walk_the_grid(page: Any) -> None:
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.id") == "words"
    page.focus("#grid .open")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => [...document.querySelectorAll('#grid .open')].indexOf(document.activeElement)") == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => [...document.querySelectorAll('#grid .open')].indexOf(document.activeElement)") > 2
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail[open]")


def test_languages_switch_and_stay(page: Any) -> None:
    assert page.inner_text(".go") == "찾기" and page.get_attribute("html", "lang") == "ko"
    page.click("#language")
    assert page.inner_text("button.go[type=submit]") == "Search" and page.get_attribute("html", "lang") == "en"
    page.reload()
    page.wait_for_selector("#grid .card")
    assert page.get_attribute("html", "lang") == "en"


def test_pictures_are_added_and_the_broken_one_is_named(page: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "new.png", tmp_path / "broken.jpg"
    draw((10, 200, 120), (80, 80)).save(good)
    bad.write_bytes(b"this is no picture")
    page.set_input_files("#add-files", [str(good), str(bad)])
    page.wait_for_function("() => /추가했습니다/.test(document.querySelector('#job-text').textContent)")
    assert "1개를 추가" in page.inner_text("#job-text") and "broken.jpg" in page.inner_text("#job-problems")


def test_the_map_is_wandered_by_keys_and_by_hand(page: Any) -> None:
    page.click("#to-map")
    page.wait_for_selector(".star")
    assert len(page.query_selector_all(".star")) >= ENTRIES
    page.focus("#sky")
    page.keyboard.press("ArrowRight")
    first = page.evaluate("() => document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowLeft")
    assert first and page.evaluate("() => document.activeElement.className").startswith("star")
    before = page.evaluate("() => document.querySelector('.star').style.transform")
    page.keyboard.press("+")
    assert page.evaluate("() => document.querySelector('.star').style.transform") != before
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail[open]")


def test_a_phone_sees_it_whole_and_every_control_has_a_name(browser: Any, service: str) -> None:
    tab = browser.new_context(locale="en-GB", viewport={"width": 360, "height": 740}, color_scheme="dark").new_page()
    tab.goto(service)
    tab.wait_for_selector("#grid .card")
    assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll('button, input:not([type=file]), a')].filter(e => e.offsetParent)
             .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"""
    )
    assert not nameless
    dark = tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 200
    tab.context.close()


def test_nothing_is_fetched_from_elsewhere(browser: Any, service: str) -> None:
    tab = browser.new_page()
    asked: list[str] = []
    tab.on("request", lambda r: asked.append(r.url))
    tab.goto(service)
    tab.wait_for_selector("#grid .card img")
    assert asked and all(u.startswith((service, "data:", "blob:")) for u in asked)
    tab.close()
