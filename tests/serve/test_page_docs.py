"""The API's own page, in a real Chromium: every operation of the OpenAPI document, nothing from elsewhere, a request sent from it."""

from __future__ import annotations

from tests.serve.conftest import Running, Tab


def test_every_operation_is_told_and_nothing_is_fetched_from_elsewhere(shop: Running, tab: Tab) -> None:
    asked: list[str] = []
    page = tab(f"{shop.url}/docs", wait=".operation")
    page.on("request", lambda r: asked.append(r.url))
    page.reload()
    page.wait_for_selector(".operation")
    assert asked and all(u.startswith((shop.url, "data:")) for u in asked)
    paths = shop.client.get("/openapi.json").json()["paths"]
    expected = {f"{m.upper()} {p}" for p, methods in paths.items() for m in methods}
    told = page.eval_on_selector_all(
        ".operation summary", "all => all.map(s => `${s.querySelector('b').textContent} ${s.querySelector('code').textContent}`)"
    )
    assert set(told) == expected and len(told) == len(expected) > 15


def test_a_request_is_sent_from_it(shop: Running, tab: Tab) -> None:
    page = tab(f"{shop.url}/docs", wait=".operation")
    search = page.locator("[id='post-/v1/search']")
    search.locator("summary").click()
    search.locator("textarea").wait_for()  # an operation is written out once it is opened
    text = search.inner_text()
    assert (
        "diversity" in text and "≤ 1000" in text and "SearchOut" in text and "Explanation" in text
    )  # also what the answer's parts are made of
    search.locator("textarea").fill('{"query": "노란 가방", "limit": 1}')
    search.locator(".trial button").click()
    page.wait_for_function("() => document.querySelector('.trial pre').textContent.startsWith('200')")
    assert '"id": "d/1"' in search.locator("pre").inner_text()
