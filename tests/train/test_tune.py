"""`hannun tune` from a collection to a model that searches it better, on drawn things; what is refused, and what is kept after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hannun
from hannun import catalogue
from hannun.errors import InputError
from hannun.item import Image, Item, Pair, Text
from hannun.journal import Journal
from hannun.mini.image import STATES
from hannun.mini.model import Mini
from hannun.mini.text import WIDTH
from hannun.serve.cli.main import run
from hannun.train import tune
from hannun.train.heads import HeadSettings
from tests.conftest import draw, encoded

QUICK = HeadSettings(steps=60, rate=6e-3)
WORDS = ("무늬 하나", "무늬 둘", "무늬 셋", "무늬 넷")


def pair(n: int, text: str, **facts: str) -> Pair:
    return Pair(Item(f"q{n}", (Text(text),)), Item(f"p{n}", (Image(encoded(draw(seed=n))),), facts), (), "own")


def known(count: int = 220) -> tune.KnownPairs:
    """Pictures whose states tell which of four words is theirs, and whose own vectors do not."""
    own = tune.own_pairs([pair(n, WORDS[n % 4]) for n in range(count)])
    rng = np.random.default_rng(0)
    states = rng.standard_normal((count, STATES)).astype(np.float32)
    states[:, :WIDTH] = 0.3 * rng.standard_normal((count, WIDTH)) / WIDTH**0.5 + np.eye(WIDTH)[0]
    which = own.pairs[np.argsort(own.pairs[:, 0]), 1]
    for n, w in enumerate(which.tolist()):
        states[n, WIDTH + 300 * w : WIDTH + 300 * (w + 1)] += 3
    return tune.KnownPairs(own, states, Mini().encode_query(own.texts).dense)


@pytest.fixture
def without_reading(monkeypatch: pytest.MonkeyPatch) -> tune.KnownPairs:
    made = known()
    monkeypatch.setattr(tune, "states_of", lambda *_: made.states)
    monkeypatch.setattr(tune, "_remembered", lambda *_: tune.TuneLine("what it knew, MRR", np.ones(9), np.ones(9)))
    return made


def test_words_that_pictures_tell_are_learnt_and_kept(without_reading: tune.KnownPairs, tmp_path: Path) -> None:
    told: list[str] = []
    out = tune.tune(without_reading.own, tmp_path / "work", told.append, settings=QUICK)
    after = next(m for m in out.lines if m.name.startswith("more pictures, pictures → words, MRR"))
    assert out.kept and after.after.mean() > 0.9 > after.before.mean() and "held out" in told[0]
    pieces = sorted(f.name for f in (tmp_path / "work").iterdir())
    again = tune.tune(without_reading.own, tmp_path / "work", told.append, settings=QUICK)  # as after a kill: nothing is trained anew
    assert sorted(f.name for f in (tmp_path / "work").iterdir()) == pieces and (again.head.matrix == out.head.matrix).all()


def test_what_cannot_be_learnt_is_not_kept(without_reading: tune.KnownPairs, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = replace(without_reading, states=np.random.default_rng(5).permutation(without_reading.states))
    monkeypatch.setattr(tune, "states_of", lambda *_: noise.states)
    out = tune.tune(noise.own, None, lambda _: None, settings=QUICK)
    assert not out.kept and "not surely better" in out.why


def test_forgetting_is_refused() -> None:
    better = tune.TuneLine("more pictures, MRR", np.full(50, 0.2), np.full(50, 0.9))
    assert tune.verdict([better, tune.TuneLine("old, MRR", np.ones(50), np.ones(50))])[0]
    kept, why = tune.verdict([better, tune.TuneLine("old, MRR", np.ones(50), np.full(50, 0.9))])
    assert not kept and "forgot" in why
    kept, why = tune.verdict([better, replace(better, name="new products, MRR", before=better.after, after=better.before), better])
    assert not kept


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([], "no item has both words and a picture"),
        ([pair(n, "신발") for n in range(60)], "have one text"),
        ([pair(1, f"신발 {n}") for n in range(60)], "1 different pictures"),
    ],
)
def test_nothing_to_learn_from_is_one_line(pairs: list[Pair], says: str) -> None:
    with pytest.raises(InputError, match=says):
        tune.tune(tune.own_pairs(pairs), None, lambda _: None)


def test_new_products_are_held_out_whole() -> None:
    own = tune.own_pairs([pair(n, f"상품 {n // 4}", sku=str(n // 4)) for n in range(200)], "sku")
    new, more = tune.held_out(own)
    products = {p: own.products[t] for p, t in own.pairs.tolist()}
    rest = set(products) - new - more
    assert new and more and not {products[p] for p in new} & {products[p] for p in rest | more}
    assert {products[p] for p in more} <= {products[p] for p in rest}


def test_pictures_that_cannot_be_decoded_are_left_out() -> None:
    own = tune.own_pairs([pair(n, f"글 {n}") for n in range(3)])
    states = np.ones((3, STATES), np.float32)
    states[1] = np.nan
    left, kept = tune.readable(own, states)
    assert left.pairs.tolist() == [[0, 0], [1, 2]] and len(kept) == len(left.pictures) == 2 and left.keys == [own.keys[0], own.keys[2]]


def test_shown_and_not_clicked_comes_beside() -> None:
    a, b = pair(1, "빨강"), pair(2, "파랑")
    own = tune.own_pairs([replace(a, negatives=(b.positive,)), b])
    assert {n: v.tolist() for n, v in own.beside.items()} == {0: [1]}


def test_states_are_read_once(tmp_path: Path) -> None:
    pictures = [Image(draw(seed=n)) for n in range(2)]
    journal, told = Journal(tmp_path / "work"), list[str]()
    first = tune.states_of(pictures, ["a", "b"], journal, told.append, lambda _: None)
    assert "to look at 2 pictures" in told[0] and first.shape == (2, STATES)
    broken = tune.states_of([Image(b"no picture"), pictures[0]], ["c", "a2"], journal, told.append, lambda _: None)
    assert np.isnan(broken[0]).all() and (broken[1] == first[0]).all()
    gone = [Image(Path("gone.png"))] * 2
    assert (tune.states_of(gone, ["a", "b"], journal, told.append, lambda _: None) == first).all()


def test_the_command_tells_refuses_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [e for e in catalogue.entries() if e.category != "문서"][:48]
    with hannun.open(tmp_path / "c.hannun") as shop:
        shop.add([{"id": e.id, "text": f"모델 {n % 4}번", "image": e.picture().resize((64, 64))} for n, e in enumerate(entries)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tune, "LEAST", 4)
    monkeypatch.setattr(tune, "_remembered", lambda *_: tune.TuneLine("what it knew, MRR", np.ones(9), np.ones(9)))
    status = run(["tune", "c.hannun", "--steps", "5", "--to", "model"])
    told = capsys.readouterr()
    assert "about 0:" in told.err and "what it knew" in told.out
    assert (status, (tmp_path / "model").exists()) in ((0, True), (1, False))  # words that nothing shows: most likely not kept
    assert ("no model is kept" in told.out) == (status == 1)
    assert run(["tune", "c.hannun", "--steps", "0"]) == 1 and run(["tune", "nowhere.hannun"]) == 1
