"""Wheel and sdist: the same bytes from any folder at any time, the files of the sources and no other, a search from the wheel alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from hannun import __version__, catalogue
from tests.test_architecture import ROOT, script

pytest.importorskip("hatchling", reason="hatchling builds the package; `make test` installs it")

STEM = f"hannun-{__version__}"
HEAVY = 200_000  # bytes: weights cost the builds their time, and say nothing about order, dates or modes


@pytest.fixture(scope="module")
def package() -> ModuleType:
    return script("package", "deploy")


@pytest.fixture(scope="module")
def wheel(package: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sources as they are here."""
    to = tmp_path_factory.mktemp("dist")
    (name,) = package.built(ROOT, to, "wheel")
    return to / name


def test_two_builds_give_the_same_bytes(package: ModuleType, tmp_path: Path) -> None:
    builds = []
    for n in range(2):
        source = package.copied(tmp_path / f"copy{n}", lambda f: f.stat().st_size > HEAVY)
        os.utime(source / "pyproject.toml", (10**9 + n, 10**9 + n))
        (source / "src/hannun/item.py").chmod(0o600 if n else 0o664)
        builds.append(package.built(source, tmp_path / f"dist{n}"))
    assert set(builds[0]) == {f"{STEM}-py3-none-any.whl", f"{STEM}.tar.gz"}
    assert builds[0] == builds[1]
    with tarfile.open(tmp_path / "dist0" / f"{STEM}.tar.gz") as made:
        tops = {m.name.split("/")[1] for m in made}
    assert {"src", "tests", "docs", "benchmarks", "deploy", "Makefile", "constraints.txt", "README.ko.md", "LICENSE", "PKG-INFO"} <= tops
    assert not {t for t in tops if t.startswith(".") and t != ".gitignore"}  # what tools leave behind


def test_the_wheel_has_every_file_of_the_sources_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as made:
        names = set(made.namelist())
        beside = {n.removeprefix(f"{STEM}.dist-info/") for n in names if ".dist-info/" in n}
        packed = {n: made.getinfo(n).file_size for n in names if n.startswith("hannun/")}
    source = {f.relative_to(ROOT / "src").as_posix(): f.stat().st_size for f in (ROOT / "src/hannun").rglob("*") if f.is_file()}
    assert packed == {n: size for n, size in source.items() if "__pycache__" not in n}
    assert {n for n in beside if "/" not in n} == {"METADATA", "WHEEL", "RECORD", "entry_points.txt"}
    assert {n.rpartition("/")[2] for n in beside if n.startswith("licenses/")} == {
        "LICENSE", "LICENSE-WEIGHTS.md", "LICENSE-watermark.md", "LICENSE-flickr8k_ko.md",
    }  # fmt: skip
    assert len(packed) + len(beside) == len(names)
    listed = subprocess.run(["git", "ls-files", "src/hannun"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        assert set(packed) <= {line.removeprefix("src/") for line in listed.stdout.splitlines()}, "files that nobody has committed"


def test_a_search_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, which sees what is installed here, but neither these sources nor their installation."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONUTF8": "1", "LC_ALL": "C"}

    def ran(*command: str | Path) -> str:
        done = subprocess.run(list(map(str, command)), cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    ran(*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel)
    site = Path(ran(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    assert Path(ran(python, "-c", "import hannun; print(hannun.__file__)").strip()).is_relative_to(site)

    (tmp_path / "photos").mkdir()
    wanted = {"dress-red-plain", "coat-beige-checked", "coat-blue-floral"}
    for entry in catalogue.entries():
        if entry.id in wanted:
            catalogue.picture(entry).save(tmp_path / "photos" / f"{entry.id}.jpg")
    hannun = python.with_name("hannun")
    assert ran(hannun, "--version").strip().endswith(__version__)
    assert "search" in ran(hannun, "--help")
    assert "3 added" in ran(hannun, "index", "photos", "--to", "my.hannun")
    hits = json.loads(ran(hannun, "search", "빨간 원피스", "--in", "my.hannun", "--json"))
    assert hits[0]["id"] == "photos/dress-red-plain.jpg" and len(hits) == 3
