"""A served collection with users answers what the page of users says it does, with its bodies as they stand there."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [users] extra")

import torch

from hannun import collection
from hannun.load import load
from hannun.models.sequence.folder import save_users
from hannun.models.sequence.network import LogNames, UserNetwork, UserShape
from tests.serve.conftest import Start
from tests.toy import Toy

TITLES = {"t1": "캠핑 텐트", "t2": "캠핑 의자", "t3": "낚싯대", "t4": "낚시 릴"}
PAGE = Path(__file__).parents[2] / "docs" / "users.md"


def bodies() -> list[dict[str, Any]]:
    """The requests that the page shows."""
    served = PAGE.read_text("utf-8").partition("`hannun serve shop.hannun` answers the same")[2].partition("\n## ")[0]
    return [json.loads(found) for found in re.findall(r"`(\{.+?\})`", served, re.DOTALL)]


@pytest.fixture
def served(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service of four items and four users, of whom 7 and 8 camp, 9 and 10 fish."""
    torch.manual_seed(0)
    said = Toy("1").encode_document([*TITLES.values()]).dense
    content = torch.from_numpy(np.concatenate([np.zeros_like(said[:1]), said]))
    network = UserNetwork(UserShape((64, 32), layers=1, content=64, reads="mini"), LogNames(tuple(TITLES)), content)
    with torch.no_grad():  # a user is the mean of what they had: what a trained one is near to, and no training is needed
        torch.nn.init.eye_(network.project.weight)
        torch.nn.init.eye_(network.out.weight)
        for layer in (network.count, network.out.bias, *(p for b in network.blocks for p in b.parameters())):
            torch.nn.init.zeros_(layer.weight if isinstance(layer, torch.nn.Embedding) else layer)
    save_users(network, tmp_path / "m")
    encoder = load(tmp_path / "m")
    monkeypatch.setattr("hannun.serve.http.service.load", lambda name: encoder)
    monkeypatch.setattr("hannun.collection.local.load", lambda name: encoder)
    monkeypatch.setattr(importlib.import_module("hannun.load"), "load", lambda name: encoder)
    collection.open(tmp_path / "u.hannun", encoder, words=False).close()
    running = start(tmp_path / "u.hannun")
    had = {"7": ("t1", "t2"), "8": ("t2", "t1"), "9": ("t3", "t4"), "10": ("t4",)}
    rows = [{"id": i, "text": t, "type": "item"} for i, t in TITLES.items()]
    for user, items in had.items():
        events = [{"time": f"2026-01-0{n}", "item": i, "action": "click", "price": 9_000} for n, i in enumerate(items, start=1)]
        rows.append({"id": f"user:{user}", "type": "user", "events": events})
    job = running.add(*rows)
    assert job["state"] == "done" and job["added"] == 8, job
    return running


def test_the_bodies_of_the_page(served: Any) -> None:
    def ids(body: dict[str, Any]) -> list[str]:
        answer = served.post("/v1/search", **body, limit=2)
        assert answer.status_code == 200, answer.text
        return [h["id"] for h in answer.json()["hits"]]

    likes, words, brought = bodies()
    assert sorted(ids(likes)) == ["t1", "t2"]  # 이 사용자가 좋아할 만한 것
    assert ids(likes | {"where": "type = user"})[0] == "user:8"  # 비슷한 사용자
    assert sorted(ids(words)) == ["user:7", "user:8"]  # '캠핑' 좋아하는 사용자
    assert sorted(ids(brought)) == ["t1", "t2"]  # of events that come with the request
    assert sorted(ids({"query": {"events": [{"time": "2026-01-01", "item": "t4"}]}, "where": "type = item"})) == ["t3", "t4"]
    assert [h["id"] for h in served.post("/v1/search", **likes, limit=9).json()["hits"]].count("user:7") == 0


def test_events_that_are_none(served: Any) -> None:
    answer = served.post("/v1/search", query={"events": [{"item": "t1"}]})
    assert answer.status_code in (400, 422) and "time" in answer.text
