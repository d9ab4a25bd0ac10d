"""A commit goes in, or nothing for the working tree; the largest files and functions of src/hannun, circles and repeats come out.

    python docs/sizes.py            what there is now
    python docs/sizes.py e5f5b76    what there was before the rooms were made ready for every kind of content

docs/decisions/0004 shows both.
"""

from __future__ import annotations

import ast
import graphlib
import io
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
FIRST = 10


def sources(commit: str | None) -> dict[str, str]:
    """The text of every file by its place below src/hannun."""
    if commit is None:
        house = ROOT / "src" / "hannun"
        return {f.relative_to(house).as_posix(): f.read_text("utf-8") for f in sorted(house.rglob("*.py"))}
    packed = subprocess.run(["git", "archive", commit, "src/hannun"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        found = {m.name.removeprefix("src/hannun/"): archive.extractfile(m) for m in archive if m.name.endswith(".py")}
        return {name: file.read().decode() for name, file in found.items() if file is not None}


def functions(texts: dict[str, str]) -> list[tuple[int, str]]:
    """Lines and place of every function, longest first."""
    found = []
    for place, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(((node.end_lineno or 0) - node.lineno + 1, f"{place}: {node.name}"))
    return sorted(found, reverse=True)


def inside(texts: dict[str, str]) -> int:
    """How many imports stand inside functions."""
    found: set[tuple[str, int]] = set()
    for place, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {(place, n.lineno) for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)}
    return len(found)


def repeated(texts: dict[str, str]) -> list[str]:
    """The names that several classes have."""
    names = Counter(n.name for text in texts.values() for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef))
    return sorted(name for name, count in names.items() if count > 1)


def circles(texts: dict[str, str]) -> list[list[str]]:
    """Import circles between files, deferred imports too: one is found, an arrow of it is taken away, and the next is looked for."""
    modules = {".".join(["hannun", *(p for p in Path(f).with_suffix("").parts if p != "__init__")]): f for f in texts}
    uses: dict[str, set[str]] = {m: set() for m in modules}
    for module, file in modules.items():
        for node in ast.walk(ast.parse(texts[file])):
            if isinstance(node, ast.Import):
                uses[module] |= {a.name for a in node.names if a.name in modules}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                uses[module] |= {n for a in node.names if (n := f"{node.module}.{a.name}") in modules} or {node.module} & modules.keys()
        uses[module].discard(module)
    found = []
    while True:
        try:
            graphlib.TopologicalSorter(uses).prepare()
        except graphlib.CycleError as e:
            circle = list(reversed(e.args[1]))
            found.append(circle)
            uses[circle[0]].discard(circle[1])
        else:
            return found


def main() -> None:
    """Print the tables."""
    texts = sources(sys.argv[1] if len(sys.argv) > 1 else None)
    print(f"{len(texts)} files, {sum(len(t.splitlines()) for t in texts.values()):,} lines")
    print(f"circles: {len(circles(texts))}; imports inside functions: {inside(texts)}; class names that repeat: {len(repeated(texts))}\n")
    print("| lines | file | lines | function |\n| --- | --- | --- | --- |")
    largest = sorted(((len(t.splitlines()), place) for place, t in texts.items()), reverse=True)[:FIRST]
    for (a, file), (b, function) in zip(largest, functions(texts)[:FIRST], strict=True):
        print(f"| {a} | {file} | {b} | {function} |")


if __name__ == "__main__":
    main()
