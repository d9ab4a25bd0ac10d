"""one_r: where its numbers are from, the paper's size counted, a user's own pairs, and that nothing held out is trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.item import Image, Item, Pair, Text  # noqa: E402
from hannun.load import load  # noqa: E402
from hannun.models.one_tower.tower import OneTower  # noqa: E402
from hannun.models.one_tower.trunk import OneTowerShape  # noqa: E402
from hannun.recipes import one_r, table  # noqa: E402
from hannun.recipes.data import drawn, pairs  # noqa: E402
from hannun.recipes.skeleton import Training  # noqa: E402
from hannun.train.own import OwnData  # noqa: E402
from tests.conftest import ROOT, draw, encoded  # noqa: E402

DATA = ROOT.parent / "shared/data"
LITTLE = OneTowerShape(side=16, width=16, layers=2, heads=2, hidden=24, dim=128, words=300, limit=8)


def test_every_setting_says_where_it_is_from() -> None:
    for recipe in one_r.SIZES.values():
        for name, _, origin in recipe.rows():
            assert origin.startswith(("from the source", "ours")), name


def test_the_numbers_are_moco_v3s() -> None:
    """Temperature 0.2, vectors of 256, heads of 4,096, batch 4,096, weight decay 0.1, and 1.5e-4 · 4096 / 256 (Chen et al. 2021)."""
    paper, shape = one_r.PAPER, one_r.SHAPES[one_r.BASE]
    assert (paper.temperature, paper.dims, paper.batch, paper.weight_decay) == (0.2, (256,), 4096, 0.1)
    assert paper.learning_rate == pytest.approx(1.5e-4 * 4096 / 256)
    assert (shape.dim, shape.hidden, shape.batch_norm, shape.momentum) == (256, 4096, True, 0.99)
    assert not one_r.SHAPES[one_r.SMALL].batch_norm


def test_the_papers_size_is_counted() -> None:
    """ViT-B/16: 12 layers, each of four 768 × 768 matrices, a feed-forward layer of four times the width, and two norms."""
    with torch.device("meta"):
        model = OneTower(one_r.SHAPES[one_r.BASE], None)
    trunk = model.student.trunks[0]
    width = 768
    layer = 4 * (width * width + width) + 2 * 4 * width * width + 5 * width + 2 * 2 * width
    assert sum(p.numel() for p in trunk.layers.parameters()) == 12 * layer == 85_054_464  # what ViT-B's encoder has
    assert sum(p.numel() for p in trunk.said.words.parameters()) == 30_000 * width
    heads = [width * 4096, 2 * 4096, 4096 * 4096, 2 * 4096, 4096 * 256]  # no bias before a normalisation, none behind the last
    assert sum(p.numel() for p in model.student.projectors.parameters()) == sum(heads)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == sum(p.numel() for p in model.student.parameters()) + sum(p.numel() for p in model.predictors.parameters()) - sum(
        p.numel() for p in trunk.seen.project.parameters()
    )
    student = sum(p.numel() for p in model.student.parameters()) / 1e6
    assert f"student {student:.1f} M" in one_r.counted(one_r.PAPER) and f"teacher {student:.1f} M" in one_r.counted(one_r.PAPER)


def test_it_is_trained_on_a_users_own_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_r, "SHAPES", {one_r.SMALL: LITTLE})
    made = [
        Pair(
            Item(f"q{n}", (Text(f"{n}번 상품"),)), Item(f"p{n}", (Image(encoded(draw((20 * n, 90, 200 - 15 * n), (20, 30)))),)), (), "shop"
        )
        for n in range(12)
    ]
    said: list[str] = []
    only_words = Pair(Item("a", (Text("글"),)), Item("b", (Text("다른 글"),)), (), "shop")
    recipe = replace(one_r.TINY, stages=(replace(one_r.TINY.stages[0], steps=2, batch=4),))
    lines = one_r.own(recipe, OwnData((*made[:8], only_words), tuple(made[8:]), (), ()), None, Training(recipe, tmp_path, said.append))
    assert any("1 pairs without both a text and a picture" in s for s in said)
    assert lines[0].startswith("held-out pairs") and any("R@1" in line for line in lines)
    encoder = load(tmp_path / "model")
    assert encoder.encode_query(["3번 상품"]).dense.shape == (1, 128)
    again = one_r.own(recipe, OwnData(tuple(made[:8]), tuple(made[8:]), (), ()), tmp_path / "model", Training(recipe, tmp_path / "more"))
    assert len(again) == len(lines)
    with pytest.raises(InputError, match="give such pairs with --pairs"):
        one_r.own(recipe, OwnData((only_words,), (), (), ()), None, Training(recipe, tmp_path / "none"))


def test_a_foreign_backbone_is_refused() -> None:
    with pytest.raises(InputError, match="one_r begins with new weights"):
        one_r.build(one_r.TINY.changed({"backbone": "openai/clip-vit-base-patch32"}))
    with pytest.raises(InputError, match="--set dims=128"):
        one_r.build(one_r.TINY.changed({"dims": "64"}))


def test_titles_recalls_and_kinds_by_hand() -> None:
    """Three drawn things of two kinds; a perfect embedding finds all, one that calls everything alike finds nothing."""
    group = [
        drawn.Picture(f"catalogue/{n}", "catalogue", "test", Image(draw(seed=n)), {"text": t, "title_en": t, "kind": t[-2:]})
        for n, t in enumerate(("빨간 모자", "파란 모자", "파란 가방"))
    ]
    axes = {
        "빨간 모자": (1.0, 0.0, 0.2),
        "파란 모자": (0.0, 1.0, 0.2),
        "파란 가방": (0.0, 0.0, -1.0),
        "모자": (0.5, 0.5, 0.3),
        "가방": (0.0, 0.0, -1.0),
    }

    def embed(items: object, role: str, instruction: str | None = None) -> object:
        names = {p.key: str(p.facts["text"]) for p in group}
        rows = [axes[it.text or names[it.id]] for it in items]  # type: ignore[attr-defined]
        x = torch.tensor(rows)
        return torch.nn.functional.normalize(x, dim=-1).numpy()

    found = drawn.measure(group, embed)  # type: ignore[arg-type]
    assert {k: v.mean() for k, v in found.items()} == dict.fromkeys(found, 1.0)
    assert len(found["drawn kind, top-1"]) == 3 and set(found) >= {"drawn TR@1", "drawn TR@5", "drawn IR@1", "drawn IR@5"}
    flat = drawn.measure(group, lambda items, role, instruction=None: torch.ones(len(items), 3).numpy())  # type: ignore[arg-type]
    assert flat["drawn TR@1"].sum() == flat["drawn IR@1"].sum() == 0  # ties count against it


@pytest.mark.skipif(not (DATA / "flickr8k").exists(), reason="the data sets are not in ../shared/data")
def test_nothing_held_out_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "COUNT", 12)
    monkeypatch.setattr(drawn, "training", lambda folder: {f"drawn_{k}": [] for k in ("ko", "en")})  # drawing takes minutes
    made = one_r.training(one_r.TINY, DATA, tmp_path)
    assert set(made) == {s for stage in one_r.TINY.stages for s in stage.sources}
    held = {p.key for split in ("test", "ko") for p in pairs.photos(DATA, split)} | {p.key for p in table.emoji_test(DATA)}
    trained = {p.positive.id for group in made.values() for p in group}
    assert len(trained) > 3000 and not trained & held
