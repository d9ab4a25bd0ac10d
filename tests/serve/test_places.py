"""Where files lie is the server's own business: no route and no tool tells a piece of it, of a folder that was indexed as it is."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hannun import collection
from tests.conftest import draw, encoded, shard
from tests.serve.conftest import Start, start  # noqa: F401
from tests.toy import Toy

SECRET = "geheim"
PATH = {"job": "nobody", "id": "photos/in/1.png", "token": "x"}


def own_model(name: object = None) -> Toy:
    """An encoder that was made on this machine: its name is the path of its folder."""
    made = Toy()
    made.name = f"/home/{SECRET}/models/mine"
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A collection of a folder with pictures, a text, a table and a tar, in a folder whose name nobody is to see."""
    folder = tmp_path / SECRET / "photos"
    (folder / "in").mkdir(parents=True)
    for n in range(3):
        draw(seed=n).save(folder / f"in/{n}.png")
    draw(seed=1).save(folder / "again.png")
    (folder / "a.txt").write_text("초록 바지", "utf-8")
    (folder / "t.jsonl").write_text('{"text": "빨간 가방", "image": "in/0.png", "price": 1}\n{"text": "모자", "price": 2}\n', "utf-8")
    shard(folder / "s.tar", ("k.png", encoded(draw(seed=9))), ("k.json", b'{"text": "x"}'))
    with collection.open(tmp_path / SECRET / "shop.hannun", own_model(), words=False) as made:
        assert made.add(folder).added == 7
    return tmp_path / SECRET / "shop.hannun"


def decoded(text: str) -> str:
    """A text with what in it is base64 beside it: the tokens of links."""
    pieces = []
    for piece in re.findall(r"[\w-]{16,}", text):
        try:
            pieces.append(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)).decode("utf-8", "ignore"))
        except ValueError:
            continue
    return text + " ".join(pieces)


def test_no_route_tells_it(start: Start, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("hannun.serve.http.service.load", own_model)
    running = start(place)
    assert running.client.get("/v1/models").json()["data"][0]["id"] == "mine"
    seen: dict[str, str] = {}

    def look(method: str, path: str, **more: Any) -> Any:
        answer = running.client.request(method, path, **more)
        seen[f"{method} {path} {more}"] = decoded(f"{answer.headers}\n{answer.text}")
        return answer

    bodies: dict[str, list[dict[str, Any]]] = {
        "/v1/search": [
            {"query": "빨간 가방", "explain": True},
            {"like": [{"id": "photos/in/1.png"}]},
            {"like": [{"id": "nobody"}]},
            {"query": "a", "where": "price <"},
            {"query": "a", "group_by": "folder"},
        ],
        "/v1/explain": [{"query": "가방", "id": "photos/in/1.png"}],
        "/v1/vectors": [{"ids": ["photos/in/1.png"]}],
        "/v1/rerank": [{"query": "가방", "documents": ["a", "b"]}],
        "/v1/embeddings": [{"input": "a"}],
        "/v1/thumbnail": [{"query": "가방", "id": "photos/in/1.png"}, {"query": "가방", "id": "nobody"}],
        "/v1/tags": [{"image": base64.b64encode(encoded(draw())).decode()}, {"image": "bm8="}],
        "/v1/items": [{"items": [{"id": "x", "text": "가"}, {"id": "y", "image": "bm8="}]}],
    }
    done = 0
    for path, methods in look("GET", "/openapi.json").json()["paths"].items():
        for method in methods:
            if method == "get":
                assert look("GET", path.format(**PATH), params={"words": "a"} if path.endswith("readings") else None).status_code < 500
                done += 1
            elif method == "post":
                for body in bodies[path]:
                    assert look("POST", path, json=body, params={"wait": 10} if path.endswith("items") else None).status_code < 500
                done += 1
    one = look("GET", "/v1/items/photos/in/1.png").json()
    assert one["id"] == "photos/in/1.png" and running.client.get(one["images"][0]["picture"]).status_code == 200
    look("PATCH", "/v1/items", params={"wait": 10}, json={"facts": {"a": 1}, "ids": ["photos/in/1.png"]})
    look("DELETE", "/v1/items", params={"wait": 10}, json={"ids": ["photos/in/1.png"]})
    look("DELETE", "/v1/items/photos/a.txt", params={"wait": 10})
    told = [where for where, text in seen.items() if SECRET in text]
    assert not told and done >= 20 and len(seen) > 25
    with collection.open(running.url) as remote:
        assert (
            "photos/in/2.png" in remote
            and remote.settings.encoder == "mine"
            and SECRET not in json.dumps([remote.info(), [it.id for it in remote]])
        )


def test_no_tool_tells_it(place: Path) -> None:
    pytest.importorskip("mcp", reason="the mcp package is not installed")
    from mcp import Client

    from hannun.serve.mcp.tools import server

    async def talk() -> list[Any]:
        async with Client(server(shop)) as client:
            calls: list[tuple[str, dict[str, Any]]] = [
                ("search", {"words": "가방"}),
                ("similar", {"ids": ["photos/in/1.png"]}),
                ("similar", {"ids": ["nobody"]}),
                ("tag", {"ids": ["photos/in/1.png"], "choices": ["x", "y"], "fact": "z"}),
                ("add", {"text": "새것"}),
            ]
            return [await client.call_tool(name, given) for name, given in calls]

    with collection.open(place, own_model()) as shop:
        answers = asyncio.run(talk())
    told = "".join(c.text for a in answers for c in a.content if c.type == "text")
    assert "photos/in/1.png" in told and SECRET not in told
