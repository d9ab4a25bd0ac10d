"""What several test files share: pictures, the toy encoder behind `hannun.load`, a disk that can be filled, and counts of faults."""

from __future__ import annotations

import importlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import hypothesis
import numpy as np
import PIL.Image
import pytest

from hannun.errors import MissingError
from tests.toy import Toy

ROOT = Path(__file__).parents[1]
# The same examples in every run, so that a change is judged and not its luck; the long run draws others each time.
hypothesis.settings.register_profile("fixed", derandomize=os.environ.get("HANNUN_FAULTS") != "long", deadline=None)
hypothesis.settings.load_profile("fixed")

_MEMORY = pytest.StashKey[Path]()

Tally = Callable[[str, int], None]
_TRIED = "fault"  # the name of a test's counts among its properties, which come along where tests run in several processes


def draw(colour: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (24, 24), seed: int | None = None) -> PIL.Image.Image:
    """A picture of one colour, or of noise where a seed is given."""
    if seed is None:
        return PIL.Image.new("RGB", size, colour)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return PIL.Image.fromarray(noise)


def encoded(picture: PIL.Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The picture's bytes in a file format."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def shard(path: Path, *files: tuple[str, bytes], mode: Literal["w", "a"] = "w") -> Path:
    """A tar of files, each with its name; "a" puts them behind those that are there."""
    with tarfile.open(path, mode) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def bomb(side: int = 20_000) -> bytes:
    """A real PNG of side × side white pixels in a few kilobytes; one bit each, so that making it costs little."""
    return encoded(PIL.Image.new("1", (side, side), 1), "PNG", optimize=True)


def toy(model: str | Path = "mini") -> Toy:
    """What `hannun.load` is replaced by: "toy1", "toy2", … and "mini" for "toy1"."""
    name = "toy1" if model == "mini" else str(model)
    if not name.startswith("toy"):
        raise MissingError(f"{model}: no such model; known: toy1, toy2")
    return Toy(name.removeprefix("toy"))


#: For `python -c`: the command line with the toy encoder in the place of every model.
TOY_CLI = """
import sys, hannun.load, hannun.collection.local
from tests.conftest import toy
sys.modules["hannun.load"].load = hannun.collection.local.load = toy
from hannun.serve.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def child(*arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    """A Python process that sees the sources and the tests, wherever it runs."""
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "PYTHONUTF8": "1"}
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, cwd=cwd or ROOT, env=here, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finished(*arguments: str, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """The same, waited for; so many seconds at most."""
    process = child(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def pytest_configure(config: pytest.Config) -> None:
    """Temporary files go into memory where there is room: the engine's files are large and mostly empty, which disks are slow at."""
    shared = Path("/dev/shm")
    if config.option.basetemp is None and shared.is_dir() and shutil.disk_usage(shared).free > 4 * 2**30:
        config.option.basetemp = config.stash[_MEMORY] = shared / f"hannun-tests-{os.getpid()}"


def pytest_unconfigure(config: pytest.Config) -> None:
    if place := config.stash.get(_MEMORY, None):
        shutil.rmtree(place, ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What torch draws in a test does not depend on the tests before it: they run in any order (pytest-randomly seeds random and numpy)."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """`tally(what, count)`: so many more faults of this kind were tried. A table of them comes out at the end."""

    def add(what: str, count: int) -> None:
        request.node.user_properties.append((_TRIED, (what, count)))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    ended = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind) if r.when == "call"]
    tried: Counter[str] = Counter()
    for what, count in (value for r in ended for name, value in r.user_properties if name == _TRIED):
        tried[what] += count
    if tried:
        terminalreporter.section("faults tried")
        for what, total in sorted(tried.items()):
            terminalreporter.write_line(f"{total:>9,}  {what}")


@pytest.fixture
def toy_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """`hannun.load` gives the toy encoder, whatever module asks."""
    monkeypatch.setattr(importlib.import_module("hannun.load"), "load", toy)
    monkeypatch.setattr("hannun.collection.local.load", toy)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk in memory, `disk("80m")`, or again in another size or read-only: `disk("80m,ro")`; skips where it may not."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        again = "remount," if place.is_mount() else ""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{again}size={options}", "tmpfs", str(place)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"may not mount a disk here: {done.stderr.strip()}")
        return place

    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a disk")
    yield mount
    if place.is_mount():
        subprocess.run(["umount", "-l", str(place)], check=True)
