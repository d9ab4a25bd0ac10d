"""A raw title or query goes in; the same text, normalised and with meaningless repetition squeezed, comes out, and what it is made of.

Lone jamo, lone letters and symbols; other scripts than Hangul and English; too little to read: three filters on plain shares.
"""

from __future__ import annotations

import html
import re
import unicodedata

from hannun import hangul
from hannun.curate.verdict import KEEP, Verdict, text_of
from hannun.item import Pair

NOISE = 0.5  # share of lone jamo, lone letters and symbols from which a text is dropped (Naver's pair factory, text rules)
OTHER_SCRIPT = 0.1  # share of letters of other scripts; ours: a unit sign or one hanja in a title is no other language

_TAGS = re.compile(r"<(?:/?[a-zA-Z][^<>]{0,200}|!--.{0,200}?--)>")
_SAME = re.compile(r"([^\d\s])\1{3,}")  # ㅋㅋㅋㅋㅋ, !!!!!!
_WORDS = re.compile(r"(?<!\S)(\S+(?:\s\S+){0,3}?)(?:\s\1){2,}(?!\S)")  # 특가 특가 특가; 무료 배송 무료 배송 무료 배송
_INSIDE = re.compile(r"([^\d\s]{2,6}?)\1{2,}")  # 할인할인할인
_LONE = re.compile(r"[\u3131-\u318e\u1100-\u11ff]|[^\w\s]|_|(?<![^\W\d_])[A-Za-z](?![^\W\d_])")
_SIGN = re.compile(r"[^\s0-9\uac00-\ud7a3]")  # all that _LONE can find, and more
_READABLE = re.compile(r"[\uac00-\ud7a3]|[A-Za-z]{2}")
# Letters (by block) that are neither Hangul nor Latin; digits and signs are in none of these blocks.
_OTHER = re.compile(
    r"[\u0370-\u052f\u0530-\u10ff\u1200-\u1dbf\u3041-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufb1d-\ufdff\ufe70-\ufefc\uff66-\uff9f]"
)
_LETTER = re.compile(r"[^\W\d_]")


def clean(text: str) -> str:
    """NFC, entities and tags undone, white space folded, repetition squeezed: ㅋㅋㅋㅋ becomes ㅋㅋ, a phrase said thrice is said once."""
    if "&" in text or "<" in text:
        text = _TAGS.sub(" ", html.unescape(text))
    tidy = text.isprintable() and unicodedata.is_normalized("NFC", text) and "  " not in text and text == text.strip()
    return squeeze(text if tidy else hangul.normalise(text))


def squeeze(text: str) -> str:
    """The text without meaningless repetition; digits are left alone."""
    words = text.split()
    # What is repeated leaves fewer different signs, so most texts need no regex: a run of four inside a word three fewer, a phrase of
    # words said thrice two fewer words.
    for word in words:
        if len(word) > 3 and len(word) - len(set(word)) > 2:
            text = _INSIDE.sub(r"\1", _SAME.sub(r"\1\1", text))
            words = text.split()
            break
    return _WORDS.sub(r"\1", text) if len(words) - len(set(words)) >= 2 else text


def noise_share(text: str) -> float:
    """The share of lone jamo, lone Latin letters and symbols among all signs that are not white space; 1 for an empty text."""
    dense = len(text) - text.count(" ")
    return len(_LONE.findall(text)) / dense if dense > 0 else 1.0


def other_script_share(text: str) -> float:
    """The share of letters that are neither Hangul nor Latin."""
    if text.isascii():
        return 0.0
    return len(_OTHER.findall(text)) / max(1, len(_LETTER.findall(text))) if _OTHER.search(text) else 0.0


def readable(pair: Pair) -> Verdict:
    """Drops an empty text, and one without a Hangul syllable or two Latin letters in a row."""
    text = text_of(pair)
    return KEEP if _READABLE.search(text) else Verdict("text_empty" if not text else "text_no_words")


def mostly_signs(pair: Pair) -> Verdict:
    """Drops texts of which NOISE or more is lone jamo, lone letters and symbols."""
    text = text_of(pair)
    if len(_SIGN.findall(text)) < NOISE * (len(text) - text.count(" ")):  # few signs of any kind: most texts
        return KEEP
    share = noise_share(text)
    return KEEP if share < NOISE else Verdict("text_signs", {"noise_share": share})


def other_script(pair: Pair) -> Verdict:
    """Drops texts in other scripts than Hangul and English."""
    share = other_script_share(text_of(pair))
    return KEEP if share < OTHER_SCRIPT else Verdict("text_other_script", {"other_script_share": share})
