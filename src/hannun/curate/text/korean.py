"""A row of a web-scale table goes in; whether its text is Korean comes out: how Korean rows are taken out of LAION- or COYO-style files."""

from __future__ import annotations

import re

SHARE = 0.3  # of a text's letters that must be Hangul: a Korean title around an English brand passes. Ours
_SYLLABLE = re.compile(r"[\uac00-\ud7a3]")
_LETTER = re.compile(r"[^\W\d_]")


def is_korean(text: str, share: float = SHARE) -> bool:
    """Whether `share` of the letters are Hangul syllables, two at least."""
    syllables = len(_SYLLABLE.findall(text))
    return syllables >= 2 and syllables >= share * len(_LETTER.findall(text))
