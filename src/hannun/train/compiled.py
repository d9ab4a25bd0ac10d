"""A module and the name of a torch.compile backend go in; its layers run compiled from then on, or as they are, with the reason told.

Layer by layer: a Transformer's layers have one code, so it is compiled once and not as often as there are layers, and what is around
them (rows of pictures and texts in any mixture, chunks) stays plain Python, which could not be traced.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from hannun.errors import InputError, neighbours


def layers(module: nn.Module) -> list[nn.Module]:
    """The layers that repeat in a module: those of every list of modules of one class. The module itself where it has none."""
    found: list[nn.Module] = []
    for part in module.modules():
        if isinstance(part, nn.ModuleList) and len(part) > 1 and len({type(each) for each in part}) == 1:
            found += part
    return found or [module]


def compiled(module: nn.Module, backend: str, tell: Callable[[str], None] = print) -> bool:
    """Compile the module's layers in place with torch.compile; whether it could be done. "" leaves them alone.

    A small function is compiled first, forward and backward: where that fails (no C++ compiler, an unknown device), the reason is told
    and training goes on uncompiled. Later a layer that cannot be compiled runs as it is. Random numbers are torch's own, so that gradient
    caching can replay them. Raises InputError for a backend that torch does not know.
    """
    if not backend:
        return False
    known = torch._dynamo.list_backends(exclude_tags=())
    if backend not in known:
        raise InputError(f"compile={backend!r} came; {neighbours(backend, known)}")
    if reason := _refusal(backend, next((p.device for p in module.parameters()), torch.device("cpu"))):
        tell(f"torch.compile with {backend} cannot be used here ({reason}); training goes on without it")
        return False
    torch._inductor.config.fallback_random = True
    torch._dynamo.config.suppress_errors = True
    for layer in layers(module):
        layer.compile(backend=backend, dynamic=True)
    return True


def _refusal(backend: str, device: torch.device) -> str:
    """Why the backend does not work here; "" where it does."""

    def probe(x: Tensor) -> Tensor:
        return (x * x).sum()

    before = torch._dynamo.config.suppress_errors
    torch._dynamo.config.suppress_errors = False
    try:
        torch.compile(probe, backend=backend)(torch.ones(4, device=device, requires_grad=True)).backward()
    except Exception as e:  # compilers raise anything
        return next((line.strip() for line in str(e).splitlines() if line.strip()), type(e).__name__)[:160]
    finally:
        torch._dynamo.config.suppress_errors = before
    return ""
