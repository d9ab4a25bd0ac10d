"""The step of OneR's training: losses by name, who gets gradients, what is no negative, resume with the teacher, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.item import Image, Item, Pair, Text, item  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.one_tower.tower import OneTower  # noqa: E402
from hannun.models.one_tower.trunk import OneTowerShape  # noqa: E402
from hannun.train.batches import Mixture, from_pairs  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.schedule import Schedule  # noqa: E402
from hannun.train.steps.cross_modal import CrossModal, cross_modal, losses, paired, parts, taught  # noqa: E402
from tests.conftest import draw  # noqa: E402

COLOURS = {"빨강": (220, 30, 30), "파랑": (30, 40, 220), "초록": (30, 190, 50), "노랑": (230, 220, 40)}
ALL = {"itc": 1.0, "xmc": 1.0, "cic": 1.0, "cmc": 1.0}


def pairs(**facts: str) -> list[Pair]:
    return [Pair(Item(f"q{k}", (Text(k),)), Item(f"p{k}", (Image(draw(v, (16, 16))),), facts)) for k, v in COLOURS.items()]


def small(**changed: Any) -> OneTower:
    torch.manual_seed(0)
    words = tiny.tokenizer(list(COLOURS), ["<pad>", "</s>"], pad="<pad>", eos="</s>")
    shape = {"side": 16, "width": 16, "layers": 2, "heads": 2, "words": len(words), "hidden": 24, "dim": 8, "limit": 8}
    return OneTower(OneTowerShape(**{**shape, **changed}), words)


def mixture(size: int = 4, **facts: str) -> Mixture:
    return Mixture([from_pairs("s", pairs(**facts))], size)


def test_each_objective_is_a_loss_of_its_name_and_its_weight() -> None:
    model, batches = small(), mixture()
    batch = batches.next()
    found = {}
    for weight in (1.0, 2.0):
        torch.manual_seed(3)
        found[weight] = losses(model, batch, batches, CrossModal(dict.fromkeys(ALL, weight)))
    assert set(found[1.0]) == set(ALL)
    for name in ALL:
        assert found[2.0][name].item() == pytest.approx(2 * found[1.0][name].item(), rel=1e-4), name
    assert set(losses(model, batch, batches, CrossModal({"itc": 1.0, "cmc": 0.0}))) == {"itc"}


def test_the_student_learns_and_the_teacher_gets_no_gradient() -> None:
    model, batches = small(), mixture()
    sum(losses(model, batches.next(), batches, CrossModal(ALL)).values()).backward()
    assert model.teacher is not None and all(p.grad is None for p in model.teacher.parameters())
    without = [k for k, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.abs().sum())]
    unused = [k for k in without if not k.endswith("key.bias")]  # a softmax does not see what is added to every key alike
    assert not unused
    assert model.student.trunks[0].seen.project.weight.grad is None  # the frozen patches


def test_clip_and_slip_have_no_teacher() -> None:
    model, batches = small(trunks=2, projectors=2, momentum=0.0), mixture()
    found = losses(model, batches.next(), batches, CrossModal({"clip": 1.0, "slip": 1.0}))
    assert set(found) == {"clip", "slip"}
    with pytest.raises(InputError, match="expected clip or slip"):
        losses(model, batches.next(), batches, CrossModal(ALL))
    with pytest.raises(InputError, match="expected itc"):
        losses(small(), batches.next(), batches, CrossModal({"clip": 1.0}))


def test_what_answers_too_is_no_negative() -> None:
    """All four pictures are one product: nothing is left to contrast with, and the loss is 0."""
    model = small()
    batches = mixture(sku="1")
    told = CrossModal({"itc": 1.0}, products="sku")
    assert losses(model, batches.next(), batches, told)["itc"].item() == 0
    assert losses(model, batches.next(), batches, CrossModal({"itc": 1.0}))["itc"].item() > 0.1


def test_pairs_of_a_text_and_a_picture_whichever_side_each_stood_on() -> None:
    picture = Image(draw((1, 2, 3), (16, 16)))
    given = [
        Pair(item("글", id="a"), Item("b", (picture,))),
        Pair(Item("c", (picture,)), item("글", id="d")),
        Pair(item("글", id="e"), item("다른 글", id="f")),
        Pair(item("글", id="g"), Item("h", (Text("제목"), picture))),
    ]
    kept, left = paired(given)
    assert left == 1 and [p.query.text for p in kept] == ["글", "글", "글"] and all(p.positive.images == (picture,) for p in kept)
    assert all(not p.positive.text for p in kept)


def test_parts_of_pictures() -> None:
    """The whole area, not mirrored, is the picture itself; a quarter of a picture of one colour for each half shows as much of both."""
    pixels = torch.rand(2, 3, 8, 8)
    assert torch.allclose(parts(pixels, (1.0, 1.0), False), pixels, atol=1e-5)
    torch.manual_seed(0)
    mirrored = parts(pixels, (1.0, 1.0), True)
    assert all(torch.allclose(m, p, atol=1e-5) or torch.allclose(m, p.flip(-1), atol=1e-5) for m, p in zip(mirrored, pixels, strict=True))
    ramp = torch.linspace(0, 1, 8).expand(64, 3, 8, 8)
    seen = parts(ramp, (0.25, 0.25), False)
    assert (seen.amax((1, 2, 3)) - seen.amin((1, 2, 3))).max() < 0.55  # half of each side
    assert seen.amin() >= 0 and seen.amax() <= 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"itk": 1.0}, "did you mean 'itc'"), ({"itc": 0.0}, "expected some of"), ({"itc": 1.0, "clip": 1.0}, "or some of clip")],
)
def test_objectives_that_cannot_be_are_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        CrossModal(wrong)


def test_a_killed_training_goes_on_with_its_teacher(tmp_path: Path) -> None:
    def go(folder: Path, stop: bool) -> OneTower:
        model, batches = small(), mixture()
        schedule = Schedule(4, 1e-2, save_every=2, log_every=2, seed=1)
        step = cross_modal(batches, CrossModal(ALL))

        def killed(module: Any, number: int) -> None:
            taught(4)(module, number)
            if stop and number == 2:
                raise KeyboardInterrupt

        made: OneTower = train(model, step, schedule, folder, lambda _: None, batches=batches, after=killed)  # type: ignore[assignment]
        return made

    whole = go(tmp_path / "whole", False)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "killed", True)
    again = go(tmp_path / "killed", False)
    begun = small()
    assert whole.teacher is not None and again.teacher is not None and begun.teacher is not None
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert not torch.equal(whole.teacher.trunks[0].cls, begun.teacher.trunks[0].cls)
    assert not torch.equal(whole.teacher.trunks[0].cls, whole.student.trunks[0].cls)


def test_it_learns_which_picture_is_which_word(tmp_path: Path) -> None:
    model, batches = small(), mixture()
    settings = CrossModal(ALL, area=(0.8, 1.0))
    train(
        model, cross_modal(batches, settings), Schedule(60, 5e-3, log_every=60), tmp_path, lambda _: None, batches=batches, after=taught(60)
    )
    rows = [[p.query for p in pairs()], [p.positive for p in pairs()]]
    asked, known = (model(model.collate(r, role)).dense for r, role in zip(rows, ("query", "document"), strict=True))
    assert (asked @ known.T).argmax(dim=1).tolist() == [0, 1, 2, 3]
