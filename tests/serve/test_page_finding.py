"""What narrows a search on the page, in a real Chromium: ranges, conditions and their mistakes, saved searches, a phone's first screen."""

from __future__ import annotations

import re

import pytest

from tests.serve.conftest import Running, Start, Tab, hidden, settled, shown, titles

ROWS = [
    {"id": f"n{n}", "text": f"물건 {n}", "갈래": "책" if n % 3 else "옷", "가격": 1000 * (n + 1), "taken": f"2026-03-{n + 1:02}T09:30:00"}
    for n in range(12)
]


@pytest.fixture
def things(start: Start) -> Running:
    """Twelve texts: 1,000 to 12,000 won, taken on the 1st to the 12th of March."""
    running = start()
    job = running.add(*ROWS)
    assert job["added"] == 12, job
    return running


def test_ranges_are_those_of_the_collection(things: Running, tab: Tab) -> None:
    page = tab(things.url)
    price = page.query_selector_all("[data-field='가격'] input")
    day = page.query_selector_all("[data-field='taken'] input")
    assert [e.get_attribute("placeholder") for e in price] == ["1000", "12000"]
    assert [(e.get_attribute("type"), e.get_attribute("min"), e.get_attribute("max")) for e in day] == [
        ("date", "2026-03-01", "2026-03-12")
    ] * 2
    assert not page.query_selector("[data-field='갈래'].range")  # words have no bounds, they are ticked

    def fill(field: str, nth: int, value: str) -> None:
        box = page.locator(f"[data-field='{field}'] input").nth(nth)
        box.fill(value)
        box.dispatch_event("change")

    settled(page, lambda: fill("가격", 0, "9000"))
    settled(page, lambda: fill("가격", 1, "3000"))  # the wrong way round: 3,000 to 9,000 is meant
    assert sorted(titles(page)) == [f"물건 {n}" for n in range(2, 9)]
    settled(page, lambda: fill("taken", 1, "2026-03-05"))  # all of that day, though it is told with its time
    assert sorted(titles(page)) == ["물건 2", "물건 3", "물건 4"]
    address = page.url
    page.reload()
    page.wait_for_selector("#grid .card")
    page.wait_for_selector("#results:not([aria-busy])")
    assert page.url == address and len(titles(page)) == 3
    for _ in range(2):
        settled(page, lambda: page.click("#chosen button"))
    assert len(titles(page)) == 12 and not page.query_selector("#chosen button")


def test_filters_stay_where_they_are_while_results_come(things: Running, tab: Tab) -> None:
    page = tab(things.url)
    before = page.query_selector_all("#facets input")
    books, clothes = (page.query_selector(f"#facets label:has-text('{k}') input") for k in ("책", "옷"))
    settled(page, books.check)
    assert books.is_checked() and books.evaluate("e => document.activeElement === e") and len(titles(page)) == 8
    settled(page, clothes.check)  # what else the fact may be stays offered, with its count
    assert clothes.is_checked() and len(titles(page)) == 12
    settled(page, books.uncheck)
    assert len(titles(page)) == 4 and page.inner_text("#facets label:has-text('책') .count") == "8"
    settled(page, lambda: page.click("#chosen button"))
    assert not clothes.is_checked()
    page.fill("[data-field='가격'] input", "2000")  # typed, and not yet sent
    settled(page, lambda: page.evaluate("() => document.querySelector('#diversity').dispatchEvent(new Event('input'))"))
    assert page.input_value("[data-field='가격'] input") == "2000"
    after = page.query_selector_all("#facets input")
    assert len(after) == len(before) and all(a.evaluate("(a, b) => a === b", b) for a, b in zip(after, before, strict=True))


def test_the_example_condition_is_made_of_the_collections_own_facts(things: Running, tab: Tab) -> None:
    page = tab(things.url)
    example = page.get_attribute("#where", "placeholder")
    assert example == "갈래 = 책 and 가격 < 6500"
    page.fill("#where", example)
    settled(page, lambda: page.press("#where", "Enter"))
    assert sorted(titles(page)) == ["물건 1", "물건 2", "물건 4", "물건 5"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("가격 <", "끝에 값이 빠졌습니다"),
        ("가겨 < 3000", "혹시 가격?"),
        ("가격 < 싸다", "숫자나 날짜"),
        ("가격 3000", "비교가 와야"),
        ("갈래 = 책 가격 = 3", "and나 or"),
        ("가격 in (1, 2", "기호가 빠졌습니다"),
        ("갈래 = '책", "읽을 수 없습니다"),
    ],
)
def test_mistakes_in_a_condition_are_told_in_korean_and_the_results_stay(things: Running, tab: Tab, typed: str, expected: str) -> None:
    page = tab(f'{things.url}/?f=갈래%3D"책"&r=가격%3D2000..', refused="status of 400")
    before = titles(page)
    assert len(before) == 8
    page.fill("#where", typed)
    page.press("#where", "Enter")
    page.wait_for_selector("#trouble", state="visible")
    told = page.inner_text("#trouble-text")
    assert f"‘{typed}’" in told and expected in told
    # What the page adds of its own (ticked boxes, ranges, brackets) is not quoted, nor the service's English.
    assert "`" not in told and "2000" not in told
    assert not re.search(r"character|expected|where", told)
    assert titles(page) == before and page.get_attribute("#where", "aria-invalid") == "true"
    page.click("#trouble-close")
    assert hidden(page, "#trouble")


def test_mistakes_in_english_and_of_other_kinds(things: Running, tab: Tab) -> None:
    page = tab(things.url, locale="en-GB", refused="status of 400")
    page.fill("#where", "가겨 < 3000")
    page.press("#where", "Enter")
    page.wait_for_selector("#trouble", state="visible")
    assert page.inner_text("#trouble-text") == "Condition ‘가겨 < 3000’: no item has a ‘가겨’. Did you mean 가격?"
    page.click("#language")
    page.fill("#where", "")
    settled(page, lambda: page.press("#where", "Enter"))
    page.fill("#words", "-책")
    page.press("#words", "Enter")
    page.wait_for_selector("#trouble", state="visible")
    assert page.inner_text("#trouble-text") == "빼고 싶은 말만 있습니다. 찾을 말을 그 앞에 쓰세요." and len(titles(page)) == 12


def test_a_service_that_is_gone_is_told_in_korean(things: Running, tab: Tab) -> None:
    page = tab(things.url, refused="ERR_FAILED")
    page.route("**/v1/search", lambda r: r.abort())
    page.route("**/v1/facets*", lambda r: r.fulfill(status=200, content_type="application/json", body='{"facets": [], "count": 0}'))
    page.fill("#words", "책")
    page.press("#words", "Enter")
    page.wait_for_selector("#trouble", state="visible")
    assert "서비스에 닿지 않습니다" in page.inner_text("#trouble-text") and len(titles(page)) == 12


def test_searches_are_saved_by_name_and_open_elsewhere_by_address(things: Running, tab: Tab) -> None:
    page = tab(things.url)
    page.fill("#words", "물건 3")
    settled(page, lambda: page.press("#words", "Enter"))
    settled(page, lambda: page.check("#facets label:has-text('책') input"))
    found, address = titles(page), page.url
    page.click("#save")
    assert page.input_value("#saved-name") == "물건 3 · 책"
    page.fill("#saved-name", "봄 <b>책</b>")
    page.press("#saved-name", "Enter")
    page.wait_for_selector("#saved-list a")
    page.click("#saved .close")
    settled(page, lambda: page.goto(things.url))
    assert len(titles(page)) == 12
    page.click("#save")
    assert page.inner_text("#saved-list a") == "봄 <b>책</b>" and hidden(page, "#saved-here")  # nothing is asked: nothing to save
    settled(page, lambda: page.click("#saved-list a"))
    assert page.url == address and titles(page) == found and hidden(page, "#saved")
    assert titles(tab(address)) == found  # another browser
    page.click("#save")
    page.click("#saved-list button")
    assert shown(page, "#saved-none")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 740)])
def test_a_phone_shows_results_first(things: Running, tab: Tab, width: int, height: int) -> None:
    page = tab(things.url, width=width, height=height)
    top = page.evaluate("() => document.querySelector('#grid .card').getBoundingClientRect().top")
    assert top <= 0.2 * height
    assert hidden(page, "#where") and hidden(page, "#facets")
    page.click("#fold-tune")
    assert shown(page, "#where") and page.get_attribute("#fold-tune", "aria-expanded") == "true"
    page.click("#fold-narrow")
    assert shown(page, "#facets input")
    settled(page, lambda: page.check("#facets label:has-text('책') input"))
    assert page.inner_text("#fold-narrow").split() == ["분류", "1"]
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_every_control_has_a_name_in_both_languages(things: Running, tab: Tab) -> None:
    nameless = """() => [...document.querySelectorAll('button, input:not([type=file]), a, dialog')].filter(e => e.offsetParent)
        .filter(e => !(e.ariaLabel || e.getAttribute('aria-labelledby') || e.textContent.trim() || e.labels?.length))
        .map(e => e.outerHTML)"""
    own = """() => [...document.querySelectorAll('[data-say], [data-label]')]
        .map(e => (e.dataset.say && e.textContent) || e.ariaLabel).join(' ')"""
    for locale, other in (("ko-KR", "[A-Za-z]{4,}"), ("en-GB", "[가-힣]{2,}")):
        page = tab(things.url, locale=locale)
        page.click("#grid .open")
        page.click("#detail-edit")
        assert page.evaluate(nameless) == []
        # No word of the page's own in the other language; what is the collection's (names of facts, texts) is left out.
        assert not re.findall(other, page.evaluate(own))


def test_results_come_in_the_order_of_a_fact(things: Running, tab: Tab) -> None:
    page = tab(things.url)
    offered = page.eval_on_selector_all("#sort option", "all => all.map(o => o.textContent)")
    assert offered == ["관련도순", "taken 오래된 것부터", "taken 최근 것부터", "가격 낮은 것부터", "가격 높은 것부터"]
    settled(page, lambda: page.select_option("#sort", "-taken"))  # leafed through, newest first
    assert titles(page) == [f"물건 {n}" for n in range(11, -1, -1)]
    page.fill("#words", "물건")
    settled(page, lambda: page.press("#words", "Enter"))
    settled(page, lambda: page.select_option("#sort", "가격"))
    assert titles(page) == [f"물건 {n}" for n in range(12)] and "sort=" in page.url
    settled(page, page.reload)
    assert page.input_value("#sort") == "가격" and titles(page)[0] == "물건 0"
