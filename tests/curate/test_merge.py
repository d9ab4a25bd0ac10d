"""The texts of one picture, out of all its rows, documents and clicks."""

from __future__ import annotations

import pytest

from hannun.curate.merge import merge_rows, tidy
from hannun.recipes.naver_pairs import RULES

SEED = ["image_hash", "image_url", "image_size", "title", "query", "title_kelip_score", "query_count", "query_kelip_score",
        "image_white_pixel_ratio", "watermark_score", "ocr_num_box", "ocr_ratio_box"]  # fmt: skip


def row(key: str, title: str | None, *queries: tuple[str, int], **more: object) -> dict[str, object]:
    base = {"key": key, "source": "s", "url": None, "attributes": None, "title": title}
    return {**base, "queries": [q for q, _ in queries], "counts": [c for _, c in queries], **more}


def test_one_picture_many_rows() -> None:
    pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")
    rows = [
        row("2", "원피스", ("빨간 옷", 3), url="http://a.kr/1.jpg"),
        row("1", "드레스", ("빨간 옷", 2), ("파티 드레스", 5)),
        row("3", "원피스"),
    ]
    linked = [
        {"source": "c", "title": None, "query": "여름 원피스", "count": 7},
        {"source": "c", "title": None, "query": "씨발", "count": 9},
        {"source": "d", "title": "문의 010-1234-5678", "query": None, "count": None},
    ]
    made, texts = merge_rows(rows, linked, RULES)
    assert made["title"] == "원피스" and made["copies"] == 3 and made["url"] == "http://a.kr/1.jpg" and made["key"] == "1"
    assert list(zip(made["queries"], made["counts"], strict=True)) == [("여름 원피스", 7), ("빨간 옷", 5), ("파티 드레스", 5)]
    assert [(r.kind, r.verdict.reason) for r in texts.rejected] == [("query", "text_abuse")] and texts.masked == {"phone": 1}
    again, _ = merge_rows(list(reversed(rows)), list(reversed(linked)), RULES)
    assert again == made


def test_tidy_drops_or_masks_personal_data() -> None:
    pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")
    from dataclasses import replace

    text = "원피스 문의 010-1234-5678"
    assert tidy([text], [], RULES).title == "원피스 문의 [전화번호]"
    dropped = tidy([text], [("빨간 옷", 1), ("빨간  옷", 2)], replace(RULES, personal="drop"))
    assert dropped.title is None and dropped.rejected[0].verdict.reason == "text_personal_phone"
    assert "010" not in dropped.rejected[0].text  # the ledger keeps no personal data
    assert dropped.queries == ("빨간 옷",) and dropped.counts == (3,)
