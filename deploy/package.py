"""The sources go in; wheel and sdist come out in dist/ with their SHA-256, after a second build gave the same bytes (`make wheel`).

    python deploy/package.py [--to dist]

The second build is of a copy elsewhere whose files have other times. hatchling gives every entry one date (SOURCE_DATE_EPOCH, where it is
set), order and mode; how bytes are packed is zlib's, so that other versions of Python may give another archive of the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: What lies in the repository's folder and is no source.
AWAY = (".git", ".venv", "build", "dist", "site", "demo", "__pycache__", "*.hannun", ".*_cache", ".hypothesis", "shared")


def copied(to: Path, leave: Callable[[Path], bool] = lambda file: False) -> Path:
    """The sources in another folder, all of the time of this call, without the files that `leave` names."""
    away = shutil.ignore_patterns(*AWAY)

    def ignored(folder: str, names: list[str]) -> set[str]:
        return away(folder, names) | {n for n in names if (f := Path(folder) / n).is_file() and leave(f)}

    shutil.copytree(ROOT, to, ignore=ignored, copy_function=shutil.copyfile)
    return to


def built(source: Path, to: Path, *targets: str) -> dict[str, str]:
    """File name → SHA-256 of what hatchling makes of the sources: `wheel`, `sdist`, both where none is named."""
    chosen = [a for t in targets for a in ("--target", t)]
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(to.absolute()), *chosen]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"error: hatchling refused the sources: {done.stderr.strip() or done.stdout.strip()}")
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(to.iterdir())}


def main() -> int:
    """Build twice; 1 where the two differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=ROOT / "dist")
    to = parser.parse_args().to
    shutil.rmtree(to, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        first, second = built(ROOT, to), built(copied(Path(place) / "copy"), Path(place) / "again")
    if first != second:
        print(f"error: two builds of the same sources differ: {first} and {second}", file=sys.stderr)
        return 1
    for name, digest in first.items():
        print(f"{digest}  {to / name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
