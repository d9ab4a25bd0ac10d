"""Code triplets of installed packages: what is taken of a module, whose licence is permissive, and the splits."""

from __future__ import annotations

from email.message import Message

from hannun.recipes.data.functions import functions, licence, triplets

MODULE = '''
def add(a, b):
    """Add two numbers to each other. And more.

    Args: a and b.
    """
    total = a
    return total + b

def short(a):
    """Say hello to the whole world."""
    return a

def untold(a):
    b = a
    return b
'''


def test_a_function_and_what_it_is_for() -> None:
    assert list(functions(MODULE)) == [("Add two numbers to each other.", "def add(a, b):\n    total = a\n    return total + b")]
    assert list(functions("def broken(:")) == []


def stated(**fields: str) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


def test_only_permissive_licences() -> None:
    assert licence(stated(License="MIT")) == "MIT"
    assert licence(stated(License_Expression="Apache-2.0")) == "Apache-2.0"
    assert licence(stated(Classifier="License :: OSI Approved :: BSD License")) == "BSD License"
    for said in ("LGPL-3.0", "MIT AND GPL-2.0", "UNKNOWN", "Proprietary"):
        assert licence(stated(License=said)) == ""


def test_triplets_of_what_is_installed_here() -> None:
    found = [p for split in ("train", "test") for p in triplets(split, 50, ["rich", "typer", "pydantic", "fastapi"])]
    assert found and all(p.query.text and p.positive.text and p.query.facts["licence"] for p in found)
    assert all(n.text != p.positive.text for p in found for n in p.negatives)
    trained, tested = (
        {p.query.facts["package"] for p in triplets(s, 10**6, ["rich", "typer", "pydantic", "fastapi"])} for s in ("train", "test")
    )
    assert not trained & tested
