"""The one grammar of conditions; what compiles to an engine is in contracts/test_engines.py."""

from __future__ import annotations

import unicodedata

import pytest

from hannun.errors import WhereError
from hannun.index.engine import All, Among, Any_, Compare, Condition, Not
from hannun.search.where import parse_where


def eq(field: str, value: str | int | float | bool) -> Compare:
    return Compare(field, "=", value)


A, B, C = eq("a", 1), eq("b", 2), eq("c", 3)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("category = 원피스", eq("category", "원피스")),
        ("category=원피스", eq("category", "원피스")),
        ("category == 원피스", eq("category", "원피스")),
        ("색깔 = 빨강", eq("색깔", "빨강")),
        ("price < 50000", Compare("price", "<", 50000)),
        ("price<=1.5", Compare("price", "<=", 1.5)),
        ("price > -3", Compare("price", ">", -3)),
        ("price >= +1e3", Compare("price", ">=", 1000.0)),
        ("price >= .5", Compare("price", ">=", 0.5)),
        ("a != 1", Not(A)),
        ("a <> 1", Not(A)),
        ("new = true", eq("new", True)),
        ("new = FALSE", eq("new", False)),
        ("new = 'true'", eq("new", "true")),
        ("code = '1'", eq("code", "1")),
        ("code = 007", eq("code", "007")),
        ("code = 010-1234-5678", eq("code", "010-1234-5678")),
        ("code = 0", eq("code", 0)),
        ("id = 1", eq("id", "1")),
        ("id = true", eq("id", "true")),
        ("id in (1, 2)", Among("id", ("1", "2"))),
        ("day = 2024-01-02", eq("day", "2024-01-02")),
        ("a = 5cm", eq("a", "5cm")),
        ("`소재 이름` = '면 100%'", eq("소재 이름", "면 100%")),
        ("`and` = `x` = 1", None),
        ('a = "그가 \\"좋다\\"고"', eq("a", '그가 "좋다"고')),
        ("a = 'it\\'s'", eq("a", "it's")),
        ("a = '\\\\'", eq("a", "\\")),
        ("a = ''", eq("a", "")),
        ("a = 'b and c = 3'", eq("a", "b and c = 3")),
        ("a.b-c_d = 1", eq("a.b-c_d", 1)),
        ("색 in (빨강, '분 홍', 3, true)", Among("색", ("빨강", "분 홍", 3, True))),
        ("색 not in (빨강)", Not(Among("색", ("빨강",)))),
        ("not a = 1", Not(A)),
        ("not not a = 1", Not(Not(A))),
        ("a = 1 and b = 2 or c = 3", Any_((All((A, B)), C))),
        ("a = 1 or b = 2 and c = 3", Any_((A, All((B, C))))),
        ("(a = 1 or b = 2) and c = 3", All((Any_((A, B)), C))),
        ("not a = 1 and b = 2", All((Not(A), B))),
        ("not (a = 1 and b = 2)", Not(All((A, B)))),
        ("a = 1 AND b = 2 Or c = 3", Any_((All((A, B)), C))),
        ("a = 1 or b = 2 or c = 3", Any_((A, B, C))),
        ("((((a = 1))))", A),
        ("  a\n=\t1  ", A),
        ("android = 1 and orange = 2", All((eq("android", 1), eq("orange", 2)))),
    ],
)
def test_grammar(text: str, condition: Condition | None) -> None:
    if condition is None:
        with pytest.raises(WhereError):
            parse_where(text)
    else:
        assert parse_where(text) == condition


def test_numbers_keep_their_kind() -> None:
    whole, decimal = parse_where("a = 1"), parse_where("a = 1.0")
    assert isinstance(whole, Compare) and isinstance(whole.value, int) and not isinstance(whole.value, bool)
    assert isinstance(decimal, Compare) and isinstance(decimal.value, float)


def test_decomposed_conditions_are_composed() -> None:
    text = "색깔 = 빨강 and `이름` in ('가방')"
    assert parse_where(unicodedata.normalize("NFD", text)) == parse_where(text)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("category", 9, "the condition ends, expected one of = != < <= > >= in"),
        ("category =", 11, "the condition ends, expected a value"),
        ("category 원피스", 10, "'원피스' came after 'category', expected one of ="),
        ("= 5", 1, "'=' came, expected a field name"),
        ("a = 1 b = 2", 7, "'b' came, expected 'and', 'or' or the end"),
        ("a = 1 and", 10, "the condition ends, expected a field name"),
        ("a = 1 and and b = 2", 15, "'b' came after 'and', expected one of ="),
        ("(a = 1", 7, "expected ')'"),
        ("a = 1)", 6, "')' came, expected 'and'"),
        ("a in 1", 6, "expected '('"),
        ("a in ()", 7, "')' came, expected a value"),
        ("a in (1 2)", 9, "expected ')'"),
        ("a in (1,)", 9, "')' came, expected a value"),
        ("a = 'x", 5, "cannot be read"),
        ('a = 1 and b = "x', 15, "cannot be read"),
        ("a ! 1", 3, "cannot be read"),
        ("a = = 1", 5, "'=' came, expected a value"),
        ("price < 싸다", 9, "'싸다' is not a number"),
        ("price < '5'", 9, "'5' is not a number"),
        ("price > true", 9, "True is not a number"),
        ("price < 1e999", 9, "too large a number"),
        ("price = " + "9" * 400, 9, "too large a number"),
        ("a not = 1", 7, "'=' came after 'a'"),
        ("not", 4, "expected a field name"),
        ("원피스", 4, "the condition ends"),
    ],
)
def test_errors_point_at_the_place(text: str, at: int, message: str) -> None:
    with pytest.raises(WhereError) as caught:
        parse_where(text)
    assert f"character {at}: " in str(caught.value) and message in str(caught.value)
    assert "for example" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "   ", "\u200b"])
def test_an_empty_condition(text: str) -> None:
    with pytest.raises(WhereError, match="empty condition"):
        parse_where(text)


def test_depth_is_bounded_and_length_is_not() -> None:
    assert parse_where("(" * 49 + "a = 1" + ")" * 49) == A
    for deep in ("(" * 51 + "a = 1" + ")" * 51, "not " * 51 + "a = 1", "(" * 100_000):
        with pytest.raises(WhereError, match="nested over 50 deep"):
            parse_where(deep)
    wide = parse_where(" or ".join(["a = 1"] * 5000))
    assert isinstance(wide, Any_) and len(wide.conditions) == 5000
