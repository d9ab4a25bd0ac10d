"""Our Encoders under mteb, offline: tasks served from local files, texts and pictures, and errors in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun import metrics
from hannun.errors import MissingError
from hannun.evaluate import suites
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites.public import MtebModel, measure_task
from tests.conftest import draw
from tests.toy import Toy

mteb = pytest.importorskip("mteb", reason="mteb is not installed: pip install 'hannun[eval]'")
PAIRS = [  # no two with the same cosine under the toy encoder: a tie may be broken by the last bit
    ("빨간 원피스", "빨간 치마", 3.0),
    ("파란 바다", "푸른 바다", 4.5),
    ("작은 집을 샀다", "큰 학교에 갔다", 1.0),
    ("고양이가 잔다", "고양이가 자고 있다", 5.0),
    ("비가 많이 내린다", "책을 한 권 읽었다", 0.0),
]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No hub: what is not served from here must fail at once."""
    import huggingface_hub.constants

    import datasets

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")


def test_it_speaks_the_protocol(harness: Harness) -> None:
    from mteb.models import EncoderProtocol

    model = MtebModel(harness)
    assert isinstance(model, EncoderProtocol)
    meta = model.mteb_model_meta
    assert meta.name == "hannun/toy1" and meta.embed_dim == 64 and meta.modalities == ["text", "image"]
    vectors = harness.queries(["가", "나"]).dense
    assert np.allclose(model.similarity(vectors, vectors).numpy(), vectors @ vectors.T)
    assert np.allclose(model.similarity_pairwise(vectors, vectors).numpy(), 1, atol=1e-5)


def test_queries_documents_pictures_and_both(harness: Harness) -> None:
    from mteb.types import PromptType

    model, picture = MtebModel(harness), draw(seed=1)
    texts = [{"text": ["가", "나"]}, {"text": ["다"]}]
    assert np.array_equal(model.encode(texts, prompt_type=PromptType.query), harness.queries(["가", "나", "다"]).dense)
    assert np.array_equal(model.encode(texts, prompt_type=PromptType.document), harness.documents(["가", "나", "다"]).dense)
    assert np.array_equal(model.encode([{"image": [picture]}]), harness.queries([picture]).dense)
    assert np.array_equal(model.encode([{"image": [picture], "text": ["가"]}]), harness.queries([{"text": "가", "image": picture}]).dense)


def test_a_task_served_from_local_files(tmp_path: Path) -> None:
    """KLUE-STS in the form of its published rows, five of our own: mteb's own code reads, encodes and scores it."""
    folder = tmp_path / "mteb" / "KLUE-STS"
    folder.mkdir(parents=True)
    rows = [{"sentence1": a, "sentence2": b, "labels": {"label": g, "real-label": g, "binary-label": int(g >= 3)}} for a, b, g in PAIRS]
    (folder / "validation.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    harness = Harness(Toy(), tmp_path, tmp_path / "cache")
    found = {f.name: f.value for f in suites.suite("mteb:KLUE-STS").run(harness).figures}
    toy = Toy()
    cosines = (toy.encode_query([p[0] for p in PAIRS]).dense * toy.encode_query([p[1] for p in PAIRS]).dense).sum(axis=1)
    assert len(set(np.round(cosines, 5))) == len(PAIRS)
    assert found["KLUE-STS validation main_score"] == pytest.approx(metrics.spearman(cosines, [p[2] for p in PAIRS]), abs=1e-6)
    assert "mteb/KLUE-STS/validation.jsonl" in harness.used and any("not from the hub" in n for n in harness.notes)


def test_retrieval_of_texts_and_of_pictures(harness: Harness) -> None:
    """mteb's own mock tasks: the whole path of its retrieval evaluator over our vectors."""
    mocks: Any = pytest.importorskip("mteb.mocks.mock_tasks", reason="this mteb ships no mock tasks")
    for name in ("MockRetrievalTask", "MockAny2AnyRetrievalT2ITask"):
        task = getattr(mocks, name, None)
        if task is None:
            pytest.skip(f"this mteb has no {name}")
        found = {f.name.split()[-1]: f.value for f in measure_task(harness, task()).figures}
        assert 0 <= found["ndcg_at_10"] <= 1


def test_what_cannot_be_had_is_one_line(harness: Harness) -> None:
    with pytest.raises(MissingError, match=r"mteb:KLUE-STS: its data cannot be had .* put its files into .*mteb/KLUE-STS"):
        suites.suite("mteb:KLUE-STS").run(harness)
    with pytest.raises(MissingError, match="did you mean 'KLUE-STS'"):
        suites.suite("mteb:KLUE-ST").run(harness)
