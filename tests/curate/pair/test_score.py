"""How well a text agrees with its picture."""

from __future__ import annotations

import pytest

from hannun.curate.pair import score
from tests.toy import Toy

SEED = ["image_hash", "image_url", "image_size", "title", "query", "title_kelip_score", "query_count", "query_kelip_score",
        "image_white_pixel_ratio", "watermark_score", "ocr_num_box", "ocr_ratio_box"]  # fmt: skip


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
