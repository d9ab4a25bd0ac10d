"""Labelled pictures go in; for each picture the Korean and English sentences that describe it come out.

A sentence carries the words it *requires*; a picture carries all words that are *true* of it. Where a picture of the batch
satisfies another one's sentence it is a false negative, and the loss ignores it.
"""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hannun.catalogue import COLOURS, PATTERNS
from hannun.datasets.pictures import HERE, Picture, korean_held_out


@dataclass(frozen=True)
class Sentence:
    """A description: its language, the words a picture must have to satisfy it (none: only its own does), a false twin or ""."""

    text: str
    korean: bool
    requires: frozenset[str] = frozenset()
    negative: str = ""


@dataclass(frozen=True)
class Described:
    """A picture's key and source, its sentences, and the words true of it."""

    key: str
    source: str
    sentences: tuple[Sentence, ...]
    true: frozenset[str]


@functools.cache
def table(name: str) -> Any:
    """A committed JSON table of this folder."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@functools.cache
def dictionary() -> dict[str, tuple[str, ...]]:
    """English word or phrase (lower case) → Korean words, from words.tsv."""
    out: dict[str, tuple[str, ...]] = {}
    for line in (HERE / "words.tsv").read_text(encoding="utf-8").splitlines():
        english, _, korean = line.partition("\t")
        if korean:
            for e in english.split("|"):
                out[e.strip().lower()] = tuple(k.strip() for k in korean.split("|"))
    return out


@functools.cache
def translations() -> dict[str, tuple[tuple[str, int], ...]]:
    """Flickr8k id → our own Korean translations of its captions, each with that caption's number: training pictures only."""
    held, out = korean_held_out(), dict[str, tuple[tuple[str, int], ...]]()
    for line in (HERE / "flickr8k_ko.tsv").read_text(encoding="utf-8").splitlines():
        key, korean, number = line.split("\t")
        if key not in held:
            out[key] = (*out.get(key, ()), (korean, int(number or 0)))
    return out


_COLOURS_EN = ("red", "blue", "green", "yellow", "black", "white", "brown", "orange", "pink", "purple", "grey")
_COLOURS_KO = ("빨간", "파란", "초록색", "노란", "검은", "하얀", "갈색", "주황색", "분홍색", "보라색", "회색")
_GROUPS: tuple[tuple[str, ...], ...] = (
    _COLOURS_EN, ("one", "two", "three", "four", "five"), ("man", "woman"), ("boy", "girl"), ("men", "women"), ("boys", "girls"),
    ("dog", "cat", "horse"), ("beach", "mountain", "street", "field"), ("running", "sitting", "standing", "sleeping"),
    ("bike", "skateboard", "surfboard", "snowboard"), ("ball", "frisbee", "stick"), ("grass", "snow", "water", "sand"),
    ("left", "right"), ("shirt", "jacket", "dress", "hat"),
    _COLOURS_KO, ("한", "두", "세", "네"), ("남자가", "여자가"), ("소년이", "소녀가"), ("남자", "여자"), ("소년", "소녀"),
    ("개가", "고양이가", "말이"),
    ("해변에서", "산에서", "거리에서", "들판에서"), ("달리고", "앉아", "서", "자고"), ("공을", "원반을", "막대기를"),
    ("잔디", "눈", "물", "모래"),
)  # fmt: skip
_SWAPS = {w: group for group in _GROUPS for w in group}


def swapped(text: str, rng: random.Random) -> str:
    """The sentence with one colour, count, sex, object or place exchanged: what a picture of the original does not show; or ""."""
    words = text.split()
    places = [i for i, w in enumerate(words) if w.lower() in _SWAPS]
    if not places:
        return ""
    at = rng.choice(places)
    words[at] = rng.choice([w for w in _SWAPS[words[at].lower()] if w != words[at].lower()])
    return " ".join(words)


def clean(caption: str) -> str:
    """A Flickr caption without its tokeniser's spaces before punctuation."""
    return re.sub(r"\s+([.,!?'])", r"\1", caption.strip())


def _flickr8k(p: Picture) -> tuple[list[Sentence], set[str]]:
    rng = random.Random(p.key)
    out = [Sentence(t, False, negative=swapped(t, rng)) for t in map(clean, p.facts["captions"])]
    own = translations().get(p.key.partition("/")[2], ())
    korean = [*p.facts.get("captions_ko", ()), *(text for text, _ in own)]
    out += [Sentence(t, True, negative=swapped(t, rng)) for t in dict.fromkeys(korean)]
    return out, set()


def pattern_of(name: str) -> list[str]:
    """The patterns and materials that a product's name mentions, as keys of fashion_words.json."""
    low = name.lower().replace("stripes", "stripe").replace("checks", "check").replace("flower", "floral")
    return [k for k in table("fashion_words.json")["patterns"] if re.search(rf"\b{k}", low)]


def _fashion(p: Picture) -> tuple[list[Sentence], set[str]]:
    t, f, rng = table("fashion_words.json"), p.facts, random.Random(p.key)
    kind, colour = t["types"][f["articleType"]], t["colours"].get(f["baseColour"])
    gender, season, usage = t["genders"].get(f["gender"]), t["seasons"].get(f["season"]), t["usages"].get(f["usage"])
    patterns = [t["patterns"][k] for k in pattern_of(f["productDisplayName"])]
    true = {w for part in (kind, colour, gender, season, usage, *patterns) if part for lang in ("ko", "en") for w in part[lang]}
    out: list[Sentence] = []

    def say(lang: str, *parts: Any, tail: str = "", colour_first: bool = False) -> None:
        words = [rng.choice(part[lang]) for part in parts if part]
        false = ""
        if colour and colour_first:  # the same words in another colour
            other = rng.choice(
                [c for c in ("Black", "Blue", "White", "Red", "Green", "Yellow", "Pink", "Brown", "Purple", "Grey") if c != f["baseColour"]]
            )
            false = " ".join([rng.choice(t["colours"][other][lang]), *words[1:]]) + tail
        out.append(Sentence(" ".join(words) + tail, lang == "ko", frozenset(words), false))

    for k in kind["ko"]:
        out.append(Sentence(k, True, frozenset([k])))
    for k in kind["en"][:2]:
        out.append(Sentence(k, False, frozenset([k])))
    if colour:
        for _ in range(3):
            say("ko", colour, kind, colour_first=True)
        say("en", colour, kind, colour_first=True)
        say("ko", colour, *patterns[:1], kind, colour_first=True)
        say("ko", colour, kind, tail=rng.choice([" 사진", " 상품", " 제품 사진", " 추천"]), colour_first=True)
        say("ko", colour, gender, kind, colour_first=True)
        say("ko", gender, colour, *patterns[:1], kind)
        say("en", gender, colour, *patterns[:1], kind)
        say("ko", season, colour, kind)
        for lang in ("ko", "en"):
            out.append(
                Sentence(
                    w := rng.choice(colour[lang]) + (" 옷" if lang == "ko" and f["masterCategory"] == "Apparel" else ""),
                    lang == "ko",
                    frozenset([w.removesuffix(" 옷")]),
                )
            )
    say("ko", usage, gender, kind)
    if patterns:
        say("ko", patterns[0], kind)
        say("en", patterns[0], kind)
    out.append(Sentence(f["productDisplayName"], False))
    return out, true


#: Labels of phone photos whose clothes are also of another label's kind: a sentence that asks for that kind is true of them.
_BROADER = {
    "Longsleeve": ("T-Shirt",), "Polo": ("T-Shirt",), "Undershirt": ("T-Shirt",), "Blouse": ("Shirt", "Top"),
    "Top": ("T-Shirt", "Blouse"), "Blazer": ("Outwear",), "Hoodie": ("Outwear", "Longsleeve"),
}  # fmt: skip


def _clothing(p: Picture) -> tuple[list[Sentence], set[str]]:
    kinds, rng = table("fashion_words.json")["clothing"], random.Random(p.key)
    label = str(p.facts["label"])
    if label not in kinds:  # "Other", "Not sure", "Skip"
        return [], set()
    true = {w for k in (label, *_BROADER.get(label, ())) for words in kinds[k].values() for w in words}
    out = []
    for lang, child, tails in (
        ("ko", "아동 ", ("", "", " 사진", " 옷", " 중고")),
        ("en", "kids' ", ("", "", " photo", " at home", " on the floor")),
    ):
        for word in kinds[label][lang]:
            out += [Sentence(word + tail, lang == "ko", frozenset([word])) for tail in dict.fromkeys(("", rng.choice(tails)))]
        if p.facts.get("kids"):
            true |= {child}
            out.append(Sentence(child + (word := kinds[label][lang][0]), lang == "ko", frozenset([child, word])))
    return out, true


_DRAWN_KO = ("", "", "", " 그림", " 이모지", " 아이콘", " 사진")
_DRAWN_EN = ("", "", "", " picture", " emoji", " icon", " photo")


def _named(
    key: str, korean: Iterable[str], english: Iterable[str], tails_ko: tuple[str, ...], tails_en: tuple[str, ...]
) -> tuple[list[Sentence], set[str]]:
    rng = random.Random(key)
    korean, english = list(dict.fromkeys(korean)), list(dict.fromkeys(english))
    out = [Sentence(w + rng.choice(tails_ko), True, frozenset([w])) for w in korean]
    out += [Sentence(w + rng.choice(tails_en), False, frozenset([w])) for w in english]
    return out, {*korean, *english}


def _emoji(p: Picture) -> tuple[list[Sentence], set[str]]:
    f = p.facts
    names_ko, names_en = ([f[k]] * 3 if f[k] else [] for k in ("name_ko", "name_en"))
    out, true = _named(p.key, [*names_ko[:1], *f["kw_ko"]], [*names_en[:1], *f["kw_en"]], _DRAWN_KO, _DRAWN_EN)
    name = [Sentence(n, i == 0, frozenset([n])) for i, n in enumerate((f["name_ko"], f["name_en"])) if n]
    return out + name * 2, true


#: Words of names and keywords that say nothing about what is drawn.
_GENERIC = frozenset(
    (
        "signs", "symbol", "symbols", "sign", "icon", "people", "food", "recreation", "transportation", "transport", "unsorted",
        "hash", "clipart", "office", "tools", "tool", "various", "cliparts", "mapsym", "map", "symbols", "mammals", "animals",
        "computer", "education", "svg", "special", "and", "with", "the", "of", "a", "in", "by", "festive", "roadsign", "roadsigns",
        "networksym", "illustration", "vegitable",
    )
)  # fmt: skip


def _clipart(p: Picture) -> tuple[list[Sentence], set[str]]:
    f, words = p.facts, dictionary()
    if "/flags" in f["folder"] and f["name"] in flags():
        country_ko, country_en = flags()[f["name"]]
        return _named(p.key, [country_ko, country_ko + " 국기"], [country_en, country_en + " flag"], ("",), ("",))
    phrases = [f["name"], *(k.replace("_", " ") for k in f["keywords"])]
    english = [e for e in phrases if e and e not in _GENERIC and not e.startswith("hash(") and len(e) < 40]
    english = [e for e in english if not re.search(r"\b(nicu|rollandin|architetto|aiga|networksym|contest|spring campaign)\b", e)]
    korean: list[str] = []
    for e in english:
        whole = translated(e)
        if whole:
            korean += whole
    folders = [w for part in f["folder"].split("/") for w in words.get(part.replace("_", " "), ())]
    english += [part.replace("_", " ") for part in f["folder"].split("/") if part not in _GENERIC]
    return _named(
        p.key, [*korean, *folders[:2]], english, ("", "", " 그림", " 일러스트", " 아이콘"), ("", "", " drawing", " clipart", " icon")
    )


def _stamps(p: Picture) -> tuple[list[Sentence], set[str]]:
    f, words = p.facts, dictionary()
    folders = [part.replace("_", " ") for part in f["folder"].split("/") if part not in ("cartoon", "photo")]
    korean = [k for part in folders for k in words.get(part, words.get(part.removesuffix("s"), ()))[:1]]
    named, true = _named(
        p.key, [f["name_ko"]] if f["name_ko"] else [], [f["name_en"]], ("", "", " 사진", " 그림"), ("", "", " photo", " picture")
    )
    broad, also = _named(p.key, korean, folders, ("",), ("",))
    return [*named * 3, *broad], true | also


def translated(phrase: str) -> list[str]:
    """Korean for an English name: the dictionary's words for the phrase, for its singular, or all its words known one by one."""
    words = dictionary()
    for form in (phrase, phrase.removesuffix("s"), phrase.removesuffix("es")):
        if form in words:
            return list(words[form])
    parts = [w for w in phrase.split() if w not in _GENERIC]
    known = [words.get(w) or words.get(w.removesuffix("s")) for w in parts]
    if len(parts) > 1 and all(known):
        return [" ".join(k[0] for k in known if k)]
    return [k[0] for k in known if k][:2] if len(parts) > 1 else []


@functools.cache
def flags() -> dict[str, tuple[str, str]]:
    """Country in English (lower case) → its Korean and English names, from countries.tsv."""
    rows = (line.split("\t") for line in (HERE / "countries.tsv").read_text(encoding="utf-8").splitlines())
    return {r[0].lower(): (r[1], r[0]) for r in rows if len(r) == 2}


def _catalogue(p: Picture) -> tuple[list[Sentence], set[str]]:
    f, rng = p.facts, random.Random(p.key)
    title, english = str(f["text"]), str(f["title_en"])
    out = [Sentence(title, True, frozenset([title])), Sentence(english, False, frozenset([english]))]
    true = {title, english, str(f["kind"])}
    kind = str(f["kind"])
    out.append(Sentence(kind, True, frozenset([kind])))
    if "color" in f:
        adjective = COLOURS[f["color"]].adjective
        other = COLOURS[rng.choice([c for c in COLOURS if c != f["color"]])].adjective
        short = f"{adjective} {kind}"
        true |= {short}
        out.append(Sentence(short, True, frozenset([short]), f"{other} {kind}"))
        out.append(Sentence(short + " 그림", True, frozenset([short]), f"{other} {kind} 그림"))
        if "pattern" in f:
            patterned, wrong = f"{f['pattern']} {kind}", rng.choice([q for q in PATTERNS if q != f["pattern"]])
            true |= {patterned}
            out.append(Sentence(patterned, True, frozenset([patterned]), f"{wrong} {kind}"))
            out.append(Sentence(title, True, frozenset([title]), f"{adjective} {wrong} {kind}"))
    return out, true


_DESCRIBE = {
    "flickr8k": _flickr8k, "fashion": _fashion, "clothing": _clothing, "emoji": _emoji, "clipart": _clipart, "stamps": _stamps,
    "catalogue": _catalogue,
}  # fmt: skip


def describe(picture: Picture) -> Described:
    """A picture's sentences and true words."""
    sentences, true = _DESCRIBE[picture.source](picture)
    return Described(picture.key, picture.source, tuple(sentences), frozenset(true))


def korsts(data: Path) -> list[tuple[str, str]]:
    """(Korean, English) sentences that mean the same: KorSTS beside STS-B (CC BY-SA), train split only, without held-out captions."""
    held = {c for r in _captions_ko(data) if r["id"] in korean_held_out() for c in r["ko"]}
    pairs: dict[tuple[str, str], None] = {}
    for line in (data / "texts/korsts_stsb.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == "train":
            pairs |= dict.fromkeys(zip(row["ko"], row["en"], strict=True))
    return [p for p in pairs if p[0] not in held and p[0].strip() and p[1].strip()]


def parallel(data: Path) -> list[tuple[str, str]]:
    """Those of `korsts` and of `parallel_ko_en.jsonl`, whose licences are mixed."""
    held = {c for r in _captions_ko(data) if r["id"] in korean_held_out() for c in r["ko"]}
    rows = [json.loads(line) for line in (data / "texts/parallel_ko_en.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = dict.fromkeys([*korsts(data), *((r["ko"], r["en"]) for r in rows)])
    return [p for p in pairs if p[0] not in held and p[0].strip() and p[1].strip()]


def _captions_ko(data: Path) -> list[dict[str, Any]]:
    return [json.loads(x) for x in (data / "flickr8k/captions_ko.jsonl").read_text(encoding="utf-8").splitlines()]


def everyday(data: Path, count: int = 5000) -> list[str]:
    """Korean requests and questions (ParaKQC) whose similarities training must keep; those that KLUE-STS measures are left out."""
    measured = {s for line in (data / "texts/klue_sts_dev.jsonl").read_text(encoding="utf-8").splitlines() for s in _two(json.loads(line))}
    rows = [
        line.split("\t")[2].strip()
        for line in (data / "texts/parakqc.tsv").read_text(encoding="utf-8").splitlines()
        if line.count("\t") == 2
    ]
    free = [r for r in dict.fromkeys(rows) if r and r not in measured]
    return free[:: max(1, len(free) // count)]


def _two(row: dict[str, Any]) -> tuple[str, str]:
    return row["sentence1"], row["sentence2"]


def passages(data: Path, count: int = 1500, seed: int = 0) -> list[str]:
    """Paragraphs to keep the text space by: three to eight neighbouring sentences of the parallel texts, in one language."""
    rows = [json.loads(x) for x in (data / "texts/parallel_ko_en.jsonl").read_text(encoding="utf-8").splitlines()]
    korsts = map(json.loads, (data / "texts/korsts_stsb.jsonl").read_text(encoding="utf-8").splitlines())
    rows += [{"ko": r["ko"][0], "en": r["en"][0]} for r in korsts
             if r["split"] == "train" and r["genre"] != "main-captions"]  # fmt: skip
    rng = random.Random(seed)
    out = []
    for _ in range(count):
        at, length, language = rng.randrange(len(rows)), rng.randint(3, 8), "en" if rng.random() < 0.2 else "ko"
        out.append(" ".join(r[language] for r in rows[at : at + length]))
    return out
