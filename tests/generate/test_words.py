"""Prompts: what is folded, what is refused and what is not, and the operator's switch."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.errors import InputError, MissingError
from hannun.generate.generator import DrawSettings
from hannun.generate.words import LONGEST, SWITCH, RefusedError, clean, refused, unsafe


def test_a_prompt_is_one_line_of_nfc() -> None:
    assert clean("  빨간\n줄무늬\t 원피스 ") == "빨간 줄무늬 원피스"
    assert clean("가방".encode().decode()) == clean("\u1100\u1161\u1107\u1161\u11bc") == "가방"


@pytest.mark.parametrize("given", ["", "  \n", "!?…", "\u200b", "x" * (LONGEST + 1), "a\0b"])
def test_empty_and_endless_prompts(given: str) -> None:
    with pytest.raises(InputError, match=r"expected words|say it in some sixty words"):
        clean(given)


@pytest.mark.parametrize(
    "prompt", ["누드 사진", "a nude woman", "참수 장면", "씨발 로고", "Nazi flag", "자해하는 손", "gory scene", "시1발"]
)
def test_unsafe_words_are_refused_unless_the_operator_says_otherwise(prompt: str) -> None:
    with pytest.raises(RefusedError, match=f"word filter refuses.*{SWITCH}=off"):
        refused(prompt, {})
    refused(prompt, {SWITCH: "off"})


@pytest.mark.parametrize(
    "prompt",
    ["빨간 줄무늬 원피스", "지나치게 밝은 옷", "누드톤 립스틱", "nude lipstick", "투자해 드립니다", "참수리 한 마리", "아기 옷을 입은 곰",
     "children playing", "a corpse flower", "naked eye", "소년과 개", "grapes", "Essex", "gorge"],
)  # fmt: skip
def test_innocent_words_are_not(prompt: str) -> None:
    refused(prompt, {})


@pytest.mark.parametrize("prompt", ["여고생 야한 사진", "topless teen", "nude child", "소녀 누드", "kids porn"])
@pytest.mark.parametrize("setting", ["", "off"])
def test_some_are_refused_whatever_the_operator_says(prompt: str, setting: str) -> None:
    with pytest.raises(RefusedError, match="cannot be switched on"):
        refused(prompt, {SWITCH: setting})


def test_an_operator_s_own_list(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("# ours\nbrand\tstart\t경쟁사\nbrand\tword\tacme\tacme river|acme city\n", "utf-8")
    for prompt in ("경쟁사 로고", "ACME's shoes"):
        with pytest.raises(RefusedError, match="brand"):
            refused(prompt, {SWITCH: str(own)})
    for prompt in ("acme river", "acmeist", "누드 사진"):
        refused(prompt, {SWITCH: str(own)})
    with pytest.raises(MissingError, match="no such list"):
        refused("x", {SWITCH: str(tmp_path / "gone.tsv")})
    own.write_text("brand acme\n", "utf-8")
    unsafe.cache_clear()
    with pytest.raises(InputError, match="line 1"):
        refused("x", {SWITCH: str(own)})


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"steps": 0}, "1 … 1,000"), ({"steps": 1001}, "1 … 1,000"), ({"guidance": -1.0}, "0 … 50"), ({"strength": 0.0}, "above 0 … 1"),
     ({"width": 500}, "take 496 or 504"), ({"height": 7}, "8 … 2,048"), ({"width": 4096}, "8 … 2,048"),
     ({"together": -1}, "0 .all at once")],
)  # fmt: skip
def test_settings_that_mean_nothing(changed: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        DrawSettings(**changed)  # type: ignore[arg-type]
