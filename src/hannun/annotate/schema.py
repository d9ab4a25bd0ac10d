"""A TOML file goes in; the attributes that things of one topic have, their values and the words for both come out.

One file holds a topic: fashion's is `fashion.toml` beside this, of which attribute sentences are made too (`hannun.curate.describe`);
another topic is another file. It is written by hand; names that are not ASCII stand in quotes:

    name = "fashion"
    thing = ["{} 옷", "a photo of {} clothes"]      # how prompts say a value; {} is the value

    [attribute."색"]
    english = "colour"
    of = ["상의", "치마"]                             # only things of these categories; left out: all things
    threshold = 0.5                                  # below it unknown
    [attribute."색".values]
    "빨강" = ["빨간", "red"]                          # other words for it; the last one in Latin letters is its English name
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hannun.errors import InputError, MissingError, neighbours

FASHION = Path(__file__).with_name("fashion.toml")
THRESHOLD = 0.5
THING = ("{}",)
_KNOWN = ("english", "of", "values", "threshold", "thing")  # what an attribute may have


@dataclass(frozen=True)
class Value:
    """A value of an attribute, and what else it is called."""

    name: str
    words: tuple[str, ...] = ()

    @property
    def english(self) -> str:
        """Its name in Latin letters; its own where there is none."""
        return next((w for w in reversed(self.words) if w.isascii()), self.name)


@dataclass(frozen=True)
class Attribute:
    """A name, the values it may have, the categories of things that have it (none: all), how a prompt says a value, and a threshold."""

    key: str
    english: str
    values: tuple[Value, ...]
    of: tuple[str, ...] = ()
    thing: tuple[str, ...] = THING
    threshold: float = THRESHOLD

    def prompts(self, value: Value) -> tuple[str, ...]:
        """The sentences that say this value, Korean and English."""
        return tuple(t.format(w) for t in self.thing for w in (value.name, *value.words) if t.isascii() == w.isascii())

    def value(self, name: str) -> Value:
        """The value of this name. Raises InputError."""
        found = next((v for v in self.values if v.name == name), None)
        if found is None:
            raise InputError(f"{self.key} has no value {name!r}; {neighbours(name, [v.name for v in self.values])}")
        return found


@dataclass(frozen=True)
class Schema:
    """A topic: its name, its attributes in their order, and a digest of the file."""

    name: str
    attributes: tuple[Attribute, ...]
    digest: str = ""

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that attributes are of, in their order."""
        return tuple(dict.fromkeys(c for a in self.attributes for c in a.of))

    def of(self, category: str | None) -> Schema:
        """The attributes that things of a category have; all of None. Raises InputError for a category that it does not know."""
        if category is None:
            return self
        if category not in self.categories:
            raise InputError(f"the topic {self.name} has no category {category!r}; {neighbours(category, self.categories)}")
        return Schema(self.name, tuple(a for a in self.attributes if not a.of or category in a.of), self.digest)

    def only(self, keys: Iterable[str]) -> Schema:
        """The attributes of these names. Raises InputError."""
        there = {a.key: a for a in self.attributes}
        wanted = list(keys)
        if unknown := [k for k in wanted if k not in there]:
            raise InputError(f"the topic {self.name} has no attribute {unknown[0]!r}; {neighbours(unknown[0], there)}")
        return Schema(self.name, tuple(there[k] for k in wanted), self.digest)

    def attribute(self, key: str) -> Attribute:
        """The attribute of this name. Raises InputError."""
        return self.only([key]).attributes[0]


@cache
def read(path: Path = FASHION) -> Schema:
    """The topic of a file. Raises MissingError, and InputError for a file that is not of this form."""
    if not path.is_file():
        raise MissingError(f"{path}: no such topic; expected a .toml file, such as {FASHION.name} in hannun/annotate")
    data = path.read_bytes()
    try:
        return _schema(tomllib.loads(data.decode("utf-8")), path, hashlib.blake2b(data, digest_size=4).hexdigest())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise InputError(f"{path}: is no TOML ({e}); see hannun/annotate/schema.py for the form") from None


def _schema(told: Mapping[str, Any], path: Path, digest: str) -> Schema:
    thing = _words(told.get("thing", list(THING)), f"{path}: thing")
    rows = told.get("attribute")
    if not isinstance(rows, dict) or not rows:
        raise InputError(f"{path}: has no [attribute.NAME], expected at least one")
    return Schema(str(told.get("name") or path.stem), tuple(_attribute(k, v, thing, path) for k, v in rows.items()), digest)


def _attribute(key: str, told: Mapping[str, Any], thing: tuple[str, ...], path: Path) -> Attribute:
    where = f"{path}: attribute.{key}"
    values = told.get("values")
    if not isinstance(values, dict) or len(values) < 2:
        raise InputError(f"{where}.values has {len(values) if isinstance(values, dict) else 'no'} values, expected two at least")
    if unknown := [k for k in told if k not in _KNOWN]:
        raise InputError(f"{where}: {unknown[0]!r} is not known; {neighbours(unknown[0], _KNOWN)}")
    least = told.get("threshold", THRESHOLD)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise InputError(f"{where}.threshold is {least!r}, expected 0 … 1")
    own = _words(told["thing"], f"{where}.thing") if "thing" in told else thing
    made = tuple(Value(str(n), _words(w, f"{where}.values.{n}")) for n, w in values.items())
    return Attribute(key, str(told.get("english") or key), made, _words(told.get("of", []), f"{where}.of"), own, float(least))


def _words(told: Any, where: str) -> tuple[str, ...]:
    if not isinstance(told, list) or not all(isinstance(w, str) for w in told):
        raise InputError(f"{where} is {told!r}, expected a list of words")
    return tuple(told)
