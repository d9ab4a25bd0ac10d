"""`hannun sensor` and `hannun index` on days of wearables: words, JSON, checks, rows, and days that are found by words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hannun.serve.cli.main import run as command
from tests.sources.test_signals import minute, table

pytestmark = pytest.mark.usefixtures("toy_models")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """A command's status, and what it wrote."""
    status = command([str(a) for a in arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def day(folder: Path, name: str, start: int) -> Path:
    """A day with half an hour's walk from a minute on."""
    lines = (f"2026-11-{name}T{minute(n)[11:]},{60 + n % 9},{95 if start <= n < start + 30 else 0}" for n in range(1440))
    return table(folder, "time,심박수,걸음수", *lines, name=f"{name}.csv")


def test_a_day_is_described_in_both_languages_and_levels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = day(tmp_path, "01", 200)
    status, out, _ = run(capsys, "sensor", "describe", path)
    assert status == 0 and out.startswith("2026-11-01") and "새벽 03:20부터 새벽 03:50까지 걷기." in out and "심박수 평균" in out
    status, out, _ = run(capsys, "sensor", "describe", path, "--lang", "en", "--levels", "semantic", "--json")
    (told,) = json.loads(out)
    assert told["text"].startswith("Walking from 03:20 to 03:50.") and told["levels"] == ["semantic"] and told["steps"] == 2850


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--lang", "fr"], "expected ko or en"),
        (["--levels", "semantics"], "expected some of statistical, structural, semantic"),
        (["--zone", "Seoul"], "such as +09:00"),
        (["--columns", "HR"], "expected ours=theirs"),
        (["--columns", "heart=심박수"], "expected time="),
        (["--model", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str) -> None:
    status, out, err = run(capsys, "sensor", "describe", day(tmp_path, "01", 200), *arguments)
    assert status != 0 and not out and err.startswith("error: ") and err.count("\n") == 1 and why in err


def test_a_text_is_held_against_the_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = day(tmp_path, "01", 200)
    assert run(capsys, "sensor", "check", path, "--text", "새벽에 2,850걸음을 걸었다.")[0] == 0
    status, out, _ = run(capsys, "sensor", "check", path, "--text", "새벽에 9,000걸음을 걸었다. 기분이 좋아 보인다.")
    assert status == 1 and "the signal says 2850" in out and "unread" in out


def test_days_are_found_by_words_in_a_collection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, start in (("01", 200), ("02", 1100), ("03", 800)):
        day(tmp_path, name, start)
    rows = tmp_path / "days.jsonl"
    status, out, _ = run(capsys, "sensor", "days", *sorted(tmp_path.glob("*.csv")), "--to", rows)
    assert status == 0 and "wrote 3 recordings" in out
    status, out, err = run(capsys, "index", rows, "--to", tmp_path / "days.hannun")
    assert status == 0 and "3 added" in out, err
    status, out, _ = run(capsys, "search", "새벽에 걸은 날", "--words", "1", "--in", tmp_path / "days.hannun", "--json")
    hits = json.loads(out)
    hits = hits["hits"] if isinstance(hits, dict) else hits
    assert hits[0]["id"] == "2026-11-01"
