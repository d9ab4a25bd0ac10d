"""A multilingual text encoder and a trained head go in; a reader of prompts in another model's space comes out, saved and opened.

The encoder stays as it is: mini's text tower (through onnxruntime, as it is shipped) or any transformers text model by folder or hub id.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hannun.embeddings import Floats
from hannun.errors import HannunError, InputError, MissingError
from hannun.mini.model import HERE as MINI
from hannun.mini.text import WIDTH, TextTower
from hannun.models.hub import model_folder
from hannun.models.saving import OWN, quiet, whole, write_facts
from hannun.models.state_head import StateHead, StateShape
from hannun.prompts.clip import version_of
from hannun.prompts.states import LENGTH, PromptStates, remembered, shortened

KIND = "prompt_student"


class TextStates(Protocol):
    """A frozen text encoder: token states of texts. `name` opens it again, `width` is that of a state."""

    name: str
    width: int

    def read(self, texts: Sequence[str]) -> tuple[list[Floats], list[str]]:
        """For each text its states [tokens, width], at most 77, and what was cut off."""
        ...


@final
class MiniStates:
    """mini's text tower."""

    def __init__(self) -> None:
        self.name, self.width = "mini", WIDTH
        self._tower = TextTower(MINI)

    def read(self, texts: Sequence[str]) -> tuple[list[Floats], list[str]]:
        """States of mini's tokens, `<s>`, `query:` and `</s>` included."""
        made = self._tower.states(texts, LENGTH)
        return [m.states for m in made], [shortened(t, len(m.states), m.tokens, m.end) for t, m in zip(texts, made, strict=True)]


@final
class HubStates:
    """Any transformers text encoder whose classes are in that library."""

    def __init__(self, name: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        folder = model_folder(name)
        try:
            with quiet():
                self._network, self._tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
        except Exception as e:  # transformers raises anything for half a folder
            raise InputError(f"{name}: cannot be opened as a text encoder ({' '.join(str(e).split())[:200]})") from None
        if not hasattr(self._network.config, "hidden_size"):
            raise InputError(f"{name}: is a {self._network.config.model_type} model, expected a text encoder such as XLM-RoBERTa")
        self.name, self.width = name, int(self._network.config.hidden_size)

    def read(self, texts: Sequence[str]) -> tuple[list[Floats], list[str]]:
        """The last hidden states of its tokens."""
        given = self._tokenizer(list(texts), padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
        with torch.no_grad():
            made = self._network(input_ids=given.input_ids, attention_mask=given.attention_mask).last_hidden_state
        cut = []
        for text in texts:
            ids = self._tokenizer(text, truncation=False, verbose=False).input_ids
            kept = len(self._tokenizer.decode(ids[: LENGTH - 1], skip_special_tokens=True)) if len(ids) > LENGTH else len(text)
            cut.append(shortened(text, LENGTH, len(ids), kept))
        return [s[m.bool()].float().numpy() for s, m in zip(made, given.attention_mask, strict=True)], cut


@final
class KeptStates:
    """Another encoder's states, kept in memory for texts that come again, `most` of them (20 KB each); the oldest go first."""

    def __init__(self, encoder: TextStates, most: int = 20_000) -> None:
        self.name, self.width = encoder.name, encoder.width
        self._encoder, self._most = encoder, most
        self._kept: OrderedDict[str, tuple[Floats, str]] = OrderedDict()

    def read(self, texts: Sequence[str]) -> tuple[list[Floats], list[str]]:
        """The same as the encoder's, read once."""
        found = remembered(self._kept, texts, lambda new: zip(*self._encoder.read(new), strict=True), self._most)
        return [states for states, _ in found], [cut for _, cut in found]


def text_states(name: str) -> TextStates:
    """A text encoder by name: "mini", a folder, or a hub id."""
    return MiniStates() if name == "mini" else HubStates(name)


def padded(states: Sequence[Floats]) -> tuple[Tensor, Tensor]:
    """States of texts of different lengths → [n, t, width] and the mask [n, t]."""
    longest = max(len(s) for s in states)
    out = np.zeros((len(states), longest, states[0].shape[1]), np.float32)
    mask = np.zeros((len(states), longest), bool)
    for n, s in enumerate(states):
        out[n, : len(s)], mask[n, : len(s)] = s, True
    return torch.from_numpy(out), torch.from_numpy(mask)


@final
class Student:
    """The encoder under its head. `teacher` is the version of what it was taught by."""

    def __init__(self, encoder: TextStates, head: StateHead, teacher: str, version: str = "student") -> None:
        if head.shape.reads != encoder.width:
            raise InputError(f"the head reads states of {head.shape.reads} values, and {encoder.name} gives {encoder.width}")
        self.encoder, self.head, self.teacher, self.version = encoder, head, teacher, version
        self.width, self.pooled_width = head.shape.width, head.shape.pooled

    def states(self, texts: Sequence[str]) -> PromptStates:
        """The states of texts in the teacher's space."""
        read, cut = self.encoder.read(texts)
        self.head.eval()
        with torch.no_grad():
            tokens, pooled = self.head(*padded(read))
        return PromptStates(tokens, pooled, tuple(cut))

    def save(self, folder: Path) -> None:
        """The head, its shape, and the name of the encoder; whole or not at all."""
        facts: dict[str, Any] = {"kind": KIND, "reads": self.encoder.name, "teacher": self.teacher, "shape": asdict(self.head.shape)}

        def write(part: Path) -> None:
            save_file({k: v.contiguous() for k, v in self.head.state_dict().items()}, part / "weights.safetensors", {"format": "pt"})
            write_facts(part, facts)

        whole(folder, write)


def open_student(folder: Path) -> Student:
    """The student in a folder. Raises MissingError where there is none, InputError for a damaged one."""
    if not (folder / OWN).is_file():
        raise MissingError(f"{folder}: holds no student of prompts; `hannun train korean_diffusion` makes one")
    try:
        facts = json.loads((folder / OWN).read_text("utf-8"))
        if facts.get("kind") != KIND:
            raise InputError(f"{folder}: is of another kind, expected a student of prompts; `hannun train korean_diffusion` makes one")
        head = StateHead(StateShape(**facts["shape"]))
        head.load_state_dict(load_file(folder / "weights.safetensors"))
        return Student(text_states(facts["reads"]), head.eval(), str(facts["teacher"]), version_of(folder))
    except HannunError:
        raise
    except Exception as e:
        raise InputError(f"{folder}: is damaged ({' '.join(str(e).split())[:160]}); train it again, or copy it again") from None
