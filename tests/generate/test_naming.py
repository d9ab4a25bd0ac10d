"""Whether a prompt names what a painter learned: whole English words, Korean with what is written onto it."""

from __future__ import annotations

import pytest

from hannun.generate.naming import KnownNames

NAMES = KnownNames(["티셔츠", "T-shirt", "모자", "hat", "눈", "eye", "작은 구름 뒤의 태양", "sun behind small cloud", "용", "dragon"])


@pytest.mark.parametrize(
    "prompt",
    ["red t-shirt", "RED T-SHIRTS", "tshirt", "a t shirt", "빨간 티 셔츠", "밀짚모자를 쓴", "용", "용이 난다", "a Sun behind small cloud!"],
)
def test_named(prompt: str) -> None:
    assert NAMES.named(prompt)


@pytest.mark.parametrize("prompt", ["that", "what a sun", "사용 설명서", "눈물", "a dragonfly", ""])
def test_not_named(prompt: str) -> None:
    assert not NAMES.named(prompt)
