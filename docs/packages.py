"""The installed packages go in; the table of every dependency in docs/licences.md comes out, with versions, licences and who needs them.

    python docs/packages.py          write the table into the page; asks pip about those that are not installed here
    python docs/packages.py --check  offline: say what the page lacks, which licence does not go with Apache-2.0, which versions conflict

A licence is what a package's metadata states (License-Expression; or all that its classifiers and its License field say, read as
*and*), and what its licence file is where they state nothing. What a wheel bundles is not looked into. The page is of one
environment: `--check` compares the versions that are the same.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
BEGIN, END = "<!-- packages: written by docs/packages.py -->", "<!-- end of packages -->"

#: Licences under which a package may stand beside Apache-2.0 code: permissive ones, and copyleft that stays with its own files (MPL)
#: or with its own library, which is used as it comes (LGPL). Not here: GPL, AGPL, non-commercial terms, and what nobody knows.
PERMISSIVE = {
    "0BSD", "AFL", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CNRI-Python", "HPND", "ISC", "MIT", "MIT-0", "MIT-CMU", "OFL-1.1", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
APART = {"MPL-2.0", "LGPL-2.1", "LGPL-3.0"}
#: How licences are named in classifiers and free text, the more special first.
NAMES = (
    (r"affero|\bagpl", "AGPL"),
    (r"lesser general public|\blgpl", "LGPL-3.0"),
    (r"gnu general public|\bgpl", "GPL"),
    (r"mozilla|\bmpl", "MPL-2.0"),
    (r"apache", "Apache-2.0"),
    (r"academic free", "AFL"),
    (r"3-clause|bsd-3", "BSD-3-Clause"),
    (r"2-clause|bsd-2", "BSD-2-Clause"),
    (r"\bbsd", "BSD"),
    (r"python software foundation|\bpsf", "PSF-2.0"),
    (r"\bisc\b", "ISC"),
    (r"\bmit\b", "MIT"),
)
#: What a licence file's text is known by.
TEXTS = (
    ("affero", "AGPL"),
    ("gnu lesser general public", "LGPL-3.0"),
    ("gnu general public license", "GPL"),
    ("mozilla public license", "MPL-2.0"),
    ("apache license", "Apache-2.0"),
    ("redistribution and use in source and binary forms", "BSD"),
    ("permission is hereby granted, free of charge", "MIT"),
)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Package:
    """A dependency: its version and licence ("" where it is not installed), and what needs it: "base" or extras."""

    name: str
    version: str
    licence: str
    needed_by: tuple[str, ...]


def named(text: str) -> str | None:
    """The licence that a short text names, e.g. "Apache 2.0" or a classifier's end."""
    return next((name for pattern, name in NAMES if re.search(pattern, text.lower())), None)


def known_by_its_text(text: str) -> str | None:
    """The licence that a text begins with; further down are those of bundled parts, and other licences that it speaks of."""
    beginning = " ".join(text[:1500].lower().split())
    return next((name for words, name in TEXTS if words in beginning), None)


def stated(expression: str, free: str, classifiers: Iterable[str], file: str = "") -> str:
    """The licence as an expression of names, out of the four places where a package says it."""
    if expression:
        return expression
    ends = [c.rpartition("::")[2] for c in classifiers if c.startswith("License ::")]
    # A whole licence in the field is known by its text; of names, each counts: "MPL-2.0 AND MIT".
    if len(free) > 200:
        said = [known_by_its_text(free)]
    else:
        said = [named(part) for part in re.split(r" AND |, ", free)]
    found = dict.fromkeys(n for n in (*said, *map(named, ends)) if n)
    if any(n.startswith("BSD-") for n in found):
        found.pop("BSD", None)
    if not found and (of_file := known_by_its_text(file)):
        found = {of_file: None}
    return " AND ".join(sorted(found)) or UNKNOWN


def goes(licence: str) -> bool:
    """Whether an expression (AND, OR, parentheses) is of licences that go with Apache-2.0: of an OR one is enough, of an AND all must."""
    tokens = re.findall(r"[()]|[^\s()]+(?: WITH [^\s()]+)?", licence)

    def either(at: int) -> tuple[bool, int]:
        right, at = every(at)
        while at < len(tokens) and tokens[at] == "OR":
            other, at = every(at + 1)
            right = right or other
        return right, at

    def every(at: int) -> tuple[bool, int]:
        right, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            other, at = one(at + 1)
            right = right and other
        return right, at

    def one(at: int) -> tuple[bool, int]:
        if at < len(tokens) and tokens[at] == "(":
            right, at = either(at + 1)
            return right, at + 1
        return at < len(tokens) and tokens[at] in PERMISSIVE | APART, at + 1

    right, end = either(0)
    return right and end == len(tokens)


def of_installed(made: importlib.metadata.Distribution) -> str:
    """The licence of an installed package."""
    files = [f for f in made.files or () if re.match(r"(licen[cs]e|copying)", f.name, re.IGNORECASE)]
    text = next((t for f in files if (t := _text(f))), "")
    data = made.metadata
    return stated(data.get("License-Expression") or "", data.get("License") or "", data.get_all("Classifier") or [], text)


def _text(file: importlib.metadata.PackagePath) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def asked() -> dict[str, list[Requirement]]:
    """ "base" and each extra → what pyproject.toml asks for, without extras that are made of other extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {"base": project["dependencies"], **project["optional-dependencies"]}
    return {name: [r for r in map(Requirement, lines) if r.name != "hannun"] for name, lines in groups.items()}


def closure(wanted: Sequence[Requirement]) -> dict[str, importlib.metadata.Distribution | None]:
    """Name → what is installed of everything that these need, all the way down; None for what is not installed here."""
    found: dict[str, importlib.metadata.Distribution | None] = {}
    waiting, seen = list(wanted), set()
    while waiting:
        r = waiting.pop()
        name = canonicalize_name(r.name)
        if (name, tuple(sorted(r.extras))) in seen:
            continue
        seen.add((name, tuple(sorted(r.extras))))
        try:
            made = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
            continue
        found[name] = made
        for line in made.requires or ():
            q = Requirement(line)
            if q.marker is None or any(q.marker.evaluate({"extra": e}) for e in ("", *r.extras)):
                waiting.append(q)
    return found


def packages() -> dict[str, Package]:
    """Every dependency by name."""
    needed: dict[str, list[str]] = {}
    made: dict[str, importlib.metadata.Distribution | None] = {}
    for group, wanted in asked().items():
        for name, distribution in closure(wanted).items():
            needed.setdefault(name, []).append(group)
            made[name] = distribution
    found = {}
    for name in sorted(made):
        distribution = made[name]
        version, licence = ("", "") if distribution is None else (distribution.version.partition("+")[0], of_installed(distribution))
        found[name] = Package(name, version, licence, tuple(needed[name]))
    return found


def by_pip(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name → version and licence of packages that are not installed, as pip's index tells; nothing is installed."""
    if not names:
        return {}
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed", "--report", "-", *names]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found = {}
    for m in (row["metadata"] for row in report["install"]):
        licence = stated(m.get("license_expression") or "", m.get("license") or "", m.get("classifier") or [])
        found[canonicalize_name(m["name"])] = (m["version"], licence)
    return found


def conflicts() -> list[str]:
    """What `pip check` would say of these packages alone: installed versions that another of them, or pyproject.toml, does not take."""
    groups = asked()
    made = {name: d for wanted in groups.values() for name, d in closure(wanted).items() if d is not None}
    lines: dict[str, Iterable[Requirement]] = {"hannun": [r for wanted in groups.values() for r in wanted]}
    lines |= {name: map(Requirement, d.requires or ()) for name, d in made.items()}
    found = []
    for name, wants in lines.items():
        for r in wants:
            here = made.get(canonicalize_name(r.name))
            if here is not None and (r.marker is None or r.marker.evaluate({"extra": ""})) and not r.specifier.contains(here.version, True):
                found.append(f"{name} wants {r.name}{r.specifier}, and {here.version} is installed")
    return sorted(found)


def table(found: Mapping[str, Package]) -> str:
    """The section of the page. Names that pyproject.toml asks for itself are bold."""
    direct = {canonicalize_name(r.name) for wanted in asked().values() for r in wanted}
    rows = []
    for p in found.values():
        needed = "base" if "base" in p.needed_by else ", ".join(p.needed_by)
        rows.append(f"| {f'**{p.name}**' if p.name in direct else p.name} | {p.version} | {p.licence} | {needed} |")
    return "\n".join([BEGIN, "| package | version | licence | needed by |", "|---|---|---|---|", *rows, END])


def shown(page: str) -> dict[str, Package]:
    """The packages that a page's table shows."""
    section = page.partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")][1:]
    return {
        name.strip("*"): Package(name.strip("*"), version, licence, tuple(needed.split(", "))) for name, version, licence, needed in rows
    }


def complaints(page: str, found: Mapping[str, Package]) -> list[str]:
    """What is wrong with a page or with the packages: missing names, licences that changed or do not go, conflicts of versions."""
    there = shown(page)
    direct = {canonicalize_name(r.name) for wanted in asked().values() for r in wanted}
    wrong = [f"{name}: is asked for in pyproject.toml, and not on the page" for name in sorted(direct - there.keys())]
    for p in (*found.values(), *(there[n] for n in there.keys() - found.keys())):
        if p.licence and not goes(p.licence):
            wrong.append(f"{p.name}: its licence, {p.licence}, does not go with Apache-2.0, or is not known to")
        on_page = there.get(p.name)
        if on_page and p.licence and on_page.version == p.version and on_page.licence != p.licence:
            wrong.append(f"{p.name}: {p.version} is {p.licence}, and the page says {on_page.licence}")
    return wrong + conflicts()


def main() -> int:
    """Write, or check; 1 where something is wrong."""
    page, found = PAGE.read_text("utf-8"), packages()
    if "--check" not in sys.argv:
        for name, (version, licence) in by_pip([n for n, p in found.items() if not p.version]).items():
            found[name] = Package(name, version, licence, found[name].needed_by)
        before, _, rest = page.partition(BEGIN)
        page = before + table(found) + rest.partition(END)[2]
        PAGE.write_text(page, "utf-8")
    wrong = complaints(page, found)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
