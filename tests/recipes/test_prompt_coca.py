"""prompt_coca: its settings, styles by source, what is told of pictures, a user's own pairs, and that nothing held out is trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")
pytest.importorskip("onnx", reason="onnx is in the [train] extra")

from hannun.datasets.pictures import Picture
from hannun.errors import InputError
from hannun.item import Image
from hannun.models.captioner.network import Captioner
from hannun.models.checkpoint import open_model
from hannun.recipes import prompt_coca, table
from hannun.recipes.data import pairs, told
from hannun.serve.cli.main import run
from tests.conftest import ROOT, draw, encoded

DATA = ROOT.parent / "shared/data"
needs_data = pytest.mark.skipif(not (DATA / "flickr8k").exists(), reason="the data sets are not in ../shared/data")
SMALLEST = replace(
    prompt_coca.SMALL,
    width=32,
    heads=2,
    inner=32,
    alone=1,
    joint=1,
    queries=4,
    vocabulary=400,
    context=16,
    dim=256,
    styles=prompt_coca.STYLES,
)


def product(**facts: Any) -> Picture:
    known = {"articleType": "Shirts", "baseColour": "Red", "gender": "Men", "season": "Fall", "usage": "Formal"}
    return Picture("fashion/1", "fashion", "train", Image(b""), {**known, "productDisplayName": "Genesis Men Red Check Shirt", **facts})


def test_every_setting_says_where_it_is_from_and_the_paper_s_are_the_paper_s() -> None:
    for recipe in prompt_coca.SIZES.values():
        for name, _, origin in recipe.rows():
            assert origin.startswith(("from the source", "ours")), name
    paper = prompt_coca.PAPER  # CoCa (arXiv:2205.01917), section 4.1
    assert (paper.batch, paper.steps, paper.learning_rate, paper.weight_decay) == (65_536, 500_000, 8e-4, 0.01)
    assert paper.weights == {"caption": 2.0, "contrast": 1.0} and paper.warmup == 0.02
    assert prompt_coca.STYLES == {"caption": "[PROMPT]", "query": "[QUERY]", "product": "[SHOPPING]"}


@pytest.mark.parametrize(
    ("source", "style"),
    [
        ("caption_ko", "caption"), ("query_en", "query"), ("product_ko", "product"), ("shown_en", "caption"), ("queries", "query"),
        ("products-2025", "product"), ("Query", "query"), ("shop", "caption"), ("shopping", "product"), ("queryable", "caption"),
    ],
)  # fmt: skip
def test_the_style_of_a_source_is_in_its_name(source: str, style: str) -> None:
    assert told.style_of(source) == style


def test_what_is_told_of_a_product_and_of_an_emoji() -> None:
    assert told.product(product(), "en") == "Genesis Men Red Check Shirt"
    assert told.product(product(), "ko") == "[남성] 정장용 체크무늬 셔츠 / 빨간 가을"
    assert told.product(product(gender="?", usage="?", season="?", productDisplayName="x"), "ko") == "셔츠 / 빨간"
    assert told.shown(product(), "ko") == "빨간 체크무늬 남성 셔츠 상품 사진이다."
    assert told.searches(product(), "ko")[0] == "빨간 셔츠"
    sign = Picture(
        "emoji/1", "emoji", "train", Image(b""), {"name_ko": "해: 밝음", "name_en": "sun", "kw_ko": ["해: 밝음", "빛"], "kw_en": ["a"]}
    )
    assert told.shown(sign, "ko") == "해 그림이다." and told.shown(sign, "en") == "A drawing of sun."
    assert told.named(sign, "ko") == ["해: 밝음", "빛", "빛"] or told.named(sign, "ko") == ["해: 밝음", "빛"]


def test_what_someone_would_search_a_photo_by() -> None:
    assert told.keywords("A brown dog is running on the grass .", "en") == "brown dog running"
    assert told.keywords("갈색 개 두 마리가 잔디밭을 달린다.", "ko") == "갈색 개 잔디밭"
    assert told.sentence("a dog runs . ") == "A dog runs."


def test_captions_are_compared_by_words_and_korean_by_morphemes() -> None:
    assert prompt_coca.words(["A dog's ball , red ."], "en") == [["a", "dog's", "ball", "red"]]
    (mine,), (theirs,) = prompt_coca.words(["개가 달린다."], "ko"), prompt_coca.words(["개는 달리고 있다."], "ko")
    assert {"개", "달리"} <= set(mine) & set(theirs) and "." not in mine


def test_an_unknown_backbone_and_missing_sources() -> None:
    with pytest.raises(InputError, match=r"backbone='x' came, expected one of"):
        prompt_coca.build(replace(prompt_coca.TINY, backbone="x"), ["a"])
    with pytest.raises(InputError, match="the data has no pairs for caption_en, caption_ko"):
        prompt_coca.mixture(prompt_coca.TINY, {k: [] for k in prompt_coca.TINY.sources if not k.startswith("caption")})


def test_a_user_s_own_pairs_by_the_names_of_their_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Two tables, query and photos: the texts of the one are told as queries, those of the other as captions."""
    monkeypatch.setattr(prompt_coca, "SMALL", SMALLEST)
    for n in range(20):
        (tmp_path / f"{n}.png").write_bytes(encoded(draw((12 * n, 200 - 9 * n, 40), (40, 30), seed=n)))
    for name, text in (("query", "빨간 {}번 옷"), ("photos", "{}번 옷을 입은 사람이 서 있다.")):
        rows = [{"id": f"{name}{n}", "text": text.format(n), "image": f"{n}.png"} for n in range(20)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    words = ["train", "prompt_coca", "--pairs", str(tmp_path / "query.jsonl"), "--pairs", str(tmp_path / "photos.jsonl")]
    assert run([*words, "--to", str(tmp_path / "mine"), "--set", "stages.first.steps=2", "--set", "stages.first.batch=8"]) == 0
    out, err = capsys.readouterr()
    assert "query: " in err and "told as query" in err and "told as caption" in err and "log p of a token" in out
    model = open_model(tmp_path / "mine" / "model")
    assert isinstance(model, Captioner) and list(model.shape.styles) == ["caption", "query", "product"]
    assert run(["caption", str(tmp_path / "0.png"), "--style", "query", "--model", str(tmp_path / "mine" / "model"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["style"] == "query" and row["texts"][0]["likelihood"] < 0


@needs_data
def test_nothing_held_out_is_trained_on() -> None:
    photos, shop, signs = told.open_pictures(DATA)
    held = {p.key for split in ("test", "ko", "dev") for p in pairs.photos(DATA, split)} | {p.key for p in table.emoji_test(DATA)}
    trained = {p.key for p in (*photos, *shop, *signs)}
    assert len(trained) > 9000 and not trained & held
    assert {p.split for p in (*photos, *shop, *signs)} == {"train"}


def test_the_recipe_has_a_source_of_each_style_in_each_language() -> None:
    styles = {(told.style_of(name), name.rpartition("_")[2]) for name in prompt_coca.TINY.sources}
    assert styles == {(style, lang) for style in told.STYLES for lang in ("ko", "en")}
