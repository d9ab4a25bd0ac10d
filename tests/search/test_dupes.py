"""Near-duplicates in hand-made vectors, and the same groups as a plain search of every pair finds."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from hannun.embeddings import unit
from hannun.errors import InputError
from hannun.search import dupes
from hannun.search.dupes import APART, GRID, Pairs, alike, apart, groups, looks, near


def pairs(*given: tuple[int, int, float]) -> list[Pairs]:
    """As `near` gives them, each pair a block of its own."""
    return [(np.array([i]), np.array([j]), np.array([c], np.float32)) for i, j, c in given]


def test_a_chain_is_no_group() -> None:
    """a is near b, and b near c, but a not near c: the nearest two are a group, and c is none of it."""
    found = groups(list("abcde"), pairs((0, 1, 0.99), (1, 2, 0.96)), {})
    assert [(g.ids, g.exact) for g in found] == [(("a", "b"), False)] and found[0].similarity == pytest.approx(0.99)


def test_of_a_group_every_two_are_near_and_the_farthest_is_told() -> None:
    (group,) = groups(list("abc"), pairs((0, 2, 0.95), (0, 1, 0.99), (1, 2, 0.98)), {})
    assert group.ids == ("a", "b", "c") and group.similarity == pytest.approx(0.95)
    # two pairs become one group of four only with the fourth of the links between them
    links = [(0, 1, 0.99), (2, 3, 0.98), (0, 2, 0.97), (0, 3, 0.97), (1, 2, 0.97)]
    assert [g.ids for g in groups(list("abcd"), pairs(*links), {})] == [("a", "b"), ("c", "d")]
    assert [g.ids for g in groups(list("abcd"), pairs(*links, (1, 3, 0.96)), {})] == [("a", "b", "c", "d")]


def test_pictures_in_common_link_whatever_the_vectors_say() -> None:
    found = groups(list("abcd"), pairs((2, 3, 0.97)), {"a": ["x"], "b": ["y", "x"], "c": ["z"], "d": ["w"]})
    assert [(g.ids, g.exact) for g in found] == [(("a", "b"), True), (("c", "d"), False)]
    assert [g.similarity for g in found] == pytest.approx([1.0, 0.97])
    assert groups([], [], {"gone": ["x"]}) == []


def test_groups_are_those_of_complete_linkage() -> None:
    """Against the plain algorithm: of all groups, join the two whose farthest members are nearest, as long as they are near enough."""
    rows = unit(np.random.default_rng(1).normal(size=(60, 3)))
    cosines, clusters = rows @ rows.T, [[n] for n in range(60)]
    while True:
        worst = {(a, b): min(cosines[i, j] for i in clusters[a] for j in clusters[b]) for a in range(len(clusters)) for b in range(a)}
        (a, b), best = max(worst.items(), key=lambda w: w[1])
        if best < 0.9:
            break
        clusters[b] += clusters.pop(a)
    truth = {tuple(sorted(f"{n:02}" for n in c)) for c in clusters if len(c) > 1}
    found = groups([f"{n:02}" for n in range(60)], near(rows, 0.9), {})
    assert {g.ids for g in found} == truth and len(truth) > 5
    assert all(g.similarity >= 0.9 for g in found)


@pytest.mark.parametrize("block", [7, 4096])
def test_every_near_pair_is_found_once(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(dupes, "_BLOCK", block)
    rows = unit(np.random.default_rng(0).normal(size=(60, 4)))
    truth = {(i, j) for i in range(60) for j in range(i + 1, 60) if rows[i] @ rows[j] >= 0.8}
    found = [(int(i), int(j)) for block_i, block_j, _ in near(rows, 0.8) for i, j in zip(block_i, block_j, strict=True)]
    assert set(found) == truth and len(found) == len(truth) > 0


def test_so_many_pairs_that_memory_would_not_hold_them_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dupes, "MOST", 5)
    with pytest.raises(InputError, match="over 5 pairs are as near as that; raise it"):
        list(near(unit(np.ones((4, 3))), 0.5))


def test_a_copy_looks_alike_and_another_colour_does_not() -> None:
    picture = PIL.Image.effect_noise((240, 240), 60).convert("RGB")
    picture.paste((200, 40, 40), (60, 60, 180, 180))  # a red square on a grey ground
    blue = picture.copy()
    blue.paste((40, 40, 200), (60, 60, 180, 180))
    small = picture.resize((120, 120)).crop((2, 2, 118, 118))
    assert apart(looks(picture), looks(small)) <= APART < apart(looks(picture), looks(blue))
    assert apart(looks(picture), looks(picture)) == 0


def test_pairs_that_do_not_look_alike_are_no_pairs() -> None:
    grey = np.full((GRID, GRID, 3), 0.5, np.float32)
    seen = {0: grey, 1: grey + APART / 2, 2: grey + 0.3, 3: None}
    asked: list[int] = []
    given = [(np.array([0, 0, 0]), np.array([1, 2, 3]), np.array([0.99, 0.98, 0.97], np.float32))]
    ((i, j, cosines),) = alike(given, lambda n: asked.append(n) or seen[n])  # type: ignore[func-returns-value]
    assert (i.tolist(), j.tolist()) == ([0, 0], [1, 3]) and cosines.tolist() == pytest.approx([0.99, 0.97])
    assert sorted(asked) == [0, 1, 2, 3]  # each picture is read once
