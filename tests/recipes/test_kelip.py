"""kelip: its settings, where they are from, and that no held-out picture is trained on."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")

from hannun.recipes import kelip, table
from hannun.recipes.data import pairs
from tests.conftest import ROOT

DATA = ROOT.parent / "shared/data"
needs_data = pytest.mark.skipif(not (DATA / "flickr8k").exists(), reason="the data sets are not in ../shared/data")


def test_the_sources_numbers() -> None:
    assert kelip.PAPER.sources == {"photo_ko": 708.0, "photo_en": 476.0}  # million pairs: Ko and Gu 2022, the abstract
    assert "ViT-B/32" in kelip.PAPER.backbone and kelip.PAPER.temperature == 0.07


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
