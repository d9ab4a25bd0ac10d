"""The contract of every engine: any condition finds what the definition finds in the facts of each point, optimised or not."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from hannun.index.engine import All, Among, Any_, Begins, Compare, Condition, Contains, Engine, Layout, Not, Present
from tests.contracts.engines.points import DIMS, ENGINES, words

WORDS = ("코트", "코트 롱", "롱코트", "면", "면 100%")
NUMBERS = (-1, 0, 1, 2, 2.5, 2**53 + 1)
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def facts() -> list[dict[str, Any]]:
    """Forty points: a field is a text, a number, a boolean, a list of one kind, an empty list, or not there."""
    random = np.random.default_rng(0)

    def one() -> Any:
        kind = random.integers(6)
        some = [WORDS[n] for n in random.integers(0, len(WORDS), 2)]
        numbers = [NUMBERS[n] for n in random.integers(0, len(NUMBERS), 2)]
        return (some[0], numbers[0], bool(random.integers(2)), some, numbers, [])[kind]

    return [{name: one() for name in ("a", "b", "c") if random.random() < 0.8} for _ in range(40)]


FACTS = facts()


def alike(value: Any, wanted: Any) -> bool:
    """Equal, where true, 1 and "1" are three things and 2 and 2.0 one."""
    return isinstance(value, bool) == isinstance(wanted, bool) and isinstance(value, str) == isinstance(wanted, str) and value == wanted


def holds(c: Condition, of: dict[str, Any]) -> bool:
    """The definition, read off the docstrings of the conditions."""
    if isinstance(c, Not):
        return not holds(c.condition, of)
    if isinstance(c, All | Any_):
        return (all if isinstance(c, All) else any)(holds(inner, of) for inner in c.conditions)
    value = of.get(c.field, [])  # type: ignore[union-attr]
    values = value if isinstance(value, list) else [value]
    match c:
        case Present():
            return bool(values)
        case Compare(op="="):
            return any(alike(v, c.value) for v in values)
        case Compare():
            return any(ORDER[c.op](v, c.value) for v in values if not isinstance(v, bool | str))
        case Among():
            return any(alike(v, w) for v in values for w in c.values)
        case Contains():
            return any(alike(v, c.value) for v in values) if isinstance(value, list) else isinstance(value, str) and str(c.value) in value
        case Begins():
            return any(isinstance(v, str) and v.startswith(c.prefix) for v in values)
    raise AssertionError(c)


FIELDS = st.sampled_from(["a", "b", "c", "none"])
VALUES = st.sampled_from([*WORDS, *NUMBERS, True, False, "1"])
SINGLE = st.one_of(
    st.builds(Compare, FIELDS, st.just("="), VALUES),
    st.builds(Compare, FIELDS, st.sampled_from(list(ORDER)), st.sampled_from(NUMBERS)),
    st.builds(Among, FIELDS, st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(Contains, FIELDS, st.sampled_from([*WORDS, "코", "100"])),
    st.builds(Begins, FIELDS, st.sampled_from([*WORDS, "코", "x"])),
    st.builds(Present, FIELDS),
)
SEVERAL = st.recursive(
    SINGLE,
    lambda inner: st.one_of(
        st.builds(Not, inner), *(st.builds(kind, st.lists(inner, min_size=2, max_size=3).map(tuple)) for kind in (All, Any_))
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine with all of FACTS, half of it optimised, for the tests that only read."""
    engine = ENGINES[request.param](tmp_path_factory.mktemp("any"), Layout(("text", "image"), DIMS))
    points = [words(f"{n:02}", **of) for n, of in enumerate(FACTS)]
    engine.upsert(points[:20])
    engine.optimise()
    engine.upsert(points[20:])
    yield engine
    engine.close()


@hypothesis.settings(max_examples=60)
@hypothesis.given(SEVERAL)
def test_any_condition_finds_what_the_definition_says(engine: Engine, condition: Condition) -> None:
    expected = [f"{n:02}" for n, of in enumerate(FACTS) if holds(condition, of)]
    assert sorted(str(p["id"]) for p in engine.scan(["id"], condition)) == expected
    assert engine.count(condition) == len(expected)
