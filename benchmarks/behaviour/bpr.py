"""Pairs of users and items go in, a matrix factorisation comes out (Rendle et al. 2009, BPR-MF): dot products, an item's bias, Adam."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import logsigmoid


class BPR(nn.Module):
    def __init__(self, users: int, items: int, dim: int = 64):
        super().__init__()
        self.users, self.items, self.bias = nn.Embedding(users, dim), nn.Embedding(items, dim), nn.Embedding(items, 1)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=0.1)
        nn.init.zeros_(self.bias.weight)

    @torch.no_grad()
    def scores(self, users: np.ndarray) -> np.ndarray:
        return (self.users.weight[torch.from_numpy(users)] @ self.items.weight.T + self.bias.weight.T).numpy()


def train(
    user: np.ndarray,
    item: np.ndarray,
    users: int,
    items: int,
    judge: Callable[[BPR], float],
    *,
    seconds: float,
    decay: float = 1e-3,
    seed: int = 0,
    tell: Callable[[str], None] = print,
) -> BPR:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = BPR(users, items)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    best, kept, waited, epoch, begun = -1.0, None, 0, 0, time.monotonic()
    while waited < 5 and time.monotonic() - begun < seconds:
        for batch in np.array_split(rng.permutation(len(user)), max(1, len(user) // 4096)):
            u, i = (torch.from_numpy(x[batch].astype(np.int64)) for x in (user, item))
            j = torch.from_numpy(rng.integers(0, items, len(batch)))
            p, a, b, bias = model.users(u), model.items(i), model.items(j), model.bias(i) - model.bias(j)
            loss = -logsigmoid((p * (a - b)).sum(1) + bias[:, 0]).mean() + decay * (p**2 + a**2 + b**2).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        epoch += 1
        if epoch % 5 == 0:
            figure = judge(model)
            waited = 0 if figure > best else waited + 1
            if figure > best:
                best, kept = figure, {k: v.clone() for k, v in model.state_dict().items()}
    tell(f"BPR-MF: {epoch} epochs, dev nDCG@10 {best:.4f}")
    if kept is not None:
        model.load_state_dict(kept)
    return model
