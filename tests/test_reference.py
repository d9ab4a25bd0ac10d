"""The API reference is of today's docstrings, every name in it says what it is, and the docs build without a warning."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hannun
from tests.test_architecture import ROOT, script

DOCS = ROOT / "docs"


def test_the_reference_is_up_to_date() -> None:
    assert script("reference").page() == (DOCS / "reference.md").read_text("utf-8"), "run: python docs/reference.py"


def test_every_name_says_what_it_is() -> None:
    reference = script("reference")
    places = [f for places in reference.CHAPTERS.values() for place in places for f in reference.files(place)]
    silent = [f"{f.relative_to(ROOT)}: {e.name}" for f in places for e in reference.public(f) if not e.doc]
    assert not silent and len(places) > 60


def test_the_public_names_are_in_it() -> None:
    named = set(re.findall(r"^#### (\S+)$", (DOCS / "reference.md").read_text("utf-8"), re.MULTILINE))
    assert set(hannun.__all__) <= named
    assert {"Collection.search", "Embeddings.truncate", "infonce", "recall", "HannunError"} <= named


def test_how_names_are_written() -> None:
    reference = script("reference")
    (function,) = ast.parse("def f(a: int, *rest: str, b: float = 0.5, **more: int) -> str: ...").body
    assert reference.signature(function) == "f(a: int, *rest: str, b: float = 0.5, **more: int) -> str"
    (given,) = ast.parse("@dataclass\nclass A:\n    x: int\n    _y: int = 0\n").body
    assert reference.made(given) == "class A(x: int)"
    assert reference.prose("Args:\n    x: a < b\n      more\n\nEnd `<s>`.") == "\n**Args**\n\n- `x`: a &lt; b\n  more\n\n\nEnd `<s>`."


def test_the_docs_build_without_a_warning(tmp_path: Path) -> None:
    """Every page is in the navigation, every link and anchor leads somewhere."""
    pytest.importorskip("mkdocs", reason="mkdocs is in the [dev] extra")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "reference" / "index.html").exists()
