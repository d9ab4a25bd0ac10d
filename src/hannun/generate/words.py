"""A prompt goes in; the same without what no picture needs, or a refusal that says which word it is for, comes out.

Two lists are asked: the one of abuse, vulgarity and adult words that the pair factory has, which sees through disguises, and `unsafe.tsv`
of this room: sexual, violent, self-harm and hate words, Korean and English. The operator may switch them off by the environment variable
HANNUN_IMAGINE_WORDS=off, or name a list of his own in their place. Words of sex beside words of children are refused whatever it says.
A list of words is no judge of pictures: what a model draws of innocent words is the business of the model's own checker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hannun import hangul
from hannun.curate.text import profanity
from hannun.errors import HannunError, InputError, MissingError

LONGEST = 2_000  # characters of a prompt: fifteen times what 77 tokens hold; more is a mistake (a file, a whole page)
SWITCH = "HANNUN_IMAGINE_WORDS"
LIST = Path(__file__).with_name("unsafe.tsv")
_CHILD, _SEXUAL = "child", "sexual"


class RefusedError(HannunError):
    """A prompt holds a word that the operator's filter refuses."""


@dataclass(frozen=True)
class UnsafeWord:
    """A word of the list, its kind, the pattern that finds it, and the longer words that it is innocent in."""

    kind: str
    word: str
    pattern: re.Pattern[str]
    innocent: tuple[str, ...]


def clean(prompt: str) -> str:
    """The prompt as NFC on one line. Raises InputError for one that is empty, endless, or no text (NUL and other control signs)."""
    if "\0" in prompt:
        raise InputError("a prompt with NUL characters came, expected words; is it a file's content?")
    folded = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in hangul.normalise(prompt)).split())
    if not any(c.isalnum() for c in folded):
        raise InputError("an empty prompt came, expected words for what to draw, such as '빨간 줄무늬 원피스'")
    if len(folded) > LONGEST:
        raise InputError(f"a prompt of {len(folded):,} characters came, the limit is {LONGEST:,}; say it in some sixty words")
    return folded


def refused(prompt: str, environment: Mapping[str, str]) -> None:
    """Raises RefusedError where a word of the filter is in the prompt; `environment` holds the operator's switch."""
    setting = environment.get(SWITCH, "")
    own = unsafe(LIST)
    # Always, and by our own list: no operator may allow it.
    if _kinds(prompt, own) >= {_CHILD, _SEXUAL} or (_CHILD in _kinds(prompt, own) and _adult(prompt)):
        raise RefusedError("the prompt names children in a sexual context; this is refused and cannot be switched on")
    if setting.lower() in ("off", "0", "no", "false"):
        return
    listed = own if not setting or setting.lower() in ("on", "1", "yes", "true") else unsafe(Path(setting))
    found = next((w for w in listed if w.kind != _CHILD and _stands(w, prompt)), None)
    foul = profanity.find(prompt) if found is None else None
    if found is not None or foul is not None:
        kind, word = (found.kind, found.word) if found is not None else (foul.kind, foul.word) if foul is not None else ("", "")
        raise RefusedError(
            f"the prompt holds {word!r} ({kind}), which the word filter refuses; say it otherwise, or let the operator set {SWITCH}=off"
        )


def _adult(prompt: str) -> bool:
    found = profanity.find(prompt)
    return found is not None and found.kind == "adult"


def _kinds(prompt: str, listed: Sequence[UnsafeWord]) -> set[str]:
    return {w.kind for w in listed if _stands(w, prompt)}


def _stands(word: UnsafeWord, prompt: str) -> bool:
    """Whether the word stands in the prompt once the longer words are gone that it is innocent in."""
    text = prompt.lower()
    for longer in word.innocent:
        text = text.replace(longer, " ")
    return bool(word.pattern.search(text))


@cache
def unsafe(path: Path) -> tuple[UnsafeWord, ...]:
    """The words of a list: kind, how, word, and longer words it is innocent in (`|` between them). Raises MissingError, InputError."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeError):
        raise MissingError(f"{path}: no such list of words, which {SWITCH} names; give a UTF-8 file, or 'off', or unset it") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [hangul.normalise(p) for p in line.split("\t")]
        if len(parts) < 3 or parts[1] not in ("start", "word") or not parts[2]:
            raise InputError(
                f"{path}, line {number}: {line[:60]!r} came, expected kind, 'start' or 'word', and the word, with tabs between"
            )
        kind, how, word = parts[0], parts[1], parts[2].lower()
        innocent = [w.strip() for w in parts[3].split("|")] if len(parts) > 3 else []
        pattern = re.compile(rf"(?<![a-z0-9]){re.escape(word)}(?:e?s)?(?![a-z0-9])" if how == "word" else rf"(?<![가-힣]){re.escape(word)}")
        found.append(UnsafeWord(kind, word, pattern, tuple(w.lower() for w in innocent if w)))
    return tuple(found)
