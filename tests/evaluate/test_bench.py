"""Vectors are made once, kept by content and encoder, and are the same from a full, an empty and a half-filled cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hannun.embeddings import Embeddings
from hannun.errors import InputError, MissingError, StorageError
from hannun.evaluate import bench as module
from hannun.evaluate.bench import Bench
from hannun.item import Content
from tests.conftest import draw
from tests.toy import Toy

TEXTS = [f"문장 {n}" for n in range(10)]


def test_vectors_are_made_once(bench: Bench) -> None:
    toy = bench.encoder
    assert isinstance(toy, Toy)
    first = bench.queries(TEXTS).dense
    assert toy.encoded == 10 and bench.encoded == 10
    assert np.array_equal(bench.queries(TEXTS).dense, first) and toy.encoded == 10
    bench.documents(TEXTS)
    assert toy.encoded == 20  # another role is another vector
    bench.queries(TEXTS, instruction="찾아라")
    assert toy.encoded == 30  # and so is another instruction


def test_another_encoder_finds_nothing_in_the_cache(bench: Bench) -> None:
    bench.queries(TEXTS)
    other = Bench(Toy("2"), bench.data, bench.cache)
    other.queries(TEXTS)
    assert other.encoded == 10


def test_a_killed_run_goes_on_in_the_same_chunks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)

    class Dies:
        """Encodes two chunks of four, then is killed."""

        def __init__(self) -> None:
            self.calls: list[int] = []

        def __call__(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
            self.calls.append(len(contents))
            if len(self.calls) == 3:
                raise KeyboardInterrupt
            return Toy().encode_query(contents)

    dies = Dies()
    monkeypatch.setattr(bench.encoder, "encode_query", dies)
    with pytest.raises(KeyboardInterrupt):
        bench.queries(TEXTS)
    bench.queries(TEXTS)
    assert dies.calls == [4, 4, 2, 2]  # the first two were kept
    assert np.array_equal(bench.queries(TEXTS).dense, Toy().encode_query(TEXTS).dense)


def test_a_damaged_file_in_the_cache_is_made_again(bench: Bench) -> None:
    before = bench.queries(TEXTS).dense
    for kept in (bench.cache / "vectors").rglob("*.npz"):
        kept.write_bytes(kept.read_bytes()[:50])
    assert np.array_equal(bench.queries(TEXTS).dense, before) and bench.encoded == 20


def test_vectors_are_cut_to_a_declared_dim(bench: Bench) -> None:
    short = Bench(bench.encoder, bench.data, bench.cache, dim=32).queries(TEXTS).dense
    assert short.shape == (10, 32) and np.linalg.norm(short, axis=1) == pytest.approx(np.ones(10), abs=1e-5)
    with pytest.raises(InputError, match="dim=33"):
        Bench(bench.encoder, bench.data, bench.cache, dim=33)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_an_error_and_are_not_kept(bench: Bench, bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        dense = np.ones((len(contents), 64), np.float32)
        dense[0, 0] = bad
        return Embeddings(dense)

    monkeypatch.setattr(bench.encoder, "encode_query", broken)
    with pytest.raises(InputError, match="not finite"):
        bench.queries(TEXTS)
    assert not list(bench.cache.rglob("*.npz"))


def test_a_picture_that_is_one_vector_in_both_roles_is_looked_at_once(bench: Bench) -> None:
    assert bench.sees and bench.one_look
    shown: list[Content] = [draw(seed=n) for n in range(3)]
    bench.documents(shown)
    before = bench.encoded
    bench.queries(shown)
    assert bench.encoded == before
    bench.queries([{"text": "빨강", "image": shown[0]}])
    assert bench.encoded == before + 1


def test_an_encoder_of_texts_is_known_by_its_refusal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        raise InputError("reads text only")

    monkeypatch.setattr(bench.encoder, "encode_document", refuse)
    assert not bench.sees


def test_files_are_noted_with_their_hashes(bench: Bench) -> None:
    (bench.data / "a").mkdir()
    (bench.data / "a" / "x.jsonl").write_text(json.dumps({"a": 1}))
    bench.file("a/x.jsonl")
    assert len(bench.used["a/x.jsonl"]) == 64
    bench.begin()
    assert not bench.used
    assert bench.files("a/*.jsonl") == [bench.data / "a" / "x.jsonl"] and "a/x.jsonl" in bench.used
    with pytest.raises(MissingError, match=r"docs/data\.md"):
        bench.file("a/y.jsonl")
    with pytest.raises(MissingError, match="no such files"):
        bench.files("b/*.tar")


def test_a_cache_that_cannot_be_written_is_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="--cache"):
        Bench(bench.encoder, bench.data, tmp_path / "file").queries(TEXTS)
