"""A network goes in; the same network with LoRA adapters by name, one of which a forward pass uses, comes out.

Low-rank adapters (Hu et al. 2021) as peft writes them, one for each task as in jina-embeddings-v4 (Günther et al. 2025, arXiv:2506.18902).
Which adapter is used is set here without touching `requires_grad`: a step that encodes queries with one adapter and keys with another
needs the gradient of both.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from hannun.errors import InputError, neighbours

if TYPE_CHECKING:
    from torch import nn

Role = Literal["query", "document"]

RANK = 32  # jina-embeddings-v4's published adapters: rank 32, alpha 32, about 60 M parameters each on Qwen2.5-VL-3B
ALPHA = 32


@dataclass(frozen=True)
class Task:
    """How one task asks and answers: by role, what stands before the content, and the adapter that reads it ("" for none)."""

    name: str
    prompts: Mapping[str, str]
    adapters: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, for the checkpoint's own file."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Task:
        """The inverse of `to_json`."""
        return Task(str(data["name"]), dict(data["prompts"]), dict(data["adapters"]))


#: Asymmetric retrieval as in the paper: one adapter, told apart by what stands before the text (section 4.1 of arXiv:2506.18902).
RETRIEVAL = Task("retrieval", {"query": "Query: ", "document": "Passage: "}, {"query": "retrieval", "document": "retrieval"})
#: Asymmetric retrieval with an adapter for each side, which double the adapter's size.
TWO_SIDED = Task("retrieval", {"query": "query: ", "document": "key: "}, {"query": "query", "document": "key"})
#: Symmetric text matching: both sides are read alike.
MATCHING = Task("matching", {"query": "Query: ", "document": "Query: "}, {"query": "matching", "document": "matching"})
CODE = Task("code", {"query": "Query: ", "document": "Passage: "}, {"query": "code", "document": "code"})


def named(tasks: Sequence[Task], name: str) -> Task:
    """The task of that name. Raises InputError with the known ones."""
    for task in tasks:
        if task.name == name:
            return task
    raise InputError(f"no task {name!r} in this model; {neighbours(name, [t.name for t in tasks])}")


def adapters(tasks: Sequence[Task]) -> list[str]:
    """The adapters that tasks name, each once, in order."""
    return list(dict.fromkeys(a for t in tasks for a in t.adapters.values() if a))


def attach(
    network: nn.Module, names: Sequence[str], targets: str | Sequence[str], rank: int = RANK, alpha: float = ALPHA, dropout: float = 0.1
) -> None:
    """Give `network` an untrained adapter of each name and freeze everything else; in place.

    `targets` are names of linear layers, or a regular expression over full names. A new adapter changes nothing until it is
    trained (its second matrix is zero). Raises InputError where no layer fits.
    """
    from peft import LoraConfig, inject_adapter_in_model

    wanted = targets if isinstance(targets, str) else list(targets)
    for name in names:
        config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=wanted, bias="none")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # peft warns of a second adapter, which is meant
                inject_adapter_in_model(config, network, adapter_name=name)
        except ValueError as e:
            raise InputError(f"no linear layer is called {wanted!r} ({str(e).splitlines()[0][:120]}); look at named_modules()") from None
    train_adapters(network, names)


def _layers(network: nn.Module) -> Iterator[tuple[str, Any]]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return ((name, m) for name, m in network.named_modules() if isinstance(m, BaseTunerLayer))


def train_adapters(network: nn.Module, names: Sequence[str]) -> None:
    """Only the adapters of these names get a gradient, among all parameters of `network`."""
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for _, parameter in parameters(network, names):
        parameter.requires_grad_(True)


def parameters(network: nn.Module, names: Sequence[str]) -> list[tuple[str, Any]]:
    """Names and tensors of the adapters' own parameters."""
    ends = tuple(f".{n}.weight" for n in names)
    return [(k, p) for k, p in network.named_parameters() if "lora_" in k and k.endswith(ends)]


def count(network: nn.Module, name: str) -> int:
    """How many parameters one adapter has; works on the meta device."""
    return sum(p.numel() for _, p in parameters(network, [name]))


def copied(network: nn.Module, source: str, names: Sequence[str]) -> None:
    """Give the adapters of `names` the weights of another one, in place: where tasks begin at what all of them share."""
    own = dict(parameters(network, [source, *names]))
    for name in names:
        for key, parameter in parameters(network, [name]):
            parameter.data = own[key.replace(f".{name}.weight", f".{source}.weight")].data.clone()  # in its own kind of number


def activate(network: nn.Module, name: str) -> None:
    """The next forward passes use this adapter, or the bare network where `name` is ""."""
    for _, layer in _layers(network):
        layer._active_adapter = [name] if name else []  # peft's own setter would take the others' gradient away


def merged(network: nn.Module, name: str) -> Any:
    """A copy of the network with one adapter added into its weights and no adapter left."""
    whole = copy.deepcopy(network)
    for path, layer in list(_layers(whole)):
        activate(layer, name)
        if name:
            layer.merge(safe_merge=True, adapter_names=[name])
        parent = whole.get_submodule(path.rpartition(".")[0])
        setattr(parent, path.rpartition(".")[2], layer.get_base_layer())
    return whole


def state(network: nn.Module, name: str) -> dict[str, Any]:
    """The adapter's tensors by name, for a file."""
    return {k: p.detach().contiguous() for k, p in parameters(network, [name])}
