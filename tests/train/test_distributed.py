"""Two processes (gloo, on a CPU) end where one does: whole weights and divided ones, saved, killed, resumed, and written once."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import child

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

WORKER = """
import json, sys, torch
from pathlib import Path
from torch import nn
from hannun.models.saving import save_folder
from hannun.processes import world
from hannun.train.loop import train
from hannun.train.schedule import Schedule

class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.blocks = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.scale = nn.Parameter(torch.tensor(1.0))
    def forward(self, x):
        for b in self.blocks:
            x = torch.tanh(b(x))
        return x * self.scale

folder, sharding, stop = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rows = torch.randn(40, 8, generator=torch.Generator().manual_seed(3))
losses = []
def step(module, number):
    if number == stop:
        raise KeyboardInterrupt
    rank, size = world()
    mine = rows[8 * (number % 5) : 8 * (number % 5) + 8][rank::size]
    loss = ((module(mine) - mine.flip(1)) ** 2).mean()
    losses.append(float(loss))
    return {"square": loss}
schedule = Schedule(6, 1e-2, save_every=2, log_every=3, ema=0.5, sharding=sharding)
try:
    done = train(Blocks(), step, schedule, folder / "run", lambda _: None)
except KeyboardInterrupt:
    raise SystemExit(0)
save_folder(folder / "model", {"kind": "test"}, done.state_dict(), lambda part: (part / "once").touch(), lambda part: {})
if torch.distributed.is_initialized():
    torch.distributed.destroy_process_group()
"""


def run(folder: Path, processes: int, sharding: str = "none", stop: int = -1) -> dict[str, Any]:
    """The weights that are saved at the end; {} where it was stopped."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = []
    for rank in range(processes):
        setup = "import os\nos.environ.update(ACCELERATE_USE_CPU='true', OMP_NUM_THREADS='1')\n"
        if processes > 1:
            setup += f"os.environ.update(RANK='{rank}', LOCAL_RANK='{rank}', WORLD_SIZE='{processes}', "
            setup += f"MASTER_ADDR='127.0.0.1', MASTER_PORT='{port}')\n"
        running.append(child("-c", setup + WORKER, str(folder), sharding, str(stop)))
    for process in running:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err[-3000:]
    if stop >= 0:
        return {}
    from safetensors.torch import load_file

    assert (folder / "model/once").exists() and json.loads((folder / "model/hannun.json").read_text())["kind"] == "test"
    return dict(load_file(folder / "model/weights.safetensors"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(tmp_path_factory.mktemp("alone"), 1)


@pytest.mark.parametrize("sharding", ["none", "full"])
def test_two_processes_end_where_one_does(alone: dict[str, Any], sharding: str, tmp_path: Path) -> None:
    if sharding == "full":  # a whole one is killed in test_loop
        run(tmp_path, 2, sharding, stop=5)
        saved = torch.load(tmp_path / "run/last.pt", weights_only=True)
        assert saved["step"] == 4 and saved["module"]["blocks.0.weight"].shape == (8, 8)  # whole, whoever holds what
    both = run(tmp_path, 2, sharding)
    assert alone.keys() == both.keys()
    for name, value in alone.items():
        torch.testing.assert_close(both[name], value, rtol=1e-4, atol=1e-5)
