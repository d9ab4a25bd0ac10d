"""The captioning loss by hand: what counts, smoothing, sums by text, and that a padding id among the words is a word."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.objectives import caption  # noqa: E402


def test_sums_and_counts_by_text() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]]))
    sums, counts = caption.said(scores, torch.tensor([0, 1, 0]), torch.tensor([0, 0, 2]), 3)
    assert counts.tolist() == [2, 0, 1]  # the second text has no token, and stands for nothing
    assert sums.tolist() == pytest.approx([-math.log(0.5) - math.log(0.8), 0, -math.log(0.25)])
    assert caption.caption(sums, counts).item() == pytest.approx(-math.log(0.5 * 0.8 * 0.25) / 3)  # by tokens, not by texts
    assert caption.caption(torch.zeros(2), torch.zeros(2)).item() == 0


def test_smoothing_spreads_a_share_over_the_vocabulary() -> None:
    even = torch.zeros(1, 4)  # all tokens alike: whatever the target is, ln 4
    for smoothing in (0.0, 0.3):
        assert caption.said(even, torch.tensor([2]), torch.tensor([0]), 1, smoothing)[0].item() == pytest.approx(math.log(4))
    sure = torch.log(torch.tensor([[0.7, 0.1, 0.1, 0.1]]))
    by_hand = 0.8 * -math.log(0.7) + 0.2 / 4 * -(math.log(0.7) + 3 * math.log(0.1))
    assert caption.said(sure, torch.tensor([0]), torch.tensor([0]), 1, 0.2)[0].item() == pytest.approx(by_hand)


def test_padding_is_told_by_the_mask_and_not_by_an_id() -> None:
    tokens, real = torch.tensor([[7, 8, 0, 5], [7, 8, 5, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]).bool()
    assert caption.counted(tokens, real, 2).tolist() == [[False, False, True, True], [False, False, True, False]]


def test_the_paper_weighs_captions_twice() -> None:
    assert (caption.CAPTION, caption.CONTRAST) == (2.0, 1.0)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="expected \\[k, vocabulary\\]"):
        caption.said(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.long), 1)
    with pytest.raises(ValueError, match="expected one shape"):
        caption.caption(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="expected one shape"):
        caption.counted(torch.zeros(2, 3), torch.zeros(2, 2), 2)
