"""The environment that the tests ran in goes in; `deploy/requirements.lock` comes out: the image's versions, with hashes (`make lock`).

Of what is installed, those that the service needs: the dependencies of the base install and of the image's extras, all the way down.
pip says the hashes of the files that it takes. Addresses are not written: any index may serve them. `packaging` comes with pip's tools.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("cluster", "agents")
PYTHON = "3.11"
#: arm64 as pip calls it; this machine, x86-64, needs no name.
ARM = tuple(f"manylinux_2_{n}_aarch64" for n in (17, 24, 26, 27, 28, 31, 34))
HEAD = "# The versions that the tests ran with, for the image on x86-64 and arm64: made by `make lock`, not by hand.\n"
TARGET = Path(__file__).with_name("requirements.lock")


def closure(name: str, extras: tuple[str, ...]) -> dict[str, str]:
    """Name → installed version of everything that a distribution needs with these extras."""
    found: dict[str, str] = {}
    waiting = [(canonicalize_name(name), extras)]
    seen = set(waiting)
    while waiting:
        at, wanted = waiting.pop()
        made = importlib.metadata.distribution(at)
        found[at] = made.version
        for line in made.requires or ():
            r = Requirement(line)
            if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in ("", *wanted)):
                step = (canonicalize_name(r.name), tuple(sorted(r.extras)))
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
    found.pop(canonicalize_name(name))
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Taken:
    """The file that pip takes for a name: its SHA-256, and whether it is a wheel."""

    sha256: str
    wheel: bool


def taken(pins: Mapping[str, str], platforms: Sequence[str] = ()) -> dict[str, Taken]:
    """What pip takes on this machine, or, where platforms are named, of the wheels for them."""
    with tempfile.TemporaryDirectory() as place:
        wanted, report = Path(place) / "pins.txt", Path(place) / "report.json"
        wanted.write_text("".join(f"{n}=={v}\n" for n, v in pins.items()), "utf-8")
        other = ["--only-binary", ":all:", "--target", place, "--python-version", PYTHON] if platforms else []
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps", *other,
            *(a for p in platforms for a in ("--platform", p)), "--report", str(report), "--requirement", str(wanted),
        ]  # fmt: skip
        subprocess.run(command, check=True)
        files = {canonicalize_name(r["metadata"]["name"]): r["download_info"] for r in json.loads(report.read_text("utf-8"))["install"]}
        return {n: Taken(f["archive_info"]["hashes"]["sha256"], f["url"].endswith(".whl")) for n, f in files.items()}


def main() -> None:
    """Write the lock."""
    pins = closure("hannun", EXTRAS)
    here = taken(pins)
    arm = taken({n: v for n, v in pins.items() if here[n].wheel}, ARM)
    lines = []
    for name, version in pins.items():
        hashes = {here[name].sha256, *([arm[name].sha256] if name in arm else [])}
        lines.append(" \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{h}" for h in sorted(hashes))]) + "\n")
    TARGET.write_text(HEAD + "".join(lines), "utf-8")
    print(f"wrote {len(pins)} pins to {TARGET.name}")


if __name__ == "__main__":
    main()
