"""Histories go in, a SASRec comes out (Kang and McAuley 2018), as its authors' code has it.

Two blocks of one head, learned positions, item vectors shared by input and output and scaled by √d on the way in; layer norm before the
queries alone; dropout everywhere; binary cross-entropy of the next item against one sampled negative; Adam at 1e-3 with betas (0.9, 0.98),
128 users a batch. `softmax=True` changes the loss alone: cross-entropy over all items (Klenitskiy and Vasilev 2023), to tell what of a
difference is the loss. recbole, the kept library that has it, does not install beside ray ≥ 2.50 and fixes colorlog to one old release.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, logsigmoid


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.norm, self.second = nn.LayerNorm(dim, eps=1e-8), nn.LayerNorm(dim, eps=1e-8)
        self.attention = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.wide = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout), nn.ReLU(), nn.Linear(dim, dim), nn.Dropout(dropout))

    def forward(self, x, later, padding):
        q = self.norm(x)
        x = q + self.attention(q, x, x, attn_mask=later, need_weights=False)[0]
        x = self.second(x)
        return (x + self.wide(x)) * padding


class SASRec(nn.Module):
    def __init__(self, items: int, length: int = 50, dim: int = 50, blocks: int = 2, heads: int = 1, dropout: float = 0.5):
        super().__init__()
        self.length, self.dim = length, dim
        self.items = nn.Embedding(items + 1, dim, padding_idx=0)
        self.places = nn.Embedding(length, dim)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(dim, eps=1e-8)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_normal_(p)
        with torch.no_grad():
            self.items.weight[0] = 0

    def forward(self, rows):
        there = (rows > 0)[..., None]
        x = self.drop(self.items(rows) * self.dim**0.5 + self.places(torch.arange(rows.shape[1]) + self.length - rows.shape[1])) * there
        later = torch.ones(rows.shape[1], rows.shape[1], dtype=torch.bool).triu(1)
        for block in self.blocks:
            x = block(x, later, there)
        return self.norm(x)

    @torch.no_grad()
    def scores(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        self.eval()
        rows = padded(histories, self.length)
        return (self(rows)[:, -1] @ self.items.weight[1:].T).numpy()


def padded(histories: Sequence[np.ndarray], length: int) -> torch.Tensor:
    """Item numbers + 1 at the right, zeros before."""
    width = min(length, max(map(len, histories)))
    out = np.zeros((len(histories), width), np.int64)
    for row, h in enumerate(histories):
        h = h[-width:]
        if len(h):
            out[row, width - len(h) :] = h + 1
    return torch.from_numpy(out)


def train(
    histories: Sequence[np.ndarray],
    items: int,
    judge: Callable[[SASRec], float],
    *,
    seconds: float,
    length: int = 50,
    dropout: float = 0.5,
    softmax: bool = False,
    seed: int = 0,
    keep: Path | None = None,
    patience: int = 10,
    every: int = 5,
    tell: Callable[[str], None] = print,
) -> SASRec:
    """Train until `judge` has not risen `patience` times, or time is up; the best state is returned. Tells which it was.

    Killed and called again with the same file to `keep` its state in, it goes on.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = SASRec(items, length, dropout=dropout)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98))
    long = [n for n, h in enumerate(histories) if len(h) >= 2]
    had = [set(h.tolist()) for h in histories]
    best, kept, waited, epoch, spent = -1.0, None, 0, 0, 0.0
    if keep is not None and keep.exists():
        state = torch.load(keep, weights_only=False)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        best, kept, waited, epoch, spent = state["rest"]
        rng = np.random.default_rng([seed, epoch])
    begun = time.monotonic() - spent
    while waited < patience and time.monotonic() - begun < seconds:
        model.train()
        for batch in np.array_split(rng.permutation(long), max(1, len(long) // 128)):
            seen = [histories[n][-length - 1 :] for n in batch]
            rows, wanted = padded([h[:-1] for h in seen], length), padded([h[1:] for h in seen], length)
            states = model(rows)
            at = wanted > 0
            if softmax:
                loss = cross_entropy(states[at] @ model.items.weight[1:].T, wanted[at] - 1)
            else:
                others = torch.from_numpy(rng.integers(1, items + 1, tuple(wanted.shape)))
                for row, n in enumerate(batch):  # no negative that the user has
                    for place in np.flatnonzero([int(o) - 1 in had[n] for o in others[row]]):
                        while int(others[row, place]) - 1 in had[n]:
                            others[row, place] = int(rng.integers(1, items + 1))
                yes, no = ((states * model.items(w)).sum(-1)[at] for w in (wanted, others))
                loss = -(logsigmoid(yes) + logsigmoid(-no)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        epoch += 1
        if epoch % every == 0:
            figure = judge(model)
            waited = 0 if figure > best else waited + 1
            if figure > best:
                best, kept = figure, {k: v.clone() for k, v in model.state_dict().items()}
            if keep is not None:
                rest = best, kept, waited, epoch, time.monotonic() - begun
                part = keep.with_suffix(".part")
                torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "rest": rest}, part)
                part.replace(keep)
    why = "converged" if waited >= patience else "time was up"
    tell(f"SASRec{' (softmax)' if softmax else ''}: {epoch} epochs, {why}, dev nDCG@10 {best:.4f}")
    if kept is not None:
        model.load_state_dict(kept)
    return model
