"""benchmarks/all.py: no script is forgotten; results are kept, gone on with and made anew; the page shows what there is and what is not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.test_architecture import ROOT, script

PRINTS = r'''"""{title}: side by side.

More of it."""
import sys
print("# A heading\n\n| way | ms |\n|---|---|\n| ours |", *sys.argv[1:], "|")
'''


@pytest.fixture
def runner() -> ModuleType:
    return script("all", "benchmarks")


@pytest.fixture
def bench(runner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The runner in a folder of its own with three scripts: one that prints a table, one that fails, one that takes long."""
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "LEFT", {"conse": "is a part of others"})
    monkeypatch.setattr(runner, "in_use", lambda: 0.0)
    (tmp_path / "benchmarks").mkdir()
    for name in ("table", "slow"):
        (tmp_path / f"benchmarks/{name}.py").write_text(PRINTS.format(title=name.title()), "utf-8")
    (tmp_path / "benchmarks/fails.py").write_text("raise ValueError('no such thing')\n", "utf-8")
    return runner


def ran(bench: ModuleType, place: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    scripts = (bench.Script("table", "--count 3"), bench.Script("fails"), bench.Script("slow", long=True), bench.Script("data", "DATA"))
    work, to = place / "work", place / "page.md"
    monkeypatch.setattr(sys, "argv", ["all.py", "--work", str(work), "--to", str(to), "--data", str(place / "none"), *arguments])
    status = bench.main(scripts)
    return status, to.read_text("utf-8")


def test_no_script_is_forgotten(runner: ModuleType) -> None:
    named = [s.name for s in runner.RUNS]
    assert len(set(named)) == len(named) and not set(named) & set(runner.LEFT)
    assert {f.stem for f in (ROOT / "benchmarks").glob("*.py")} == set(named) | set(runner.LEFT)


def test_the_page_says_what_was_run_and_what_was_not(bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, page = ran(bench, tmp_path, monkeypatch)
    assert status == 1  # one ended badly
    assert "| [table](#table) | `python benchmarks/table.py --count 3` |" in page
    assert "| fails | `python benchmarks/fails.py` | not run: ended with 1: ValueError: no such thing |" in page
    assert "| slow | `python benchmarks/slow.py` | not run: it takes long (--long) |" in page
    assert f"not run: the data folder ({tmp_path / 'none'})" in page and "| conse | | not run: is a part of others |" in page
    assert "## table\n\nTable: side by side.\n" in page and "### A heading\n\n| way | ms |\n|---|---|\n| ours | --count 3 |" in page
    assert "busy" not in page


def test_what_is_there_is_not_made_again(bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(bench, tmp_path, monkeypatch)
    made = tmp_path / "work/table.json"
    made.write_text(made.read_text("utf-8").replace("ours", "kept"), "utf-8")
    assert "| kept |" in ran(bench, tmp_path, monkeypatch)[1]
    assert "| ours |" in ran(bench, tmp_path, monkeypatch, "--only", "table")[1]  # asked for by name
    made.write_text(made.read_text("utf-8").replace("ours", "old"), "utf-8")
    changed = tmp_path / "benchmarks/table.py"
    changed.write_text(changed.read_text("utf-8") + "import shelf.cups\n", "utf-8")
    (tmp_path / "benchmarks/shelf").mkdir()
    for name in ("__init__", "cups"):
        (tmp_path / f"benchmarks/shelf/{name}.py").touch()
    assert "not run: nobody has run it yet" in ran(bench, tmp_path, monkeypatch, "--page")[1]  # a result of another script is none
    assert "| ours |" in ran(bench, tmp_path, monkeypatch)[1]
    (tmp_path / "benchmarks/shelf/cups.py").write_text("CUPS = 4\n", "utf-8")
    assert "| table | `python benchmarks/table.py --count 3` | not run: nobody" in ran(bench, tmp_path, monkeypatch, "--page")[1]


def test_a_script_is_what_it_imports_of_its_folder_too(runner: ModuleType) -> None:
    named = {s.name: {str(f.relative_to(ROOT / "benchmarks")) for f in runner.parts(s)} for s in runner.RUNS}
    assert named["search"] == {"search.py", *(f"searching/{n}.py" for n in ("__init__", "drawn", "timed", "peers"))}
    assert "curating/profane.py" in named["curate"] and "gradcam.py" in named["one_r"] and named["dupes"] == {"dupes.py"}


def test_a_busy_machine_is_said(bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "in_use", lambda: 64.0)
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 4)
    assert "load before: 64.0. **The machine was busy" in ran(bench, tmp_path, monkeypatch, "--only", "table")[1]


def test_what_a_script_needs(runner: ModuleType, tmp_path: Path) -> None:
    assert runner.lacks(runner.Script("x", packages=("no_such_package",)), tmp_path) == "the package no_such_package"
    assert "build/no-such" in runner.lacks(runner.Script("x", trained="build/no-such"), tmp_path)
    assert not runner.lacks(runner.Script("x", "--data DATA", ("json",)), tmp_path)


def test_processors_in_use_are_those_of_the_machine(runner: ModuleType) -> None:
    assert 0 <= runner.in_use(0.05) <= (runner.os.cpu_count() or 1)
