"""Follow-up questions and questions about a picture alone, with a model that is played here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.errors import InputError, PictureError
from hannun.item import Image
from hannun.serve import ask as rag
from hannun.serve import dialogue
from hannun.serve.cli.main import run
from hannun.serve.dialogue import Turn
from tests.conftest import draw
from tests.serve.test_agents import Played
from tests.serve.test_agents import played as played
from tests.toy import Toy


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with collection.open(tmp_path / "shop.hannun", Toy(), words=False) as made:
        made.add([{"id": i, "text": t} for i, t in (("a", "빨간 원피스"), ("b", "빨간 치마"), ("c", "기차 시간표"), ("d", "여름 바다"))])
        yield made


def model(played: Played) -> Any:
    return next(v for k, v in vars(rag).items() if k in ("Model", "ChatModel"))(played.url, "vlm")


def test_a_follow_up_is_searched_with_what_came_before(shop: Collection, played: Played) -> None:
    before = (Turn("기차 시간표 있나요?", "있습니다 [1]", ("c",)),)
    found = rag.ask(shop, "그건 언제 것인가요?", model(played), limit=2, before=before)
    assert found.sources[0].hit.id == "c" and len(found.sources) == 2
    roles = [m["role"] for m in played.asked[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user"] and played.asked[0]["messages"][2]["content"] == "있습니다 [1]"
    assert dialogue.asked_with("둘째", (Turn("영", ""), Turn("첫째", ""))) == "첫째\n둘째" and dialogue.asked_with("첫째", ()) == "첫째"


def test_what_was_cited_and_is_gone_breaks_nothing(shop: Collection, played: Played) -> None:
    shop.delete(["c"])
    assert "c" not in [s.hit.id for s in rag.ask(shop, "그건?", model(played), before=(Turn("기차", "[1]", ("c",)),)).sources]


def test_only_the_last_turns_are_told() -> None:
    turns = [Turn(str(n), "x" * 5000) for n in range(20)]
    told = dialogue.remembered(turns)
    assert len(told) == 2 * dialogue.REMEMBERED and told[0]["content"] == "14" and max(len(m["content"]) for m in told) == 2000


def test_a_picture_alone(played: Played) -> None:
    answer = rag.about(Image(draw(size=(40, 30))), "무슨 색인가요?", model(played))
    assert answer.text.startswith("빨간 것이") and answer.sources == ()
    kinds = [p["type"] for p in played.asked[0]["messages"][-1]["content"]]
    assert kinds == ["image_url", "text"]
    with pytest.raises(InputError, match="without words"):
        rag.about(Image(draw()), " ", model(played))
    with pytest.raises(PictureError):
        rag.about(Image(b"no picture"), "무엇?", model(played))


def test_the_command_goes_on_with_a_dialogue(
    shop: Collection, played: Played, tmp_path: Path, toy_models: None, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.close()
    talk = tmp_path / "talk.json"
    at = ["--in", str(tmp_path / "shop.hannun"), "--endpoint", played.url, "--model", "vlm", "--talk", str(talk)]
    assert run(["ask", "빨간 원피스 있나요?", *at]) == 0 and run(["ask", "더 싼 것은?", *at]) == 0
    rows = json.loads(talk.read_text("utf-8"))
    assert [r["question"] for r in rows] == ["빨간 원피스 있나요?", "더 싼 것은?"] and rows[0]["cited"]
    assert len(played.asked[1]["messages"]) == 4
    draw(size=(50, 50)).save(tmp_path / "p.png")
    picture = ["--image", str(tmp_path / "p.png"), "--alone", "--endpoint", played.url, "--model", "vlm"]
    capsys.readouterr()
    assert run(["ask", "무슨 색?", *picture]) == 0 and "빨간 것이" in capsys.readouterr().out
    assert run(["ask", "무슨 색?", "--alone", "--model", "vlm"]) == 1 and "expected --image" in capsys.readouterr().err
    talk.write_text("{}")
    assert run(["ask", "무엇?", *at]) == 1 and "holds no dialogue" in capsys.readouterr().err
