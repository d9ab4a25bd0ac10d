"""Vectors are made once, kept by content and encoder, and are the same from a full, an empty and a half-filled cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hannun.embeddings import Embeddings
from hannun.errors import InputError, MissingError, StorageError
from hannun.evaluate import harness as module
from hannun.evaluate.harness import Harness
from hannun.item import Content
from tests.conftest import draw
from tests.toy import Toy

TEXTS = [f"문장 {n}" for n in range(10)]


def test_vectors_are_made_once(harness: Harness) -> None:
    toy = harness.encoder
    assert isinstance(toy, Toy)
    first = harness.queries(TEXTS).dense
    assert toy.encoded == 10 and harness.encoded == 10
    assert np.array_equal(harness.queries(TEXTS).dense, first) and toy.encoded == 10
    harness.documents(TEXTS)
    assert toy.encoded == 20  # another role is another vector
    harness.queries(TEXTS, instruction="찾아라")
    assert toy.encoded == 30  # and so is another instruction


def test_another_encoder_finds_nothing_in_the_cache(harness: Harness) -> None:
    harness.queries(TEXTS)
    other = Harness(Toy("2"), harness.data, harness.cache)
    other.queries(TEXTS)
    assert other.encoded == 10


def test_a_killed_run_goes_on_in_the_same_chunks(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setattr(harness.encoder, "encode_query", dies)
    with pytest.raises(KeyboardInterrupt):
        harness.queries(TEXTS)
    harness.queries(TEXTS)
    assert dies.calls == [4, 4, 2, 2]  # the first two were kept
    assert np.array_equal(harness.queries(TEXTS).dense, Toy().encode_query(TEXTS).dense)


def test_a_damaged_file_in_the_cache_is_made_again(harness: Harness) -> None:
    before = harness.queries(TEXTS).dense
    for kept in (harness.cache / "vectors").rglob("*.npz"):
        kept.write_bytes(kept.read_bytes()[:50])
    assert np.array_equal(harness.queries(TEXTS).dense, before) and harness.encoded == 20


def test_vectors_are_cut_to_a_declared_dim(harness: Harness) -> None:
    short = Harness(harness.encoder, harness.data, harness.cache, dim=32).queries(TEXTS).dense
    assert short.shape == (10, 32) and np.linalg.norm(short, axis=1) == pytest.approx(np.ones(10), abs=1e-5)
    with pytest.raises(InputError, match="dim=33"):
        Harness(harness.encoder, harness.data, harness.cache, dim=33)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_an_error_and_are_not_kept(harness: Harness, bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        dense = np.ones((len(contents), 64), np.float32)
        dense[0, 0] = bad
        return Embeddings(dense)

    monkeypatch.setattr(harness.encoder, "encode_query", broken)
    with pytest.raises(InputError, match="not finite"):
        harness.queries(TEXTS)
    assert not list(harness.cache.rglob("*.npz"))


def test_a_picture_that_is_one_vector_in_both_roles_is_looked_at_once(harness: Harness) -> None:
    assert harness.sees and harness.one_look
    shown: list[Content] = [draw(seed=n) for n in range(3)]
    harness.documents(shown)
    before = harness.encoded
    harness.queries(shown)
    assert harness.encoded == before
    harness.queries([{"text": "빨강", "image": shown[0]}])
    assert harness.encoded == before + 1


def test_an_encoder_of_texts_is_known_by_its_refusal(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        raise InputError("reads text only")

    monkeypatch.setattr(harness.encoder, "encode_document", refuse)
    assert not harness.sees


def test_files_are_noted_with_their_hashes(harness: Harness) -> None:
    (harness.data / "a").mkdir()
    (harness.data / "a" / "x.jsonl").write_text(json.dumps({"a": 1}))
    harness.file("a/x.jsonl")
    assert len(harness.used["a/x.jsonl"]) == 64
    harness.begin()
    assert not harness.used
    assert harness.files("a/*.jsonl") == [harness.data / "a" / "x.jsonl"] and "a/x.jsonl" in harness.used
    with pytest.raises(MissingError, match=r"docs/data\.md"):
        harness.file("a/y.jsonl")
    with pytest.raises(MissingError, match="no such files"):
        harness.files("b/*.tar")


def test_a_cache_that_cannot_be_written_is_told(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="--cache"):
        Harness(harness.encoder, harness.data, tmp_path / "file").queries(TEXTS)
