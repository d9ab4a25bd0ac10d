"""The READMEs go in; their Python block is run as printed. Their command lines are parsed in test_pages and walked in test_walk."""

from __future__ import annotations

import re
from pathlib import Path

import PIL.Image
import pytest
import typer

from hannun.serve.cli.main import app

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.ko.md")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_the_python_quickstart_runs_as_printed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    PIL.Image.new("RGB", (64, 64), "red").save("dress.jpg")
    (code,) = blocks(name, "python")
    space: dict[str, object] = {}
    exec(compile(code, name, "exec"), space)
    printed = capsys.readouterr().out
    assert "빨간 줄무늬 원피스" in printed and "파란 체크 셔츠" in printed
    space["shop"].close()  # type: ignore[attr-defined]


def test_both_readmes_show_the_same_commands() -> None:
    english, korean = (
        [re.sub(r"\S*(Photos|사진|products|상품)\S*", "…", line.split("#")[0]).strip() for line in "".join(blocks(n, "sh")).splitlines()]
        for n in READMES
    )
    assert english == korean


def test_the_help_of_every_command_says_what_it_does() -> None:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert command.help and len(command.help) > 20, name
