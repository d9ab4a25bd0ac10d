"""The objectives on numbers that a reader can work out by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.objectives.distill import distributions, neighbours, similarities  # noqa: E402
from hannun.objectives.infonce import infonce, same  # noqa: E402
from hannun.objectives.matryoshka import matryoshka  # noqa: E402

AXES = torch.eye(2)


def test_infonce_of_two_orthogonal_pairs() -> None:
    # Scores are [[s, 0], [0, s]] with s = ln 3: each row's own key has 3 / (3 + 1) of the weight.
    assert infonce(AXES, AXES, math.log(3)).item() == pytest.approx(math.log(4 / 3))


def test_infonce_of_equal_vectors_is_guessing() -> None:
    rows = torch.ones(4, 1)
    assert infonce(rows, rows, 7.0).item() == pytest.approx(math.log(4))


def test_a_false_negative_does_not_count() -> None:
    rows = torch.ones(4, 1)
    # Rows 0 and 1 say the same: each is left with itself and two others; rows 2 and 3 still see all four.
    loss = infonce(rows, rows, 1.0, ignore=same(torch.tensor([5, 5, 6, 7])))
    assert loss.item() == pytest.approx((2 * math.log(3) + 2 * math.log(4)) / 4)


def test_the_positive_is_never_ignored() -> None:
    assert infonce(AXES, AXES, 1.0, ignore=torch.ones(2, 2, dtype=torch.bool)).item() == pytest.approx(0.0)


def test_hard_negatives_count_for_queries_only() -> None:
    one, hard = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    # One query among its key and two equal negatives: ln 3; in the other direction the only choice is right: 0.
    assert infonce(one, hard, 1.0).item() == pytest.approx(math.log(3) / 2)
    assert infonce(one, hard, 1.0, symmetric=False).item() == pytest.approx(math.log(3))


def test_infonce_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="expected"):
        infonce(torch.ones(3, 2), torch.ones(2, 2), 1.0)
    with pytest.raises(ValueError, match="ignore"):
        infonce(AXES, AXES, 1.0, ignore=torch.zeros(2, 3, dtype=torch.bool))


def test_matryoshka_renormalises_each_prefix() -> None:
    first = torch.tensor([[3.0, 4.0]])

    def length(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a.norm() + 10 * a[0, 0] + 0 * b.sum()

    # dim 1: (3) → (1): 1 + 10; dim 2: (0.6, 0.8): 1 + 6. Their mean is 9, weighted 3 to 1 it is (33 + 7) / 4 = 10.
    assert matryoshka(length, first, first, (1, 2)).item() == pytest.approx(9.0)
    assert matryoshka(length, first, first, (1, 2), (3, 1)).item() == pytest.approx(10.0)


def test_matryoshka_refuses_a_dimension_beyond_the_vector() -> None:
    with pytest.raises(ValueError, match="between 1 and 2"):
        matryoshka(lambda a, b: a.sum(), AXES, AXES, (4,))


def test_similarities_are_zero_for_a_turned_copy() -> None:
    turned = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    assert similarities(turned, AXES).item() == pytest.approx(0.0)
    # Two equal students of two orthogonal teachers: the cosine is off by 1 in both places.
    assert similarities(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), AXES).item() == pytest.approx(1.0)


def test_similarities_give_the_teacher_no_gradient() -> None:
    teacher = torch.nn.functional.normalize(torch.randn(3, 2), dim=-1).requires_grad_()
    student = torch.nn.functional.normalize(torch.randn(3, 2), dim=-1).requires_grad_()
    similarities(student, teacher).backward()
    assert teacher.grad is None and student.grad is not None


def test_distributions_of_a_coin() -> None:
    # Equal scores guess one half each; a certain target is ln 2 away, a fair one 0. Weighted 3 to 1.
    scores, target = torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert distributions(scores, target).item() == pytest.approx(math.log(2) / 2)
    assert distributions(scores, target, torch.tensor([3.0, 1.0])).item() == pytest.approx(math.log(2) * 3 / 4)


def test_neighbours_do_not_see_themselves() -> None:
    rows = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), dim=-1)
    assert neighbours(rows, rows, 0.1).item() == pytest.approx(0.0, abs=1e-6)
