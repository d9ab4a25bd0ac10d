"""`hannun recipes`: a recipe's name goes in; its settings and where they are from come out, or the list of all."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Annotated, Any

import typer

from hannun.errors import DependencyError, InputError, neighbours


def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="Show all settings of one, and where they are from.")] = None,
) -> int:
    """List the recipes, or the settings of one."""
    if name is None:
        for each in known():
            try:
                sizes = recipe_module(each).SIZES
            except InputError:
                continue
            typer.echo(f"{each:20} {', '.join(sizes):14} {next(iter(sizes.values())).about}")
        return 0
    for size, recipe in recipe_module(name).SIZES.items():
        typer.echo(f"{name} --size {size}: {recipe.about}")
        for setting, value, origin in recipe.rows():
            typer.echo(f"  {setting:22} {value[:90]:90}  {origin}")
    return 0


def known() -> list[str]:
    """The names of the recipes: the files in `hannun.recipes` but those that recipes share."""
    import hannun.recipes

    return sorted(m.name for m in pkgutil.iter_modules(hannun.recipes.__path__) if m.name not in ("data", "table"))


def recipe_module(name: str) -> Any:
    """A recipe's module, with SIZES and `run`. Raises InputError for an unknown name, DependencyError where its packages are missing."""
    if name not in known():
        raise InputError(f"no recipe {name!r}; {neighbours(name, known())}")
    try:
        module = importlib.import_module(f"hannun.recipes.{name}")
    except ModuleNotFoundError as e:
        raise DependencyError(f"the recipe {name} needs {e.name}; pip install 'hannun[train]'") from None
    if not hasattr(module, "SIZES"):
        raise InputError(f"the recipe {name} is not run by `hannun train`: see `python -m hannun.recipes.{name} --help`")
    return module
