"""The scripts in benchmarks/ start, and every name of Hannun's that they use is there: they are run long after a name has moved."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_architecture import script
from tests.test_floors import MODULES

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))
FILES = sorted(f for folder in ("benchmarks", "deploy", "docs") for f in (ROOT / folder).rglob("*.py"))


def names(module: str) -> set[str]:
    """What can be imported from a module of Hannun: what it defines or imports at its top, and the modules in it."""
    found = {m.rpartition(".")[2] for m in MODULES if m.rpartition(".")[0] == module}
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found | ({"load", "open"} if module == "hannun" else set())


def missing(text: str) -> list[str]:
    """The names of Hannun's that a script's text uses and that are not there: imported ones, and those asked of an imported module."""
    tree, absent, modules = ast.parse(text), [], {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            absent += [a.name for a in node.names if a.name.split(".")[0] == "hannun" and a.name not in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hannun":
            home = str(node.module)
            for alias in node.names:
                if home not in MODULES or alias.name not in names(home):
                    absent.append(f"{home}.{alias.name}")
                elif f"{home}.{alias.name}" in MODULES:
                    modules[alias.asname or alias.name] = f"{home}.{alias.name}"
    local = {a.arg for n in ast.walk(tree) if isinstance(n, ast.arguments) for a in (*n.args, *n.kwonlyargs)}
    local |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules.keys() - local:
            home = modules[node.value.id]
            if node.attr not in names(home) and not node.attr.startswith("__"):
                absent.append(f"{home}.{node.attr}")
    return absent


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_every_name_that_a_script_uses_is_there(file: Path) -> None:
    assert not missing(file.read_text("utf-8"))


def test_a_name_that_has_gone_is_seen() -> None:
    text = "from hannun import metrics\nfrom hannun.item import Item, Itme\ndef f():\n    import hannun.gone\n"
    text += "    return metrics.recall, metrics.reacll\n"
    assert sorted(missing(text)) == ["hannun.gone", "hannun.item.Itme", "hannun.metrics.reacll"]


def test_every_script_starts_and_takes_the_arguments_of_the_page() -> None:
    for package in ("torch", "transformers", "daft", "qdrant_client"):
        pytest.importorskip(package, reason="the benchmarks need what `make test` installs")
    code = (
        "import contextlib, io, runpy, sys\n"
        "for path in sys.argv[1:]:\n"
        "    sys.argv = [path, '--help']\n"
        "    sys.path.insert(0, path.rpartition('/')[0])\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as said:\n"
        "        runpy.run_path(path, run_name='__main__')\n"
        "    print(path.rpartition('/')[2], 'usage' in said.getvalue())\n"
        "class Parsed(Exception): pass\n"
        "def only(parser, *given, whole=argparse.ArgumentParser.parse_args):\n"
        "    whole(parser, *given)\n"
        "    raise Parsed\n"
        "argparse.ArgumentParser.parse_args = only\n"
        "for command in RUNS:\n"
        "    sys.argv = command.split()[1:]\n"
        "    with contextlib.suppress(Parsed):\n"
        "        runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    code = f"import argparse\nRUNS = {[s.command for s in script('all', 'benchmarks').RUNS]!r}\n" + code
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, SCRIPTS)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    parts = ["conse.py False", "gradcam.py False", "same_network.py False"]  # of others
    assert [line for line in done.stdout.splitlines() if not line.endswith("True")] == parts
