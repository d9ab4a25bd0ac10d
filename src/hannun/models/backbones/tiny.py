"""A few texts go in; small models of the real transformers classes, random weights and a tokenizer trained on the texts, come out.

For tests, benchmarks and first steps on a CPU: everything about them is the real class but its size. They know nothing until trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

LLAVA_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %} {% endfor %}"
)
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
)
QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
CLIP_NAMES = {"pad": "<pad>", "bos": "<|startoftext|>", "eos": "<|endoftext|>"}
# transformers pools at a text's highest number instead of its end where the end token is number 2, which old configurations of CLIP said
# whatever it was: so number 2 is nobody's.
CLIP_SPECIAL = (CLIP_NAMES["pad"], CLIP_NAMES["bos"], "<|reserved|>", CLIP_NAMES["eos"])
WINDOW = 512


def tokenizer(
    texts: Sequence[str],
    special: Sequence[str],
    *,
    pad: str,
    eos: str,
    bos: str | None = None,
    size: int = 2000,
    length: int = WINDOW,
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    digits: bool = False,
) -> Any:
    """A byte-level BPE tokenizer of about `size` tokens learned from `texts`; `bos` … `eos` around a text if `bos`.

    Every byte has a token, so no text is unknown; without texts it is one token for each byte. With `digits` each digit is a token of its
    own, so that numbers are read by their places.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), split]) if digits else split
    core.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=list(special), show_progress=False)
    core.train_from_iterator(texts, trainer)
    if bos:
        ends = [(t, core.token_to_id(t)) for t in (bos, eos)]
        core.post_processor = processors.TemplateProcessing(single=f"{bos} $A {eos}", pair=None, special_tokens=ends)
    names = {"pad_token": pad, "eos_token": eos, **({"bos_token": bos} if bos else {})}
    return PreTrainedTokenizerFast(
        tokenizer_object=core, padding_side="right", model_max_length=length, model_input_names=list(inputs), **names
    )


def llava(
    texts: Sequence[str] = (), width: int = 64, layers: int = 2, side: int = 32, patch: int = 8, seed: int = 0
) -> tuple[Any, Any, Any]:
    """LlavaModel (CLIP vision tower, Llama), its tokenizer and its processor."""
    from transformers import CLIPImageProcessorPil, CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaModel, LlavaProcessor

    torch.manual_seed(seed)
    tok = tokenizer(texts, ["<pad>", "<s>", "</s>", "<image>"], pad="<pad>", eos="</s>")
    tower = {"num_hidden_layers": layers, "num_attention_heads": 2, "hidden_size": width, "intermediate_size": 2 * width}
    vision = CLIPVisionConfig(image_size=side, patch_size=patch, projection_dim=width, **tower)
    text = LlamaConfig(vocab_size=len(tok), num_key_value_heads=2, max_position_embeddings=WINDOW, **tower)
    image = tok.convert_tokens_to_ids("<image>")
    network = LlavaModel(LlavaConfig(vision_config=vision, text_config=text, image_token_id=image, vision_feature_layer=-1))
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    processor = LlavaProcessor(
        images, tok, patch_size=patch, vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=LLAVA_TEMPLATE
    )
    return network, tok, processor


def qwen(texts: Sequence[str] = (), width: int = 64, layers: int = 2, pixels: int = 84 * 84, seed: int = 0) -> tuple[Any, Any, Any]:
    """Qwen2_5_VLModel, its tokenizer and its image processor (the stock processor needs torchvision for videos)."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel, Qwen2VLImageProcessorPil

    torch.manual_seed(seed)
    tok = tokenizer(texts, QWEN_SPECIAL, pad="<|endoftext|>", eos="<|im_end|>")
    tok.chat_template = QWEN_TEMPLATE
    ids = {f"{k}_token_id": tok.convert_tokens_to_ids(f"<|{v}|>") for k, v in (("image", "image_pad"), ("video", "video_pad"))}
    ends = {f"vision_{k}_token_id": tok.convert_tokens_to_ids(f"<|vision_{k}|>") for k in ("start", "end")}
    half = width // 4  # pairs of a head's width: for time, height and width
    space = 3 * half // 8
    text = {
        "vocab_size": len(tok),
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 2 * width,
        "max_position_embeddings": WINDOW,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [half - 2 * space, space, space],
        },
        "bos_token_id": None,
        "eos_token_id": tok.eos_token_id,
        "pad_token_id": tok.pad_token_id,
    }
    vision = {
        "depth": layers,
        "hidden_size": width,
        "num_heads": 2,
        "intermediate_size": 2 * width,
        "out_hidden_size": width,
        "fullatt_block_indexes": [layers - 1],
        "window_size": 56,
    }
    network = Qwen2_5_VLModel(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids, **ends))
    return network, tok, Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": pixels})


def siglip(texts: Sequence[str] = (), width: int = 64, layers: int = 2, side: int = 32, patch: int = 8, seed: int = 0) -> tuple[Any, Any]:
    """SiglipModel, whose text tower reads the last position and so is always padded to its window, and its processor."""
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel, SiglipProcessor

    torch.manual_seed(seed)
    tok = tokenizer(texts, ["<pad>", "</s>"], pad="<pad>", eos="</s>", length=64, inputs=["input_ids"])  # no mask: every place is read
    tower = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 2 * width}
    ids = {"bos_token_id": None, "eos_token_id": tok.eos_token_id, "pad_token_id": tok.pad_token_id}
    config = SiglipConfig(
        text_config={
            "vocab_size": len(tok),
            "max_position_embeddings": 64,
            **ids,
            **tower,
        },
        vision_config={"image_size": side, "patch_size": patch, **tower},
    )
    return SiglipModel(config), SiglipProcessor(SiglipImageProcessorPil(size={"height": side, "width": side}), tok)


def clip(texts: Sequence[str] = (), width: int = 64, layers: int = 2, side: int = 32, patch: int = 8, seed: int = 0) -> tuple[Any, Any]:
    """CLIPModel with its window of 77 tokens, and its processor."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor

    torch.manual_seed(seed)
    names = CLIP_NAMES
    tok = tokenizer(texts, CLIP_SPECIAL, pad=names["pad"], bos=names["bos"], eos=names["eos"], length=77)
    tower = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 2 * width}
    ids = {f"{k}_token_id": getattr(tok, f"{k}_token_id") for k in names}
    config = CLIPConfig(
        text_config={"vocab_size": len(tok), "max_position_embeddings": 77, **ids, **tower},
        vision_config={"image_size": side, "patch_size": patch, **tower},
        projection_dim=width,
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    return CLIPModel(config), CLIPProcessor(images, tok)
