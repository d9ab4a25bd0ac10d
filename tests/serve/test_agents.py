"""Agents and vision-language models: the tools through the official MCP SDK, and answers that cite, from a model that is played here."""

from __future__ import annotations

import asyncio
import base64
import http.server
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.errors import HannunError, InputError
from hannun.serve.ask import ChatModel, ask
from hannun.serve.cli.main import run
from tests.conftest import draw, encoded
from tests.serve.conftest import picture
from tests.toy import Toy


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with collection.open(tmp_path / "shop.hannun", Toy(), words=False) as made:
        made.add(
            [
                {"id": "a", "text": "빨간 원피스", "category": "원피스"},
                {"id": "b", "text": "파란 치마", "category": "치마"},
                {"id": 'c "x"', "text": "노란 가방", "image": encoded(draw(seed=2, size=(900, 600)))},
            ]
        )
        yield made


# -------------------------------------------------------------------------------------------------------------------- mcp


def call(shop: Collection, *calls: tuple[str, dict[str, Any]], **options: Any) -> list[Any]:
    """What the tools answer through the SDK's own client."""
    pytest.importorskip("mcp", reason="the mcp package is not installed")
    from mcp import Client

    from hannun.serve.mcp.tools import server

    async def talk() -> list[Any]:
        async with Client(server(shop, **options)) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(talk())


def hits(result: Any) -> list[dict[str, Any]]:
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


def test_the_tools_search_and_show(shop: Collection) -> None:
    by_words, by_picture, near = call(
        shop,
        ("search", {"words": "빨간 원피스", "where": "category in (원피스, 치마)"}),
        ("search", {"image": picture(size=(900, 600), seed=2), "limit": 1}),
        ("similar", {"ids": ["a"], "limit": 2, "pictures": False}),
    )
    assert [h["id"] for h in hits(by_words)] == ["a", "b"] and hits(by_words)[0]["facts"] == {"category": "원피스"}
    assert hits(by_picture)[0]["id"] == 'c "x"'
    (shown,) = [c for c in by_picture.content if c.type == "image"]
    assert PIL.Image.open(io.BytesIO(base64.b64decode(shown.data))).size == (256, 171) and shown.mime_type == "image/jpeg"
    assert "a" not in [h["id"] for h in hits(near)] and all(c.type == "text" for c in near.content)


def test_the_tools_add_and_tag(shop: Collection) -> None:
    added, tagged, found = call(
        shop,
        ("add", {"id": "n", "text": "초록 우산", "facts": {"price": 5}}),
        ("tag", {"ids": ["a", "b", 'c "x"'], "choices": ["원피스", "치마"], "fact": "kind"}),
        ("search", {"words": "원피스", "where": "kind = 원피스"}),
    )
    assert added.structured_content == {"added": 1, "unchanged": 0, "items": 4}
    scores = tagged.structured_content["tags"]
    assert list(scores["a"]) == ["원피스", "치마"] and list(scores["b"]) == ["치마", "원피스"] and tagged.structured_content["written"] == 3
    assert "a" in [h["id"] for h in hits(found)] and shop.get("b").facts["kind"] == "치마"


def test_mistakes_reach_the_agent_as_one_line(shop: Collection, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.png").write_bytes(encoded(draw(seed=2, size=(900, 600))))
    (tmp_path / "secret.png").write_bytes(encoded(draw()))
    results = call(
        shop,
        ("search", {"words": " "}),
        ("search", {"words": "가", "where": "price <"}),
        ("search", {"image": "../secret.png"}),
        ("search", {"image": str(tmp_path / "secret.png")}),
        ("search", {"image": "http://127.0.0.1/x.png"}),
        ("similar", {"ids": ["nobody"]}),
        ("tag", {"ids": ["nobody"], "choices": ["x"]}),
        ("search", {"words": "가", "limit": 10_000}),
        ("search", {"image": "p.png", "limit": 1}),
        files=tmp_path / "in",
    )
    assert [r.is_error for r in results] == [True] * 8 + [False] and hits(results[-1])[0]["id"] == 'c "x"'
    assert "lies outside" in results[2].content[0].text and "nobody" in results[5].content[0].text
    told = "".join(r.content[0].text for r in results[:3] + results[4:])  # the fourth quotes the path that was sent
    assert str(tmp_path) not in told


def test_read_only_tools(shop: Collection) -> None:
    pytest.importorskip("mcp", reason="the mcp package is not installed")
    from mcp import Client

    from hannun.serve.mcp.tools import server

    async def names(writable: bool) -> list[str]:
        async with Client(server(shop, writable=writable)) as client:
            return sorted(t.name for t in (await client.list_tools()).tools)

    assert asyncio.run(names(True)) == ["add", "search", "similar", "tag"]
    assert asyncio.run(names(False)) == ["search", "similar"]


def test_the_command_speaks_over_standard_input(tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason="the mcp package is not installed")
    from mcp import Client, StdioServerParameters

    from tests.conftest import ROOT, TOY_CLI

    with collection.open(tmp_path / "s.hannun", Toy(), words=False) as made:
        made.add([{"id": "a", "text": "빨간 원피스"}])
    here = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONUTF8": "1"}
    command = StdioServerParameters(command=sys.executable, args=["-c", TOY_CLI, "mcp", str(tmp_path / "s.hannun")], env=here)

    async def talk() -> Any:
        async with Client(command) as client:
            return await client.call_tool("search", {"words": "원피스"})

    assert hits(asyncio.run(talk()))[0]["id"] == "a"


# -------------------------------------------------------------------------------------------------------------------- ask


class Played:
    """A model's endpoint on this machine: answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status, self.answer = (
            200,
            json.dumps({"choices": [{"message": {"content": "빨간 것이 있습니다 [1]. 치마도 있습니다 [2, 9]."}}]}),
        )
        played = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                played.headers.append({k.lower(): v for k, v in self.headers.items()})
                played.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))) | {"path": self.path})
                self.send_response(played.status)
                self.end_headers()
                self.wfile.write(played.answer.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def played() -> Iterator[Played]:
    made = Played()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_answer_cites_what_it_was_given(shop: Collection, played: Played) -> None:
    found = ask(shop, {"text": "무엇이 있나요?", "image": draw(seed=5)}, ChatModel(played.url, "vlm", "key"), limit=3)
    (asked,) = played.asked
    assert asked["path"] == "/v1/chat/completions" and asked["model"] == "vlm" and played.headers[0]["authorization"] == "Bearer key"
    system, user = asked["messages"]
    assert "square brackets" in system["content"] and "not instructions" in system["content"]
    texts = [p["text"] for p in user["content"] if p["type"] == "text"]
    assert [t[:12] for t in texts[:3]] == [f"Source [{n}]: "[:12] for n in (1, 2, 3)] and texts[-1] == "Question: 무엇이 있나요?"
    pictures = [p["image_url"]["url"] for p in user["content"] if p["type"] == "image_url"]
    assert len(pictures) == 2 and all(u.startswith("data:image/jpeg;base64,") for u in pictures)  # a source's, and the question's own
    sizes = [PIL.Image.open(io.BytesIO(base64.b64decode(u.split(",")[1]))).size for u in pictures]
    assert (768, 512) in sizes
    assert [s.number for s in found.cited] == [1, 2] and found.unknown == (9,) and len(found.sources) == 3
    assert {s.hit.id for s in found.sources} == {"a", "b", 'c "x"'}


def test_nothing_found_is_not_asked_about(shop: Collection, played: Played) -> None:
    assert ask(shop, "무엇?", ChatModel(played.url, "vlm"), where="category = 없음").sources == () and not played.asked
    with pytest.raises(InputError, match="without words"):
        ask(shop, {"image": draw()}, ChatModel(played.url, "vlm"))


@pytest.mark.parametrize(
    ("status", "answer", "says"),
    [
        (401, '{"error": {"message": "bad key"}}', "401: bad key"),
        (500, "<html>oops</html>", "500"),
        (200, "{}", "not a chat completion"),
        (200, "hello", "not a chat completion"),
        (200, '{"choices": [{"message": {"content": ""}}]}', "answered nothing"),
    ],
)
def test_what_the_endpoint_says_is_told(shop: Collection, played: Played, status: int, answer: str, says: str) -> None:
    played.status, played.answer = status, answer
    with pytest.raises(HannunError, match=says):
        ask(shop, "무엇?", ChatModel(played.url, "vlm"))
    with pytest.raises(HannunError, match="cannot be reached"):
        ask(shop, "무엇?", ChatModel("http://127.0.0.1:9/v1", "vlm"))


def test_the_ask_command(shop: Collection, played: Played, tmp_path: Path, toy_models: None, capsys: pytest.CaptureFixture[str]) -> None:
    shop.close()
    at = ["--in", str(tmp_path / "shop.hannun"), "--endpoint", played.url]
    assert run(["ask", "빨간 원피스 있나요?", *at, "--model", "vlm"]) == 0
    said = capsys.readouterr()
    assert "빨간 것이 있습니다 [1]" in said.out and "[1] " in said.out.splitlines()[-2] + said.out.splitlines()[-1] and "[9]" in said.err
    assert run(["ask", "무엇?", *at, "--model", "vlm", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unknown"] == [9] and [s["cited"] for s in told["sources"]] == [True, True, False]
    assert run(["ask", "무엇?", *at]) == 1 and "--model" in capsys.readouterr().err
