"""A text goes in; the morphemes that Kiwi finds, and what Kiwi knows of a single word, come out.

Kiwi takes two seconds and 440 MB, and is loaded by the first text that has Hangul words in it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hannun import hangul, runtime

if TYPE_CHECKING:
    from kiwipiepy import Kiwi

NOUNS = ("NNG", "NNP", "NR", "XR")
UNKNOWN = 3  # Kiwi gives nouns that it does not know the ids of their tags, NNG 2 and NNP 3
_READINGS = 5  # how many analyses of a word are looked at for one as a single noun
_loading = threading.Lock()


def tokenize(text: str, dictionary: tuple[str, ...], without: Sequence[str] = ()) -> list[Any]:
    """The morphemes of a text in the likeliest analysis (`without` these words)."""
    kiwi = _kiwi(dictionary)
    found: list[Any] = kiwi.tokenize(text, blocklist=list(without)) if without else kiwi.tokenize(text)
    return found


def tokenized(texts: Iterable[str], dictionary: tuple[str, ...]) -> Iterator[list[Any]]:
    """The morphemes of many texts, in their order: as many at once as there are processor cores, while the caller reads the first."""
    found: Iterator[list[Any]] = iter(_kiwi(dictionary).tokenize(texts))
    return found


def known(word: str, dictionary: tuple[str, ...]) -> bool:
    """Whether Kiwi knows every morpheme of a word."""
    return all(t.id > UNKNOWN or t.form in dictionary for t in tokenize(word, dictionary))


def rarity(word: str, dictionary: tuple[str, ...]) -> float:
    """How unlikely Kiwi finds a word: lower is likelier."""
    return -sum(t.score for t in tokenize(word, dictionary)) if any(map(hangul.is_syllable, word)) else 0.0


@lru_cache(maxsize=50_000)
def noun(word: str, dictionary: tuple[str, ...]) -> tuple[str, float]:
    """(tag, how unlikely) of a word as one noun of Kiwi's dictionary, in any of its readings; ("", inf) where it is none."""
    for tokens, score in _kiwi(dictionary).analyze(word, top_n=_READINGS):
        of_one = len(tokens) == 1 and tokens[0].id > UNKNOWN and tokens[0].form == word
        if of_one and (tokens[0].tag in ("NNG", "NNP") or (tokens[0].tag == "NNB" and len(word) > 1)):
            return tokens[0].tag, -score
    return "", float("inf")


def _kiwi(dictionary: tuple[str, ...]) -> Kiwi:
    with _loading:  # two threads would each load half a gigabyte
        return _loaded(dictionary)


@lru_cache(maxsize=2)
def _loaded(dictionary: tuple[str, ...]) -> Kiwi:
    from kiwipiepy import Kiwi

    kiwi = Kiwi()
    for word in dictionary:
        if word.isalnum() and any(map(hangul.is_syllable, word)):
            kiwi.add_user_word(word, "NNP")
    kiwi.tokenize("가")  # it unfolds its dictionary only now
    runtime.give_back()
    return kiwi
