"""jina_clip: its stages, a step of both kinds of pairs, resuming, and the splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.datasets.texts import korsts  # noqa: E402
from hannun.item import Image, Item, Pair  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.two_tower import TwoTower  # noqa: E402
from hannun.recipe import Stage  # noqa: E402
from hannun.recipes import jina_clip  # noqa: E402
from hannun.recipes.data import pairs  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.schedule import Schedule  # noqa: E402
from tests.conftest import ROOT, draw, encoded  # noqa: E402

DATA = ROOT.parent / "shared/data"
needs_data = pytest.mark.skipif(not (DATA / "flickr8k").exists(), reason="the data sets are not in ../shared/data")
STAGE = Stage("triplets", {"inference": 1.0, "long": 1.0}, 4, 3, 1e-3)


def made() -> dict[str, list[Pair]]:
    say = pairs.worded
    texts = [
        Pair(say(f"t{n}", f"문장 {n}"), say(f"t{n}+", f"같은 문장 {n}"), (say(f"t{n}-", f"다른 문장 {n}"),), "inference") for n in range(8)
    ]
    seen = [Pair(say(f"p{n}", f"그림 {n}"), Item(f"i{n}", (Image(encoded(draw(seed=n))),)), (), "long") for n in range(8)]
    return {"inference": texts, "long": seen}


def trained(folder: Path, stop: int | None = None) -> TwoTower:
    recipe = replace(jina_clip.TINY, dims=(), weights={})  # these towers are not frozen: there is nothing to keep to
    model = TwoTower.dual(*tiny.clip(["문장 그림"]))
    two = jina_clip.mixtures(STAGE, made(), recipe, 0)
    go = jina_clip.both(two.texts, two.seen, recipe)

    def step(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
        if number == stop:
            raise KeyboardInterrupt
        losses = go(module, number)
        assert set(losses) == {"text_dense", "picture_dense"}  # text–text and text–picture in every step
        return losses

    return train(model, step, Schedule(4, 1e-3, save_every=2, seed=1), folder, lambda _: None, batches=two)  # type: ignore[return-value]


def test_the_three_stages_of_the_source() -> None:
    for recipe in jina_clip.SIZES.values():
        short, long, last = recipe.stages
        assert "short" in short.sources and "long" in long.sources and {"inference", "long"} <= set(last.sources)
        for stage in recipe.stages:
            assert {n in jina_clip.PICTURED for n in stage.sources} == {True, False}  # both kinds in every stage
        assert "from the source" in recipe.origins["stages"]
    assert jina_clip.CLIP_TOKENS == 77 and max(jina_clip.PAPER.dims) == 1024 and min(jina_clip.PAPER.dims) == 64


def test_a_killed_stage_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", stop=3)
    again = trained(tmp_path / "broken")
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


@needs_data
def test_no_test_is_trained_on() -> None:
    made = jina_clip.training(DATA)
    texts = {t for group in made.values() for p in group for t in (p.query.text, p.positive.text) if t}
    trained_pictures = {p.positive.id for k in jina_clip.PICTURED for p in made[k]}
    assert not trained_pictures & {p.key for split in ("test", "ko") for p in pairs.photos(DATA, split)}
    assert not texts & {" ".join(s.split()) for r in korsts(DATA, "test") for s in r["ko"]}
    questions, paragraphs = pairs.questions(DATA, "test")
    assert not texts & {p.text for p in paragraphs} and not texts & {q.query.text for q in questions}
    said = [{t for g in pairs.paraphrases(DATA, split) for t in g} for split in ("test", "train")]
    assert len(said[0] & said[1]) < 0.01 * len(said[0])  # two intents may share a sentence
    assert all(p.negatives for p in made["inference"])
