"""A product's attributes go in; Korean sentences about them come out: "이 상품의 [토스타일]은 [라운드 토]입니다".

The brackets of the source mark what is filled in; they may be kept, since they tell a model where name and value stand (Prompt-CoCa).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hannun.annotate.schema import Schema
from hannun.embeddings import Floats

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


def of_category(attributes: Mapping[str, object], topic: Schema, category: str, brackets: bool = True) -> Iterator[str]:
    """The sentences about those attributes alone that things of a category have by the schema: of a skirt, none about its toe.

    A value is said by the schema's own name for it (스트라이프: 줄무늬); one that the schema does not know is said as it came.
    """
    for attribute in topic.of(category).attributes:
        names = {w: v.name for v in attribute.values for w in (v.name, *v.words)}
        given = attributes.get(attribute.key, attributes.get(attribute.english))
        said = [names.get(str(v), v) for v in (given if isinstance(given, list | tuple) else (given,))]
        yield from sentences({attribute.key: said}, brackets)


def style_sentence(style: str) -> str:
    """One style as a sentence."""
    return f"이 상품은 [{style}] 스타일입니다"


def style(picture: Floats, styles: Sequence[str], vectors: Floats, margin: float = 0.02) -> str | None:
    """The style whose text vector [n, d] agrees best with the picture [d], or None where the best does not lead by `margin`."""
    scores = vectors @ picture
    order = scores.argsort()[::-1]
    if len(order) > 1 and scores[order[0]] - scores[order[1]] < margin:
        return None
    return styles[int(order[0])]
