"""Batches made ready ahead are the same batches; a killed run sees again what was only made ready."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.item import Item, Pair, Text  # noqa: E402
from hannun.train.ahead import Ahead  # noqa: E402
from hannun.train.batches import Mixture, from_pairs  # noqa: E402
from hannun.train.steps.contrastive import Contrast, ahead, losses  # noqa: E402
from tests.train.network import Net  # noqa: E402


def mixture() -> Mixture:
    def pair(source: str, n: int, **facts: float) -> Pair:
        return Pair(
            Item(f"{source}{n}", (Text(f"{source} {n}"),), facts), Item(f"a{n}", (Text(f"답 {source} {n}"),)), (Item("n", (Text("x"),)),)
        )

    plain = from_pairs("plain", [pair("물음", n) for n in range(12)], query_prompt="찾기: ")
    graded = from_pairs("graded", [pair("점수", n, score=float(n)) for n in range(12)])
    return Mixture([plain, graded], 6, block=3)


def test_the_same_losses_as_without() -> None:
    settings, net = Contrast(negatives=1), Net(drop=0.0)
    one, two = mixture(), ahead(mixture(), net, settings, 2)
    assert isinstance(two, Ahead)
    for _ in range(4):
        a, b = one.next(), two.next()
        assert [p.query.id for p in a.pairs] == [p.query.id for p in b.pairs] and str(one) == str(two) and one.state() == two.state()
        expected, found = losses(net, a, one, settings), losses(net, b, two, settings)
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[k], found[k]) for k in expected)
        assert not two._ready  # every row that was made ready was used


def test_what_was_only_made_ready_comes_again() -> None:
    net, settings = Net(), Contrast()
    stream = ahead(mixture(), net, settings, 1)
    seen = [[p.query.id for p in stream.next().pairs] for _ in range(3)]
    state = stream.state()
    after = [p.query.id for p in stream.next().pairs]
    again = ahead(mixture(), net, settings, 1)
    again.restore(state)
    assert [p.query.id for p in again.next().pairs] == after and after not in seen
    assert ahead(mixture(), net, settings, 0).state() == mixture().state()  # no workers: the mixture itself


def test_an_error_reaches_the_step() -> None:
    def broken(*_: object, **__: object) -> None:
        raise InputError("no such picture")

    net = Net()
    net.collate = broken
    stream = ahead(mixture(), net, Contrast(), 1)
    with pytest.raises(InputError, match="no such picture"):
        stream.next()
