"""The READMEs and the pages of docs/ go in; every command in them is parsed, every Python block resolved, and run where it can be.

What cannot be run here is told by what the block asks for (ELSEWHERE), not by a list of blocks. The log, the decisions and the
generated reference are of another day, or checked by what generates them.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib.util
import io
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

import hannun
from hannun import catalogue
from hannun.serve.cli.main import _words_last, app
from tests.test_benchmarks import missing
from tests.test_docs import READMES, ROOT

PAGES = [*READMES, *sorted(f"docs/{f.name}" for f in (ROOT / "docs").glob("*.md") if f.name not in ("log.md", "reference.md"))]
SHELL = ("sh", "bash", "console")
#: Programs that are not ours, whose options nobody checks here.
OTHERS = {"docker", "npm", "ray"}
#: What a Python block may use that it does not make: a collection, its folder's pictures and items, a model and its input.
GIVEN = {"shop", "photo", "model", "items"}
#: What a block asks for that a test does not have, and what that is.
ELSEWHERE = {
    r"qdrant://": "a Qdrant server",
    r'"…"': "a name that the reader fills in",
    r'"Qwen/': "weights from a hub",
    r"build/|\bmodel\.collate": "a trained model",
    r"users-model": "a trained user model",
    r'"signal":': "a model that reads signals",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line it begins at, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def fenced(page: str) -> list[Block]:
    text = (ROOT / page).read_text("utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [Block(page, text[: m.start()].count("\n") + 1, m[1], m[2]) for m in found]


BLOCKS = [b for page in PAGES for b in fenced(page)]


def typed(block: Block) -> list[list[str]]:
    """The commands of a block, in words, without comments, prompts, what they answered, and where they read from or write to."""
    text = block.text.replace("\\\n", " ")
    lines = text.splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    commands = [shlex.split(line, comments=True) for line in lines]
    return [list(_until(words)) for words in commands if words]


def _until(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in ("<", ">", ">>", "|", "&&", ";"):
            return
        yield word


class _Parsed(Exception):
    """Thrown in the place of running what has been parsed."""


def parse_script(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `python FILE …` or `python -m MODULE …` read its arguments, and stop it there. Raises SystemExit where it refuses them."""
    whole = argparse.ArgumentParser.parse_args

    def only(parser: argparse.ArgumentParser, *given: object, **named: object) -> None:
        whole(parser, *given, **named)  # type: ignore[call-overload]
        raise _Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only)
    module = words[1] == "-m"
    monkeypatch.setattr(sys, "argv", words[2:] if module else words[1:])
    monkeypatch.setattr(sys, "path", [str(ROOT / words[1]).rpartition("/")[0], *sys.path])
    with pytest.raises(_Parsed), redirect_stdout(io.StringIO()):
        if module:
            assert importlib.util.find_spec(words[2]), words[2]
            runpy.run_module(words[2], run_name="__main__")
        else:
            runpy.run_path(str(ROOT / words[1]), run_name="__main__")


def parse_hannun(words: list[str]) -> None:
    """Raises a UsageError for an option or an argument that a command does not take, KeyError for a command that is not there."""
    command, rest = typer.main.get_command(app), _words_last(words[1:])
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(" ".join(words[:-1]), list(rest))


EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


def check_pip(words: list[str]) -> None:
    """Extras are the package's, files are there."""
    assert words[1] == "install", words
    named = {extra for given in re.findall(r"\[(.+?)\]", " ".join(words)) for extra in given.split(",")}
    assert named <= set(EXTRAS), words
    assert all((ROOT / words[n + 1]).is_file() for n, word in enumerate(words) if word == "-c"), words


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in SHELL], ids=str)
def test_every_command_is_one_that_is_there(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    commands = typed(block)
    assert commands
    for words in commands:
        match words:
            case ["hannun", *_]:
                parse_hannun(words)
            case ["python", *_]:
                if importlib.util.find_spec("torch") is None:
                    pytest.skip("scripts of training need torch to begin")
                with monkeypatch.context() as patch:
                    parse_script(words, patch)
            case ["torchrun", *_] if words[(at := words.index("-m")) + 1] == "hannun":
                parse_hannun(words[at + 1 :])
            case ["pip", *_]:
                check_pip(words)
            case ["make", target, *_]:
                assert target in targets, words
            case _:
                assert words[0] in OTHERS, f"{block}: {words[0]} is no command of ours, and not known as another's"


def options(command: object) -> set[str]:
    return {o for p in getattr(command, "params", ()) for o in (*p.opts, *p.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("page", PAGES)
def test_a_command_in_a_sentence_is_there_with_its_options(page: str) -> None:
    """`hannun index … --careful`: what it needs beside may be left out, what it names must be."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`(hannun [^`]+)`", text):
        words = shlex.split(span.replace("…", " … "))[1:]
        command = typer.main.get_command(app)
        while hasattr(command, "commands") and words and words[0][0] not in "-…":
            assert words[0] in command.commands, f"{page}: {span}"
            command, words = command.commands[words[0]], words[1:]
        named = {w.split("=")[0] for w in words if re.match(r"--?[a-z]", w)}
        assert named <= options(command), f"{page}: {span}: {named - options(command)}"


def unbound(code: str, bound: set[str]) -> set[str]:
    """The names that a block reads and that neither it nor `bound` makes."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read - bound - set(dir(builtins))


PYTHON = [b for b in BLOCKS if b.language == "python"]


@pytest.mark.parametrize("page", sorted({b.page for b in PYTHON}))
def test_every_name_in_a_python_block_is_there(page: str) -> None:
    """A page is read from above: what a block makes or imports, later ones may use."""
    bound = set(GIVEN)
    for block in (b for b in PYTHON if b.page == page):
        compile(block.text, str(block), "exec")
        assert not missing(block.text), block
        assert not unbound(block.text, bound), block


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the blocks name: photographs, a page with a picture, and a collection of a few things."""
    place = tmp_path_factory.mktemp("desk")
    drawn = catalogue.entries()[:4]
    for name, entry in zip(("photo.jpg", "a.jpg", "dress.jpg"), drawn, strict=False):
        catalogue.picture(entry).save(place / name)
    (place / "trip.html").write_text('<h1>제주</h1><p>바다에서 노는 아이</p><img src="a.jpg" alt="바다">', "utf-8")
    with hannun.open(place / "shop.hannun") as shop:
        shop.add([{"id": id, "text": e.title, "image": catalogue.picture(e)} for id, e in zip(("17", "23", "29"), drawn, strict=False)])
    return place


@pytest.mark.parametrize("page", sorted({b.page for b in PYTHON if b.page.startswith("docs/")}))
def test_the_python_blocks_of_a_page_run(page: str, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the READMEs are run in test_docs. A collection is closed before the next block opens it."""
    ran, left = 0, ""
    space: dict[str, object] = {"photo": Path("photo.jpg")}
    for block in (b for b in PYTHON if b.page == page):
        why = next((what for asked, what in ELSEWHERE.items() if re.search(asked, block.text)), None)
        if why:
            left = f"{block} asks for {why}"
            continue
        monkeypatch.chdir(tmp_path if "dictionary=" in block.text else desk)  # which is given when a collection is made
        if not re.search(r"^shop = ", block.text, re.MULTILINE):
            space["shop"] = hannun.open("shop.hannun")
        try:
            exec(compile(block.text, str(block), "exec"), space)
        finally:
            if close := getattr(space.pop("shop", None), "close", None):
                close()
        ran += 1
    if not ran:
        pytest.skip(left)


def test_what_is_not_run_is_a_rule_that_something_needs() -> None:
    assert all(any(re.search(asked, b.text) for b in PYTHON) for asked in ELSEWHERE)


def test_a_command_that_has_gone_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError):
        parse_hannun(["hannun", "users", "recomend", "7"])
    with pytest.raises(Exception, match=r"--lagn"):
        parse_hannun(["hannun", "caption", "photo.jpg", "--lagn", "en"])
    with pytest.raises(AssertionError):
        check_pip(["pip", "install", ".[curation]"])
    assert unbound("import os\nos.getcwd()\nshop.search(path)\n", {"shop"}) == {"path"}
    answered = Block("a.md", 1, "console", "$ hannun check C  # looks\nall right\n$ hannun imagine - < lines.txt\n")
    assert typed(answered) == [["hannun", "check", "C"], ["hannun", "imagine", "-"]]
