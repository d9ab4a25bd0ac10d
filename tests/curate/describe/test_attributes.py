"""Sentences about attributes and styles, and their particles."""

from __future__ import annotations

import pytest

from hannun.curate.describe import attributes, tags

SEED = ["image_hash", "image_url", "image_size", "title", "query", "title_kelip_score", "query_count", "query_kelip_score",
        "image_white_pixel_ratio", "watermark_score", "ocr_num_box", "ocr_ratio_box"]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "particle"), [("토스타일", "은"), ("소재", "는"), ("색상", "은"), ("길이", "는"), ("Fit", "는"), ("Model", "은")]
)
def test_the_particle_fits_the_word(word: str, particle: str) -> None:
    assert attributes.topic(word) == particle


def test_attribute_sentences_and_tags() -> None:
    assert attributes.sentence("토스타일", "라운드 토") == "이 상품의 [토스타일]은 [라운드 토]입니다"  # the source's own example
    assert attributes.sentence("소재", "면", brackets=False) == "이 상품의 소재는 면입니다"
    assert list(attributes.sentences({"색상": ["빨강", "검정"], "빈칸": None, "소재": ""})) == [
        "이 상품의 [색상]은 [빨강]입니다",
        "이 상품의 [색상]은 [검정]입니다",
    ]
    assert list(tags.texts("봄에 신는 단화", ["여성 단화"], {"굽": "3cm", "상품명": "로우컷 단화 W3"})) == [
        "[PROMPT] 봄에 신는 단화",
        "[QUERY] 여성 단화",
        "[SHOPPING] 로우컷 단화 W3",
        "[PROMPT] 이 상품의 [굽]은 [3cm]입니다",
    ]
    assert tags.untagged("[QUERY] 여성 단화") == ("QUERY", "여성 단화") and tags.untagged("[기타] x") == (None, "[기타] x")
