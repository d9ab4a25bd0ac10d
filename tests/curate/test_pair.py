"""Near duplicates, the join by image hash, describers and the record."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hannun.curate.describe import attributes, tags
from hannun.curate.merge import merge_rows, tidy
from hannun.curate.pair import near, score
from hannun.curate.record import record, schema
from hannun.recipes.naver_pairs import RULES
from tests.toy import Toy


def test_bands_miss_no_pair_within_the_distance() -> None:
    """Pigeonhole: 3 flipped bits can spoil 3 of 4 bands, never all; measured on 200 hashes with every number of flips up to 3."""
    rng = np.random.default_rng(0)
    for n in range(200):
        one = int(rng.integers(0, 2**63))
        other = one
        for bit in rng.choice(64, n % (near.DISTANCE + 1), replace=False):
            other ^= 1 << int(bit)
        assert set(near.bands(one)) & set(near.bands(other))
    assert len(near.bands(5)) == 4 and len(set(near.bands(0))) == 4  # the same value in another place is another band


def test_near_pairs_are_those_of_all_against_all() -> None:
    rng = np.random.default_rng(1)
    base = rng.integers(0, 2**63, 40, dtype=np.uint64)
    hashes = np.concatenate([base, base ^ np.uint64(0b101), base ^ np.uint64(2**40 - 1)])
    tints = np.full((len(hashes), 8), 128, np.uint8)
    expected = {(a, b) for a, b in itertools.combinations(range(len(hashes)), 2) if int(hashes[a] ^ hashes[b]).bit_count() <= 3}
    assert set(near.near_pairs(hashes, tints)) == expected and len(expected) == 40
    assert set(near.near_pairs(np.repeat(hashes, 6), np.repeat(tints, 6, 0))) >= {(0, 1), (0, 5)}  # more than one chunk


def test_another_colour_is_another_picture() -> None:
    hashes = np.zeros(2, np.uint64)
    tints = np.array([[128] * 8, [128] * 7 + [128 + near.TINT + 1]], np.uint8)
    assert list(near.near_pairs(hashes, tints)) == [] and list(near.near_pairs(hashes, tints, tint=near.TINT + 1)) == [(0, 1)]


def test_clusters_lead_to_the_least_key() -> None:
    assert near.cluster_roots([("b", "c"), ("a", "b"), ("x", "y")]) == {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x"}


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
    assert list(tags.texts("단화", ["여성 단화"], {"굽": "3cm"})) == [
        "[SHOPPING] 단화",
        "[QUERY] 여성 단화",
        "[PROMPT] 이 상품의 [굽]은 [3cm]입니다",
    ]
    assert tags.untagged("[QUERY] 여성 단화") == ("QUERY", "여성 단화") and tags.untagged("[기타] x") == (None, "[기타] x")


def test_a_style_must_lead() -> None:
    vectors = np.eye(3, dtype=np.float32)
    assert attributes.style(np.array([0.9, 0.1, 0.0], np.float32), ["미니멀", "빈티지", "스트릿"], vectors) == "미니멀"
    assert attributes.style(np.array([0.5, 0.49, 0.0], np.float32), ["미니멀", "빈티지", "스트릿"], vectors) is None
    assert attributes.style_sentence("미니멀") == "이 상품은 [미니멀] 스타일입니다"


def test_agreement_is_the_cosine_and_shared_texts_are_encoded_once() -> None:
    from hannun.errors import InputError
    from tests.conftest import draw

    encoder = Toy()
    vectors = score.picture_vectors([draw(seed=1), draw(seed=2)], encoder)
    before = encoder.encoded
    found = score.agreement(vectors, [["가나", "다라"], ["가나"]], encoder)
    assert encoder.encoded - before == 2
    assert found[0][0] == pytest.approx(float(vectors[0] @ encoder.encode_query(["가나"]).dense[0]), abs=1e-4)
    assert score.agreement(vectors, [[], []], encoder) == [[], []]
    with pytest.raises(InputError, match="two towers"):
        score.requires_parts(Toy(parts=False))


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
