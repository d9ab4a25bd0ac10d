"""Imports only descend (DESIGN.md §2): every import in src/hannun is read, and one that goes up or sideways fails."""

from __future__ import annotations

import ast
import graphlib
import itertools
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "src" / "hannun"

# Top to bottom. Rooms on one floor do not see each other; files inside a room do, and so do the things on the lowest floor.
FLOORS: list[set[str]] = [
    {"__main__"},
    {"serve"},
    {"recipes", "evaluate", "generate"},
    {"curate"},
    {"train", "annotate", "users"},
    {"collection", "load"},
    {"search"},
    {"encode", "datasets", "prompts"},
    {"models", "index", "mini", "shards", "sources", "catalogue"},
    {
        "item",
        "seen",
        "generated",
        "part",
        "signals",
        "sensors",
        "events",
        "embeddings",
        "adamw",
        "continuation",
        "encoder",
        "hangul",
        "metrics",
        "recipe",
        "objectives",
        "errors",
        "files",
        "checksums",
        "colour",
        "journal",
        "processes",
        "numbered",
        "decode",
        "exif",
        "runtime",
        "dataflow",
        "facts",
    },
]
# Two rooms that make one thing: the collection loads the encoder it names; sources are read out of shards.
NEIGHBOURS = {("collection", "load"), ("sources", "shards")}
# What the HTTP server and the page may see: the face, and files and errors, which know nothing of Hannun's rooms.
FACE = {"collection", "load", "errors", "item", "files"}


def name_of(file: Path) -> str:
    """A file's module: "hannun.index.edge"; a package's face is the package."""
    return ".".join(["hannun", *(p for p in file.relative_to(HOUSE).with_suffix("").parts if p != "__init__")])


MODULES = {name_of(f): f for f in sorted(HOUSE.rglob("*.py"))}


def floor(room: str) -> int:
    found = [n for n, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{room} stands on no floor: give it one here and in DESIGN.md"
    return found[0]


def modules(file: Path) -> list[tuple[str, int]]:
    """The modules of hannun that a file imports, with line numbers, imports inside functions too; `if TYPE_CHECKING` counts."""
    package = ["hannun", *file.relative_to(HOUSE).with_suffix("").parts[:-1]]
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from hannun.metrics import checks` is of a file, `from hannun.metrics import recall` of the package's face.
            names = [f"{module}.{a.name}" if f"{module}.{a.name}" in MODULES else module for a in node.names]
        found += [(name, getattr(node, "lineno", 0)) for name in names if name in MODULES]
    return found


def imports(file: Path) -> list[tuple[str, int]]:
    """The rooms of hannun that a file imports, with line numbers."""
    return [(name.split(".")[1], line) for name, line in modules(file) if name != "hannun"]


def circle(uses: dict[str, set[str]]) -> list[str]:
    """A circle of imports, each module followed by one that it imports; empty where there is none."""
    try:
        graphlib.TopologicalSorter(uses).prepare()
    except graphlib.CycleError as e:
        return list(reversed(e.args[1]))
    return []


def wrong(room: str, other: str) -> bool:
    """Whether a file of `room` may not import `other`."""
    if other == room or other.startswith("__") or (room, other) in NEIGHBOURS:
        return False
    mine, theirs = floor(room), floor(other)
    return theirs < mine or (theirs == mine and mine != len(FLOORS) - 1)


FILES = sorted(f for f in HOUSE.rglob("*.py") if f != HOUSE / "__init__.py")


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(HOUSE)))
def test_imports_descend(file: Path) -> None:
    room = file.relative_to(HOUSE).parts[0].removesuffix(".py")
    bad = [f"{file.relative_to(HOUSE)}:{line} imports {other}" for other, line in imports(file) if wrong(room, other)]
    assert not bad


def test_the_http_server_sees_only_the_face() -> None:
    for file in (HOUSE / "serve" / "http").rglob("*.py"):
        assert not {other for other, _ in imports(file)} - FACE - {"serve"}


def test_the_walk_sees_what_it_should(tmp_path: Path) -> None:
    assert ("errors", 10) not in imports(HOUSE / "errors.py")
    assert {"item", "hangul", "shards", "errors"} <= {other for other, _ in imports(HOUSE / "sources" / "reading.py")}
    assert "collection" in {other for other, _ in imports(HOUSE / "serve" / "cli" / "index.py")}  # inside a function
    assert wrong("item", "collection") and wrong("models", "index") and wrong("load", "serve") and wrong("search", "collection")
    assert not wrong("serve", "item") and not wrong("item", "errors") and not wrong("collection", "load") and wrong("load", "collection")


def test_no_imports_in_a_circle() -> None:
    """Not between rooms, not inside one, and an import inside a function counts: it hides a circle from Python, not from a reader."""
    found = circle({m: {other for other, _ in modules(f)} - {m} for m, f in MODULES.items()})
    assert not found, " → ".join(found)


def test_a_circle_is_found(tmp_path: Path) -> None:
    found = circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})
    assert found[0] == found[-1] and set(found) == {"a", "b", "c"}
    assert all((one, other) in {("a", "b"), ("b", "c"), ("c", "a")} for one, other in itertools.pairwise(found))
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    deferred = {name for name, _ in modules(HOUSE / "models" / "checkpoint.py")}
    assert "hannun.models.one_sequence" in deferred  # imported inside functions alone
    assert "hannun.metrics.checks" in {name for name, _ in modules(HOUSE / "metrics" / "ranking.py")}


def test_no_import_of_what_may_not_be_there() -> None:
    """torchvision has no CPU build here, and timm needs it."""
    banned = {"torchvision", "timm"}
    for file in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not {n.split(".")[0] for n in names} & banned, file


def test_modules_that_must_not_exist() -> None:
    assert not [
        f for f in HOUSE.rglob("*") if f.stem in {"utils", "util", "common", "helpers", "helper", "misc", "manager", "factory", "registry"}
    ]


@pytest.mark.parametrize("file", [f for f in FILES if f.read_text("utf-8").strip()], ids=lambda f: str(f.relative_to(HOUSE)))
def test_every_module_says_what_it_does(file: Path) -> None:
    said = ast.get_docstring(ast.parse(file.read_text("utf-8")))
    assert said and said.split("\n")[0].rstrip().endswith((".", ":", "!", ";", ",")), file
