"""A product's attributes go in; Korean sentences about them come out: "이 상품의 [토스타일]은 [라운드 토]입니다".

The brackets of the source mark what is filled in; they may be kept, since they tell a model where name and value stand (Prompt-CoCa).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_MOST = 32  # sentences of one product


def sentence(name: str, value: str, brackets: bool = True) -> str:
    """One attribute as a sentence, with the particle that the name calls for (토스타일은, 소재는)."""
    particle = topic(name)
    return f"이 상품의 [{name}]{particle} [{value}]입니다" if brackets else f"이 상품의 {name}{particle} {value}입니다"


def topic(word: str) -> str:
    """은 after a final consonant, 는 after a vowel; Latin letters and digits by how they are read in Korean."""
    last = word.rstrip(")]\"' ")[-1:] or "이"
    if "가" <= last <= "힣":
        return "은" if (ord(last) - 0xAC00) % 28 else "는"
    return "은" if last.lower() in "lmnr013678" else "는"


def sentences(attributes: Mapping[str, object], brackets: bool = True) -> Iterator[str]:
    """A sentence for each attribute that has a value, in the mapping's order; several values are said one by one."""
    made = 0
    for name, given in attributes.items():
        for value in given if isinstance(given, list | tuple) else (given,):
            text = str(value).strip() if value is not None else ""
            if text and name.strip() and made < _MOST:
                made += 1
                yield sentence(name.strip(), text, brackets)
