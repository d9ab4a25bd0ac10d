"""Topics as files: the one that comes with Hannun, one's own, and what is wrong with a file told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.annotate import schema
from hannun.errors import InputError, MissingError

OWN = """
name = "가구"
thing = ["{} 가구", "a {} piece of furniture"]
[attribute."재질"]
english = "material"
threshold = 0.3
[attribute."재질".values]
"나무" = ["원목", "wood"]
"철제" = ["금속", "metal"]
[attribute."다리"]
of = ["의자"]
[attribute."다리".values]
"넷" = []
"하나" = ["외다리"]
"""

C, V = "[attribute.'색']", "[attribute.'색'.values]"


def test_fashion_is_whole() -> None:
    fashion = schema.read()
    assert fashion.name == "fashion" and {"치마", "신발", "상의"} <= set(fashion.categories)
    assert all(len(a.values) >= 2 and len({v.name for v in a.values}) == len(a.values) for a in fashion.attributes)
    assert all(v.english.isascii() for a in fashion.attributes for v in a.values)
    assert [a.key for a in fashion.of("신발").attributes if a.of] == ["토스타일", "발목높이"]
    assert "토스타일" not in [a.key for a in fashion.of("치마").attributes]


def test_a_topic_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    own = schema.read(tmp_path / "own.toml")
    wood = own.attribute("재질").value("나무")
    assert wood.english == "wood" and own.attribute("재질").prompts(wood) == ("나무 가구", "원목 가구", "a wood piece of furniture")
    assert own.attribute("다리").english == "다리" and own.attribute("다리").threshold == schema.THRESHOLD
    assert own.of("의자").attributes == own.attributes and len(own.digest) == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no"),
        ("x = [", "is no TOML"),
        (f"{C}\n{V}\n'빨강'=[]", "expected two at least"),
        (f"{C}\nthresold=0.5\n{V}\n'빨강'=[]\n'파랑'=[]", "did you mean 'threshold'"),
        (f"{C}\nthreshold=2\n{V}\n'빨강'=[]\n'파랑'=[]", "expected 0 … 1"),
        (f"{C}\n{V}\n'빨강'='red'\n'파랑'=[]", "expected a list of words"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text, "utf-8")
    with pytest.raises(InputError, match=said):
        schema.read(tmp_path / "own.toml")


def test_names_that_are_not_there() -> None:
    with pytest.raises(MissingError, match="no such topic"):
        schema.read(Path("nowhere.toml"))
    with pytest.raises(InputError, match="no category '치미'; did you mean '치마'"):
        schema.read().of("치미")
    with pytest.raises(InputError, match="no attribute"):
        schema.read().only(["맛"])
    with pytest.raises(InputError, match="has no value"):
        schema.read().attribute("색").value("무지개")
