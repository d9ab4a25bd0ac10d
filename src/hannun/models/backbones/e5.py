"""The folder of mini's weights goes in; its text tower as a trainable transformers BertModel, and its projection, come out.

multilingual-e5-small (Wang et al. 2024) with the pruned vocabulary and the 4-bit weights that `text.onnx` carries, made float32
again: the values are the same; onnxruntime computes with int8 of both (cosine 0.99 or more to the embedded model).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, scaled_dot_product_attention

from hannun.errors import InputError, MissingError
from hannun.models.pooling import last_token
from hannun.runtime import BYTE, HALF, SCALE

if TYPE_CHECKING:
    from jaxtyping import Float, Int

PREFIXES = {"query": "query: ", "document": "passage: "}  # what e5 was trained with
LENGTH = 512
BLOCK = 32
KEYS = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "ao": ("attention.output.dense",),
    "fi": ("intermediate.dense",),
    "fo": ("output.dense",),
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class Projection(nn.Module):  # type: ignore[misc]
    """Means of e5's token vectors [n, 384] → unit vectors [n, 384] of mini's joint space, as mini was trained."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.turn = nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, means: Float[Tensor, "*n width"]) -> Float[Tensor, "*n width"]:
        y = normalize(self.turn(normalize(means, dim=-1) - self.mean), dim=-1)
        return normalize(y + self.outer(torch.relu(self.inner(y * y.shape[-1] ** 0.5))), dim=-1)


def constants(path: Path) -> dict[str, Any]:
    """The constants of an ONNX file by name, as onnx tensors. Raises MissingError."""
    if not path.exists():
        raise MissingError(f"{path}: no such weights, expected the folder of mini's own (hannun/mini)")
    import onnx

    return {t.name: t for t in onnx.load(str(path)).graph.initializer}


def blocks(values: npt.NDArray[np.int16], scale: npt.NDArray[Any]) -> Tensor:
    """Signed values [n, k] and one scale for each BLOCK of them → float32 [n, k]."""
    whole = values.astype(np.float32).reshape(len(values), -1, BLOCK) * scale.astype(np.float32).reshape(len(values), -1, 1)
    return torch.from_numpy(whole.reshape(len(values), -1))


def signed(tensor: Any) -> npt.NDArray[np.int16]:
    """An INT4 or INT8 constant as rows [n, k] of signed values."""
    from onnx import TensorProto

    raw, rows = np.frombuffer(tensor.raw_data, np.uint8), int(tensor.dims[0])
    if tensor.data_type == TensorProto.INT8:
        return raw.view(np.int8).astype(np.int16).reshape(rows, -1)
    if tensor.data_type != TensorProto.INT4:
        raise InputError(
            f"the constant {tensor.name!r} is of type {tensor.data_type}, expected INT4 or INT8 as hannun.mini.export_text writes"
        )
    values = nibbles(raw).astype(np.int16)
    return np.where(values > 7, values - 16, values).astype(np.int16).reshape(rows, -1)


def nibbles(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Bytes [..., k] → their two 4-bit values [..., 2 k], the low one first."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)


def weights(folder: Path) -> dict[str, Tensor]:
    """BertModel's state dict out of `text.onnx`."""
    from onnx import numpy_helper

    found = constants(folder / "text.onnx")

    def array(name: str) -> npt.NDArray[Any]:
        if name not in found:
            raise InputError(f"{folder / 'text.onnx'}: has no constant {name!r}, expected one written by hannun.mini.export_text")
        return np.asarray(numpy_helper.to_array(found[name]))

    width = int(found["word.w"].dims[1])
    state = {
        "embeddings.word_embeddings.weight": blocks(signed(found["word.w"]), array("word.s")),
        "embeddings.position_embeddings.weight": torch.from_numpy(array("places").copy()),  # the type vector is in it
        "embeddings.token_type_embeddings.weight": torch.zeros(1, width),
        "embeddings.LayerNorm.weight": torch.from_numpy(array("norm.weight").copy()),
        "embeddings.LayerNorm.bias": torch.from_numpy(array("norm.bias").copy()),
    }
    for layer in range(sum(f"l{i}.qkv.b" in found for i in range(99))):
        for stem, names in KEYS.items():
            whole = blocks(signed(found[f"l{layer}.{stem}.w"]), array(f"l{layer}.{stem}.s"))
            bias = torch.from_numpy(array(f"l{layer}.{stem}.b").copy())
            for name, w, b in zip(names, whole.chunk(len(names)), bias.chunk(len(names)), strict=True):
                state[f"encoder.layer.{layer}.{name}.weight"], state[f"encoder.layer.{layer}.{name}.bias"] = w.contiguous(), b.contiguous()
        for stem, name in NORMS.items():
            for part in ("weight", "bias"):
                state[f"encoder.layer.{layer}.{name}.{part}"] = torch.from_numpy(array(f"l{layer}.{stem}.{part}").copy())
    return state


def model(folder: Path) -> Any:
    """transformers' BertModel with e5's weights, in evaluation mode; its pooler, which e5 does not use, is zero."""
    from transformers import BertConfig, BertModel

    state = weights(folder)
    word, inner = state["embeddings.word_embeddings.weight"], state["encoder.layer.0.intermediate.dense.bias"]
    config = BertConfig(
        vocab_size=len(word),
        hidden_size=word.shape[1],
        num_hidden_layers=sum(k.endswith("intermediate.dense.bias") for k in state),
        num_attention_heads=12,
        intermediate_size=len(inner),
        max_position_embeddings=LENGTH,
        type_vocab_size=1,
        layer_norm_eps=1e-12,
        pad_token_id=1,
    )
    network = BertModel(config)
    unused = {f"pooler.dense.{k}": torch.zeros_like(v) for k, v in network.pooler.dense.state_dict().items()}
    network.load_state_dict(state | unused)
    return network.eval()


def tokenizer(folder: Path) -> Any:
    """mini's tokenizer as a transformers one: `<s>` … `</s>`, padded on the right, 512 tokens."""
    from transformers import PreTrainedTokenizerFast

    if not (folder / "tokenizer.json").exists():
        raise MissingError(f"{folder / 'tokenizer.json'}: no such tokenizer, expected the folder of mini's own weights (hannun/mini)")
    return PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=LENGTH,
        padding_side="right",
        model_input_names=["input_ids", "attention_mask"],
    )


def projection(folder: Path) -> Projection:
    """mini's trained projection out of `text.onnx`, in evaluation mode."""
    from onnx import numpy_helper

    found = constants(folder / "text.onnx")
    start = "joint.head."
    values = {k.removeprefix(start): numpy_helper.to_array(t).astype(np.float32) for k, t in found.items() if k.startswith(start)}
    state = {
        k.removesuffix(HALF).removesuffix(BYTE): torch.from_numpy(v * values[k.removesuffix(BYTE) + SCALE] if k.endswith(BYTE) else v)
        for k, v in values.items()
        if not k.endswith(SCALE)
    }
    wanted = {"mean", *(f"{layer}.{part}" for layer in ("turn", "inner", "outer") for part in ("weight", "bias"))}
    if set(state) != wanted:
        raise InputError(f"{folder / 'text.onnx'}: its projection holds {sorted(state)}, expected {sorted(wanted)}")
    head = Projection(len(state["mean"]), len(state["inner.bias"]))
    head.load_state_dict(state)
    head.eval()
    return head


def lower(network: Any, ids: Int[Tensor, "n t"], mask: Int[Tensor, "n t"], cut: int) -> Float[Tensor, "n t width"]:
    """Token states [n, t, width] after the first `cut` layers; ids and mask [n, t]."""
    return through(network.encoder.layer[:cut], network.embeddings(input_ids=ids), mask, network)


def through(layers: Any, states: Float[Tensor, "n t width"], mask: Int[Tensor, "n t"], network: Any) -> Float[Tensor, "n t width"]:
    """Token states [n, t, width] after more layers of the network's kind; mask [n, t] of 0 and 1."""
    from transformers.masking_utils import create_bidirectional_mask

    seen = create_bidirectional_mask(config=network.config, inputs_embeds=states, attention_mask=mask)
    for layer in layers:
        out = layer(states, seen)
        states = out[0] if isinstance(out, tuple) else out
    return states


def at_last(layer: Any, states: Float[Tensor, "n t width"], mask: Int[Tensor, "n t"]) -> Float[Tensor, "n width"]:
    """What one layer says at each row's last token alone, [n, width]: the other positions, which nobody reads, are not computed."""
    here = last_token(states, mask)[:, None]
    inner = layer.attention.self
    query, key, value = (
        part(x).unflatten(-1, (inner.num_attention_heads, -1)).transpose(1, 2)
        for part, x in ((inner.query, here), (inner.key, states), (inner.value, states))
    )
    drop = inner.dropout.p if inner.training else 0.0
    read = scaled_dot_product_attention(query, key, value, attn_mask=mask.bool()[:, None, None], dropout_p=drop)
    out: Tensor = layer.feed_forward_chunk(layer.attention.output(read.transpose(1, 2).flatten(2), here))
    return out[:, 0]
