"""A picture goes in; it comes out with a watermark drawn over it, or with a sign in it that is none.

Marks are what stock agencies, estate agents, shops and blogs lay over pictures: words and logos, half transparent. A sign (`sign`) stands
in the picture itself, opaque and askew: what has words in it is not marked.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import PIL.ImageFilter
import PIL.ImageFont

KINDS = ("text", "logo", "tiled", "corner", "band")
STRONGER = ("outline", "emboss", "dark", "lines", "strip", "stamp")  # besides, to train on
LAYOUTS = ("text", "tiled", "corner", "band")
WEIGHTS = ("", "Bold", "ExtraBold")
LATIN = (
    "sample", "photo123", "stockhouse", "rumahku", "PROPERTY24", "www.myshop.com", "© Kim Studio", "imagebank", "preview", "HOME & GARDEN",
    "realtor88", "pixbay", "do not copy", "blog.photo/j", "century", "Studio M", "estate365", "@daily_look", "DEMO", "fotolia9",
)  # fmt: skip
KOREAN = (
    "무단전재 금지", "한눈포토", "샘플", "사진나라", "네이버 블로그", "쇼핑몰 이름", "도용금지", "부동산114식", "출처 표기", "행복한집",
    "김작가 스튜디오",
    "포토뱅크", "저작권 보호", "오늘의 집", "다이어리", "꽃집 아가씨", "무단복제 금지", "카페 라온", "상품촬영", "우리동네",
)  # fmt: skip


@cache
def _font(size: int, weight: str = "") -> PIL.ImageFont.FreeTypeFont:
    import koreanize_matplotlib

    return PIL.ImageFont.truetype(str(Path(koreanize_matplotlib.__file__).parent / "fonts" / f"NanumGothic{weight}.ttf"), size)


def draw(picture: PIL.Image.Image, rng: np.random.Generator, kind: str | None = None) -> PIL.Image.Image:
    """The picture with one watermark of the kind (a random one of KINDS by default) drawn over it, half transparent."""
    kind = kind or str(rng.choice(KINDS))
    text = str(rng.choice(LATIN if rng.random() < 0.6 else KOREAN))
    if kind in ("strip", "stamp"):
        layer = (_strip if kind == "strip" else _stamp)(picture.size, text, rng)
        return PIL.Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")
    mark = _mark(text, rng, logo=kind == "logo" or rng.random() < 0.3)
    if kind in STRONGER:
        mark = _turned(mark, kind, rng)
        if kind == "lines":
            picture = PIL.Image.alpha_composite(picture.convert("RGBA"), _lines(picture.size, rng))
        kind = str(rng.choice(LAYOUTS))
    opacity = float(rng.uniform(0.25, 0.75) if kind != "corner" else rng.uniform(0.5, 1.0))
    return PIL.Image.alpha_composite(picture.convert("RGBA"), _laid(picture.size, mark, kind, opacity, rng)).convert("RGB")


def _laid(size: tuple[int, int], mark: PIL.Image.Image, kind: str, opacity: float, rng: np.random.Generator) -> PIL.Image.Image:
    """The mark at its place, or places, on a transparent layer of the picture's size."""
    width, height = size
    share = {"text": (0.3, 0.7), "logo": (0.25, 0.6), "tiled": (0.15, 0.3), "corner": (0.15, 0.35), "band": (0.5, 0.95)}[kind]
    wanted = width * float(rng.uniform(*share))
    scale = wanted / mark.width
    mark = mark.resize((max(8, round(wanted)), max(4, round(mark.height * scale))), PIL.Image.Resampling.LANCZOS)
    if kind in ("text", "tiled") and rng.random() < (0.3 if kind == "text" else 0.8):
        mark = mark.rotate(float(rng.uniform(-45, 45)), expand=True, resample=PIL.Image.Resampling.BICUBIC)
    mark.putalpha(mark.getchannel("A").point(lambda a: round(a * opacity)))
    layer = PIL.Image.new("RGBA", size, (0, 0, 0, 0))
    if kind == "tiled":
        dx, dy = mark.width + width // 12, mark.height + height // 10
        for row, y in enumerate(range(-dy // 2, height, dy)):
            for x in range(-(row % 2) * dx // 2, width, dx):
                layer.alpha_composite(mark, (max(0, x), max(0, y)))
    else:
        free = (max(0, width - mark.width), max(0, height - mark.height))
        edge = width // 40
        if kind == "corner":
            x, y = (
                int(rng.choice((min(edge, free[0]), max(0, free[0] - edge)))),
                int(rng.choice((min(edge, free[1]), max(0, free[1] - edge)))),
            )
        else:
            spread = 0.06 if rng.random() < 0.7 else 0.5
            x = round(free[0] * min(1, max(0, 0.5 + float(rng.uniform(-spread, spread)))))
            y = round(free[1] * min(1, max(0, 0.5 + float(rng.uniform(-spread, spread)))))
        layer.paste(mark, (x, y))
    return layer


def _turned(mark: PIL.Image.Image, kind: str, rng: np.random.Generator) -> PIL.Image.Image:
    """A mark as its outline alone, as if pressed into the picture, or dark; others as they are."""
    ink = mark.getchannel("A")
    if kind == "outline":
        mark.putalpha(PIL.ImageChops.subtract(ink.filter(PIL.ImageFilter.MaxFilter(5)), ink))
    elif kind == "dark":
        shade = PIL.Image.new("RGBA", mark.size, (*(int(c) for c in rng.integers(0, 90, 3)), 0))
        shade.putalpha(ink)
        return shade
    elif kind == "emboss":
        pressed = PIL.Image.new("RGBA", mark.size, (128, 128, 128, 0))
        for grey, step in ((0, 3), (255, -3)):
            edge = PIL.ImageChops.subtract(PIL.ImageChops.offset(ink, step, step), ink)
            side = PIL.Image.new("RGBA", mark.size, (grey, grey, grey, 0))
            side.putalpha(edge)
            pressed.alpha_composite(side)
        return pressed
    return mark


def _lines(size: tuple[int, int], rng: np.random.Generator) -> PIL.Image.Image:
    """Thin lines from corner to corner, or a lattice of them."""
    layer = PIL.Image.new("RGBA", size, (0, 0, 0, 0))
    pen, (width, height) = PIL.ImageDraw.Draw(layer), size
    white = (255, 255, 255, int(rng.integers(60, 150)))
    thick = int(rng.integers(1, 4))
    pen.line((0, 0, width, height), fill=white, width=thick)
    pen.line((0, height, width, 0), fill=white, width=thick)
    if rng.random() < 0.5:
        for x in range(-height, width, max(width, height) // int(rng.integers(3, 7))):
            pen.line((x, 0, x + height, height), fill=white, width=thick)
            pen.line((x, height, x + height, 0), fill=white, width=thick)
    return layer


def _strip(size: tuple[int, int], text: str, rng: np.random.Generator) -> PIL.Image.Image:
    """A half transparent bar from side to side with the text in it: at the foot mostly, in the middle or at the head."""
    layer = PIL.Image.new("RGBA", size, (0, 0, 0, 0))
    pen, (width, height) = PIL.ImageDraw.Draw(layer), size
    tall = max(10, round(height * float(rng.uniform(0.06, 0.16))))
    top = (height - tall, (height - tall) // 2, 0)[int(rng.choice(3, p=(0.6, 0.25, 0.15)))]
    dark = rng.random() < 0.6
    ground, ink = ((0, 0, 0), (255, 255, 255)) if dark else ((255, 255, 255), (40, 40, 40))
    pen.rectangle((0, top, width, top + tall), fill=(*ground, int(rng.integers(50, 170))))
    font = _font(max(8, round(tall * 0.6)), str(rng.choice(WEIGHTS)))
    room = width - pen.textlength(text, font)
    x = float(rng.uniform(0.02, 0.98)) * room if room > 0 else 0.0
    pen.text((x, top + tall / 2), text, font=font, fill=(*ink, int(rng.integers(150, 256))), anchor="lm")
    return layer


def _stamp(size: tuple[int, int], text: str, rng: np.random.Generator) -> PIL.Image.Image:
    """A ring with the text across it, somewhere near the middle or a corner."""
    side = 256
    stamp = PIL.Image.new("RGBA", (side, side), (255, 255, 255, 0))
    pen = PIL.ImageDraw.Draw(stamp)
    colour = (255, 255, 255) if rng.random() < 0.6 else tuple(int(c) for c in rng.integers(0, 256, 3))
    thick = int(rng.integers(4, 14))
    pen.ellipse((4, 4, side - 4, side - 4), outline=(*colour, 255), width=thick)
    if rng.random() < 0.5:
        pen.ellipse((24, 24, side - 24, side - 24), outline=(*colour, 255), width=max(2, thick // 2))
    font = _font(max(20, min(64, round(300 / max(4, len(text))))), "Bold")
    pen.text((side / 2, side / 2), text, font=font, fill=(*colour, 255), anchor="mm")
    opacity = float(rng.uniform(0.3, 0.85))
    stamp.putalpha(stamp.getchannel("A").point(lambda a: round(a * opacity)))
    wide = max(24, round(min(size) * float(rng.uniform(0.2, 0.55))))
    stamp = stamp.rotate(float(rng.uniform(-30, 30)), resample=PIL.Image.Resampling.BICUBIC).resize(
        (wide, wide), PIL.Image.Resampling.LANCZOS
    )
    layer = PIL.Image.new("RGBA", size, (0, 0, 0, 0))
    x, y = (round(float(rng.random()) * max(0, side - wide)) for side in size)
    layer.paste(stamp, (x, y))
    return layer


def sign(picture: PIL.Image.Image, rng: np.random.Generator) -> PIL.Image.Image:
    """The picture with a sign in it: words on a ground of their own, opaque, a little askew. It is no watermark."""
    text = str(rng.choice(LATIN if rng.random() < 0.5 else KOREAN))
    font = _font(48, str(rng.choice(WEIGHTS)))
    left, top, right, bottom = font.getbbox(text)
    ground = tuple(int(c) for c in rng.integers(0, 256, 3))
    ink = (20, 20, 20) if sum(ground) > 384 else (245, 245, 245)
    plate = PIL.Image.new("RGBA", (int(right - left) + 48, int(bottom - top) + 40), (*ground, 255))
    PIL.ImageDraw.Draw(plate).text((24 - left, 20 - top), text, font=font, fill=(*ink, 255))
    wide = max(16, round(picture.width * float(rng.uniform(0.12, 0.45))))
    plate = plate.resize((wide, max(8, round(plate.height * wide / plate.width))), PIL.Image.Resampling.LANCZOS)
    plate = plate.rotate(float(rng.uniform(-20, 20)), expand=True, resample=PIL.Image.Resampling.BICUBIC)
    out = picture.convert("RGBA")
    layer = PIL.Image.new("RGBA", out.size, (0, 0, 0, 0))
    x, y = (round(float(rng.random()) * max(0, a - b)) for a, b in zip(out.size, plate.size, strict=True))
    layer.paste(plate, (x, y))
    return PIL.Image.alpha_composite(out, layer).convert("RGB")


def _mark(text: str, rng: np.random.Generator, logo: bool) -> PIL.Image.Image:
    """Text, with a drawn logo before it perhaps, on a transparent ground."""
    colour = (255, 255, 255) if rng.random() < 0.75 else tuple(int(c) for c in rng.integers(0, 256, 3))
    font = _font(64, str(rng.choice(WEIGHTS)))
    left, top, right, bottom = font.getbbox(text)
    gap = 84 if logo else 0
    mark = PIL.Image.new("RGBA", (int(right - left) + gap + 16, int(bottom - top) + 24), (*colour, 0))
    pen = PIL.ImageDraw.Draw(mark)
    if rng.random() < 0.4:
        pen.text((gap + 10 - left, 14 - top), text, font=font, fill=(0, 0, 0, 160))
    pen.text((gap + 8 - left, 12 - top), text, font=font, fill=(*colour, 255))
    if logo:
        middle, radius = (40, mark.height / 2), min(34.0, mark.height / 2 - 2)
        shape = int(rng.integers(0, 4))
        if shape == 0:
            pen.ellipse((middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), outline=(*colour, 255), width=9)
        elif shape == 1:
            pen.regular_polygon((middle[0], middle[1], radius), int(rng.integers(3, 7)), fill=(*colour, 255))
        elif shape == 2:
            pen.rounded_rectangle(
                (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), 8, outline=(*colour, 255), width=8
            )
        else:  # a pin, as maps and estate agents have it
            pen.polygon(
                [(middle[0] - radius * 0.7, middle[1]), (middle[0] + radius * 0.7, middle[1]), (middle[0], middle[1] + radius)],
                fill=(*colour, 255),
            )
            pen.ellipse(
                (middle[0] - radius * 0.75, middle[1] - radius, middle[0] + radius * 0.75, middle[1] + radius * 0.4),
                outline=(*colour, 255),
                width=10,
            )
    return mark
