"""The docstrings in src/hannun go in; docs/reference.md comes out: every public name that code outside may call, with where it stands.

    python docs/reference.py          write the page
    python docs/reference.py --check  say whether the page is of today's docstrings (the tests ask the same)

Sources are read, not imported: the page needs no torch. What is called by the command line and the service alone is not in it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOUSE, PAGE = ROOT / "src" / "hannun", ROOT / "docs" / "reference.md"
WIDTH = 110  # of a signature in one line

#: Chapters and their modules, in reading order; a folder stands for the files in it that have public names.
CHAPTERS: dict[str, tuple[str, ...]] = {
    "Open, add, search": ("load", "collection/opening", "collection/protocol", "collection/records", "search/hits", "search/dupes"),
    "What is passed along": ("item", "signals", "events", "embeddings", "encoder", "recipe", "facts", "errors"),
    "Reading files": ("sources/reading", "sources/frames", "shards"),
    "Metrics": ("metrics",),
    "Objectives": ("objectives",),
    "Training": ("train", "train/steps", "numbered"),
    "Models": ("models", "models/sequence"),
    "Users": ("sources/logs", "users"),
    "Filters and curation": ("curate/verdict", "curate/rules", "curate/text", "curate/image", "curate/pair"),
    "Evaluation": ("evaluate/harness", "evaluate/run", "evaluate/compare", "evaluate/suites/suite"),
}
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns):$")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Entry:
    """One public name: how it is called, and what it says of itself ("" where it says nothing)."""

    name: str
    signature: str
    doc: str


def files(place: str) -> list[Path]:
    """The files that a chapter's line names."""
    folder = HOUSE / place
    return (
        sorted(f for f in folder.glob("*.py") if f.stem not in ("__init__", "__main__", "checks"))
        if folder.is_dir()
        else [folder.with_suffix(".py")]
    )


def public(file: Path) -> Iterator[Entry]:
    """The public functions and classes of a file, a class's public methods after it."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield Entry(node.name, signature(node), ast.get_docstring(node) or "")
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield Entry(node.name, made(node), ast.get_docstring(node) or "")
            for inner in node.body:
                if isinstance(inner, Function) and not inner.name.startswith("_") and ast.get_docstring(inner):
                    yield Entry(f"{node.name}.{inner.name}", signature(inner, method=True), ast.get_docstring(inner) or "")


def signature(node: Function, method: bool = False) -> str:
    """A function's head without `def`; a property is its name and type."""
    marks = {ast.unparse(d) for d in node.decorator_list}
    answer = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if "property" in marks:
        return node.name + answer.replace(" ->", ":")
    listed = parameters(node.args)[1 if method and "staticmethod" not in marks else 0 :]
    line = f"{node.name}({', '.join(listed)}){answer}"
    return line if len(line) <= WIDTH else f"{node.name}(\n" + "".join(f"    {p},\n" for p in listed) + f"){answer}"


def parameters(given: ast.arguments) -> list[str]:
    """A function's parameters as they are written."""
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + [*given.defaults]
    listed = [_written(a, d) for a, d in zip(plain, defaults, strict=True)]
    if given.vararg:
        listed.append("*" + _written(given.vararg, None))
    elif given.kwonlyargs:
        listed.append("*")
    listed += [_written(a, d) for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return listed + (["**" + _written(given.kwarg, None)] if given.kwarg else [])


def _written(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    return f"{argument.arg}{kind}" + ("" if default is None else f" = {ast.unparse(default)}" if kind else f"={ast.unparse(default)}")


def made(node: ast.ClassDef) -> str:
    """How an object of a class is made: by its `__init__`, or of its fields."""
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            return signature(inner, method=True).replace("__init__", f"class {node.name}", 1).removesuffix(" -> None")
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    if not fields or not any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        bases = ", ".join(ast.unparse(b) for b in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    listed = [ast.unparse(f) for f in fields if not ast.unparse(f.target).startswith("_")]
    line = f"class {node.name}({', '.join(listed)})"
    return line if len(line) <= WIDTH else f"class {node.name}(\n" + "".join(f"    {p},\n" for p in listed) + ")"


def prose(doc: str) -> str:
    """A docstring as Markdown: its sections become lists, and what would be HTML is text."""
    out: list[str] = []
    inside = False
    for line in doc.splitlines():
        if section := _SECTION.match(line):
            inside = True
            out += ["", f"**{section[1]}**", ""]
        elif inside and line.strip() and not line.startswith(" "):
            inside = False
            out += ["", line]
        elif inside and (found := re.match(r"^    ([\w, *.]+): (.*)", line)):
            out.append(f"- `{found[1]}`: {found[2]}")
        else:
            out.append("  " + line.strip() if inside and line.strip() else line)
    text = "\n".join(out)
    return "".join(p if n % 2 else p.replace("<", "&lt;").replace("](", "]\\(") for n, p in enumerate(re.split(r"(`[^`]*`)", text)))


def page() -> str:
    """The whole page."""
    lines = [
        "# API reference",
        "",
        "<!-- written by docs/reference.py from the docstrings; do not edit -->",
        "",
        "Every public name that code outside may call, by what it is for. Shapes stand in brackets, [n, d], or in the types, "
        '`Float[Tensor, "n d"]`; errors are those of `hannun.errors`. The eight names of `import hannun` are fixed; the others may move '
        "between versions.",
    ]
    for chapter, places in CHAPTERS.items():
        lines += ["", f"## {chapter}"]
        for file in [f for place in places for f in files(place)]:
            entries = list(public(file))
            if not entries:
                continue
            module = ".".join(["hannun", *file.relative_to(HOUSE).with_suffix("").parts])
            about = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
            lines += ["", f"### {module}", "", prose(about.partition("\n\n")[0]), "", f"Source: `{file.relative_to(ROOT).as_posix()}`"]
            for entry in entries:
                lines += ["", f"#### {entry.name}", "", "```python", entry.signature, "```", "", prose(entry.doc)]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write, or check; 1 where the page is out of date."""
    made_of = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text("utf-8") != made_of:
            print("docs/reference.md is of older docstrings; run: python docs/reference.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(made_of, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
