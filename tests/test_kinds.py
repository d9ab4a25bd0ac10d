"""Kinds of content are one idea (docs/kinds.md): no file spells their list out, but those that have a reason to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hannun.item import JSON_KINDS, KINDS, Image, Text, joined

HOUSE = Path(__file__).parents[1] / "src" / "hannun"
# Rooms that are about texts and pictures themselves: what is read, drawn, cleaned, trained on and measured; networks of such towers.
ROOMS = {"catalogue", "curate", "datasets", "evaluate", "mini", "models", "recipes", "sources", "train"}
# Single files, and why: docs/kinds.md says it in words.
FILES = {
    "index/request.py",  # the key under which stores of format 2 keep the cosine of a text and a picture
    "collection/settings.py",  # what a settings file of format 2 means that names no kinds
    "serve/cli/search.py",  # an example on the command line may begin with text: or image:
}


def listed(tree: ast.AST) -> Iterator[int]:
    """The lines in which two kinds or more stand in one tuple, list or set, or joined in a text."""
    docstrings = {
        id(n.body[0].value)
        for n in ast.walk(tree)
        if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and n.body and isinstance(n.body[0], ast.Expr)
    }
    classes = {part.__name__: kind for kind, part in KINDS.items()}
    names = {joined(pair) for pair in ((a, b) for a in KINDS for b in KINDS if a != b)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            there = {e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)}
            there |= {classes.get(e.value.id, "") for e in node.elts if isinstance(e, ast.Attribute) and isinstance(e.value, ast.Name)}
            if len(there & set(KINDS)) > 1:
                yield node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings and node.value in names:
            yield node.lineno


def test_no_file_spells_out_the_list_of_kinds() -> None:
    found = set()
    for file in HOUSE.rglob("*.py"):
        place = file.relative_to(HOUSE)
        if place.parts[0] not in ROOMS and any(listed(ast.parse(file.read_text("utf-8")))):
            found.add(place.as_posix())
    assert found == FILES


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('a = ("text", "image")', [1]),
        ('for k in ["image", "signal"]: pass', [1]),
        ("b = {Text.kind, Image.kind}", [1]),
        ('gain["text+image"]', [1]),
        ('a = ("text", 1)', []),
        ('"""text+image"""\nb = {"text": 1, "image": 2}', []),  # a row, not a list of kinds
    ],
)
def test_what_counts_as_a_list(source: str, lines: list[int]) -> None:
    assert list(listed(ast.parse(source))) == lines


def test_a_kind_is_named_once() -> None:
    assert all(part.kind == kind for kind, part in KINDS.items()) and KINDS.keys() - JSON_KINDS.keys() == {Text.kind, Image.kind}
    assert all(p.plain(16).digest() == p.plain(16).digest() for p in KINDS.values())
    assert len({p.plain(16).digest() for p in KINDS.values()}) == len(KINDS)
