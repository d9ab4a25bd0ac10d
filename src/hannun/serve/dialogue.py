"""Questions and answers go in, the dialogue that they make comes out, kept in a file: a follow-up is understood by what came before.

A follow-up ("그중 더 싼 건?") is searched for together with the question before it, and what that answer cited stays among the sources.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hannun.errors import InputError
from hannun.files import write_whole

REMEMBERED = 6  # turns that a model is told; older ones are forgotten
_LONGEST = 2000  # characters of an answer that is told again


@dataclass(frozen=True)
class Turn:
    """One question, its answer, and the ids of what the answer cites."""

    question: str
    answer: str
    cited: tuple[str, ...] = ()


def asked_with(question: str, before: Sequence[Turn]) -> str:
    """What is searched for: the question, after the one before it, whose subject a follow-up leaves out."""
    return f"{before[-1].question}\n{question}" if before else question


def remembered(before: Sequence[Turn]) -> list[dict[str, Any]]:
    """The turns that a model is told, as messages."""
    return [
        message
        for turn in before[-REMEMBERED:]
        for message in ({"role": "user", "content": turn.question}, {"role": "assistant", "content": turn.answer[:_LONGEST]})
    ]


def read(path: Path) -> tuple[Turn, ...]:
    """The dialogue of a file; none where there is no file. Raises InputError for a file of another kind."""
    if not path.exists():
        return ()
    try:
        rows = json.loads(path.read_text("utf-8"))
        if not isinstance(rows, list):
            raise TypeError
        return tuple(Turn(str(r["question"]), str(r["answer"]), tuple(map(str, r["cited"]))) for r in rows)
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: holds no dialogue; give another file with --talk, or remove it to begin anew") from None


def write(path: Path, turns: Sequence[Turn]) -> None:
    """Keep a dialogue in a file, whole or not at all."""
    write_whole(path, json.dumps([asdict(t) for t in turns], ensure_ascii=False, indent=1).encode())
