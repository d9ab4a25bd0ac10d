"""Figures of training in one run, peers beside: gradient caching, tiled losses, and the tiny recipe kanana_v with its ablations.

    python benchmarks/training.py --data ../shared/data [--only exact,memory,time,compile,peer,tiles,kanana] [--work build/training]

`exact` gradients under the cache against the whole batch; `memory` peak bytes of a step at a batch of 4,096 and of 64; `time` against
the uncached step; `compile` a cached step with and without torch.compile (it needs a C++ compiler); `peer` against sentence-transformers'
CachedMultipleNegativesRankingLoss on the same network and texts; `tiles` InfoNCE at a batch of 32,768; `kanana` trains kanana_v tiny, a
two-tower of equal parameters, and the ablations (about 25 minutes on one core; killed, it goes on), and measures them on test splits that
no decision was made on. Bytes are counted tensor by tensor, as they come and go, so that they do not depend on an allocator. Timed pairs
are interleaved.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import same_network
from hannun.item import Image, Item, Text
from hannun.models.backbones import tiny
from hannun.models.features import Features, Vectors
from hannun.models.one_sequence import Conventions, Heads, OneSequence
from hannun.objectives.agreement import agreement
from hannun.objectives.infonce import infonce
from hannun.objectives.late_interaction import late_interaction, maxsim
from hannun.objectives.matryoshka import matryoshka
from hannun.objectives.tiles import TILE, cosines
from hannun.train.compiled import compiled
from hannun.train.gradcache import cached, joined

WORDS = ["빨간", "파란", "노란", "긴", "짧은", "원피스", "셔츠", "신발", "가방", "바지"]
WORDS += ["the", "red", "blue", "dress", "shirt", "shoe", "on", "a", "white", "table", "with", "two", "people"]


class Peak(TorchDispatchMode):  # type: ignore[misc]
    """Bytes of all tensors that operations make while it is on, and the most there were at one time; `known` ones are not counted."""

    def __init__(self, known: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.now = self.most = 0
        self._seen: dict[int, weakref.finalize[..., Any]] = {}
        for tensor in known:
            storage = tensor.untyped_storage()
            self._seen[storage._cdata] = weakref.finalize(storage, lambda: None)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, tuple | list) else (out,):
            if isinstance(x, Tensor):
                self._count(x.untyped_storage())
        return out

    def _count(self, storage: Any) -> None:
        key = storage._cdata
        if key in self._seen and self._seen[key].alive:
            return
        size = storage.nbytes()
        self.now += size
        self.most = max(self.most, self.now)
        self._seen[key] = weakref.finalize(storage, self._gone, size)

    def _gone(self, size: int) -> None:
        self.now -= size


def items(n: int, seed: int, pictures: bool, words: int = 8) -> list[Item]:
    """Texts of random words; with `pictures`, a third of them has one and a third two."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(n):
        parts: list[Any] = [Text(" ".join(rng.choice(WORDS, words)))]
        for _ in range(i % 3 if pictures else 0):
            side = int(rng.integers(28, 84))
            parts.append(Image(PIL.Image.fromarray(rng.integers(0, 255, (side, side + 14, 3), dtype=np.uint8))))
        out.append(Item(str(i), tuple(parts)))
    return out


def qwen(width: int, token_dim: int, drop: float) -> OneSequence:
    """A small model of the real Qwen2.5-VL class, with both heads and dropout."""
    network, tokenizer, processor = tiny.qwen(WORDS, width=width)
    for module in network.modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = drop
    return OneSequence(network, tokenizer, processor, Conventions(), Heads(dim=width, token_dim=token_dim)).train()


def objective(q: Vectors, d: Vectors, dims: Sequence[int]) -> Tensor:
    """Dense and late InfoNCE, nested, and their agreement; the dense one alone where there are no token vectors."""
    loss = matryoshka(lambda a, b: infonce(a, b, 20.0), q.dense, d.dense, dims)
    if q.tokens is None or d.tokens is None or q.mask is None or d.mask is None:
        return loss
    real, held, n = q.mask, d.mask, len(q.dense)
    nested = sorted({q.tokens.shape[-1] // 2, q.tokens.shape[-1]})
    late = matryoshka(lambda a, b: late_interaction(a, real, b, held, 20.0), q.tokens, d.tokens, nested)
    tile = max(1, TILE // (n * q.tokens.shape[1] * d.tokens.shape[1]))
    return loss + late + agreement(cosines(q.dense, d.dense), maxsim(q.tokens, real, d.tokens, held), n, n, tile=tile)


def exact() -> None:
    """Relative difference of all gradients, cached against not cached, with dropout, mixed modalities, both heads, Matryoshka."""
    print("\nexact: gradients of a Qwen2.5-VL-class model, relative difference from the whole batch (wanted ≤ 1e-5)")
    model = qwen(64, 128, 0.1)
    for name, pictures in (("texts", False), ("mixed: 0, 1 and 2 pictures a row", True)):
        q, d = model.collate(items(22, 1, False), "query"), model.collate(items(22, 2, pictures), "document")
        found = []
        for chunk in (None, 5, 5):
            model.zero_grad()
            torch.manual_seed(7)
            if chunk is None:  # the same chunks, so that dropout falls alike, with all their graphs kept
                both = [joined([model(p) for p in f.split(5)]) for f in (q, d)]
            else:
                both = [cached(model, f, chunk) for f in (q, d)]
            objective(both[0], both[1], (16, 64)).backward()
            found.append(torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None]))
        apart = float((found[0] - found[1]).norm() / found[0].norm())
        model.zero_grad()
        torch.manual_seed(7)
        for f in (q, d):  # what it would be without replaying the random numbers
            for part in f.split(5):
                model(part)
        both = [joined([model(p) for p in f.split(5)]) for f in (q, d)]
        objective(both[0], both[1], (16, 64)).backward()
        other = torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None])
        print(f"  {name:38} {apart:.1e}   (other random numbers: {float((found[0] - other).norm() / found[0].norm()):.2f})")
    one_pass()


def one_pass() -> None:
    """The same without dropout, against one pass over the whole batch: what is left is the order of additions."""
    model = qwen(64, 128, 0.0)
    q, d = model.collate(items(22, 1, False), "query"), model.collate(items(22, 2, True), "document")
    found = []
    for chunk in (22, 5):
        model.zero_grad()
        a, b = (cached(model, f, chunk) for f in (q, d))
        objective(a, b, (16, 64)).backward()
        found.append(torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None]))
    print(f"  {'mixed, no dropout, against one pass':38} {float((found[0] - found[1]).norm() / found[0].norm()):.1e}")


def memory(chunk: int = 32, small: int = 64, large: int = 4096) -> None:
    """Peak bytes of a cached step, less the outputs it keeps and their gradients, at two sizes of batch."""
    print(f"\nmemory: peak of a step in chunks of {chunk}, Qwen2.5-VL class, MB (wanted: batch {large} ≤ 1.15 × batch {small})")
    for name, token_dim in (("dense", 0), ("dense and tokens", 128)):
        peaks, outputs = {}, {}
        for n in (small, large):
            model = qwen(128, token_dim, 0.0)
            features = [model.collate(items(n, s, False, 12), "query") for s in (1, 2)]
            inputs = [t for f in features for t in (*f.rows.values(), *f.pixels.values())]
            with Peak(
                [*inputs, *model.parameters(), *model.buffers()]
            ) as peak:  # the network's share: the loss has its own figure under `tiles`
                out = [cached(model, f, chunk) for f in features]
                every = [t for v in out for t in (v.dense, v.tokens) if t is not None]
                torch.autograd.backward(every, [torch.ones_like(t) for t in every])
            gradients = sum(p.numel() * 4 for p in model.parameters())
            kept = 2 * sum(t.nbytes for t in every) + sum(v.mask.nbytes for v in out if v.mask is not None)
            outputs[n], peaks[n] = kept / 2**20, (peak.most - gradients - kept) / 2**20
        ratio = peaks[large] / peaks[small]
        print(f"  {name:18} {small}: {peaks[small]:.1f}   {large}: {peaks[large]:.1f}   ratio {ratio:.2f}", end="")
        print(f"   outputs beside: {outputs[small]:.1f} → {outputs[large]:.1f}", flush=True)


def turns(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, run in turns after a first time that does not count."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {k: [] for k in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def interleaved(runs: dict[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """Median seconds of each, run in turns."""
    return {k: statistics.median(v) for k, v in turns(runs, rounds).items()}


def timed(n: int = 96, chunk: int = 24) -> None:
    """Seconds of a step, cached against whole."""
    model = qwen(128, 0, 0.0)
    q, d = model.collate(items(n, 1, False, 16), "query"), model.collate(items(n, 2, True, 16), "document")

    def step(size: int) -> None:
        model.zero_grad()
        objective(cached(model, q, size), cached(model, d, size), (32, 128)).backward()

    def chunked() -> None:  # the graph of the whole batch, made in the same chunks: what fits is what is compared
        model.zero_grad()
        both = [joined([model(p) for p in f.split(chunk)]) for f in (q, d)]
        objective(both[0], both[1], (32, 128)).backward()

    found = interleaved({"whole": lambda: step(n), "uncached": chunked, "cached": lambda: step(chunk)}, 21)
    print(f"\ntime: a step of {n} mixed rows, chunks of {chunk}, seconds (wanted ≤ 1.4; the floor is 4/3)")
    print(f"  one pass {found['whole']:.2f}   in chunks, uncached {found['uncached']:.2f}   cached {found['cached']:.2f}", end="")
    print(f"   ratio {found['cached'] / found['uncached']:.2f} (to one pass {found['cached'] / found['whole']:.2f})")


def compile_layers(n: int = 32, chunk: int = 16, rounds: int = 31) -> None:
    """Seconds of a cached step of the same weights, plain and with its layers compiled; the ratio's 95 % interval is over the turns."""
    print(f"\ncompile: a cached step of {n} rows in chunks of {chunk}, inductor, seconds", flush=True)
    for name, pictures in (("Qwen2.5-VL class, mixed rows", True), ("the same, texts alone", False)):
        plain = qwen(256, 0, 0.0)
        other = copy.deepcopy(plain)
        if not compiled(other, "inductor"):
            return
        q, d = plain.collate(items(n, 1, False, 16), "query"), plain.collate(items(n, 2, pictures, 16), "document")

        def step(model: OneSequence, q: Features = q, d: Features = d) -> None:
            model.zero_grad()
            objective(cached(model, q, chunk), cached(model, d, chunk), (64, 256)).backward()

        begun = time.perf_counter()
        step(other)
        first = time.perf_counter() - begun
        seconds = {k: np.array(v) for k, v in turns({"plain": partial(step, plain), "compiled": partial(step, other)}, rounds).items()}
        draws = np.random.default_rng(0).integers(0, rounds, (1000, rounds))
        ratios = np.median(seconds["compiled"][draws], axis=1) / np.median(seconds["plain"][draws], axis=1)
        low, high = np.quantile(ratios, (0.025, 0.975))
        usual = {k: float(np.median(v)) for k, v in seconds.items()}
        both = [torch.cat([p.grad.reshape(-1) for p in m.parameters() if p.grad is not None]) for m in (plain, other)]
        print(
            f"  {name} ({sum(p.numel() for p in plain.parameters()) / 1e6:.1f} M): plain {usual['plain']:.3f}   "
            f"compiled {usual['compiled']:.3f}   ratio {usual['compiled'] / usual['plain']:.2f} [{low:.2f}, {high:.2f}]   "
            f"first step {first:.0f} s   gradients apart {float((both[0] - both[1]).norm() / both[0].norm()):.1e}",
            flush=True,
        )


def peer(n: int = 128, chunk: int = 32) -> None:
    """The same network, texts and temperature under sentence-transformers' cached loss."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 512}
    theirs = same_network.network(WORDS, sizes, "cpu")
    kept = same_network.inputs(theirs, [[it.text or "" for it in items(n, s, False, 16)] for s in (1, 2)], "cpu")
    loss, same = same_network.cached_loss(theirs, chunk), same_network.Same(theirs)
    ours = [Features(f, (0,) * n) for f in kept]
    results: dict[str, Tensor] = {}

    def flat() -> Tensor:
        return torch.cat([p.grad.reshape(-1) for p in theirs.parameters() if p.grad is not None])

    def they() -> None:
        theirs.zero_grad()
        loss([dict(f) for f in kept], torch.zeros(n)).backward()
        results["theirs"] = flat()

    def we() -> None:
        theirs.zero_grad()
        q, d = (cached(same, f, chunk) for f in ours)
        infonce(q.dense, d.dense, 20.0, symmetric=False).backward()
        results["ours"] = flat()

    found = interleaved({"theirs": they, "ours": we}, 31)
    apart = float((results["ours"] - results["theirs"]).norm() / results["theirs"].norm())
    print(f"\npeer: cached InfoNCE, {n} pairs in chunks of {chunk}, the same BERT, seconds a step (wanted: at most theirs)")
    print(f"  sentence-transformers {found['theirs']:.3f}   ours {found['ours']:.3f}   ratio {found['ours'] / found['theirs']:.2f}", end="")
    print(f"   gradients apart {apart:.1e}")


def tiles(n: int = 32768, dim: int = 64) -> None:
    """Peak bytes of InfoNCE forward and backward at a batch of 32,768."""
    print(f"\ntiles: InfoNCE at a batch of {n:,}, {dim} dimensions; the scores alone would be {n * n * 4 / 2**30:.1f} GB")
    for size in (n // 8, n):
        q, k = (torch.nn.functional.normalize(torch.randn(size, dim), dim=-1).requires_grad_() for _ in range(2))
        begun = time.perf_counter()
        with Peak() as peak:
            infonce(q, k, 20.0).backward()
        print(f"  {size:6,} rows: peak {peak.most / 2**20:7.1f} MB in {time.perf_counter() - begun:.1f} s")


def kanana(data: Path, work: Path) -> None:
    """kanana_v tiny beside mini, a two-tower of equal parameters, and itself without one thing at a time."""
    from hannun.datasets import composed as asking
    from hannun.load import load
    from hannun.recipes import kanana_v, table
    from hannun.recipes.data import composed

    full = kanana_v.TINY
    variants: dict[str, tuple[Any, bool]] = {
        "kanana_v": (full, False),
        "two towers": (full, True),
        "no Matryoshka": (replace(full, dims=(max(full.dims),)), False),
        "no hard neg.": (replace(full, negatives=0), False),
        "no instruct.": (replace(full, instructions={}), False),
    }
    tests = composed.tests(data)
    eighth = max(full.dims) // 8
    found = {}
    for name in ("mini", *variants):
        folder = work / name.replace(" ", "_").replace(".", "")
        kept = folder / "outcomes.npz"
        if not kept.exists():
            folder.mkdir(parents=True, exist_ok=True)
            if name == "mini":
                outcomes = kanana_v.evaluate(table.of_encoder(load("mini")), tests, {}, (0,))
            else:
                recipe, apart = variants[name]
                model = kanana_v.build(recipe, work)
                trained: Any = kanana_v.Apart(model) if apart else model
                kanana_v.fit(trained, recipe, data, folder, lambda s, name=name: print(f"  {name}: {s}", flush=True))  # type: ignore[misc]
                outcomes = kanana_v.evaluate(table.of_model(trained), tests, recipe.instructions, (0, eighth))
            np.savez(kept, **{f"{t}/{d}": np.stack([o.recall, o.ndcg]) for (t, d), o in outcomes.items()})
        with np.load(kept) as f:
            found[name] = {(t, int(d)): kanana_v.Outcome(*f[k]) for k in f.files for t, _, d in [k.partition("/")]}
    print("\nkanana_v tiny: nDCG@10 on test; in brackets the 95 % paired bootstrap interval of kanana_v's lead over the row")
    print(f"  {'':14}" + "".join(f"{t.name + ' ' + composed.MODES[t.name]:>31}" for t in tests))
    for name, outcome in found.items():
        cells = []
        for t in tests:
            mine, theirs = found["kanana_v"][(t.name, 0)].ndcg, outcome[(t.name, 0)].ndcg
            low, high = table.paired(mine, theirs, kanana_v.ROUNDS)
            cells.append(f"{theirs.mean():.3f}" + ("" if name == "kanana_v" else f" [{low:+.3f}, {high:+.3f}]"))
        print(f"  {name:14}" + "".join(f"{c:>31}" for c in cells))
    print("\n  composed by what is to be another, nDCG@10; in brackets the interval of kanana_v's lead")
    what = np.array([q.facts["change"] for q in tests[0].queries])
    print(f"  {'':14}" + "".join(f"{f'{w} ({(what == w).sum()})':>27}" for w in asking.CHANGES))
    for name, outcome in found.items():
        cells = []
        for w in asking.CHANGES:
            mine, theirs = (o[("composed", 0)].ndcg[what == w] for o in (found["kanana_v"], outcome))
            low, high = table.paired(mine, theirs, kanana_v.ROUNDS)
            cells.append(f"{theirs.mean():.3f}" + ("" if name == "kanana_v" else f" [{low:+.3f}, {high:+.3f}]"))
        print(f"  {name:14}" + "".join(f"{c:>27}" for c in cells))
    print(f"\n  recall@10 at {eighth} of {max(full.dims)} dimensions, as a share of the full one")
    shares_kept(found, [t.name for t in tests], eighth)


def shares_kept(found: dict[str, Any], tests: list[str], short: int) -> None:
    """What each test keeps of its recall at the shorter length."""
    for name in ("kanana_v", "no Matryoshka"):
        o = found[name]
        cells = [f"{o[(t, short)].recall.mean():.3f} / {o[(t, 0)].recall.mean():.3f}" for t in tests]
        shares = [o[(t, short)].recall.mean() / max(o[(t, 0)].recall.mean(), 1e-9) for t in tests]
        print(
            f"  {name:14}" + "".join(f"{c:>22} = {s:4.0%}" for c, s in zip(cells, shares, strict=True)) + f"   mean {np.mean(shares):.1%}"
        )


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--only", default="exact,memory,time,compile,peer,tiles,kanana")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    wanted = a.only.split(",")
    sections: dict[str, Callable[[], None]] = {
        "exact": exact,
        "memory": memory,
        "time": timed,
        "compile": compile_layers,
        "peer": peer,
        "tiles": tiles,
        "kanana": lambda: kanana(a.data, a.work),
    }
    if unknown := set(wanted) - set(sections):
        parser.error(f"no section {', '.join(sorted(unknown))}; known: {', '.join(sections)}")
    for name in wanted:
        sections[name]()


if __name__ == "__main__":
    main()
