"""The recipe mini: its networks, its batches, the small maths of measuring. Nothing here needs the data folder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hannun.recipes.mini import measure


def test_false_negatives_are_those_that_satisfy_a_sentence() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini.pools import false_negatives

    need = [frozenset({"빨간", "티셔츠"}), frozenset({"티셔츠"}), frozenset()]
    true = [frozenset({"빨간", "티셔츠"}), frozenset({"파란", "티셔츠"}), frozenset({"빨간", "치마"})]
    assert torch.equal(false_negatives(need, true), torch.tensor([[True, True, False], [False, True, False], [False, False, False]]))


def test_pooling_averages_and_shares_places() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini.backbone import pooling

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
    figure = measure.MiniFigure("half", np.array([0.0, 1.0] * 50))
    low, high = figure.interval()
    assert low < figure.value == 0.5 < high and math.isclose(high - low, 0.196, abs_tol=0.05)  # 2 × 1.96 × 0.5 / √100


def untrained() -> Any:
    """Towers on a last stage of random weights: nothing here needs the backbone's package."""
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini.backbone import CELL, DEEP, Top
    from hannun.recipes.mini.towers import PictureHead, TextHead, Towers

    torch.manual_seed(0)
    head = PictureHead(Top(), (torch.zeros(DEEP), torch.ones(DEEP)), (torch.zeros(CELL), torch.ones(CELL)))
    return Towers(TextHead(torch.zeros(384), torch.eye(384)), head, torch.randn(1000, 4, 384))


def test_untrained_towers_have_unit_rows_and_mix_both_paths() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini.backbone import CELL, MAP

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
    from hannun.recipes.mini.backbone import MAP, Top
    from hannun.recipes.mini.towers import EASE, Eased

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
    from hannun.recipes.mini.towers import cropped

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
    from hannun.recipes.mini.pools import pick

    korean, english = [(1, -1, frozenset[str]())], [(2, -1, frozenset[str]())]
    rng = np.random.default_rng(0)
    assert pick(korean, english, 1.0, rng) == (korean[0], english[0])
    assert pick(korean, english, 0.0, rng) == (english[0], korean[0])
    assert pick([], english, 1.0, rng) == (english[0], english[0])
    assert pick([], [], 1.0, rng) is None


def test_branches_are_averaged() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.recipes.mini.recipe import mean

    both = [{"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([3.0, 0.0])}]
    assert mean(both)["a"].tolist() == [2.0, 1.0]


def test_a_view_is_the_same_again_and_no_view_but_the_first_is_the_whole_picture() -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    import PIL.Image

    from hannun.recipes.mini.features import LIGHT, view

    pixels = np.random.default_rng(0).integers(100, 150, (260, 260, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(pixels)
    np.testing.assert_array_equal(view(picture, "a", 0), pixels)
    first, again, other = view(picture, "a", 1), view(picture, "a", 1), view(picture, "a", 2)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    for one in (first, other):  # no colour goes further than the light and its balance take it
        assert np.all(np.abs(one.mean((0, 1)) / pixels.mean() - 1) < (1 + LIGHT) * (1 + LIGHT / 3) - 1 + 0.05)
