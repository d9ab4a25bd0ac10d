"""`train`, `embed`, `eval`, `sweep` and `mine`, killed at steps of their writing: run again, they end as an undisturbed run does.

And what they had done is not done again: the second run's work and the pieces that the first one kept make the work of a whole run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import hannun
from hannun import shards
from tests.conftest import Tally, child, draw, encoded
from tests.faults import LONG
from tests.toy import Toy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")

MOST = None if LONG else 4  # steps that are tried of each command

#: `made(out)` is defined before this: it runs the command and tells what came out as plain values, adding to `work` what it had to do.
#: Every attempt is a forked process. `odd` tells what is wrong with what a killed run leaves, or nothing.
KILLED = """
def counted(out):
    work.clear()
    return [made(out), len(work)]

whole = attempt(lambda: counted(place / "whole"), place / "whole")
assert whole["status"] == 0, whole["said"]
imported(whole["modules"])
gave, needed = whole["gave"]
bad, kept = [], []
for at in spread(len(whole["steps"]), most):
    out = place / "broken"
    shutil.rmtree(out, ignore_errors=True)
    if (place / "old").exists():
        shutil.copytree(place / "old", out)
    first = attempt(lambda: counted(out), out, at)
    kept.append(len([f for f in out.glob("**/*.work/*") if f.suffix != ".part"]))
    left = odd(out)
    again = attempt(lambda: counted(out), out)
    if first["status"] != 137 or left or again.get("gave") != [gave, needed - kept[-1]]:
        bad.append([f"{at}: {whole['steps'][at - 1]}", kept[-1], left, first["status"], again.get("said"), again.get("gave")])
print(json.dumps({"steps": whole["steps"], "bad": bad, "gave": gave, "needed": needed, "kept": kept}))
"""

SETUP = """
import hashlib, json, os, re, shutil, sys
from pathlib import Path
os.environ["OMP_NUM_THREADS"] = "1"  # so small a training only waits for more
from tests.faults.steps import attempt, imported, spread

place, most, work = Path(sys.argv[1]), json.loads(sys.argv[2]), []

def odd(out):
    return ""

def counting(real):
    def counts(*arguments, **named):
        work.append(1)
        return real(*arguments, **named)
    return counts
"""

#: A command with the toy encoder. What changes from run to run (times, the ids of a plot) is left out; arrays are told by their values.
COMMAND = """
import numpy as np
import hannun.load, hannun.collection.local
from tests.conftest import toy
sys.modules["hannun.load"].load = hannun.collection.local.load = toy
from hannun import encode
from hannun.serve.cli.main import run

encode.CHUNK = 1
UNNAMED = re.compile(r"\\.npz\\.[0-9]+-[0-9]+\\.part$")  # a chunk of the cache that has not got its name: it bears its process's number
words = json.loads(sys.argv[3])

def told(path):
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {k: hashlib.sha256(arrays[k].tobytes()).hexdigest() for k in arrays}
    if path.name == "report.json":
        return [s["figures"] for s in json.loads(path.read_text())["suites"]]
    return "" if path.suffix in (".html", ".md") else path.read_text()

def made(out):
    out.mkdir(exist_ok=True)
    assert run([w.replace("OUT", str(out)) for w in words]) == 0
    return {str(p.relative_to(out)): told(p) for p in sorted(out.rglob("*")) if p.is_file() and not UNNAMED.search(p.name)}
"""

#: The toy encoder's calls are counted; of every moment in which the ids lie there, the vectors beside them are theirs.
EMBED = """
from tests.toy import Toy
Toy.encode_document = counting(Toy.encode_document)

def odd(out):
    if (out / "v.npz").exists() and (out / "v.jsonl").exists():
        ids = [json.loads(line)["text"] for line in (out / "v.jsonl").read_text().splitlines()]
        with np.load(out / "v.npz") as arrays:
            return "" if np.array_equal(arrays["dense"], Toy().encode_document(ids).dense) else "ids beside the vectors of others"
    return ""
"""

MINE = """
from hannun.train import negatives
negatives.CHUNK = 1
from hannun.collection.local import Local
Local.search = counting(Local.search)
"""

SWEEP = """
from hannun.curate import sweep
from tests.toy import Toy
Toy.encode_document = counting(Toy.encode_document)
sweep.train, sweep.LEAST_PAIRS = counting(sweep.train), 4
"""

TRAIN = """
import torch
from hannun.train.loop import Schedule, train
from tests.train.test_loop import fresh, step

def made(out):
    schedule = Schedule(12, save_every=4, log_every=4, ema=0.9, seed=5, validate_every=6)
    done = train(fresh(), step, schedule, out / "run", lambda _: None, validate=lambda module: float(module(torch.ones(1, 3))))
    rows = [json.loads(line) for line in (out / "run" / "log.jsonl").read_text().splitlines()]
    left = sorted(p.name for p in (out / "run").iterdir() if p.suffix == ".part")
    return {"weights": [p.tolist() for p in done.parameters()], "steps": [r["step"] for r in rows], "left": left}
"""


def found(place: Path, code: str, words: list[str] | None = None) -> dict[str, Any]:
    """What the child told, after every attempt came to the same end."""
    process = child("-c", SETUP + code + KILLED, str(place), json.dumps(MOST), json.dumps(words))
    out, err = process.communicate(timeout=3600 if LONG else 400)
    assert process.returncode == 0, err[-3000:]
    made = dict(json.loads(out.splitlines()[-1]))
    assert not made["bad"], "\n".join(map(str, made["bad"]))
    return made


def test_train(tmp_path: Path, tally: Tally) -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")
    made = found(tmp_path, TRAIN)
    tally("kills of train, each at another step", len(made["kept"]))
    assert made["gave"]["steps"] == [4, 6, 8, 12, 12] and not made["gave"]["left"]
    assert sum(s == "os.rename last.pt.part" for s in made["steps"]) == 3  # a checkpoint every four of twelve steps


def test_embed(tmp_path: Path, tally: Tally) -> None:
    texts = ["빨간 원피스", "파란 코트", "검은 구두", "흰 셔츠", "노란 우산"]
    (tmp_path / "old").mkdir()
    Toy().encode_document(["다른 글", "또 다른 글"]).save(tmp_path / "old" / "v.npz")
    (tmp_path / "old" / "v.jsonl").write_text('{"id": "a", "text": "다른 글"}\n{"id": "b", "text": "또 다른 글"}\n', "utf-8")
    made = found(tmp_path, COMMAND + EMBED, ["embed", *texts, "--to", "OUT/v.npz"])
    tally("kills of embed, each at another step", len(made["kept"]))
    assert set(made["gave"]) == {"v.npz", "v.jsonl"} and len(made["gave"]["v.jsonl"].splitlines()) == 5
    assert made["needed"] == 5 and max(made["kept"]) >= 3


def test_mine(tmp_path: Path, tally: Tally) -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    with hannun.open(tmp_path / "shop.hannun", Toy()) as shop:
        shop.add([{"id": str(n), "text": t} for n, t in enumerate(("abcdefgh", "abcdefgx", "abcdefxy", "abcdexyz", "zzzzzzzz"))])
    rows = [("abcdefg", "abcdefgx"), ("abcdex", "abcdexyz"), ("bcdefgh", "abcdefgh"), ("bcdefxy", "abcdefxy")]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps({"query": q, "positive": p}) + "\n" for q, p in rows))
    words = ["mine", str(tmp_path / "pairs.jsonl"), "--in", str(tmp_path / "shop.hannun"), "--to", "OUT/mined.jsonl", "--below", "1"]
    made = found(tmp_path, COMMAND + MINE, words)
    tally("kills of mine, each at another step", len(made["kept"]))
    assert [len(json.loads(x)["negatives"]) > 0 for x in made["gave"].pop("mined.jsonl").splitlines()] == [True] * 4
    assert not made["gave"] and made["needed"] == 4 and max(made["kept"]) >= 2


def test_eval(tmp_path: Path, tally: Tally) -> None:
    (tmp_path / "d" / "texts").mkdir(parents=True)
    rows = [("빨간 옷", "빨간 치마", 4.0), ("파란 옷", "노란 꽃", 1.0), ("집", "집", 5.0), ("강", "빨간 옷", 0.0)]
    lines = [json.dumps({"sentence1": a, "sentence2": b, "labels": {"real-label": g}}, ensure_ascii=False) for a, b, g in rows]
    (tmp_path / "d" / "texts" / "klue_sts_dev.jsonl").write_text("\n".join(lines), "utf-8")
    words = ["eval", "toy1", "--on", "klue_sts", "--data", str(tmp_path / "d"), "--cache", "OUT/cache", "--to", "OUT/report"]
    made = found(tmp_path, COMMAND, words)
    tally("kills of eval, each at another step", len(made["kept"]))
    assert {"report/report.json", "report/outcomes.npz", "report/report.html", "report/card.md"} < set(made["gave"])


def test_sweep(tmp_path: Path, tally: Tally) -> None:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    from tests.curate import world

    pictures = [encoded(world.scene(n), "JPEG", quality=50) for n in range(4)] + [encoded(draw((9 * n, 99, 0)), "JPEG") for n in range(4)]
    rows = [{"title": f"{world.WORDS[n % 4]} {n}", "title_kelip_score": n / 8, "query": [], "query_kelip_score": []} for n in range(8)]
    shards.write(tmp_path / "train-000.tar", [(f"{n}", p, r) for n, (p, r) in enumerate(zip(pictures, rows, strict=True))])
    for n in range(4):
        (tmp_path / f"{n}.jpg").write_bytes(pictures[n])
    labelled = [{"id": f"{n}", "image": f"{n}.jpg", "label": world.WORDS[n % 3]} for n in range(4)]
    (tmp_path / "eval.jsonl").write_text("".join(json.dumps(r) + "\n" for r in labelled), "utf-8")
    given = [str(tmp_path / "train-000.tar"), "--eval", str(tmp_path / "eval.jsonl"), "--model", "toy1", "--to", "OUT/sweep"]
    words = ["curate", "sweep", *given, "--thresholds=-1,0.5", "--steps", "3"]
    made = found(tmp_path, COMMAND + SWEEP, words)
    tally("kills of sweep, each at another step", len(made["kept"]))
    assert set(made["gave"]) == {"sweep/sweep.json", "sweep/sweep.html"}
    assert made["needed"] == 8 + 4 + 2 * 3 and max(made["kept"]) >= 12  # pictures, labelled ones, trainings of three seeds
