"""A part of the code goes in; each small change of it that no test notices comes out.

    python benchmarks/mutants.py objectives             # or metrics, gradcache
    python benchmarks/mutants.py metrics --sample 60    # so many of them, drawn by --seed

One change at a time (a comparison, a sign, a number, a condition, a default) is put in the place of the module in a child of this process,
which runs the part's tests and must fail. Survivors are printed with file, line and change: each wants a test, or changes nothing
(docs/mutants.md says which, and why).
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import importlib.abc
import importlib.util
import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PARTS = {
    "objectives": (sorted((ROOT / "src/hannun/objectives").glob("*.py")), ["tests/objectives"]),
    "metrics": (sorted((ROOT / "src/hannun/metrics").glob("*.py")), ["tests/metrics"]),
    "gradcache": ([ROOT / "src/hannun/train/gradcache.py"], ["tests/train/test_gradcache.py"]),
}
SLOW = "two_processes or sharded or memory or never_held"  # processes of their own would not see the change; bytes are no sign
QUICK = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]  # the latter collects garbage for half a second
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot,
            ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}  # fmt: skip
RECKONED: dict[Any, Any] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.MatMult: ast.Add,
}


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    file: Path
    line: int
    what: str
    source: str


def changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """(what it says, how to make it in place) for one node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        yield (
            f"{type(node.ops[0]).__name__} → {COMPARED[type(node.ops[0])].__name__}",
            lambda n: n.ops.__setitem__(0, COMPARED[type(n.ops[0])]()),
        )
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in RECKONED:
        yield f"{type(node.op).__name__} → {RECKONED[type(node.op)].__name__}", lambda n: setattr(n, "op", RECKONED[type(n.op)]())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield f"{type(node.op).__name__} gone", lambda n: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{type(node.op).__name__} → {other.__name__}", lambda n: setattr(n, "op", other())
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield f"{node.value} → {node.value + 1}", lambda n: setattr(n, "value", n.value + 1)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} → {not node.value}", lambda n: setattr(n, "value", not n.value)
    if isinstance(node, ast.IfExp):
        yield (
            "the branches of an if changed about",
            lambda n: (lambda a, b: (setattr(n, "body", b), setattr(n, "orelse", a)))(n.body, n.orelse),
        )


def mutants(file: Path) -> list[Mutant]:
    """Every mutant of a module; annotations, error messages and slices of shapes in them are left alone."""
    text = file.read_text("utf-8")
    tree = ast.parse(text)
    skipped = {
        id(x) for n in ast.walk(tree) for f in ("annotation", "returns") if getattr(n, f, None) is not None for x in ast.walk(getattr(n, f))
    }
    skipped |= {id(x) for n in ast.walk(tree) if isinstance(n, ast.Raise | ast.JoinedStr) for x in ast.walk(n)}
    out = []
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for k, (what, _) in enumerate(changes(node)):
            fresh = ast.parse(text)
            target = next(n for i, n in enumerate(ast.walk(fresh)) if i == place)
            list(changes(target))[k][1](target)
            if (made := ast.unparse(ast.fix_missing_locations(fresh))) != ast.unparse(tree):
                out.append(Mutant(file, getattr(node, "lineno", 0), what, made))
    return out


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from other source."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        self.name, self.mutant = name, mutant

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """The spec of that one module."""
        if name != self.name:
            return None
        package = self.mutant.file.name == "__init__.py"
        return importlib.util.spec_from_loader(name, self, origin=str(self.mutant.file), is_package=package)

    def exec_module(self, module: Any) -> None:
        """Run the changed source."""
        if self.mutant.file.name == "__init__.py":
            module.__path__ = [str(self.mutant.file.parent)]
        exec(compile(self.mutant.source, str(self.mutant.file), "exec"), module.__dict__)


def asked(file: Path, tests: list[str]) -> list[str]:
    """A module's own test file where there is one, so that no other test's accident counts; else the part's tests."""
    own = [f"{folder}/test_{file.stem}.py" for folder in tests if (ROOT / folder / f"test_{file.stem}.py").exists()]
    return own or tests


def passes(tests: list[str], seconds: float, mutant: Mutant | None = None, told: Path | None = None) -> bool:
    """Whether the tests pass, with one module changed: in a child, which is ended after so many seconds (a change may loop for ever).

    `told` gets the names of the modules from outside that the tests have loaded.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if mutant is not None:
                relative = mutant.file.relative_to(ROOT / "src").with_suffix("")
                parts = [p for p in relative.parts if p != "__init__"]
                sys.meta_path.insert(0, Changed(".".join(parts), mutant))
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                import pytest

                code = int(pytest.main([*QUICK, "-k", f"not ({SLOW})", *(str(ROOT / t) for t in tests)]))
            if told is not None:
                told.write_text("\n".join(m for m in sys.modules if m.split(".")[0] not in ("hannun", "tests", "__main__", "conftest")))
        finally:
            os._exit(code)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def warmed(tests: list[str], seconds: float) -> bool:
    """Whether the tests pass as the code stands; what they load from outside is loaded here, before the children part."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "modules"
        if not passes(tests, seconds, told=told):
            return False
        for name in told.read_text().splitlines():
            if name.split(".")[0] not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name.split(".")[0])
    return True


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, help="so many mutants instead of all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=120, help="after which a mutant's tests count as failed")
    a = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other packages' plugins take two seconds to import, for every mutant
    files, tests = PARTS[a.part]
    if not warmed(tests, 10 * a.seconds):
        parser.error(f"{', '.join(tests)}: fail as the code stands; mend them first")
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)
    every = [m for f in files for m in mutants(f)]
    chosen = random.Random(a.seed).sample(every, min(a.sample or len(every), len(every)))
    print(f"{a.part}: {len(every)} mutants, {len(chosen)} tried", flush=True)
    left = []
    for m in chosen:
        if passes(asked(m.file, tests), a.seconds, m):
            left.append(m)
            print(f"  survives: {m.file.relative_to(ROOT)}:{m.line}  {m.what}", flush=True)
    print(f"{len(chosen) - len(left)} of {len(chosen)} noticed ({(len(chosen) - len(left)) / max(1, len(chosen)):.0%})")


if __name__ == "__main__":
    main()
