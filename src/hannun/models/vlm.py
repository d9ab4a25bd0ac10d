"""A one-sequence vision-language model (LLaVA or Qwen-VL class) goes in; a Network comes out: text and pictures in one sequence.

The chat template writes the sequence, the instruction is its system turn, and the last layer's state of the last token
([EOS]) is the vector, as Kanana-v-embedding and jina-embeddings-v4's base do. Padding is on the right, where causal
attention never sees it. The Qwen class gets an image-only processor of ours: the stock one needs torchvision for videos.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import PIL.Image

from hannun.embeddings import Floats
from hannun.errors import InputError
from hannun.models.network import MAX_TOKENS, Role, Row, instructed, plain_text, shortened, side_of
from hannun.models.pooling import last_token, mean


@dataclass(frozen=True)
class Conventions:
    """How a checkpoint wants its sequences; the defaults are for a plain transformers folder.

    `pooling` is "lasttoken" or "mean"; `eos` ends every sequence with that token; `prompts` holds system turns by role;
    `template` holds the chat template's variables, such as `add_generation_prompt`; `truncate` shortens the vectors.
    """

    pooling: str = "lasttoken"
    eos: bool = True
    prompts: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    truncate: int | None = None


class OneSequence:
    """A causal vision-language model with its chat template and processor."""

    sees = True
    parts = False

    def __init__(self, folder: Path, device: str, conventions: Conventions) -> None:
        import torch
        import transformers

        library: Any = transformers
        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        dtype = torch.float32 if device == "cpu" else "auto"
        level = library.logging.get_verbosity()
        library.logging.set_verbosity_error()  # it would report the head that is left out; what is missing is checked here
        try:
            self._model, info = library.AutoModel.from_pretrained(folder, dtype=dtype, output_loading_info=True, **here)
        finally:
            library.logging.set_verbosity(level)
        if absent := sorted(info["missing_keys"]):
            raise InputError(f"{len(absent)} weights are not in the folder ({absent[0]}, …), expected all; they would be random")
        self._model = self._model.to(device).eval()
        accepted = inspect.signature(self._model.forward).parameters
        self._gridded = "image_grid_thw" in accepted
        self._typed = "mm_token_type_ids" in accepted
        self._rules = conventions
        self._tokenizer = library.AutoTokenizer.from_pretrained(folder, **here)
        self._template: Any = self._tokenizer.chat_template
        if self._gridded:
            self._images = library.AutoImageProcessor.from_pretrained(folder, backend="pil", **here)
        else:
            self._processor = library.AutoProcessor.from_pretrained(folder, **here)
            self._images = self._processor.image_processor
            self._template = self._processor.chat_template or self._template
        old = folder / "chat_template.json"
        if self._template is None and old.exists():
            self._template = json.loads(old.read_text(encoding="utf-8"))["chat_template"]
        text_config = self._model.config.get_text_config()
        self._image_id = int(getattr(self._model.config, "image_token_id", None) or self._model.config.image_token_index)
        self._window = min(MAX_TOKENS, self._tokenizer.model_max_length, getattr(text_config, "max_position_embeddings", MAX_TOKENS))
        self.dim = conventions.truncate or int(text_config.hidden_size)
        self.side = side_of(self._images)

    def vectors(self, rows: Sequence[Row], role: Role, instruction: str | None) -> Floats:
        """Vectors [n, dim]; `instruction` (or the checkpoint's own prompt for the role) is the system turn."""
        import torch

        system = instructed(self._rules.prompts.get(role, ""), instruction)
        rows = [tuple(plain_text(p, self._tokenizer) if isinstance(p, str) else p for p in row) for row in rows]
        inputs = self._inputs(rows, system)
        over = [max(0, n - self._window) for n in inputs["attention_mask"].sum(dim=1).tolist()]
        if any(over):
            rows = [self._cut(row, n) if n else row for row, n in zip(rows, over, strict=True)]
            inputs = self._inputs(rows, system)
            if (longest := int(inputs["attention_mask"].sum(dim=1).max())) > self._window:
                raise InputError(f"a sequence of {longest} tokens came, the model reads {self._window}; give fewer or smaller pictures")
        with torch.inference_mode():
            hidden = self._model(**{k: self._placed(v) for k, v in inputs.items()}, use_cache=False).last_hidden_state
            pooled = (last_token if self._rules.pooling == "lasttoken" else mean)(hidden, inputs["attention_mask"])
        out: Floats = pooled[:, : self.dim].float().cpu().numpy()
        return out

    def _placed(self, tensor: Any) -> Any:
        return tensor.to(self._model.device, self._model.dtype if tensor.is_floating_point() else tensor.dtype)

    def _inputs(self, rows: Sequence[Row], system: str) -> dict[str, Any]:
        """The model's arguments: input_ids and attention_mask [b, t], and the pixels of all pictures, end to end."""
        texts = [self._rendered(row, system) for row in rows]
        pictures = [[p for p in row if isinstance(p, PIL.Image.Image)] for row in rows]
        start = self._tokenizer.bos_token
        special = not (start and texts[0].startswith(start))  # a template may have written the first token already
        if not self._gridded:
            batch = self._processor(
                text=texts,
                images=pictures if any(pictures) else None,
                padding=True,
                padding_side="right",
                add_special_tokens=special,
                return_tensors="pt",
            )
            return dict(batch)
        pixels: dict[str, Any] = {}
        counts = iter([0])
        if any(pictures):  # pixel_values [patches, d], image_grid_thw [pictures, 3] in patches
            pixels = dict(self._images(images=[p for row in pictures for p in row], return_tensors="pt"))
            counts = iter((pixels["image_grid_thw"].prod(dim=1) // self._images.merge_size**2).tolist())
        ids = self._tokenizer(texts, add_special_tokens=special)["input_ids"]
        grown = [[t for i in row for t in ([i] * next(counts) if i == self._image_id else [i])] for row in ids]
        padded = self._tokenizer.pad({"input_ids": grown}, padding_side="right", return_attention_mask=True, return_tensors="pt")
        inputs = {"input_ids": padded["input_ids"], "attention_mask": padded["attention_mask"], **pixels}
        if pixels and self._typed:
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == self._image_id).int()
        return inputs

    def _rendered(self, row: Row, system: str) -> str:
        turns: list[dict[str, Any]] = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
        turns.append({"role": "user", "content": [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in row]})
        if self._template is None:
            image = self._tokenizer.convert_ids_to_tokens(self._image_id)
            written = "\n".join([*([system] if system else []), *(p if isinstance(p, str) else image for p in row)])
        else:
            written = self._tokenizer.apply_chat_template(turns, chat_template=self._template, tokenize=False, **self._rules.template)
        end = self._tokenizer.eos_token
        if not self._rules.eos or not end:
            return str(written)
        return written.rstrip() if written.rstrip().endswith(end) else f"{written}{end}"

    def _cut(self, row: Row, tokens: int) -> Row:
        """The row with `tokens` tokens less (and a few to spare for merges) at the end of its longest text; [EOS] comes after."""
        lengths = [(len(p), i) for i, p in enumerate(row) if isinstance(p, str)]
        if not lengths:
            return row
        i = max(lengths)[1]
        text = str(row[i])
        count = len(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        return (*row[:i], shortened(text, count - tokens - 8, self._tokenizer), *row[i + 1 :])
