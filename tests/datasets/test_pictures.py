"""Labelled pictures: splits that never leak, names that are clean. Only the last test needs the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture
from hannun.datasets.split import share
from hannun.item import Image

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_near_duplicates_of_an_emoji_share_its_base() -> None:
    assert pictures.emoji_base("👋") == pictures.emoji_base("👋🏽")
    assert pictures.emoji_base("🏃‍♂️") == pictures.emoji_base("🏃🏿‍♀️") == pictures.emoji_base("🏃")
    assert pictures.emoji_base("👩‍🚒") == pictures.emoji_base("👨🏾‍🚒")
    assert pictures.emoji_base("🍎") != pictures.emoji_base("🍏")
    assert pictures.emoji_split("👋🏽") == pictures.emoji_split("👋")


def test_translations_hold_no_held_out_picture() -> None:
    rows = [line.split("\t") for line in (pictures.HERE / "flickr8k_ko.tsv").read_text(encoding="utf-8").splitlines()]
    assert len(rows) > 5000 and all(len(r) == 3 for r in rows)
    assert not {r[0] for r in rows} & pictures.korean_held_out()
    assert len({(r[0], r[2]) for r in rows}) == len(rows) and all(any("가" <= c <= "힣" for c in r[1]) for r in rows)
    assert len(pictures.korean_held_out()) == 200


def test_names_are_cleaned_and_translated() -> None:
    assert pictures.clean_name("desk_lamp_01", "") == "desk lamp"
    assert pictures.clean_name("x_12", "Red Apple 2") == "red apple"
    assert sentences.translated("apples")[0] == "사과"
    assert sentences.translated("red apple") == ["빨간색 사과"]


def test_clothes_are_told_by_their_label_and_by_the_kind_it_belongs_to() -> None:
    def clothes(label: str, kids: bool = False) -> Picture:
        return Picture(f"clothing/{label}", "clothing", "train", Image(b""), {"label": label, "kids": kids})

    polo, shirt, child = (sentences.describe(p) for p in (clothes("Polo"), clothes("T-Shirt"), clothes("Dress", kids=True)))
    plain = next(s for s in shirt.sentences if s.text == "티셔츠")
    assert plain.requires <= polo.true  # no wrong answer for "티셔츠"
    assert not next(s for s in polo.sentences if s.text == "폴로 셔츠").requires <= shirt.true
    assert {s.text for s in child.sentences} >= {"아동 원피스", "kids' dress"}
    assert not any("아동" in s.text for s in shirt.sentences)
    assert sentences.describe(clothes("Not sure")).sentences == ()


def test_who_sent_a_photo_of_clothes_is_in_one_split() -> None:
    if not (DATA / "clothing").exists():
        pytest.skip("the photos of clothes are in the data folder, which is not here")
    found = pictures.clothing(DATA)
    splits = {s: {p.facts["sender"] for p in found if p.split == s} for s in ("train", "dev", "test")}
    assert all(splits.values()) and not splits["train"] & splits["dev"] and not (splits["train"] | splits["dev"]) & splits["test"]
    assert {p.key for p in found if p.split == "test"} == {p.key for p in found if p.facts["split"] == "dev"}


def test_stamps_are_read_with_their_korean_names(tmp_path: Path) -> None:
    import PIL.Image

    root = tmp_path / "usr/share/tuxpaint/stamps"
    rows = {
        "food/fruit/pear": "A pear. Yum!\nde.utf8=Eine Birne.\nko.utf8=배 (과일)\n",
        "animals/gnu": "A sitting gnu.\nko.utf8=앉아있는 누\n",
        "town/tower": "A tower.\n",
        "symbols/alphabets/a": "The letter a.\nko.utf8='a' 글자\n",
    }
    for name, told in rows.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.txt").write_text(told, encoding="utf-8")
        PIL.Image.new("RGBA", (8, 8)).save(root / f"{name}.png")
    PIL.Image.new("RGBA", (8, 8)).save(root / "food/untold.png")
    found = {p.key: p for p in pictures.stamps(tmp_path)}
    assert set(found) == {"stamps/food/fruit/pear", "stamps/animals/gnu", "stamps/town/tower"}  # no letters, nothing without a name
    assert found["stamps/animals/gnu"].facts == {"name_en": "sitting gnu", "name_ko": "앉아있는 누", "folder": "animals"}
    pear = sentences.describe(found["stamps/food/fruit/pear"])
    assert {"배", "pear", "fruit"} <= pear.true and any(s.korean and s.text.startswith("배") for s in pear.sentences)
    assert not any(s.korean and s.text.startswith("tower") for s in sentences.describe(found["stamps/town/tower"]).sentences)
    assert share("stamp pear") >= 20 or found["stamps/food/fruit/pear"].split == "test"


@pytest.mark.skipif(not DATA.exists(), reason="the data folder is not here")
def test_no_test_picture_is_trained_on() -> None:
    photos = pictures.flickr8k(DATA)
    assert len([p for p in photos if p.split == "test"]) == 1000
    held = {p.key for p in photos if p.split == "ko"}
    assert len(held) == 198 and all(p.facts["captions_ko"] for p in photos if p.split == "ko")  # 2 of the 200 ids have no picture here
    texts = {c for p in photos if p.split == "ko" for c in p.facts["captions_ko"]}
    assert not texts & {ko for ko, _ in sentences.parallel(DATA)}


def test_what_suites_measure_on_is_what_recipes_leave_out() -> None:
    """One rule for both: an emoji is open or held out with all its skin tones and genders."""
    emoji = ["👍🏽", "👍", "👩‍🚒", "👨‍🚒", "🧑‍🚒", "❤️", "🍎", "🐯", "1️⃣", "🇰🇷", "👪", "🏃‍♀️", *map(chr, range(0x1F300, 0x1F5FF))]
    held = [e for e in emoji if pictures.emoji_split(e) == "test"]
    assert 0.1 < len(held) / len(emoji) < 0.3  # a fifth
    bases = {pictures.emoji_base(e) for e in held}
    assert not {e for e in emoji if pictures.emoji_base(e) in bases} - set(held)
    group = [Picture(e, "emoji", "test", Image(b""), {"char": e}) for e in ("👩‍🚒", "🧑‍🚒", "👨🏾‍🚒", "🍎")]
    assert [p.key for p in pictures.one_per_base(group)] == ["👩‍🚒", "🍎"]  # the shortest of a base, the first of equals
