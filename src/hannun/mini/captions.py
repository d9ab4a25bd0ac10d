"""Pictures go in, what can be said of them in a style and a language comes out, without torch: the captioner that comes with mini.

Its eyes are mini's picture network; `captions/` holds the rest as `hannun.recipes.prompt_coca` trained and exported it: `look.onnx` makes
of what the eyes see what the decoder attends to, `say.onnx` scores the next token, `captions.json` says how a text begins and ends.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from hannun.continuation import Manner, Rows, readable, utterances
from hannun.embeddings import Floats
from hannun.encoder import Caption
from hannun.errors import InputError, MissingError, neighbours
from hannun.item import Image
from hannun.mini.image import LOOKS, ImageTower
from hannun.mini.session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

#: What the captioner's eyes see, by the name of the value inside image.onnx: [n, 352, 9, 9] and [n, 81, 352]; with LOOKS [n, 9, 200].
STILL, MOVED = "/body/_blocks.20/_project_conv/Conv_output_0", "/head/top/Add_1_output_0"
FOLDER, FACTS = "captions", "captions.json"
_BATCH = 16


@final
class CaptionWriter:
    """The embedded captioner, loaded when first used; may be shared between threads."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """`folder` holds mini's weights, and the captioner's in `captions/`."""
        self._folder, self._threads, self._lock = folder / FOLDER, threads, threading.Lock()
        self._eyes = ImageTower(folder, threads, inner=(STILL, MOVED, LOOKS))
        self._loaded: tuple[dict[str, Any], InferenceSession, InferenceSession, Any] | None = None

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles it was trained for; none where its weights are not there."""
        path = self._folder / FACTS
        return tuple(json.loads(path.read_text("utf-8"))["styles"]) if path.exists() else ()

    def _load(self) -> tuple[dict[str, Any], InferenceSession, InferenceSession, Any]:
        with self._lock:
            if self._loaded is None:
                from tokenizers import Tokenizer

                if not (self._folder / FACTS).exists():
                    raise MissingError(f"{self._folder}: no captioner is there; `hannun train prompt_coca` makes one: give it with --model")
                look, say = (open_session(self._folder / name, self._threads) for name in ("look.onnx", "say.onnx"))
                facts = json.loads((self._folder / FACTS).read_text("utf-8"))
                self._loaded = facts, look, say, Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            return self._loaded

    def caption(self, pictures: Sequence[Image], style: str, language: str, manner: Manner) -> list[list[Caption]]:
        """Of each picture the texts found, the best first. Raises InputError for an unknown style or language, PictureError."""
        facts, look, say, tokenizer = self._load()
        for given, known in ((style, facts["styles"]), (language, facts["languages"])):
            if given not in known:
                raise InputError(f"{given!r} came, which this captioner does not write; {neighbours(given, [*known])}")
        told = (int(facts["styles"][style]), int(facts["languages"][language]))
        how = manner if manner.longest <= facts["longest"] else Manner(**{**vars(manner), "longest": facts["longest"]})
        out: list[list[Caption]] = []
        for at in range(0, len(pictures), _BATCH):
            places = self._eyes.inside(pictures[at : at + _BATCH], _joined)
            keys, values = look.run(["keys", "values"], {"places": places})
            for each in utterances(_OnnxSpeaker(say, keys, values, told), int(facts["end"]), how, facts["never"]):
                out.append([Caption(text, u.likelihood, u.ended) for text, u in readable(each, tokenizer.decode)])
        return out


def _joined(values: Sequence[Floats]) -> Floats:
    """What the eyes give of a batch as one row for each picture, as `models.backbones.places` lays it out."""
    still, moved, looks = values
    places = np.concatenate([still.reshape(len(still), still.shape[1], -1).transpose(0, 2, 1), moved], axis=2)
    return np.concatenate([places.reshape(len(places), -1), looks.reshape(len(looks), -1)], axis=1).astype(np.float32)


@final
class _OnnxSpeaker:
    """A `Speaker` over say.onnx: keys and values of all that was read and said are kept, [layers, rows, heads, t, width of a head]."""

    def __init__(self, say: InferenceSession, keys: Floats, values: Floats, told: tuple[int, int]) -> None:
        self._say, self._seen, self._told = say, [keys, values], told
        layers = say.get_inputs()[2].shape[0]
        empty = np.zeros((layers, keys.shape[1], keys.shape[2], 0, keys.shape[4]), np.float32)
        self._past = [empty, empty]

    def begin(self) -> Floats:
        """Scores [n, vocabulary] of the first token."""
        many = self._seen[0].shape[1]
        for token in self._told:
            scores = self._step(np.full(many, token, np.int64))
        return scores

    def go_on(self, rows: Rows, tokens: Rows) -> Floats:
        """Scores [m, vocabulary] after these tokens, of copies of these rows."""
        if not np.array_equal(rows, np.arange(self._seen[0].shape[1])):
            self._past, self._seen = ([np.ascontiguousarray(x[:, rows]) for x in kept] for kept in (self._past, self._seen))
        return self._step(tokens)

    def _step(self, tokens: Rows) -> Floats:
        place = np.asarray([self._past[0].shape[3]], np.int64)
        given = {"tokens": tokens[:, None], "place": place, "past_keys": self._past[0], "past_values": self._past[1]}
        scores, *self._past = self._say.run(
            ["scores", "keys", "values"], {**given, "seen_keys": self._seen[0], "seen_values": self._seen[1]}
        )
        found: Floats = scores
        return found
