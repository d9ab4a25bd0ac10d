"""Weights in a folder go in; the same ones with their heads' matrices at 8 bits (see `hannun.recipes.mini.rows`) come out in its place.

`python -m hannun.recipes.mini.smaller [FOLDER]`: for weights that were exported before the export did so itself. Nothing is trained.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import onnx

from hannun.mini.model import HERE as MINI
from hannun.mini.model import fingerprint
from hannun.recipes.mini.refine import resigned
from hannun.recipes.mini.rows import by_rows


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.recipes.mini.smaller")
    parser.add_argument("folder", type=Path, nargs="?", default=MINI)
    a = parser.parse_args(argv)
    for name in ("image.onnx", "text.onnx"):
        before = (a.folder / name).stat().st_size
        (a.folder / name).write_bytes(by_rows(onnx.load(str(a.folder / name))).SerializeToString())
        print(f"{a.folder / name}: {before / 1e6:.1f} → {(a.folder / name).stat().st_size / 1e6:.1f} MB")
    facts = json.loads((a.folder / "space.json").read_text(encoding="utf-8"))
    facts["fingerprint"] = fingerprint(a.folder)
    (a.folder / "space.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if a.folder.resolve() == MINI.resolve():
        resigned(fingerprint(a.folder))


if __name__ == "__main__":
    main()
