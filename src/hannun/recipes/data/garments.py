"""Labelled pictures of the fashion data and of the drawn catalogue go in; their values in the words of the fashion schema come out.

Colours and types of the data that the schema has no word for are left out, and so are rare ones that nobody tells apart on a photo
(Bronze, Copper and Rust are 갈색 here, Silver and Steel 회색). Patterns are read off product names: only names that say one count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLOURS = {
    "검정": "Black", "하양": "White|Off White", "회색": "Grey|Charcoal|Grey Melange|Silver|Steel", "남색": "Navy Blue",
    "파랑": "Blue|Turquoise Blue", "초록": "Green|Olive|Sea Green|Lime Green|Fluorescent Green|Teal", "노랑": "Yellow|Mustard|Gold",
    "주황": "Orange", "빨강": "Red", "자주": "Maroon|Burgundy", "분홍": "Pink|Magenta|Peach|Rose", "보라": "Purple|Lavender|Mauve",
    "갈색": "Brown|Coffee Brown|Bronze|Copper|Rust|Taupe|Mushroom Brown|Tan", "베이지": "Beige|Cream|Khaki|Nude|Skin",
}  # fmt: skip
TYPES = {
    "티셔츠": "Tshirts", "셔츠": "Shirts", "블라우스": "Tops",
    "스웨터": "Sweaters", "맨투맨": "Sweatshirts",
    "재킷": "Jackets", "쿠르타": "Kurtas|Kurtis|Tunics", "원피스": "Dresses", "치마": "Skirts",
    "청바지": "Jeans", "바지": "Trousers|Capris", "반바지": "Shorts",
    "트레이닝 바지": "Track Pants", "운동화": "Sports Shoes", "스니커즈": "Casual Shoes", "구두": "Formal Shoes", "하이힐": "Heels",
    "플랫슈즈": "Flats", "샌들": "Sandals|Sports Sandals", "슬리퍼": "Flip Flops", "핸드백": "Handbags|Clutches",
    "백팩": "Backpacks|Rucksacks", "지갑": "Wallets", "벨트": "Belts", "손목시계": "Watches", "선글라스": "Sunglasses", "양말": "Socks",
    "모자": "Caps|Hat", "넥타이": "Ties", "속옷": "Innerwear Vests|Briefs|Trunk|Boxers|Bra",
}  # fmt: skip
CLOTHING = {
    "티셔츠": "T-Shirt|Longsleeve|Polo", "셔츠": "Shirt", "블라우스": "Blouse|Top", "맨투맨": "Hoodie", "재킷": "Outwear|Blazer",
    "원피스": "Dress", "치마": "Skirt", "바지": "Pants", "반바지": "Shorts", "구두": "Shoes", "모자": "Hat", "속옷": "Undershirt|Body",
}  # fmt: skip
PATTERNS = {
    "민무늬": ("solid", "plain"), "줄무늬": ("stripe", "striped", "stripes"), "체크": ("check", "checks", "checked", "checkered", "plaid"),
    "프린트": ("printed", "print", "graphic"), "꽃무늬": ("floral", "flower"), "도트": ("polka",),
}  # fmt: skip
DRAWN_COLOURS = {"하늘색": "파랑"}  # of the drawn catalogue, where it says otherwise


def _turned(told: Mapping[str, str]) -> dict[str, str]:
    return {name: value for value, names in told.items() for name in names.split("|")}


_BY_COLOUR, _BY_TYPE, _BY_CLOTHING = _turned(COLOURS), _turned(TYPES), _turned(CLOTHING)


def of_fashion(facts: Mapping[str, Any]) -> dict[str, str]:
    """What the schema says of a product photo: 색, 종류, 무늬, as far as its labels tell."""
    words = [w.strip(".,()'\"").lower() for w in str(facts.get("productDisplayName", "")).split()]
    patterns = [value for value, names in PATTERNS.items() if any(n in words for n in names)]
    told = {
        "색": _BY_COLOUR.get(str(facts.get("baseColour"))),
        "종류": _BY_TYPE.get(str(facts.get("articleType"))),
        "무늬": patterns[0] if len(patterns) == 1 else None,
    }
    return {k: v for k, v in told.items() if v is not None}


def of_drawn(facts: Mapping[str, Any]) -> dict[str, str]:
    """What the schema says of a garment of the drawn catalogue: 색 and 무늬."""
    if "pattern" not in facts:
        return {}
    colour = str(facts["color"])
    return {"색": DRAWN_COLOURS.get(colour, colour), "무늬": str(facts["pattern"])}


def of_clothing(facts: Mapping[str, Any]) -> dict[str, str]:
    """What the schema says of a phone photo of clothes: 종류, in coarser words than product photos (a T-shirt's sleeves do not tell)."""
    value = _BY_CLOTHING.get(str(facts.get("label")))
    return {} if value is None else {"종류": value}
