"""Korean text in any form goes in; the one form that Hannun compares, counts and indexes comes out.

macOS writes file names and much text as NFD (decomposed jamo), everything else writes NFC; the two look alike and compare
unequal. Everything that Hannun reads is made NFC here first, so that a query in one form finds a document in the other.
"""

from __future__ import annotations

import re
import unicodedata

# Compatibility jamo (ㄱ…ㅣ, ㅋㅋ) are kept as they are: they carry meaning in informal Korean. Conjoining jamo that NFC
# cannot compose (a lone final consonant, say) are left too: no information is dropped.
_INVISIBLE = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u200b\u2060\ufeff]")
_SPACE = re.compile(r"\s+")


def normalise(text: str) -> str:
    """NFC, without control characters, zero-width spaces and lone surrogates, with each run of white space made one space.

    Zero-width joiners stay: emoji sequences (👨‍👩‍👧) are built with them.
    """
    composed = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    return _SPACE.sub(" ", _INVISIBLE.sub("", composed)).strip()


def is_hangul(character: str) -> bool:
    """Whether one character is a Hangul syllable or jamo."""
    code = ord(character)
    return 0xAC00 <= code <= 0xD7A3 or 0x3131 <= code <= 0x318E or 0x1100 <= code <= 0x11FF


def hangul_ratio(text: str) -> float:
    """The share of Hangul among the letters of a text, 0…1; 0 where there are no letters at all."""
    letters = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]
    return sum(map(is_hangul, letters)) / len(letters) if letters else 0.0
