"""Resident memory, one part loaded after the other, as Hannun loads it and in other ways; and whether the lean way costs time.

    python benchmarks/memory.py [--only lean,plain,no-trim,no-arena,kiwi-small,pair] [--rounds 120]

A fresh process for each way. `lean` is what the package does: freed memory goes back after loading, sessions share one arena, no planned
blocks. `plain` is onnxruntime's and glibc's default; the others change one thing of `lean`. `pair` runs one input through both, in
turns, in one process: the ratio of processor time (median, 95 % bootstrap interval) and the largest difference of any number.
Linux only (/proc).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np

from hannun import runtime
from hannun.mini.model import HERE
from hannun.mini.session import cores

WAYS = {
    "lean": "",
    "plain": "runtime.lean = lambda options: None; runtime.give_back = lambda: None",
    "no-trim": "runtime.give_back = lambda: None",
    "no-arena": "runtime.lean = lambda options: setattr(options, 'enable_cpu_mem_arena', False)",
    "kiwi-small": "import kiwipiepy; real = kiwipiepy.Kiwi; kiwipiepy.Kiwi = lambda: real(load_multi_dict=False)",
}

STEPS = """
import sys, tempfile
from pathlib import Path
from hannun import runtime
{way}

def told(step):
    status = Path("/proc/self/status").read_text()
    print(step, *(int(status.split(name)[1].split()[0]) // 1024 for name in ("VmRSS:", "RssAnon:", "VmHWM:")), sep="\\t", flush=True)

import numpy as np
import PIL.Image
import hannun
from hannun import collection
told("modules")
mini = hannun.load("mini")
mini.encode_query(["빨간 원피스"])
told("text tower, one query")
mini.encode_document([{{"image": PIL.Image.new("RGB", (640, 480))}}])
told("picture tower, one picture")
with tempfile.TemporaryDirectory() as place:
    rows = [{{"id": str(n), "text": f"빨간 원피스 {{n}}"}} for n in range(300)]
    with collection.open(Path(place) / "a", mini, words=False) as shop:
        shop.add(rows)
        shop.search("빨간 원피스")
        told("300 texts added, one search")
    mini.encode_document([{{"image": PIL.Image.new("RGB", (640, 480))}} for _ in range(64)])
    told("64 pictures more")
    with collection.open(Path(place) / "b", mini) as shop:
        shop.add(rows)
        shop.search("빨간 원피스", words=0.5)
        told("the same by words too")
"""


def parts(name: str) -> None:
    """The table of one way."""
    done = subprocess.run([sys.executable, "-c", STEPS.format(way=WAYS[name])], capture_output=True, text=True, check=True)
    print(f"\n{name}\n| loaded so far | resident MB | of it the process's own | most ever |\n|---|---|---|---|")
    for line in done.stdout.splitlines():
        print("| " + " | ".join(line.split("\t")) + " |", flush=True)


def pair(rounds: int) -> None:
    """Both ways in turns on the same inputs."""
    ort, chance = runtime.onnxruntime(), np.random.default_rng(0)

    def words(rows: int, width: int) -> dict[str, object]:
        return {"ids": chance.integers(5, 50_000, (rows, width)), "mask": np.ones((rows, width), np.int32)}

    def pixels(count: int) -> dict[str, object]:
        return {"pixels": chance.integers(0, 255, (count, 260, 260, 3)).astype(np.uint8)}

    print("\n| input | plain ms | lean ms | ratio | 95 % | largest difference |\n|---|---|---|---|---|---|")
    inputs = {"a query of 9 tokens": words(1, 9), "32 texts of 60": words(32, 60), "a picture": pixels(1), "8 pictures": pixels(8)}
    for what, feeds in inputs.items():
        sessions = []
        for lean in (False, True):
            options = ort.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = cores(), 3
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            if lean:
                runtime.lean(options)
            file = HERE / ("text.onnx" if "ids" in feeds else "image.onnx")
            sessions.append(ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"]))
        found = [s.run(["dense"], feeds)[0] for s in sessions]
        times: list[list[float]] = [[], []]
        for n in range(rounds if what.startswith("a ") else max(8, rounds // 10)):
            for k in (0, 1) if n % 2 else (1, 0):
                begun = time.process_time()
                sessions[k].run(["dense"], feeds)
                times[k].append(1000 * (time.process_time() - begun))
        ratios = np.array(times[1]) / np.array(times[0])
        low, high = np.quantile(np.median(chance.choice(ratios, (1000, len(ratios))), axis=1), (0.025, 0.975))
        plain, lean_ = (float(np.median(t)) for t in times)
        apart = float(np.abs(found[0] - found[1]).max())
        print(f"| {what} | {plain:.1f} | {lean_:.1f} | {np.median(ratios):.3f} | [{low:.3f}, {high:.3f}] | {apart:g} |", flush=True)


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="lean,plain,no-trim,no-arena,kiwi-small,pair")
    parser.add_argument("--rounds", type=int, default=120)
    a = parser.parse_args()
    for name in a.only.split(","):
        if name == "pair":
            pair(a.rounds)
        else:
            parts(name)


if __name__ == "__main__":
    main()
