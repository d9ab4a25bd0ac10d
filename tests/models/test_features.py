"""Features: slices keep rows, pictures and patches together, whatever is mixed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.models.features import Features, Vectors, embeddings  # noqa: E402


def gridded() -> Features:
    """Three rows with 2, 0 and 1 pictures of 2, 3 and 4 patches; a patch holds (picture, patch)."""
    patches = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (2, 3)]
    pixels = {"pixel_values": torch.tensor(patches), "image_grid_thw": torch.tensor([[1, 1, 2], [1, 1, 3], [1, 2, 2]])}
    return Features({"input_ids": torch.arange(6).reshape(3, 2)}, (2, 0, 1), pixels, (2, 3, 4), "code", "query")


def test_a_slice_takes_its_own_pictures_and_their_patches() -> None:
    f = gridded()
    first, middle, last = f.take(0, 1), f.take(1, 2), f.take(1, 3)
    assert first.pictures == (2, 0)[:1] and first.patches == (2, 3) and first.pixels["pixel_values"].tolist()[-1] == [1, 2]
    assert middle.pixels == {} and middle.rows["input_ids"].tolist() == [[2, 3]]
    assert last.pixels["pixel_values"].tolist() == [[2, 0], [2, 1], [2, 2], [2, 3]] and last.pixels["image_grid_thw"].tolist() == [
        [1, 2, 2]
    ]
    assert (last.task, last.role) == ("code", "query")


def test_split_gives_everything_once_and_in_order() -> None:
    f = gridded()
    for size in (1, 2, 3, 9):
        pieces = f.split(size)
        assert [len(p) for p in pieces][:-1] == [size] * (len(pieces) - 1) and sum(map(len, pieces)) == 3
        assert torch.equal(torch.cat([p.pixels["pixel_values"] for p in pieces if p.pixels]), f.pixels["pixel_values"])
        assert torch.equal(torch.cat([p.rows["input_ids"] for p in pieces]), f.rows["input_ids"])


def test_pictures_without_patches_go_by_count() -> None:
    f = Features({"x": torch.arange(3)}, (0, 2, 1), {"pixel_values": torch.arange(3) * 10})
    assert [p.pixels["pixel_values"].tolist() if p.pixels else [] for p in f.split(1)] == [[], [0, 10], [20]]


def test_what_does_not_add_up_is_refused() -> None:
    with pytest.raises(InputError, match="x has 2 rows, expected 3"):
        Features({"x": torch.arange(2)}, (0, 0, 0))
    with pytest.raises(InputError, match="pixel_values has 2 entries, expected 1"):
        Features({}, (1,), {"pixel_values": torch.zeros(2)})
    with pytest.raises(InputError, match="pixel_values has 4 entries, expected 5"):
        Features({}, (1, 1), {"pixel_values": torch.zeros(4)}, (2, 3))


def test_embeddings_leave_padding_out() -> None:
    tokens = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]])
    made = embeddings(Vectors(torch.eye(2), tokens, torch.tensor([[True, False], [True, True]])))
    assert made.tokens is not None and [t.tolist() for t in made.tokens] == [[[1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]]
