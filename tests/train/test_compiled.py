"""Layers that run compiled: the same numbers, under gradient caching too, and a reason where it cannot be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.models.features import Features, Vectors  # noqa: E402
from hannun.train.compiled import compiled, layers  # noqa: E402
from hannun.train.gradcache import cached  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.schedule import Schedule  # noqa: E402
from tests.train.network import gradient  # noqa: E402


class Block(torch.nn.Module):  # type: ignore[misc]
    """A layer with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.nn.functional.dropout(torch.tanh(self.inner(x)), 0.3, self.training)


class Stack(torch.nn.Module):  # type: ignore[misc]
    """Rows through three such layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.ModuleList(Block() for _ in range(3))

    def forward(self, features: Features) -> Vectors:
        x = features.rows["x"]
        for layer in self.layers:
            x = layer(x)
        return Vectors(x)


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """What one test has compiled is not the next one's."""
    yield
    torch._dynamo.reset()
    torch._dynamo.config.suppress_errors = False


def step(module: Any, number: int) -> dict[str, torch.Tensor]:
    rows = Features({"x": torch.randn(7, 8)}, (0,) * 7)
    return {"norm": (cached(module, rows, 3).dense ** 2).mean()}


def test_compiled_layers_train_alike(tmp_path: Path) -> None:
    """With dropout, chunks of 3, 3 and 1 rows: the replayed passes draw the numbers of the first ones."""
    found = []
    for backend in ("", "aot_eager"):
        told: list[str] = []
        schedule = Schedule(2, 1e-2, warmup=0, compile=backend)
        module = train(Stack(), step, schedule, tmp_path / f"run{backend}", told.append)
        assert not [t for t in told if "torch.compile" in t]
        found.append((torch.cat([p.detach().reshape(-1) for p in module.parameters()]), gradient(module)))
        assert all((layer._compiled_call_impl is not None) == bool(backend) for layer in module.layers)
    torch.testing.assert_close(found[1][0], found[0][0], atol=1e-6, rtol=0)
    torch.testing.assert_close(found[1][1], found[0][1], atol=1e-6, rtol=0)


def test_what_cannot_be_compiled_is_trained_as_it_is(tmp_path: Path) -> None:
    @torch._dynamo.register_backend(name="broken")
    def broken(graph: Any, inputs: Any) -> Any:
        raise RuntimeError("no compiler is here")

    told: list[str] = []
    module = train(Stack(), step, Schedule(1, compile="broken"), tmp_path, told.append)
    assert [t for t in told if "torch.compile with broken cannot be used here" in t and "goes on without it" in t]
    assert all(layer._compiled_call_impl is None for layer in module.layers)
    with pytest.raises(InputError, match="compile='inducto' came; did you mean 'inductor'"):
        compiled(Stack(), "inducto")


def test_layers_are_what_repeats() -> None:
    stack, single = Stack(), torch.nn.Linear(2, 2)
    assert layers(stack) == list(stack.layers) and layers(single) == [single]
    assert not compiled(single, "")
