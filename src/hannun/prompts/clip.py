"""A CLIP-class text model by folder or hub id goes in; a reader of prompts comes out: the teacher, and what Stable Diffusion reads by.

A folder of Stable Diffusion holds one under `text_encoder` and `tokenizer`; a folder of CLIP alone holds both together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch

from hannun.errors import HannunError, InputError, MissingError
from hannun.models.hub import model_folder
from hannun.models.saving import quiet, whole
from hannun.prompts.states import LENGTH, PromptStates, shortened

PARTS = ("text_encoder", "tokenizer")  # of a folder of Stable Diffusion


@final
class ClipTexts:
    """A text network of CLIP's class, frozen. `pooled` is its projection where it has one, else the state of the end token."""

    def __init__(self, network: Any, tokenizer: Any, version: str) -> None:
        self.network, self.tokenizer, self.version = network.eval(), tokenizer, version
        config = network.config
        self.width = int(config.hidden_size)
        self.projected = hasattr(network, "text_projection")
        self.pooled_width = int(config.projection_dim) if self.projected else self.width
        window = int(config.max_position_embeddings)
        if window != LENGTH:
            raise InputError(f"{version}: reads {window} tokens, expected the {LENGTH} of CLIP's text models")

    def states(self, texts: Sequence[str]) -> PromptStates:
        """The last hidden states [n, 77, d] (after the final norm, with padding, as Stable Diffusion takes them), and the pooled ones."""
        # Kept and taught from, so in full precision also where the training around it computes in half.
        with torch.no_grad(), torch.autocast(self.network.device.type, enabled=False):
            tokens, pooled = self.forward(texts)
        return PromptStates(tokens.float().cpu(), pooled.float().cpu(), tuple(self._cut(t) for t in texts))

    def forward(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """The same with gradient, for training the teacher itself."""
        ids = self.tokenizer(list(texts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
        device = next(self.network.parameters()).device
        uses_mask = bool(getattr(self.network.config, "use_attention_mask", False))
        mask = ids.attention_mask.to(device) if uses_mask else None
        made = self.network(input_ids=ids.input_ids.to(device), attention_mask=mask)
        return made.last_hidden_state, made.text_embeds if self.projected else made.pooler_output

    def _cut(self, text: str) -> str:
        ids = self.tokenizer(text, truncation=False, verbose=False).input_ids
        if len(ids) <= LENGTH:
            return ""
        kept = self.tokenizer.decode(ids[: LENGTH - 1], skip_special_tokens=True)
        return shortened(text, LENGTH, len(ids), min(len(kept), len(text) - 1))

    def save(self, folder: Path) -> None:
        """Network and tokenizer, as transformers writes them, whole or not at all."""

        def write(part: Path) -> None:
            self.network.save_pretrained(part)
            self.tokenizer.save_pretrained(part)

        whole(folder, write)


def open_clip_texts(name_or_path: str) -> ClipTexts:
    """The text model of a folder or hub id. Raises MissingError, InputError for another class of model."""
    place = Path(name_or_path).expanduser()
    if all((place / p).is_dir() for p in PARTS):
        network_folder, tokenizer_folder = (place / p for p in PARTS)
    else:
        network_folder = tokenizer_folder = model_folder(name_or_path)
    from transformers import AutoConfig, AutoTokenizer, CLIPModel, CLIPTextModel, CLIPTextModelWithProjection

    try:
        with quiet():
            config = AutoConfig.from_pretrained(network_folder)
            if config.model_type not in ("clip", "clip_text_model"):
                raise InputError(f"{name_or_path}: is a {config.model_type} model, expected a CLIP-class text model (clip_text_model)")
            classes: Sequence[str] = getattr(config, "architectures", None) or ()
            if config.model_type == "clip":
                network = _text_of(CLIPModel.from_pretrained(network_folder))
            else:
                projects = any("Projection" in c for c in classes)
                network = (CLIPTextModelWithProjection if projects else CLIPTextModel).from_pretrained(network_folder)
            tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    except HannunError:
        raise
    except Exception as e:  # half a folder, a missing tokenizer, damaged weights: transformers raises anything
        said = " ".join(str(e).split())[:200]
        raise MissingError(
            f"{name_or_path}: cannot be opened as a CLIP-class text model ({said}); give the folder it was saved in"
        ) from None
    return ClipTexts(network, tokenizer, version_of(network_folder))


def _text_of(whole: Any) -> Any:
    """The text half of a CLIP, with its projection."""
    from transformers import CLIPTextModelWithProjection

    config = whole.config.text_config
    config.projection_dim = whole.config.projection_dim
    network = CLIPTextModelWithProjection(config)
    for part in ("text_model", "text_projection"):
        getattr(network, part).load_state_dict(getattr(whole, part).state_dict())
    return network


def version_of(folder: Path) -> str:
    """`name@hash`: the folder's name and 32 bits of the sizes and first megabytes of its weights."""
    digest = hashlib.blake2b(digest_size=4)
    for file in sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".bin", ".onnx", ".npz")):
        digest.update(f"{file.relative_to(folder)}:{file.stat().st_size}".encode())
        with file.open("rb") as f:
            digest.update(f.read(1 << 20))
    return f"{folder.resolve().name}@{digest.hexdigest()}"
