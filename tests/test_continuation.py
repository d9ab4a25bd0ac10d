"""Texts out of a table of next-token scores: the likeliest word by word, beams, draws, blocked repeats."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from hannun.continuation import Manner, Rows, Utterance, readable, utterances
from hannun.embeddings import Floats
from hannun.errors import InputError

END, A, B, C = 0, 1, 2, 3


class Table:
    """A speaker whose next-token probabilities follow from the last token alone; it notes how many rows each step had."""

    def __init__(self, first: list[list[float]], after: dict[int, list[float]]) -> None:
        self.first, self.after = first, after
        self.texts: list[list[int]] = [[] for _ in first]
        self.rows: list[int] = []

    def begin(self) -> Floats:
        return self.logs(self.first)

    @staticmethod
    def logs(shares: list[list[float]]) -> Floats:
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(shares, np.float32))

    def go_on(self, rows: Rows, tokens: Rows) -> Floats:
        self.texts = [[*self.texts[r], int(t)] for r, t in zip(rows, tokens, strict=True)]
        self.rows.append(len(rows))
        return self.logs([self.after[int(t)] for t in tokens])


def greedy_trap() -> Table:
    """A is likelier than B at first, and what follows it is not: B END has 0.4 · 0.9 = 0.36, A END 0.6 · 0.4 = 0.24."""
    return Table([[0, 0.6, 0.4, 0]], {A: [0.4, 0, 0.3, 0.3], B: [0.9, 0, 0, 0.1], C: [1, 0, 0, 0]})


def test_beams_find_what_one_word_at_a_time_misses() -> None:
    ((greedy,),) = utterances(greedy_trap(), END)
    assert greedy.tokens == (A,) and greedy.ended and greedy.likelihood == pytest.approx(math.log(0.6 * 0.4) / 2)
    ((best, second),) = utterances(greedy_trap(), END, Manner(beams=2, length=0))
    assert best.tokens == (B,) and best.likelihood == pytest.approx(math.log(0.4 * 0.9) / 2)
    assert second.tokens == (A,)  # 0.24; A C END has 0.18 and A B END 0.162


def test_a_longer_text_is_not_worse_for_its_length() -> None:
    """A END has 0.24 in two tokens, A C END 0.18 in three: divided by length the longer one leads."""
    table = Table([[0, 1, 0, 0]], {A: [0.24, 0, 0, 0.76], C: [0.6, 0, 0, 0.4], B: [1, 0, 0, 0]})
    ((plain, _),) = utterances(table, END, Manner(beams=2, length=0, ngram=0, longest=3))
    assert plain.tokens == (A, C)  # 0.456 against 0.24
    short = Table([[0, 1, 0, 0]], {A: [0.5, 0, 0, 0.5], C: [0.9, 0, 0, 0.1], B: [1, 0, 0, 0]})
    assert utterances(short, END, Manner(beams=2, length=0))[0][0].tokens == (A,)  # 0.5 against 0.45
    assert utterances(short, END, Manner(beams=2, length=1))[0][0].tokens == (A, C)  # log 0.5 / 2 against log 0.45 / 3


def test_rows_are_kept_apart_and_end_when_they_end() -> None:
    table = Table([[0, 1, 0, 0], [0, 0, 1, 0]], {A: [1, 0, 0, 0], B: [0, 0, 0, 1], C: [1, 0, 0, 0]})
    first, second = utterances(table, END)
    assert first[0].tokens == (A,) and second[0].tokens == (B, C) and table.rows == [2, 1]  # the row that ended is not gone on with
    beams = utterances(Table(table.first, table.after), END, Manner(beams=3))
    assert [b[0].tokens for b in beams] == [(A,), (B, C)]


@pytest.mark.parametrize("beams", [1, 3])
def test_no_sequence_comes_twice(beams: int) -> None:
    circle = {A: [0.01, 0, 0.99, 0], B: [0.01, 0, 0, 0.99], C: [0.01, 0.99, 0, 0]}
    made = utterances(Table([[0, 1, 0, 0]], circle), END, Manner(beams=beams, ngram=2, longest=12, length=2))[0][0]
    pairs = Counter(zip(made.tokens, made.tokens[1:], strict=False))
    assert made.tokens == (A, B, C, A) and max(pairs.values()) == 1 and made.ended  # A B would be the second
    free = utterances(Table([[0, 1, 0, 0]], circle), END, Manner(ngram=0, longest=12))[0][0]
    assert len(free.tokens) == 12 and not free.ended


def test_what_is_never_said_and_an_end_before_the_first_word() -> None:
    table = Table([[0.9, 0.06, 0.04, 0]], {A: [1, 0, 0, 0], B: [1, 0, 0, 0]})
    assert utterances(table, END)[0][0].tokens == (A,)
    assert utterances(table, END, never=[A])[0][0].tokens == (B,)


def test_draws_come_from_the_nucleus_in_proportion_and_by_seed() -> None:
    first = [[0, 0.6, 0.3, 0.1]] * 2000
    table = Table(first, {t: [1, 0, 0, 0] for t in (A, B, C)})
    drawn = utterances(table, END, Manner(nucleus=0.8))
    counts = Counter(u.tokens for (u,) in drawn)
    assert set(counts) == {(A,), (B,)}  # 0.6 and 0.3 reach 0.8 together
    assert counts[(A,)] / 2000 == pytest.approx(2 / 3, abs=0.05)
    assert drawn == utterances(Table(first, table.after), END, Manner(nucleus=0.8))
    assert drawn != utterances(Table(first, table.after), END, Manner(nucleus=0.8, seed=1))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"beams": 0}, "beams=0 came, expected 1 or more"),
        ({"longest": 0}, "longest=0"),
        ({"nucleus": 1.5}, "expected 0 … 1"),
        ({"beams": 2, "nucleus": 0.9}, "expected one of them"),
    ],
)
def test_settings_that_contradict(settings: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Manner(**settings)  # type: ignore[arg-type]


def test_a_text_that_does_not_end_says_so() -> None:
    endless = Table([[0, 1, 0, 0]], {A: [0, 1, 0, 0]})
    for beams in (1, 2):
        (made, *_) = utterances(Table(endless.first, endless.after), END, Manner(beams=beams, ngram=0, longest=3))[0]
        assert made == Utterance((A, A, A), pytest.approx(0, abs=1e-5), False)


def test_texts_that_break_off_within_a_letter_stand_last() -> None:
    pieces = {A: "개가".encode(), B: "개".encode()[:2], C: b" runs"}
    first, second = Utterance((B, C), -0.1, True), Utterance((A, C), -0.5, True)
    told = readable([first, second], lambda tokens: b"".join(pieces[t] for t in tokens).decode("utf-8", "replace"))
    assert told == [("개가 runs", second), ("runs", first)]
