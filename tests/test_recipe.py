"""The Recipe: settings as text, unknown names, origins; and that each recipe of the house says where its numbers are from."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hannun.errors import InputError
from hannun.recipe import OURS, SOURCE, Recipe, Stage

RECIPE = Recipe(
    "r",
    {"a": 1.0},
    frozenset(),
    10,
    4,
    1e-3,
    (8, 16),
    weights={"late": 0.5},
    stages=(Stage("short", {"a": 1.0}, 5, 4, 1e-3),),
    origins={"dims": "from the source: 8, 16"},
)


def test_settings_take_the_kind_of_what_they_replace() -> None:
    dims = {"dims": "4, 8", "weights.late": "1", "stages.short.steps": "9"}
    changed = RECIPE.changed({"seed": "7", "weight_decay": "2e-4", "curve": "rsqrt", **dims})
    assert (changed.seed, changed.weight_decay, changed.dims, changed.curve) == (7, 2e-4, (4, 8), "rsqrt")
    assert changed.weights == {"late": 1.0} and changed.stages[0].steps == 9 and RECIPE.stages[0].steps == 5


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("stepz", "3", "did you mean 'steps'"),
        ("seed", "many", "expected a whole number"),
        ("seed.a", "3", "write seed=VALUE"),
        ("weights.lait", "1", "did you mean 'weights.late'"),
        ("stages.shirt.steps", "1", "did you mean 'short'"),
        ("stages.short.stops", "1", "did you mean 'steps'"),
        ("instructions.a", "1", "it has none"),
        ("name", "other", "is no setting"),
    ],
)
def test_unknown_names_list_their_neighbours(name: str, value: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        RECIPE.changed({name: value})


def test_rows_say_where_a_number_is_from() -> None:
    rows = {name: (value, origin) for name, value, origin in RECIPE.rows()}
    assert rows["dims"] == ("8, 16", "from the source: 8, 16") and rows["steps"] == ("10", OURS)
    assert rows["stages"][0] == "short (a 1.0; 5 steps of 4 at 0.001)"


def test_free_sources_only() -> None:
    assert replace(RECIPE, restricted=frozenset({"a"})).without_restricted().sources == {}


def test_every_recipe_marks_its_numbers() -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    from hannun.serve.cli.recipes import known, recipe_module

    checked = 0
    for name in known():
        try:
            sizes = recipe_module(name).SIZES
        except InputError:
            continue
        assert all(size == recipe.size for size, recipe in sizes.items()), name
        for recipe in sizes.values():
            known_fields = {f.name for f in fields(recipe)}
            assert set(recipe.origins) <= known_fields and recipe.about, name
            assert all(o.startswith((SOURCE, OURS)) for o in recipe.origins.values()), name
        assert any(o.startswith(SOURCE) for o in sizes["paper"].origins.values()), name
        checked += 1
    assert checked


@pytest.mark.parametrize("name", ["steps", "batch", "learning_rate"])
def test_what_stages_stand_in_place_of_is_not_set_beside_them(name: str) -> None:
    with pytest.raises(InputError, match=rf"set stages\.short\.{name}$"):
        RECIPE.changed({name: "1"})
