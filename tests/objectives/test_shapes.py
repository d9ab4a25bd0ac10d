"""The shapes that objectives and poolings name hold: each is called once, and what goes in and comes out is what its signature says."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
jaxtyping = pytest.importorskip("jaxtyping", reason="jaxtyping is in the [dev] extra")

from hannun.models import pooling  # noqa: E402
from hannun.objectives import agreement, caption, distill, flow, infonce, late_interaction, matryoshka, mixup, ranking, sigmoid, tiles  # noqa: E402

N, H, D = 3, 2, 5  # queries, hard negatives, length of a vector
M, T, U = N + H, 4, 6  # keys, tokens of a query and of a key


def random(*shape: int) -> Any:
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape))), dim=-1)


queries, keys, asked, known = random(N, D), random(M, D), random(N, T, D), random(M, U, D)
masks = {"ignore": torch.zeros(N, M, dtype=torch.bool), "labels": (torch.arange(N)[:, None], torch.arange(M)[:, None])}
masks |= {"owners": torch.tensor([0, 2])}
scored = tiles.cosines(queries, keys)
marks = torch.ones(N, T, dtype=torch.long)

CALLS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    (agreement.agreement, (scored, scored, N, M), {}),
    (caption.said, (random(4, 7), torch.zeros(4, dtype=torch.long), torch.tensor([0, 0, 1, 2]), N), {}),
    (caption.counted, (torch.zeros(N, T, dtype=torch.long), torch.ones(N, T, dtype=torch.bool), 1), {}),
    (caption.caption, (torch.ones(N), torch.ones(N)), {}),
    (distill.similarities, (queries, random(N, D + 1)), {}),
    (distill.vectors, (queries, queries), {}),
    (distill.distributions, (queries, queries.softmax(-1), torch.ones(N)), {}),
    (distill.neighbours, (queries, random(N, D + 1), 0.1), {}),
    (distill.states, (asked, asked), {}),
    (distill.pooled, (queries, queries), {}),
    (flow.times, (N, torch.Generator()), {}),
    (flow.between, (asked, asked, torch.rand(N)), {}),
    (flow.flow_matching, (asked, asked, asked), {}),
    (infonce.infonce, (queries, keys, torch.tensor(20.0)), masks | {"log_q": torch.zeros(M)}),
    (infonce.false_negatives, (N,), masks),
    (infonce.same, (torch.arange(N),), {}),
    (infonce.bounded, (torch.tensor(1.0),), {}),
    (late_interaction.maxsim, (asked, marks, known, torch.ones(M, U)), {}),
    (late_interaction.late_interaction, (asked, marks, known, torch.ones(M, U), 20.0), masks),
    (matryoshka.matryoshka, (lambda a, b: (a * b).sum(), queries, queries, (D, 2)), {}),
    (matryoshka.matryoshka, (lambda a, b: (a[:, :1] * b[:N]).sum(), asked, known, (D, 2)), {}),
    (mixup.ctr, (queries, queries, 0.2), {"ignore": torch.zeros(N, N, dtype=torch.bool)}),
    (mixup.symmetric, (mixup.TaughtViews(queries, queries), mixup.TaughtViews(queries, queries), 0.2), {}),
    (mixup.itc, (mixup.TaughtViews(queries, queries), mixup.TaughtViews(queries, queries), 0.2), {}),
    (mixup.mixed, (mixup.TaughtViews(queries, queries), mixup.TaughtViews(queries, queries), torch.ones(N)), {}),
    (mixup.xmc, (mixup.TaughtViews(queries, queries), mixup.TaughtViews(queries, queries), torch.ones(N), 0.2), {}),
    (mixup.cic, (*[mixup.TaughtViews(queries, queries)] * 4, 0.2), {}),
    (mixup.cmc, (*[mixup.TaughtViews(queries, queries)] * 3, 0.2), {}),
    (ranking.cosent, (queries, queries, torch.arange(N)), {}),
    (sigmoid.sigmoid, (queries, keys, torch.tensor(10.0), -10.0), masks),
    (tiles.cosines, (queries, keys), {}),
    (tiles.contrast, (scored, N, M, 20.0), {"log_q": torch.zeros(M)}),
    (pooling.last_token, (asked, marks), {}),
    (pooling.mean, (asked, marks.bool()), {}),
    (pooling.vision_span, (asked, marks, marks), {}),
    (pooling.pooled, (asked, marks, "mean", None), {}),
]


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    names = {k: getattr(jaxtyping, k) for k in ("Bool", "Float", "Int", "Shaped")}
    return typing.get_type_hints(function, {**vars(inspect.getmodule(function)), **names})


def agrees(value: Any, hint: Any) -> bool:
    """Whether a value is of a hint, in which a named length is the same everywhere within one jaxtyping context."""
    arms = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and isinstance(value, tuple):
        return all(agrees(v, h) for v, h in zip(value, arms, strict=True))
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(agrees(value, arm) for arm in arms)
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return isinstance(value, hint)
    return not isinstance(value, torch.Tensor)


@pytest.mark.parametrize(("function", "given", "named"), CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_what_goes_in_and_out_is_of_the_shapes_that_are_named(function: Callable[..., Any], given: Any, named: Any) -> None:
    told, bound = hints(function), inspect.signature(function).bind(*given, **named)
    with jaxtyping.jaxtyped("context"):
        for name, value in bound.arguments.items():
            assert agrees(value, told[name]), f"{name}: {getattr(value, 'shape', value)} is not {told[name]}"
        out = function(*given, **named)
        assert not isinstance(out, torch.Tensor) or agrees(out, told["return"]), (out.shape, told["return"])


def test_a_shape_that_is_wrong_is_seen() -> None:
    told = hints(infonce.infonce)
    with jaxtyping.jaxtyped("context"):
        assert agrees(queries, told["queries"]) and agrees(keys, told["keys"]) and agrees(None, told["ignore"])
        assert not agrees(torch.zeros(N, M + 1, dtype=torch.bool), told["ignore"]) and not agrees(torch.zeros(N, M), told["ignore"])


def test_every_objective_names_its_shapes_and_is_called_here() -> None:
    called = {f.__name__ for f, _, _ in CALLS}
    modules: list[ModuleType] = [agreement, distill, flow, infonce, late_interaction, matryoshka, mixup, ranking, sigmoid, tiles, pooling]
    for module in modules:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_") and name != "over_tiles":
                assert name in called, f"{module.__name__}.{name}: call it here"
                told = inspect.get_annotations(function)
                bare = [k for k, h in told.items() if "Tensor" in h.replace("[Tensor,", "") and "Callable" not in h]
                assert not bare, f"{name}: {bare} name no shape"
