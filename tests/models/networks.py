"""Checkpoints of real classes with random tiny weights, saved as their own packages save them.

The weights come from a seed and the tokenizers have a byte for every token.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs hannun[train]: torch")
transformers = pytest.importorskip("transformers", reason="needs hannun[train]: transformers")
sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs hannun[train]: sentence-transformers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors  # noqa: E402

LLAVA_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %} {% endfor %}"
)
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
)


def tokenizer(special: list[str], *, pad: str, eos: str, bos: str | None = None, side: str = "right", length: int = 512):
    """A tokenizer of one token per UTF-8 byte, and the special tokens after them; `bos` … `eos` around a text if `bos`."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(special)
    if bos:
        ends = [(t, core.token_to_id(t)) for t in (bos, eos)]
        core.post_processor = processors.TemplateProcessing(single=f"{bos} $A {eos}", pair=None, special_tokens=ends)
    names = {"pad_token": pad, "eos_token": eos, **({"bos_token": bos} if bos else {})}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, padding_side=side, model_max_length=length, **names)


def text_only(folder: Path) -> Path:
    """BertModel."""
    torch.manual_seed(1)
    tok = tokenizer(["[PAD]", "[CLS]", "[SEP]"], pad="[PAD]", eos="[SEP]", bos="[CLS]", length=128)
    config = transformers.BertConfig(
        vocab_size=len(tok), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=128
    )
    transformers.BertModel(config).save_pretrained(folder)
    tok.save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    """CLIPModel, 32-pixel pictures."""
    torch.manual_seed(2)
    tok = tokenizer(["<pad>", "<|startoftext|>", "<|endoftext|>"], pad="<pad>", eos="<|endoftext|>", bos="<|startoftext|>", length=10**30)
    text = {
        "vocab_size": len(tok),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
        "eos_token_id": tok.eos_token_id,
        "pad_token_id": tok.pad_token_id,
        "bos_token_id": tok.bos_token_id,
    }
    vision = {
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24, matryoshka_dims=[24, 16, 8])
    transformers.CLIPModel(config).save_pretrained(folder)
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    transformers.CLIPProcessor(images, tok).save_pretrained(folder)
    return folder


def siglip(folder: Path) -> Path:
    """SiglipModel, whose text tower pools the last position and so is always padded to its window."""
    torch.manual_seed(3)
    tok = tokenizer(["<pad>", "</s>"], pad="<pad>", eos="</s>")
    tower = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.SiglipConfig(
        text_config={"vocab_size": len(tok), "max_position_embeddings": 48, **tower},
        vision_config={"image_size": 32, "patch_size": 8, **tower},
    )
    transformers.SiglipModel(config).save_pretrained(folder)
    tok.model_input_names = ["input_ids"]  # as SiglipTokenizer: no mask
    transformers.SiglipProcessor(transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32}), tok).save_pretrained(folder)
    return folder


def llava(folder: Path, side: str = "left") -> Path:
    """LlavaForConditionalGeneration: a CLIP vision tower of 32 pixels, a Llama of two layers."""
    torch.manual_seed(4)
    tok = tokenizer(["<pad>", "<s>", "</s>", "<image>"], pad="<pad>", eos="</s>", side=side)
    vision = transformers.CLIPVisionConfig(
        image_size=32, patch_size=8, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, projection_dim=32
    )
    text = transformers.LlamaConfig(
        vocab_size=len(tok),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=tok.convert_tokens_to_ids("<image>"), vision_feature_layer=-1
    )
    transformers.LlavaForConditionalGeneration(config).save_pretrained(folder)
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    transformers.LlavaProcessor(
        images, tok, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=LLAVA_TEMPLATE
    ).save_pretrained(folder)
    return folder


def qwen(folder: Path, side: str = "left") -> Path:
    """Qwen2_5_VLForConditionalGeneration; its Processor cannot be built without torchvision, so its pieces are saved."""
    torch.manual_seed(5)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tok = tokenizer(special, pad="<|endoftext|>", eos="<|im_end|>", side=side)
    tok.chat_template = QWEN_TEMPLATE
    ids = {f"{k}_token_id": tok.convert_tokens_to_ids(f"<|{v}|>") for k, v in (("image", "image_pad"), ("video", "video_pad"))}
    ends = {f"vision_{k}_token_id": tok.convert_tokens_to_ids(f"<|vision_{k}|>") for k in ("start", "end")}
    text = {
        "vocab_size": len(tok),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
        "bos_token_id": None,
        "eos_token_id": tok.eos_token_id,
        "pad_token_id": tok.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "num_heads": 2,
        "intermediate_size": 64,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
        "window_size": 56,
    }
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids, **ends)
    transformers.Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    tok.save_pretrained(folder)
    transformers.Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 84 * 84}).save_pretrained(folder)
    return folder


def st_text(folder: Path) -> Path:
    """A text-only SentenceTransformer with prompts."""
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    prompts = {"query": "query: ", "document": "passage: "}
    modules = [Transformer(str(text_only(folder / "plain"))), Pooling(16, "mean"), Normalize()]
    sentence_transformers.SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(str(folder / "st"))
    return folder / "st"


def st_static_text(folder: Path) -> Path:
    """A StaticEmbedding SentenceTransformer: a module that knows texts as str only."""
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(6)
    module = StaticEmbedding(tokenizer(["<pad>", "</s>"], pad="<pad>", eos="</s>"), embedding_dim=16)
    sentence_transformers.SentenceTransformer(modules=[module], device="cpu").save(str(folder))
    return folder


def st_clip(folder: Path) -> Path:
    """A CLIP-class SentenceTransformer: text and pictures in one space."""
    sentence_transformers.SentenceTransformer(str(clip(folder / "plain")), device="cpu").save(str(folder / "st"))
    return folder / "st"


def st_llava(folder: Path) -> Path:
    """A LLaVA-class SentenceTransformer: stock Transformer with its chat template, last-token pooling."""
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    modules = [Transformer(str(llava(folder / "plain"))), Pooling(32, "lasttoken")]
    sentence_transformers.SentenceTransformer(modules=modules, device="cpu").save(str(folder / "st"))
    return folder / "st"


def st_qwen(folder: Path) -> Path:
    """A Qwen-VL-class SentenceTransformer folder, written by hand: sentence-transformers cannot build one without torchvision."""
    qwen(folder)
    kinds = {
        "": "base.modules.transformer.Transformer",
        "1_Pooling": "sentence_transformer.modules.pooling.Pooling",
        "2_Normalize": "base.modules.normalize.Normalize",
    }
    modules = [{"idx": i, "name": str(i), "path": p, "type": f"sentence_transformers.{k}"} for i, (p, k) in enumerate(kinds.items())]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": "lasttoken"}))
    config = {"model_type": "SentenceTransformer", "prompts": {"query": "Find it.", "document": ""}, "truncate_dim": 24}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    return folder


KINDS: dict[str, Callable[[Path], Path]] = {
    f.__name__: f for f in (text_only, clip, siglip, llava, qwen, st_text, st_static_text, st_clip, st_llava, st_qwen)
}
SEEING = [k for k in KINDS if "text" not in k]
