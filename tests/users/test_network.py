"""The user network by what it must be: blind to the future, the same by increments as at once, near-flat in its tokens, learning."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import torch

from hannun.embeddings import Floats
from hannun.errors import InputError, MissingError
from hannun.item import item
from hannun.load import load
from hannun.models.checkpoint import save
from hannun.models.sequence.cover import MergedHistory, cover
from hannun.models.sequence.folder import open_users
from hannun.models.sequence.history import History, event_rows, grown, token_rows, vectors
from hannun.models.sequence.network import LogNames, UserNetwork, UserShape
from hannun.sources.logs import of_columns
from hannun.users.batches import Sampling, WindowBatches
from hannun.users.futures import FutureLoss, future, futures
from hannun.users.histories import histories, names_of
from tests.toy import Toy

KNOWN = LogNames(tuple(f"i{n}" for n in range(50)), ("click", "buy"), ("home", "search"), tuple(f"r{n}" for n in range(100)))


def network(**more: object) -> UserNetwork:
    torch.manual_seed(0)
    made = UserNetwork(UserShape((32, 16), recent=8, kept=4, prices=True, gaps=True, **more), KNOWN).eval()  # type: ignore[arg-type]
    torch.nn.init.normal_(made.apart.weight)  # as after training: distances count
    return made


def drawn(n: int, seed: int = 0) -> History:
    rng = np.random.default_rng(seed)
    columns = (rng.integers(0, most, n) for most in (51, 3, 3, 101, 97))
    return History(*columns, np.sort(rng.uniform(1e9, 1.7e9, n)))


def at_once(model: UserNetwork, *many: History) -> Floats:
    table = model.tower(torch.arange(51)).detach()
    return vectors(model, grown(model, table, many))


def test_a_cover_holds_every_event_once_and_hardly_grows() -> None:
    for n in (0, 1, 63, 64, 67, 68, 100, 1_000, 9_999):
        sizes = cover(n)
        assert sizes.sum() == n and (np.diff(sizes) <= 0).all() and (sizes[-min(n, 64) :] == 1).all()
    assert (len(cover(100)), len(cover(10_000)), len(cover(1_000_000)) < 160) == (73, 106, True)


@pytest.mark.parametrize("step", [1, 7, 40])
def test_increments_give_what_the_whole_history_gives(step: int) -> None:
    model = network()
    table = model.tower(torch.arange(51)).detach()
    h = drawn(300)
    kept = [MergedHistory.none(32)]
    for begin in range(0, 300, step):
        kept = grown(model, table, [h.part(slice(begin, begin + step))], kept)
    whole = grown(model, table, [h])
    assert kept[0].events == 300 and kept[0].last == whole[0].last and len(kept[0].times) == len(cover(300, 8, 4))
    np.testing.assert_allclose(kept[0].times, whole[0].times, rtol=1e-12)
    assert np.abs(vectors(model, kept) - vectors(model, whole)).max() < 1e-5


def test_users_do_not_look_at_each_other() -> None:
    model = network()
    many = [drawn(n, n) for n in (1, 300, 5, 40)]
    np.testing.assert_allclose(at_once(model, *many), np.concatenate([at_once(model, h) for h in many]), atol=1e-5)
    assert not at_once(model, drawn(0)).any()


def test_no_state_knows_what_comes_later() -> None:
    model = network()
    table = model.tower(torch.arange(51)).detach()
    h = drawn(30)
    changed = replace(h, item=np.concatenate([h.item[:-3], h.item[-3:] % 50 + 1]), action=np.concatenate([h.action[:-3], [0, 0, 0]]))
    states = []
    for each in (h, changed):
        sizes = cover(30, 8, 4)
        owner = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
        tokens = token_rows([sizes], [np.add.reduceat(each.time, np.cumsum(sizes) - sizes) / sizes])
        sums = model.sums(table, event_rows([each], [float("nan")]), owner, len(sizes))
        states.append(model(sums[None], tokens)[0].detach())
    assert torch.equal(states[0][:-3], states[1][:-3]) and not torch.allclose(states[0][-1], states[1][-1])


def test_what_an_event_tells_counts() -> None:
    model = network()
    h = drawn(20)
    plain = at_once(model, h)
    for name, most in (("item", 51), ("action", 3), ("surface", 3), ("region", 101), ("price", 97)):
        assert np.abs(at_once(model, replace(h, **{name: (getattr(h, name) + 1) % most})) - plain).max() > 1e-4, name
    stretched = h.time[-1] - (h.time[-1] - h.time) * 20
    assert np.abs(at_once(model, replace(h, time=stretched)) - plain).max() > 1e-4
    assert np.abs(at_once(model, replace(h, time=h.time + 1e6)) - plain).max() < 1e-4  # when it was does not count, how far apart does


@pytest.mark.parametrize(("negatives", "masked"), [(5, 0.3), (10_000, 0.0)])
def test_it_learns_what_follows(negatives: int, masked: float) -> None:
    chain = [(f"u{u}", f"i{(u + n) % 20}", 1 + n) for u in range(60) for n in range(12)]  # each item is followed by the next one
    log = of_columns(*zip(*chain, strict=True), until=1e9)  # type: ignore[arg-type]
    past = histories(log, names_of(log))
    torch.manual_seed(0)
    model = UserNetwork(UserShape((32, 16), layers=1, dropout=0.0), names_of(log))
    batches = WindowBatches(past, Sampling(20, 64, 8))
    step = futures(batches, FutureLoss(negatives, masked))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    seen = []
    for number in range(40):
        losses = step(model, number)
        assert set(losses) == ({"future", "masked"} if masked else {"future"})
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
        seen.append(float(losses["future"].detach()))
    assert seen[-1] < 0.5 * seen[0]
    with torch.no_grad():
        table = model.eval().tower(torch.arange(21))
    made = vectors(model, grown(model, table, [past.of(n) for n in range(20)]))
    found = (made @ torch.nn.functional.normalize(table[1:], dim=-1).numpy().T).argmax(1)
    right = [model.known.items.index(f"i{(u + 12) % 20}") for u in range(20)]
    assert (found == right).mean() > 0.9


def test_a_small_catalogue_is_told_apart_whole() -> None:
    model = network()
    table = model.tower(torch.arange(51)).detach()
    states, target, share = (
        torch.randn(4, 32, generator=torch.Generator().manual_seed(0)),
        torch.tensor([1, 7, 50, 7]),
        torch.full((51,), 0.02),
    )

    def loss(settings: FutureLoss) -> float:
        return float(future(model, states, target, table, settings, share, torch.Generator().manual_seed(0)).detach())

    by_dim = []
    for dim in (32, 16):
        q, keys = (torch.nn.functional.normalize(x[:, :dim], dim=-1) for x in (states, table[1:]))
        scores = model.scale * q @ keys.T
        by_dim.append(float((scores.logsumexp(1) - scores[torch.arange(4), target - 1]).mean().detach()))
    assert loss(FutureLoss(10, whole=50)) == pytest.approx(sum(by_dim) / 2, rel=1e-5) == loss(FutureLoss(50))
    assert loss(FutureLoss(10, whole=49)) != pytest.approx(sum(by_dim) / 2, rel=1e-5)  # one item more than that: a sample of ten


def test_a_saved_model_opens_again_and_encodes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    toy = Toy("1")
    monkeypatch.setattr(importlib.import_module("hannun.load"), "load", lambda name: toy)
    known = LogNames(("t1", "t2"), ("click",))
    said = toy.encode_document(["캠핑 텐트", "낚싯대"]).dense
    content = torch.from_numpy(np.concatenate([np.zeros_like(said[:1]), said]))
    model = UserNetwork(UserShape((32, 16), content=said.shape[1], reads="mini"), known, content)
    save(model, tmp_path / "m")
    encoder = load(tmp_path / "m")
    assert (
        encoder.dims == (32, 16)
        and encoder.kinds == ("text", "image", "events")
        and encoder.fingerprint == load(tmp_path / "m").fingerprint
    )
    events = [{"time": "2026-01-01", "item": "t1", "action": "click"}, {"time": "2026-01-02", "item": "없던 것", "text": "침낭"}]
    rows = [{"text": "캠핑 텐트"}, item({"id": "t1", "text": "캠핑 텐트"}), {"events": events}, {"events": [{"time": 5, "text": "캠핑"}]}]
    made = encoder.encode_document(rows).dense
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert np.allclose(made, np.concatenate([encoder.encode_document([r]).dense for r in rows]), atol=1e-5)
    assert not np.allclose(made[0], made[1])  # the known one has its id too
    assert np.allclose(encoder.encode_query(rows).dense, made)
    other = encoder.encode_document([{"events": [events[0], {**events[1], "text": "낚시"}]}]).dense
    assert not np.allclose(other, made[2:3], atol=1e-4)  # what an unknown item is about counts
    cheap, dear = ({"events": [{**events[0], "price": p}]} for p in (100, 100_000))
    assert np.allclose(*encoder.encode_document([cheap, dear]).dense)  # the log of this one told no prices
    with pytest.raises(InputError, match="expected a list of contents"):
        encoder.encode_document("캠핑")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="empty content"):
        encoder.encode_document([""])


def test_a_model_without_content_knows_items_by_id_alone(tmp_path: Path) -> None:
    save(network(), tmp_path / "m")
    encoder = load(tmp_path / "m")
    prices = [{"events": [{"time": 1, "item": "i3", **cost}]} for cost in ({}, {"price": 900}, {"value": 900}, {"price": 90_000})]
    none, one, same, other = encoder.encode_document(prices).dense
    assert np.allclose(one, same) and not np.allclose(one, none, atol=1e-3) and not np.allclose(one, other, atol=1e-3)
    assert encoder.encode_document([item({"id": "i3", "text": "무엇이든"})]).dense.shape == (1, 32)
    with pytest.raises(InputError, match="trained without content, and knows no item"):
        encoder.encode_document(["캠핑"])


def test_what_is_no_model_of_users(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="holds no model of users"):
        open_users(tmp_path)
    save(network(), tmp_path / "m")
    (tmp_path / "m" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="cannot be loaded"):
        open_users(tmp_path / "m")
