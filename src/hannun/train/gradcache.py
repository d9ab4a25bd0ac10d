"""A network and a large batch of features go in; its vectors come out, differentiable, in the memory of one small chunk.

Gradient caching (Gao et al. 2021): the batch runs through the network in chunks without a graph; when the loss's gradient
has reached a chunk's vectors, that chunk runs again, with the same random numbers, and passes it on to the weights. So any
objective sees the whole batch, and `loss.backward()` is written as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hannun.errors import InputError
from hannun.models.features import Features, Vectors
from hannun.train.distributed import lengthened


@contextmanager
def _numbers(state: tuple[Tensor, list[Tensor]], devices: list[int]) -> Iterator[None]:
    with torch.random.fork_rng(devices=devices):
        torch.set_rng_state(state[0])
        for device, each in zip(devices, state[1], strict=True):
            torch.cuda.set_rng_state(each, device)
        yield


class _Replayed(torch.autograd.Function):  # type: ignore[misc]
    """One chunk: run without a graph, and again with one when the gradient of its vectors is there."""

    @staticmethod
    def forward(ctx: Any, run: Callable[[], Vectors], devices: list[int], names: list[str], _: Tensor) -> Any:
        ctx.run, ctx.devices = run, devices
        ctx.state = torch.get_rng_state(), [torch.cuda.get_rng_state(d) for d in devices]
        kind = "cuda" if devices else "cpu"
        ctx.cast = kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
        out = run().named()
        ctx.mark_non_differentiable(*(t for t in out.values() if not t.is_floating_point()))
        names.extend(out)
        ctx.names = tuple(out)
        return tuple(out.values())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        kind, enabled, dtype = ctx.cast
        with _numbers(ctx.state, ctx.devices), torch.enable_grad(), torch.autocast(kind, dtype, enabled=enabled):
            out = ctx.run().named()
        given = [(out[k], g) for k, g in zip(ctx.names, gradients, strict=True) if g is not None and out[k].requires_grad]
        if given:
            torch.autograd.backward([x for x, _ in given], [g for _, g in given])
        return None, None, None, None


def cached(module: nn.Module, features: Features, chunk: int) -> Vectors:
    """The vectors of all rows, computed `chunk` rows at a time with gradients replayed (see the module's first lines).

    With `chunk` ≥ the number of rows, or where no gradient is wanted, it is one plain call. Random numbers are replayed for
    torch's generators of the CPU and of the device in use. Parameters receive their gradients inside `loss.backward()`, as
    `.grad`; `torch.autograd.grad` does not see through it. A module wrapped for several processes (DDP) must not synchronise by
    itself meanwhile: the loop wraps none, and averages once at the end. Raises InputError for a chunk below 1.
    """
    if chunk < 1:
        raise InputError(f"chunk={chunk} came, expected the rows that fit into memory at once, 1 or more")
    if not torch.is_grad_enabled() or len(features) <= chunk:
        return _vectors(module(features))
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() and any(p.is_cuda for p in module.parameters()) else []
    hook = torch.zeros((), requires_grad=True)  # autograd runs a function backward only where some input wants a gradient
    pieces: list[Vectors] = []
    for part in features.split(chunk):
        names: list[str] = []
        out = _Replayed.apply(_call(module, part), devices, names, hook)
        pieces.append(Vectors.of(dict(zip(names, out, strict=True))))
    return joined(pieces)


def joined(pieces: Sequence[Vectors]) -> Vectors:
    """Vectors one under another; what has a second axis of its own length is padded with zeros to the longest. Gradients pass through.

    Raises InputError where the pieces have not the same outputs.
    """
    if len(pieces) == 1:
        return pieces[0]
    named = [p.named() for p in pieces]
    if any(n.keys() != named[0].keys() for n in named):
        came = "; ".join(sorted({", ".join(n) for n in named}))
        raise InputError(f"chunks with the outputs {came} came, expected the same of each; let the model give all of them for every row")
    return Vectors.of({k: torch.cat(padded([n[k] for n in named])) for k in named[0]})


def padded(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors [n, t, …] with zeros at the end of the second axis up to the longest; others as they are."""
    longest = max((t.shape[1] for t in tensors if t.ndim > 1), default=0)
    return [t if t.ndim < 2 or t.shape[1] == longest else lengthened(t, longest - t.shape[1]) for t in tensors]


def _call(module: nn.Module, part: Features) -> Callable[[], Vectors]:
    return lambda: _vectors(module(part))


def _vectors(out: Any) -> Vectors:
    """A wrapper for several processes may hand a dataclass through as it is, or convert its tensors; both have the fields."""
    return Vectors(out.dense, out.tokens, out.mask, getattr(out, "others", {}))
