"""The path or hub id of a vision-language model goes in, a model that answers conversations in this process comes out (the extra `train`).

For those who run no endpoint: any class that transformers loads for image and text to text. Slow on a CPU, and as good as the model is.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any, Protocol, final

import PIL.Image

from hannun.errors import DependencyError, HannunError, MissingError
from hannun.models.hub import model_folder

TOKENS = 512  # of an answer


class Answers(Protocol):
    """What answers a conversation: an endpoint, or a model in this process."""

    def complete(self, messages: Sequence[dict[str, Any]]) -> str:
        """The answer to messages in OpenAI's form, pictures as data: URLs. Raises HannunError."""
        ...


@final
class LocalModel:
    """A vision-language model of transformers, loaded when it is made. Raises DependencyError, MissingError."""

    def __init__(self, place: str, tokens: int = TOKENS) -> None:
        try:
            import torch
            from transformers import AutoModelForImageTextToText, AutoProcessor
        except ImportError:
            raise DependencyError(
                f"the model {place!r} runs here with transformers; pip install -c constraints.txt '.[train]' in Hannun's folder, "
                "or give the address of a server with --endpoint"
            ) from None
        folder = model_folder(place)
        self._torch, self._tokens, self._place = torch, tokens, place
        try:
            self._processor: Any = AutoProcessor.from_pretrained(folder)
            self._model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
        except (ImportError, OSError, ValueError, KeyError) as e:
            reason = (str(e).splitlines() or [type(e).__name__])[0][:200]
            raise MissingError(
                f"{place}: cannot be loaded as a vision-language model ({reason}); serve it instead, with --endpoint"
            ) from None

    def complete(self, messages: Sequence[dict[str, Any]]) -> str:
        """See `Answers.complete`; greedy, so that the same question has the same answer."""
        told, pictures = [], []
        for message in messages:
            parts = message["content"] if isinstance(message["content"], list) else [{"type": "text", "text": message["content"]}]
            pictures += [_picture(p["image_url"]["url"]) for p in parts if p["type"] == "image_url"]
            content = [{"type": "image"} if p["type"] == "image_url" else {"type": "text", "text": p["text"]} for p in parts]
            told.append({"role": message["role"], "content": content})
        try:
            prompt = self._processor.apply_chat_template(told, add_generation_prompt=True, tokenize=False)
            given = self._processor(text=[prompt], images=pictures or None, return_tensors="pt")
            with self._torch.inference_mode():
                made = self._model.generate(**given, max_new_tokens=self._tokens, do_sample=False)
        except (ValueError, IndexError, RuntimeError) as e:
            reason = (str(e).splitlines() or [type(e).__name__])[0][:200]
            raise HannunError(f"{self._place}: could not answer ({reason}); give it fewer sources (--limit), or another model") from None
        text = self._processor.batch_decode(made[:, given["input_ids"].shape[1] :], skip_special_tokens=True)[0]
        return str(text).strip()


def _picture(url: str) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
