"""`templates.toml` comes out as templates; the words of one go in and a sentence comes out, or a sentence and its words come out."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, final

from hannun.errors import InputError, neighbours
from hannun.sensors.channels import KNOWN

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = ("ko", "en")
_FIELD = re.compile(r"\{(\w+)(?::(은|이|을))?\}")
_PARTICLES = {"은": ("은", "는"), "이": ("이", "가"), "을": ("을", "를")}
NUMBER = r"-?[\d,]*\d(?:\.\d+)?"
TIME = r"(?:(?:새벽|오전|오후|저녁|밤) )?\d{1,2}:\d\d|-?\d+(?:\.\d+)?(?:초| s)"
_SHAPES = {
    **dict.fromkeys(("mean", "highest", "lowest", "deviation", "count"), NUMBER),
    **dict.fromkeys(("start", "end", "time"), TIME),
}
#: What a trend, a spike or a dip is called: (noun, verb).
WAYS: Mapping[Language, Mapping[str, tuple[str, str]]] = {
    "ko": {
        "rising": ("상승세", "오른다"),
        "falling": ("하락세", "내린다"),
        "stable": ("안정세", "그대로다"),
        "spike": ("급등", "치솟는다"),
        "dip": ("급락", "뚝 떨어진다"),
    },
    "en": {
        "rising": ("a rise", "rises"),
        "falling": ("a fall", "falls"),
        "stable": ("a level stretch", "stays level"),
        "spike": ("a spike", "spikes"),
        "dip": ("a dip", "dips"),
    },
}


@final
@dataclass(frozen=True)
class Template:
    """One sentence with fields, of a language and a kind (statistics, trend, peak, activity, mood, parts)."""

    language: Language
    kind: str
    text: str

    def said(self, words: Mapping[str, str]) -> str:
        """The sentence with these words, each with the particle that it takes. An English sentence begins with a capital letter."""
        text = _FIELD.sub(lambda f: words[f[1]] + (particle(words[f[1]], f[2]) if f[2] else ""), self.text)
        return text[:1].upper() + text[1:] if self.language == "en" else text

    def understood(self, sentence: str) -> dict[str, str] | None:
        """The words of a sentence of this template; None for any other sentence."""
        found = _pattern(self.language, self.text).fullmatch(sentence)
        return None if found is None else found.groupdict()


@functools.cache
def _shapes(language: Language) -> Mapping[str, str]:
    """What each field may hold, as a regular expression; a channel may have a name of its own besides those that are known."""
    called = {c.korean if language == "ko" else c.english for c in KNOWN.values()}
    nouns, verbs = (sorted({w[n] for w in WAYS[language].values()}, key=len, reverse=True) for n in (0, 1))
    names = "|".join(map(re.escape, sorted(called, key=len, reverse=True)))
    return {**_SHAPES, "name": f"{names}|.+?", "noun": "|".join(map(re.escape, nouns)), "verb": "|".join(map(re.escape, verbs))}


@functools.cache
def _pattern(language: Language, text: str) -> re.Pattern[str]:
    shapes = _shapes(language)
    made, at = "", 0
    for field in _FIELD.finditer(text):
        made += re.escape(text[at : field.start()])
        made += f"(?P<{field[1]}>{shapes.get(field[1], '.+?')})" + (f"(?:{'|'.join(_PARTICLES[field[2]])})" if field[2] else "")
        at = field.end()
    return re.compile(made + re.escape(text[at:]), re.IGNORECASE)


def particle(word: str, kind: str) -> str:
    """은/는, 이/가 or 을/를 after a word, by its last syllable; what does not end in Hangul is taken as if read letter by letter."""
    last = word.rstrip(")] ")[-1:] or " "
    if "가" <= last <= "힣":
        ends = (ord(last) - ord("가")) % 28 > 0
    else:
        ends = last.lower() in "013678lmnr"
    return _PARTICLES[kind][0 if ends else 1]


@functools.cache
def templates(language: Language) -> Mapping[str, tuple[Template, ...]]:
    """The templates of a language by kind. Raises InputError for a language that there is none of."""
    if language not in LANGUAGES:
        raise InputError(f"the language {language!r} came, expected ko or en; {neighbours(str(language), LANGUAGES)}")
    told = tomllib.loads(files("hannun.sensors").joinpath("templates.toml").read_text("utf-8"))
    return {kind: tuple(Template(language, kind, t) for t in texts) for kind, texts in told[language].items()}
