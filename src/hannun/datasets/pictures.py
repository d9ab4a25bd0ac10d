"""The data folder goes in; labelled pictures with fixed splits come out, one list for each source.

Splits are decided here and nowhere else, by id and never by chance: official ones for Flickr8k and fashion; for emoji by the *base*
emoji (skin tones and genders of one emoji are near-duplicates and stay together); for phone photos by who sent them; for the Korean
captions by a committed list of ids.
Recipes train on what is open, suites measure on what is held out, and both read it here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hannun import catalogue as drawn
from hannun.datasets import texts
from hannun.datasets.split import share
from hannun.item import Content, Image, Item
from hannun.shards import read

HERE = Path(__file__).parent
EMOJI_HELD_OUT = 20  # percent of the base emoji


@dataclass(frozen=True)
class Picture:
    """One picture: `key` is unique among all sources, `split` is train, dev or test, `facts` is the source's own record."""

    key: str
    source: str
    split: str
    image: Image
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def item(self) -> Item:
        """The picture alone."""
        return Item(self.key, (self.image,))

    def with_text(self, text: str) -> Content:
        """The picture together with words."""
        return {"text": text, "image": self.image}


def shards(data: Path, source: str, split: str | None = None) -> Iterator[Picture]:
    """The pictures in a source's tar shards, in order; the split is the first word of a shard's name, and all are read without one."""
    for path in sorted((data / source).glob(f"{split or ''}*.tar")):
        for record in read(path):
            if record.pictures:
                yield Picture(f"{source}/{record.key}", source, path.stem.partition("-")[0], Image(record.pictures[0]), record.data)


def korean_held_out() -> frozenset[str]:
    """Ids of the Flickr8k pictures whose Korean captions are for measuring only; training sees none of these pictures."""
    return frozenset((HERE / "flickr8k_ko_held_out.txt").read_text("utf-8").split())


def flickr8k(data: Path) -> list[Picture]:
    """Photos with `captions` and, where there are some, `captions_ko`; pictures of the Korean held-out list have split "ko"."""
    korean = {row["id"]: row for row in texts.rows(data / "flickr8k/captions_ko.jsonl")}
    held = korean_held_out()
    out = []
    for p in shards(data, "flickr8k"):
        id = p.key.partition("/")[2]
        more = {"captions_ko": korean[id]["ko"], "captions_ko_en": korean[id]["en"]} if id in korean else {}
        out.append(replace(p, split="ko" if id in held else p.split, facts={**p.facts, **more}))
    return out


def flickr8k_test(data: Path) -> list[Picture]:
    """The official test photos, with five English `captions` each; none has Korean ones, so the other shards are not read."""
    return list(shards(data, "flickr8k", "test"))


def fashion(data: Path, split: str | None = None) -> list[Picture]:
    """Product photos with `articleType`, `baseColour`, `gender`, `season`, `usage` and `productDisplayName`, of one split or of all."""
    return list(shards(data, "fashion", split))


def clothing(data: Path) -> list[Picture]:
    """Phone photos of clothes at home with `label`, `kids` and `sender`; whoever sent a photo of one split sent none of another.

    Its own dev split is what is measured on ("test" here); a tenth of the other senders is for choosing.
    """

    def split(facts: Mapping[str, Any]) -> str:
        if facts["split"] != "train":
            return "test"
        return "dev" if share(f"clothing {facts['sender']}") < 10 else "train"

    return [replace(p, split=split(p.facts)) for p in shards(data, "clothing")]


_PEOPLE = {0x1F468: 0x1F9D1, 0x1F469: 0x1F9D1, 0x1F466: 0x1F9D2, 0x1F467: 0x1F9D2, 0x1F474: 0x1F9D3, 0x1F475: 0x1F9D3}
_DROPPED = {0xFE0F, 0xFE0E, 0x200D, 0x2640, 0x2642, *range(0x1F3FB, 0x1F400)}


def emoji_base(character: str) -> str:
    """The emoji without skin tone, gender and variation marks: what its near-duplicates share."""
    points = [_PEOPLE.get(p, p) for p in map(ord, character) if p not in _DROPPED]
    return "-".join(f"{p:x}" for p in dict.fromkeys(points))


def emoji_split(character: str) -> str:
    """ "test" for a fifth of the base emoji, "train" for the others."""
    return "test" if share("emoji " + emoji_base(character)) < EMOJI_HELD_OUT else "train"


def emoji(data: Path) -> list[Picture]:
    """Noto pictures with `name_ko`, `name_en`, `kw_ko`, `kw_en`, `char`."""
    return [replace(p, split=emoji_split(p.facts["char"])) for p in shards(data, "emoji")]


def one_per_base(group: Sequence[Picture]) -> list[Picture]:
    """Emoji without skin tones and genders: the shortest of each base."""
    best: dict[str, Picture] = {}
    for p in group:
        base = emoji_base(p.facts["char"])
        if base not in best or len(p.facts["char"]) < len(best[base].facts["char"]):
            best[base] = p
    return list(best.values())


#: Folders of openclipart that hold no recognisable thing: icon themes, generated stars, jigsaw pieces, gradients, cards.
_ABSTRACT = re.compile(
    r"^(computer/(icons|buttons|diagrams|folders)|shapes|special|buttons|logos|unsorted/duplicates|recreation/games/cards"
    r"|signs_and_symbols/(led|flags/(semaphore|signal|naval))|office/telephone/.*icon)"
)


def clipart(folder: Path) -> list[Picture]:
    """Public-domain drawings of Debian's `openclipart-png` and `-svg`, unpacked under `folder`: `name`, `keywords`, `folder`.

    A tenth (by name, so that numbered variants stay together) is for measuring.
    """
    root = folder / "usr/share/openclipart"
    out = []
    for path in sorted((root / "png").rglob("*.png")):
        relative = path.relative_to(root / "png")
        if _ABSTRACT.match(str(relative)) or path.stat().st_size > 2_000_000:
            continue
        title, keywords = _metadata(root / "svg" / relative.with_suffix(".svg"))
        name = clean_name(path.stem, title)
        split = "test" if share("clipart " + name) < 10 else "train"
        facts = {"name": name, "title": title, "keywords": keywords, "folder": str(relative.parent)}
        out.append(Picture(f"clipart/{relative.with_suffix('')}", "clipart", split, Image(path), facts))
    return out


def stamps(folder: Path) -> list[Picture]:
    """Photos and drawings of Debian's `tuxpaint-stamps-default`, unpacked under `folder`: `name_en`, `name_ko`, `folder`.

    Letters, signs and coins are left out. A fifth (by English name, so that variants stay together) is for measuring.
    """
    root = folder / "usr/share/tuxpaint/stamps"
    out = []
    for path in sorted(root.rglob("*.png")):
        relative, told = path.relative_to(root), path.with_suffix(".txt")
        if relative.parts[0] == "symbols" or not told.exists():
            continue
        lines = told.read_text(encoding="utf-8", errors="ignore").splitlines()
        korean = next((x.partition("=")[2] for x in lines if x.startswith("ko.utf8=")), "")
        english = re.split(r"[.!?(;—]", lines[0])[0].strip().lower() if lines else ""
        facts = {
            "name_en": re.sub(r"^(an?|the) ", "", english),
            "name_ko": re.split(r"[.!?(,–]", korean)[0].strip(),
            "folder": str(relative.parent),
        }
        if not facts["name_en"]:
            continue
        split = "test" if share("stamp " + facts["name_en"]) < 20 else "train"
        out.append(Picture(f"stamps/{relative.with_suffix('')}", "stamps", split, Image(path), facts))
    return out


def _metadata(svg: Path) -> tuple[str, list[str]]:
    """Title and keywords of a drawing; empty where its XML cannot be read."""
    if not svg.exists() or svg.stat().st_size > 4_000_000:
        return "", []
    text = svg.read_text(encoding="utf-8", errors="ignore")
    start, end = text.find("<metadata"), text.find("</metadata>")
    block = text[start:end] if 0 <= start < end else ""
    title = re.search(r"<dc:title>([^<]*)</dc:title>", block)
    subject = re.search(r"<dc:subject>(.*?)</dc:subject>", block, re.S)
    words = re.findall(r"<rdf:li>([^<]+)</rdf:li>", subject.group(1)) if subject else []
    return (title.group(1).strip() if title else ""), [w.strip().lower() for w in words if w.strip()]


def clean_name(stem: str, title: str) -> str:
    """A drawing's name in plain words: the title, or the file's name without its author, both without numbers."""
    name = title if re.search(r"[A-Za-z]{3}", title) and len(title) < 60 else re.split(r"_{1}[a-z]+_[a-z_.]+_\d+$|_\d+$", stem)[0]
    name = re.sub(r"[_\-]+", " ", re.sub(r"\d+", " ", name))
    return re.sub(r"\s+", " ", re.sub(r"[^A-Za-z' ]", " ", name)).strip().lower()


def catalogue(folder: Path, count: int = 3000, seed: int = 3) -> list[Picture]:
    """The drawn catalogue: `count` training entries beyond the default one, and the default one's test entries, drawn under `folder`."""
    chosen = [*drawn.training_entries(count, seed), *(e for e in drawn.entries() if e.split == "test")]
    drawn.write(folder, chosen)
    return [Picture(f"catalogue/{e.id}", "catalogue", e.split, Image(folder / f"{e.id}.jpg"), e.row()) for e in chosen]


Reader = Callable[[Path], list[Picture]]
READERS: dict[str, Reader] = {
    "flickr8k": flickr8k,
    "fashion": fashion,
    "clothing": clothing,
    "emoji": emoji,
    "clipart": clipart,
    "stamps": stamps,
    "catalogue": catalogue,
}
