"""A small CLIP and its pairs go in; losses and weights of one process beside those of two, and a refused resume, come out.

    python benchmarks/ranks.py

The same batches (24 pairs in chunks of 4, gradient caching, dropout off), eight steps of AdamW in float32: in one process; in two with all
weights each (DDP); in two that divide weights, gradients and moments (FSDP2); gloo on a CPU. Then the run is gone on with under another
schedule, which is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from hannun.errors import InputError
from hannun.item import Item, Pair, Text
from hannun.models.backbones import tiny
from hannun.models.two_tower import TwoTower
from hannun.processes import world
from hannun.train.batches import Mixture, from_pairs
from hannun.train.loop import train
from hannun.train.schedule import Schedule
from hannun.train.steps.contrastive import Contrast, contrastive

STEPS, BATCH = 8, 24
WORDS = [f"{a} {b}" for a in ("빨간", "파란", "노란", "하얀", "검은", "초록") for b in ("원피스", "가방", "셔츠", "운동화")]


def run(folder: Path, sharding: str, steps: int = STEPS) -> None:
    """Train in this process (one of one or of two); the first one writes losses and weights."""
    pairs = [Pair(Item(f"q{k}", (Text(w),)), Item(f"d{k}", (Text(f"{w} 상품 {k}"),))) for k, w in enumerate(WORDS * 3)]
    mixture = Mixture([from_pairs("s", pairs)], BATCH, seed=2)
    model = TwoTower.dual(*tiny.clip(WORDS))
    schedule = Schedule(steps, 1e-3, log_every=1, save_every=4, sharding=sharding)
    done = train(model, contrastive(mixture, Contrast(chunk=4)), schedule, folder, lambda _: None, batches=mixture)
    weights = {k: v.detach().clone() for k, v in done.state_dict().items() if v.is_floating_point()}
    if hasattr(next(iter(weights.values())), "full_tensor") or sharding == "full":
        weights = {k: getattr(v, "full_tensor", lambda v=v: v)() for k, v in weights.items()}
    if world()[0] == 0:
        torch.save(weights, folder / "weights.pt")
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def launch(folder: Path, processes: int, sharding: str) -> tuple[list[float], dict[str, torch.Tensor], float]:
    """Losses by step, weights at the end and seconds of a run in so many processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    begun, running = time.perf_counter(), []
    for rank in range(processes):
        more = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
        if processes > 1:
            more |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(processes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            }
        command = [sys.executable, __file__, "--worker", str(folder), "--sharding", sharding]
        running.append(subprocess.Popen(command, env={**os.environ, **more}, stderr=subprocess.PIPE, text=True))
    for process in running:
        _, said = process.communicate()
        if process.returncode:
            raise SystemExit(said[-2000:])
    losses = [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
    return losses, torch.load(folder / "weights.pt", weights_only=True), time.perf_counter() - begun


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sharding", default="none", help=argparse.SUPPRESS)
    a = parser.parse_args()
    torch.set_num_threads(1)
    if a.worker is not None:
        run(a.worker, a.sharding)
        return
    with tempfile.TemporaryDirectory() as place:
        first: dict[str, torch.Tensor] = {}
        for name, processes, sharding in (("one process", 1, "none"), ("two, whole (DDP)", 2, "none"), ("two, divided (FSDP2)", 2, "full")):
            folder = Path(place) / f"{processes}{sharding}"
            losses, weights, seconds = launch(folder, processes, sharding)
            first = first or weights
            apart = torch.cat([(weights[k] - v).reshape(-1) for k, v in first.items()]).norm()
            whole = torch.cat([v.reshape(-1) for v in first.values()]).norm()
            said = f"weights apart by {float(apart / whole):.1e} of their norm   {seconds:.0f} s with the start"
            print(f"{name:22} losses {' '.join(f'{v:.4f}' for v in losses)}   {said}", flush=True)
        try:
            run(Path(place) / "1none", "none", STEPS // 2)
        except InputError as refused:
            print(f"another schedule: {str(refused).replace(place, '…')}")


if __name__ == "__main__":
    main()
