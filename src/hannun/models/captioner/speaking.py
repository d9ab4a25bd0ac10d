"""A captioner and what is to be told of go in; texts come out, a token at a time, with what was computed before kept (or not)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from hannun.continuation import GREEDY, Manner, Rows, Utterance, readable, utterances
from hannun.embeddings import Floats
from hannun.models.captioner.layers import KeysAndValues
from hannun.models.captioner.network import END, Captioner


@final
class KeptSpeaker:
    """A `Speaker` that keeps keys and values of all that was read and said: each step is one token of work."""

    def __init__(self, model: Captioner, seen: Tensor, told: tuple[int, int]) -> None:
        """`seen` [n, queries, width] are pooled tokens of `Captioner.look`; `told` the two tokens that each text begins with."""
        self._model, self._told, self._many = model, told, len(seen)
        with torch.inference_mode():
            self._seen = model.known(seen)
        self._past: list[KeysAndValues] = []
        self._at = 0

    def begin(self) -> Floats:
        """Scores [n, vocabulary] of the first token."""
        return self._step(torch.tensor([self._told] * self._many))

    def go_on(self, rows: Rows, tokens: Rows) -> Floats:
        """Scores [m, vocabulary] after these tokens, of copies of these rows."""
        if not np.array_equal(rows, np.arange(self._many)):
            chosen = torch.from_numpy(rows)
            self._past, self._seen = ([KeysAndValues(k.keys[chosen], k.values[chosen]) for k in kept] for kept in (self._past, self._seen))
            self._many = len(rows)
        return self._step(torch.from_numpy(tokens)[:, None])

    def _step(self, ids: Tensor) -> Floats:
        model, t = self._model, ids.shape[1]
        with torch.inference_mode():
            ids = ids.to(model.log_scale.device)
            x = model.words(ids) + model.place[self._at : self._at + t]
            mask = torch.ones(t, self._at + t, dtype=torch.bool, device=ids.device).tril(self._at)[None, None]
            layers = [*((layer, None) for layer in model.lower), *zip(model.upper, self._seen, strict=True)]
            kept = []
            for n, (layer, seen) in enumerate(layers):
                x, now = layer(x, mask, self._past[n] if self._past else None, seen)
                kept.append(now)
            self._past, self._at = kept, self._at + t
            scores: Floats = model.scores(x[:, -1]).float().cpu().numpy()
            return scores


@final
class ForgettingSpeaker:
    """A `Speaker` that reads the whole text anew for each token: what `KeptSpeaker` is compared with, and checked against."""

    def __init__(self, model: Captioner, seen: Tensor, told: tuple[int, int]) -> None:
        self._model, self._seen = model, seen
        self._ids = torch.tensor([told] * len(seen))

    def begin(self) -> Floats:
        """Scores [n, vocabulary] of the first token."""
        with torch.inference_mode():
            ids = self._ids.to(self._seen.device)
            states, _ = self._model.read(ids, torch.ones_like(ids, dtype=torch.bool))
            scores: Floats = self._model.scores(self._model.tell(states, self._seen)[:, -1]).float().cpu().numpy()
            return scores

    def go_on(self, rows: Rows, tokens: Rows) -> Floats:
        """Scores [m, vocabulary] after these tokens, of copies of these rows."""
        chosen = torch.from_numpy(rows)
        self._ids = torch.cat([self._ids[chosen], torch.from_numpy(tokens)[:, None]], dim=1)
        self._seen = self._seen[chosen.to(self._seen.device)]
        return self.begin()


def captions(
    model: Captioner, parts: Sequence[Any], task: str, language: str, manner: Manner = GREEDY, batch: int = 32
) -> list[list[tuple[str, Utterance]]]:
    """Of each part (a picture, a signal) the texts that the model makes, the best first, in a style and a language.

    No more tokens are said than the model's context holds. Raises InputError for a style or language that it does not have.
    """
    told = model.told(task, language)
    room = model.shape.context - len(told) - 1
    how = manner if manner.longest <= room else Manner(**{**vars(manner), "longest": room})
    never = [i for token, i in model.ids.items() if token != END]
    out: list[list[tuple[str, Utterance]]] = []
    device = model.log_scale.device
    was = model.training
    model.eval()
    try:
        for at in range(0, len(parts), batch):
            with torch.inference_mode():
                inputs = {k: v.to(device) for k, v in model.source.collate(parts[at : at + batch]).items()}
                seen, _ = model.look(inputs)
            made = utterances(KeptSpeaker(model, seen, told), model.ids[END], how, never)
            out += [readable(each, model.tokenizer.decode) for each in made]
    finally:
        model.train(was)
    return out
