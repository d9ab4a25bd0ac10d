"""Accuracy, macro-F1 and the guessed classes, counted out."""

from __future__ import annotations

import pytest

from hannun import metrics
from hannun.errors import InputError


def test_accuracy_and_macro_f1() -> None:
    truth, guess = ["옷", "옷", "옷", "신발"], ["옷", "옷", "신발", "가방"]
    assert metrics.accuracy(truth, guess) == 2 / 4 and metrics.accuracy([1, 2, 3, 4], [1, 2, 3, 9]) == 3 / 4
    # 옷: 2·2/(3+2) = 4/5; 신발: true once, guessed once, never rightly: 0; 가방: guessed only: 0.
    assert metrics.macro_f1(truth, guess) == pytest.approx(4 / 5 / 3)
    assert metrics.macro_f1([1, 1, 2], [1, 1, 2]) == 1


def test_calibration_error_is_the_gap_between_sure_and_right() -> None:
    """Four guesses at 0.9 of which three are right: 0.15 apart; four at 0.5 of which two are right: not apart. Half of each: 0.075."""
    assert metrics.calibration_error([0.9] * 4 + [0.5] * 4, [1, 1, 1, 0, 1, 0, 1, 0]) == pytest.approx(0.075)
    assert metrics.calibration_error([1.0, 1.0], [True, True]) == 0
    # Gaps within a bin do not cancel out between bins: 0.1 too low and 0.1 too high are 0.1.
    assert metrics.calibration_error([0.9] * 10 + [0.1] * 10, [1] * 10 + [0] * 10) == pytest.approx(0.1)
    # What is certain falls into the last bin with 0.95: of the two, sure by 1.95 together, one is right.
    assert metrics.calibration_error([1.0, 0.95], [0, 1]) == pytest.approx(0.95 / 2)
    with pytest.raises(InputError, match="one for each"):
        metrics.calibration_error([0.5], [1, 0])


def test_guess_gives_a_shared_first_place_away() -> None:
    assert metrics.guess([[0.5, 0.5, 0.1], [0.1, 0.9, 0.2], [0.4, 0.1, 0.4]], [0, 1, 2]).tolist() == [1, 1, 0]
