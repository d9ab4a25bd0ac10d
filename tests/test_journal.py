"""Finished pieces of work are kept by what they depend on, found again, and forgotten in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.errors import StorageError
from hannun.journal import Journal, digest


def test_a_piece_is_made_once(tmp_path: Path) -> None:
    made: list[str] = []

    def work(name: str) -> bytes:
        made.append(name)
        return name.encode()

    for _ in range(2):  # the second is another process, for all that the journal knows
        journal = Journal(tmp_path / "out.work")
        assert [journal.get(digest(n), lambda n=n: work(n)) for n in ("a", "b")] == [b"a", b"b"]  # type: ignore[misc]
    assert made == ["a", "b"]
    assert Journal().get(digest("a"), lambda: work("c")) == b"c"  # one without a folder keeps nothing


def test_a_damaged_piece_is_made_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "out.work")
    journal.get(digest("a"), lambda: b"right")
    (file,) = (tmp_path / "out.work").iterdir()
    for damaged in (b"", file.read_bytes()[:-1], file.read_bytes()[:-1] + b"?"):
        file.write_bytes(damaged)
        assert journal.get(digest("a"), lambda: b"right") == b"right"


def test_closing_takes_its_own_pieces_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "out.work")
    journal.get(digest("a"), lambda: b"right")
    (tmp_path / "out.work" / "mine.txt").write_text("mine")
    journal.close()
    assert [f.name for f in (tmp_path / "out.work").iterdir()] == ["mine.txt"]
    (tmp_path / "out.work" / "mine.txt").unlink()
    journal.close()
    assert not (tmp_path / "out.work").exists()
    journal.close()


def test_inputs_are_told_apart_by_their_borders() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc") and digest("가") == digest("가".encode())


def test_a_piece_that_cannot_be_kept_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "out.work").write_text("a file")
    with pytest.raises(StorageError, match=r"out\.work.*cannot be written"):
        Journal(tmp_path / "out.work").get(digest("a"), lambda: b"right")
