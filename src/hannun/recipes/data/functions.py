"""The packages that are installed here go in; code triplets (what a function is for → the function, another one of its module) come out.

jina-embeddings-v4's code adapter learns from triplets; the sets that it names cannot be had everywhere. Here each is made of a function and
the first sentence of its docstring, out of packages whose metadata states a permissive licence, the package and licence kept as facts.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hannun.datasets.split import part
from hannun.item import Item, Pair, Text

PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation)\b", re.IGNORECASE)
CLOSED = re.compile(r"\bA?L?GPL|\bMPL|Proprietary|non-?commercial", re.IGNORECASE)
LINES = (3, 40)  # a function of fewer says nothing, one of more does not fit
WORDS = (4, 30)  # of the sentence
SHARE = 20  # per cent of packages kept for measuring, by hash of their names


def licence(metadata: Any) -> str:
    """The licence that a package's metadata states, if it is a permissive one; else ""."""
    stated = [metadata.get("License-Expression") or "", (metadata.get("License") or "")[:80]]
    stated += [c.rpartition("::")[2].strip() for c in metadata.get_all("Classifier") or () if c.startswith("License ::")]
    said = " ".join(s for s in stated if s and s != "UNKNOWN")
    return said if PERMISSIVE.search(said) and not CLOSED.search(said) else ""


def functions(source: str) -> Iterator[tuple[str, str]]:
    """(first sentence of the docstring, the function without it) of a module's functions that say in words what they are for."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not (said := ast.get_docstring(node)) or len(node.body) < 2:
            continue
        sentence = " ".join(re.split(r"(?<=[.!?])\s|\n\s*\n", said.strip(), maxsplit=1)[0].split())
        node.body = node.body[1:]
        written = ast.unparse(node)
        if LINES[0] <= written.count("\n") + 1 <= LINES[1] and WORDS[0] <= len(sentence.split()) <= WORDS[1]:
            yield sentence, written


def triplets(split: str, most: int = 5000, packages: Sequence[str] | None = None) -> list[Pair]:
    """Triplets of the installed packages that belong to a split ("train", "test"); the same on every machine with the same packages."""
    out: list[Pair] = []
    names = sorted({d.metadata["Name"] for d in importlib.metadata.distributions()} if packages is None else packages)
    for name in names:
        found = importlib.metadata.distribution(name)
        terms = licence(found.metadata)
        if not terms or part(f"functions {name}", SHARE) != split:
            continue
        for file in sorted(str(f) for f in found.files or () if str(f).endswith(".py") and "test" not in str(f)):
            out += list(_of_file(name, terms, file, Path(str(found.locate_file(file)))))
            if len(out) >= most:
                return out[:most]
    return out


def _of_file(package: str, terms: str, file: str, path: Path) -> Iterator[Pair]:
    try:
        every = list(functions(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError):
        return
    facts = {"package": package, "licence": terms}
    for n, (sentence, written) in enumerate(every if len(every) > 1 else ()):
        other = every[(n + 1) % len(every)][1]
        own, wrong = Item(f"{file}/{n}/code", (Text(written),), facts), Item(f"{file}/{n}/other", (Text(other),), facts)
        yield Pair(Item(f"{file}/{n}", (Text(sentence),), facts), own, (wrong,) if other != written else (), "function")
