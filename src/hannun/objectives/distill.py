"""A student's and a teacher's vectors or scores go in; how far the student is from the teacher comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, normalize, softmax

if TYPE_CHECKING:
    from jaxtyping import Float


def similarities(student: Float[Tensor, "n d"], teacher: Float[Tensor, "n e"]) -> Float[Tensor, ""]:
    """Mean squared difference of all cosines within the batch; scalar. [n, d] and [n, e]: the dimensions may differ.

    Keeps the geometry of a text space while its coordinates move. The teacher gets no gradient; the diagonal is left out.
    Both must be unit rows. Raises ValueError for fewer than two rows.
    """
    n = len(student)
    if n < 2 or len(teacher) != n:
        raise ValueError(f"{n} student and {len(teacher)} teacher rows came, expected the same number, two or more")
    difference = (student @ student.T - (teacher @ teacher.T).detach()) ** 2
    return (difference.sum() - difference.diagonal().sum()) / (n * (n - 1))


def vectors(student: Float[Tensor, "n d"], teacher: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Mean squared distance of each student's vector from its teacher's, as unit rows: 2 − 2 · cosine; scalar. [n, d] both.

    Embedding distillation (Reimers and Gurevych 2020). The teacher gets no gradient. Raises ValueError where the shapes differ: cut the
    longer one, or hand over the student's projection.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} came, expected the same shape")
    return ((normalize(student, dim=-1) - normalize(teacher.detach(), dim=-1)) ** 2).sum(-1).mean()


def distributions(
    scores: Float[Tensor, "n k"], target: Float[Tensor, "n k"], weights: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """KL divergence from softmax(scores) [n, k] to the given probabilities [n, k], weighted mean over rows; scalar (nats).

    Hinton et al. 2015 with the temperature already in `scores`; `target` gets no gradient.
    """
    rows = kl_div(log_softmax(scores, dim=-1), target.detach(), reduction="none").sum(-1)
    if weights is None:
        return rows.mean()
    return (rows * weights).sum() / weights.sum().clamp(min=1e-9)


def neighbours(student: Float[Tensor, "n d"], teacher: Float[Tensor, "n e"], temperature: float) -> Float[Tensor, ""]:
    """KL divergence between the two softmax distributions of each row over the other rows; scalar. [n, d] and [n, e], unit rows.

    Looks at who is near, where `similarities` looks at how near.
    """
    own = torch.eye(len(student), dtype=torch.bool, device=student.device)
    target = softmax((teacher @ teacher.T / temperature).masked_fill(own, -1e4), dim=-1)
    return distributions((student @ student.T / temperature).masked_fill(own, -1e4), target)


def states(student: Float[Tensor, "n t d"], teacher: Float[Tensor, "n t d"]) -> Float[Tensor, ""]:
    """Squared distance of each state from the teacher's at its place, over what the teacher's differ among prompts; scalar. [n, t, d] both.

    What all prompts have in common at a place is large and says nothing, so the variance over the batch is the measure: 1 is as good as
    the batch's mean state, 0 is the teacher. A picture model attends to every state, so each place counts alike. The teacher gets no
    gradient. Raises ValueError where the shapes differ or there are fewer than two rows.
    """
    if student.shape != teacher.shape or len(student) < 2:
        raise ValueError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} came, expected one shape of two rows or more")
    target = teacher.detach()
    spread = (target - target.mean(0)).square().mean()
    return (student - target).square().mean() / spread.clamp(min=1e-9)


def pooled(student: Float[Tensor, "n d"], teacher: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """The same of one vector for each prompt; scalar. [n, d] both. Raises ValueError as `states` does."""
    if student.ndim != 2 or teacher.ndim != 2:
        raise ValueError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} came, expected one vector a row")
    return states(student[:, None], teacher[:, None])
