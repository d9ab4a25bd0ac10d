"""Everything that the API's own description allows, and much that it forbids, is sent: no crash, and what is right is answered.

HANNUN_FUZZ is how many calls each operation gets (8 when it is not set).
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hannun import collection
from hannun.embeddings import Embeddings
from hannun.item import Content, item
from tests.serve.conftest import Running, Start, picture
from tests.toy import Toy

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

CALLS = int(os.environ.get("HANNUN_FUZZ", "8"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WORDS = st.text(st.sampled_from("가나다 빨간원피스 abc -\"'"), min_size=1, max_size=40).filter(lambda s: s.strip(" -\"'"))
WHERE = ("category = 원피스", "price < 50000 and category in (원피스, 치마)", "not id = a", "`category` != '가방'")


class Tokens:
    """The toy with token vectors: one for each word."""

    def __init__(self) -> None:
        self._toy = Toy()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._toy, name)

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return self.encode_document(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        made = self._toy.encode_document(contents)
        words = [(item(c, id="-").text or "picture").split() for c in contents]
        return Embeddings(made.dense, tuple(self._toy.encode_document(w).dense for w in words))


@pytest.fixture
def running(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    monkeypatch.setattr("hannun.serve.http.service.load", lambda name: Tokens())
    monkeypatch.setattr("hannun.collection.local.load", lambda name="mini": Tokens())
    collection.open(tmp_path / "whole.hannun").close()  # with words, so that all of the engine's query can be asked
    made = start(tmp_path / "whole.hannun", jobs=100_000)
    filled(made)
    for name, strategy in (
        ("words", WORDS),
        ("where", st.sampled_from(WHERE)),
        ("picture", st.sampled_from([picture(seed=n) for n in range(3)] + [f"data:image/png;base64,{picture()}"])),
        ("item-id", st.sampled_from(["a", "b"])),
        ("sort", st.sampled_from(["price", "-price", "category", "id"])),
        ("synonyms", st.sampled_from(["바지, 팬츠", "츄리닝 => 운동복", "# 옷"])),
        ("model", st.sampled_from(["toy1", "hannun"])),
    ):
        schemathesis.openapi.format(name, strategy)
    return made


def filled(running: Running) -> None:
    """The items that the calls ask for: some calls remove them."""
    running.add(
        {"id": "a", "text": "빨간 원피스", "category": "원피스", "price": 1},
        {"id": "b", "text": "파란 치마", "image": picture(seed=1), "category": "치마"},
    )


def called(running: Running, operation: Any, named: dict[str, str]) -> Counter[int]:
    """The statuses that right calls of an operation are answered; wrong ones are sent, too."""
    answers: Counter[int] = Counter()
    calm = settings(max_examples=CALLS, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

    @calm
    @given(operation.as_strategy(path_parameters=named) if named else operation.as_strategy())
    def right(case: Any) -> None:
        if operation.method.upper() == "DELETE":
            filled(running)
        answer = case.call(base_url=running.url, timeout=20)
        # The API takes every kind of content, the toy reads two; and no schema says that rows are of one length, names as many as columns.
        if answer.status_code != 400 or not any(m in answer.text for m in ("this encoder does not read", '"a signal ')):
            answers[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    @calm
    @given(operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def wrong(case: Any) -> None:
        answer = case.call(base_url=running.url, timeout=20)
        case.validate_response(answer, checks=[not_a_server_error, status_code_conformance])

    right()
    with contextlib.suppress(Unsatisfiable):  # an operation that takes any text, or nothing, cannot be called wrongly
        wrong()
    return answers


def test_every_operation(running: Running) -> None:
    schema = schemathesis.openapi.from_dict(running.client.get("/openapi.json").json())
    job = running.add({"id": "z", "text": "가"})["job"]
    links = running.client.get("/v1/items/b").json()["images"][0]
    token = links["picture"].rpartition("/")[2]
    real = {"id": "b", "job": job, "token": token}
    seen: dict[str, Counter[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        filled(running)
        seen[operation.label] = called(running, operation, {p: v for p, v in real.items() if f"{{{p}" in operation.path})
    assert len(seen) >= 20
    poor = {o: dict(c) for o, c in seen.items() if sum(n for s, n in c.items() if s < 300) * 2 < sum(c.values())}
    assert not poor
    assert running.client.get("/healthz").status_code == 200
