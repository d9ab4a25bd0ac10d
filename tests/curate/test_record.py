"""The record that stands beside a picture in a shard."""

from __future__ import annotations

import pytest

from hannun.curate.record import record, schema

SEED = ["image_hash", "image_url", "image_size", "title", "query", "title_kelip_score", "query_count", "query_kelip_score",
        "image_white_pixel_ratio", "watermark_score", "ocr_num_box", "ocr_ratio_box"]  # fmt: skip


def test_the_record_is_the_seeds_and_follows_its_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is in hannun[peers]")
    made = record(
        "0" * 32,
        None,
        (640, 480),
        "원피스",
        0.31,
        ["빨간 옷"],
        [3],
        [0.2],
        {"white": 0.123456, "ocr_boxes": 2.0},
        1,
        ["[SHOPPING] 원피스"],
        "a.jsonl",
    )
    assert list(made)[:12] == [*SEED[:5], *SEED[5:]] and made["image_white_pixel_ratio"] == 0.1235 and made["ocr_num_box"] == 2
    jsonschema.Draft202012Validator.check_schema(schema())
    check = jsonschema.Draft202012Validator(schema())
    check.validate(made)
    assert schema()["required"] == SEED
    for wrong in (
        {**made, "image_hash": "x"},
        {**made, "extra": 1},
        {**made, "query_kelip_score": [2.0]},
        {k: v for k, v in made.items() if k != "title"},
    ):
        assert not check.is_valid(wrong)
