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
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from hannun.errors import HannunError
from hannun.models.features import Vectors
from hannun.models.saving import whole_tensor
from hannun.processes import once, world


def lengthened(tensor: Tensor, more: int) -> Tensor:
    """`more` zeros at the end of the second axis."""
    return nn.functional.pad(tensor, (*(0, 0) * (tensor.ndim - 2), 0, more)) if more else tensor


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
    """The same for all outputs of a network; token vectors are padded to the longest of all processes."""
    if world()[1] == 1:
        return vectors
    return Vectors.of({k: _whole_rows(t) for k, t in vectors.named().items()})


def _whole_rows(tensor: Tensor) -> Tensor:
    """Rows of all processes; the second axis is lengthened with zeros to the longest of them."""
    plain = tensor.to(torch.uint8) if tensor.dtype == torch.bool else tensor  # gloo gathers no bool
    if plain.ndim > 1:
        longest = torch.tensor(plain.shape[1], device=plain.device)
        dist.all_reduce(longest, dist.ReduceOp.MAX)
        plain = lengthened(plain, int(longest) - plain.shape[1])
    return gathered(plain).to(tensor.dtype)


def averaged(module: nn.Module) -> None:
    """Replace each gradient by its mean over processes; a parameter that only some of them used counts as zero elsewhere."""
    _, size = world()
    if size == 1:
        return
    trained = [p for p in module.parameters() if p.requires_grad and not isinstance(p, DTensor)]  # sharded ones were averaged on the way
    if not trained:
        return
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


def alike(module: nn.Module) -> None:
    """The first process's weights and buffers in all of them. Raises HannunError where one of them has built another module."""
    if world()[1] == 1:
        return
    state = module.state_dict()
    shapes = {k: (str(v.dtype), tuple(v.shape)) for k, v in state.items()}
    if apart := sorted(set(shapes.items()) ^ set(once(lambda: shapes).items())):
        raise HannunError(f"two processes have built different models ({apart[0][0]} …); give all of them the same data and settings")
    for value in state.values():
        if value.numel():
            flat = value.detach().reshape(-1).contiguous()
            dist.broadcast(flat.view(torch.uint8), 0)  # as bytes: gloo knows few kinds of numbers
            value.copy_(flat.view_as(value))


def sharded(module: nn.Module) -> nn.Module:
    """The module with its weights divided among the processes, in place (FSDP2): every list's layers one by one, then the rest.

    Scalars such as a temperature stay whole, and `averaged` sees to them. Every process must run chunks that use the same weights.
    """
    device = next(module.parameters()).device.type
    mesh = init_device_mesh(device, (world()[1],))
    scalars = {p for p in module.parameters() if p.ndim == 0}
    for layers in [m for m in module.modules() if isinstance(m, nn.ModuleList) and len(m) > 1]:
        for block in layers:
            if any(p.ndim for p in block.parameters()):
                fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh, ignored_params=scalars)
    return module


def clipped(module: nn.Module, most: float) -> float:
    """The norm of all gradients, divided ones counted whole; they are scaled down to `most` where it is larger."""
    given = [p.grad for p in module.parameters() if p.grad is not None]
    norm = torch.stack([whole(nn.utils.get_total_norm([g])).float().cpu() for g in given]).norm()
    share = float(torch.clamp(most / (norm + 1e-6), max=1.0))
    for g in given:
        g.mul_(share)
    return float(norm)


def whole(value: Any) -> Any:
    """Tensors in any nest of dicts and lists, each sharded one made whole on the CPU; every process must call it, in the same order."""
    match value:
        case Tensor():
            return whole_tensor(value) if isinstance(value, DTensor) else value
        case dict():
            return {k: whole(v) for k, v in value.items()}
        case list() | tuple():
            return type(value)(whole(v) for v in value)
    return value


def divided(saved: Tensor, like: Tensor) -> Tensor:
    """A whole tensor as its process's share of it, where `like` is divided."""
    if not isinstance(like, DTensor) or isinstance(saved, DTensor) or saved.shape != like.shape:
        return saved
    return distribute_tensor(saved.to(like.device), like.device_mesh, like.placements)


def load(module: nn.Module, state: dict[str, Tensor]) -> Any:
    """`module.load_state_dict(state, strict=False)`, of whole tensors, whether the module is divided or not."""
    own = module.state_dict()
    return module.load_state_dict({k: divided(v, own[k]) if k in own else v for k, v in state.items()}, strict=False)


def load_optimiser(optimiser: Any, state: dict[str, Any]) -> None:
    """`optimiser.load_state_dict(state)`, of whole tensors, whether its parameters are divided or not."""
    parameters = [p for g in optimiser.param_groups for p in g["params"]]
    kept = {
        n: {k: divided(v, parameters[n]) if isinstance(v, Tensor) and v.ndim else v for k, v in s.items()}
        for n, s in state["state"].items()
    }
    optimiser.load_state_dict({**state, "state": kept})
