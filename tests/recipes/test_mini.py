"""The recipe mini: splits that never leak, sentences, word tables, the small maths of measuring. Nothing here needs the data folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.item import Image
from hannun.recipes.mini_data import measure, pictures, sentences
from hannun.recipes.mini_data.pictures import Picture

DATA = Path(__file__).parents[3] / "shared" / "data"


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
    assert len(pictures.korean_held_out()) == 200


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


def test_false_negatives_are_those_that_satisfy_a_sentence() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini_data.mix import false_negatives

    need = [frozenset({"빨간", "티셔츠"}), frozenset({"티셔츠"}), frozenset()]
    true = [frozenset({"빨간", "티셔츠"}), frozenset({"파란", "티셔츠"}), frozenset({"빨간", "치마"})]
    assert torch.equal(false_negatives(need, true), torch.tensor([[True, True, False], [False, True, False], [False, False, False]]))


def test_a_swap_changes_one_word() -> None:
    import random

    false = sentences.swapped("A red ball .", random.Random(0))
    assert sum(a != b for a, b in zip(false.split(), ["A", "red", "ball", "."], strict=True)) == 1
    assert sentences.swapped("nothing here", random.Random(0)) == ""


def test_names_are_cleaned_and_translated() -> None:
    assert pictures.clean_name("desk_lamp_01", "") == "desk lamp"
    assert pictures.clean_name("x_12", "Red Apple 2") == "red apple"
    assert sentences.translated("apples")[0] == "사과"
    assert sentences.translated("red apple") == ["빨간색 사과"]


def test_pooling_averages_and_shares_places() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini_data.backbone import pooling

    # Four places in three cells of 4/3 each: the first cell holds place 0 and a third of place 1.
    assert torch.allclose(pooling(3, 4)[0], torch.tensor([0.75, 0.25, 0.0, 0.0]))
    assert torch.allclose(pooling(3, 9).sum(1), torch.ones(3))


def test_rank_counts_ties_against_the_answer() -> None:
    gallery = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    assert measure.ranks(np.array([[1, 0], [0, 1]], np.float32), gallery, [0, 1]).tolist() == [1, 0]


def test_macro_f1_by_hand() -> None:
    # Class 0: one of two found, nothing false: F1 = 2·1 / (2 + 1) = 2/3. Class 1: found, one false: 2·1 / (1 + 2) = 2/3.
    both = np.array([[0, 0], [0, 1], [1, 1]], np.float64)
    assert measure.statistic(both, "f1") == pytest.approx(2 / 3)


def test_an_interval_holds_its_figure() -> None:
    figure = measure.Figure("half", np.array([0.0, 1.0] * 50))
    low, high = figure.interval()
    assert low < figure.value == 0.5 < high and math.isclose(high - low, 0.196, abs_tol=0.05)  # 2 × 1.96 × 0.5 / √100


def untrained() -> Any:
    """Towers on a last stage of random weights: nothing here needs the backbone's package."""
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini_data.backbone import CELL, DEEP, Top
    from hannun.recipes.mini_data.towers import PictureHead, TextHead, Towers

    torch.manual_seed(0)
    head = PictureHead(Top(), (torch.zeros(DEEP), torch.ones(DEEP)), (torch.zeros(CELL), torch.ones(CELL)))
    return Towers(TextHead(torch.zeros(384), torch.eye(384)), head, torch.randn(1000, 4, 384))


def test_untrained_towers_have_unit_rows_and_mix_both_paths() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini_data.backbone import CELL, MAP

    towers = untrained().eval()
    names, classes = towers.classes(), torch.arange(20).repeat(2, 1)
    maps, cells = torch.rand(2, 81, MAP), torch.rand(2, 9, CELL)
    pooled, patches, gate = towers.picture(maps, cells, torch.full((2, 20), 0.05), names[classes])
    assert torch.allclose(pooled.norm(dim=-1), torch.ones(2)) and torch.allclose(patches.norm(dim=-1), torch.ones(2, 9))
    assert torch.allclose(gate, torch.full((2, 1), 2 / (1 + math.e)))  # the gate starts at 2 · sigmoid(−1)
    x = torch.nn.functional.normalize(torch.randn(3, 384), dim=-1)
    assert torch.allclose(towers.text(x), x, atol=1e-6)  # a zero residual and no turn: nothing changes


def test_the_trained_stage_starts_as_the_frozen_one() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini_data.backbone import MAP, Top
    from hannun.recipes.mini_data.towers import EASE, Eased

    torch.manual_seed(0)
    top, maps = Top(), torch.rand(2, 81, MAP)
    eased = Eased(top)
    assert all(torch.allclose(a, b) for a, b in zip(eased(maps), top(maps), strict=True))
    with torch.no_grad():
        eased.moved_last_bias.fill_(1.0)
    settled = eased.settled()
    assert torch.allclose(settled.last.bias, top.last.bias + EASE)
    assert all(torch.allclose(a, b) for a, b in zip(eased(maps), settled(maps), strict=True))


def test_a_crop_is_a_square_of_the_map_maybe_mirrored() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini_data.towers import cropped

    torch.manual_seed(0)
    places = torch.arange(81.0).reshape(1, 81, 1).expand(5, -1, -1)  # a map that says where each of its places was
    sizes = set()
    for _ in range(20):
        crop = cropped(places)[..., 0]
        side = math.isqrt(crop.shape[1])
        sizes.add(side)
        grid = crop.reshape(5, side, side)
        assert (grid[:, 1:] - grid[:, :-1] == 9).all() and ((grid[..., 1:] - grid[..., :-1]).abs() == 1).all()
    assert sizes == {6, 7, 8, 9}


def test_two_sentences_of_a_picture_are_in_both_languages_where_there_are_both() -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini_data.mix import pick

    korean, english = [(1, -1, frozenset[str]())], [(2, -1, frozenset[str]())]
    rng = np.random.default_rng(0)
    assert pick(korean, english, 1.0, rng) == (korean[0], english[0])
    assert pick(korean, english, 0.0, rng) == (english[0], korean[0])
    assert pick([], english, 1.0, rng) == (english[0], english[0])
    assert pick([], [], 1.0, rng) is None


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
    assert pictures.hash_percent("stamp pear") >= 20 or found["stamps/food/fruit/pear"].split == "test"


def test_branches_are_averaged() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini import mean

    both = [{"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([3.0, 0.0])}]
    assert mean(both)["a"].tolist() == [2.0, 1.0]


def test_the_words_are_many_and_each_is_told_once() -> None:
    keys = [e.strip().lower() for line in (pictures.HERE / "words.tsv").read_text(encoding="utf-8").splitlines()
            for e in line.split("\t")[0].split("|")]  # fmt: skip
    assert len(sentences.dictionary()) >= 1500
    assert not {k for k in keys if keys.count(k) > 1}


@pytest.mark.skipif(not DATA.exists(), reason="the data folder is not here")
def test_no_test_picture_is_trained_on() -> None:
    photos = pictures.flickr8k(DATA)
    assert len([p for p in photos if p.split == "test"]) == 1000
    held = {p.key for p in photos if p.split == "ko"}
    assert len(held) == 198 and all(p.facts["captions_ko"] for p in photos if p.split == "ko")  # 2 of the 200 ids have no picture here
    texts = {c for p in photos if p.split == "ko" for c in p.facts["captions_ko"]}
    assert not texts & {ko for ko, _ in sentences.parallel(DATA)}
