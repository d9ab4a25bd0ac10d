"""Histories go in, a SASRec comes out (Kang and McAuley 2018), as its authors' code has it.

Two blocks of one head, learned positions that count from the end, item vectors shared by input and output and scaled by √d on the way in;
layer norm before the queries alone; dropout everywhere; binary cross-entropy of the next item against one sampled negative; Adam at 1e-3
with betas (0.9, 0.98), 128 users a batch. `negatives` changes the loss alone: cross-entropy over the next item and so many that are drawn
for a batch, or over all items where there are no more (Klenitskiy and Vasilev 2023), to tell what of a difference is the loss.

Half of the users of most logs have a handful of events, so rows stand at the left of groups of like length: the same loss, and no padding
to 50. recbole, the kept library that has it, does not install beside ray ≥ 2.50 and fixes colorlog to one old release.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, logsigmoid, scaled_dot_product_attention

from hannun.users.batches import alike


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.norm, self.second = nn.LayerNorm(dim, eps=1e-8), nn.LayerNorm(dim, eps=1e-8)
        self.query, self.kv, self.out = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        self.wide = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout), nn.ReLU(), nn.Linear(dim, dim), nn.Dropout(dropout))

    def forward(self, x):
        b, t, d = x.shape
        q = self.norm(x)
        asked, key, value = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in (self.query(q), *self.kv(x).chunk(2, -1)))
        seen = scaled_dot_product_attention(asked, key, value, is_causal=True, dropout_p=self.rate if self.training else 0.0)
        x = self.second(q + self.out(seen.transpose(1, 2).reshape(b, t, d)))
        return x + self.wide(x)


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
        """States [b, t, d] of rows [b, t] of item numbers + 1 from the left, zeros after them."""
        place = torch.arange(rows.shape[1]) + self.length - (rows > 0).sum(1, keepdim=True)
        x = self.drop(self.items(rows) * self.dim**0.5 + self.places(place.clamp(max=self.length - 1)))
        for block in self.blocks:  # what stands after a row's end is seen by nothing before it
            x = block(x)
        return self.norm(x)

    @torch.no_grad()
    def scores(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        self.eval()
        out = torch.empty(len(histories), len(self.items.weight) - 1)
        for group in alike(sized(histories, self.length)):
            rows = padded([histories[n] for n in group], self.length)
            last = self(rows)[torch.arange(len(group)), (rows > 0).sum(1) - 1]
            out[group] = last @ self.items.weight[1:].T
        return out.numpy()


def sized(histories: Sequence[np.ndarray], length: int) -> list[int]:
    """How many of their last items the model reads."""
    return [min(len(h), length) for h in histories]


def padded(histories: Sequence[np.ndarray], length: int) -> torch.Tensor:
    """Item numbers + 1 of the `length` last items from the left, zeros after them."""
    width = min(length, max(map(len, histories)))
    out = np.zeros((len(histories), width), np.int64)
    for row, h in enumerate(histories):
        h = h[-width:]
        out[row, : len(h)] = h + 1
    return torch.from_numpy(out)


class Others:
    """Items that users have not had: `drawn(users)` gives one for each."""

    def __init__(self, histories: Sequence[np.ndarray], items: int, rng: np.random.Generator):
        self.items, self.rng = items, rng
        self.had = np.unique(np.concatenate([n * items + h for n, h in enumerate(histories)]))

    def drawn(self, users: np.ndarray) -> np.ndarray:
        out = self.rng.integers(0, self.items, len(users))
        again = np.arange(len(users))
        while len(again):
            codes = users[again] * self.items + out[again]
            at = np.searchsorted(self.had, codes).clip(max=len(self.had) - 1)
            again = again[self.had[at] == codes]
            out[again] = self.rng.integers(0, self.items, len(again))
        return out


def loss_of(model: SASRec, batch: np.ndarray, seen: Sequence[np.ndarray], others: Others, negatives: int) -> torch.Tensor:
    """The mean over all events of a batch but each user's first; `seen` are its users' last items, one more than the model reads."""
    states, wanted, who = [], [], []
    for group in alike(sized([h[:-1] for h in seen], model.length)):
        rows, after = (padded([h[s] for h in (seen[n] for n in group)], model.length) for s in (slice(-1), slice(1, None)))
        there = rows > 0
        states.append(model(rows)[there])
        wanted.append(after[there])
        who.append(np.repeat(batch[group], there.sum(1).numpy()))
    state, target = torch.cat(states), torch.cat(wanted)
    if negatives == 1:
        other = torch.from_numpy(others.drawn(np.concatenate(who)) + 1)
        yes, no = ((state * model.items(i)).sum(-1) for i in (target, other))
        return -(logsigmoid(yes) + logsigmoid(-no)).mean()
    if negatives >= others.items:
        return cross_entropy(state @ model.items.weight[1:].T, target - 1)
    drawn = torch.from_numpy(others.rng.choice(others.items, negatives, replace=False) + 1)
    scores = (state @ model.items(drawn).T).masked_fill(drawn == target[:, None], -torch.inf)
    own = (state * model.items(target)).sum(-1, keepdim=True)
    return cross_entropy(torch.cat([own, scores], 1), torch.zeros(len(target), dtype=torch.long))


def train(
    histories: Sequence[np.ndarray],
    items: int,
    judge: Callable[[SASRec], float],
    *,
    seconds: float,
    length: int = 50,
    dropout: float = 0.5,
    negatives: int = 1,
    users: int = 128,
    dim: int = 50,
    heads: int = 1,
    seed: int = 0,
    keep: Path | None = None,
    patience: int = 5,
    every: int = 5,
    tell: Callable[[str], None] = print,
) -> SASRec:
    """Train until `judge` has not risen `patience` times, or time is up; the best state is returned. Tells which it was.

    Of more `users` a batch than the authors' 128, the learning rate grows by the square root, as Adam's steps want it.
    Killed and called again with the same file to `keep` its state in, it goes on.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = SASRec(items, length, dim, heads=heads, dropout=dropout)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3 * (users / 128) ** 0.5, betas=(0.9, 0.98), fused=True)
    long = [n for n, h in enumerate(histories) if len(h) >= 2]
    best, kept, waited, epoch, spent = -1.0, None, 0, 0, 0.0
    if keep is not None and keep.exists():
        state = torch.load(keep, weights_only=False)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        best, kept, waited, epoch, spent = state["rest"]
        rng = np.random.default_rng([seed, epoch])
    others = Others(histories, items, rng)
    begun = time.monotonic() - spent
    while waited < patience and time.monotonic() - begun < seconds:
        model.train()
        for batch in np.array_split(rng.permutation(long), max(1, len(long) // users)):
            loss = loss_of(model, batch, [histories[n][-length - 1 :] for n in batch], others, negatives)
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
    tell(f"SASRec, {negatives} negatives: {epoch} epochs, {time.monotonic() - begun:.0f} s, {why}, dev nDCG@10 {best:.4f}")
    if kept is not None:
        model.load_state_dict(kept)
    return model
