"""A DocumentRecord goes in; its page comes out as a picture: tables, charts, forms, receipts, slides, maps, web pages, rendered markdown.

Fonts come with the packages (Nanum Gothic in four weights, DejaVu Sans, Serif and Mono, STIX), so the same record gives the same
page on every machine with the same versions. `worn` then makes it look scanned or photographed: turned, blurred, noisy, unevenly
lit, compressed.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import PIL.ImageFont

from hannun.errors import DependencyError
from hannun.evaluate.suites.visual_docs.records import DocumentRecord

Colour = tuple[int, int, int]
PAGE, SLIDE, SLIP = (700, 920), (960, 540), (420, 760)
_INKS: tuple[Colour, ...] = ((28, 32, 44), (24, 60, 120), (120, 30, 40), (20, 90, 70), (88, 48, 120), (150, 84, 10))
_PAPERS: tuple[Colour, ...] = ((255, 255, 255), (253, 251, 243), (246, 248, 252), (250, 244, 234))
_KOREAN = ("NanumGothic.ttf", "NanumGothicBold.ttf", "NanumGothicExtraBold.ttf", "NanumGothicLight.ttf")
_LATIN = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif-Italic.ttf")


@functools.cache
def font_file(name: str) -> Path:
    """Where a font of one of the packages lies. Raises DependencyError."""
    package, inside = ("koreanize_matplotlib", "fonts") if name.startswith("Nanum") else ("matplotlib", "mpl-data/fonts/ttf")
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / inside / name).is_file():
            return Path(place) / inside / name
    raise DependencyError(f"the font {name} is not there; run `pip install koreanize-matplotlib`, which brings it")


@functools.cache
def face(name: str, size: int) -> PIL.ImageFont.FreeTypeFont:
    """A font in a size of pixels."""
    return PIL.ImageFont.truetype(str(font_file(name)), size)


class DocumentSheet:
    """A page being drawn: its colours and fonts, chosen by the record, and where the next line goes."""

    def __init__(self, record: DocumentRecord, size: tuple[int, int]) -> None:
        self.rng = random.Random(f"page/{record.id}/{record.variant}")
        self.ink, self.paper = self.rng.choice(_INKS), self.rng.choice(_PAPERS)
        self.image = PIL.Image.new("RGB", size, self.paper)
        self.draw = PIL.ImageDraw.Draw(self.image)
        self.body_font = self.rng.choice(_KOREAN[:2] + _KOREAN[3:] if record.lang == "ko" else _LATIN[:4])
        self.head_font = self.rng.choice(_KOREAN[1:3] if record.lang == "ko" else _LATIN[4:])
        self.x, self.y, self.width = 48, 48, size[0] - 96
        self.grey: Colour = (110, 114, 122)

    def text(
        self, at: tuple[float, float], words: str, size: int, colour: Colour | None = None, head: bool = False, anchor: str = "la"
    ) -> None:
        """Words at a place, never wrapped."""
        self.draw.text(at, words, fill=colour or (34, 34, 40), font=face(self.head_font if head else self.body_font, size), anchor=anchor)

    def line(self, words: str, size: int = 20, colour: Colour | None = None, head: bool = False, gap: int = 8, indent: int = 0) -> None:
        """Words at the next line, wrapped at spaces."""
        type_ = face(self.head_font if head else self.body_font, size)
        rest = words.split(" ")
        while rest:
            n = len(rest)
            while n > 1 and type_.getlength(" ".join(rest[:n])) > self.width - indent:
                n -= 1
            self.text((self.x + indent, self.y), " ".join(rest[:n]), size, colour, head)
            self.y += round(size * 1.35)
            rest = rest[n:]
        self.y += gap

    def rule(self, colour: Colour | None = None, thick: int = 2) -> None:
        """A line across the page."""
        self.draw.line((self.x, self.y, self.x + self.width, self.y), fill=colour or self.ink, width=thick)
        self.y += 12

    def grid(self, rows: list[tuple[str, str]], heads: tuple[str, str], size: int = 20, lined: bool = True) -> None:
        """Two columns with a head."""
        high = size * 2
        for n, (a, b) in enumerate([heads, *rows]):
            if n == 0:
                self.draw.rectangle((self.x, self.y, self.x + self.width, self.y + high), fill=self.ink)
            elif n % 2 == 0:
                tint: Colour = tuple(max(0, c - 12) for c in self.paper)  # type: ignore[assignment]
                self.draw.rectangle((self.x, self.y, self.x + self.width, self.y + high), fill=tint)
            colour: Colour = (255, 255, 255) if n == 0 else (34, 34, 40)
            self.text((self.x + 14, self.y + high / 2), a, size, colour, n == 0, "lm")
            self.text((self.x + self.width - 14, self.y + high / 2), b, size, colour, n == 0, "rm")
            if lined:
                self.draw.rectangle((self.x, self.y, self.x + self.width, self.y + high), outline=(170, 172, 178))
            self.y += high
        self.y += 20


def number(value: str) -> float:
    """The number in a value."""
    digits = "".join(c for c in value if c.isdigit() or c == ".")
    return float(digits or 0)


def _head(sheet: DocumentSheet, r: DocumentRecord, size: int = 34) -> None:
    sheet.line(r.title, size, sheet.ink, head=True)
    sheet.line(f"{r.place} · {r.when}", 19, sheet.grey)
    sheet.rule()


def _words(r: DocumentRecord, korean: str, english: str) -> str:
    return korean if r.lang == "ko" else english


def table(r: DocumentRecord) -> PIL.Image.Image:
    """A report with a table of two columns."""
    sheet = DocumentSheet(r, PAGE)
    _head(sheet, r)
    sheet.line(_words(r, f"{r.owner}에서 집계한 결과는 다음과 같다.", f"Figures collected by {r.owner}."), 20)
    sheet.grid(list(r.entries), (_words(r, "항목", "item"), _words(r, f"값 ({r.unit})", f"value ({r.unit})")), 22)
    sheet.line(_words(r, "주: 반올림하지 않은 값이다.", "Note: values are not rounded."), 16, sheet.grey)
    _filler(sheet, r)
    return sheet.image


_FILLER = {
    "ko": "이 자료는 정해진 절차에 따라 모은 것으로, 누구나 볼 수 있도록 공개한다. 빠진 값은 없으며, 다음 발표 때까지 고치지 않는다. "
    "내용에 대한 물음은 담당자에게 알려 주기 바란다. 앞선 자료와 견줄 때에는 세는 방법이 달라졌는지 먼저 확인해야 한다.",
    "en": "These figures were gathered by the usual procedure and are open to everyone. No value is missing, and none will be changed "
    "before the next issue. Questions about them are welcome at the desk. When comparing with earlier issues, check first whether the "
    "counting changed.",
}


def _filler(sheet: DocumentSheet, r: DocumentRecord) -> None:
    """Paragraphs that every page of a language shares: they help no search."""
    sheet.y += 16
    sheet.line(_words(r, "자료에 대하여", "About these figures"), 22, sheet.ink, head=True)
    sheet.line(_FILLER[r.lang], 17)


def plot(r: DocumentRecord, size: tuple[int, int], ink: Colour, body: str) -> PIL.Image.Image:
    """A chart of the entries by matplotlib: bars, a line, or a pie."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas
    from matplotlib.font_manager import FontProperties

    rng = random.Random(f"chart/{r.id}/{r.variant}")
    font = FontProperties(fname=str(font_file(body)), size=12)
    canvas = Canvas(figsize=(size[0] / 100, size[1] / 100), dpi=100)
    FigureCanvasAgg(canvas)
    axes = canvas.add_subplot()
    labels, values = [a for a, _ in r.entries], [number(b) for _, b in r.entries]
    colour = tuple(c / 255 for c in ink)
    kind = rng.choice(("bars", "flat bars", "line", "pie"))
    if kind == "pie":
        axes.pie(values, startangle=90)
        axes.legend([f"{a} {b}" for a, b in r.entries], prop=font, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2)
    elif kind == "flat bars":
        bars = axes.barh(labels, values, color=colour)
        axes.bar_label(bars, [b for _, b in r.entries], fontproperties=font, padding=3)
        axes.set_xlim(0, max(values) * 1.3)
    else:
        if kind == "line":
            axes.plot(labels, values, marker="o", color=colour, linewidth=2.5)
        else:
            axes.bar(labels, values, color=colour)
        for x, (v, (_, said)) in enumerate(zip(values, r.entries, strict=True)):
            axes.annotate(said.split(" ")[0], (x, v), ha="center", va="bottom", fontproperties=font)
        axes.set_ylim(0, max(values) * 1.2)
    if kind != "pie":
        for tick in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            tick.set_fontproperties(font)
        axes.tick_params(axis="x", rotation=0 if kind == "flat bars" else 30)
        axes.grid(alpha=0.3, axis="x" if kind == "flat bars" else "y")
    canvas.tight_layout()
    out = io.BytesIO()
    canvas.savefig(out, format="png", metadata={"Software": None})
    return PIL.Image.open(out).convert("RGB").resize(size)


def chart(r: DocumentRecord) -> PIL.Image.Image:
    """A report with a chart."""
    sheet = DocumentSheet(r, PAGE)
    _head(sheet, r)
    sheet.image.paste(plot(r, (sheet.width, 480), sheet.ink, sheet.body_font), (sheet.x, sheet.y))
    sheet.y += 500
    sheet.line(_words(r, f"그림 1. {r.title} (단위: {r.unit})", f"Figure 1. {r.title} (in {r.unit})"), 18, sheet.grey)
    return sheet.image


def form(r: DocumentRecord) -> PIL.Image.Image:
    """A filled-in form with boxes, ticks and a stamp."""
    sheet = DocumentSheet(r, PAGE)
    sheet.text((PAGE[0] / 2, 70), r.title, 34, head=True, anchor="mm")
    sheet.y = 130
    for label, filled in (*r.entries, (_words(r, "주소", "Address"), r.place), (_words(r, "날짜", "Date"), r.when)):
        sheet.draw.rectangle((sheet.x, sheet.y, sheet.x + 170, sheet.y + 56), fill=(232, 234, 240), outline=(90, 94, 104))
        sheet.draw.rectangle((sheet.x + 170, sheet.y, sheet.x + sheet.width, sheet.y + 56), outline=(90, 94, 104))
        sheet.text((sheet.x + 16, sheet.y + 28), label, 20, anchor="lm")
        sheet.text((sheet.x + 190, sheet.y + 28), filled, 22, (30, 50, 140), anchor="lm")
        sheet.y += 56
    sheet.y += 30
    for n, choice in enumerate(
        (_words(r, "개인정보 수집에 동의함", "I agree to the terms"), _words(r, "문자 알림 받기", "Notify me by message"))
    ):
        sheet.draw.rectangle((sheet.x, sheet.y, sheet.x + 24, sheet.y + 24), outline=(60, 60, 70), width=2)
        if n == 0 or sheet.rng.random() < 0.5:
            sheet.draw.line((sheet.x + 4, sheet.y + 12, sheet.x + 11, sheet.y + 20, sheet.x + 22, sheet.y + 2), fill=(30, 50, 140), width=3)
        sheet.text((sheet.x + 36, sheet.y + 12), choice, 19, anchor="lm")
        sheet.y += 44
    sheet.text((PAGE[0] / 2, 820), r.owner, 28, head=True, anchor="mm")
    sheet.draw.ellipse((500, 780, 580, 860), outline=(200, 40, 40), width=5)
    sheet.text((540, 820), _words(r, "접수", "OK"), 24, (200, 40, 40), True, "mm")
    return sheet.image


def receipt(r: DocumentRecord) -> PIL.Image.Image:
    """A till slip."""
    sheet = DocumentSheet(r, SLIP)
    sheet.x, sheet.width = 26, SLIP[0] - 52
    sheet.text((SLIP[0] / 2, 50), r.owner, 30, head=True, anchor="mm")
    sheet.text((SLIP[0] / 2, 92), r.place, 17, sheet.grey, anchor="mm")
    sheet.text((SLIP[0] / 2, 118), f"{r.when}  {sheet.rng.randint(9, 21)}:{sheet.rng.randint(10, 59)}", 17, sheet.grey, anchor="mm")
    sheet.y = 150
    for label, price in r.entries:
        for x in range(sheet.x, sheet.x + sheet.width, 10):
            sheet.draw.line((x, sheet.y, x + 5, sheet.y), fill=(150, 150, 150))
        sheet.text((sheet.x, sheet.y + 24), label, 20, anchor="lm")
        sheet.text((sheet.x + sheet.width, sheet.y + 24), price, 20, anchor="rm")
        sheet.y += 48
    sheet.rule()
    total = sum(number(b) for _, b in r.entries)
    sheet.text((sheet.x, sheet.y + 20), _words(r, "합계", "TOTAL"), 26, head=True, anchor="lm")
    sheet.text((sheet.x + sheet.width, sheet.y + 20), f"{total:,.0f}{r.unit}", 26, head=True, anchor="rm")
    for n in range(60):
        sheet.draw.rectangle((60 + n * 5, 660, 60 + n * 5 + sheet.rng.choice((1, 2, 3)), 710), fill=(20, 20, 20))
    return sheet.image


def slide(r: DocumentRecord) -> PIL.Image.Image:
    """A slide: a band with the title, points on the left, a chart on the right."""
    sheet = DocumentSheet(r, SLIDE)
    sheet.draw.rectangle((0, 0, SLIDE[0], 92), fill=sheet.ink)
    sheet.text((40, 46), r.title, 34, (255, 255, 255), True, "lm")
    sheet.x, sheet.y, sheet.width = 40, 130, 400
    for label, amount in r.entries:
        sheet.draw.ellipse((sheet.x, sheet.y + 8, sheet.x + 10, sheet.y + 18), fill=sheet.ink)
        sheet.line(f"{label}: {amount}", 24, indent=26)
    sheet.image.paste(plot(r, (470, 340), sheet.ink, sheet.body_font), (460, 130))
    sheet.text((40, 510), f"{r.owner} | {r.place} | {r.when}", 16, sheet.grey, anchor="lm")
    return sheet.image


def map_(r: DocumentRecord) -> PIL.Image.Image:
    """A drawn map: blocks, roads, water, numbered pins, and a legend with distances."""
    sheet = DocumentSheet(r, PAGE)
    _head(sheet, r, 30)
    top, high = sheet.y, 470
    sheet.draw.rectangle((sheet.x, top, sheet.x + sheet.width, top + high), fill=(232, 238, 226))
    shore = [(sheet.x + sheet.width * k / 12, top + high * (0.72 + 0.08 * math.sin(k + sheet.rng.random()))) for k in range(13)]
    sheet.draw.polygon([*shore, (sheet.x + sheet.width, top + high), (sheet.x, top + high)], fill=(176, 208, 236))
    for _ in range(5):
        a, b = sheet.rng.random(), sheet.rng.random()
        ends = ((sheet.x, top + high * a * 0.7), (sheet.x + sheet.width, top + high * b * 0.7))
        across = ((sheet.x + sheet.width * a, top), (sheet.x + sheet.width * b, top + high * 0.7))
        for way in (ends, across):
            sheet.draw.line(way, fill=(255, 255, 255), width=14)
            sheet.draw.line(way, fill=(214, 206, 190), width=1)
    for n, (label, _) in enumerate(r.entries, start=1):
        x = sheet.x + 40 + (sheet.width - 110) * ((n * 0.37 + sheet.rng.random() * 0.2) % 1)
        y = top + 40 + (high * 0.6) * ((n * 0.23 + sheet.rng.random() * 0.2) % 1)
        sheet.draw.ellipse((x - 15, y - 15, x + 15, y + 15), fill=(214, 60, 50))
        sheet.text((x, y), str(n), 18, (255, 255, 255), True, "mm")
        sheet.text((x + 20, y), label, 16, anchor="lm")
    sheet.y = top + high + 14
    for n, (label, far) in enumerate(r.entries, start=1):
        sheet.text((sheet.x + (n - 1) % 2 * 300, sheet.y + (n - 1) // 2 * 34), f"{n}. {label} {far}", 20)
    return sheet.image


def web(r: DocumentRecord) -> PIL.Image.Image:
    """A shop's page in a browser: bar, navigation, cards with prices."""
    sheet = DocumentSheet(r, PAGE)
    sheet.draw.rectangle((0, 0, PAGE[0], 54), fill=(222, 225, 230))
    for n, dot in enumerate(((236, 106, 94), (244, 190, 80), (98, 197, 84))):
        sheet.draw.ellipse((18 + n * 24, 20, 32 + n * 24, 34), fill=dot)
    sheet.draw.rounded_rectangle((110, 12, PAGE[0] - 20, 42), 12, fill=(255, 255, 255))
    sheet.text((126, 27), f"https://shop.example/{r.topic}", 15, sheet.grey, anchor="lm")
    sheet.draw.rectangle((0, 54, PAGE[0], 120), fill=sheet.ink)
    sheet.text((40, 87), r.owner, 28, (255, 255, 255), True, "lm")
    sheet.text((PAGE[0] - 40, 87), _words(r, "홈  상품  문의", "Home  Shop  Contact"), 16, (230, 230, 235), anchor="rm")
    sheet.y = 144
    sheet.line(r.title, 28, head=True)
    sheet.line(f"{r.place} · {_words(r, '최종 수정', 'updated')} {r.when}", 16, sheet.grey)
    for n, (label, price) in enumerate(r.entries):
        x, y = sheet.x + n % 2 * 310, sheet.y + n // 2 * 200
        tint: Colour = tuple(sheet.rng.randint(170, 235) for _ in range(3))  # type: ignore[assignment]
        sheet.draw.rounded_rectangle((x, y, x + 294, y + 184), 10, fill=(255, 255, 255), outline=(205, 208, 214))
        sheet.draw.rounded_rectangle((x + 10, y + 10, x + 284, y + 110), 8, fill=tint)
        sheet.text((x + 16, y + 132), label, 20, anchor="lm")
        sheet.text((x + 16, y + 162), price, 20, sheet.ink, True, "lm")
    return sheet.image


def source(r: DocumentRecord) -> str:
    """The record as markdown, as it would stand in a repository."""
    rows = "\n".join(f"| {a} | {b} |" for a, b in r.entries)
    points = "\n".join(f"- **{a}**: {b}" for a, b in r.entries[:2])
    note = _words(r, f"{r.place}에서 {r.when}에 기록함.", f"Recorded in {r.place} on {r.when}.")
    heads = _words(r, "| 항목 | 값 |", "| item | value |")
    summary, data = _words(r, "요약", "Summary"), _words(r, "자료", "Data")
    code = f"```\nowner = {r.owner!r}\ncount = {len(r.entries)}\n```"
    return f"# {r.title}\n\n> {note}\n\n## {summary}\n\n{points}\n\n## {data}\n\n{heads}\n|---|---|\n{rows}\n\n{code}\n"


def markdown(r: DocumentRecord) -> PIL.Image.Image:
    """The markdown source parsed (markdown-it) and set: headings, quote, list, table, code."""
    from markdown_it import MarkdownIt

    sheet = DocumentSheet(r, PAGE)
    cells: list[list[str]] = []
    within: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(source(r)):
        kind = token.type
        if kind.endswith("_open"):
            within.append(token.tag)
            if token.tag == "tr":
                cells.append([])
        elif kind.endswith("_close"):
            within.pop()
            if token.tag == "table":
                sheet.grid([(c[0], c[1]) for c in cells[1:]], (cells[0][0], cells[0][1]), 19)
        elif kind == "inline":
            words = token.content.replace("**", "")
            if "table" in within:
                cells[-1].append(words)
            elif within[-1] in ("h1", "h2"):
                sheet.line(words, 32 if within[-1] == "h1" else 25, sheet.ink, head=True)
                if within[-1] == "h1":
                    sheet.rule((205, 208, 214), 1)
            elif "blockquote" in within:
                sheet.draw.rectangle((sheet.x, sheet.y, sheet.x + 6, sheet.y + 30), fill=(190, 194, 202))
                sheet.line(words, 19, sheet.grey, indent=20)
            elif "li" in within:
                sheet.draw.ellipse((sheet.x + 6, sheet.y + 10, sheet.x + 14, sheet.y + 18), fill=(60, 60, 66))
                sheet.line(words, 20, indent=28)
            else:
                sheet.line(words, 20)
        elif kind == "fence":
            rows = token.content.rstrip("\n").split("\n")
            sheet.draw.rounded_rectangle((sheet.x, sheet.y, sheet.x + sheet.width, sheet.y + 24 + 26 * len(rows)), 8, fill=(240, 242, 245))
            sheet.y += 12
            for row in rows:
                sheet.line(row, 18, (70, 74, 84), gap=0, indent=16)
    _filler(sheet, r)
    return sheet.image


DRAWERS: dict[str, Callable[[DocumentRecord], PIL.Image.Image]] = {
    "table": table, "chart": chart, "form": form, "receipt": receipt, "slide": slide, "map": map_, "web": web, "markdown": markdown,
}  # fmt: skip


def worn(page: PIL.Image.Image, rng: random.Random) -> bytes:
    """The page as a JPEG: as it was (a third of all), scanned (a little turned, grey noise), or photographed (light from a side, blur)."""
    way = rng.choice(("clean", "scanned", "photographed"))
    if way != "clean":
        turn = rng.uniform(-1.2, 1.2) if way == "scanned" else rng.uniform(-4, 4)
        page = page.rotate(
            turn, PIL.Image.Resampling.BICUBIC, expand=True, fillcolor=(196, 190, 180) if way == "photographed" else (255, 255, 255)
        )
        pixels = np.asarray(page, np.float64)
        noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 5 if way == "scanned" else 8, (*pixels.shape[:2], 1))
        if way == "photographed":
            ramp = np.linspace(rng.uniform(0.72, 0.9), 1.04, pixels.shape[1])[None, :, None]
            pixels = pixels * (ramp if rng.random() < 0.5 else ramp[:, ::-1])
        page = PIL.Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
        if way == "photographed":
            page = page.filter(PIL.ImageFilter.GaussianBlur(rng.uniform(0.4, 1.0)))
    out = io.BytesIO()
    page.save(out, "JPEG", quality=rng.randint(72, 92) if way == "clean" else rng.randint(45, 75))
    return out.getvalue()


def page(r: DocumentRecord) -> bytes:
    """The whole page of a record, worn, as JPEG."""
    return worn(DRAWERS[r.kind](r), random.Random(f"worn/{r.id}/{r.variant}"))
