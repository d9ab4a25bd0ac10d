"""What passes a module a second: a batch's own calls are counted, replays are not, and arithmetic by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.models.features import Features, Vectors  # noqa: E402
from hannun.train import speed  # noqa: E402
from hannun.train.gradcache import cached  # noqa: E402
from hannun.train.speed import Speed  # noqa: E402


class Reader(torch.nn.Module):  # type: ignore[misc]
    """Two matrices of 3 × 4 and 4 × 5, the first frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 4), torch.nn.Linear(4, 5)
        self.first.requires_grad_(False)

    def forward(self, f: Features) -> Vectors:
        return Vectors(self.second(self.first(f.rows["x"])))


def test_a_batch_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 2.0, 4.0])
    monkeypatch.setattr(speed.time, "monotonic", lambda: next(now))
    module = Reader()
    counted = Speed(module, torch.device("cpu"))
    mask = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 1]])
    features = Features({"x": torch.randn(4, 3), "attention_mask": mask}, (0, 2, 0, 1), {"picture": torch.zeros(3, 1)})
    with counted.counting():
        out = cached(module, features, 2)
    out.dense.sum().backward()  # both chunks again
    found = counted.read()
    assert found["rows_per_second"] == 2.0 and found["tokens_per_second"] == 4.5 and found["pictures_per_second"] == 1.5
    assert counted._each == 12 * 4 + 20 * 6 and "mfu" not in found  # frozen: forward and what is below; trained: its own gradient too
    assert counted.read() == {}


def test_no_board_unless_it_is_wished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    assert speed.board(tmp_path, {}) is None
