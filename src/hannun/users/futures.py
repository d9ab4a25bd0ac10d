"""Batches of windows and the losses' settings go in; the step of a training that predicts the future of each user comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from hannun.models.sequence.network import UserNetwork
from hannun.objectives.infonce import infonce
from hannun.objectives.matryoshka import matryoshka
from hannun.users.batches import WindowBatch, WindowBatches


@dataclass(frozen=True)
class FutureLoss:
    """What the losses are.

    `negatives` items are drawn from the whole catalogue beside those of the batch; as many as the catalogue has make the softmax whole,
    over every item once. `masked` weighs the loss of finding events that are hidden (a share `hidden` of them; after Sun et al. 2019,
    BERT4Rec, but from what came before alone). `dropped` is how often an item's id is passed over where it has content, so that items
    and words that nobody has seen yet have a place in the space.
    """

    negatives: int = 1_000
    masked: float = 0.0
    hidden: float = 0.15
    dropped: float = 0.3


class FutureStep(Protocol):
    """A step of `hannun.train.loop`."""

    def __call__(self, module: Any, number: int, /) -> Mapping[str, Tensor]:
        """Named losses."""
        ...


def futures(batches: WindowBatches, settings: FutureLoss) -> FutureStep:
    """(network, number) → {"future": …, "masked": …}: InfoNCE from each event to one of those that follow it, log-Q corrected."""
    popular = torch.from_numpy(batches.popular).double()
    share = (popular / popular[1:].sum()).float()

    def step(network: UserNetwork, number: int, /) -> dict[str, Tensor]:
        batch = batches.next()
        rng = torch.Generator().manual_seed(batches.sampling.seed * 1_000_003 + batches.number)
        table = network.tower(torch.arange(len(popular)), _kept(len(popular), settings, network, rng))
        losses = {"future": future(network, _states(network, table, batch), batch, table, settings, share, rng)}
        if settings.masked:
            losses["masked"] = settings.masked * _hidden(network, table, batch, settings, share, rng)
        return losses

    return step


def future(
    network: UserNetwork, states: Tensor, batch: WindowBatch, table: Tensor, settings: FutureLoss, share: Tensor, rng: torch.Generator
) -> Tensor:
    """The loss of predicting `batch.target` from the states of `batch.asked`. `share` [items + 1] is each item's of all events."""
    items = len(table) - 1
    queries, scale = states[batch.asked], network.scale
    if settings.negatives >= items:

        def whole(q: Tensor, keys: Tensor) -> Tensor:
            return cross_entropy(scale * q @ keys.T, batch.target - 1)

        return matryoshka(whole, queries, table[1:], network.dims)
    drawn = torch.randint(1, items + 1, (settings.negatives,), generator=rng)
    known = torch.cat([batch.target, drawn])
    expected = len(batch.target) * share[known] + settings.negatives / items  # how often each key is expected among the keys
    labels = (batch.target[:, None], known[:, None])

    def sampled(q: Tensor, keys: Tensor) -> Tensor:
        return infonce(q, keys, scale, labels=labels, log_q=expected.log(), symmetric=False)

    return matryoshka(sampled, queries, table[known], network.dims)


def _states(network: UserNetwork, table: Tensor, batch: WindowBatch) -> Tensor:
    """The states after all tokens of a batch [b · t, d]."""
    sums = network.sums(table, batch.events, batch.owner, batch.tokens.sizes.numel())
    return network(sums.view(*batch.tokens.sizes.shape, -1), batch.tokens).flatten(0, 1)


def _hidden(network: UserNetwork, table: Tensor, batch: WindowBatch, settings: FutureLoss, share: Tensor, rng: torch.Generator) -> Tensor:
    """The loss of finding hidden items of events that stand alone, from the events before and from what else the event tells."""
    alone = batch.tokens.sizes.flatten()[batch.owner] == 1
    hide = alone & (batch.events.item > 0) & (torch.rand(len(alone), generator=rng) < settings.hidden)
    if not hide.any():
        return table.sum() * 0
    covered = torch.cat([table, network.masked[None]])
    rows = replace(batch.events, item=torch.where(hide, len(table), batch.events.item))
    states = _states(network, covered, replace(batch, events=rows))
    asked = replace(batch, asked=batch.owner[hide], target=batch.events.item[hide])
    return future(network, states, asked, table, settings, share, rng)


def _kept(count: int, settings: FutureLoss, network: UserNetwork, rng: torch.Generator) -> Tensor | None:
    if network.project is None or not settings.dropped:
        return None
    return torch.rand(count, generator=rng) >= settings.dropped
