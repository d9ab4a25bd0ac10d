"""Near-duplicates in hand-made vectors, and the same groups as a plain search of every pair finds."""

from __future__ import annotations

import numpy as np
import pytest

from hannun.embeddings import unit
from hannun.search import dupes
from hannun.search.dupes import groups, near


def test_chains_are_one_group_and_its_weakest_link_is_told() -> None:
    found = groups(list("abcde"), [(0, 1, 0.99), (1, 2, 0.96)], {})
    assert [(g.ids, g.exact) for g in found] == [(("a", "b", "c"), False)] and found[0].similarity == 0.96


def test_a_link_that_was_not_needed_does_not_weaken_a_group() -> None:
    (group,) = groups(list("abc"), [(0, 2, 0.95), (0, 1, 0.99), (1, 2, 0.98)], {})
    assert group.similarity == 0.98


def test_pictures_in_common_link_whatever_the_vectors_say() -> None:
    found = groups(list("abcd"), [(2, 3, 0.97)], {"a": ["x"], "b": ["y", "x"], "c": ["z"], "d": ["w"]})
    assert [(g.ids, g.similarity, g.exact) for g in found] == [(("a", "b"), 1.0, True), (("c", "d"), 0.97, False)]
    assert groups([], [], {"gone": ["x"]}) == []


@pytest.mark.parametrize("block", [7, 4096])
def test_every_near_pair_is_found_once(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(dupes, "_BLOCK", block)
    rows = unit(np.random.default_rng(0).normal(size=(60, 4)))
    truth = {(i, j) for i in range(60) for j in range(i + 1, 60) if rows[i] @ rows[j] >= 0.8}
    found = [(i, j) for i, j, _ in near(rows, 0.8)]
    assert set(found) == truth and len(found) == len(truth) > 0
