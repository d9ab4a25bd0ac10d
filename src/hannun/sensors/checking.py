"""A text about a signal goes in; every claim in it comes out, each with whether the signal says so.

A number is right where the signal, reckoned anew, rounds to it; a trend, a spike or a dip where its bins meet the thresholds of
`structure` at that time; an episode where it was labelled, or where the steps show it, to the minute. A sentence that no template
understands is a claim that cannot be checked, and counts as wrong: what a generator garbles is not counted as true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hannun import hangul
from hannun.sensors.captions import NONE, Labels, name, number, time
from hannun.sensors.channels import KNOWN
from hannun.sensors.episodes import steps_by_part, told
from hannun.sensors.statistics import of_channel
from hannun.sensors.structure import SEGMENTS, binned, direction, edges, extremes, least, reached
from hannun.sensors.templates import LANGUAGES, WAYS, Language, templates
from hannun.signals import Signal

Found = Literal["right", "wrong", "unread"]
_END = re.compile(r"(?<=\.)\s+")
_NUMBERS = ("mean", "highest", "lowest", "deviation")
_LEVELS = {"statistics": "statistical", "trend": "structural", "peak": "structural"}


@dataclass(frozen=True)
class Claim:
    """One thing that a sentence says of a signal: its level ("" where no template understands it), what, and what the signal says."""

    level: str
    sentence: str
    what: str
    found: Found
    instead: str = ""


def checked(text: str, signal: Signal, labels: Labels = NONE) -> list[Claim]:
    """Every claim of a text. Texts of several languages may be mixed."""
    return [c for sentence in _END.split(hangul.normalise(text).strip()) if sentence for c in _claims(sentence, signal, labels)]


def accuracy(claims: Sequence[Claim], level: str | None = None) -> float:
    """The share of claims (of a level) that are right; NaN where there are none."""
    some = [c for c in claims if level is None or c.level == level]
    return sum(c.found == "right" for c in some) / len(some) if some else float("nan")


def _claims(sentence: str, signal: Signal, labels: Labels) -> list[Claim]:
    best: list[Claim] = []
    for language in LANGUAGES:
        for kind, some in templates(language).items():
            for template in some:
                if (words := template.understood(sentence)) is not None:
                    made = list(_judged(kind, words, sentence, language, signal, labels))
                    if made and (not best or accuracy(made) > accuracy(best)):
                        best = made  # a sentence that two templates understand says what is true of one of them
    return best or [Claim("", sentence, "sentence", "unread")]


def _judged(kind: str, words: dict[str, str], sentence: str, language: Language, signal: Signal, labels: Labels) -> Iterator[Claim]:
    level = _LEVELS.get(kind, "semantic")

    def claim(what: str, right: bool, instead: str = "") -> Claim:
        return Claim(level, sentence, what, "right" if right else "wrong", "" if right else instead)

    if kind in ("activity", "mood", "parts"):
        yield from (claim(*one) for one in _semantic(kind, words, language, signal, labels))
        return
    key = next((k for k in signal.channels if name(k, language).lower() == words["name"].lower()), None)
    if key is None:
        if words["name"].strip().lower() in _every_name(language):  # a channel that the signal has not
            yield claim(words["name"], False, f"no {words['name']} in the signal")
        return
    if kind == "statistics":
        there = of_channel(signal, key)
        for field in _NUMBERS:
            true = "" if there is None else number(getattr(there, field), key)
            yield claim(f"{key} {field} {words[field]}", true.replace(",", "") == words[field].replace(",", ""), true)
    elif kind == "trend":
        way = _way(words, language, ("rising", "falling", "stable"))
        first, last = (_rows(words[w], signal, language, edges(len(signal.values))) for w in ("start", "end"))
        right = way is not None and any(_trend(signal, key, a, b) == way for a in first for b in last)
        yield claim(f"{key} {way} {words['start']}–{words['end']}", right)
    else:
        way, cut = _way(words, language, ("spike", "dip")), edges(len(signal.values))
        rows = _rows(words["time"], signal, language, (cut[1:] + cut[:-1]) // 2)
        stands = {int(cut[at] + cut[at + 1]) // 2 for at, extreme in extremes(binned(signal, key), least(key)) if extreme == way}
        yield claim(f"{key} {way} {words['time']}", bool(stands & set(rows)))


def _every_name(language: Language) -> set[str]:
    return {name(k, language).lower() for k in KNOWN}


def _semantic(kind: str, words: dict[str, str], language: Language, signal: Signal, labels: Labels) -> Iterator[tuple[str, bool, str]]:
    korean = language == "ko"
    if kind == "parts":
        true = {p.korean if korean else p.english: p.steps for p in steps_by_part(signal)}
        there = str(true.get(words["part"], "no steps"))
        said = words.get("count", "some").replace(",", "")
        yield f"{words['part']} {said}", words["part"] in true if said == "some" else there == said, there
        return
    if kind == "mood":
        noted = {(m.korean if korean else m.english, time(signal, m.row, language)) for m in labels.moods}
        yield f"{words['mood']} {words['time']}", (words["mood"].lower(), words["time"]) in noted, "not noted"
        return
    called = words["activity"].lower()
    true_times = {
        (time(signal, e.start, language), time(signal, e.end, language))
        for e in told(signal, labels.episodes)
        if (e.korean if korean else e.english).lower() == called
    }
    instead = ", ".join(f"{a}–{b}" for a, b in sorted(true_times)) or "no such activity"
    yield f"{called} {words['start']}–{words['end']}", (words["start"], words["end"]) in true_times, instead


def _way(words: dict[str, str], language: Language, among: Sequence[str]) -> str | None:
    given = (words.get("noun") or words.get("verb") or "").lower()
    return next((w for w in among if given in WAYS[language][w]), None)


def _rows(said: str, signal: Signal, language: Language, among: npt.NDArray[np.int64]) -> list[int]:
    """Which of the rows a time may mean, told as captions tell it: Korean ones with the part of the day that the clock is in."""
    return [int(r) for r in among if time(signal, int(r), language) == said]


def _trend(signal: Signal, key: str, first: int, last: int) -> str | None:
    """What the bins from one edge to another do."""
    bins, cut = binned(signal, key), edges(len(signal.values)).tolist()
    if cut.index(last) - cut.index(first) not in SEGMENTS:
        return None
    return direction(bins[cut.index(first) : cut.index(last)], reached(bins, least(key)))
