"""MaxSim against its definition, a loop over tokens."""

from __future__ import annotations

import numpy as np
import pytest

from hannun.embeddings import unit
from hannun.metrics import maxsim


def test_maxsim_is_the_mean_of_the_nearest_tokens() -> None:
    random = np.random.default_rng(0)
    query = unit(random.normal(size=(4, 16)))
    documents = [unit(random.normal(size=(n, 16))) for n in (3, 1, 9)]
    truth = [np.mean([max(float(q @ t) for t in d) for q in query]) for d in documents]
    assert maxsim(query, documents) == pytest.approx(truth, abs=1e-6)


def test_a_document_without_tokens_is_below_everything() -> None:
    x = np.eye(3, dtype=np.float32)
    assert maxsim(x[:1], [x[:0], -x[:1], x[:1], x[:0]]) == pytest.approx([-1, -1, 1, -1])
    assert maxsim(x[:0], [x]) == pytest.approx([-1])
    assert len(maxsim(x, [])) == 0
