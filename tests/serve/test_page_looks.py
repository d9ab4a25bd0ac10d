"""What was found in pictures, on the page in Chromium: tag chips that narrow, a place's card, the picture that fits the words."""

from __future__ import annotations

import base64
from typing import Any, get_args

import PIL.Image
import pytest

from hannun.annotate import schema
from hannun.serve.http.routes import looks
from tests.conftest import encoded
from tests.serve.conftest import Running, Start, Tab, hidden, settled

RAMP = PIL.Image.linear_gradient("L").resize((96, 96)).convert("RGB")
TAGS = {"색": 0.91, "words": "빨간색 red", "by": "fashion-1"}


def picture(made: PIL.Image.Image) -> str:
    return base64.b64encode(encoded(made)).decode()


@pytest.fixture
def found(start: Start) -> Running:
    running = start()
    job = running.add(
        {"id": "a", "text": "빨간 원피스", "image": [picture(RAMP), picture(RAMP.rotate(90))], "색": "빨강", "tags": TAGS, "price": 3},
        {"id": "b", "text": "파란 치마", "색": "파랑", "tags": {"색": 0.7, "by": "fashion-1"}},
        {"id": "c", "text": "첨성대", "place": "첨성대", "region": ["국내", "국내/경상도"], "latitude": 35.8347, "longitude": 129.219},
    )
    assert job["state"] == "done", job
    return running


def opened(page: Any, title: str) -> None:
    page.click(f"#grid .open[aria-label*='{title}']")
    page.wait_for_selector("#detail[open]")


BOTH = pytest.mark.parametrize("locale", ["ko-KR", "en-US"])


@BOTH
def test_a_tag_is_a_chip_with_its_probability_and_narrows(found: Running, tab: Tab, locale: str) -> None:
    page = tab(found.url, locale=locale)
    opened(page, "빨간 원피스")
    chip = page.wait_for_selector("#detail-tags .tag")
    assert chip.inner_text().split() == ["색:", "빨강", "91%"]
    said = {"ko-KR": "색 빨강, 확률 91%", "en-US": "색 빨강, 91% sure"}[locale]
    assert chip.get_attribute("aria-label").startswith(said)
    said = page.inner_text("#detail-facts")
    assert "price" in said and "tags" not in said and "fashion-1" not in said and "빨강" not in said
    settled(page, lambda: page.click("#detail-tags .tag"))
    assert hidden(page, "#detail") and page.eval_on_selector_all("#grid .open", "all => all.length") == 1


@BOTH
def test_the_card_of_a_place(found: Running, tab: Tab, locale: str) -> None:
    page = tab(found.url, locale=locale)
    opened(page, "첨성대")
    card = page.wait_for_selector("section.place")
    assert card.get_attribute("aria-label") == {"ko-KR": "장소", "en-US": "Place"}[locale]
    assert "35.8347°N 129.2190°E" in card.inner_text() and "국내 › 경상도" in card.inner_text()
    assert page.get_attribute("section.place a", "href") == "geo:35.8347,129.219" and "latitude" not in page.inner_text("#detail-facts")
    assert not page.query_selector("#detail-tags .tag") and not page.query_selector("#pick-thumbnail")


@BOTH
def test_the_picture_that_fits_is_chosen(found: Running, tab: Tab, locale: str) -> None:
    page = tab(found.url, locale=locale)
    page.fill("#words", "원피스")
    settled(page, lambda: page.press("#words", "Enter"))
    opened(page, "빨간 원피스")
    with page.expect_response("**/v1/thumbnail") as sent:
        page.click("#pick-thumbnail")
    assert sent.value.ok and sent.value.request.post_data_json == {"id": "a", "query": "원피스"}
    page.wait_for_function("() => document.querySelector('#picker p').textContent")
    ranked = sent.value.json()["pictures"]
    assert len(ranked) == 2
    told = page.inner_text("#picker p")
    shown, none = {"ko-KR": ("번째 사진이 가장 맞습니다", "맞는 사진이 없습니다"), "en-US": ("fits best", "No picture fits")}[locale]
    assert (shown if any(r["shown"] for r in ranked) else none) in told


def test_the_requests_say_what_is_wrong(found: Running) -> None:
    assert found.post("/v1/thumbnail", query="원피스").status_code == 400
    assert found.post("/v1/thumbnail", query="원피스", id="nobody").status_code == 404
    assert found.post("/v1/thumbnail", query="원피스", id="a", aspect="wide").status_code == 422
    assert set(get_args(looks.Category)) == set(schema.read().categories)
    answer = found.post("/v1/thumbnail", query="원피스", images=[picture(RAMP)], aspect="2:1", threshold=0)
    (only,) = answer.json()["pictures"]
    assert only["shown"] and only["box"][2] - only["box"][0] == 2 * (only["box"][3] - only["box"][1])
