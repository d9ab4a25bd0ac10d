"""What went wrong goes in, the same words without this machine's folders come out: for those who may not know where its files lie.

A path becomes the name of its file. What somebody sent (a quoted word, an id, a URL) may look like a path, too; it is shortened alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# A path that begins a message may have blanks in it: it ends where the message's own words begin.
_FIRST = re.compile(r"(?:/|[A-Za-z]:\\)[^\n]*?(?=: )")
# One in the middle ends at a blank; in quotes, at the quote. Not in a URL, not after a word; addresses of the service's own stay.
_QUOTED = re.compile(r"(?<=['\"])/[^'\"\n]*/[^'\"\n]*(?=['\"])")
_WITHIN = re.compile(r"(?<![\w.:/<>%-])/(?!v1/)(?:[^\s/'\"`,;:()]+/)+[^\s/'\"`,;:()]*")


def outside(text: str, names: Iterable[tuple[str | Path, str]] = ()) -> str:
    """`text` with known folders called by their `names` (path, name), and every other absolute path by its last part."""
    for path, name in sorted(names, key=lambda n: -len(str(n[0]))):
        if len(str(path)) > 1:
            text = re.sub(re.escape(str(path)) + r"(?![\w.-])", name.replace("\\", r"\\"), text)
    text = _FIRST.sub(_last, text, count=1) if text.startswith("/") or text[1:3] == ":\\" else text
    return _WITHIN.sub(_last, _QUOTED.sub(_last, text))


def _last(found: re.Match[str]) -> str:
    return re.split(r"[/\\]", found.group().rstrip("/\\"))[-1] or "/"
