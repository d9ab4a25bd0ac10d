"""Gradient caching: equal gradients, one chunk's memory, and exact across processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import child

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("accelerate", reason="accelerate is in the [train] extra")

from hannun.errors import InputError  # noqa: E402
from hannun.models.features import Features, Vectors  # noqa: E402
from hannun.objectives.agreement import agreement  # noqa: E402
from hannun.objectives.infonce import bounded, infonce  # noqa: E402
from hannun.objectives.late_interaction import late_interaction, maxsim  # noqa: E402
from hannun.objectives.matryoshka import matryoshka  # noqa: E402
from hannun.objectives.tiles import cosines  # noqa: E402
from hannun.train.gradcache import cached, joined  # noqa: E402
from tests.train.network import Net, features, gradient  # noqa: E402


def everything(net: Net, q: Vectors, d: Vectors) -> torch.Tensor:
    """Dense and late InfoNCE, both nested, and their agreement: what jina-embeddings-v4 trains with, in tiles."""
    n = len(q.dense)
    scale = bounded(net.log_scale)
    assert q.tokens is not None and q.mask is not None and d.tokens is not None and d.mask is not None
    a, b = q.mask, d.mask
    dense = matryoshka(lambda x, y: infonce(x, y, scale, tile=5), q.dense, d.dense, (8, 16))
    late = matryoshka(lambda x, y: late_interaction(x, a, y, b, 9.0, tile=3), q.tokens, d.tokens, (4, 8))
    return dense + late + agreement(cosines(q.dense, d.dense), maxsim(q.tokens, a, d.tokens, b), n, n, tile=4)


@pytest.mark.parametrize("pictures", [False, True], ids=["texts", "mixed"])
def test_gradients_equal_those_of_the_whole_batch(pictures: bool) -> None:
    """With dropout: the uncached step runs the same chunks with the same random numbers, but keeps all their graphs."""
    net = Net().train()
    asked, known = features(11, 1, False), features(11, 2, pictures)
    torch.manual_seed(3)
    whole = everything(net, *(joined([net(p) for p in f.split(4)]) for f in (asked, known)))
    whole.backward()
    wanted = gradient(net)
    net.zero_grad()
    torch.manual_seed(3)
    step = everything(net, cached(net, asked, 4), cached(net, known, 4))
    step.backward()
    assert step.item() == pytest.approx(whole.item(), rel=1e-6)
    assert float((gradient(net) - wanted).norm() / wanted.norm()) < 1e-6
    assert float(wanted.norm()) > 0 and net.log_scale.grad is not None


def test_random_numbers_go_on_as_if_nothing_were_replayed() -> None:
    net, asked = Net().train(), features(9, 1, False)
    torch.manual_seed(3)
    for part in asked.split(4):
        net(part)
    after = torch.rand(3)
    torch.manual_seed(3)
    cached(net, asked, 4).dense.sum().backward()
    assert torch.equal(torch.rand(3), after)


def test_only_one_chunk_is_in_memory_at_a_time() -> None:
    held: list[int] = []
    most = 0

    class Counted(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, f: Features) -> Vectors:
            nonlocal most
            x = f.rows["x"] * self.weight
            if torch.is_grad_enabled():
                held.append(len(x))
                x.register_hook(lambda _: held.clear())  # its gradient has come: the chunk is done
                most = max(most, len(held))
            return Vectors(x)

    cached(Counted(), Features({"x": torch.ones(40, 2)}, (0,) * 40), 4).dense.sum().backward()
    assert most == 1 and not held


def test_without_a_gradient_it_is_a_plain_call() -> None:
    net = Net().eval()
    with torch.no_grad():
        out = cached(net, features(9, 1, True), 2)
    assert not out.dense.requires_grad and len(out.dense) == 9


@pytest.mark.parametrize(("rows", "chunk", "calls"), [(9, 1, 18), (9, 4, 6), (9, 9, 1), (9, 20, 1)])
def test_a_chunk_is_run_twice_and_a_batch_that_fits_once(rows: int, chunk: int, calls: int) -> None:
    net, asked = Net(drop=0.0).train(), features(rows, 1, False)
    counted: list[int] = []
    net.register_forward_hook(lambda *_: counted.append(1))
    found = cached(net, asked, chunk)
    found.dense.sum().backward()
    assert len(counted) == calls
    torch.testing.assert_close(found.dense, net(asked).dense)
    with torch.no_grad():
        counted.clear()
        cached(net, asked, 2)
    assert len(counted) == 1


def test_half_precision_is_replayed_in_half_precision() -> None:
    net, asked = Net(drop=0.0).train(), features(8, 1, False)
    results = []
    for chunk in (8, 2):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = cached(net, asked, chunk).dense.float()[:, 0].sum()
        loss.backward()  # outside: the replay must remember
        results.append(gradient(net))
    assert float((results[0] - results[1]).norm() / results[0].norm()) < 0.02  # bf16 has 8 bits


def test_a_chunk_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="chunk=0"):
        cached(Net(), features(3, 1, False), 0)


def test_pieces_of_different_length_are_padded() -> None:
    one = Vectors(torch.ones(1, 2), torch.ones(1, 1, 2), torch.ones(1, 1, dtype=torch.bool))
    two = Vectors(torch.ones(1, 2), torch.ones(1, 3, 2), torch.ones(1, 3, dtype=torch.bool))
    assert joined([one]) is one
    both = joined([one, two])
    assert both.tokens is not None and both.mask is not None
    assert both.tokens.shape == (2, 3, 2) and both.mask.tolist() == [[True, False, False], [True, True, True]]


WORKER = """
import json, sys, torch
from pathlib import Path
from hannun.item import Item, Pair, Text
from hannun.train.batches import Mixture, from_pairs
from hannun.train.loop import train
from hannun.train.schedule import Schedule
from hannun.processes import world
from hannun.train.steps.contrastive import Contrast, contrastive
from tests.train.network import Net

def text(word): return Item(word, (Text(word),))
words = [chr(0xAC00 + 37 * n) * (n % 5 + 1) + str(n) for n in range(24)]
pairs = [Pair(text(w), text(w[::-1]), (text(w + "x"),) if n % 3 else ()) for n, w in enumerate(words)]
settings = Contrast(chunk=2, dims=(8, 16), late=1.0, agreement=1.0, negatives=1, own=True)
folder, seen = Path(sys.argv[1]), []

def run(steps):
    mixture = Mixture([from_pairs("s", pairs)], 12, seed=2)
    step = contrastive(mixture, settings)
    def noted(module, number):
        out = step(module, number)
        seen.append(float(sum(out.values())))
        return out
    return train(Net(drop=0.0), noted, Schedule(steps, 1e-3, save_every=2), folder / str(steps), lambda _: None, batches=mixture)

first = run(1)
gradient = torch.cat([p.grad.reshape(-1) for p in first.parameters() if p.grad is not None])  # averaged over processes
run(4)
if world()[0] == 0:
    (folder / "result.json").write_text(json.dumps({"losses": seen, "gradient": gradient.tolist(), "world": world()[1]}))
"""


def test_two_processes_make_the_step_of_one(tmp_path: Path) -> None:
    """gloo, DDP through accelerate: losses and gradients of one process with the whole batch, hard negatives and both heads included."""
    results = []
    for size in (1, 2):
        folder = tmp_path / str(size)
        folder.mkdir()
        setup = "import os\n"
        if size > 1:
            setup += (
                "rank = __import__('sys').argv[2]\nos.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', "
            )
            setup += f"MASTER_PORT='{29500 + hash(str(tmp_path)) % 400}', ACCELERATE_USE_CPU='true', OMP_NUM_THREADS='1')\n"
        running = [child("-c", setup + WORKER, str(folder), str(rank)) for rank in range(size)]
        for process in running:
            _, err = process.communicate(timeout=600)
            assert process.returncode == 0, err[-2000:]
        results.append(json.loads((folder / "result.json").read_text()))
    one, two = results
    assert (one["world"], two["world"]) == (1, 2)
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    apart = torch.tensor(one["gradient"]) - torch.tensor(two["gradient"])
    assert float(apart.norm() / torch.tensor(one["gradient"]).norm()) < 1e-5


SHARDED = """
import json, os, sys, torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from hannun.objectives.infonce import infonce
from hannun.train.distributed import gathered_vectors
from hannun.train.gradcache import cached
from tests.train.network import Net, features

rank = int(os.environ.get("RANK", "-1"))
net = Net(drop=0.0).train()
net.unused = None
if rank >= 0:
    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (2,))
    fully_shard(net.layer, mesh=mesh)
    fully_shard(net, mesh=mesh, ignored_params={net.log_scale})
both = [features(12, seed, False) for seed in (1, 2)]
both = [f if rank < 0 else f.take(6 * rank, 6 * rank + 6) for f in both]
a, b = (gathered_vectors(cached(net, f, 2)) for f in both)
infonce(a.dense, b.dense, 10.0).backward()
found = [p.grad for p in net.parameters() if p.grad is not None]
flat = torch.cat([(g.full_tensor() if hasattr(g, "full_tensor") else g).reshape(-1) for g in found])
if rank <= 0:
    open(sys.argv[1], "w").write(json.dumps(flat.tolist()))
"""


def test_sharded_weights_get_the_gradient_of_one_process(tmp_path: Path) -> None:
    """FSDP2 on gloo: each chunk's backward reduces and scatters by itself; every process must run chunks that use the same weights."""
    results = []
    for size in (1, 2):
        file = tmp_path / str(size)
        port = 30000 + hash(str(tmp_path)) % 400
        setup = "import os\n"
        if size > 1:
            setup += "rank = __import__('sys').argv[2]\n"
            setup += f"os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT='{port}')\n"
        running = [child("-c", setup + SHARDED, str(file), str(rank)) for rank in range(size)]
        for process in running:
            _, err = process.communicate(timeout=600)
            assert process.returncode == 0, err[-2000:]
        results.append(torch.tensor(json.loads(file.read_text())))
    assert float((results[0] - results[1]).norm() / results[0].norm()) < 1e-5


def test_any_output_by_name_is_carried() -> None:
    """A caption's logits of different lengths and whole numbers beside them, with the gradient of the batch uncached."""

    class Captioner(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.read, self.write = torch.nn.Linear(4, 4), torch.nn.Linear(4, 5)

        def forward(self, f: Features) -> Vectors:
            x = self.read(f.rows["x"])
            length = int(f.rows["n"].max())
            logits = self.write(x)[:, None].expand(len(x), length, 5) * torch.arange(1, length + 1)[None, :, None]
            held = torch.arange(length)[None] < f.rows["n"][:, None]
            return Vectors(x, others={"logits": logits * held[..., None], "length": f.rows["n"]})

    torch.manual_seed(2)
    f = Features({"x": torch.randn(5, 4), "n": torch.tensor([1, 3, 2, 2, 1])}, (0,) * 5)
    found = []
    for chunk in (2, 5):
        module = Captioner()
        out = cached(module, f, chunk)
        assert out.others["length"].tolist() == [1, 3, 2, 2, 1] and out.others["logits"].shape == (5, 3, 5)
        (out.dense.sum() + (out.others["logits"] ** 2).sum()).backward()
        found.append(gradient(module))
    torch.testing.assert_close(found[0], found[1])
    with pytest.raises(InputError, match="the same of each"):
        joined([Vectors(torch.ones(1, 2)), Vectors(torch.ones(1, 2), others={"a": torch.ones(1)})])
