"""How a run goes: its numbers, the rate at each step, and the groups of parameters with their shares of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from hannun.errors import InputError, neighbours
from hannun.recipe import Recipe, Stage


@dataclass(frozen=True)
class Schedule:
    """How a run goes.

    `warmup` is a share of `steps`; `curve` is "cosine", "rsqrt" or "constant"; `ema` 0 keeps no average; a checkpoint every
    `save_every` steps. `accumulate` calls of the step make one update. `betas` are AdamW's. `precision` is "fp32"; "bf16", which computes
    in bfloat16 and keeps what is trained in float32, whatever the checkpoint came in; or "pure-bf16", which keeps the weights in bfloat16
    too: half the memory, and small steps are rounded away. `sharding` "full" divides weights, gradients and the optimiser's state among
    the processes (FSDP); "none" gives each process all of them. `compile` names a backend of torch.compile ("inductor") for the layers; ""
    leaves them as they are. With a validation,
    `validate_every` steps (0: never), and after `patience` of them without a better one the run stops (0: goes to the end).
    `rates` are multiples of the learning rate for parts of the module, by name: a tower that knows its work already learns more
    slowly than a new head (discriminative fine-tuning, Howard and Ruder 2018).
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    clip: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    ema: float = 0.0
    seed: int = 0
    log_every: int = 50
    save_every: int = 500
    curve: str = "cosine"
    accumulate: int = 1
    precision: str = "fp32"
    sharding: str = "none"
    compile: str = ""
    validate_every: int = 0
    patience: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (("curve", CURVES), ("precision", PRECISIONS), ("sharding", SHARDINGS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name}={getattr(self, name)!r} came; {neighbours(str(getattr(self, name)), known)}")
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise InputError(f"betas={self.betas} came, expected two numbers from 0 to below 1")
        for name in ("steps", "log_every", "save_every", "accumulate"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} came, expected 1 or more")

    @staticmethod
    def of(recipe: Recipe, stage: Stage | None = None) -> Schedule:
        """What a recipe says of it: its own fields, and a stage's steps and learning rate where one is given."""
        return Schedule(
            steps=(stage or recipe).steps,
            learning_rate=(stage or recipe).learning_rate,
            warmup=recipe.warmup,
            weight_decay=recipe.weight_decay,
            betas=recipe.betas,
            ema=recipe.ema,
            seed=recipe.seed,
            curve=recipe.curve,
            precision=recipe.precision,
            compile=recipe.compile,
            rates=recipe.rates,
        )


CURVES = ("cosine", "rsqrt", "constant")
PRECISIONS = ("fp32", "bf16", "pure-bf16")
SHARDINGS = ("none", "full")
_SAID = ("log_every", "save_every", "validate_every", "patience")  # how often it speaks: a run that goes on may change them


def differences(saved: Mapping[str, Any], schedule: Schedule) -> list[str]:
    """What a run with this schedule would do otherwise than the one that left `saved` (`asdict` of its schedule): "steps 400 → 100"."""
    before, now = {**asdict(Schedule(1)), **saved}, asdict(schedule)
    pairs = [(k, before[k], v) for k, v in now.items() if k not in _SAID]
    return [f"{k} {_told(a)} → {_told(b)}" for k, a, b in pairs if _told(a) != _told(b)]


def _told(value: Any) -> str:
    return (
        ", ".join(f"{k} {v}" for k, v in sorted(value.items()))
        if isinstance(value, Mapping)
        else str(value).replace("[", "(").replace("]", ")")
    )


def rate(step: int, schedule: Schedule) -> float:
    """The share of the learning rate at a step: linear warm-up, then the curve.

    "cosine" falls by half a cosine to 0 (Loshchilov and Hutter 2017); "rsqrt" by 1/√ of the steps since, counted in warm-ups
    (Vaswani et al. 2017); "constant" stays.
    """
    warm = max(1, round(schedule.warmup * schedule.steps))
    if step < warm:
        return (step + 1) / warm
    match schedule.curve:
        case "constant":
            return 1.0
        case "rsqrt":
            return math.sqrt(warm / (step + 1))
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, schedule.steps - warm)))


def parameters(module: nn.Module, decay: float, rates: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """Groups for the optimiser, each with its `share` of the rate: matrices decay, everything of fewer than two dimensions does not.

    Raises InputError for a name in `rates` under which nothing is trained.
    """
    trained = {k: p for k, p in module.named_parameters() if p.requires_grad}
    shares = dict.fromkeys(trained, 1.0)
    for name, share in (rates or {}).items():
        under = [k for k in trained if k == name or k.startswith(f"{name}.")]
        if not under:
            raise InputError(
                f"rates.{name} came, and nothing of that name is trained; {neighbours(name, [k for k, _ in module.named_children()])}"
            )
        shares |= dict.fromkeys(under, share)
    return [
        {"params": [p for k, p in trained.items() if shares[k] == share and (p.ndim >= 2) == matrix], "weight_decay": d, "share": share}
        for share in sorted({1.0, *shares.values()}, reverse=True)
        for matrix, d in ((True, decay), (False, 0.0))
    ]
