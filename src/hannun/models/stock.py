"""A folder that stock sentence-transformers modules can load goes in; a Network comes out: text only, two towers, or joint.

A plain transformers folder counts too: sentence-transformers gives a text model mean pooling, and a dual tower (CLIP,
SigLIP, ChineseCLIP class) its `get_text_features` and `get_image_features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from hannun.embeddings import Embeddings
from hannun.errors import InputError
from hannun.models.adapters import Task
from hannun.models.network import DEFAULT_SIDE, MAX_TOKENS, Role, Row, instructed, plain_text, shortened, side_of


class StockModules:
    """A SentenceTransformer; one that sees gets `{"text": …}`, never a bare str, which it could take for a URL and fetch."""

    def __init__(self, folder: Path, device: str) -> None:
        self._model: Any = SentenceTransformer(str(folder), device=device, local_files_only=True)  # and no trust_remote_code
        if device == "cpu":
            self._model.float()  # half precision is slow there, and a batch would differ from its items by 1e-2
        self.sees = self._model.supports("image")
        towers = self.sees and not self._model.supports(("image", "text"))
        self.kinds: tuple[str, ...] = ("text", "image") if towers else ()
        if not self._model.supports("text"):
            raise InputError(f"the model takes {self._model.modalities}, expected text among them; choose a text or text-image model")
        first: Any = self._model[0]
        routes = getattr(first, "sub_modules", None)  # a Router: a backbone for each modality
        processor = getattr(routes["image"][0] if routes is not None and "image" in routes else first, "processor", None)
        self._tokenizer = getattr(first, "tokenizer", None)
        self.side = side_of(getattr(processor, "image_processor", processor)) if self.sees else DEFAULT_SIDE
        config: Any = getattr(first, "config", None)
        window = getattr(getattr(config, "text_config", None), "max_position_embeddings", None)
        if window and self._tokenizer is not None:  # sentence-transformers looks at the outer config only
            self._tokenizer.model_max_length = min(self._tokenizer.model_max_length, window, MAX_TOKENS)
        if towers and window and str(config.model_type).startswith("siglip"):  # pools the last position: padded in training
            first.processing_kwargs["text"] = {"padding": "max_length", "max_length": window, **first.processing_kwargs.get("text", {})}
        self.dim = int(self.vectors([("a",)], "document", None).dim)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """None: stock modules have one set of prompts."""
        return ()

    @property
    def dims(self) -> tuple[int, ...]:
        """None of its own: a checkpoint's configuration says them."""
        return ()

    def vectors(self, rows: Sequence[Row], role: Role, instruction: str | None, task: str = "") -> Embeddings:
        """Vectors [n, dim] with the model's own prompt for the role, or with `instruction` in its place."""
        encode = self._model.encode_query if role == "query" else self._model.encode_document
        prompt = None if instruction is None else instructed(self._model.prompts.get(role) or "", instruction)
        try:
            out = encode([self._input(r) for r in rows], prompt=prompt, batch_size=len(rows), show_progress_bar=False)
        except ValueError as e:
            raise InputError(f"the model takes {self._model.modalities} and refuses this input ({str(e).splitlines()[0]})") from None
        return Embeddings(np.asarray(out, dtype=np.float32))

    def _input(self, row: Row) -> str | dict[str, Any]:
        text = "\n".join(p for p in row if isinstance(p, str))
        if not self.sees:
            return text  # a model without pictures keeps every str as text, and old modules know nothing else
        pictures = [p for p in row if not isinstance(p, str)]
        text = text if self._tokenizer is None else plain_text(text, self._tokenizer)
        if pictures and text and self._tokenizer is not None:  # truncation would cut a picture that comes after a long text
            text = shortened(text, self._tokenizer.model_max_length // 2, self._tokenizer)
        values = {"text": text, "image": pictures if len(pictures) > 1 else pictures and pictures[0]}
        order = ("text", "image") if isinstance(row[0], str) else ("image", "text")
        return {k: values[k] for k in order if values[k]}
