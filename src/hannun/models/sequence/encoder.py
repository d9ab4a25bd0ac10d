"""Events, texts and pictures go in; unit vectors of users, of items and of words come out, all in one space.

A user is what they did; an item is what it says and shows, and its id where the model knows it; words and pictures without a known id
are what their content says. So "what would this user like", "who is like this user" and "who likes 캠핑" are one search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import UNCALIBRATED, Calibration, Encoder
from hannun.errors import InputError
from hannun.events import Events
from hannun.facts import moment
from hannun.item import Content, Image, Item, Text, item, require_content
from hannun.models.sequence.history import History, grown, prices, vectors
from hannun.models.sequence.network import UserNetwork

KINDS = (Text.kind, Image.kind, Events.kind)
_SIDE = 224  # of a model that reads no content


@dataclass(frozen=True)
class ItemTable:
    """Vectors [n, d] of the items that the model knows (row 0: an unknown one) and of further ones, whose rows `further` has by text."""

    rows: Tensor
    further: dict[str, int]


@final
class UserEncoder:
    """An Encoder of users and items. `content` is the encoder that its items' content was read by; None where it has none."""

    def __init__(self, name: str, fingerprint: str, network: UserNetwork, content: Encoder | None) -> None:
        self.name = name
        self.fingerprint = fingerprint if content is None else f"{fingerprint}+{content.fingerprint}"
        self.dims, self.kinds = network.dims, KINDS
        self.side = _SIDE if content is None else content.side
        self.calibration: Calibration = UNCALIBRATED
        self.network, self.content = network.eval(), content
        self._rows = {name: n for n, name in enumerate(network.known.items, start=1)}
        self._named = {
            field: {name: n for n, name in enumerate(words, start=1)}
            for field, words in (("action", network.known.actions), ("surface", network.known.surfaces), ("region", network.known.regions))
        }
        with torch.no_grad():
            self._table = network.tower(torch.arange(len(network.known.items) + 1))

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """The same as `encode_document`: there is one space, and no prompt."""
        return self.encode_document(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Unit rows [n, dim]. An item's parts count alike by kind; its id counts where the model knows it."""
        if isinstance(contents, str | bytes):
            raise InputError(f"a single {type(contents).__name__} came, expected a list of contents; write [content]")
        items = [require_content(item(c, id=None if isinstance(c, Item) else "-"), KINDS).only(KINDS) for c in contents]
        out: Floats = np.zeros((len(items), self.dims[0]), np.float32)
        told = [(n, it.only((Text.kind, Image.kind))) for n, it in enumerate(items)]
        told = [(n, it) for n, it in told if it.parts]
        if told:
            out[[n for n, _ in told]] += unit(self._things([it for _, it in told]))
        did = [(n, p) for n, it in enumerate(items) for p in it.parts if isinstance(p, Events)]
        if did:
            for (n, _), vector in zip(did, self.users([p for _, p in did]), strict=True):
                out[n] += vector
        return Embeddings(unit(out))

    def users(self, histories: Sequence[Events]) -> Floats:
        """Unit vectors [n, dim] of what users did."""
        table = self._tabled([r for h in histories for r in h.records])
        read = [self._history(h, table) for h in histories]
        made: Floats = vectors(self.network, grown(self.network, table.rows, read))
        return made

    def _things(self, items: Sequence[Item]) -> Floats:
        """Vectors of items by content, and by id where it is known."""
        rows = torch.tensor([self._rows.get(it.id, 0) for it in items])
        with torch.no_grad():
            ids = self.network.ids(rows)
            if self.content is None:
                if not bool((rows > 0).all()):
                    strange = next(it for it, row in zip(items, rows, strict=True) if not row)
                    raise InputError(f"{self.name} was trained without content, and knows no item {strange.id!r}; train it with --items")
                return np.asarray(ids.numpy(), np.float32)
            said = torch.from_numpy(self.content.encode_document([Item("-", it.parts) for it in items]).dense)
            return np.asarray((self.network.told(said) + ids).numpy(), np.float32)

    def _tabled(self, records: Sequence[Any]) -> ItemTable:
        """The item table with rows for what events say of items that are not known."""
        texts = dict.fromkeys(t for r in records if r.get("item") not in self._rows and (t := r.get("text")))
        if not texts or self.content is None:
            return ItemTable(self._table, {})
        with torch.no_grad():
            made = self.network.told(torch.from_numpy(self.content.encode_document([{"text": t} for t in texts]).dense))
        return ItemTable(torch.cat([self._table, made]), {t: n for n, t in enumerate(texts, start=len(self._table))})

    def _history(self, events: Events, table: ItemTable) -> History:
        def numbers(field: str) -> Any:
            return np.array([self._named[field].get(str(r.get(field)), 0) for r in events.records], np.int64)

        item = [self._rows.get(str(r.get("item")), table.further.get(str(r.get("text")), 0)) for r in events.records]
        time = np.array([(moment(str(r["time"])) or 0) / 1e6 for r in events.records])
        cost = prices(np.array([_amount(r.get("price", r.get("value"))) for r in events.records], np.float64))
        return History(np.array(item, np.int64), numbers("action"), numbers("surface"), numbers("region"), cost, time)


def _amount(told: object) -> float:
    return float(told) if isinstance(told, int | float) else float("nan")
