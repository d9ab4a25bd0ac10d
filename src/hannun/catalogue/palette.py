"""The catalogue's colours and patterns: their values, and how Korean titles and English ones call them."""

from __future__ import annotations

from dataclasses import dataclass

from hannun.catalogue.drawing import RGB


@dataclass(frozen=True)
class Colour:
    """A colour's value, how a Korean title says it, and its English name."""

    rgb: RGB
    adjective: str
    english: str


COLOURS: dict[str, Colour] = {
    "빨강": Colour((212, 38, 46), "빨간", "red"),
    "주황": Colour((243, 128, 36), "주황색", "orange"),
    "노랑": Colour((250, 204, 48), "노란", "yellow"),
    "초록": Colour((48, 142, 78), "초록색", "green"),
    "하늘색": Colour((134, 200, 238), "하늘색", "sky-blue"),
    "파랑": Colour((36, 96, 206), "파란", "blue"),
    "남색": Colour((30, 44, 96), "남색", "navy"),
    "보라": Colour((124, 72, 166), "보라색", "purple"),
    "분홍": Colour((246, 152, 180), "분홍색", "pink"),
    "갈색": Colour((122, 78, 48), "갈색", "brown"),
    "베이지": Colour((222, 200, 168), "베이지색", "beige"),
    "회색": Colour((150, 153, 158), "회색", "grey"),
    "하양": Colour((247, 246, 242), "하얀", "white"),
    "검정": Colour((40, 40, 44), "검은", "black"),
}
PATTERNS: dict[str, str] = {
    "민무늬": "plain",
    "줄무늬": "striped",
    "체크": "checked",
    "도트": "polka-dot",
    "꽃무늬": "floral",
    "별무늬": "star-print",
    "하트무늬": "heart-print",
}
