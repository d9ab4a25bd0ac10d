"""Every dependency is on the page of licences, goes with Apache-2.0, and goes with the others; how a licence is read and judged."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from tests.test_architecture import ROOT, script

pytest.importorskip("packaging", reason="packaging comes with pytest")


@pytest.fixture(scope="module")
def listed() -> ModuleType:
    return script("packages")


def test_the_page_names_every_dependency_and_all_go_together(listed: ModuleType) -> None:
    found = listed.packages()
    assert not listed.complaints((ROOT / "docs/licences.md").read_text("utf-8"), found), "run: python docs/packages.py"
    assert found["numpy"].needed_by[0] == "base" and "base" not in found["pytest"].needed_by
    assert all(found[n].version for n in ("numpy", "pillow", "tokenizers"))


def test_constraints_are_within_the_ranges(listed: ModuleType) -> None:
    ranges = {r.name: r.specifier for wanted in listed.asked().values() for r in wanted}
    pins = re.findall(r"^([\w-]+)==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert pins and all(ranges[name].contains(version) for name, version in pins)


@pytest.mark.parametrize(
    ("expression", "free", "classifiers", "file", "said"),
    [
        ("Apache-2.0 OR MIT", "ignored", ["License :: OSI Approved :: BSD License"], "", "Apache-2.0 OR MIT"),
        ("", "Apache License, Version 2.0", [], "", "Apache-2.0"),
        ("", "MPL-2.0 AND MIT", [], "", "MIT AND MPL-2.0"),
        ("", "BSD-3-Clause", ["License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"], "", "BSD-3-Clause AND LGPL-3.0"),
        ("", "BSD 3-Clause", ["License :: OSI Approved :: BSD License"], "", "BSD-3-Clause"),
        ("", "UNKNOWN", [], "Apache License\nVersion 2.0", "Apache-2.0"),
        ("", "Redistribution and use in source\nand binary forms" + " …" * 1000 + "GNU Affero", [], "", "BSD"),
        ("", "", ["License :: OSI Approved"], "All rights reserved.", "unknown"),
    ],
)
def test_how_a_licence_is_read(listed: ModuleType, expression: str, free: str, classifiers: list[str], file: str, said: str) -> None:
    assert listed.stated(expression, free, classifiers, file) == said


@pytest.mark.parametrize(
    ("licence", "goes"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR GPL)", True),
        ("GPL OR MIT", True),
        ("GPL AND MIT", False),
        ("MIT AND (GPL OR AGPL)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL WITH LLVM-exception", False),
        ("LGPL-3.0 AND BSD", True),
        ("CC-BY-NC-4.0", False),
        ("unknown", False),
        ("MIT AND", False),
        ("(MIT", False),
        ("MIT MIT", False),
        ("", False),
    ],
)
def test_which_licences_go_with_ours(listed: ModuleType, licence: str, goes: bool) -> None:
    assert listed.goes(licence) is goes


def test_what_is_complained_about(listed: ModuleType) -> None:
    package = listed.Package
    found = {"numpy": package("numpy", "2.0", "MIT", ("base",)), "taken": package("taken", "1.0", "GPL", ("dev",))}
    written = found | {"numpy": package("numpy", "2.0", "BSD", ("base",)), "ray": package("ray", "2.5", "AGPL", ("cluster-curate",))}
    said = "\n".join(listed.complaints("# Licences\n" + listed.table(written), found))
    assert "numpy: 2.0 is MIT, and the page says BSD" in said
    assert "taken: its licence, GPL, does not go" in said and "ray: its licence, AGPL" in said
    assert "pillow: is asked for in pyproject.toml, and not on the page" in said and "numpy: is asked" not in said
    assert listed.shown(listed.table(written)) == written
