"""A one-sequence vision-language model (LLaVA or Qwen-VL class) goes in; a Network comes out: text and pictures in one sequence.

The chat template writes the sequence, the instruction is its system turn, and the last layer's state of the last token
([EOS]) is the vector, as Kanana-v-embedding and jina-embeddings-v4's base do. Padding is on the right, where causal
attention never sees it. The Qwen class gets an image-only processor of ours: the stock one needs torchvision for videos.

The same module is trained: `collate` makes features, a call makes vectors through a dense and a token head, and LoRA adapters
are chosen by task.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import PIL.Image
import torch
from torch import nn
from torch.nn.functional import normalize

from hannun.embeddings import Embeddings
from hannun.errors import InputError
from hannun.item import Item
from hannun.models import adapters
from hannun.models.adapters import Task
from hannun.models.features import Features, Vectors, embeddings
from hannun.models.hub import backbone_folder
from hannun.models.network import MAX_TOKENS, Role, Row, content, decoded, instructed, plain_text, shortened, side_of
from hannun.models.pooling import POOLINGS, pooled
from hannun.models.saving import quiet

#: What adapters change: jina-embeddings-v4's published ones, all linear layers of the language model and not the vision tower.
TARGETS = r"(?!.*(visual|vision_tower)).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
HEADS = r"|dense_head|token_head"

# Puts a system turn's words first into the turn after it, where a prefix such as "Query: " belongs.
PREFIXED = (
    "{%- if messages|length > 1 and messages[0]['role'] == 'system' -%}{%- set first = messages[0]['content'] -%}"
    "{%- set first = first if first is string else first[0]['text'] -%}{%- set messages = [{'role': messages[1]['role'], "
    "'content': [{'type': 'text', 'text': first}] + messages[1]['content']}] -%}{%- endif -%}"
)


@dataclass(frozen=True)
class Conventions:
    """How a checkpoint wants its sequences; the defaults are for a plain transformers folder.

    `pooling` is "lasttoken", "mean" or "vision"; `eos` ends every sequence with that token; `prompts` holds system turns by role;
    `template` holds the chat template's variables, such as `add_generation_prompt`; `truncate` shortens the vectors.
    """

    pooling: str = "lasttoken"
    eos: bool = True
    prompts: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    truncate: int | None = None


@dataclass(frozen=True)
class Heads:
    """What training puts on top: a dense head of `dim` (0: the state itself), a token head of `token_dim` (0: none), tasks, LoRA's numbers.

    `dims` are the nested dimensions of its training. `prefixed` writes prompts as plain words before the content ("Query: "), else they
    are a system turn. `targets` is the expression of the layers that adapters change.
    """

    dim: int = 0
    token_dim: int = 0
    dims: tuple[int, ...] = ()
    prefixed: bool = False
    tasks: tuple[Task, ...] = ()
    rank: int = adapters.RANK
    alpha: float = adapters.ALPHA
    targets: str = TARGETS + HEADS

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Heads:
        """The inverse of `dataclasses.asdict`."""
        return Heads(**{**data, "dims": tuple(data["dims"]), "tasks": tuple(Task.from_json(t) for t in data["tasks"])})


def _headed(head: Any, states: Any) -> Any:
    """A head's output in its own kind of number, whatever the states are of."""
    return head(states.to(next(p.dtype for k, p in head.named_parameters() if "lora_" not in k)))


@final
class OneSequence(nn.Module):  # type: ignore[misc]
    """A vision-language model with its chat template and processor; `processor` is its image processor for a Qwen class."""

    sees = True
    reads_pixels = True  # its pictures may come decoded
    kinds: tuple[str, ...] = ()

    def __init__(self, network: Any, tokenizer: Any, processor: Any, conventions: Conventions, heads: Heads = Heads()) -> None:
        super().__init__()
        if conventions.pooling not in POOLINGS:
            raise InputError(f"pooling {conventions.pooling!r} came, expected one of {', '.join(POOLINGS)}")
        self._model = network
        accepted = inspect.signature(network.forward).parameters
        self._gridded = "image_grid_thw" in accepted
        self._typed = "mm_token_type_ids" in accepted
        self._rules, self.heads = conventions, heads
        self._tokenizer, self._processor = tokenizer, processor
        self._images = processor if self._gridded else processor.image_processor
        self._template: Any = tokenizer.chat_template if self._gridded else processor.chat_template or tokenizer.chat_template
        if heads.prefixed and self._template is None:
            raise InputError("the model has no chat template to put a prefix in; give its tokenizer one")
        self._written: Any = PREFIXED + self._template if heads.prefixed else self._template
        text_config = network.config.get_text_config()
        self._image_id = int(getattr(network.config, "image_token_id", None) or network.config.image_token_index)
        self._window = min(MAX_TOKENS, tokenizer.model_max_length, getattr(text_config, "max_position_embeddings", MAX_TOKENS))
        width = int(text_config.hidden_size)
        self.dense_head = nn.Linear(width, heads.dim, bias=False) if heads.dim else None
        self.token_head = nn.Linear(width, heads.token_dim, bias=False) if heads.token_dim else None
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.05).log())
        if heads.tasks:
            adapters.attach(self, adapters.adapters(heads.tasks), heads.targets, heads.rank, heads.alpha)
        self.dim = heads.dim or conventions.truncate or width
        self.side = side_of(self._images)

    @staticmethod
    def open(
        folder: Path, device: str, conventions: Conventions, heads: Heads = Heads(), *, dtype: str = "", attention: str = ""
    ) -> OneSequence:
        """The model in a transformers folder, in evaluation mode; its heads and adapters, if any, untrained.

        `dtype` names the kind of its numbers ("": the folder's, and float32 on a CPU), `attention` transformers' way of computing it.
        """
        import transformers

        library: Any = transformers
        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        kind = dtype or ("float32" if device == "cpu" else "auto")
        chosen = {"attn_implementation": attention} if attention else {}
        level = library.logging.get_verbosity()
        library.logging.set_verbosity_error()  # it would report the head that is left out; what is missing is checked here
        try:
            network, info = library.AutoModel.from_pretrained(folder, dtype=kind, output_loading_info=True, **here, **chosen)
        except ValueError as e:
            if not attention:
                raise
            raise InputError(f"attention={attention!r} came, and the model has none of it ({str(e).splitlines()[0][:160]})") from None
        finally:
            library.logging.set_verbosity(level)
        if absent := sorted(info["missing_keys"]):
            raise InputError(f"{len(absent)} weights are not in the folder ({absent[0]}, …), expected all; they would be random")
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **here)
        processor: Any
        if "image_grid_thw" in inspect.signature(network.forward).parameters:
            processor = library.AutoImageProcessor.from_pretrained(folder, backend="pil", **here)
        else:
            processor = library.AutoProcessor.from_pretrained(folder, **here)
        old = folder / "chat_template.json"
        if tokenizer.chat_template is None and getattr(processor, "chat_template", None) is None and old.exists():
            tokenizer.chat_template = json.loads(old.read_text(encoding="utf-8"))["chat_template"]
        model = OneSequence(network, tokenizer, processor, conventions, heads)
        model.to(device).eval()
        return model

    @staticmethod
    def begin(
        name_or_path: str,
        *,
        dim: int = 0,
        pooling: str = "lasttoken",
        token_dim: int = 0,
        dims: Sequence[int] = (),
        tasks: Sequence[Task] = (),
        rank: int = adapters.RANK,
        alpha: float = adapters.ALPHA,
        dtype: str = "",
        attention: str = "",
        recompute: bool = False,
    ) -> OneSequence:
        """An image-text-to-text model of transformers, by path or hub id, with untrained heads and adapters: where training starts.

        `dims` are the nested dimensions, the full one among them or not; a `dim` that is the states' own width needs no dense head. Tasks'
        prompts are written as words before the content. `recompute` makes activations anew in the backward pass.
        """
        from transformers import AutoConfig

        nested = tuple(sorted(d for d in set(dims) if d != dim))
        folder = backbone_folder(name_or_path)
        width = int(AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).get_text_config().hidden_size)
        prefixed = any(p for t in tasks for p in t.prompts.values())
        heads = Heads(0 if dim == width else dim, token_dim, nested, prefixed, tuple(tasks), rank, alpha)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        with quiet():
            model = OneSequence.open(folder, device, Conventions(pooling=pooling), heads, dtype=dtype, attention=attention)
        if recompute:
            model.recompute()
        return model

    def recompute(self) -> None:
        """Keep the input of each layer alone and make the rest anew in the backward pass: a third more time, a fraction of the memory."""
        self._model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})

    @property
    def token_dim(self) -> int:
        """Length of a token vector; 0 for none."""
        return self.heads.token_dim

    @property
    def dims(self) -> tuple[int, ...]:
        """The nested dimensions of its training, besides the full one."""
        return self.heads.dims

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks it has adapters for."""
        return self.heads.tasks

    @property
    def rules(self) -> Conventions:
        """How its sequences are written and pooled."""
        return self._rules

    @property
    def gridded(self) -> bool:
        """Whether it is of the Qwen-VL class, whose pictures are grids of patches."""
        return self._gridded

    @property
    def window(self) -> int:
        """Tokens of the longest sequence."""
        return int(self._window)

    @property
    def width(self) -> int:
        """Length of a token's state."""
        return int(self._model.config.get_text_config().hidden_size)

    @property
    def template(self) -> Any:
        """The chat template that the model came with; None where it has none."""
        return self._template

    def whole_template(self) -> str | None:
        """The chat template with everything that is written around the content in it: prefix and [EOS] too."""
        if self._written is None:
            return None
        end = self._tokenizer.eos_token if self._rules.eos else None
        if not end:
            return str(self._written)
        quoted = json.dumps(end)
        ended = f"written.rstrip() if written.rstrip().endswith({quoted}) else written + {quoted}"
        return f"{{%- set written -%}}{self._written}{{%- endset -%}}{{{{ {ended} }}}}"

    def network_state(self) -> dict[str, Any]:
        """The backbone's tensors without adapters, by the names that transformers knows."""
        return {k.replace(".base_layer.", "."): v for k, v in self._model.state_dict().items() if "lora_" not in k}

    def save_network(self, folder: Path, template: str | None, state: dict[str, Any] | None = None) -> None:
        """The backbone without adapters, its tokenizer and its processor as transformers writes them, with this chat template."""
        self._model.save_pretrained(folder, state_dict=self.network_state() if state is None else state)
        tokenizer, processor = copy.copy(self._tokenizer), copy.copy(self._processor)
        if self._gridded:
            tokenizer.chat_template = template
        else:
            processor.chat_template = template
        tokenizer.save_pretrained(folder)
        processor.save_pretrained(folder)

    @property
    def _device(self) -> torch.device:
        return next(self._model.parameters()).device

    # ------------------------------------------------------------------------------------------------------------- features

    def collate(self, items: Sequence[Item], role: Role, *, instruction: str | None = None, task: str = "") -> Features:
        """Features of items: texts and pictures in any mixture, padded on the right. Too long a text loses its end, never its [EOS]."""
        rows = [tuple(p if isinstance(p, str) else decoded(p.load(self.side)) for p in content(it)) for it in items]
        return self._features(rows, role, instruction, task)

    def _features(self, rows: Sequence[Row], role: Role, instruction: str | None, task: str) -> Features:
        own = adapters.named(self.tasks, task).prompts[role] if task else self._rules.prompts.get(role, "")
        system = instructed(own, instruction)
        rows = [tuple(plain_text(p, self._tokenizer) if isinstance(p, str) else p for p in row) for row in rows]
        inputs = self._inputs(rows, system)
        over = [max(0, n - self._window) for n in inputs["attention_mask"].sum(dim=1).tolist()]
        if any(over):
            rows = [self._cut(row, n) if n else row for row, n in zip(rows, over, strict=True)]
            inputs = self._inputs(rows, system)
            if (longest := int(inputs["attention_mask"].sum(dim=1).max())) > self._window:
                raise InputError(f"a sequence of {longest} tokens came, the model reads {self._window}; give fewer or smaller pictures")
        counts = tuple(sum(not isinstance(p, str) for p in row) for row in rows)
        by_row = {k: v for k, v in inputs.items() if k in ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")}
        pixels = {k: v for k, v in inputs.items() if k not in by_row}
        patches = tuple(pixels["image_grid_thw"].prod(dim=1).tolist()) if "image_grid_thw" in pixels else None
        wrong = [k for k, v in pixels.items() if len(v) != (sum(patches) if patches and k == "pixel_values" else sum(counts))]
        if wrong and all(len(pixels[k]) == len(rows) for k in wrong):  # a class that pads each row's pictures
            by_row |= {k: pixels.pop(k) for k in wrong}
        return Features(by_row, counts, pixels, patches, task, role)

    # -------------------------------------------------------------------------------------------------------------- network

    def forward(self, features: Features) -> Vectors:
        """Dense [n, dim] and, with a token head, tokens [n, t, token_dim] with their mask [n, t]; padding may be on either side."""
        if self.tasks:
            adapters.activate(self, adapters.named(self.tasks, features.task).adapters[features.role] if features.task else "")
        rows = dict(features.rows)
        if not features.pixels:
            rows.pop("mm_token_type_ids", None)
        given = {k: self._placed(v) for k, v in (rows | dict(features.pixels)).items()}
        with self._cast():
            hidden = self._model(**given, use_cache=False).last_hidden_state
        mask = given["attention_mask"]
        state = pooled(hidden, mask, self._rules.pooling, given["input_ids"] == self._image_id)
        dense = state[:, : self.dim] if self.dense_head is None else _headed(self.dense_head, state)
        dense = normalize(dense.float(), dim=-1)
        if self.token_head is None:
            return Vectors(dense)
        tokens = normalize(_headed(self.token_head, hidden).float(), dim=-1) * mask[..., None]
        return Vectors(dense, tokens, mask.bool())

    def vectors(self, rows: Sequence[Row], role: Role, instruction: str | None, task: str = "") -> Embeddings:
        """Vectors [n, dim]; `instruction` (or the task's or checkpoint's own prompt for the role) is the system turn."""
        with torch.inference_mode():
            return embeddings(self(self._features(rows, role, instruction, task)))

    def _cast(self) -> AbstractContextManager[Any]:
        """A backbone whose weights are of two kinds, part bfloat16 and part trained in float32, computes in the lower one."""
        kinds = {p.dtype for k, p in self._model.named_parameters() if "lora_" not in k}
        device = self._device.type
        if len(kinds) < 2 or torch.is_autocast_enabled(device):
            return nullcontext()
        lower: AbstractContextManager[Any] = torch.autocast(device, min(kinds, key=lambda k: k.itemsize))
        return lower

    def _placed(self, tensor: Any) -> Any:
        return tensor.to(self._device, self._model.dtype if tensor.is_floating_point() else tensor.dtype)

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
        if self._written is None:
            image = self._tokenizer.convert_ids_to_tokens(self._image_id)
            written = "\n".join([*([system] if system else []), *(p if isinstance(p, str) else image for p in row)])
        else:
            written = self._tokenizer.apply_chat_template(turns, chat_template=self._written, tokenize=False, **self._rules.template)
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
