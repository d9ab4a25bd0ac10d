"""kanana_v: its pairs and tests do not mix, its figures by hand, and the tiny size takes steps on real data."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("peft", reason="peft is in the [train] extra")

from hannun.datasets.pictures import Picture  # noqa: E402
from hannun.errors import InputError  # noqa: E402
from hannun.item import Image, Pair  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.one_sequence import Conventions, OneSequence  # noqa: E402
from hannun.recipes import kanana_v, table  # noqa: E402
from hannun.recipes.data import composed  # noqa: E402
from hannun.recipes.data.composed import Trial, make, outcomes  # noqa: E402
from hannun.seen import text_hash  # noqa: E402
from tests.conftest import draw, encoded  # noqa: E402

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not (DATA / "fashion").exists(), reason="the data folder is not here")


@pytest.mark.parametrize("rank", [0, 4])
def test_the_paper_size_is_built_and_trained_on_the_real_class(rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the source says, seen in the built model: text and picture in one sequence, the instruction before the query, the last layer's
    state of [EOS] as the vector, hard negatives under gradient caching, nested dimensions; whole or by one adapter.
    """
    network, tokenizer, processor = tiny.qwen(["빨간 원피스", "사진의 상품을 글대로 바꾼 상품 찾기:"])
    bare = OneSequence(network, tokenizer, processor, Conventions())
    bare.save_network(tmp_path / "backbone", bare.template)
    recipe = replace(kanana_v.PAPER, backbone=str(tmp_path / "backbone"), dims=(16, 64), steps=2, batch=4, chunk=2, lora_rank=rank,
                     sources={"composed": 1.0}, precision="fp32", workers=1)  # fmt: skip
    model, task = kanana_v.build(recipe, tmp_path), kanana_v.adapted(recipe)
    look = Image(encoded(draw((200, 30, 30), (60, 40))))
    asked = make("q", "빨간 것으로", look)
    features = model.collate([asked, make("r", "짧다")], "query", instruction=recipe.instructions["composed"], task=task)
    ids = features.rows["input_ids"][0][features.rows["attention_mask"][0].bool()].tolist()
    written = tokenizer.decode(ids)
    assert recipe.instructions["composed"] in written.partition("빨간 것으로")[0]
    assert written.endswith(tokenizer.eos_token) and tokenizer.convert_tokens_to_ids("<|image_pad|>") in ids
    with torch.no_grad():
        model.eval()
        given = {**features.rows, **features.pixels}
        states = model._model(**given, use_cache=False).last_hidden_state
        torch.testing.assert_close(model(features).dense[0], torch.nn.functional.normalize(states[0, len(ids) - 1], dim=-1))
    pairs = [Pair(make(f"q{n}", f"것 {n}", look), make(f"p{n}", f"옷 {n}"), (make(f"n{n}", f"아닌 옷 {n}"),), "composed") for n in range(6)]
    monkeypatch.setattr(composed, "train", lambda *_: {"composed": pairs})
    recipe = replace(recipe, weights={})
    kanana_v.fit(model, recipe, tmp_path, tmp_path / "run", lambda _: None)
    assert model.trained_on.holds(text_hash("아닌 옷 3"))
    moved = {k for k, p in model.named_parameters() if p.requires_grad}
    assert moved and (all("lora_" in k for k in moved) if rank else not any("lora_" in k for k in moved))


def test_hard_negatives_are_mined_for_every_mode(tmp_path: Path) -> None:
    """Texts and pictures: each gets something near that is neither its answer nor the same product; what a rule gave comes first."""
    words = ["빨간 원피스", "빨간 셔츠", "파란 원피스", "노란 우산", "강아지 사진", "고양이 사진"]
    said = [Pair(make(f"q{n}", w), make(f"p{n}", f"{w} 상품", product=w), (), "sentence") for n, w in enumerate(words)]
    looks = [Image(encoded(draw((40 * n, 250 - 40 * n, 90), (48, 48)))) for n in range(6)]
    seen = [
        Pair(make(f"l{n}", "", x), make(f"m{n}", "", looks[(n + 1) % 6], product=str(n)), (make("rule", "규칙"),), "alike")
        for n, x in enumerate(looks)
    ]
    found = kanana_v.mined({"sentence": said, "alike": seen}, 2, tmp_path, lambda _: None)
    for pairs in (found["sentence"], found["alike"]):
        assert sum(bool(p.negatives) for p in pairs) >= 3
        assert all(n.id != p.positive.id for p in pairs for n in p.negatives)
    assert all(p.negatives[0].id == "rule" for p in found["alike"])


def test_outcomes_by_hand() -> None:
    three = tuple(make(str(n), "말") for n in range(3))
    test = Trial("t", three[:2], three, (frozenset({1, 2}), frozenset({0})), (0, -1))
    scores = np.array([[0.9, 0.5, 0.1], [0.1, 0.9, 0.5]], np.float32)
    recall, ndcg = outcomes(test, scores, np.eye(3, dtype=np.float32), k=2)
    # Query 0 never sees document 0: both answers come first. Query 1 finds its answer third, beyond k.
    assert recall.tolist() == [1.0, 0.0] and ndcg.tolist() == [1.0, 0.0]
    recall, ndcg = outcomes(test, scores, np.eye(3, dtype=np.float32), k=3)
    assert ndcg[1] == pytest.approx(1 / np.log2(4))


def test_a_paired_interval_holds_the_difference() -> None:
    rng = np.random.default_rng(0)
    a = rng.random(400)
    low, high = table.paired(a + 0.1, a)
    assert low == pytest.approx(0.1) and high == pytest.approx(0.1)  # the same lead at every query: no doubt about it
    low, high = table.paired(a, rng.permutation(a))
    assert low < 0 < high


@needs_data
def test_training_and_test_share_nothing() -> None:
    wanted = [k for k in kanana_v.TINY.sources if k != "scene"]  # which halves the photos of "photo"
    pairs = composed.train(DATA, dict.fromkeys(wanted, 1.0))
    assert set(pairs) == set(wanted)
    sides = [x for k in ("composed", "product", "alike", "photo") for p in pairs[k] for x in (p.query, p.positive)]
    trained = {x.id.split("/")[1].split("+")[0] for x in sides}
    for test in composed.tests(DATA):
        assert len(test.queries) == len(test.answers) == len(test.skip) and all(test.answers)
        if test.name not in ("emoji", "sentence"):
            assert not {d.id.split("/")[1] for d in test.documents} & trained, test.name
    for pair in pairs["composed"][:50]:
        assert pair.query.text and pair.query.images and pair.positive.text and pair.positive.images and pair.negatives
        assert pair.positive.id != pair.query.id.partition("+")[0] and pair.positive.id not in {n.id for n in pair.negatives}


def test_a_change_keeps_what_it_does_not_speak_of() -> None:
    made = [("Tshirts", "Men", "Blue"), ("Tshirts", "Men", "Red"), ("Jeans", "Men", "Blue"), ("Tshirts", "Women", "Blue")]
    made += [("Tshirts", "Men", "Blue"), ("Jeans", "Women", "Red")]
    facts = [dict(zip(("articleType", "gender", "baseColour"), row, strict=True)) for row in made]
    products = [Picture(str(n), "fashion", "dev", Image(b""), {**f, "productDisplayName": "x"}) for n, f in enumerate(facts)]
    found = {c.what: c for c in composed.changed(products, random.Random(0), each=9) if c.reference == 0}
    answers = {what: c.answers for what, c in found.items()}
    assert answers == {"colour": (1,), "kind": (2,), "people": (3,), "any colour": (1,), "any kind": (2,)}
    assert all({0, 4} <= set(c.near) and not set(c.near) & set(c.answers) for c in found.values())  # itself and its equal
    assert any(word in found["kind"].words for word in ("청바지", "진", "데님 바지"))


@needs_data
def test_the_tiny_size_takes_steps(tmp_path: Path) -> None:
    recipe = replace(kanana_v.TINY, steps=1, batch=3, chunk=2, sources={"composed": 1.0})
    model = kanana_v.build(recipe, tmp_path)
    before = {k: v.detach().clone() for k, v in model.named_parameters() if v.requires_grad}
    kanana_v.fit(model, recipe, DATA, tmp_path / "run", lambda _: None)
    changed = [k for k, v in model.named_parameters() if k in before and not torch.equal(v, before[k])]
    assert changed and (tmp_path / "run" / "report.html").exists()
    apart = kanana_v.Apart(model).eval()
    pair = composed.train(DATA, recipe.sources)["composed"][0]
    words, look = make("w", pair.query.text or ""), make("l", "", pair.query.images[0])
    both = table.embed(apart, [pair.query], "document")[0]
    alone = table.embed(apart, [words], "document")[0] + table.embed(apart, [look], "document")[0]
    cosine = float((both * alone).sum() / np.linalg.norm(alone))
    assert cosine > 0.99999  # two towers: the mean of what each says


@needs_data
def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no pairs for postcards"):
        kanana_v.mixture(replace(kanana_v.TINY, sources={"emoji": 1.0, "postcards": 1.0}), DATA)
