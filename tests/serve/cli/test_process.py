"""The command line as a process of its own: help, pipes, signals, and what the shell completes."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from hannun.serve.cli import korean
from hannun.serve.cli.main import app, run
from tests.conftest import TOY_CLI, child, draw, finished
from tests.serve.cli.commands import Captured


def test_help_and_version(capsys: Captured) -> None:
    assert run(["--version"]) == 0 and re.fullmatch(r"hannun \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(
        f" {name} " in out
        for name in (
            "demo",
            "index",
            "search",
            "info",
            "delete",
            "reindex",
            "embed",
            "copy",
            "backup",
            "restore",
            "dupes",
            "facets",
            "update",
        )
    )
    assert run([]) == 2
    assert "Usage" in capsys.readouterr().out


def test_from_the_shell(pictures: Path) -> None:
    cwd = pictures.parent
    made = finished("-c", TOY_CLI, "index", "pics", "--to", "s.hannun", "--no-words", cwd=cwd)
    assert made.returncode == 0 and "6 added" in made.stdout and "\x1b" not in made.stderr + made.stdout, made
    found = finished("-c", TOY_CLI, "search", "빨간 줄무늬 원피스", "--in", "s.hannun", "--json", cwd=cwd)
    assert json.loads(found.stdout)[0]["id"] == "r1" and found.stderr == ""
    for arguments in (["search", "a", "--in", "none"], ["search", "a", "--in", "s.hannun", "--where", "x"], ["index", "none"], ["nothing"]):
        bad = finished("-c", TOY_CLI, *arguments, cwd=cwd)
        assert bad.returncode != 0 and bad.stdout == "" and len(bad.stderr.splitlines()) == 1 and bad.stderr.startswith("error: "), bad


def test_a_reader_that_leaves_early_is_no_mistake(shop: Path) -> None:
    process = child("-c", TOY_CLI, "search", "원피스", "--in", "shop.hannun", "--json", cwd=shop.parent)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(30) == 0
    process.stderr.close()


def test_interrupted_and_run_again(pictures: Path) -> None:
    # After 200 texts each takes ten times as long, so that there is time to interrupt.
    begun = pictures.parent / "begun"
    slow = (
        "import pathlib, time\nfrom tests.toy import Toy\nold, done = Toy._text, []\n"
        f"def slow(self, text):\n    time.sleep(0.005 if len(done) < 200 else 0.05)\n    done.append(text)\n"
        f"    if len(done) == 200: pathlib.Path({str(begun)!r}).touch()\n    return old(self, text)\n"
        "Toy._text = slow\n" + TOY_CLI
    )
    rows = "".join(json.dumps({"id": str(n), "text": f"글 {n}"}) + "\n" for n in range(400))
    (pictures / "many.jsonl").write_text(rows)
    process = child("-c", slow, "index", "pics", "--to", "s.hannun", "--no-words", cwd=pictures.parent)  # words would take their time
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err.splitlines()[-1] == "error: interrupted; run the same command again to go on", err
    again = finished("-c", TOY_CLI, "index", "pics", "--to", "s.hannun", cwd=pictures.parent)
    assert again.returncode == 0 and "now has 406 items" in again.stdout, again
    assert int(re.search(r"(\d+) unchanged", again.stdout)[1]) > 0  # type: ignore[index]


def test_every_help_text_has_its_korean(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def texts(command: Any) -> Iterator[str]:
        shown = (*command.params, command.get_help_option(typer.Context(command)))
        yield from (t for t in (command.help, *(getattr(p, "help", None) for p in shown)) if t)
        for below in getattr(command, "commands", {}).values():
            yield from texts(below)

    english = set(texts(typer.main.get_command(app)))
    assert english - set(korean.HELP) == set() == set(korean.HELP) - english
    assert all(re.search("[가-힣]", t) for t in korean.HELP.values())
    assert run(["search", "--help"]) == 0 and "How many hits." in capsys.readouterr().out
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    assert run(["search", "--help"]) == 0 and "결과 수." in (out := capsys.readouterr().out) and "How many hits." not in out
    assert "이 도움말을 보여 주고 끝냅니다." in out
    assert run(["--help"]) == 0 and "사진, 글, 표의 행을 읽어 컬렉션에 넣습니다" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch.nn"), r"this needs the package torch; pip install .*'\.\[train\]'"),
        (ModuleNotFoundError("No module named 'nobody'", name="nobody"), "this needs the package nobody; see the extras in pyproject.toml"),
        (
            ImportError("libGL.so.1: cannot open shared object file"),
            r"a package cannot be started \(libGL\.so\.1: cannot open .*install it anew",
        ),
    ],
)
def test_a_package_that_is_not_there_is_one_line(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: ImportError, said: str
) -> None:
    def needs(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hannun.collection.open", needs)
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["torch>=2.6; extra == 'train'", "numpy>=2.0"])
    assert run(["info", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert re.fullmatch(f"error: {said}.*\n", err), err


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({"LANG": "ko_KR.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR"}, True),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "kok_IN"}, False),
        ({}, False),
    ],
)
def test_the_locale_is_the_first_that_is_set(environment: dict[str, str], spoken: bool) -> None:
    assert korean.is_locale(environment) is spoken


def test_a_table_in_a_pipe_breaks_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    title = "아주 긴 이름의 빨간 줄무늬 원피스 " * 5
    folder = tmp_path / ("가" * 60) / ("나" * 60)
    folder.mkdir(parents=True)
    draw().save(folder / "a.png")
    Path("rows.jsonl").write_text(json.dumps({"id": "1", "text": title.strip()}) + "\n", "utf-8")
    assert run(["index", "rows.jsonl", str(folder), "--to", "s.hannun", "--no-words"]) == 0
    capsys.readouterr()
    assert run(["search", "원피스", "--in", "s.hannun"]) == 0
    out = capsys.readouterr().out
    assert f"{'가' * 60}/{'나' * 60}/a.png" in out and title.strip() in out and "…" not in out


def test_the_list_of_recipes_and_every_help_need_no_torch(tmp_path: Path) -> None:
    without = (
        "import sys\nsys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import typer\nfrom hannun.serve.cli.main import app, run\n"
        "assert run(['recipes']) == 0\n"
        "for name in typer.main.get_command(app).commands:\n    assert run([name, '--help']) == 0, name\n"
        "sys.exit(run(['recipes', 'kelip']))\n"
    )
    done = finished("-c", without, cwd=tmp_path)
    assert all(re.search(rf"^{name} +paper, tiny +\S", done.stdout, re.MULTILINE) for name in ("jina_clip", "jina_v4", "kanana_v", "kelip"))
    assert (done.returncode, done.stderr) == (0, "") and re.search(r"^kelip --size paper: ", done.stdout, re.MULTILINE)


def test_the_shell_completes_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_HANNUN_COMPLETE", "complete_bash")
    for typed, offered in (("hannun se", {"search", "serve"}), ("hannun search --wh", {"--where", "--why"})):
        monkeypatch.setenv("COMP_WORDS", typed)
        monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
        done = finished("-c", "import sys\nsys.argv[0] = 'hannun'\nfrom hannun.serve.cli.main import main\nmain()")
        assert set(done.stdout.split()) >= offered, done
