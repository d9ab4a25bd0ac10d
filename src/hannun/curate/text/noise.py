"""Texts with picture agreement go in; words that are frequent and teach nothing (로또, 주가, 영수증 …) come out as candidates.

Candidates are proposed from the data: words of high count whose texts agree less with their pictures than texts do on the whole. A person
confirms them into a list (`noise.txt` is the one shipped); the filter uses the list only.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import final

from hannun.curate.verdict import KEEP, Verdict, text_of
from hannun.item import Pair

_PARTICLE = "(?:은|는|이|가|을|를|의|에|도|만|로|으로|와|과|에서|까지|부터)?"
_TOKEN = re.compile(r"[가-힣]{2,}|[A-Za-z]{3,}")
_TAIL = re.compile(r"(?:은|는|을|를|의|에|도|와|과|에서|까지|부터)$")


@dataclass(frozen=True)
class Candidate:
    """A word, the number of texts that have it, their mean agreement, and by how many standard errors that lies under the rest's."""

    word: str
    count: int
    agreement: float
    under: float


@cache
def shipped_words() -> tuple[str, ...]:
    """The words of the list shipped, a trailing * for compounds."""
    return read(Path(__file__).with_name("noise.txt"))


def read(path: Path) -> tuple[str, ...]:
    """A list of words, one a line; # begins a comment."""
    lines = (line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return tuple(line for line in lines if line)


@final
class NoiseWords:
    """Drops texts that have a word of a confirmed list."""

    def __init__(self, words: Iterable[str] | None = None) -> None:
        """`words` is by default the list shipped."""
        self.words = tuple(words) if words is not None else shipped_words()
        one = [re.escape(w[:-1]) + "[가-힣]*" if w.endswith("*") else re.escape(w) + _PARTICLE for w in self.words]
        self._pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(one)})(?![^\W_])") if one else None
        begins = [sorted({w.rstrip("*")[n : n + 1] for w in self.words}) for n in (0, 1)]
        self._gate = re.compile("".join(f"[{re.escape(''.join(b))}]" for b in begins if b and b[0]))  # rules most texts out at once

    def __call__(self, pair: Pair) -> Verdict:
        """Drop a text with a listed word."""
        text = text_of(pair)
        if self._pattern is None or not self._gate.search(text) or not self._pattern.search(text):
            return KEEP
        return Verdict("text_noise_word")

    def __repr__(self) -> str:
        return f"NoiseWords({len(self.words)} words)"


def propose(rows: Iterable[tuple[str, float]], least_count: int = 20, under: float = 3.0, limit: int = 200) -> list[Candidate]:
    """Words in at least `least_count` texts whose mean agreement lies `under` standard errors or more below all texts', worst first.

    `rows` are (text, agreement with its picture). Memory grows with the number of different words, not of rows.
    """
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    n, total, squares = 0, 0.0, 0.0
    for text, agreement in rows:
        n, total, squares = n + 1, total + agreement, squares + agreement * agreement
        for word in {_TAIL.sub("", t) if len(t) > 2 else t for t in _TOKEN.findall(text)}:
            entry = sums[word]
            entry[0] += 1
            entry[1] += agreement
    if n < 2:
        return []
    mean = total / n
    spread = math.sqrt(max(1e-12, squares / n - mean * mean))
    found = [
        Candidate(word, int(count), s / count, (mean - s / count) / (spread / math.sqrt(count)))
        for word, (count, s) in sums.items()
        if count >= least_count
    ]
    return sorted((c for c in found if c.under >= under), key=lambda c: (-c.under * math.log(c.count), c.word))[:limit]
