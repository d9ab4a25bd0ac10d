"""A PDF goes in; an Item for each of its pages comes out: the words of its text layer and the page as a picture.

PDFium, which reads it, may be entered by one thread at a time: every call of it holds one lock, never across a `yield`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hannun.errors import InputError
from hannun.item import Image, Item, Part, Problem, Text

MAX_PAGES = 2_000  # of one file
MAX_BYTES = 2**30  # of one file
MAX_FAILED = 20  # pages of one file, after which the rest of it is left
MAX_TEXT = 100_000  # characters of one page
MAX_SECONDS = 20.0  # of the processor for drawing one page: a file of 24 KB can ask for hours
SIDE = 1_240  # pixels of a page's longer side: A4 at 106 dpi, more than any encoder looks at
_ENLARGED = 4.0  # pixels a point (1/72 inch) at most, so that a label of a few millimetres does not become a blur of SIDE pixels
_QUALITY = 90  # of the JPEG; the same page gives the same bytes, so that it is known again

_LOCK = threading.RLock()  # re-entrant: the collector may close an abandoned iterator while this thread reads another


def items(file: Path, id: str, facts: Mapping[str, Any]) -> Iterator[Item | Problem]:
    """The pages of a PDF, each with the id `ID#page-N`, and the facts given with "page" (from 1) and "pages".

    Pages that cannot be read are one Problem, and so are texts over MAX_TEXT, pages over MAX_PAGES and attached files; the others go
    on. Raises InputError where the file is no PDF, is damaged, encrypted, without pages or over MAX_BYTES, or where the package that
    reads it is not there, and OSError as opening a file does.
    """
    failed: list[int] = []
    long: list[int] = []
    why = ""
    with _LOCK:
        pdf = _opened(file)
    try:
        with _LOCK:
            total, attached = len(pdf), pdf.count_attachments()
        if total < 1:
            raise InputError(f"{file}: has no pages; the file may be damaged, save it again")
        for number in range(1, min(total, MAX_PAGES) + 1):
            try:
                with _LOCK:
                    words, drawn = _read(pdf, number - 1)
            except Exception as e:  # PDFium's own error, and whatever a damaged page makes the packages around it raise
                failed, why = [*failed, number], why or " ".join(str(e).split())[:160].rstrip(".") or type(e).__name__
                if len(failed) >= MAX_FAILED:
                    break
                continue
            long += [number] if len(words) > MAX_TEXT else []
            parts: tuple[Part, ...] = (*Text.of(words[:MAX_TEXT]), Image(drawn))
            yield Item(f"{id}#page-{number}", parts, {**facts, "page": number, "pages": total})
    finally:
        with _LOCK:
            pdf.close()
    if failed:  # with the file's own id: what is in a collection of these pages is not taken for vanished
        rest = ", and the pages after them are not read" if len(failed) >= MAX_FAILED else ""
        yield Problem(f"{file}, {_pages(failed)}", f"cannot be read ({why}){rest}; the file may be damaged, save it again", id)
    if long:
        yield Problem(f"{file}, {_pages(long)}", f"over {MAX_TEXT:,} characters of text; only these are read")
    if total > MAX_PAGES:
        yield Problem(str(file), f"has {total:,} pages, of which {MAX_PAGES:,} are read; split it into smaller files")
    if attached > 0:
        yield Problem(
            str(file), f"has {attached} attached file{'s'[: attached > 1]}, which cannot be read there; save what is attached beside it"
        )


def count(file: Path) -> int:
    """How many pages of a PDF are read; 1 where it cannot be opened, which is told when it is read."""
    try:
        with _LOCK, _opened(file) as pdf:
            return min(max(len(pdf), 1), MAX_PAGES)
    except (InputError, OSError):
        return 1


def _opened(file: Path) -> Any:
    """The document of a file. Raises InputError, and OSError as opening a file does."""
    if importlib.util.find_spec("pypdfium2") is None:
        raise InputError(f"{file}: is a PDF, which needs a reader; run `pip install -c constraints.txt '.[formats]'`")
    with file.open("rb") as f:  # PDFium calls what it may not open damaged
        size = os.fstat(f.fileno()).st_size
    if size == 0:
        raise InputError(f"{file}: is empty (0 bytes), expected a PDF; copy it again")
    if size > MAX_BYTES:
        raise InputError(f"{file}: has {size:,} bytes, the limit for a PDF is {MAX_BYTES:,}; split it into smaller files")
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(os.path.abspath(file))
    except pypdfium2.PdfiumError as e:
        match e.err_code:
            case pypdfium2.raw.FPDF_ERR_PASSWORD:
                raise InputError(f"{file}: is encrypted with a password; save it without one") from None
            case pypdfium2.raw.FPDF_ERR_SECURITY:
                raise InputError(f"{file}: is encrypted in a way that cannot be read; save it without encryption") from None
        raise InputError(f"{file}: is not a whole PDF; it may be truncated, damaged or of another kind, copy it again") from None
    with contextlib.suppress(Exception):  # what was filled in is drawn too; a damaged form does not cost the pages
        pdf.init_forms()
    return pdf


def _read(pdf: Any, index: int) -> tuple[str, bytes]:
    """A page's text layer as it is written, and the page as a JPEG. Raises PdfiumError; InputError where it takes too long."""
    with contextlib.closing(pdf[index]) as page:
        with contextlib.closing(page.get_textpage()) as layer:
            words = layer.get_text_bounded(errors="ignore")
        width, height = page.get_size()
        scale = min(SIDE / max(width, height), _ENLARGED)
        with contextlib.closing(_drawn(page, max(1, round(width * scale)), max(1, round(height * scale)))) as bitmap:
            out = io.BytesIO()
            bitmap.to_pil().save(out, "JPEG", quality=_QUALITY)
    return words, out.getvalue()


def _drawn(page: Any, width: int, height: int) -> Any:
    """The page on white, as a bitmap of so many pixels; PDFium asks between two strokes whether it is to stop."""
    from pypdfium2 import PdfBitmap, raw

    end = time.thread_time() + MAX_SECONDS
    pause = raw.IFSDK_PAUSE(version=1)
    asks = type(pause.NeedToPauseNow)(lambda _: time.thread_time() > end)
    pause.NeedToPauseNow = asks
    bitmap = PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    place = (0, 0, width, height, 0, raw.FPDF_ANNOT)
    state = raw.FPDF_RenderPageBitmap_Start(bitmap, page, *place, pause)
    raw.FPDF_RenderPage_Close(page)
    if state == raw.FPDF_RENDER_DONE:
        if page.formenv:
            raw.FPDF_FFLDraw(page.formenv, bitmap, page, *place)
        return bitmap
    bitmap.close()
    raise InputError(f"takes over {MAX_SECONDS:g} s to draw" if state == raw.FPDF_RENDER_TOBECONTINUED else "cannot be drawn")


def _pages(numbers: list[int]) -> str:
    """ "page 3", "pages 3, 4, 5 and 12 more"."""
    shown, more = ", ".join(map(str, numbers[:3])), len(numbers) - 3
    return f"page{'s'[: len(numbers) > 1]} {shown}" + (f" and {more} more" if more > 0 else "")
