"""How fast texts are taken up, against a former revision of this repository, in turns.

    python benchmarks/indexing.py --before e5f5b76 [--data ../shared/data] [--rounds 5]

Each round runs a process of the former revision and one of the present one, so that a machine that slows down slows both. A process
loads Kiwi and mini, then takes seconds of its own processor time for the analysis of texts whose words it has not met ("first") and of
the same again ("again"), and of processor and clock for `add` into a new collection, encoding included and without (the vectors are
there). Texts: KorQuAD's paragraphs and ParaKQC's questions. Printed: medians, and the median of the ratios former / present by round:
above 1 is faster.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

# What both revisions can do.
CHILD = """
import json, sys, tempfile, time
import hannun
from hannun.embeddings import Embeddings
from hannun.index import lexical
from hannun.item import item
texts = json.load(open(sys.argv[1], encoding="utf-8"))
analysed, added = texts["analysed"], texts["added"]
encoder = hannun.load("mini")
class Given:
    known = {}
    def __getattr__(self, name): return getattr(encoder, name)
    def encode_document(self, contents, *, instruction=None):
        asked = [item(c).text for c in contents]
        if not all(t in self.known for t in asked):
            self.known |= dict(zip(asked, encoder.encode_document(asked).dense))
        import numpy
        return Embeddings(numpy.stack([self.known[t] for t in asked]))
given, told = Given(), {}
lexical.document("한국어")
for name in ("first", "again"):
    begun = time.process_time()
    for t in analysed: lexical.document(t)
    told[f"analysis, {name}"] = time.process_time() - begun
for name in ("encoding too", "vectors given"):
    with tempfile.TemporaryDirectory() as place, hannun.open(place + "/c.hannun", encoder=given) as shop:
        begun, clock = time.process_time(), time.perf_counter()
        shop.add({"id": str(n), "text": t} for n, t in enumerate(added))
        told[f"add, {name}, processor"], told[f"add, {name}, clock"] = time.process_time() - begun, time.perf_counter() - clock
print(json.dumps(told))
"""


def texts(data: Path) -> dict[str, list[str]]:
    """What is analysed, and other texts that are added."""
    articles = json.loads((data / "texts/korquad_v1_dev.json").read_text("utf-8"))["data"]
    paragraphs = list(dict.fromkeys(p["context"] for a in articles for p in a["paragraphs"]))
    with (data / "texts/parakqc.tsv").open(encoding="utf-8") as f:
        sentences = [row[-1] for row in csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return {"analysed": paragraphs[::4] + sentences[::10], "added": paragraphs[1::8] + sentences[1::20]}


def unpacked(revision: str, place: Path) -> Path:
    """The sources of a revision."""
    root = Path(__file__).parents[1]
    packed = subprocess.run(["git", "archive", revision, "src"], cwd=root, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(place, filter="data")
    return place / "src"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="e5f5b76")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        given = Path(place) / "texts.json"
        given.write_text(json.dumps(chosen := texts(a.data)), encoding="utf-8")
        ways = {"former": unpacked(a.before, Path(place)), "present": Path(__file__).parents[1] / "src"}
        print(f"{len(chosen['analysed'])} texts analysed, {len(chosen['added'])} added; {a.before} is the former, {a.rounds} rounds")
        told: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for _ in range(a.rounds):
            for name, source in ways.items():
                run = [sys.executable, "-c", CHILD, str(given)]
                done = subprocess.run(run, env={**os.environ, "PYTHONPATH": str(source)}, check=True, capture_output=True, text=True)
                told[name].append(json.loads(done.stdout.splitlines()[-1]))
        for figure in told["former"][0]:
            former, present = (np.array([r[figure] for r in told[name]]) for name in ways)
            print(
                f"  {figure:30} {np.median(former):7.2f} s -> {np.median(present):7.2f} s, ratio {np.median(former / present):.2f} "
                f"({min(former / present):.2f} to {max(former / present):.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
