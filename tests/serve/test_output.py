"""A clock that is set by hand and counts of what was made and skipped go in; the rate and the time left come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun import collection
from hannun.encode import Done
from hannun.serve.cli.output import Pace
from tests.toy import Toy


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def paced(*chunks: tuple[float, int, int]) -> Pace:
    """After chunks of (seconds, items done, of them skipped)."""
    clock = Clock()
    pace = Pace(clock)
    for seconds, done, skipped in chunks:
        clock.now += seconds
        pace.told(Done(done, skipped))
    return pace


def test_what_was_skipped_is_in_neither_the_rate_nor_the_time_left() -> None:
    """Of 10,000 items 9,000 are skipped in 5 s, then 64 made in 8 s: 8/s, and 936 others take 117 s. With the skipped it were 1.3 s."""
    pace = paced(*[(0.5, 900, 900)] * 10, (8, 64, 0))
    assert pace.rate == 8 and pace.left(936) == 117


@pytest.mark.parametrize(
    ("chunks", "rate"),
    [
        ([], None),  # nothing is known as long as nothing was made
        ([(3, 64, 64)], None),
        ([(4, 64, 32)], 8),  # a chunk of both kinds took its time for those that were made
        ([(4, 64, 0), (100, 64, 64), (4, 64, 0)], 16),  # what passes while others are skipped counts for nothing
        ([(60, 60, 0), (5, 50, 0), (5, 50, 0)], 10),  # the last ten seconds of making
        ([(60, 60, 0)], 1),  # or the last chunk, where it took longer
        ([(0, 64, 0)], None),  # a clock that stands still
    ],
)
def test_the_rate_is_of_the_last_seconds_of_making(chunks: list[tuple[float, int, int]], rate: float | None) -> None:
    pace = paced(*chunks)
    assert pace.rate == rate
    assert pace.left(100) == (None if rate is None else 100 / rate) and pace.left(0) == 0


def test_a_plain_number_is_all_made() -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.now = 2
    pace.told(10)
    assert pace.rate == 5


def test_indexing_again_copying_and_encoding_anew_tell_what_they_skip(tmp_path: Path) -> None:
    told: list[int] = []

    def skipped() -> tuple[int, int]:
        every = [d for d in told if isinstance(d, Done)]
        assert len(every) == len(told)
        found = sum(every), sum(d.skipped for d in every)
        told.clear()
        return found

    rows = [{"id": str(n), "text": f"글 {n}"} for n in range(70)]
    with collection.open(tmp_path / "a", Toy()) as shop:
        shop.add(rows[:66], told.append)
        assert skipped() == (66, 0)
        shop.add(rows, told.append)
        assert skipped() == (70, 66)
        shop.copy(tmp_path / "b", told.append)
        assert skipped() == (70, 0)
        shop.copy(tmp_path / "b", told.append)
        assert skipped() == (70, 70)
        shop.reindex(Toy("2"), told.append)
        assert skipped() == (70, 0)
