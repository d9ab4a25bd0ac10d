"""The names of what a painter learned go in; whether a prompt names any of them comes out.

English names are looked for as whole words, the plural in s too; Korean ones anywhere in the prompt, since compounds and particles are
written onto words, but those of one syllable only as a word of its own or before a particle.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import final

_LONGEST = 6  # words of an English name that are looked for together
_PARTICLES = ("", "은", "는", "이", "가", "을", "를", "과", "와", "의", "도", "에", "로", "으로", "만", "하나", "이모지")


@final
class KnownNames:
    """Names, Korean and English, to look for in prompts."""

    def __init__(self, names: Sequence[str]) -> None:
        plain = [_plain(n) for n in names]
        self.names = tuple(names)
        self._english = {"".join(_words(n)) for n in plain if n.isascii()}
        korean = {n.replace(" ", "") for n in plain if not n.isascii()}
        self._short = {n + p for n in korean if len(n) == 1 for p in _PARTICLES}
        self._korean = {n for n in korean if len(n) > 1}

    def named(self, text: str) -> bool:
        """Whether the text names any of them."""
        plain = _plain(text)
        words = _words(plain)
        grams = ("".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, min(len(words), a + _LONGEST) + 1))
        if any(g in self._english or g.removesuffix("s") in self._english for g in grams):
            return True
        together = plain.replace(" ", "")
        return any(n in together for n in self._korean) or any(w in self._short for w in re.split(r"[\s,.!?]+", plain))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text)
