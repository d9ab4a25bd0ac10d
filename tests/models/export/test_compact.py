"""Weights in 8 bits: how far off they may be, what stays as it was, and that the file is a quarter of its size."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import torch
from torch import nn

from hannun.models.export.compact import eight_bits, in_eight_bits
from hannun.models.onnx import session, traced


def test_a_scale_for_each_row_or_for_each_column_whichever_loses_less() -> None:
    # A row that is a thousand times as large as the others: with a scale for each row none loses more than half of its own step.
    values = np.linspace(-1, 1, 60, dtype=np.float32).reshape(6, 10)
    values[2] *= 1000
    for given in (values, np.ascontiguousarray(values.T)):
        whole, scale = eight_bits(given)
        assert whole.dtype == np.int8 and np.abs(whole * scale - given).max(where=np.abs(given) <= 1, initial=0) <= 0.5 / 127 + 1e-6
    whole, scale = eight_bits(np.zeros((2, 3), np.float32))
    assert not whole.any() and np.isfinite(scale).all()


def test_a_network_computes_nearly_the_same_from_a_quarter_of_the_bytes() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 16, 64), nn.LayerNorm(64))
    given = {"x": torch.randn(3, 8, 4, 4)}
    whole = traced(network, given, ["y"])
    small = in_eight_bits(whole)
    assert len(small) < len(whole) / 3.5
    with torch.no_grad():
        own = network(given["x"]).numpy()
    (made,) = session(small).run(None, {"x": given["x"].numpy()})
    # A weight is off by at most half a step of 1/127 of the largest of its row, about 0.3 % of a usual one, and errors cancel.
    assert np.abs(made - own).mean() < 0.01 * np.abs(own).mean()
