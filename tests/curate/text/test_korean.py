"""Whether a text is Korean."""

from __future__ import annotations

import pytest

from hannun.curate.text.korean import is_korean


@pytest.mark.parametrize(
    ("text", "korean"), [("나이키 운동화 Nike Air", True), ("Nike Air Max shoes 신", False), ("red dress", False), ("ㅋㅋㅋ", False)]
)
def test_korean_rows(text: str, korean: bool) -> None:
    assert is_korean(text) == korean
