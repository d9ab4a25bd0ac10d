"""`hannun recipes`: a recipe's name goes in; its settings and where they are from come out, or the list of all."""

from __future__ import annotations
import __future__

import ast
import contextlib
import importlib.util
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

import hannun.recipes
from hannun.errors import DependencyError, InputError, neighbours
from hannun.recipe import Recipe


def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="Show all settings of one, and where they are from.")] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Parameters and memory of the real size, by batch, chunk and precision.")
    ] = False,
    backbone: Annotated[str, typer.Option(help="… of a model's folder in place of the recipe's.")] = "",
) -> int:
    """List the recipes, or the settings of one; with --memory what its real size takes."""
    if name is None:
        for each in known():
            if (found := outline(each)) is not None:
                typer.echo(f"{each:20} {', '.join(found.sizes) or 'own command':14} {found.about}")
        return 0
    if memory:
        module = recipe_module(name)
        if hasattr(module, "counted"):  # a network of its own, whose batches go through whole
            typer.echo(module.counted(module.SIZES["paper"]))
        else:
            _memory(name, module.SIZES["paper"], backbone)
        return 0
    for size, recipe in numbers(name).items():
        typer.echo(f"{name} --size {size}: {recipe.about}")
        for setting, value, origin in recipe.rows():
            typer.echo(f"  {setting:22} {value[:90]:90}  {origin}")
    return 0


def _memory(name: str, recipe: Recipe, backbone: str) -> None:
    from hannun.train import plan

    chosen = replace(recipe, backbone=backbone) if backbone else recipe
    if chosen.backbone == "mini":
        raise InputError(f"{name}: trains no backbone, it reads vectors that mini has made; --memory is told of recipes that train one")
    adapters = ("one", "two", "three") if name == "jina_v4" else ("one",) if recipe.lora_rank else ()
    size = plan.size(chosen, adapters)
    each = f", {len(size.adapters)} adapters of {next(iter(size.adapters.values())) / 1e6:.2f} M" if size.adapters else ""
    typer.echo(f"{name} --size paper: {size.whole / 1e6:,.1f} M parameters ({chosen.backbone}), {size.trained / 1e6:,.1f} M trained{each}")
    whole = chosen.batch or max(s.batch for s in chosen.stages)
    for recompute in (0, 1):
        typer.echo("activations made anew (--set recompute=1)" if recompute else "activations kept")
        found = plan.needs(replace(chosen, recompute=recompute), adapters, (whole // 4, whole), (8, chosen.chunk))
        for line in plan.table(found):
            typer.echo(f"  {line}")


@dataclass(frozen=True)
class Outline:
    """What the list of recipes shows of one: the names of its sizes, and what it is about."""

    sizes: tuple[str, ...]
    about: str


def outline(name: str) -> Outline | None:
    """A recipe's outline, read from its source: running that needs torch. One without SIZES has a command of its own."""
    spec = importlib.util.find_spec(f"hannun.recipes.{name}")
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    sizes = [n.value for n in tree.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name) and n.target.id == "SIZES"]
    about = [k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "about"]
    if not sizes or not isinstance(sizes[0], ast.Dict) or not about:
        said = (ast.get_docstring(tree) or "").partition("\n")[0]
        return Outline((), said) if said else None
    return Outline(tuple(ast.literal_eval(k) for k in sizes[0].keys if k is not None), str(ast.literal_eval(about[0])))


def numbers(name: str) -> Mapping[str, Recipe]:
    """A recipe's sizes: its file's own constants, and the imports that these use, are run, and no more: all of it needs torch.

    Raises InputError for an unknown name, and for a recipe that has no sizes.
    """
    if name not in known():
        raise InputError(f"no recipe {name!r}; {neighbours(name, known())}")
    spec = importlib.util.find_spec(f"hannun.recipes.{name}")
    tree = ast.parse(Path(spec.origin).read_text("utf-8")) if spec is not None and spec.origin is not None else ast.Module([], [])
    constants = [n for n in tree.body if isinstance(n, ast.Assign | ast.AnnAssign)]
    used = {n.id for c in constants for n in ast.walk(c) if isinstance(n, ast.Name)}
    imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom) and used & {a.asname or a.name for a in n.names}]
    made: dict[str, Any] = {"__name__": f"hannun.recipes.{name}", "__file__": getattr(spec, "origin", "")}
    for node in (*imports, *constants):
        with contextlib.suppress(ImportError, NameError):  # a constant of the training's own, such as a table of functions
            exec(compile(ast.Module([node], []), name, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True), made)
    if "SIZES" not in made:
        raise InputError(f"the recipe {name} is not run by `hannun train`: see `{elsewhere(name)}`")
    sizes: Mapping[str, Recipe] = made["SIZES"]
    return sizes


def elsewhere(name: str) -> str:
    """The command that runs a recipe which `hannun train` does not: its module's own, or the one that its first lines name."""
    spec = importlib.util.find_spec(f"hannun.recipes.{name}")
    text = Path(spec.origin).read_text("utf-8") if spec is not None and spec.origin is not None else ""
    told = re.search(r"`(hannun [^`]+)`", ast.get_docstring(ast.parse(text)) or "")
    own = "__main__" in text or (spec is not None and bool(spec.submodule_search_locations))
    return told[1] if told is not None and not own else f"python -m hannun.recipes.{name} --help"


def known() -> list[str]:
    """The names of the recipes: the files in `hannun.recipes` but those that recipes share."""
    return sorted(m.name for m in pkgutil.iter_modules(hannun.recipes.__path__) if m.name not in ("data", "skeleton", "table"))


def recipe_module(name: str) -> Any:
    """A recipe's module, with SIZES and `run`. Raises InputError for an unknown name, DependencyError where its packages are missing."""
    if name not in known():
        raise InputError(f"no recipe {name!r}; {neighbours(name, known())}")
    try:
        module = importlib.import_module(f"hannun.recipes.{name}")
    except ModuleNotFoundError as e:
        raise DependencyError(f"the recipe {name} needs {e.name}; pip install -c constraints.txt '.[train]' in Hannun's folder") from None
    if not hasattr(module, "SIZES"):
        raise InputError(f"the recipe {name} is not run by `hannun train`: see `{elsewhere(name)}`")
    return module
