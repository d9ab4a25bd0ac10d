"""What the code imports is asked for by pyproject.toml, and nothing else is; without any extra, what needs one says which in one line."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.conftest import draw, finished
from tests.test_architecture import ROOT, script
from tests.test_floors import HOUSE
from tests.test_imports import IMPORTS

packaging = pytest.importorskip("packaging.utils", reason="packaging comes with pytest")

#: Imported, but not asked for by name: parts of a package that is asked for, which it has in its own interface.
BROUGHT = {
    "datasets": "mteb",
    "huggingface_hub": "transformers",
    "pydantic_core": "pydantic",
    "scipy": "scikit-learn",
    "starlette": "fastapi",
}
#: Asked for, but not imported by name: other packages look for them.
BESIDE = {"httptools": "uvicorn's faster parser", "python-multipart": "Starlette's uploads by form"}
#: Extras that tests, benchmarks and tools need, and the code does not.
TOOLS = {"dev", "peers", "service-tests"}


def imported() -> set[str]:
    """The top-level modules of other packages that the code imports anywhere."""
    every = {name for top, inside in IMPORTS.values() for name in (*top, *(n for n, _ in inside))}
    return {n for n in every if n.split(".")[0] not in ("hannun", "__future__", *sys.stdlib_module_names) and n not in IMPORTS}


def asked() -> dict[str, set[str]]:
    """ "base" and each extra → the names of the packages that it asks for."""
    return {group: {packaging.canonicalize_name(r.name) for r in wanted} for group, wanted in script("packages").asked().items()}


def packages_of(module: str) -> set[str]:
    """The packages that a top-level module is of; its own name where none is installed that has it."""
    found = importlib.metadata.packages_distributions().get(module, [module])
    return {packaging.canonicalize_name(name) for name in found}


def test_every_import_is_of_a_package_that_is_asked_for() -> None:
    listed = set().union(*(names for group, names in asked().items() if group not in TOOLS))
    assert {n for n in imported() if not packages_of(n) & listed} == set(BROUGHT)
    assert set(BROUGHT.values()) <= listed


def test_every_package_that_is_asked_for_is_used() -> None:
    used = set().union(*(packages_of(name) for name in imported()))
    text = "\n".join(f.read_text("utf-8") for f in HOUSE.rglob("*.py"))
    for group, names in asked().items():
        loose = {n for n in names - used if not re.search(rf'"{n.replace("-", "_")}["._]', text)}
        assert group in TOOLS or loose <= set(BESIDE), f"{group}: {loose}"
    assert set(BESIDE) <= set().union(*asked().values()) - used


#: For `python -c`: the command line as it is on a base install, whatever is installed here.
BARE = """
import contextlib, importlib.machinery, io, json, sys
hidden = set(json.loads(sys.argv[1]))
class Bare(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in hidden else super().find_spec(name, path, target)
sys.meta_path = [Bare if f is importlib.machinery.PathFinder else f for f in sys.meta_path]
for name in [m for m in sys.modules if m.split(".")[0] in hidden]:
    del sys.modules[name]
from hannun.serve.cli.main import run
told = []
for command in json.loads(sys.argv[2]):
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()):
        told.append([run(command), err.getvalue()])
print(json.dumps(told))
"""
NEEDS = {
    "index a.heic": "formats",
    "index a.pdf": "formats",
    "index a.xlsx": "formats",
    "index a.mp4": "video",
    "index a.png --to read.hannun --read": "read",
    "index a.png --model hub": "train",
    "search a --in qdrant://localhost:1/x": "cluster",
    "mcp my.hannun": "agents",
    "users train log.csv --to m": "users",
    "users embed log.csv --model m --to a.parquet": "users",
    "users index log.csv --model m --items log.csv": "users",
    "users drift a.parquet b.parquet": "users",
    "curate run goods.csv --to out": "curate",
    "train kelip --pairs pairs.csv --to m": "train",
    "train karrot_user --data .": "train",
    "recipes kelip --memory": "train",
    "sensor train days.csv --to m": "train",
    "eval mini --on mteb:STS17": "eval",
    "export hub --to onnx": "train",
    "imagine a --model diffusion": "imagine",
}


def test_without_extras_one_line_says_which_is_needed(tmp_path: Path) -> None:
    base = {name for name, p in script("packages").packages().items() if "base" in p.needed_by}
    hidden = [
        m for m, names in importlib.metadata.packages_distributions().items() if not {*map(packaging.canonicalize_name, names)} & base
    ]
    (tmp_path / "a.heic").write_bytes((ROOT / "tests/red.heic").read_bytes())
    for name, begin in (("a.pdf", b"%PDF-1.7"), ("a.xlsx", b"PK"), ("a.mp4", b"\0\0\0\x18ftypmp42")):
        (tmp_path / name).write_bytes(begin)  # no package is there to look further
    draw().save(tmp_path / "a.png")
    (tmp_path / "log.csv").write_text("user,item,time\n1,a,2024-01-01\n")
    (tmp_path / "goods.csv").write_text("image,title\na.png,a\n")
    (tmp_path / "days.csv").write_text("time,steps\n2024-01-01T00:00,3\n")
    (tmp_path / "pairs.csv").write_text("query,positive\na,b\nc,d\n")
    for folder, file, text in (
        ("diffusion", "model_index.json", '{"_class_name": "StableDiffusionPipeline"}'),
        ("hub", "config.json", "{}"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    commands = [shlex.split(c) for c in NEEDS]
    done = finished("-c", BARE, json.dumps([m for m in hidden if m != "hannun"]), json.dumps(commands), cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    for (command, extra), (status, err) in zip(NEEDS.items(), json.loads(done.stdout), strict=True):
        lines = [line for line in err.splitlines() if line.startswith("error: ")]
        assert status == 1 and len(lines) == 1 and f"pip install -c constraints.txt '.[{extra}]'" in lines[0], (command, err)
