"""Korean text in any form goes in; the one form that Hannun compares, counts and indexes comes out.

macOS writes file names and much text as NFD (decomposed jamo), everything else writes NFC; the two look alike and compare
unequal. Everything that Hannun reads is made NFC here first, so that a query in one form finds a document in the other.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import product

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


# What a reader does not see: joiners and direction marks, soft hyphens, variation selectors, the fillers of Hangul.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_MARKS = re.compile("[\u2120\u2122]")  # ℠ and ™ would become the letters sm and tm
_ACCENTS = re.compile("(?<=[a-z])[\u0300-\u036f]+")  # lower case may take a letter apart (İ)
_DASH = re.compile("[\u2010-\u2015\u2212]")
_QUOTE = re.compile("[\u2018\u2019\u02bc\u2032]")
# ½, ² and ① stand beside a number without being its digits: 2½ is not 21/2, 10² not 102.
_BESIDE = re.compile("(?<=\\d)(?=[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2080-\u2089\u2150-\u215e\u2460-\u249b\u24ea-\u24ff])")
_AFTER = re.compile("(?<=[\u00bc-\u00be\u2150-\u215e\u2460-\u249b\u24ea-\u24ff])(?=\\d)")
_FOLDS = re.compile("[^\u0000-\u007f\u3131-\u3163\u3165-\u318e\uac00-\ud7a3]+")  # all that NFKC may change but compatibility jamo


def folded(text: str) -> str:
    """The one form in which words are compared: `normalise`, lower case, without width, signs for units and what is not seen.

    NFKC (ＬＧ is lg, ㎖ is ml), but ㄱ…ㅣ stay what is typed for them; soft hyphens, joiners, variation selectors and fillers are
    gone; dashes and apostrophes are one sign each; Latin letters lose their accents. Folding twice changes nothing.
    """
    plain = normalise(text).lower()
    if _FOLDS.search(plain):
        plain = _AFTER.sub(" ", _BESIDE.sub(" ", _MARKS.sub("", plain)))
        plain = _FOLDS.sub(lambda m: _unaccented(unicodedata.normalize("NFKC", m[0])), plain).lower()
        plain = _QUOTE.sub("'", _DASH.sub("-", _ACCENTS.sub("", _UNSEEN.sub("", plain))))
        plain = unicodedata.normalize("NFC", plain).translate(_SINGLE)
    return _SPACE.sub(" ", _INVISIBLE.sub("", plain)).strip()


def _unaccented(text: str) -> str:
    """Latin letters without their marks (é is e); other scripts keep theirs (й, が)."""
    if text.isascii():
        return text
    letters, latin = [], False
    for c in unicodedata.normalize("NFD", text):
        if not (latin and unicodedata.combining(c)):
            letters.append(c)
            latin = c.isascii()
    return unicodedata.normalize("NFC", "".join(letters))


MOST_NULS = 0.1  # of the characters: UTF-16 without a mark has one in every second byte where it is Latin, and pictures have many


def decoded(data: bytes) -> str | None:
    """Text in UTF-8 (with or without a mark), in UTF-16 with one, or in CP949, the old Korean Windows encoding; None for other bytes.

    A few NULs, as old databases write them, do not make it another encoding; they are kept.
    """
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp949"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.count("\0") <= len(text) * MOST_NULS:
            return text
    return None


def is_hangul(character: str) -> bool:
    """Whether one character is a Hangul syllable or jamo."""
    code = ord(character)
    return 0xAC00 <= code <= 0xD7A3 or 0x3131 <= code <= 0x318E or 0x1100 <= code <= 0x11FF


def hangul_ratio(text: str) -> float:
    """The share of Hangul among the letters of a text, 0…1; 0 where there are no letters at all."""
    letters = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]
    return sum(map(is_hangul, letters)) / len(letters) if letters else 0.0


# ------------------------------------------------------------------------------------------------------- initials and keys

# A syllable is 0xAC00 + (lead · 21 + vowel) · 28 + tail (Unicode 3.12).
_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
# The keys of the two-set keyboard (KS X 5002), which Korean computers have; ㄲ ㄸ ㅃ ㅆ ㅉ ㅒ ㅖ are typed with shift.
_KEYS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡ", strict=True))
_SHIFTED = dict(zip("QWERTOP", "ㅃㅉㄸㄲㅆㅒㅖ", strict=True))
_JOINED = dict(
    zip(
        (
            "ㅗㅏ",
            "ㅗㅐ",
            "ㅗㅣ",
            "ㅜㅓ",
            "ㅜㅔ",
            "ㅜㅣ",
            "ㅡㅣ",
            "ㄱㅅ",
            "ㄴㅈ",
            "ㄴㅎ",
            "ㄹㄱ",
            "ㄹㅁ",
            "ㄹㅂ",
            "ㄹㅅ",
            "ㄹㅌ",
            "ㄹㅍ",
            "ㄹㅎ",
            "ㅂㅅ",
        ),
        "ㅘㅙㅚㅝㅞㅟㅢㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ",
        strict=True,
    )
)
_PARTED = {j: ab for ab, j in _JOINED.items()}
_TENSE = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}
# Conjoining jamo that stand alone, as halves of letters typed one by one do after NFKC (ﾡ), as the letters that are typed for them.
_SINGLE = {
    **{0x1100 + n: c for n, c in enumerate(_LEADS)},
    **{0x1161 + n: c for n, c in enumerate(_VOWELS)},
    **{0x11A7 + n: c for n, c in enumerate(_TAILS) if c},
}


def is_syllable(character: str) -> bool:
    """Whether one character is a whole Hangul syllable."""
    return "가" <= character <= "힣"


def is_initials(text: str) -> bool:
    """Whether a text is nothing but consonants that can begin a syllable (and spaces): a query typed by initials, ㅃㄱ ㅇㅍㅅ."""
    return bool(text.strip()) and all(c in _LEADS or c.isspace() for c in text)


def initials(text: str) -> str:
    """The first consonant of each syllable (빨간 → ㅃㄱ); what is no syllable is left out."""
    return "".join(_LEADS[(ord(c) - 0xAC00) // 588] for c in text if is_syllable(c))


def jamo(text: str) -> str:
    """Syllables taken apart into the letters that are typed for them (빨 → ㅃㅏㄹ, 값 → ㄱㅏㅂㅅ); the rest stays."""
    letters = []
    for c in text:
        if is_syllable(c):
            lead, vowel, tail = (ord(c) - 0xAC00) // 588, (ord(c) - 0xAC00) % 588 // 28, (ord(c) - 0xAC00) % 28
            letters += [_LEADS[lead], _VOWELS[vowel], _TAILS[tail]]
        else:
            letters.append(c)
    return "".join(_PARTED.get(c, c) for c in letters)


def compose(letters: str) -> str:
    """Letters as they are typed, one after another, put together into syllables as a keyboard does (ㅃㅏㄹㄱㅏㄴ → 빨간)."""
    made: list[str] = []
    at = 0
    while at < len(letters):
        lead = letters[at]
        if lead not in _LEADS or at + 1 >= len(letters) or letters[at + 1] not in _VOWELS:
            made.append(lead)
            at += 1
            continue
        vowel, at = letters[at + 1], at + 2
        if at < len(letters) and vowel + letters[at] in _JOINED:
            vowel, at = _JOINED[vowel + letters[at]], at + 1
        tail = ""
        if at < len(letters) and letters[at] in _TAILS and not _vowel_at(letters, at + 1):
            tail, at = letters[at], at + 1
            if at < len(letters) and tail + letters[at] in _JOINED and not _vowel_at(letters, at + 1):
                tail, at = _JOINED[tail + letters[at]], at + 1
        made.append(chr(0xAC00 + (_LEADS.index(lead) * 21 + _VOWELS.index(vowel)) * 28 + _TAILS.index(tail)))
    return "".join(made)


def from_keys(text: str) -> tuple[str, ...]:
    """What Latin letters say that were typed with the keyboard left on English: qkfrks → 발간, 빨간, 발깐, 빨깐.

    Shift is often lost too, so plain consonants at the head of a syllable are also read as tense ones, as long as there are
    few of them. Nothing comes where the letters do not make whole syllables.
    """
    if not text or not text.isascii() or not any(c.isalpha() for c in text):
        return ()
    plain = compose("".join(_SHIFTED.get(c) or _KEYS.get(c.lower(), c) for c in text))
    if any(c.isalpha() and not is_syllable(c) for c in plain):
        return ()
    tense = [n for n, c in enumerate(plain) if is_syllable(c) and initials(c) in _TENSE]
    if len(tense) > 4:
        return (plain,)
    readings = []
    for chosen in product((False, True), repeat=len(tense)):
        letters = list(plain)
        for n in (n for n, is_tense in zip(tense, chosen, strict=True) if is_tense):
            letters[n] = compose(_TENSE[initials(plain[n])] + jamo(plain[n])[1:])
        readings.append("".join(letters))
    return tuple(sorted(readings, key=lambda r: sum(a != b for a, b in zip(r, plain, strict=True))))


def to_keys(text: str) -> str:
    """What Hangul says that was typed with the keyboard left on Korean: ㅇㄱㄷㄴㄴ → dress."""
    keys = {v: k for k, v in _KEYS.items()} | {v: k.lower() for k, v in _SHIFTED.items()}
    return "".join(keys.get(c, c) for c in jamo(text))


def _vowel_at(letters: str, at: int) -> bool:
    return at < len(letters) and letters[at] in _VOWELS
