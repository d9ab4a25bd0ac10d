"""More than the service can do, slower than it may be, and late: each is answered as such, and it recovers."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import numpy as np
import pytest

from hannun.embeddings import Embeddings
from hannun.item import Content
from tests.serve.conftest import Start, picture
from tests.toy import Toy


class Gated:
    """The toy, with a gate before queries and token vectors for all."""

    def __init__(self) -> None:
        self._toy, self.gate, self.batches = Toy(), threading.Event(), []
        self.gate.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._toy, name)

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        self.gate.wait(20)
        self.batches.append(len(contents))
        return self.encode_document(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        dense = self._toy.encode_document(contents).dense
        return Embeddings(dense, tuple(np.stack([row, -row]) for row in dense))


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch, start: Start) -> Gated:
    made = Gated()
    monkeypatch.setattr("hannun.serve.http.service.load", lambda name: made)
    monkeypatch.setattr("hannun.collection.local.load", lambda name="mini": made)
    return made


def test_overload_is_answered_429_and_recovers(start: Start, gated: Gated) -> None:
    running = start(in_flight=4)
    running.add({"id": "a", "text": "가"})
    gated.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(running.post, "/v1/search", query=f"말 {n}") for n in range(4)]
        until = time.monotonic() + 90
        while running.guard._at_work < 4:
            assert time.monotonic() < until
            time.sleep(0.001)
        refused = running.post("/v1/search", query="하나 더")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1 and refused.json()["error"]["type"] == "rate_limit_error"
        assert running.client.get("/healthz").status_code == 200  # machines that watch are always answered
        gated.gate.set()
        assert all(w.result().status_code == 200 for w in waiting)
    assert running.post("/v1/search", query="다시").status_code == 200
    metrics = running.client.get("/metrics").text
    assert 'hannun_refused_total{reason="load"}' in metrics and "hannun_in_flight 1.0" in metrics


def test_an_answer_that_takes_too_long(start: Start, gated: Gated) -> None:
    running = start(timeout=0.3)
    gated.gate.clear()
    answer = running.post("/v1/search", query="느린 말")
    assert answer.status_code == 504 and "0.3 seconds" in answer.json()["error"]["message"]
    gated.gate.set()
    assert running.post("/v1/search", query="느린 말").status_code == 200


def test_a_full_inbox_is_answered_429(start: Start, gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start(jobs=1)
    hold = threading.Event()
    real = running.service.collection.add
    monkeypatch.setattr(type(running.service.collection), "add", lambda self, rows, progress=None: hold.wait(20) and real(rows, progress))
    body = {"items": [{"id": "a", "text": "가"}]}
    job = running.client.post("/v1/items", json=body).json()["job"]
    refused = running.client.post("/v1/items", json=body)
    assert refused.status_code == 429 and refused.headers["retry-after"]
    hold.set()
    until = time.monotonic() + 90
    while running.client.get(f"/v1/jobs/{job}").json()["state"] != "done":
        assert time.monotonic() < until
    assert running.client.post("/v1/items", json=body, params={"wait": 10}).json()["unchanged"] == 1


def test_requests_that_come_together_are_encoded_together_and_never_twice(start: Start, gated: Gated) -> None:
    running = start()
    running.add({"id": "a", "text": "가"})
    gated.gate.clear()
    with ThreadPoolExecutor(9) as pool:
        known = running.service.encoder.misses
        first = pool.submit(running.post, "/v1/search", query="먼저")
        while running.service.encoder.misses == known or running.service.encoder.waiting:
            time.sleep(0.001)
        rest = [pool.submit(running.post, "/v1/search", query=f"말 {n}") for n in range(8)]
        until = time.monotonic() + 90
        while running.service.encoder.waiting < 8:
            assert time.monotonic() < until
            time.sleep(0.001)
        before = len(gated.batches)
        gated.gate.set()
        assert all(f.result().status_code == 200 for f in [first, *rest])
    # The engine asked for exactly what was encoded ahead: were it not so, there would be more batches than these two.
    assert gated.batches[before:] == [1, 8]
    both = {"text": "빨간", "image": picture(seed=4)}
    running.post("/v1/search", query=both)
    count = len(gated.batches)
    running.post("/v1/search", query=both, mix=0.9)
    assert len(gated.batches) == count


def test_token_vectors(start: Start, gated: Gated) -> None:
    running = start()
    for name in ("late", "return_multivector"):
        (row,) = running.post("/v1/embeddings", input="가", **{name: True}).json()["data"]
        expected = Toy().encode_document(["가"]).dense[0]
        np.testing.assert_allclose(row["embeddings"], [expected, -expected], atol=1e-6)
        assert row.get("embedding") is None
    (row,) = running.post("/v1/embeddings", input="가", late=True, encoding_format="base64").json()["data"]
    assert np.frombuffer(base64.b64decode(row["embeddings"]), "<f4").reshape(2, -1).shape == (2, 64)
    assert running.post("/v1/embeddings", input="가", late=True, embedding_type="binary").status_code == 400
    found = running.post("/v1/rerank", query="가나", documents=["라마", "가나"]).json()["results"]
    assert [r["index"] for r in found] == [1, 0]


def test_a_stop_answers_what_is_at_work(start: Start, gated: Gated) -> None:
    running = start()
    running.add({"id": "a", "text": "가"})
    gated.gate.clear()
    with ThreadPoolExecutor(1) as pool, httpx2.Client(base_url=running.url, trust_env=False, timeout=20) as client:
        known = running.service.encoder.misses
        asking = pool.submit(client.post, "/v1/search", json={"query": "마지막 말"})
        while running.service.encoder.misses == known:
            time.sleep(0.001)
        threading.Timer(0.3, gated.gate.set).start()
        running.stop()
        assert asking.result().status_code == 200
