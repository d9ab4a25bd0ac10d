"""What many threads ask becomes few batches, with the same vectors, and nobody waits for somebody else's long text or broken picture."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hannun.embeddings import Embeddings
from hannun.encoder import Encoder
from hannun.errors import HannunError, InputError, PictureError
from hannun.item import Content, Image, item
from hannun.serve.batching import Batched, Vector, together
from tests.conftest import draw, encoded
from tests.toy import DIM, Toy


class Slow:
    """The toy with a gate, that writes down the batches it was given."""

    def __init__(self) -> None:
        self._toy, self.batches, self.gate = Toy(), [], threading.Event()
        self.gate.set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._toy, name)

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        self.gate.wait(10)
        self.batches.append([item(c, id="-").text or "picture" for c in contents])
        return self._toy.encode_query(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        self.gate.wait(10)
        self.batches.append([f"+{item(c, id='-').text}" for c in contents])
        return self._toy.encode_document(contents)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def batched(slow: Slow) -> Iterator[Batched]:
    made = Batched(slow, batch=8)
    yield made
    slow.gate.set()
    made.close()


def held(slow: Slow, batched: Batched) -> None:
    """Keep the encoder busy with something, so that what comes now waits."""
    slow.gate.clear()
    batched.ask("first", "query")
    while batched.waiting:
        time.sleep(0.001)


def test_what_waits_is_encoded_together(slow: Slow, batched: Batched) -> None:
    held(slow, batched)
    words = [f"말 {n}" for n in range(10)]
    answers = [batched.ask(w, "query") for w in words]
    assert batched.waiting == 10
    slow.gate.set()
    rows = [a.result(5).dense for a in answers]
    np.testing.assert_allclose(rows, Toy().encode_query(words).dense, atol=1e-6)
    assert [len(b) for b in slow.batches] == [1, 8, 2]


def test_long_and_short_words_and_pictures_do_not_share_a_batch(slow: Slow, batched: Batched) -> None:
    held(slow, batched)
    contents = ["짧다", "가" * 3000, {"image": draw(seed=1)}, "짧은", {"text": "둘", "image": draw(seed=1)}]
    answers = [batched.ask(c, "query") for c in contents]
    slow.gate.set()
    [a.result(5) for a in answers]
    assert sorted(len(b) for b in slow.batches[1:]) == [1, 1, 1, 2] and ["짧다", "짧은"] in slow.batches


def test_equal_queries_are_encoded_once_and_remembered(slow: Slow, batched: Batched) -> None:
    held(slow, batched)
    answers = [batched.ask("같은 말", "query") for _ in range(5)]
    slow.gate.set()
    first, *_ = [a.result(5) for a in answers]
    assert batched.ask("같은  말", "query").result(5) is first  # the same words once white space is folded
    assert slow.batches == [["first"], ["같은 말"]] and (batched.hits, batched.misses) == (5, 2)
    picture = encoded(draw(seed=3))
    batched.encode_query([{"image": picture}])
    batched.encode_query([picture])
    batched.encode_query(["같은 말"], instruction="달리")  # another instruction, another vector
    assert len(slow.batches) == 4


def test_the_least_recently_used_are_forgotten(slow: Slow) -> None:
    batched = Batched(slow, remember=2)
    for word in ("가", "나", "가", "다", "가", "나"):
        batched.encode_query([word])
    batched.close()
    assert [b[0] for b in slow.batches] == ["가", "나", "다", "나"]


def test_a_broken_picture_harms_only_itself(slow: Slow, batched: Batched) -> None:
    held(slow, batched)
    good, bad = batched.ask({"image": draw(seed=1)}, "query"), batched.ask({"image": b"broken"}, "query")
    slow.gate.set()
    assert good.result(5).dense.shape == (DIM,)
    with pytest.raises(PictureError):
        bad.result(5)
    with pytest.raises(PictureError):  # and what failed is not remembered as an answer
        batched.encode_query([{"image": b"broken"}])
    with pytest.raises(InputError, match="empty content"):
        batched.ask("  ", "query")


def test_questions_go_before_what_is_being_indexed(slow: Slow, batched: Batched) -> None:
    slow.gate.clear()
    documents = [f"문서 {n}" for n in range(40)]
    with ThreadPoolExecutor() as pool:
        indexing = pool.submit(batched.encode_document, documents)
        while not batched._thread.is_alive() or batched._bulk:
            time.sleep(0.001)
        asked = batched.ask("질문", "query")
        slow.gate.set()
        asked.result(5)
        np.testing.assert_allclose(indexing.result(5).dense, Toy().encode_document(documents).dense, atol=1e-6)
    order = [b[0] for b in slow.batches]
    assert order.index("질문") <= 1 and [len(b) for b in slow.batches if b[0].startswith("+")] == [16, 16, 8]


def test_indexing_goes_on_while_questions_never_stop(slow: Slow, batched: Batched) -> None:
    stop = threading.Event()

    def ask(n: int) -> None:
        while not stop.is_set():
            batched.encode_query([f"질문 {n} {time.perf_counter_ns()}"])

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, n) for n in range(3)]
        assert batched.encode_document([f"문서 {n}" for n in range(64)]).dense.shape == (64, DIM)
        stop.set()
        [a.result(10) for a in asking]


def test_a_wait_fills_batches(slow: Slow) -> None:
    batched = Batched(slow, batch=4, wait=0.5)
    begun = time.monotonic()
    answers = [batched.ask(f"말 {n}", "query") for n in range(4)]
    [a.result(5) for a in answers]
    assert time.monotonic() - begun < 0.45  # a full batch does not wait
    assert slow.batches == [["말 0", "말 1", "말 2", "말 3"]]
    batched.close()


def test_who_goes_away_takes_nothing_from_the_others(slow: Slow, batched: Batched) -> None:
    async def both() -> Vector:
        impatient = asyncio.create_task(batched.soon(["같이"], "query"))
        patient = asyncio.create_task(batched.soon(["같이"], "query"))
        await asyncio.sleep(0.05)
        impatient.cancel()
        slow.gate.set()
        return (await patient)[0]

    held(slow, batched)
    assert asyncio.run(both()).dense.shape == (DIM,)


def test_closing_answers_what_waits_and_refuses_what_comes(slow: Slow) -> None:
    batched = Batched(slow)
    held(slow, batched)
    answer = batched.ask("곧", "query")
    slow.gate.set()
    batched.close()
    assert answer.result(0).dense.shape == (DIM,)
    with pytest.raises(HannunError, match="shutting down"):
        batched.ask("늦게", "query")


def test_it_is_an_encoder_like_the_one_inside(batched: Batched) -> None:
    assert isinstance(batched, Encoder) and batched.fingerprint == Toy().fingerprint and batched.dims == (DIM, 32)
    assert batched.encode_query([]).dense.shape == (0, DIM) == batched.encode_document([]).dense.shape
    assert getattr(batched, "patches", None) is None
    many = ["가", {"image": draw(seed=1)}, {"text": "나", "image": Path(__file__)}]
    with pytest.raises(PictureError):
        batched.encode_query(many)


def test_tokens_come_along() -> None:
    rows = [Vector(np.ones(2, np.float32), np.ones((n, 3), np.float32)) for n in (1, 2)]
    tokens = together(rows, 2).tokens
    assert tokens is not None and [len(t) for t in tokens] == [1, 2]
    assert together([*rows, Vector(np.ones(2, np.float32), None)], 2).tokens is None
    assert isinstance(Image(draw()).size(), tuple)
