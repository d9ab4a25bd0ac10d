"""A reader of prompts, its teacher and parallel prompts go in; how near the reader's states come to the teacher's comes out.

What all prompts have in common is taken off first: the mean state at each place, of the teacher's over these prompts. Without that any two
prompts of a text model of CLIP's class are nearly parallel, and a reader that knows nothing but the mean would look taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hannun.errors import InputError
from hannun.prompts.states import PromptReader, in_batches

if TYPE_CHECKING:
    from jaxtyping import Float

Outcomes = npt.NDArray[np.float64]


def alignment(reader: PromptReader, teacher: PromptReader, pairs: Sequence[tuple[str, str]]) -> dict[str, Outcomes]:
    """By name, an outcome for each pair (first text read by `reader`, second by both):

    "ko tokens", "ko pooled": the cosine of reader(first) and teacher(second), of states the mean over the 77 places;
    "ko→en tokens", "ko→en pooled": 1 where the teacher's nearest prompt is the right one, among all of them (ties count against it);
    "en …": the same of reader(second): whether English was kept. "ko tokens, not centred" is the cosine as it is often quoted.

    Raises InputError for fewer than two pairs, or a reader of other widths than its teacher.
    """
    if len(pairs) < 2:
        raise InputError(f"{len(pairs)} parallel prompts came, expected two or more to measure on")
    if (reader.width, reader.pooled_width) != (teacher.width, teacher.pooled_width):
        wide = (reader.width, reader.pooled_width)
        raise InputError(f"states of {wide} values came, expected {(teacher.width, teacher.pooled_width)} as the teacher's are")
    wanted = in_batches(teacher.states, [b for _, b in pairs])
    centre, middle = wanted.tokens.mean(0), wanted.pooled.mean(0)
    own = {"tokens": _unit(wanted.tokens - centre), "pooled": normalize(wanted.pooled - middle, dim=-1)[:, None]}
    answers = [b for _, b in pairs]
    out: dict[str, Outcomes] = {}
    for side, texts in (("ko", [a for a, _ in pairs]), ("en", answers)):
        read = in_batches(reader.states, texts)
        made = {"tokens": _unit(read.tokens - centre), "pooled": normalize(read.pooled - middle, dim=-1)[:, None]}
        for name in ("tokens", "pooled"):
            out[f"{side} {name}"] = _plain((made[name] * own[name]).sum(-1).sum(-1) / _places(own[name]))
            out[f"{side}→en {name}"] = _found(made[name].flatten(1) @ own[name].flatten(1).T, answers)
        if side == "ko":
            out["ko tokens, not centred"] = _plain((normalize(read.tokens, dim=-1) * normalize(wanted.tokens, dim=-1)).sum(-1).mean(-1))
    return out


def _unit(states: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
    """States of unit length; a place at which all prompts are alike (the first, under a causal mask) is zero and counts for nothing."""
    return torch.where(states.norm(dim=-1, keepdim=True) > 1e-3, normalize(states, dim=-1), torch.zeros(()))


def _places(own: Float[Tensor, "n t d"]) -> Float[Tensor, " n"]:
    """How many places of each row count."""
    return (own.norm(dim=-1) > 0).sum(-1).clamp(min=1)


def _found(scores: Float[Tensor, "n n"], answers: Sequence[str]) -> Outcomes:
    """Whether row i scores its own column above all columns of other texts."""
    named = {t: k for k, t in enumerate(dict.fromkeys(answers))}
    kind = torch.tensor([named[t] for t in answers])
    others = scores.masked_fill(kind[:, None] == kind[None], -torch.inf).max(dim=1).values
    return _plain((scores.diagonal() > others).float())


def _plain(values: Tensor) -> Outcomes:
    made: Outcomes = values.double().numpy()
    return made
