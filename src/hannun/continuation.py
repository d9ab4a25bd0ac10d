"""A model that scores the next token goes in; whole texts come out: the likeliest word by word, by beams, or drawn from the nucleus.

No model and no array library of its own but numpy: a network of torch and one of onnxruntime are both a `Speaker`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hannun.embeddings import Floats
from hannun.errors import InputError

Rows = npt.NDArray[np.int64]
BROKEN = "\ufffd"  # what decoding puts in the place of bytes that make no letter


class Speaker(Protocol):
    """A model that has been shown something in each of n rows and told how to begin."""

    def begin(self) -> Floats:
        """Scores [n, vocabulary] of the first token of each row."""
        ...

    def go_on(self, rows: Rows, tokens: Rows) -> Floats:
        """Go on with copies of these rows [m] of the last step, each with its next token [m]; scores [m, vocabulary] of what follows."""
        ...


@dataclass(frozen=True)
class Manner:
    """How texts are made.

    `beams` 1 takes the likeliest token each time, more keep as many texts at once. `nucleus` above 0 draws instead, among the likeliest
    tokens that together have this share (Holtzman et al. 2020, who take 0.95), at `temperature`, by `seed`. No sequence of `ngram` tokens
    comes twice (0: it may). At most `longest` tokens; of finished beams the best by the sum of log-probabilities over length^`length`
    (Wu et al. 2016).
    """

    beams: int = 1
    nucleus: float = 0.0
    temperature: float = 1.0
    ngram: int = 3
    longest: int = 40
    length: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("beams", 1), ("longest", 1), ("ngram", 0)):
            if getattr(self, name) < low:
                raise InputError(f"{name}={getattr(self, name)} came, expected {low} or more")
        if not 0 <= self.nucleus <= 1 or self.temperature <= 0:
            raise InputError(f"nucleus={self.nucleus} and temperature={self.temperature} came, expected 0 … 1 and above 0")
        if self.nucleus and self.beams > 1:
            raise InputError(f"beams={self.beams} and nucleus={self.nucleus} came, expected one of them: beams search, a nucleus draws")


#: The likeliest token each time, none three of which come twice.
GREEDY = Manner()


@dataclass(frozen=True)
class Utterance:
    """A text that a model made: its tokens without the end, the mean log-probability of all with it, and whether it ended by itself."""

    tokens: tuple[int, ...]
    likelihood: float
    ended: bool


def utterances(speaker: Speaker, end: int, manner: Manner = GREEDY, never: Sequence[int] = ()) -> list[list[Utterance]]:
    """Of each row the texts found, the best first: `beams` of them or fewer, one where words are taken or drawn one by one.

    `end` is the token that ends a text; tokens of `never` are not said.
    """
    return _beams(speaker, end, manner, never) if manner.beams > 1 else _one_by_one(speaker, end, manner, never)


@dataclass
class _Text:
    """A text on its way: which row it belongs to, its tokens, the sum of their log-probabilities."""

    row: int
    tokens: list[int] = field(default_factory=list)
    total: float = 0.0


def readable(found: Sequence[Utterance], decode: Callable[[list[int]], str]) -> list[tuple[str, Utterance]]:
    """The texts of utterances, as `decode` makes them of tokens. Those whose bytes do not all make letters stand last, without the others:
    a token may be a part of a letter."""
    texts = [(decode(list(u.tokens)), u) for u in found]
    whole = sorted(texts, key=lambda t: BROKEN in t[0])
    return [(" ".join(t.replace(BROKEN, "").split()), u) for t, u in whole]


def _one_by_one(speaker: Speaker, end: int, manner: Manner, never: Sequence[int]) -> list[list[Utterance]]:
    scores = speaker.begin()
    rng = np.random.default_rng(manner.seed)
    live = [_Text(n) for n in range(len(scores))]
    done: dict[int, Utterance] = {}
    for step in range(manner.longest):
        logs = _allowed(scores, [t.tokens for t in live], end, manner, never)
        chosen = _drawn(logs, manner, rng) if manner.nucleus else logs.argmax(axis=1)
        keep = []
        for at, (text, token) in enumerate(zip(live, chosen, strict=True)):
            text.total += float(logs[at, token])
            if token == end:
                done[text.row] = Utterance(tuple(text.tokens), text.total / (len(text.tokens) + 1), True)
                continue
            text.tokens.append(int(token))
            keep.append(at)
        live = [live[at] for at in keep]
        if not live or step + 1 == manner.longest:
            break
        scores = speaker.go_on(np.asarray(keep, np.int64), np.asarray([t.tokens[-1] for t in live], np.int64))
    done |= {t.row: Utterance(tuple(t.tokens), t.total / max(1, len(t.tokens)), False) for t in live}
    return [[done[n]] for n in sorted(done)]


def _drawn(logs: Floats, manner: Manner, rng: np.random.Generator) -> Rows:
    """A token of each row: among the likeliest that together have the nucleus' share, in proportion."""
    out = np.zeros(len(logs), np.int64)
    for n, row in enumerate(logs.astype(np.float64) / manner.temperature):
        order = np.argsort(-row, kind="stable")
        share = np.exp(row[order] - row[order[0]])
        share /= share.sum()
        many = int(np.searchsorted(np.cumsum(share), manner.nucleus)) + 1
        out[n] = rng.choice(order[:many], p=share[:many] / share[:many].sum())
    return out


def _beams(speaker: Speaker, end: int, manner: Manner, never: Sequence[int]) -> list[list[Utterance]]:
    scores = speaker.begin()
    live = [_Text(n) for n in range(len(scores))]
    found: list[list[tuple[float, Utterance]]] = [[] for _ in live]
    for step in range(manner.longest):
        logs = _allowed(scores, [t.tokens for t in live], end, manner, never)
        following: list[tuple[int, _Text]] = []
        for row in dict.fromkeys(t.row for t in live):
            members = [n for n, t in enumerate(live) if t.row == row]
            following += _widened(members, live, logs, end, manner, found[row])
        if not following or step + 1 == manner.longest:
            live = [t for _, t in following]
            break
        live = [t for _, t in following]
        parents = np.asarray([n for n, _ in following], np.int64)
        scores = speaker.go_on(parents, np.asarray([t.tokens[-1] for t in live], np.int64))
    for t in live:  # what did not end in time stands behind what did, where nothing did it is all there is
        if not found[t.row] or not any(u.ended for _, u in found[t.row]):
            found[t.row].append((t.total / len(t.tokens) ** manner.length, Utterance(tuple(t.tokens), t.total / len(t.tokens), False)))
    return [[u for _, u in sorted(each, key=lambda f: -f[0])[: manner.beams]] for each in found]


def _widened(
    members: list[int], live: list[_Text], logs: Floats, end: int, manner: Manner, found: list[tuple[float, Utterance]]
) -> list[tuple[int, _Text]]:
    """The best continuations of one row's texts, each with the place of its parent; those that end are put in `found`.

    None where no continuation can become better than the `beams` that have ended.
    """
    totals = np.asarray([live[n].total for n in members])[:, None] + logs[members]
    flat = totals.ravel()
    many = min(2 * manner.beams, int(np.isfinite(flat).sum()))
    best = np.argpartition(-flat, many - 1)[:many]
    out: list[tuple[int, _Text]] = []
    for place in best[np.argsort(-flat[best], kind="stable")]:
        member, token = divmod(int(place), logs.shape[1])
        parent = live[members[member]]
        total, length = float(flat[place]), len(parent.tokens) + 1
        if token == end:
            found.append((total / length**manner.length, Utterance(tuple(parent.tokens), total / length, True)))
        elif len(out) < manner.beams:
            out.append((members[member], _Text(parent.row, [*parent.tokens, token], total)))
    ended = sorted((score for score, _ in found), reverse=True)
    if len(ended) >= manner.beams and out:
        hope = max(t.total / manner.longest**manner.length for _, t in out)  # log-probabilities only fall: more cannot be hoped for
        if hope <= ended[manner.beams - 1]:
            return []
    return out


def _allowed(scores: Floats, texts: Sequence[Sequence[int]], end: int, manner: Manner, never: Sequence[int]) -> Floats:
    """Log-probabilities [n, vocabulary], −inf for what may not come: tokens of `never`, an end before the first word, a repeated n-gram."""
    logs: Floats = scores.astype(np.float32)
    logs = logs - logs.max(axis=1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    if len(never):
        logs[:, list(never)] = -np.inf
    for n, text in enumerate(texts):
        if not text:
            logs[n, end] = -np.inf
        elif manner.ngram:
            logs[n, [t for t in _repeats(text, manner.ngram) if t != end]] = -np.inf
    return logs


def _repeats(text: Sequence[int], ngram: int) -> set[int]:
    """The tokens that would end an n-gram which the text has already."""
    last = tuple(text[len(text) - ngram + 1 :]) if ngram > 1 else ()
    return {text[at + ngram - 1] for at in range(len(text) - ngram + 1) if tuple(text[at : at + ngram - 1]) == last}
