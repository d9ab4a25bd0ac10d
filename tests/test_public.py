"""The names a user may rely on, and what importing them costs."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import hannun
from hannun import collection
from tests.conftest import finished

# DESIGN.md §3; a change needs a page in docs/decisions.
NAMES = ["Collection", "Embeddings", "Encoder", "HannunError", "Item", "Pair", "load", "open"]


def test_the_public_names() -> None:
    assert sorted(hannun.__all__) == NAMES
    assert all(getattr(hannun, name) is not None for name in hannun.__all__)
    assert hannun.__version__.count(".") == 2


def test_load_and_open_stay_functions_when_their_modules_are_imported() -> None:
    done = finished(
        "-c",
        "import hannun; hannun.load; hannun.load; import hannun.load; hannun.open; print(callable(hannun.load), callable(hannun.open))",
    )
    assert done.stdout == "True True\n", done.stderr
    import hannun.load

    assert callable(hannun.load) and callable(hannun.open)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        _ = hannun.opne


def test_the_signatures_of_the_face() -> None:
    assert list(inspect.signature(hannun.open).parameters)[:2] == ["path", "encoder"]
    assert list(inspect.signature(hannun.load).parameters) == ["model"]
    search = inspect.signature(collection.Collection.search).parameters
    assert list(search)[:2] == ["self", "query"] and search["query"].kind is not inspect.Parameter.KEYWORD_ONLY
    fixed = {"like": (), "unlike": (), "mix": 0.5, "weights": None, "words": "auto", "fusion": "scores", "where": None, "limit": 10}
    fixed |= {"offset": 0, "group_by": None, "dim": None, "rerank": None, "diversity": 0.0, "shuffle": 0, "explain": False, "floor": 0.0}
    fixed |= {"sort": None, "last": None}
    assert {n: p.default for n, p in search.items() if n not in ("self", "query")} == fixed
    assert all(search[n].kind is inspect.Parameter.KEYWORD_ONLY for n in list(search)[2:])


def test_every_error_is_of_one_tree_and_says_something() -> None:
    from hannun import errors

    kinds = [k for k in vars(errors).values() if inspect.isclass(k) and k.__module__ == errors.__name__]
    assert all(issubclass(k, errors.HannunError) and k.__doc__ for k in kinds) and len(kinds) == 9
    assert errors.neighbours("reacll", ["recall", "ndcg"]) == "did you mean 'recall'?"
    assert errors.neighbours("zzz", ["b", "a"]) == "known: a, b"


LOADED = "import sys; import {module}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
HEAVY = {"torch", "transformers", "sentence_transformers", "kiwipiepy", "torchvision", "matplotlib", "scipy"}


@pytest.mark.parametrize(
    ("module", "not_even"),
    [
        ("hannun", {"numpy", "PIL", "qdrant_edge", "onnxruntime"}),
        ("hannun.item", {"qdrant_edge", "onnxruntime"}),
        ("hannun.collection", {"onnxruntime", "pyarrow"}),
        ("hannun.serve.cli.main", {"numpy", "qdrant_edge", "onnxruntime", "pyarrow"}),
    ],
)
def test_importing_brings_little(module: str, not_even: set[str]) -> None:
    done = finished("-c", LOADED.format(module=module))
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & (HEAVY | not_even)


def test_searching_with_the_embedded_model_brings_no_torch() -> None:
    code = "import sys, hannun; hannun.load('mini').encode_query(['원피스']); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = finished("-c", code)
    if "ModuleNotFoundError: No module named 'hannun.mini" in done.stderr:
        pytest.skip("hannun.mini.model is not there yet")
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & HEAVY


def test_importing_writes_nothing() -> None:
    done = finished("-W", "error", "-c", "import hannun, hannun.collection, hannun.sources, hannun.metrics, hannun.serve.cli.main")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_public_is_listed_and_says_what_it_is() -> None:
    done = finished("-c", "import hannun; print(*dir(hannun)); print('numpy' in __import__('sys').modules)")
    names, loaded = done.stdout.splitlines()
    assert set(hannun.__all__) <= set(names.split()) and loaded == "False", done.stderr
    assert not {n for n in names.split() if not n.startswith("__")} - set(hannun.__all__)
    rows = hannun.Embeddings(np.eye(3, 4, dtype=np.float32), tuple(np.ones((n, 2), np.float32) for n in (1, 2, 3)))
    assert repr(rows) == "Embeddings(3 × 4 float32, and 6 token vectors)"
