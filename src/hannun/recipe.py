"""The one Recipe type: everything that decides what a training run makes, as plain values; overrides go in, a new Recipe comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from hannun.errors import InputError, neighbours

#: How an origin begins: the number is the system's own (paper, model card, talk), or we chose it.
SOURCE = "from the source"
OURS = "ours"


@dataclass(frozen=True)
class Stage:
    """One part of a training that goes in stages: its own mix, length, batch and rate."""

    name: str
    sources: Mapping[str, float]
    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True)
class Recipe:
    """A system's name and the numbers of its training.

    `sources` gives each source's weight in the mix; `restricted` names those whose licence forbids some uses, so that a build may leave
    them out; `dims` are the nested Matryoshka dimensions. `chunk` is the rows of one pass under gradient caching (0: the batch whole),
    `negatives` the hard negatives of each query, `token_dim` the length of token vectors (0: none), `lora_rank` 0 trains every weight.
    `teacher` is the model that is distilled ("": the recipe makes its own). `weights` names what losses count, `rates` the parts of the
    model that learn at a multiple of the learning rate; `betas` are AdamW's.
    `attention` names transformers' way of computing it ("": its own choice), `recompute` 1 makes activations anew in the backward pass,
    `workers` is the threads that read batches ahead, `compile` the backend of torch.compile ("": none). `stages`, where there are any,
    stand in place of `sources`, `steps`, `batch` and `learning_rate`. `origins` says of a field where its value is from: "from the
    source: …" or "ours: …".
    """

    name: str
    sources: Mapping[str, float]
    restricted: frozenset[str]
    steps: int
    batch: int
    learning_rate: float
    dims: tuple[int, ...]
    temperature: float = 0.07
    source_temperature: float = 2.0
    ema: float = 0.0
    seed: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    about: str = ""
    size: str = "paper"
    backbone: str = ""
    teacher: str = ""
    pooling: str = ""
    chunk: int = 0
    negatives: int = 0
    token_dim: int = 0
    token_dims: tuple[int, ...] = ()
    late_temperature: float = 0.02
    agreement_temperature: float = 0.1
    margin: float = 0.0
    lora_rank: int = 0
    lora_alpha: int = 0
    attention: str = ""
    recompute: int = 0
    workers: int = 0
    warmup: float = 0.05
    curve: str = "cosine"
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    precision: str = "fp32"
    compile: str = ""
    instructions: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)

    def without_restricted(self) -> Recipe:
        """The same recipe from free sources only."""
        return replace(self, name=f"{self.name}-free", sources={k: v for k, v in self.sources.items() if k not in self.restricted})

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(name, value, origin) of every setting that differs from the default or has an origin, for a table."""
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in ("name", "about", "origins", "size"):
                continue
            if f.name in self.origins or value != _default(f):
                yield f.name, _written(value), self.origins.get(f.name, OURS)

    def changed(self, settings: Mapping[str, str]) -> Recipe:
        """The recipe with settings given as text: {"steps": "100", "dims": "64,128", "weights.late": "0.5", "stages.long.steps": "9"}.

        Raises InputError for a name it does not have (its neighbours are listed) and for a value of another kind.
        """
        recipe = self
        for name, text in settings.items():
            recipe = _set(recipe, name, text)
        return recipe


#: Names no `--set` may change: they say what the recipe is.
_FIXED = ("name", "about", "origins", "size", "restricted")
#: What stages stand in place of, as far as it can be set.
_STAGED = ("steps", "batch", "learning_rate")


def _set(recipe: Recipe, name: str, text: str) -> Recipe:
    first, _, rest = name.partition(".")
    known = [f.name for f in fields(recipe) if f.name not in _FIXED]
    if first not in known:
        raise InputError(f"{name!r} is no setting of the recipe {recipe.name}; {neighbours(first, known)}")
    if recipe.stages and first in _STAGED:
        here = [f"stages.{s.name}.{first}" for s in recipe.stages]
        raise InputError(f"{name!r}: the recipe {recipe.name} goes in stages, and each has its own; set {' or '.join(here)}")
    value = getattr(recipe, first)
    new: Any
    if first == "stages":
        stage, _, part = rest.partition(".")
        names = {s.name: s for s in value}
        if stage not in names:
            raise InputError(f"{name!r}: the recipe {recipe.name} has no such stage; {_known(stage, names)}")
        parts = ("steps", "batch", "learning_rate")
        if part not in parts:
            raise InputError(f"{name!r} is no setting of a stage; {neighbours(part, parts)}")
        new = tuple(replace(s, **{part: _parsed(name, text, getattr(s, part))}) if s.name == stage else s for s in value)
    elif isinstance(value, Mapping):
        if rest not in value:
            raise InputError(f"{name!r} is no setting of the recipe {recipe.name}; {_known(rest, value, first + '.')}")
        new = {**value, rest: _parsed(name, text, value[rest])}
    elif rest:
        raise InputError(f"{name!r}: {first} has no parts; write {first}=VALUE")
    else:
        new = _parsed(name, text, value)
    return replace(recipe, **{first: new})


def _known(name: str, there: Mapping[str, Any], before: str = "") -> str:
    return neighbours(before + name, [before + k for k in there]) if there else "it has none"


def _parsed(name: str, text: str, like: Any) -> Any:
    try:
        if isinstance(like, tuple):
            kind = float if like and isinstance(like[0], float) else int
            return tuple(kind(x) for x in text.replace(" ", "").split(",") if x)
        if isinstance(like, int):
            return int(text)
        if isinstance(like, float):
            return float(text)
    except ValueError:
        expected = {tuple: "numbers with commas between", int: "a whole number", float: "a number"}[type(like)]
        raise InputError(f"{name}={text!r} came, expected {expected}") from None
    return text


def _default(f: Any) -> Any:
    if f.default is not MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not MISSING else MISSING


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" if not isinstance(v, str) else f"{k}: {v}" for k, v in value.items())
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, Stage):
        return f"{value.name} ({_written(value.sources)}; {value.steps:,} steps of {value.batch:,} at {value.learning_rate:g})"
    if isinstance(value, tuple):
        return ", ".join(_written(v) for v in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
