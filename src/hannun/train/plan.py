"""A recipe goes in; the sizes of its real model and the memory that a step takes, by batch, chunk and precision, come out.

Everything is on the meta device: shapes and no weights, so it can be told on any machine before one with an accelerator is asked for.
What is counted: weights, gradients and AdamW's two moments; what one chunk keeps for its backward pass (autograd is asked, on a row of
`tokens` tokens); the outputs of the whole batch and their gradients. What is not: the allocator's own waste, workspaces of kernels, and the
states of a picture tower inside a vision-language model, whose patches come as tokens here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hannun.errors import InputError
from hannun.models import adapters, published
from hannun.recipe import Recipe

TOKENS = 512  # of a row: a short text, and a picture of some 400 patches
BYTES = {"fp32": (4, 4, 8), "bf16": (4, 4, 8), "pure-bf16": (2, 2, 4)}  # of a trained weight, of its gradient, of its two moments


@dataclass(frozen=True)
class Size:
    """Parameters of a recipe's model: all, trained, and of each adapter."""

    whole: int
    trained: int
    adapters: dict[str, int]


@dataclass(frozen=True)
class Need:
    """Bytes of one training step on one device."""

    batch: int
    chunk: int
    precision: str
    weights: int
    states: int
    chunks: int
    outputs: int

    @property
    def whole(self) -> int:
        """Their sum."""
        return self.weights + self.states + self.chunks + self.outputs


def network(recipe: Recipe, names: Sequence[str] = ()) -> nn.ModuleDict:
    """The recipe's backbones and heads on the meta device, with an adapter of each of `names` where it trains adapters."""
    if not recipe.dims:
        raise InputError(f"{recipe.name} trains no model that gives vectors, and the memory of those alone is told; ask for another recipe")
    parts = {f"part{n}": published.shapes(name) for n, name in enumerate(published.halves(recipe.backbone))}
    made = nn.ModuleDict(parts)
    full = max(recipe.dims)
    with torch.device("meta"):
        widths = [_width(p) for p in parts.values()]
        dual = hasattr(parts["part0"], "get_text_features")
        if len(widths) > 1 or (not dual and widths[0] != full):
            made.update({f"head{n}": nn.Linear(w, full, bias=len(widths) > 1) for n, w in enumerate(widths)})
        if recipe.token_dim:
            made["token_head"] = nn.Linear(widths[0], recipe.token_dim, bias=False)
    if names and recipe.lora_rank:
        from hannun.models.one_sequence import HEADS, TARGETS

        with torch.device("meta"):
            adapters.attach(made, names, TARGETS + HEADS, recipe.lora_rank, recipe.lora_alpha or recipe.lora_rank)
    return made


def size(recipe: Recipe, names: Sequence[str] = ()) -> Size:
    """The counts of parameters. Raises MissingError for a backbone whose numbers are not known here."""
    made = network(recipe, names)
    each = {n: adapters.count(made, n) for n in names} if recipe.lora_rank else {}
    whole = sum(p.numel() for k, p in made.named_parameters() if "lora_" not in k)
    trained = sum(p.numel() for p in made.parameters() if p.requires_grad)
    return Size(whole, trained, each)


def needs(
    recipe: Recipe, names: Sequence[str] = (), batches: Sequence[int] = (), chunks: Sequence[int] = (), tokens: int = TOKENS
) -> list[Need]:
    """What a step takes for each precision, batch and chunk; the recipe's own where none is given. An adapter at a time is trained."""
    made = network(recipe, names[:1])
    trained = sum(p.numel() for p in made.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in made.parameters()) - trained
    out = []
    sides = 2 + recipe.negatives
    for precision, (weight, gradient, moments) in BYTES.items():
        kind = torch.float32 if precision == "fp32" else torch.bfloat16
        row = kept(made, kind, tokens, bool(recipe.recompute))
        for batch in batches or (recipe.batch or max(s.batch for s in recipe.stages),):
            for chunk in chunks or (recipe.chunk or batch,):
                said = batch * sides * 4 * 2 * (max(recipe.dims) + tokens * recipe.token_dim)  # and their gradients
                weights = trained * weight + frozen * kind.itemsize
                out.append(Need(batch, chunk, precision, weights, trained * (gradient + moments), min(chunk, batch) * row, said))
    return out


def kept(made: nn.Module, kind: torch.dtype, tokens: int, recompute: bool) -> int:
    """Bytes that the largest backbone keeps for the backward pass of one row; with `recompute` its layers' inputs and one layer's own."""
    most = 0
    for body in (b for k, m in made.items() if k.startswith("part") for b in _bodies(m)):
        before = next(iter(body.parameters())).dtype
        body.to(kind)
        every, layers = _saved(body, tokens, kind), int(body.config.num_hidden_layers)
        inputs = layers * _length(body, tokens) * int(body.config.hidden_size) * kind.itemsize
        most = max(most, inputs + every // layers if recompute else every)
        body.to(before)
    return most


def _saved(body: Any, tokens: int, kind: torch.dtype) -> int:
    held: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter) and not isinstance(getattr(tensor, "_base", None), nn.Parameter):
            held[tensor.untyped_storage()._cdata] = tensor  # kept, so that no other storage takes its place
        return tensor

    body.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        if hasattr(body.config, "patch_size"):
            side = body.config.image_size
            out = body(pixel_values=torch.empty(1, 3, side, side, dtype=kind, device="meta"))
        else:
            length = _length(body, tokens)
            places = (3, 1, length) if getattr(body.config, "rope_parameters", None) else (1, length)  # time, height and width
            where = torch.zeros(places, dtype=torch.int64, device="meta")
            out = body(input_ids=torch.zeros(1, length, dtype=torch.int64, device="meta"), position_ids=where)
        out.last_hidden_state.sum()
    return sum(t.untyped_storage().nbytes() for t in held.values())


def _length(body: Any, tokens: int) -> int:
    """The places of a row in one body: a picture's patches and its class, or as many tokens as fit into the window."""
    if hasattr(body.config, "patch_size"):
        return int((body.config.image_size // body.config.patch_size) ** 2 + 1)
    return min(tokens, int(getattr(body.config, "max_position_embeddings", tokens + 2)) - 2)


def _bodies(part: Any) -> list[Any]:
    """The Transformers in a backbone whose layers are counted: the language model, or both towers of a dual class."""
    found = [getattr(part, k) for k in ("language_model", "text_model", "vision_model") if hasattr(part, k)]
    return found or [part]


def _width(part: Any) -> int:
    config = part.config.get_text_config() if hasattr(part.config, "get_text_config") else part.config
    return int(config.hidden_size)


def table(found: Sequence[Need]) -> list[str]:
    """A line for each need, in GiB."""
    lines = [f"{'precision':10} {'batch':>7} {'chunk':>6}  {'weights':>8} {'AdamW':>8} {'a chunk':>8} {'outputs':>8} {'GiB':>8}"]
    for n in found:
        cells = " ".join(f"{b / 2**30:8.2f}" for b in (n.weights, n.states, n.chunks, n.outputs, n.whole))
        lines.append(f"{n.precision:10} {n.batch:7,} {n.chunk:6}  {cells}")
    return lines
