"""kelip: its settings, where they are from, and that no held-out picture is trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")

pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from transformers import CLIPConfig

from hannun.errors import InputError
from hannun.item import Image, Item, Pair, Text
from hannun.models.backbones import clip
from hannun.recipes import kelip, table
from hannun.recipes.data import pairs
from hannun.train.batches import Mixture, from_pairs
from hannun.train.loop import train
from hannun.train.schedule import Schedule
from hannun.train.steps.contrastive import Contrast, contrastive
from tests.conftest import ROOT, draw, encoded

TEXTS = ["빨간 원피스를 입은 사람", "a dog on the beach", "노란 우산", "two cats"]

DATA = ROOT.parent / "shared/data"
needs_data = pytest.mark.skipif(not (DATA / "flickr8k").exists(), reason="the data sets are not in ../shared/data")


def small() -> Any:
    """The real class at a small size."""
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    return CLIPConfig(
        text_config={**tower, "vocab_size": 400}, vision_config={**tower, "image_size": 32, "patch_size": 16}, projection_dim=512
    )


def test_the_paper_size_is_built_and_trained_with_parts_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the source names: a new CLIP whose temperature begins at 1/0.07, that reads 77 tokens, in both languages; multi-crop."""
    made = [Pair(Item(f"q{n}", (Text(t),)), Item(f"p{n}", (Image(encoded(draw((40 * n, 9, 99), (60, 40)))),))) for n, t in enumerate(TEXTS)]
    monkeypatch.setattr("hannun.models.backbones.clip.new_clip_config", small)
    model = kelip.build(replace(kelip.PAPER, recompute=1), TEXTS)
    assert model.dim == 512 and model.limit == 77 and float(model.log_scale.detach().exp()) == pytest.approx(1 / 0.07)
    assert all(model.tokenizer.decode(model.tokenizer(t)["input_ids"], skip_special_tokens=True) == t for t in TEXTS)
    batches = Mixture([from_pairs("photo_ko", made)], 4)
    settings = replace(Contrast.of(kelip.PAPER), chunk=2)
    train(model, contrastive(batches, settings), Schedule(2, 1e-3), tmp_path, lambda _: None, batches=batches)
    assert {"crop_0", "crop_1", "dense"} <= set(json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1]))
    with pytest.raises(InputError, match="the backbone gives 512 dimensions and the recipe has 384"):
        kelip.build(replace(kelip.PAPER, dims=(384,)), TEXTS)


def test_a_text_is_pooled_at_its_end() -> None:
    """transformers takes a text's highest number instead of its end where the end token is number 2."""
    network, processor = clip.begin(TEXTS, small())
    read = processor.tokenizer(TEXTS, padding=True, return_tensors="pt")
    told = network.text_model(**{k: read[k] for k in ("input_ids", "attention_mask")})
    ends = read["attention_mask"].sum(1) - 1
    assert all(told.pooler_output[n].equal(told.last_hidden_state[n, end]) for n, end in enumerate(ends.tolist()))


def test_batches_draw_the_languages_as_the_source_has_them() -> None:
    """708 million Korean and 476 million English pairs (Ko and Gu 2022): 59.8 % of batches are Korean where the sources are of one size."""
    same = [Pair(Item(f"q{n}", (Text(f"{n} 하나"),)), Item(f"p{n}", (Text(f"{n} 둘"),))) for n in range(2)]
    sources = [from_pairs(k, same, weight=w) for k, w in kelip.PAPER.sources.items()]
    drawn = Mixture(sources, 2, temperature=kelip.PAPER.source_temperature)
    assert drawn.shares["photo_ko"] == pytest.approx(708 / (708 + 476))


def test_every_setting_says_where_it_is_from() -> None:
    for recipe in kelip.SIZES.values():
        for name, _, origin in recipe.rows():
            assert origin.startswith(("from the source", "ours", "after CLIP")), name


@needs_data
def test_nothing_held_out_is_trained_on() -> None:
    batches = kelip.mixture(kelip.TINY, DATA)
    assert set(batches.sources) == set(kelip.TINY.sources)
    held = {p.key for split in ("test", "ko") for p in pairs.photos(DATA, split)} | {p.key for p in table.emoji_test(DATA)}
    trained = {p.positive.id for s in batches.sources.values() for window in s.windows for p in window()}
    assert len(trained) > 3000 and not trained & held
    for name, source in batches.sources.items():
        texts = [p.query.text or "" for p in source.windows[0]()]
        korean = sum(any("가" <= c <= "힣" for c in t) for t in texts) / len(texts)
        assert korean > 0.95 if name.endswith("_ko") else korean < 0.05, name  # no pair across the languages
