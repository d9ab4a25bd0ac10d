"""An accelerator (or a CPU, with --toy) goes in; speed, memory and exactness of training at real sizes come out.

    python benchmarks/accelerator.py            # on one accelerator: real classes of some 300 million random weights
    python benchmarks/accelerator.py --toy      # the same code on a CPU, in seconds: what the tests run

`kanana` and `jina` train the two one-sequence recipes' losses on a Qwen2.5-VL class (texts and pictures, gradient caching, bfloat16 over
float32 weights, AdamW): seconds a step, rows, tokens and pictures a second, MFU, and the peak memory at growing batches, which caching
should hold flat. `captioner` does the same with CoCa's two losses on CoCa-Base and on SensorLM's paper size. Texts
are short and differ in one number, so losses fall little in so few steps. `peer` runs sentence-transformers'
CachedMultipleNegativesRankingLoss on a BERT class beside ours, the same texts in the same run. `masters` shows the loss and how many
weights small steps leave bit-equal, in float32, and in bfloat16 with and without float32 weights.
Weights are random: nothing here says how well a model finds anything.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor, nn

import same_network
from hannun.continuation import Manner
from hannun.item import Image, Item, Pair, Text
from hannun.models.adapters import RETRIEVAL
from hannun.models.backbones import series, tiny, vit
from hannun.models.captioner import network, speaking
from hannun.models.captioner.network import END, PAD, Captioner, special_tokens
from hannun.models.features import Features
from hannun.models.one_sequence import Conventions, Heads, OneSequence
from hannun.models.two_tower import TwoTower
from hannun.objectives.infonce import infonce
from hannun.recipes import sensorlm
from hannun.signals import Signal
from hannun.train.batches import Mixture, from_pairs
from hannun.train.gradcache import cached
from hannun.train.loop import train
from hannun.train.schedule import Schedule
from hannun.train.steps import captioning
from hannun.train.steps.captioning import Captioning
from hannun.train.steps.contrastive import Contrast, ahead, contrastive

WORDS = [
    f"{a} {b} {c}"
    for a in ("빨간", "파란", "노란", "하얀")
    for b in ("린넨", "면", "울", "데님")
    for c in ("원피스", "가방", "셔츠", "운동화")
]


@dataclass(frozen=True)
class Scale:
    """How large things are: on an accelerator, or as a toy."""

    width: int
    layers: int
    pixels: int
    chunk: int
    batches: tuple[int, ...]
    steps: int
    rank: int
    bert: dict[str, int]
    peer: int


REAL = Scale(
    1536, 10, 336 * 336, 32, (64, 256, 1024), 4, 32,
    {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}, 512,
)  # fmt: skip
TOY = Scale(
    64, 2, 56 * 56, 2, (4, 8), 2, 4, {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128}, 8,
)  # fmt: skip


def pairs(n: int) -> list[Pair]:
    """Texts → pictures with a title, all different."""
    rng = np.random.default_rng(0)
    out = []
    for k in range(n):
        stream = io.BytesIO()
        PIL.Image.fromarray(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)).resize((336, 336)).save(stream, "JPEG")
        said = WORDS[k % len(WORDS)]
        out.append(Pair(Item(f"q{k}", (Text(f"{said} {k}"),)), Item(f"p{k}", (Image(stream.getvalue()), Text(f"{said} 상품 {k}")))))
    return out


def sequence(scale: Scale, device: str, adapted: bool) -> OneSequence:
    """The recipes' model: [EOS] and nested dimensions, or mean and token vectors with one adapter."""
    network, tokenizer, processor = tiny.qwen(WORDS, scale.width, scale.layers, scale.pixels)
    nested = (scale.width // 8, scale.width)
    heads = Heads(0, 128 if adapted else 0, nested[:1], adapted, (RETRIEVAL,) if adapted else (), scale.rank, scale.rank)
    model = OneSequence(network, tokenizer, processor, Conventions(pooling="mean" if adapted else "lasttoken"), heads).to(device)
    model.recompute()
    return model


def peak(device: str) -> float:
    """GiB at most since the last call; 0 on a CPU."""
    if device != "cuda":
        return 0.0
    found = torch.cuda.max_memory_allocated() / 2**30
    torch.cuda.reset_peak_memory_stats()
    return found


def measured(model: Any, stream: Any, step: Any, scale: Scale, device: str) -> float:
    """A few steps on a stream of batches; prints their speed and gives their peak memory in GiB."""
    peak(device)
    with tempfile.TemporaryDirectory() as folder:
        schedule = Schedule(scale.steps, 1e-5, precision="bf16", log_every=1, save_every=10**6)
        train(model, step, schedule, Path(folder), lambda _: None, batches=stream)
        rows = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
    most, last = peak(device), rows[-1]
    told = "  ".join(
        f"{k} {last[k]}" for k in ("rows_per_second", "tokens_per_second", "pictures_per_second", "teraflops", "mfu") if k in last
    )
    print(f"    peak {most:6.2f} GiB   {told}   loss {rows[0]['loss']:.3f} → {last['loss']:.3f}", flush=True)
    return most


def recipes(scale: Scale, device: str) -> None:
    """Both recipes at growing batches."""
    made = pairs(max(scale.batches))
    for name, adapted in (("kanana", False), ("jina", True)):
        model = sequence(scale, device, adapted)
        whole, trained = (sum(p.numel() for p in model.parameters() if p.requires_grad or every) for every in (True, False))
        print(f"\n{name}: {whole / 1e6:.0f} M parameters, {trained / 1e6:.1f} M trained, chunks of {scale.chunk}", flush=True)
        settings = Contrast(
            chunk=scale.chunk, dims=(scale.width // 8, scale.width), late=float(adapted), agreement=float(adapted), temperature=0.05
        )
        most = []
        for size in scale.batches:
            mixture = Mixture([from_pairs("s", made[:size], task="retrieval" if adapted else "")], size)
            print(f"  batch {size:5,}:", flush=True)
            stream = ahead(mixture, model, settings, 4)
            most.append(measured(model, stream, contrastive(stream, settings), scale, device))
        if most[0]:
            print(f"  peak at {scale.batches[-1]:,} over that at {scale.batches[0]:,}: {most[-1] / most[0]:.2f}")
        del model
        if device == "cuda":
            torch.cuda.empty_cache()


def captioner(scale: Scale, device: str) -> None:
    """CoCa-Base, and SensorLM's paper size over days of 1,872 tokens (on a CPU toys of both): random pictures and signals."""
    toy = scale.width < 1000
    words = tiny.tokenizer(WORDS, special_tokens({"caption": "[PROMPT]"}), pad=PAD, eos=END, size=400)
    numbers = {k: v // 24 if toy else v for k, v in vit.BASE.items()}
    eyes = vit.PatchTokens.begin(
        {**numbers, "num_attention_heads": 2 if toy else 12, "num_hidden_layers": 1 if toy else 12}, *((32, 8) if toy else ())
    )
    small = {"dim": 32, "width": 32, "heads": 2, "inner": 64, "alone": 1, "joint": 1, "queries": 4} if toy else {}
    shape = replace(network.BASE, styles={"caption": "[PROMPT]"}, vocabulary=len(words) if toy else network.BASE.vocabulary, **small)
    made = [Pair(p.query, Item(p.positive.id, p.positive.parts[:1])) for p in pairs(max(scale.batches))]
    both_losses("captioner", Captioner(eyes, words, shape).to(device), made, "caption", scale, device)
    rng, form = np.random.default_rng(0), series.day_form()
    days = [Signal(rng.standard_normal((form.rows, len(form.channels))).astype(np.float32), form.rate, form.channels) for _ in made]
    told = [Pair(p.query, Item(p.positive.id, (day,))) for p, day in zip(made, days, strict=True)]
    model = sensorlm.build(sensorlm.TINY if toy else sensorlm.PAPER, WORDS)
    both_losses("sensorlm", model.to(device), told, "semantic", scale, device)


def both_losses(name: str, model: Captioner, made: list[Pair], style: str, scale: Scale, device: str) -> None:
    """Contrast and captions of one model under the gradient cache, at growing batches; and captions of its random weights."""
    print(f"\n{name}: {sum(p.numel() for p in model.parameters()) / 1e6:.0f} M parameters, chunks of {scale.chunk}", flush=True)
    settings = Captioning(Contrast(chunk=scale.chunk))
    for size in scale.batches:
        mixture = Mixture([from_pairs("s", made[:size], task=style)], size)
        print(f"  batch {size:5,}:", flush=True)
        stream = captioning.ahead(mixture, model, settings, 4)
        measured(model, stream, captioning.captioning(stream, settings), scale, device)
    begun = time.perf_counter()
    texts = speaking.captions(model, [p.positive.parts[0] for p in made[:8]], style, "ko", Manner(beams=4))
    many = sum(len(u.tokens) for each in texts for _, u in each[:1])
    print(f"  generation, 4 beams: {many / (time.perf_counter() - begun):.0f} tokens/s")


def peer(scale: Scale, device: str) -> None:
    """The same BERT, texts and temperature under sentence-transformers' cached loss and under ours, in turn; both losses are told."""
    theirs = same_network.network(WORDS, scale.bert, device)
    texts = [[f"{WORDS[k % len(WORDS)]} {side} {k} " * 8 for k in range(scale.peer)] for side in ("찾기", "상품")]
    inputs = same_network.inputs(theirs, texts, device)
    loss = same_network.cached_loss(theirs, scale.chunk)
    same, ours = same_network.Same(theirs), [Features(f, (0,) * scale.peer) for f in inputs]

    def they() -> Tensor:
        return loss([dict(f) for f in inputs], torch.zeros(scale.peer, device=device))

    def we() -> Tensor:
        q, d = (cached(same, f, scale.chunk) for f in ours)
        return infonce(q.dense.float(), d.dense.float(), 20.0, symmetric=False)

    runs: dict[str, Callable[[], Tensor]] = {"sentence-transformers": they, "ours": we}
    best, peaks = dict.fromkeys(runs, float("inf")), dict.fromkeys(runs, 0.0)
    losses: dict[str, float] = {}
    for _ in range(3):
        for name, step in runs.items():
            theirs.zero_grad(set_to_none=True)
            peak(device)
            begun = time.perf_counter()
            with torch.autocast(device, torch.bfloat16):
                came = step()
                came.backward()
            losses[name] = float(came.detach())
            if device == "cuda":
                torch.cuda.synchronize()
            best[name] = min(best[name], time.perf_counter() - begun)
            peaks[name] = max(peaks[name], peak(device))
    tokens = sum(int(f["attention_mask"].sum()) for f in inputs)
    count = sum(p.numel() for p in theirs.parameters()) / 1e6
    print(
        f"\npeer: a BERT of {count:.0f} M, {scale.peer} pairs ({tokens:,} tokens) in chunks of {scale.chunk}, bfloat16, the best of three"
    )
    for name in runs:
        told = f"{best[name]:8.3f} s a step  {tokens / best[name]:12,.0f} tokens/s  peak {peaks[name]:6.2f} GiB  loss {losses[name]:.4f}"
        print(f"  {name:22} {told}")
    print(f"  ours over theirs: {best['ours'] / best['sentence-transformers']:.2f}", flush=True)


class Still:
    """Which matrices of a model are as they were, asked after some of its steps: the share of their values."""

    def __init__(self, model: nn.Module, steps: tuple[int, ...]) -> None:
        self.before = {k: p.detach().float().clone() for k, p in model.named_parameters() if p.ndim > 1 and "embed" not in k}
        self.steps, self.shares = steps, list[float]()

    def __call__(self, module: nn.Module, number: int) -> None:
        if number + 1 in self.steps:
            now = dict(module.named_parameters())
            same = [(now[k].detach().float() == v).float().reshape(-1) for k, v in self.before.items()]
            self.shares.append(float(torch.cat(same).mean()))


def masters(device: str, steps: tuple[int, ...] = (1, 10, 30, 60, 120)) -> None:
    """A small CLIP at 1e-5 from a bfloat16 checkpoint, three ways: losses at some steps, and the weights that have not moved by then.

    The checkpoint, the batches and their order are the same.
    """
    made = pairs(16)
    print(f"\nmasters: 1e-5 from a bfloat16 checkpoint, at steps {', '.join(map(str, steps))}: loss; weights still bit-equal to the start")
    for precision in ("fp32", "bf16", "pure-bf16"):
        network, processor = tiny.clip(WORDS)
        model = TwoTower.dual(network.to(torch.bfloat16), processor).to(device)
        still, mixture = Still(model, steps), Mixture([from_pairs("s", made)], 16)
        plain = {"warmup": 0, "curve": "constant", "weight_decay": 0, "log_every": 1, "save_every": 10**6}
        with tempfile.TemporaryDirectory() as folder:
            schedule = Schedule(max(steps), 1e-5, precision=precision, **plain)
            step = contrastive(mixture, Contrast(chunk=8))
            train(model, step, schedule, Path(folder), lambda _: None, batches=mixture, after=still)
            rows = {r["step"]: r["loss"] for r in map(json.loads, (Path(folder) / "log.jsonl").read_text().splitlines())}
        told = f"{' '.join(f'{rows[n]:8.4f}' for n in steps)};  {' '.join(f'{v:6.1%}' for v in still.shares)}"
        print(f"  {precision:10} {told}", flush=True)


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--toy", action="store_true", help="tiny sizes on a CPU")
    parser.add_argument("--only", choices=["recipes", "captioner", "peer", "masters"], action="append")
    a = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() and not a.toy else "cpu"
    if device == "cpu" and not a.toy:
        parser.error("no accelerator is here; --toy runs the same code on a CPU")
    scale: Any = TOY if a.toy else REAL
    begun = time.perf_counter()
    name = torch.cuda.get_device_name() if device == "cuda" else "a CPU"
    print(f"{name}, torch {torch.__version__}")
    chosen = a.only or ["recipes", "captioner", "peer", "masters"]
    if "recipes" in chosen:
        recipes(scale, device)
    if "captioner" in chosen:
        captioner(scale, device)
    if "peer" in chosen:
        peer(scale, device)
    if "masters" in chosen:
        masters(device)
    print(f"\n{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()
