"""The plan in docs/architecture.md is the one that the imports draw, and what stands in the house has a name of its own."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent


def script(name: str = "plan", folder: str = "docs") -> ModuleType:
    """A script of docs/, or of another folder, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_plan_is_up_to_date() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert script().placed(page) == page, "run: python docs/plan.py"


def test_an_arrow_that_a_longer_way_implies_is_not_drawn() -> None:
    plan = script()
    assert plan.reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert plan.reduced({"a": {"b"}, "b": {"a"}}) == {"a": {"b"}, "b": {"a"}}  # a circle is shown, not hidden
    rooms = plan.uses()
    assert "metrics" in rooms["evaluate"] and "evaluate" not in rooms["metrics"]


def test_every_room_is_in_the_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    missing = [r for r in script().uses() if f"`{r}`" not in page and f"`{r}/`" not in page]
    assert not missing


def classes(text: str) -> list[str]:
    """The names of the classes in a module's text, those inside functions and other classes too."""
    return [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]


def test_every_class_has_a_name_of_its_own() -> None:
    """So that a name in a traceback, a search or a sentence means one thing."""
    places: dict[str, list[str]] = {}
    for file in sorted((ROOT / "src" / "hannun").rglob("*.py")):
        for name in classes(file.read_text("utf-8")):
            places.setdefault(name, []).append(str(file.relative_to(ROOT)))
    repeated = {name: files for name, files in places.items() if len(files) > 1}
    assert not repeated, "rename by what each is: " + "; ".join(f"{name} in {', '.join(files)}" for name, files in repeated.items())


def test_a_class_inside_a_function_is_seen() -> None:
    assert classes("class A:\n    class B: ...\ndef f():\n    class A: ...\n") == ["A", "B", "A"]


LINES, BODY, REASON = 450, 70, "long because"


def long_ones(text: str) -> list[str]:
    """What of a module is long without a reason above it: the file over 450 lines, its functions over 70."""
    lines, tree = text.splitlines(), ast.parse(text)
    found = ["the file"] if len(lines) > LINES and REASON not in (ast.get_docstring(tree) or "") else []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= BODY:
            above = lines[node.lineno - 2] if node.lineno > 1 else ""
            if REASON not in above:
                found.append(node.name)
    return found


def test_nothing_is_long_without_a_reason() -> None:
    found = {str(f.relative_to(ROOT)): what for f in sorted((ROOT / "src").rglob("*.py")) if (what := long_ones(f.read_text("utf-8")))}
    assert not found, 'split it by what a reader looks for, or say above it what it is "long because" of'


def test_a_long_function_is_seen() -> None:
    body = "    x = 1\n" * BODY
    assert long_ones(f"def f():\n{body}") == ["f"] and long_ones(f"# This is long because of x.\ndef f():\n{body}") == []
    assert long_ones("x = 1\n" * (LINES + 1)) == ["the file"] and long_ones("x = 1\n" * LINES) == []
