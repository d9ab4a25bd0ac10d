"""Two ways to score the same queries and keys go in; how far the student's ranking is from the teacher's comes out.

jina-embeddings-v4 (Günther et al. 2025) pulls the dense scores to the late-interaction ones so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from hannun.objectives.tiles import Scores, over_tiles

if TYPE_CHECKING:
    from jaxtyping import Float

#: Ours. At InfoNCE's 0.02 the teacher's softmax is a hard label and teaches nothing that InfoNCE does not.
TEMPERATURE = 0.1


def agreement(
    student: Scores, teacher: Scores, n: int, m: int, temperature: float = TEMPERATURE, *, tile: int | None = None
) -> Float[Tensor, ""]:
    """Mean over n queries of KL(softmax(teacher / T) ‖ softmax(student / T)) over m keys; scalar (nats), in tiles.

    Both are `Scores` of the same scale (`tiles.cosines`, `late_interaction.maxsim` with `mean`). The teacher gets no gradient.
    """

    def work(rows: slice) -> tuple[Tensor, ...]:
        with torch.no_grad():
            target = log_softmax(teacher(rows) / temperature, dim=1)
        return (kl_div(log_softmax(student(rows) / temperature, dim=1), target, reduction="none", log_target=True).sum(dim=1),)

    return torch.cat(over_tiles(work, n, m, tile)[0]).mean()
