"""One item on the page, in a real Chromium: its neighbours, its picture in full size, changes of its facts, its end; undoing both."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from hannun.serve.http.keys import Keys
from tests.serve.conftest import Running, Start, Tab, hidden, picture, shown, titles


def rows(count: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "id": f"옷/{n}",
            "text": f"옷 {n}",
            "image": picture((200, 30 + n, 30), (2400, 1800) if n == 0 else (40, 40)),
            "price": 1000 * n,
            "sale": True,
        }
        for n in range(count)
    ]


@pytest.fixture
def clothes(start: Start) -> Running:
    """Three items with a picture; the first one's is 2400 × 1800."""
    running = start()
    assert running.add(*rows())["added"] == 3
    return running


def until(true: Callable[[], bool]) -> None:
    """Waits for what a browser has sent on its way."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def opened(page: Any) -> str:
    page.wait_for_selector("#detail[open]")
    return str(page.inner_text("#detail-title"))


def test_neighbours_by_keys_and_buttons(clothes: Running, tab: Tab) -> None:
    page = tab(clothes.url)
    all = titles(page)
    page.click("#grid .open")
    assert opened(page) == all[0] and page.is_disabled("#detail-previous") and page.inner_text("#detail-place") == "1 / 3"
    page.keyboard.press("ArrowRight")
    assert opened(page) == all[1]
    page.click("#detail-next")
    assert opened(page) == all[2] and page.is_disabled("#detail-next")
    page.keyboard.press("ArrowRight")  # no further
    page.keyboard.press("ArrowLeft")
    assert opened(page) == all[1]
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail:not([open])", state="attached")
    page.wait_for_function("title => document.activeElement.getAttribute('aria-label') === title", arg=all[1])  # the focus is where one was


def test_the_next_after_the_last_that_came_is_fetched(start: Start, tab: Tab) -> None:
    running = start()
    running.add(*({"id": f"{n:02}", "text": f"글 {n}"} for n in range(33)))
    page = tab(running.url)
    page.click("#grid li:nth-child(30) .open")
    assert opened(page) and page.inner_text("#detail-place") == "30 / 30+"
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#detail-place').textContent === '31 / 33'")
    assert len(titles(page)) == 33


def test_the_picture_in_its_own_size(clothes: Running, tab: Tab) -> None:
    page = tab(clothes.url)
    page.click("#grid .open[aria-label='옷 0']")
    opened(page)
    answer = page.request.get(page.evaluate("() => document.querySelector('#detail-full').href"))
    assert answer.ok and PIL.Image.open(io.BytesIO(answer.body())).size == (2400, 1800)
    scaled = page.request.get(page.evaluate("() => document.querySelector('#detail-image').src"))
    assert PIL.Image.open(io.BytesIO(scaled.body())).size == (1600, 1200)


def test_a_deleted_item_comes_back_by_undo(clothes: Running, tab: Tab) -> None:
    page = tab(clothes.url)
    before = titles(page)
    page.click("#grid .open >> nth=1")
    page.click("#detail-delete")
    assert titles(page) == [before[0], before[2]] and opened(page) == before[2]  # the next one is shown
    assert before[1] in page.inner_text("#undo-text")
    page.click("#undo-button")
    assert titles(page) == before and opened(page) == before[1] and hidden(page, "#undo")
    page.reload()
    page.wait_for_selector("#grid .card")
    assert len(clothes.service.collection) == 3 and sorted(titles(page)) == sorted(before)


def test_a_delete_is_done_when_it_is_not_undone(clothes: Running, tab: Tab) -> None:
    page = tab(clothes.url)
    first, second, third = titles(page)
    page.click("#grid .open")
    page.click("#detail-delete")
    page.click("#detail-delete")  # a second one: the first can no longer be undone
    until(lambda: len(clothes.service.collection) == 2)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    page.wait_for_function("n => document.querySelectorAll('#grid .card').length === n", arg=2)
    assert titles(page) == [second, third]
    page.click("#grid .open")
    page.click("#detail-delete")
    page.goto("about:blank")  # the page is left before the time to undo is over
    until(lambda: len(clothes.service.collection) == 1)
    assert [it.text for it in clothes.service.collection.items()] == [third] and first != third


def test_facts_are_edited_and_the_edit_is_undone(clothes: Running, tab: Tab) -> None:
    page = tab(clothes.url)
    page.click("#grid .open[aria-label='옷 1']")
    kept = lambda: dict(clothes.service.collection.get("옷/1").facts)  # noqa: E731
    before = kept()
    assert before == {"price": 1000, "sale": True}
    page.click("#detail-edit")
    page.fill(".facts-form input[aria-label='price']", "abc")
    page.click(".facts-form button[type=submit]")  # no number: the form says so, nothing is sent
    assert page.evaluate("() => !document.querySelector('.facts-form').checkValidity()") and kept() == before
    page.fill(".facts-form input[aria-label='price']", "1500")
    page.click(".facts-form .fact:has-text('sale') button")
    page.click(".facts-form button:has-text('항목 더하기')")
    page.fill(".facts-form input[aria-label='이름']", "색")
    page.fill(".facts-form input[aria-label='값']", "빨강")
    page.click(".facts-form button[type=submit]")
    page.wait_for_selector("#undo", state="visible")
    assert kept() == {"price": 1500, "색": "빨강"}  # a number stays a number
    assert page.inner_text("#detail-facts").split() == ["price", "1500", "색", "빨강"]
    page.click("#undo-button")
    page.wait_for_selector("#detail-facts dd:has-text('1000')")
    assert kept() == before
    page.click("#detail-edit")
    page.keyboard.press("Escape")  # leaves the form, not the item
    assert shown(page, "#detail[open]") and not page.query_selector(".facts-form")


def test_a_key_that_only_reads_sees_no_way_to_write(start: Start, tab: Tab, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    reader, writer = keys.add("reader", ["read"]), keys.add("writer", ["read", "write"])
    running = start(keys=tmp_path / "keys.json", key=writer)
    running.add(*rows(2))
    for key, may in ((reader, False), (writer, True)):
        page = tab(running.url, refused="status of 401", wait="#key-dialog[open]")
        page.fill("#key", key)
        page.click("#key-form button")
        page.wait_for_selector("#grid .card")
        page.click("#grid .open")
        opened(page)
        assert [page.is_visible(s) for s in ("#detail-edit", "#detail-delete")] == [may, may]
        assert page.evaluate("() => !document.querySelector('#add').hidden") == may
        assert shown(page, "#detail-like")
        page.wait_for_function("() => document.querySelector('#detail-image').src.startsWith('blob:')")


def test_a_star_of_the_map_opens_whole(clothes: Running, tab: Tab) -> None:
    page = tab(f"{clothes.url}/?view=map", wait=".star")
    page.evaluate("() => document.querySelector('.star[aria-label=\"옷 1\"]').click()")
    assert opened(page) == "옷 1"
    page.wait_for_selector("#detail-facts dd:has-text('1000')")
    assert shown(page, "#detail-image") and hidden(page, "#detail-next")
