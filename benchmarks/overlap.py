"""The record of what a model was trained on goes in; how much of every suite is in it comes out, one line a suite, as a table.

    python benchmarks/overlap.py --data ../shared/data [--model mini] [--only flickr8k korsts]

Rows are what is asked and what answers it, contents all that a suite reads: as `hannun eval` counts them, and in its own words. No
model runs: vectors are noise, so that the count takes minutes and no figure is read.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np

from hannun.embeddings import Embeddings, unit
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.errors import HannunError
from hannun.evaluate import run
from hannun.evaluate.harness import Harness, cache_folder
from hannun.evaluate.suites import suite, suites
from hannun.item import Content, content_hash, item
from hannun.serve.cli.evaluate import trained_on

DIM = 8


@final
class Noise:
    """An encoder of texts and pictures whose vectors mean nothing: the same content has the same one."""

    name, fingerprint, dims, side = "noise", "noise", (DIM,), 32
    kinds: tuple[str, ...] = ("text", "image")
    calibration: Calibration = UNCALIBRATED

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors [n, DIM]."""
        seeds = [int(content_hash(item(c, id="-").parts)[:15], 16) for c in contents]
        rows = [np.random.default_rng(s).standard_normal(DIM) for s in seeds]
        return Embeddings(unit(np.array(rows, np.float32).reshape(-1, DIM)))

    encode_document = encode_query


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    parser.add_argument("--model", default="mini", help='"mini" or a model\'s folder')
    parser.add_argument("--only", nargs="+", default=list(suites()), metavar="SUITE")
    chosen = parser.parse_args()
    trained = trained_on(chosen.model)
    if trained is None:
        parser.error(
            f"{chosen.model}: says nothing of what it was trained on; a model's folder has a trained_on.npy, which training writes"
        )
    harness = Harness(Noise(), chosen.data, cache_folder(), trained=trained)
    print(f"{chosen.model}: {len(trained):,} hashes\n\n| suite | rows | known | contents | met | |\n|---|---|---|---|---|---|")
    for name in chosen.only:
        each = suite(name)
        try:
            run.evaluate(harness, [each])
            said = each.no_rows
        except HannunError as error:  # a suite of which nothing is left, or that is not here, says why
            said = str(error)
        o = harness.overlap
        rows = ("–", "–") if each.no_rows else (f"{o.rows:,}", f"{o.known:,}")
        print(f"| `{name}` | {rows[0]} | {rows[1]} | {o.contents:,} | {o.met:,} | {said} |", flush=True)


if __name__ == "__main__":
    main()
