"""jina_v4: its settings, the adapters' size on the paper's backbone, pages, late scores, and a small run of all stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")
pytest.importorskip("peft", reason="peft is in the [train] extra")

from hannun.datasets.pictures import Picture  # noqa: E402
from hannun.datasets.split import blake  # noqa: E402
from hannun.errors import InputError  # noqa: E402
from hannun.item import Image, Pair  # noqa: E402
from hannun.models import adapters  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.one_sequence import Conventions, OneSequence  # noqa: E402
from hannun.recipe import Stage  # noqa: E402
from hannun.recipes import jina_v4, table  # noqa: E402
from hannun.recipes.data import pairs  # noqa: E402
from tests.conftest import ROOT, draw, encoded  # noqa: E402

DATA = ROOT.parent / "shared/data"
needs_data = pytest.mark.skipif(not (DATA / "flickr8k").exists(), reason="the data sets are not in ../shared/data")


def test_the_paper_size_is_built_and_trained_on_the_real_class(tmp_path: Path) -> None:
    """What arXiv:2506.18902 says, seen in the built model: mean pooling, prefixes before the content, 128 values a token; one adapter
    learns from pairs and every task's begins at it.
    """
    say = pairs.worded
    network, tokenizer, processor = tiny.qwen(["빨간 원피스", "def f(x): return x"])
    bare = OneSequence(network, tokenizer, processor, Conventions())
    bare.save_network(tmp_path / "backbone", bare.template)
    recipe = replace(jina_v4.PAPER, backbone=str(tmp_path / "backbone"), dims=(16, 64), chunk=2, precision="fp32")
    model = jina_v4.build(recipe, tmp_path)
    assert (
        model.dense_head is None
        and model.token_head.out_features == 128
        and [t.name for t in model.tasks] == ["retrieval", "matching", "code"]
    )
    features = model.collate([say("1", "빨간 원피스"), say("2", "원피스")], "query", task="retrieval")
    assert "Query: 빨간 원피스" in tokenizer.decode(features.rows["input_ids"][0])
    document = model.collate([say("1", "빨간 원피스")], "document", task="retrieval")
    assert "Passage: 빨간 원피스" in tokenizer.decode(document.rows["input_ids"][0])
    with torch.no_grad():
        model.eval()
        adapters.activate(model, "retrieval")
        states = model._model(**features.rows, use_cache=False).last_hidden_state
        mask = features.rows["attention_mask"][..., None]
        mean = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        torch.testing.assert_close(model(features).dense, mean)
    made = {
        "caption": [Pair(say(f"q{n}", f"글 {n}"), pairs.worded(f"d{n}", f"답 {n}"), (), "caption") for n in range(6)],
        "graded": [Pair(say(f"g{n}", f"문장 {n}", score=float(n)), say(f"h{n}", f"글 {n}"), (), "graded") for n in range(6)],
    }
    begun, quiet = jina_v4.shared(model), lambda _: None
    assert begun == "retrieval"
    jina_v4.stage(model, Stage("pairs", {"caption": 1.0}, 2, 4, 1e-3), begun, made, recipe, tmp_path, quiet, None, 0)
    jina_v4.spread_out(model)
    first, code = adapters.state(model, "retrieval"), adapters.state(model, "code")
    assert all(torch.equal(v, code[k.replace(".retrieval.", ".code.")]) for k, v in first.items())
    assert any(v.abs().sum() > 0 for k, v in code.items() if "lora_B" in k)
    jina_v4.stage(model, Stage("matching", {"graded": 1.0}, 2, 4, 1e-3), "matching", made, recipe, tmp_path, quiet, None, 1)
    assert all(torch.equal(v, first[k]) for k, v in adapters.state(model, "retrieval").items())
    assert '"late"' in (tmp_path / "pairs/log.jsonl").read_text() and '"cosent"' in (tmp_path / "matching/log.jsonl").read_text()


def test_both_ways_of_retrieval_can_be_chosen() -> None:
    way = jina_v4.TINY.changed({"instructions.retrieval": "two-sided"})
    assert jina_v4.tasks(way)[0].prompts == {"query": "query: ", "document": "key: "}
    assert adapters.adapters(jina_v4.tasks(way)) == ["query", "key", "matching", "code"]
    with pytest.raises(InputError, match="did you mean 'two-sided'"):
        jina_v4.tasks(jina_v4.TINY.changed({"instructions.retrieval": "two-side"}))


def test_an_adapter_has_about_sixty_million_parameters() -> None:
    """By hand: 36 layers of rank 32 on q, k, v, o (2,048; keys and values 256) and the three of the MLP (11,008), and the token head."""
    attention = 2 * (2048 + 2048) + 2 * (2048 + 256)
    by_hand = 32 * (36 * (attention + 3 * (2048 + 11008)) + (2048 + 128))
    sizes = jina_v4.adapter_sizes()
    assert sizes == dict.fromkeys(("retrieval", "matching", "code"), by_hand)
    assert abs(by_hand / 60e6 - 1) < 0.02


def test_late_scores_by_hand() -> None:
    """Each query token finds its best document token; the mean over query tokens. Padding never wins."""
    query = [np.array([[1, 0], [0, 1]], np.float32)]
    documents = [np.array([[1, 0]], np.float32), np.array([[0.6, 0.8], [-1, 0], [0, -1]], np.float32)]
    assert jina_v4.late_scores(query, documents).tolist() == [[pytest.approx((1 + 0) / 2), pytest.approx((0.6 + 0.8) / 2)]]
    assert jina_v4.late_scores(query, [-d for d in documents]).tolist()[0][0] == pytest.approx((-1 + 0) / 2)


def pictures(count: int) -> list[Picture]:
    return [Picture(f"p/{n}", "drawn", "train", Image(encoded(draw((20 * n % 256, 90, 200), (30, 40)))), {}) for n in range(count)]


def test_pages_hold_six_pictures_and_their_words_in_order() -> None:
    group = pictures(14)
    made = jina_v4.spreads(group, lambda p: p.key, "x")
    chosen = sorted((p.key for p in group), key=blake)
    assert [s.words for s in made] == [tuple(chosen[:6]), tuple(chosen[6:12])]  # what is left of a page makes none
    page = made[0].item.images[0].load()
    assert page.size == (520, 780)
    colours = {p.key: p.image.load().getpixel((0, 0)) for p in group}
    for k, key in enumerate(made[0].words):
        seen = page.getpixel((k % 2 * 260 + 130, k // 2 * 260 + 130))
        assert max(abs(a - b) for a, b in zip(seen, colours[key], strict=True)) < 12  # type: ignore[arg-type]


def test_all_stages_train_what_they_should(tmp_path: Path) -> None:
    say = pairs.worded
    spreads = jina_v4.spreads(pictures(24), lambda p: f"그림 {p.key}", "x")
    made = {
        "spread": [Pair(say(f"{s.item.id}/{n}", w), s.item, (), "spread") for s in spreads for n, w in enumerate(s.words)],
        "graded": [Pair(say(f"g{n}", f"문장 {n}", score=float(n)), say(f"h{n}", f"글 {n}"), (), "graded") for n in range(6)],
        "code": [Pair(say(f"q{n}", f"how to {n}"), say(f"c{n}", f"def f{n}(): pass"), (), "code") for n in range(6)],
    }
    recipe = replace(jina_v4.TINY, dims=(96, 400), lora_rank=4, chunk=2)
    model = jina_v4.build(recipe, tmp_path)
    quiet = lambda _: None  # noqa: E731
    before = {k: p.detach().clone() for k, p in model.named_parameters()}
    jina_v4.stage(model, Stage("pairs", {"spread": 1.0}, 2, 4, 1e-3), "", made, recipe, tmp_path, quiet, None, 0)
    moved = {k for k, p in model.named_parameters() if not torch.equal(p, before[k])}
    assert {"out.weight", "token_out.weight", "enter.weight", "place"} <= moved
    assert not [k for k in moved if k.startswith(("words.", "projection."))]
    model.with_tasks(jina_v4.tasks(recipe), recipe.lora_rank, recipe.lora_alpha)
    for name, source in (("matching", "graded"), ("code", "code")):
        before = {k: p.detach().clone() for k, p in model.named_parameters()}
        jina_v4.stage(model, Stage(name, {source: 1.0}, 2, 4, 1e-3), name, made, recipe, tmp_path, quiet, None, 0)
        moved = {k for k, p in model.named_parameters() if not torch.equal(p, before[k])}
        assert moved and all(f".{name}." in k for k in moved)
    losses = (tmp_path / "pairs/log.jsonl").read_text()
    assert '"late"' in losses and '"agreement"' in losses and '"cosent"' in (tmp_path / "matching/log.jsonl").read_text()


@needs_data
def test_no_test_is_trained_on() -> None:
    code = {(p.positive.text or "") for p in pairs.code(DATA, "test")}
    assert code and not code & {(p.positive.text or "") for p in pairs.code(DATA, "train")}
    trained, tests = ({p.id for p in pairs.questions(DATA, s)[1]} for s in ("train", "test"))
    assert trained and tests and not {i.split("/", 2)[2] for i in trained} & {i.split("/", 2)[2] for i in tests}


def test_figures_and_leads() -> None:
    scores, answers = np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 0.0]]), [0, 1, 1]
    assert table.reciprocal(scores, answers).tolist() == [1.0, 0.5, 0.5]  # a tie counts against it
    gold = np.arange(40.0)
    good, bad = (np.stack([x, gold], axis=1) for x in (gold**2, np.roll(gold, 13)))
    assert table.figure(good) == pytest.approx(1.0) and table.figure(np.array([1.0, 0.0])) == 0.5
    low, high = (float(x) for x in table.lead(good, bad).partition("[")[2].rstrip("]").split(","))
    assert 0 < low < 1 - table.figure(bad) < high
    assert table.lead(good, good) == "+0.000 [+0.000, +0.000]"
