"""The contrastive step: masks, hard negatives, prompts and tasks by source, scores, and that training learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.item import Item, Pair, Text  # noqa: E402
from hannun.models.features import Features, Vectors  # noqa: E402
from hannun.train.batches import Batch, Mixture, from_pairs  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.schedule import Schedule  # noqa: E402
from hannun.train.steps.contrastive import Contrast, contrastive, losses  # noqa: E402
from tests.train.network import Net  # noqa: E402


def text(word: str, **facts: object) -> Item:
    return Item(word, (Text(word),), facts)


class Same(torch.nn.Module):  # type: ignore[misc]
    """Everything gets the vector (1): the loss counts candidates, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.asked: list[tuple[str, str | None, str, int]] = []

    def collate(self, items: Sequence[Item], role: str, *, instruction: str | None = None, task: str = "") -> Features:
        self.asked.append((role, instruction, task, len(items)))
        return Features({"x": torch.ones(len(items), 1)}, (0,) * len(items))

    def forward(self, features: Features) -> Vectors:
        return Vectors(features.rows["x"] * self.weight)


def loss_of(pairs: list[Pair], **settings: object) -> float:
    mixture = Mixture([from_pairs("s", pairs)], max(2, len(pairs)))
    batch = Batch(0, tuple(Pair(p.query, p.positive, p.negatives, "s") for p in pairs), len(pairs))
    return losses(Same(), batch, mixture, Contrast(symmetric=False, **settings))["dense"].item()  # type: ignore[arg-type]


def test_each_query_sees_all_that_do_not_answer_it() -> None:
    plain = [Pair(text("a"), text("A")), Pair(text("b"), text("B")), Pair(text("c"), text("C"))]
    assert loss_of(plain) == pytest.approx(math.log(3))
    equal_query = [Pair(text("a"), text("A")), Pair(text("a"), text("B")), Pair(text("c"), text("C"))]
    assert loss_of(equal_query) == pytest.approx((2 * math.log(2) + math.log(3)) / 3)  # A and B both answer "a"
    asked_as_key = [Pair(text("a"), text("A")), Pair(text("b"), text("a")), Pair(text("c"), text("C"))]
    assert loss_of(asked_as_key) == pytest.approx((math.log(2) + 2 * math.log(3)) / 3)  # "a" itself is no negative for "a"
    products = [Pair(text("a"), text("A", sku=1)), Pair(text("b"), text("B", sku=1)), Pair(text("c"), text("C"))]
    assert loss_of(products) == pytest.approx(math.log(3))
    assert loss_of(products, products="sku") == pytest.approx((2 * math.log(2) + math.log(3)) / 3)
    several = [Pair(text("a", kind=1), text("A")), Pair(text("b"), text("B", kind=1)), Pair(text("c"), text("C"))]
    assert loss_of(several, also=("kind",)) == pytest.approx((math.log(2) + 2 * math.log(3)) / 3)  # B answers a, too; A does not answer b


def test_hard_negatives_of_all_or_of_their_own_query() -> None:
    pairs = [Pair(text("a"), text("A"), (text("x"), text("y"))), Pair(text("b"), text("B"))]
    assert loss_of(pairs, negatives=0) == pytest.approx(math.log(2))
    assert loss_of(pairs, negatives=1) == pytest.approx(math.log(3))
    assert loss_of(pairs, negatives=2) == pytest.approx(math.log(4))
    assert loss_of(pairs, negatives=2, own=True) == pytest.approx((math.log(4) + math.log(2)) / 2)
    answered = [Pair(text("a"), text("A"), (text("B"),)), Pair(text("b"), text("B"))]
    assert loss_of(answered, negatives=1) == pytest.approx((math.log(3) + math.log(2)) / 2)  # "B" is no negative for "b"


def test_prompts_and_tasks_by_source() -> None:
    sources = [
        from_pairs("s", [Pair(text(f"s{n}"), text(f"S{n}")) for n in range(4)], query_prompt="찾아라:", task="retrieval"),
        from_pairs("t", [Pair(text(f"t{n}"), text(f"T{n}")) for n in range(4)]),
    ]
    mixture, model = Mixture(sources, 4, block=2), Same()
    pairs = tuple(Pair(text(f"{s}{n}"), text(f"{s}{n}!"), (), s) for s in "st" for n in range(2))
    losses(model, Batch(0, pairs, 4), mixture, Contrast())
    assert model.asked == [
        ("query", "찾아라:", "retrieval", 2), ("query", None, "", 2), ("document", None, "retrieval", 2), ("document", None, "", 2)
    ]  # fmt: skip


def test_pairs_with_scores_are_ordered_not_contrasted() -> None:
    pairs = [Pair(text("a", score=5.0), text("A")), Pair(text("b", score=1.0), text("B"))]
    mixture = Mixture([from_pairs("s", pairs)], 2)
    batch = Batch(0, tuple(Pair(p.query, p.positive, (), "s") for p in pairs), 2)
    found = losses(Same(), batch, mixture, Contrast(cosent=2.0))
    assert set(found) == {"cosent"} and found["cosent"].item() == pytest.approx(2 * math.log(2))  # equal cosines: log(1 + e^0)


def test_token_losses_need_tokens() -> None:
    mixture = Mixture([from_pairs("s", [Pair(text("a"), text("A")), Pair(text("b"), text("B"))])], 2)
    with pytest.raises(InputError, match="give it a token head"):
        losses(Same(), mixture.next(), mixture, Contrast(late=1.0))


def test_it_learns_and_resumes_to_the_bit(tmp_path: Path) -> None:
    """Words and their reverse, which share their letters: a network that starts at random finds them."""
    words = [chr(97 + n) + chr(98 + 2 * n % 20) + chr(99 + 3 * n % 20) for n in range(20)]
    pairs = [Pair(text(w), text(w[::-1].upper())) for w in words]
    settings = Contrast(chunk=4, dims=(8, 16), late=0.5, agreement=0.5)

    def run(folder: Path, stop: int) -> torch.nn.Module:
        mixture = Mixture([from_pairs("s", pairs)], 8, seed=1)
        inner = contrastive(mixture, settings)

        def step(module: torch.nn.Module, number: int) -> dict[str, torch.Tensor]:
            if number == stop:
                raise KeyboardInterrupt
            found = inner(module, number)
            seen.append(found["dense"].item())
            return found

        return train(Net(drop=0.1), step, Schedule(12, 1e-2, save_every=4, seed=3), folder, lambda _: None, batches=mixture)

    seen: list[float] = []
    whole = run(tmp_path / "a", -1)
    assert sum(seen[-3:]) < 0.8 * sum(seen[:3])
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", 7)
    again = run(tmp_path / "b", -1)
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
