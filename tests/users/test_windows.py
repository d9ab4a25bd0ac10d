"""Windows do not leak, and where a leak is planted the check finds it; what follows is among the future of its own user alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.errors import HannunError, InputError
from hannun.sources.logs import BehaviourLog, of_columns
from hannun.users.batches import Sampling, WindowBatches
from hannun.users.histories import histories, names_of
from hannun.users.ranking import left_out, past_ranked
from hannun.users.windows import leaks, unseen, windows

RNG = np.random.default_rng(0)


def drawn(users: int = 30, events: int = 600) -> BehaviourLog:
    user = [f"u{n}" for n in RNG.integers(0, users, events)]
    item = [f"i{n}" for n in RNG.integers(0, 40, events)]
    return of_columns(user, item, RNG.integers(1, 200, events) * 3_600, until=1e9)


def test_windows_hold_every_event_once_and_do_not_leak() -> None:
    log = drawn()
    cut = windows(log)
    assert len(cut.train) + len(cut.dev) + len(cut.test) == len(log) and min(map(len, (cut.train, cut.dev, cut.test))) > 20
    assert cut.train.time.max() <= cut.moments[0] < cut.dev.time.min() and cut.dev.time.max() <= cut.moments[1] < cut.test.time.min()
    assert leaks(cut) == []
    with pytest.raises(InputError, match="shares"):
        windows(log, (0.9, 0.8))


@pytest.mark.parametrize("name", ["dev", "test"])
def test_a_planted_leak_is_found(name: str) -> None:
    log = drawn()
    cut = windows(log)
    later = getattr(cut, name)
    of_train = np.isin(np.arange(len(log)), np.flatnonzero(log.time <= cut.moments[0]))
    of_train[np.flatnonzero((log.time == later.time[0]) & (log.user == later.user[0]))] = True
    found = leaks(replace(cut, train=log.only(of_train)))
    assert any("of train lie after the first moment" in line for line in found)
    assert any(f"stand both in train and in {name}" in line for line in found)
    assert leaks(replace(cut, **{name: log})) != []


def test_examples_know_nothing_of_their_future_and_a_planted_one_is_found() -> None:
    log = drawn(events=4_000)
    past = histories(log, names_of(log))
    batches = WindowBatches(past, Sampling(8, 16, 4, future=5))
    for _ in range(2 * batches.epoch):
        b = batches.next()
        assert unseen(b.known, b.due) == []
        assert sum(len(r.tokens.sizes) for r in b.rows) == min(8, len(batches.eligible) - (batches.number - 1) % batches.epoch * 8)
        assert sum(len(r.asked) for r in b.rows) == len(b.target)
        for r in b.rows:
            sizes = (r.tokens.sizes > 0).sum(1)
            assert (r.tokens.sizes.flatten()[r.asked] == 1).all() and sizes.max() <= 2 * sizes.min()
    shuffled = replace(past, events=replace(past.events, time=past.events.time[::-1].copy()))
    with pytest.raises(HannunError, match="examples have a history that ends after"):
        WindowBatches(shuffled, Sampling(8, 16, 4)).next()
    b.due[0] = b.known[0] - 1
    assert unseen(b.known, b.due) == [f"1 of {len(b.due)} examples have a history that ends after what they are to predict"]


def test_the_target_of_an_event_is_one_of_those_that_follow_it() -> None:
    log = of_columns(["a"] * 6, list("123456"), range(1, 7), until=1e9)
    past = histories(log, names_of(log))
    follows = {n: set() for n in range(5)}
    for seed in range(40):
        b = WindowBatches(past, Sampling(4, 16, 4, future=2, seed=seed)).next()
        (rows,) = b.rows
        assert rows.asked.tolist() == [0, 1, 2, 3, 4] and rows.events.item.tolist() == [1, 2, 3, 4, 5]
        for n, t in zip(rows.asked.tolist(), b.target.tolist(), strict=True):
            follows[n].add(t)
    assert follows == {0: {2, 3}, 1: {3, 4}, 2: {4, 5}, 3: {5, 6}, 4: {6}}


def test_a_stream_goes_on_where_it_was() -> None:
    past = histories(log := drawn(), names_of(log))
    one, other = (WindowBatches(past, Sampling(8, 16, 4)) for _ in range(2))
    for _ in range(7):
        one.next()
    other.restore(one.state())
    assert one.next().target.tolist() == other.next().target.tolist()


def test_processes_share_the_users_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    past = histories(log := drawn(), names_of(log))

    def batch(rank: int, size: int, users: int) -> list[int]:
        monkeypatch.setattr("hannun.users.batches.world", lambda: (rank, size))
        return sorted(WindowBatches(past, Sampling(users, 16, 4)).next().target.tolist())

    assert sorted(batch(0, 2, 9) + batch(1, 2, 9)) == batch(0, 1, 9)
    assert batch(0, 4, 3) == batch(3, 4, 3) == batch(0, 1, 3)  # fewer users than processes: all of them in each


def test_nobody_with_two_events() -> None:
    log = of_columns(["a", "b"], ["1", "2"], [1, 2], until=1e9)
    with pytest.raises(InputError, match="no user has two events"):
        WindowBatches(histories(log, names_of(log)), Sampling(8, 16, 4))


def test_what_is_asked_after_a_moment_is_new_to_the_user() -> None:
    log = of_columns(list("aaaaabbc"), list("12133414"), [1, 2, 8, 9, 10, 1, 9, 10], until=1e9)
    task = past_ranked(windows(log, (0.3, 0.4)), "test")  # after 2: a had 1 and 2, and 1 comes again before 3; c has no past
    assert [(log.users[u], log.items[i]) for u, i in zip(task.asked, task.target, strict=True)] == [("a", "3"), ("b", "1")]
    one = task.some(1)
    assert task.some(2) is task and len(one) == 1 and (one.asked[0], one.target[0]) in zip(task.asked, task.target, strict=True)


def test_everything_that_is_new_may_be_asked_for() -> None:
    log = of_columns(list("aaaaabb"), list("1213434"), [1, 2, 8, 9, 10, 1, 9], until=1e9)
    task = past_ranked(windows(log, (0.3, 0.4)), "test", every=True)  # a had 1 and 2, then 1, 3 and 4; b had 3, then 4
    assert [(log.users[u], log.items[i]) for u, i in zip(task.asked, task.target, strict=True)] == [("a", "3"), ("a", "4"), ("b", "4")]


def test_baselines_by_hand() -> None:
    log = of_columns(list("aaabbbccc"), list("121121123"), [1, 2, 3] * 3, until=1e9)
    before, task = left_out(log, 1)
    assert len(before) == 6 and [log.items[i] for i in task.target] == ["1", "1", "3"]
    assert task.popularity().ranks.tolist() == [1, 1, 1]  # what the user had is no candidate, the right answer is
    assert task.last_item().ranks.tolist() == [1, 1, 1]
    assert task.ranked(lambda users: np.full((len(users), 3), -np.inf)).ranks.tolist() == [3, 3, 3]
    tied = task.ranked(lambda users: np.zeros((len(users), 3)))
    assert tied.ranks.tolist() == [2, 2, 1] and tied.recall(1).tolist() == [0, 0, 1]
