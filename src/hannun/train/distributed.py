"""Each process's vectors go in, all processes' vectors come out, with a gradient that makes the step exact.

The scheme: every process computes the loss of the whole global batch; `gathered` lets it flow back into its own rows, times
the number of processes; the loop then averages gradients over processes (`averaged`). Sum of exact shares, so what comes
out is the gradient of one process with the whole batch. A temperature, which every process sees whole, stays exact too.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hannun.models.features import Vectors


def world() -> tuple[int, int]:
    """(this process's number, how many there are); (0, 1) without torch.distributed."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)


class _Gather(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        rank, size = world()
        counts = [torch.zeros((), dtype=torch.int64, device=rows.device) for _ in range(size)]
        dist.all_gather(counts, torch.tensor(len(rows), device=rows.device))
        sizes = [int(c) for c in counts]
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(size)]
        dist.all_gather(parts, padded)
        ctx.start, ctx.count, ctx.size = sum(sizes[:rank]), len(rows), size
        return torch.cat([p[:n] for p, n in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient[ctx.start : ctx.start + ctx.count] * ctx.size


def gathered(rows: Tensor) -> Tensor:
    """Rows of all processes one under another, in the order of the processes, which may have different numbers of them."""
    return rows if world()[1] == 1 else _Gather.apply(rows)


def gathered_vectors(vectors: Vectors) -> Vectors:
    """The same for both outputs of a network; token vectors are padded to the longest of all processes."""
    if world()[1] == 1:
        return vectors
    if vectors.tokens is None or vectors.mask is None:
        return Vectors(gathered(vectors.dense))
    longest = torch.tensor(vectors.tokens.shape[1], device=vectors.tokens.device)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    more = int(longest) - vectors.tokens.shape[1]
    pad = nn.functional.pad
    mask = gathered(pad(vectors.mask.to(torch.uint8), (0, more))).bool()
    return Vectors(gathered(vectors.dense), gathered(pad(vectors.tokens, (0, 0, 0, more))), mask)


def averaged(module: nn.Module) -> None:
    """Replace each gradient by its mean over processes; a parameter that only some of them used counts as zero elsewhere."""
    _, size = world()
    if size == 1:
        return
    trained = [p for p in module.parameters() if p.requires_grad]
    used = torch.tensor([p.grad is not None for p in trained], dtype=torch.uint8, device=trained[0].device)
    dist.all_reduce(used, dist.ReduceOp.MAX)
    kept = [p for p, u in zip(trained, used.tolist(), strict=True) if u]
    for kind in sorted({str(p.dtype) for p in kept}):
        group = [p for p in kept if str(p.dtype) == kind]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in group])
        dist.all_reduce(flat)
        flat /= size
        at = 0
        for p in group:
            p.grad = flat[at : at + p.numel()].view_as(p).clone()
            at += p.numel()
