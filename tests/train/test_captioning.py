"""The captioning step: CoCa's two losses, either alone, gradient caching, styles by source, and that training learns to tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.item import Item, Pair, Text  # noqa: E402
from hannun.models.captioner import speaking  # noqa: E402
from hannun.objectives import caption  # noqa: E402
from hannun.objectives.infonce import bounded, infonce  # noqa: E402
from hannun.objectives.sigmoid import sigmoid  # noqa: E402
from hannun.recipes.prompt_coca import PAPER  # noqa: E402
from hannun.train.batches import Batch, Mixture, from_pairs  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.schedule import Schedule  # noqa: E402
from hannun.train.steps.captioning import Captioning, ahead, captioning, losses  # noqa: E402
from hannun.train.steps.contrastive import Contrast  # noqa: E402
from tests.models.test_captioner import TEXTS, pictures, small  # noqa: E402
from tests.train.network import gradient  # noqa: E402


def pairs(source: str = "s", turned: bool = False) -> list[Pair]:
    """(text → picture), or the other way round."""
    made = [(Item(f"t{n}", (Text(t),)), Item(f"p{n}", (p,))) for n, (t, p) in enumerate(zip(TEXTS, pictures(), strict=True))]
    return [Pair(*(both[::-1] if turned else both), (), source) for both in made]


def mixed(task: str = "query") -> Mixture:
    return Mixture([from_pairs("s", pairs(), task=task)], 3)


def found(settings: Captioning, model: Any = None, **how: Any) -> dict[str, Any]:
    return losses(model or small(), Batch(0, tuple(pairs(**how)), 3), mixed(), settings)


def test_the_two_losses_are_those_of_the_objectives_with_the_paper_s_weights() -> None:
    model = small()
    out = found(Captioning(), model)
    rows = model(model.collate([replace(p.query, parts=(*p.query.parts, *p.positive.parts)) for p in pairs()], "pair", task="query"))
    scale = bounded(model.log_scale)
    assert out["contrast"].item() == pytest.approx(infonce(rows.dense, rows.others["seen"], scale).item(), rel=1e-5)
    assert out["caption"].item() == pytest.approx(2 * caption.caption(rows.others["caption"], rows.others["count"]).item(), rel=1e-5)
    pairwise = found(Captioning(pairwise=1), model)["contrast"]
    assert pairwise.item() == pytest.approx(sigmoid(rows.dense, rows.others["seen"], scale, model.bias).item(), rel=1e-5)
    assert found(Captioning(), model, turned=True)["caption"].item() == pytest.approx(out["caption"].item(), rel=1e-5)
    assert Captioning.of(PAPER) == Captioning(Contrast.of(PAPER), 2.0, 1.0)


def test_either_loss_alone() -> None:
    """Without captions it is CLIP (or SigLIP), its upper half learns nothing; without contrast a captioner, its heads learn nothing."""
    model = small()
    only = found(Captioning(captions=0), model)
    assert set(only) == {"contrast"}
    only["contrast"].backward()
    assert all(p.grad is None for p in model.upper.parameters()) and model.text_out.weight.grad.abs().sum() > 0
    model = small()
    only = found(Captioning(contrasts=0), model)
    assert set(only) == {"caption"}
    only["caption"].backward()
    assert model.text_out.weight.grad is None and next(model.upper.parameters()).grad.abs().sum() > 0
    with pytest.raises(InputError, match="one of them above 0"):
        Captioning(captions=0, contrasts=0)


def test_chunks_under_the_gradient_cache_have_the_gradient_of_the_whole_batch() -> None:
    whole, parts = small(), small()
    for model, chunk in ((whole, 0), (parts, 2)):
        sum(found(Captioning(Contrast(chunk=chunk)), model).values()).backward()
    expected, got = gradient(whole), gradient(parts)
    assert float((got - expected).norm() / expected.norm()) < 1e-5


def test_the_style_of_a_source_is_the_token_that_its_texts_begin_with() -> None:
    seen: list[str] = []
    model = small()
    before = model.told
    model.told = lambda task, language: (seen.append(task), before(task, language))[1]
    sources = [from_pairs("a", pairs("a"), task="caption"), from_pairs("b", pairs("b"), task="query")]
    losses(model, Batch(0, (*pairs("a"), *pairs("b")), 6), Mixture(sources, 3), Captioning())
    assert seen == ["caption"] * 3 + ["query"] * 3


def test_training_learns_to_say_each_picture_s_own_text_and_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    model, batches = small(), mixed()
    schedule = Schedule(80, 1e-2, save_every=40, log_every=80, weight_decay=0)
    train(model, captioning(batches, Captioning()), schedule, tmp_path / "a", lambda _: None, batches=batches)
    said = speaking.captions(model, pictures(), "query", "ko") + speaking.captions(model, pictures(), "query", "en")
    assert said[0][0][0] == TEXTS[0] and said[4][0][0] == TEXTS[1]

    def killed(model: Any, number: int) -> dict[str, Any]:
        if number == 50:
            raise KeyboardInterrupt
        return step(model, number)

    again, stream = small(), mixed()
    step = captioning(stream, Captioning())
    with pytest.raises(KeyboardInterrupt):
        train(again, killed, schedule, tmp_path / "b", lambda _: None, batches=stream)
    again, stream = small(seed=5), mixed()
    train(again, captioning(stream, Captioning()), schedule, tmp_path / "b", lambda _: None, batches=stream)
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], atol=1e-5, rtol=1e-4)


def test_batches_made_ready_ahead_are_the_same_batches() -> None:
    model, plain, stream = small(), mixed(), ahead(mixed(), small(), Captioning(), 2)
    for _ in range(2):
        mine = losses(model, plain.next(), plain, Captioning())
        theirs = losses(model, stream.next(), stream, Captioning())
        assert {k: v.item() for k, v in mine.items()} == pytest.approx({k: v.item() for k, v in theirs.items()})
