"""`hannun users` from a log to recommendations, and one clear line for every mistake."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("daft", reason="Daft is in the [users] extra")

import hannun
from hannun.serve.cli.main import run
from hannun.users.vectors import UserVectors

TOPICS = {"캠핑": ("캠핑 텐트", "침낭", "랜턴", "캠핑 의자"), "낚시": ("낚싯대", "낚시 릴", "미끼 상자", "낚시 모자")}
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of items, and a log in which each user keeps to one topic; its last day apart."""
    monkeypatch.chdir(tmp_path)
    draw = random.Random(0)
    items = [(f"{topic[0]}{n}", name, topic) for topic, names in TOPICS.items() for n, name in enumerate(names)]
    with open("items.csv", "w", encoding="utf-8") as f:
        csv.writer(f).writerows([("id", "text"), *((i, name) for i, name, _ in items)])
    rows = []
    for user in range(40):
        topic = list(TOPICS)[user % 2]
        mine = [i for i, _, t in items if t == topic]
        rows += [(f"u{user}", draw.choice(mine), f"2026-01-{draw.randrange(1, 29):02} {draw.randrange(24):02}:00") for _ in range(6)]
    parts = {"log": rows, "old": [r for r in rows if r[2] < "2026-01-27"], "new": [r for r in rows if r[2] >= "2026-01-27"]}
    for name, kept in parts.items():
        with open(f"{name}.csv", "w", encoding="utf-8") as f:
            csv.writer(f).writerows([("회원", "상품", "시각"), *kept])
    return tmp_path


def test_from_a_log_to_recommendations(shop: Path, capsys: Captured) -> None:
    few = ["--set", "steps=30", "--set", "batch=20", "--set", "dims=16,8"]
    assert run(["users", "train", "log.csv", "--items", "items.csv", "--to", "m", *few]) == 0
    told = capsys.readouterr()
    assert "user vector" in told.out and "popularity" in told.out and "240 events of 40 users with 8 items" in told.err
    assert not (shop / "m.work" / "model" / "hannun.json").exists() and (shop / "m" / "hannun.json").exists()
    for log, to, more in (("log", "whole", []), ("old", "a", ["--kept", "k.parquet"]), ("new", "b", ["--kept", "k.parquet"])):
        assert run(["users", "embed", f"{log}.csv", "--model", "m", "--to", f"{to}.parquet", *more]) == 0
    whole, after = (UserVectors.read(shop / f"{n}.parquet") for n in ("whole", "b"))
    place = {u: n for n, u in enumerate(whole.users)}
    assert np.abs(whole.vectors[[place[u] for u in after.users]] - after.vectors).max() < 1e-4
    capsys.readouterr()
    assert run(["users", "drift", "a.parquet", "b.parquet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["both"] == 40
    assert run(["users", "drift", "a.parquet", "b.parquet"]) == 0
    assert run(["users", "index", "log.csv", "--model", "m", "--items", "items.csv", "--in", "c.hannun"]) == 0
    assert "8 items and 40 users added" in capsys.readouterr().out

    def ids(*words: str) -> list[str]:
        assert run(["users", *words, "--in", "c.hannun", "--json"]) == 0
        return [h["id"] for h in json.loads(capsys.readouterr().out)]

    assert all(i.startswith("캠") for i in ids("recommend", "u0", "--again", "--limit", "3"))
    assert all(int(u.removeprefix("user:u")) % 2 == 1 for u in ids("similar", "u1", "--limit", "5"))
    assert all(int(u.removeprefix("user:u")) % 2 == 0 for u in ids("similar", "--text", "캠핑 텐트", "--limit", "5"))
    assert ids("recommend", "--text", "낚시 릴", "--limit", "2")[0].startswith("낚")
    assert run(["users", "recommend", "u0", "--in", "c.hannun"]) == 0
    with hannun.open("c.hannun") as opened:  # what the commands do is a search of the collection, and so of its service
        asked = opened.search(None, like=[{"id": "user:u0"}], where="type = item", limit=3)
        events = opened.get("user:u0").parts
        brought = opened.search({"events": [dict(r) for r in events[0].records]}, where="type = item", limit=3)  # type: ignore[union-attr]
        assert [h.id for h in asked] == [h.id for h in brought] and all(h.id.startswith("캠") for h in asked)
    capsys.readouterr()
    counts = Counter(row[1] for row in list(csv.reader((shop / "log.csv").read_text("utf-8").splitlines()))[1:])
    (first,) = ids("recommend", "u0", "--again", "--popular", "40", "--limit", "1")
    assert counts[first] == max(counts.values())
    had = {row[1] for row in csv.reader((shop / "log.csv").read_text("utf-8").splitlines()) if row[0] == "u0"}
    assert not had & set(ids("recommend", "u0"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["train", "x.csv", "--to", "m"], "x.csv: no such log"),
        (["train", "log.csv", "--to", "m", "--size", "huge"], "there is no size 'huge'"),
        (["train", "log.csv", "--to", "m", "--columns", "usr=회원"], "--columns 'usr=회원' came"),
        (["train", "log.csv", "--to", "m", "--items", "log.csv"], "has none of the 8 items of the log"),
        (["embed", "log.csv", "--model", "items.csv", "--to", "a.parquet"], "holds no model of users"),
        (["similar", "--in", "c.hannun"], "expected the id of a user, or --text WORDS"),
        (["drift", "x.parquet", "y.parquet"], "x.parquet: no such table"),
    ],
)
def test_every_mistake_is_one_clear_line(shop: Path, capsys: Captured, words: list[str], why: str) -> None:
    assert run(["users", *words]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and why in lines[0]
