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
    def forward(ctx: Any, run: Callable[[], Vectors], devices: list[int], _: Tensor) -> Any:
        ctx.run, ctx.devices = run, devices
        ctx.state = torch.get_rng_state(), [torch.cuda.get_rng_state(d) for d in devices]
        kind = "cuda" if devices else "cpu"
        ctx.cast = kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
        out = run()
        ctx.tokens = out.tokens is not None
        if out.tokens is None or out.mask is None:
            return out.dense
        ctx.mark_non_differentiable(out.mask)
        return out.dense, out.tokens, out.mask

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        kind, enabled, dtype = ctx.cast
        with _numbers(ctx.state, ctx.devices), torch.enable_grad(), torch.autocast(kind, dtype, enabled=enabled):
            out = ctx.run()
        pairs = [(out.dense, gradients[0])] + ([(out.tokens, gradients[1])] if ctx.tokens else [])
        given = [(x, g) for x, g in pairs if g is not None and x.requires_grad]
        if given:
            torch.autograd.backward([x for x, _ in given], [g for _, g in given])
        return None, None, None


def cached(module: nn.Module, features: Features, chunk: int) -> Vectors:
    """The vectors of all rows, computed `chunk` rows at a time with gradients replayed (see the module's first lines).

    With `chunk` ≥ the number of rows, or where no gradient is wanted, it is one plain call. Random numbers are replayed for
    torch's generators of the CPU and of the device in use. Parameters receive their gradients inside `loss.backward()`, as
    `.grad`; `torch.autograd.grad` does not see through it. A module wrapped for several processes must not synchronise by
    itself meanwhile: the loop holds `no_sync` and averages once at the end. Raises InputError for a chunk below 1.
    """
    if chunk < 1:
        raise InputError(f"chunk={chunk} came, expected the rows that fit into memory at once, 1 or more")
    if not torch.is_grad_enabled() or len(features) <= chunk:
        return _vectors(module(features))
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() and any(p.is_cuda for p in module.parameters()) else []
    hook = torch.zeros((), requires_grad=True)  # autograd runs a function backward only where some input wants a gradient
    pieces: list[Vectors] = []
    for part in features.split(chunk):
        out = _Replayed.apply(_call(module, part), devices, hook)
        pieces.append(Vectors(out) if isinstance(out, Tensor) else Vectors(*out))
    return joined(pieces)


def joined(pieces: Sequence[Vectors]) -> Vectors:
    """Vectors one under another; token vectors are padded with zeros to the longest. Gradients pass through."""
    if len(pieces) == 1:
        return pieces[0]
    dense = torch.cat([p.dense for p in pieces])
    tokens, masks = [p.tokens for p in pieces if p.tokens is not None], [p.mask for p in pieces if p.mask is not None]
    if not tokens:
        return Vectors(dense)
    longest, pad = max(t.shape[1] for t in tokens), nn.functional.pad
    return Vectors(
        dense,
        torch.cat([t if t.shape[1] == longest else pad(t, (0, 0, 0, longest - t.shape[1])) for t in tokens]),
        torch.cat([m if m.shape[1] == longest else pad(m, (0, longest - m.shape[1])) for m in masks]),
    )


def _call(module: nn.Module, part: Features) -> Callable[[], Vectors]:
    return lambda: _vectors(module(part))


def _vectors(out: Any) -> Vectors:
    """A wrapper for several processes may hand a dataclass through as it is, or convert its tensors; both have the three fields."""
    return Vectors(out.dense, out.tokens, out.mask)
