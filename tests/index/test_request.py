"""One request, two engines: what is compiled is read alike by the embedded engine's binding and by the cluster's client."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Floats, unit
from hannun.errors import InputError
from hannun.index import edge
from hannun.index import request as form
from hannun.index.engine import All, Among, Compare, Layout, Listing, Not, Plan, Point, Request, Words

DIMS = (16, 8, 4)
PLAIN = Layout(("text", "image"), DIMS)
JOINT = Layout(("joint",), DIMS)
EVEN = {"text": 0.5, "image": 0.5}
GAINS = {"text": 1.0, "image": 0.8, "text+image": 0.9}


def query(dim: int = 16) -> Floats:
    return unit(np.arange(1, dim + 1, dtype=np.float32))


REQUESTS: dict[str, tuple[Layout, Request]] = {
    "one vector": (JOINT, Plan(query(), {"joint": 1.0}, {"joint": 1.0})),
    "averaged": (PLAIN, Plan(query(), EVEN, GAINS, where=Compare("price", "<", 5))),
    "a prefix": (PLAIN, Plan(query(8), EVEN, GAINS)),
    "funnel": (Layout(("text", "image"), DIMS, prefix=4, quantise="int8"), Plan(query(), EVEN, GAINS, limit=3, offset=4)),
    "funnel, tokens": (
        Layout(("joint",), DIMS, tokens=4, prefix=4, quantise="int8"),
        Plan(query(), {"joint": 1.0}, {"joint": 1.0}, candidates=50, tokens=np.eye(4, dtype=np.float32)[:2]),
    ),
    "binary": (Layout(("joint",), DIMS, quantise="binary"), Plan(query(), {"joint": 1.0}, {"joint": 1.0}, where=Among("id", ("1", "2")))),
    "exact": (Layout(("joint",), DIMS, quantise="int8"), Plan(query(), {"joint": 1.0}, {"joint": 1.0}, exact=True)),
    "exact, named": (PLAIN, Plan(query(), EVEN, GAINS, where=Among("id", ("1", "2")), exact=True)),
    "words": (PLAIN, Words(("빨갛다", "원피스"), where=Not(Among("색", ("파랑", True))))),
    "initials": (PLAIN, Words(("ㅃㄱ",), initials=True, fields=("text",))),
    "listing": (PLAIN, Listing(order="price", descending=True, where=Compare("색", "=", "빨강"))),
}


def as_read(thing: Any) -> Any:
    """What the binding's objects say of themselves, as plain data in the compiled form's words."""
    import qdrant_edge as qe

    match thing:
        case qe.QueryRequest() | qe.Prefetch():
            found: dict[str, Any] = {"limit": thing.limit}
            if thing.prefetches:
                found["prefetch"] = [as_read(p) for p in thing.prefetches]
            if thing.params is not None:
                found["params"] = as_read(thing.params)
            return found
        case qe.SearchParams():
            quantised = thing.quantization
            read = {"hnsw_ef": thing.hnsw_ef, "exact": thing.exact or None}
            if quantised is not None:
                read["quantization"] = {
                    "ignore": quantised.ignore or None,
                    "rescore": quantised.rescore,
                    "oversampling": quantised.oversampling,
                }
            return read
    return thing


def without_none(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {k: without_none(v) for k, v in thing.items() if v is not None}
    return [without_none(v) for v in thing] if isinstance(thing, list) else thing


def stages(compiled: dict[str, Any]) -> dict[str, Any]:
    """The nesting, limits and parameters of a compiled query."""
    found = {k: compiled[k] for k in ("limit", "params") if k in compiled}
    if "prefetch" in compiled:
        found["prefetch"] = [stages(p) for p in compiled["prefetch"]]
    return found


@pytest.mark.parametrize("name", REQUESTS)
def test_both_engines_read_the_same_query(name: str) -> None:
    layout, request = REQUESTS[name]
    compiled = form.compile(request, layout, 20)
    assert without_none(as_read(edge.request_of(compiled))) == stages(compiled)
    cluster = pytest.importorskip("hannun.index.cluster")
    pytest.importorskip("qdrant_client", reason="needs hannun[cluster]")
    told = cluster.request_of(compiled).model_dump(mode="json", exclude_none=True, by_alias=True)
    assert numbers(told) == numbers(compiled)


def numbers(thing: Any) -> Any:
    """The same with every number a float and without what is false: the client's models make 1 of 1.0 and tell defaults."""
    if isinstance(thing, dict):
        return {k: numbers(v) for k, v in thing.items() if v is not False}
    if isinstance(thing, list | tuple):
        return [numbers(v) for v in thing]
    return float(thing) if isinstance(thing, int | float) and not isinstance(thing, bool) else thing


def test_the_funnel_is_nested_short_then_whole_then_tokens() -> None:
    layout, request = REQUESTS["funnel, tokens"]
    outer = form.compile(request, layout, 20)
    whole = outer["prefetch"][0]
    short = whole["prefetch"][0]
    assert [stage["using"] for stage in (outer, whole, short)] == ["tokens", "joint", "joint-4"]
    assert (len(outer["query"]["nearest"]), len(whole["query"]["nearest"]), len(short["query"]["nearest"])) == (2, 16, 4)
    assert outer["limit"] == 30 and whole["limit"] == 50 and short["limit"] == 200  # the page and 20; the candidates; four times these
    assert short["params"]["quantization"] == {"rescore": False} and whole["params"]["quantization"] == {"ignore": True}


def test_named_points_are_compared_directly() -> None:
    """Nothing has to be looked for first, where no more points may appear than are asked for."""
    named = All((Compare("n", ">", 1), Among("id", ("1", "2"))))
    for where, nested in ((named, False), (Compare("n", ">", 1), True), (Not(Among("id", ("1", "2"))), True)):
        compiled = form.compile(Plan(query(), EVEN, GAINS, where, limit=2, exact=True), PLAIN, 4)
        assert [nested == ("prefetch" in p) for p in compiled["prefetch"]] == [True, True]


def test_conditions_on_ids_are_the_engines_own() -> None:
    assert form.condition(Compare("id", "=", "1")) == {"must": [{"has_id": [form.uid("1")]}]}
    assert form.uid("1") != form.uid("2") and form.uid("가") == form.uid("가")


@pytest.mark.parametrize("id", ["", "1", "사진/바다 1.jpg", "🌊", "x" * 3000, *map(str, range(100, 140))])
def test_the_engines_ids_are_name_based_uuids_of_version_5(id: str) -> None:
    assert form.uid(id) == str(uuid.uuid5(uuid.UUID("6f0a9c55-57a6-5d64-9d0b-a1c6f2b8e0d3"), id))


@pytest.mark.parametrize("value", ["빨강", "", "5", "bTrue", 5, -5, 0.5, -1e300, True, False, 2**63 - 1])
def test_values_come_back_from_their_words(value: Any) -> None:
    back = form.value(form.word(value))
    assert back == value and isinstance(back, bool) == isinstance(value, bool)


def test_what_is_ours_is_not_given_back() -> None:
    point = Point("1", {"text": query()}, {"facts": {"색": "빨강"}, "text": "x"}, ("빨갛다",), ("ㅃㄱ",))
    stored = form.point(point, PLAIN)
    assert stored["payload"].keys() == {"id", "facts", "text", form.OURS}
    assert form.given(stored["payload"]) == {"id": "1", "facts": {"색": "빨강"}, "text": "x"}
    back = form.whole(stored["payload"], stored["vector"], PLAIN)
    assert (back.words, back.initials, back.payload) == (point.words, point.initials, form.given(stored["payload"]))


def test_geometry_has_what_the_formula_reads() -> None:
    text, image = unit(np.array([3, 4, 0, 0], np.float32)), unit(np.array([4, 3, 12, 0], np.float32))
    told = form.geometry({"text": text, "image": image}, Layout(("text", "image"), (4, 2)))
    assert told["p"] == {"text": 1, "image": 1}
    assert told["ti"]["4"] == pytest.approx((12 + 12) / (5 * 13)) and told["ti"]["2"] == pytest.approx(24 / 25)
    assert told["n"]["2"] == {"text": pytest.approx(1), "image": pytest.approx(5 / 13)}


def test_which_facts_are_worth_an_index() -> None:
    rows = [{"색": "빨강", "n": i, "long": "가" * 99, **({"rare": 1} if i == 0 else {}), 'a"b': 1} for i in range(200)]
    assert form.sampled(rows) == ["n", "색"]
    assert form.sampled([]) == []
    assert len(form.sampled([{f"f{n}": 1 for n in range(99)}])) == form.FIELDS


def test_weights_must_name_parts_that_are_there() -> None:
    for weights in ({}, {"text": 0.0}, {"joint": 1.0}):
        with pytest.raises(InputError, match="weights"):
            form.compile(Plan(query(), weights, GAINS), PLAIN, 20)
