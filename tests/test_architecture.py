"""The plan in docs/architecture.md is the one that the imports draw, and what stands in the house has a name of its own."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plan", ROOT / "docs" / "plan.py")
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
