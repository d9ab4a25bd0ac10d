"""Hits, problems and counts go in; tables on the terminal and self-contained HTML pages come out."""

from __future__ import annotations

import base64
import html as escape
import io
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, final

import PIL.Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text as Styled

from hannun.collection import Collection
from hannun.encode import Done
from hannun.errors import HannunError, MissingError
from hannun.files import write_whole
from hannun.item import Image, Problem
from hannun.search.hits import Hit, Why

THUMBNAIL = 240  # pixels
_SHOWN = 20  # problems listed one by one
_RECENT = 10.0  # seconds of making, at least, that the rate and the time left are of
_WIDE = 100_000  # columns


@dataclass(frozen=True)
class Section:
    """One query of a gallery: its heading, its picture if it had one, and what was found."""

    heading: str
    picture: Path | None
    hits: Sequence[Hit]


@final
class Pace:
    """How fast things are made: those of the last seconds of making, without what was skipped and the time that only skipping took."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, clock()
        self._recent: deque[tuple[float, int]] = deque()  # seconds, and how many were made in them

    def told(self, done: int) -> None:
        """So many more are done; a `Done` says how many of them were skipped."""
        now = self._clock()
        took, self._last = now - self._last, now
        made = done - (done.skipped if isinstance(done, Done) else 0)
        if made <= 0:
            return
        self._recent.append((took, made))
        while sum(s for s, _ in self._recent) - self._recent[0][0] >= _RECENT:
            self._recent.popleft()

    @property
    def rate(self) -> float | None:
        """Made per second; None as long as nothing was."""
        seconds = sum(s for s, _ in self._recent)
        return sum(n for _, n in self._recent) / seconds if seconds > 0 else None

    def left(self, waiting: float) -> float | None:
        """Seconds until so many are done, if none of them is skipped; None as long as there is no rate."""
        return 0.0 if waiting <= 0 else waiting / self.rate if self.rate else None


@final
class _Rate(ProgressColumn):
    """Things made per second."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def render(self, task: Task) -> Styled:
        rate = self._pace.rate
        return Styled(f"{rate:,.0f}/s" if rate else "", style="progress.data.speed")


@final
class _Left(ProgressColumn):
    """Hours, minutes and seconds until all is done."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def render(self, task: Task) -> Styled:
        left = None if task.total is None else self._pace.left(task.total - task.completed)
        return Styled("-:--:--" if left is None else str(timedelta(seconds=round(left))), style="progress.remaining")


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error with count, rate and time left; the value is called with how many more are done (a `Done`, where some
    were skipped: these are in the count, and in neither of the others)."""
    pace = Pace()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(pace),
        TimeElapsedColumn(),
        TextColumn("left"),
        _Left(pace),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total or None)

        def advance(done: int) -> None:
            pace.told(done)
            bar.advance(task, done)

        yield advance


def terminal() -> Console:
    """Standard output; where it is no terminal but a file or a pipe, so wide that no title is shortened and no path broken."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def title(hit: Hit) -> str:
    """What to call an item in a table: its `title` fact, the first line of its text, or its picture's name."""
    facts = hit.item.facts
    given = facts.get("title") or (hit.item.text or "").split("\n")[0]
    if given and facts.get("pages") and facts.get("page"):
        return f"{given} · {facts['page']}/{facts['pages']}"
    return str(given or (Path(str(hit.item.images[0])).stem if hit.item.images else hit.id))


def table(heading: str, hits: Sequence[Hit], offset: int = 0) -> None:
    """Rank, score, title and path of each hit on standard output."""
    console = terminal()
    if not hits:
        console.print(f"{heading}: nothing found", markup=False)
        return
    grid = Table(title=Styled(heading), title_justify="left")
    grid.add_column("#", justify="right")
    grid.add_column("score", justify="right")
    grid.add_column("fits", justify="right")
    grid.add_column("title", max_width=48 if console.is_terminal else None, overflow="ellipsis", no_wrap=True)
    grid.add_column("path", overflow="fold")
    here = Path.cwd()
    for rank, hit in enumerate(hits, start=offset + 1):
        path = place(hit)
        near = path.removeprefix(f"{here}/")
        name = title(hit) + (f" (+{len(hit.also)})" if hit.also else "")
        grid.add_row(str(rank), f"{hit.score:.3f}", "" if hit.relevance is None else f"{hit.relevance:.0%}", Styled(name), Styled(near))
        if hit.why is not None:
            grid.add_row("", "", "", Styled(reasons(hit.why), style="dim"), "")
    console.print(grid)


def meant(proposals: Sequence[str]) -> None:
    """What words may have meant that no text has, on standard error."""
    Console(stderr=True).print(f"혹시 · did you mean {' or '.join(proposals[:3])}?", markup=False, highlight=False, soft_wrap=True)


def place(hit: Hit) -> str:
    """Where what was found lies: its picture's file, or its id where the collection keeps it (a page of a PDF, a scene of a video)."""
    picture = hit.item.images[0].source if hit.item.images else None
    kept = picture is None or isinstance(picture, bytes) or any(mark in hit.id for mark in ("#page-", "#t="))
    return hit.id if kept else str(hit.item.images[0])


def nothing_fits(words: str, meant: Sequence[str]) -> None:
    """That nothing is related to the words, and what they may have meant, on standard error."""
    other = f"; 혹시 · did you mean {' or '.join(meant)}? search for it" if meant else ""
    Console(stderr=True).print(f"nothing fits {words[:80]!r}{other}", markup=False, highlight=False, soft_wrap=True)


def none_meets(where: str) -> None:
    """That a condition holds for no item at all, whatever the query, on standard error."""
    remedy = "see a fact's values with `hannun facets FACT --in COLLECTION`"
    Console(stderr=True).print(f"no item meets --where {where[:200]!r}; {remedy}", markup=False, highlight=False, soft_wrap=True)


def reasons(why: Why) -> str:
    """What a score was made of, on one line."""
    said = [f"{part} {score:.3f}" for part, score in why.parts.items()]
    said += [f"{word} +{score:.1f}" for word, score in why.terms]
    said += [f"picture {why.picture + 1}"] if why.picture is not None else []
    said += [f"rank {why.rank}"] if why.rank else []
    return " · ".join([*said, *([why.note] if why.note else [])])


def problems(found: Sequence[Problem]) -> None:
    """What could not be read and why, on standard error."""
    if not found:
        return
    console = Console(stderr=True)
    console.print(f"{len(found)} could not be read:")
    for problem in found[:_SHOWN]:
        console.print(Styled(f"  {problem.where}: {problem.reason}"), soft_wrap=True)
    if len(found) > _SHOWN:
        console.print(f"  … and {len(found) - _SHOWN} more")


def advice(opened: Collection) -> None:
    """What would better a collection, on standard error; nothing where nothing would."""
    if opened.advice:
        Console(stderr=True).print(Styled(opened.advice), soft_wrap=True)


def plain(hit: Hit) -> dict[str, Any]:
    """A hit as JSON values; its group, what stands behind it there, and the reasons, where they were asked for."""
    told: dict[str, Any] = {
        "id": hit.id,
        "score": round(hit.score, 6),
        "relevance": None if hit.relevance is None else round(hit.relevance, 4),
        "text": hit.item.text,
        "images": [str(p) for p in hit.item.images],
        "facts": dict(hit.item.facts),
    }
    if hit.group is not None:
        told |= {"group": hit.group, "also": [plain(h) for h in hit.also]}
    return told | ({"explain": hit.why.to_json()} if hit.why is not None else {})


def gallery(target: Path, heading: str, sections: Sequence[Section], foot: str = "") -> None:
    """Write one HTML page with everything in it: no file and no network is needed to look at it."""
    if not target.parent.is_dir():
        raise MissingError(f"{target}: there is no folder {target.parent}; make it, or write elsewhere")
    body = "".join(_section(s) for s in sections)
    note = f"<footer>{foot}</footer>" if foot else ""
    page = _PAGE.replace("{title}", escape.escape(heading)).replace("{body}", body + note)
    write_whole(target, page.encode())


def _section(section: Section) -> str:
    asked = f'<img class="asked" src="{_data(Image(section.picture))}" alt="">' if section.picture else ""
    cards = "".join(_card(rank, hit) for rank, hit in enumerate(section.hits, start=1)) or "<p>결과 없음 · nothing found</p>"
    return f"<section><h2>{asked}{escape.escape(section.heading)}</h2><div class=grid>{cards}</div></section>"


def _card(rank: int, hit: Hit) -> str:
    name = escape.escape(title(hit))
    picture = (
        f'<img src="{_data(hit.item.images[0])}" alt="{name}" loading="lazy">'
        if hit.item.images
        else f"<blockquote>{escape.escape((hit.item.text or '')[:200])}</blockquote>"
    )
    facts = " · ".join(escape.escape(str(v)) for k, v in hit.item.facts.items() if k in ("category", "color", "pattern", "price"))
    return f"<figure>{picture}<figcaption><b>{rank}. {name}</b><small>{facts}</small><span>{hit.score:.3f}</span></figcaption></figure>"


def _data(image: Image) -> str:
    try:
        picture = image.load(THUMBNAIL)
    except HannunError:
        picture = PIL.Image.new("RGB", (THUMBNAIL, THUMBNAIL), "lightgrey")  # gone since it was indexed; its facts still show
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


_PAGE = """<!doctype html><html lang=ko><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<title>{title}</title><style>
:root{color-scheme:light dark;--ink:#1c1c1e;--soft:#6b6b70;--paper:#faf9f7;--card:#fff;--line:#e6e3de}
@media(prefers-color-scheme:dark){:root{--ink:#f1efec;--soft:#a5a29c;--paper:#161514;--card:#211f1e;--line:#37332f}}
body{font:16px/1.5 "Apple SD Gothic Neo","Noto Sans KR","Malgun Gothic",NanumGothic,system-ui,sans-serif;
color:var(--ink);background:var(--paper);
margin:0 auto;max-width:76rem;padding:1.5rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2.2rem 0 .8rem;display:flex;gap:.8rem;align-items:center}
.asked{height:4.5rem;border-radius:.5rem;border:1px solid var(--line)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:.9rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:.7rem;overflow:hidden;display:flex;flex-direction:column}
figure img{width:100%;aspect-ratio:1;object-fit:contain;background:#fff}blockquote{margin:1rem;font-size:.9rem}
figcaption{padding:.55rem .7rem;font-size:.86rem;display:grid;grid-template-columns:1fr auto;gap:.1rem .5rem;margin-top:auto}
figcaption b{grid-column:1/-1;font-weight:600}small,span,footer{color:var(--soft)}footer{margin:2.5rem 0 1rem;font-size:.9rem}
code{background:var(--card);border:1px solid var(--line);border-radius:.3rem;padding:.1rem .35rem}
</style><h1>{title}</h1>{body}</html>"""
