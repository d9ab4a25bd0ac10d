"""The one grammar of conditions; what compiles to an engine is in contracts/engines/test_conditions.py."""

from __future__ import annotations

import unicodedata
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from hannun import hangul
from hannun.errors import WhereError
from hannun.index.engine import All, Among, Any_, Begins, Compare, Condition, Contains, Not, Present
from hannun.search.where import needed, parse_where, written


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
        ("version = 3.10", eq("version", "3.10")),
        ("version = 3.1", eq("version", 3.1)),
        ("code = 1e5", eq("code", "1e5")),
        ("code = +82", eq("code", "+82")),
        ("code = -0", eq("code", "-0")),
        (f"no = {2**63 - 1}", eq("no", 2**63 - 1)),
        (f"no = {2**63}", eq("no", str(2**63))),
        ("price > 3.10", Compare("price", ">", 3.1)),
        (f"no > {2**63}", Compare("no", ">", 2**63)),
        ("day >= 2025-11-01", Compare("day", ">=", "2025-11-01")),
        ("day >= '2025-11-01 09:30'", Compare("day", ">=", "2025-11-01 09:30")),
        ("open < 09:30", Compare("open", "<", "09:30")),
        ("a is null", Not(Present("a"))),
        ("a IS NOT NULL", Present("a")),
        ("a contains 여름", Contains("a", "여름")),
        ("a not contains 5", Not(Contains("a", 5))),
        ("a like '라운드%'", Begins("a", "라운드")),
        ("a not like 50\\%%", Not(Begins("a", "50%"))),
        ("contains contains is and is is null", All((Contains("contains", "is"), Not(Present("is"))))),
        ("`a``b` = 1", eq("a`b", 1)),
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
        ("day < 2025-02-30", 7, "'2025-02-30' is not a number or an ISO date"),
        ("a is", 5, "expected null or not null"),
        ("a like b", 8, "expected 'prefix%'"),
        ("a like '%b%'", 8, "expected 'prefix%'"),
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


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"category": "신발"}, "category = 신발"),
        ({"price": 9900, "sale": True}, "price = 9900 and sale = true"),
        ({"size": ["M", "L"], "code": None}, "size in (M, L) and code is null"),
        ({"id": 1, unicodedata.normalize("NFD", "색"): "007"}, "id = 1 and 색 = 007"),
    ],
)
def test_a_dict_means_all_of_its_facts(given: dict[str, Any], text: str) -> None:
    assert parse_where(given) == parse_where(text)


@pytest.mark.parametrize("given", [{}, {"a": {"$gt": 5}}, {"a": b"x"}, {"a": []}, 5, ["a = 1"]])
def test_what_is_no_condition_is_told_with_an_example(given: Any) -> None:
    with pytest.raises(WhereError, match="category = 원피스"):
        parse_where(given)


def test_fields_that_some_item_must_have() -> None:
    text = "a = 1 and not b = 2 and (c > 3 or d != 4) and e is null and f is not null and not (not g = 1) and id = 5"
    assert list(needed(parse_where(text))) == ["a", "c", "f", "g"]


texts = st.text(max_size=12).map(hangul.normalise)
fields = st.text(min_size=1, max_size=8).map(hangul.normalise).filter(bool)
values = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["007", "3.10", "1e5", "true", "null", "'", "\\", "and"]),
)
measures = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.dates().map(str))
single = st.one_of(
    st.builds(Compare, fields, st.just("="), values),
    st.builds(Compare, fields, st.sampled_from(["<", "<=", ">", ">="]), measures),
    st.builds(Among, fields, st.lists(values, min_size=1, max_size=3).map(tuple)),
    st.builds(Contains, fields, values),
    st.builds(Begins, fields, texts),
    st.builds(Present, fields),
).filter(lambda c: c.field != "id")
several = st.recursive(
    single,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Any_, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


def typed(condition: Condition) -> object:
    """With the types of values, which Python's equality does not tell apart (1 and True)."""
    return repr(condition)


@hypothesis.given(several)
@hypothesis.settings(deadline=None, max_examples=300)
def test_what_is_written_is_read_back(condition: Condition) -> None:
    assert typed(parse_where(written(condition))) == typed(condition)
