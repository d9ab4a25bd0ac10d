"""Pictures go in, what is printed in them comes out, as words that a collection is searched by: signs, labels, receipts.

Lines are found by PP-OCR's detector and read by Tesseract with its Korean and English models (`kor`, `eng`: Debian's packages of 1.6 and
4 MB, Apache-2.0): the recogniser that comes with rapidocr has no Hangul, and Tesseract alone finds no signs in photos (docs/log.md).
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cached_property
from typing import final

import PIL.Image

from hannun import hangul
from hannun.annotate.annotator import Finding
from hannun.annotate.lines import HEIGHT, LineFinder, page
from hannun.errors import DependencyError, HannunError
from hannun.item import Item

KEY = "글자"  # the fact
SURE = 50.0  # of 100: words below are not kept
LEAST = 2  # letters of a word: folds and stripes are read as single ones
NEAR = round(0.16 * HEIGHT)  # pixels between pieces of one word
LONGEST = 2000  # characters of an item
PICTURES = 8  # of an item
_REVISION = 1  # of what is done here
_LANGUAGES = ("kor", "eng")
_REMEDY = "install it: apt-get install tesseract-ocr tesseract-ocr-kor, or brew install tesseract tesseract-lang"
_PATIENCE = 60.0  # seconds for a picture


@final
class PrintReader:
    """The annotator of print. Raises DependencyError, when first used, where rapidocr or Tesseract with Korean is not there."""

    name = "print"
    keys = (KEY,)

    def __init__(self, threads: int = 1) -> None:
        self._lines = LineFinder(threads)

    @cached_property
    def version(self) -> str:
        """The revision and Tesseract's own version."""
        told = self._run(["--version"]).splitlines()[0]
        there = self._run(["--list-langs"]).split()
        if missing := [x for x in _LANGUAGES if x not in there]:
            raise DependencyError(f"tesseract has no language {missing[0]!r}; {_REMEDY}")
        return f"{self.name}-{_REVISION}-{told.partition(' ')[2] or told}"

    def annotate(self, items: Sequence[Item]) -> list[tuple[Finding, ...]]:
        """What is printed in the pictures of each item, of all lines together; unknown where nothing is."""
        _ = self.version
        return [self._of(it) for it in items]

    def _of(self, it: Item) -> tuple[Finding, ...]:
        words: list[tuple[str, float]] = []
        seen = False
        for picture in it.images[:PICTURES]:
            try:
                lines = self._lines.cut(picture.load())
            except DependencyError:
                raise
            except HannunError:  # gone or damaged: told where it is indexed
                continue
            seen = True
            words += self.read(lines) if lines else []
        if not seen:
            return ()
        text = hangul.normalise(" ".join(w for w, _ in words))[:LONGEST]
        if not text:
            return (Finding(KEY, None, 0.0),)
        return (Finding(KEY, text, sum(c for _, c in words) / len(words) / 100),)

    def read(self, lines: Sequence[PIL.Image.Image]) -> list[tuple[str, float]]:
        """The words of lines that were cut out, with how sure each is, 0 … 100."""
        sheet = io.BytesIO()
        page(lines).save(sheet, "PNG")
        told = self._run(["stdin", "stdout", "-l", "+".join(_LANGUAGES), "--psm", "6", "tsv"], sheet.getvalue())
        rows = [r for row in told.splitlines()[1:] if len(r := row.split("\t")) > 11]
        words = _words([r for r in rows if float(r[10]) >= SURE and re.search(r"\w", r[11])])
        return [(w, sure) for w, sure in words if len(re.findall(r"\w", w)) >= LEAST]

    def _run(self, arguments: list[str], data: bytes = b"") -> str:
        program = shutil.which("tesseract")
        if program is None:
            raise DependencyError(f"reading print needs the program tesseract; {_REMEDY}")
        one = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # its threads wait by spinning
        try:
            done = subprocess.run([program, *arguments], input=data, capture_output=True, timeout=_PATIENCE, env=one, check=False)
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout.decode("utf-8", "replace")


def _words(rows: Sequence[Sequence[str]]) -> list[tuple[str, float]]:
    """Rows of Tesseract's table as words and how sure each is; it parts Hangul where letters touch: pieces that are near are one word."""
    found: list[tuple[str, float]] = []
    before, end = ("", "", ""), 0
    for r in rows:
        line, left, width, sure, text = (r[2], r[3], r[4]), int(r[6]), int(r[8]), float(r[10]), r[11].strip()
        if found and line == before and left - end < NEAR and (hangul.is_hangul(text[0]) or hangul.is_hangul(found[-1][0][-1])):
            whole, least = found[-1]
            found[-1] = whole + text, min(least, sure)
        else:
            found.append((text, sure))
        before, end = line, left + width
    return found
