"""Batches of windows and the losses' settings go in; the step of a training that predicts the future of each user comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from hannun.models.sequence.network import UserNetwork
from hannun.objectives.matryoshka import matryoshka
from hannun.objectives.sampled_softmax import sampled_softmax
from hannun.users.batches import WindowBatch, WindowBatches, WindowRows

_OTHER = 2**40  # what is added to a seed for numbers of another use


@dataclass(frozen=True)
class FutureLoss:
    """What the losses are.

    The softmax is over every item once where the catalogue has no more than `whole`, or `negatives`, of them. From a larger one `negatives`
    items are drawn, half of them from what the batch predicts and half from all. `masked` weighs the loss of finding events that are
    hidden (a share `hidden` of them; after Sun et al. 2019, BERT4Rec, but from what came before alone). `dropped` is how often an item's
    id is passed over where it has content, so that items and words that nobody has seen yet have a place in the space. `short` is the
    weight of each nested shorter length beside the full one's 1.
    """

    negatives: int = 1_000
    masked: float = 0.0
    hidden: float = 0.15
    dropped: float = 0.3
    whole: int = 0
    short: float = 1.0

    def shares(self, dims: Sequence[int]) -> list[float]:
        """The weight of each length in the loss, the full one first."""
        return [1.0] + [self.short] * (len(dims) - 1)


class FutureStep(Protocol):
    """A step of `hannun.train.loop`."""

    def __call__(self, module: Any, number: int, /) -> Mapping[str, Tensor]:
        """Named losses."""
        ...


#: Rows of this process → those of all processes, one under another.
Gather = Callable[[Tensor], Tensor]


def futures(batches: WindowBatches, settings: FutureLoss, gather: Gather = lambda rows: rows) -> FutureStep:
    """(network, number) → {"future": …, "masked": …}: cross-entropy from each event to one of those that follow it, log-Q corrected.

    Of several processes each reads its own windows, and every one computes the loss of all of them.
    """
    popular = torch.from_numpy(batches.popular).double()
    share = (popular / popular[1:].sum()).float()

    def step(network: UserNetwork, number: int, /) -> dict[str, Tensor]:
        batch = batches.next()
        rng = torch.Generator().manual_seed(batches.sampling.seed * 1_000_003 + batches.number)
        table = network.tower(torch.arange(len(popular)), _kept(len(popular), settings, network, rng))
        states = gather(torch.cat([_states(network, table, rows) for rows in batch.rows]))
        losses = {"future": future(network, states, gather(batch.target), table, settings, share, rng)}
        if settings.masked:
            losses["masked"] = settings.masked * _hidden(network, table, batch, settings, share, rng, gather)
        return losses

    return step


def future(
    network: UserNetwork, states: Tensor, target: Tensor, table: Tensor, settings: FutureLoss, share: Tensor, rng: torch.Generator
) -> Tensor:
    """The loss of predicting `target` [n] from `states` [n, d]. `share` [items + 1] is each item's of all events."""
    items, scale = len(table) - 1, network.scale
    if items <= max(settings.whole, settings.negatives):

        def whole(q: Tensor, keys: Tensor) -> Tensor:
            return cross_entropy(scale * q @ keys.T, target - 1)

        return matryoshka(whole, states, table[1:], network.dims, settings.shares(network.dims))
    common = settings.negatives // 2
    drawn = torch.cat([
        target[torch.randint(0, len(target), (common,), generator=rng)],
        torch.randint(1, items + 1, (settings.negatives - common,), generator=rng),
    ])  # fmt: skip
    expected = common * share[drawn] + (settings.negatives - common) / items
    same = target[:, None] == drawn[None, :]

    def sampled(q: Tensor, keys: Tensor) -> Tensor:
        return sampled_softmax(q, keys[: len(q)], keys[len(q) :], scale, expected=expected, same=same)

    return matryoshka(sampled, states, table[torch.cat([target, drawn])], network.dims, settings.shares(network.dims))


def _states(network: UserNetwork, table: Tensor, rows: WindowRows) -> Tensor:
    """The states after the tokens that are asked [n, d]."""
    sums = network.sums(table, rows.events, rows.owner, rows.tokens.sizes.numel())
    return network(sums.view(*rows.tokens.sizes.shape, -1), rows.tokens).flatten(0, 1)[rows.asked]


def _hidden(
    network: UserNetwork, table: Tensor, batch: WindowBatch, settings: FutureLoss, share: Tensor, rng: torch.Generator, gather: Gather
) -> Tensor:
    """The loss of finding hidden items of events that stand alone, from the events before and from what else the event tells."""
    negatives = torch.Generator().manual_seed(rng.initial_seed() + _OTHER)  # processes hide unlike many events, and draw the same items
    covered, states, target = torch.cat([table, network.masked[None]]), [], []
    for rows in batch.rows:
        alone = rows.tokens.sizes.flatten()[rows.owner] == 1
        hide = alone & (rows.events.item > 0) & (torch.rand(len(alone), generator=rng) < settings.hidden)
        events = replace(rows.events, item=torch.where(hide, len(table), rows.events.item))
        states.append(_states(network, covered, replace(rows, events=events, asked=rows.owner[hide])))
        target.append(rows.events.item[hide])
    wanted, found = gather(torch.cat(target)), gather(torch.cat(states))
    return future(network, found, wanted, table, settings, share, negatives) if len(wanted) else table.sum() * 0


def _kept(count: int, settings: FutureLoss, network: UserNetwork, rng: torch.Generator) -> Tensor | None:
    if network.project is None or not settings.dropped:
        return None
    return torch.rand(count, generator=rng) >= settings.dropped
