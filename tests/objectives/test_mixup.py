"""OneR's objectives on numbers that a reader can work out by hand, and that the teacher gets no gradient."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.objectives import mixup  # noqa: E402
from hannun.objectives.mixup import TaughtViews  # noqa: E402

AXES = torch.eye(2)
SAME = TaughtViews(AXES, AXES)
TAU = 0.5
#: Two things on two axes: each finds itself with cosine 1 among cosines 1 and 0, and the loss is 2τ · log(1 + e^(−1/τ)).
RIGHT = 2 * TAU * math.log(1 + math.exp(-1 / TAU))


def test_the_contrast_is_infonce_times_twice_the_temperature() -> None:
    assert mixup.ctr(AXES, AXES, TAU).item() == pytest.approx(RIGHT)
    swapped = 2 * TAU * math.log(1 + math.exp(1 / TAU))  # each is as far from its own as can be
    assert mixup.ctr(AXES, AXES.flip(0), TAU).item() == pytest.approx(swapped)
    assert mixup.ctr(AXES, AXES, TAU, ~torch.eye(2, dtype=torch.bool)).item() == 0  # nothing left to contrast with
    with pytest.raises(ValueError, match="expected rows of the same things"):
        mixup.ctr(AXES, torch.eye(3), TAU)


def test_each_objective_weighs_like_one_symmetric_contrast() -> None:
    """Where all views agree, every objective is ⟨a, b⟩ = 2 ctr."""
    assert mixup.itc(SAME, SAME, TAU).item() == pytest.approx(2 * RIGHT)
    assert mixup.xmc(SAME, SAME, torch.tensor([0.0, 0.7]), TAU).item() == pytest.approx(2 * RIGHT)
    assert mixup.cic(SAME, SAME, SAME, SAME, TAU).item() == pytest.approx(2 * RIGHT)
    assert mixup.cmc(SAME, SAME, SAME, TAU).item() == pytest.approx(2 * RIGHT)


def test_a_mixture_lies_between_its_picture_and_its_text() -> None:
    image, text = TaughtViews(AXES, AXES), TaughtViews(AXES.flip(0), AXES.flip(0))
    whole = mixup.mixed(image, text, torch.tensor([1.0, 0.0]))
    assert torch.equal(whole.asked, torch.stack([AXES[0], AXES[0]])) and torch.equal(whole.known, whole.asked)
    half = mixup.mixed(image, text, torch.tensor([0.5, 0.5])).asked
    assert torch.allclose(half, torch.full((2, 2), math.sqrt(0.5)))
    # Both mixtures are the same direction: nothing tells the pairs apart, and each contrast costs log 2.
    assert mixup.xmc(image, text, torch.tensor([0.5, 0.5]), TAU).item() == pytest.approx(2 * 2 * TAU * math.log(2), abs=1e-6)


def test_contexts_are_compared_with_what_is_read_alone() -> None:
    """CIC looks at F(I|T) beside F(I|I) and F(T|I) beside F(T|T): a context that swaps one kind costs that half alone."""
    swapped = TaughtViews(AXES.flip(0), AXES.flip(0))
    wrong = 2 * 2 * TAU * math.log(1 + math.exp(1 / TAU))
    assert mixup.cic(SAME, SAME, swapped, SAME, TAU).item() == pytest.approx((wrong + 2 * RIGHT) / 2)
    assert mixup.cic(SAME, swapped, SAME, swapped, TAU).item() == pytest.approx(2 * RIGHT)
    assert mixup.cmc(SAME, swapped, SAME, TAU).item() == pytest.approx((wrong + 2 * RIGHT) / 2)


def test_no_gradient_goes_to_what_is_known() -> None:
    views = [TaughtViews(AXES.clone().requires_grad_(), AXES.clone().requires_grad_()) for _ in range(5)]
    image, text, seen, said, both = views
    share = torch.tensor([0.3, 0.6])
    total = mixup.itc(image, text, TAU) + mixup.xmc(image, text, share, TAU) + mixup.cic(image, text, seen, said, TAU)
    (total + mixup.cmc(image, text, both, TAU)).backward()
    for v in views:
        assert v.known.grad is None and v.asked.grad is not None and v.asked.grad.abs().sum() > 0
