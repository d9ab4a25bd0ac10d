"""A folder of data goes in; the pair factory's figures come out, peers in the same run.

    python benchmarks/curate.py --data ../shared/data [--data-juicer PYTHON] [--only images,texts,ocr,…]

`--data-juicer` is the interpreter of an environment of its own that has `py-data-juicer` and `imagededup`; without it only plain Pillow and
regex code stands beside. Passes are interleaved (ours, theirs, plain, ours, …) on one thread, and rates are per second of processor time,
so that a busy machine harms all alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from curating import pairs, personal, pictures, profane, scale, texts


def main() -> None:
    """Parse the arguments and print every part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--data-juicer", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="of the polluted sets of 'sweep' and 'helps'")
    parser.add_argument("--only", default="images,texts,ocr,pii,profanity,watermark,sweep,helps,memory,rates")
    a = parser.parse_args()
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "images": pictures.images, "texts": texts.texts, "ocr": pictures.ocr, "pii": personal.personal, "profanity": profane.profane,
        "watermark": pictures.marks, "sweep": pairs.sweep, "helps": pairs.helps, "memory": scale.memory, "rates": scale.rates,
    }  # fmt: skip
    for name in a.only.split(","):
        print(f"\n## {name}\n", flush=True)
        parts[name](a)


if __name__ == "__main__":
    main()
