"""Pictures in words: the word tables are whole, and what a sentence asks for is true of its picture."""

from __future__ import annotations

from hannun.datasets import pictures, sentences
from hannun.datasets.pictures import Picture
from hannun.item import Image


def product(**facts: str) -> Picture:
    base = {
        "gender": "Men",
        "masterCategory": "Apparel",
        "articleType": "Tshirts",
        "baseColour": "Red",
        "season": "Summer",
        "usage": "Casual",
    }
    return Picture("fashion/1", "fashion", "train", Image(b""), {**base, "productDisplayName": "Puma Men Striped Red T-shirt", **facts})


def test_the_fashion_words_are_whole() -> None:
    table = sentences.table("fashion_words.json")
    assert len(table["types"]) == 75 and len(table["colours"]) == 42
    for part in table.values():
        for words in part.values():
            assert words["ko"] and words["en"]


def test_a_product_is_described_by_its_attributes() -> None:
    described = sentences.describe(product())
    korean = [s for s in described.sentences if s.korean]
    assert {"티셔츠", "빨간", "줄무늬", "남성"} <= described.true
    assert any("줄무늬" in s.text for s in korean)
    assert all(s.requires <= described.true for s in described.sentences)
    for s in described.sentences:
        assert s.negative != s.text


def test_a_swap_changes_one_word() -> None:
    import random

    false = sentences.swapped("A red ball .", random.Random(0))
    assert sum(a != b for a, b in zip(false.split(), ["A", "red", "ball", "."], strict=True)) == 1
    assert sentences.swapped("nothing here", random.Random(0)) == ""


def test_the_words_are_many_and_each_is_told_once() -> None:
    keys = [e.strip().lower() for line in (pictures.HERE / "words.tsv").read_text(encoding="utf-8").splitlines()
            for e in line.split("\t")[0].split("|")]  # fmt: skip
    assert len(sentences.dictionary()) >= 1500
    assert not {k for k in keys if keys.count(k) > 1}
