"""A mixture of pairs and the losses' settings go in; the step of a contrastive training comes out, for any model that collates and embeds.

One step: the queries, their positives and their hard negatives are embedded under one gradient cache, gathered from all
processes, and every loss looks at the whole batch: InfoNCE on dense vectors, InfoNCE on token vectors, the agreement of the two
(jina-embeddings-v4), both nested (Matryoshka), and CoSENT where pairs carry scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from hannun.errors import InputError
from hannun.item import Image, Item, Pair
from hannun.models.features import Vectors
from hannun.objectives.agreement import agreement
from hannun.objectives.infonce import bounded, infonce
from hannun.objectives.late_interaction import late_interaction, maxsim
from hannun.objectives.matryoshka import matryoshka
from hannun.objectives.ranking import cosent
from hannun.objectives.tiles import TILE, cosines
from hannun.processes import world
from hannun.recipe import Recipe
from hannun.train.ahead import Ahead
from hannun.train.batches import Batch, Mixture
from hannun.train.distributed import gathered, gathered_vectors
from hannun.train.gradcache import cached, joined
from hannun.train.loop import Step
from hannun.train.pairs import label


@dataclass(frozen=True)
class Contrast:
    """What the losses are.

    `chunk` rows go through the network at once (0: all). The temperature is learned where the model has a `log_scale`, and
    otherwise `temperature`. `dims` and `token_dims` are nested dimensions (empty: the full one alone). `late` and `agreement`
    weigh the losses on token vectors; `negatives` hard negatives of each pair are used, by its own query only where `own`.
    `margin` > 0 ignores keys that score above the positive + margin; `products` names the fact that two items of one product
    share; `also` names facts in which a query and a key that have the same value are no negatives of each other, where a query has
    many answers. `symmetric` contrasts keys with queries too. `cosent` weighs the loss over pairs that have a `score`, which then
    are not contrasted. `crops` parts of each positive's picture are contrasted with its query too (multi-crop, Caron et al. 2020), each of
    a share of the picture's area drawn from `crop_area`.
    """

    chunk: int = 0
    temperature: float = 0.05
    dims: tuple[int, ...] = ()
    token_dims: tuple[int, ...] = ()
    dense: float = 1.0
    late: float = 0.0
    late_temperature: float = 0.02
    agreement: float = 0.0
    agreement_temperature: float = 0.1
    negatives: int = 0
    own: bool = False
    margin: float = 0.0
    products: str = ""
    also: tuple[str, ...] = ()
    symmetric: bool = True
    cosent: float = 1.0
    crops: int = 0
    crop_area: tuple[float, float] = (0.05, 0.4)

    @staticmethod
    def of(recipe: Recipe) -> Contrast:
        """What a recipe says of it: its own fields, and the weights "late", "agreement" and "cosent"."""
        w = recipe.weights
        return Contrast(
            chunk=recipe.chunk,
            temperature=recipe.temperature,
            dims=recipe.dims,
            token_dims=recipe.token_dims,
            late=w.get("late", 0.0),
            late_temperature=recipe.late_temperature,
            agreement=w.get("agreement", 0.0),
            agreement_temperature=recipe.agreement_temperature,
            negatives=recipe.negatives,
            margin=recipe.margin,
            cosent=w.get("cosent", 1.0),
            crops=int(w.get("crops", 0)),
        )


Stream = Mixture | Ahead


def ahead(mixture: Mixture, model: Any, settings: Contrast, workers: int) -> Stream:
    """The mixture, its batches made ready by `workers` threads; itself where that is 0."""
    if not workers:
        return mixture

    def reads(batch: Batch) -> list[tuple[str, list[tuple[str, Item]]]]:
        graded = [p for p in batch.pairs if "score" in p.query.facts]
        others = [p for p in batch.pairs if "score" not in p.query.facts]
        hard = [(p.source, x) for p in others for x in p.negatives[: settings.negatives]]
        sides = [("query", [(p.source, p.query) for p in others]), ("document", [(p.source, p.positive) for p in others])]
        sides += [("document", hard), ("query", [(p.source, p.query) for p in graded]), ("query", [(p.source, p.positive) for p in graded])]
        return [(role, rows) for role, rows in sides if rows]

    return Ahead(mixture, model, reads, workers)


def contrastive(mixture: Stream, settings: Contrast) -> Step:
    """The step: takes the mixture's next batch, whatever its number. Hand the mixture to `train` as `batches` too."""

    def go(module: nn.Module, number: int) -> dict[str, Tensor]:
        return losses(module, mixture.next(), mixture, settings)

    return go


def losses(module: nn.Module, batch: Batch, mixture: Stream, settings: Contrast) -> dict[str, Tensor]:
    """The named losses of one batch. Pairs that carry a `score` are ordered by it (CoSENT), the others are contrasted."""
    graded = [p for p in batch.pairs if "score" in p.query.facts]
    others = [p for p in batch.pairs if "score" not in p.query.facts]
    out: dict[str, Tensor] = {}
    if others:
        out |= _contrasted(module, others, mixture, settings)
    if graded:
        out["cosent"] = settings.cosent * _ordered(module, graded, mixture, settings)
    return out


def _contrasted(module: nn.Module, pairs: Sequence[Pair], mixture: Stream, settings: Contrast) -> dict[str, Tensor]:
    model: Any = getattr(module, "module", module)
    queries = _embedded(module, [(p.source, p.query) for p in pairs], "query", mixture, settings)
    positives = _embedded(module, [(p.source, p.positive) for p in pairs], "document", mixture, settings)
    q, k = gathered_vectors(queries), gathered_vectors(positives)
    device = q.dense.device
    asked = gathered(asks(pairs, settings).to(device))
    known = gathered(answers([p.positive for p in pairs], [p.query for p in pairs], settings).to(device))
    owners: Tensor | None = None
    if settings.negatives:
        hard = _hard(module, pairs, mixture, settings, device)
        if hard is not None:
            k, known, owners = joined([k, hard[0]]), torch.cat([known, hard[1]]), hard[2] if settings.own else None
    learned = getattr(model, "log_scale", None)
    scale = torch.tensor(1 / settings.temperature, device=device) if learned is None else bounded(learned)
    margin, symmetric = settings.margin or None, settings.symmetric
    n, m = len(q.dense), len(k.dense)
    out: dict[str, Tensor] = {}
    if settings.dense:

        def dense(a: Tensor, b: Tensor) -> Tensor:
            return infonce(a, b, scale, labels=(asked, known), margin=margin, owners=owners, symmetric=symmetric)

        out["dense"] = settings.dense * matryoshka(dense, q.dense, k.dense, settings.dims or (q.dense.shape[-1],))
        for n in range(settings.crops):
            seen = gathered_vectors(
                _embedded(module, [(p.source, cropped(p.positive, settings)) for p in pairs], "document", mixture, settings)
            )
            same = (asked, gathered(answers([p.positive for p in pairs], [p.query for p in pairs], settings).to(device)))
            part = infonce(q.dense, seen.dense, scale, labels=same, margin=margin, symmetric=symmetric)
            out[f"crop_{n}"] = settings.dense * part / settings.crops
    if settings.late or settings.agreement:
        if q.tokens is None or q.mask is None or k.tokens is None or k.mask is None:
            raise InputError("a loss over token vectors is asked for, and the model gives none; give it a token head")
        real, held, narrow = q.mask, k.mask, 1 / settings.late_temperature

        def late(a: Tensor, b: Tensor) -> Tensor:
            return late_interaction(a, real, b, held, narrow, labels=(asked, known), margin=margin, owners=owners, symmetric=symmetric)

        if settings.late:
            out["late"] = settings.late * matryoshka(late, q.tokens, k.tokens, settings.token_dims or (q.tokens.shape[-1],))
        if settings.agreement:
            teacher, tile = maxsim(q.tokens, real, k.tokens, held), max(1, TILE // (m * q.tokens.shape[1] * k.tokens.shape[1]))
            apart = agreement(cosines(q.dense, k.dense), teacher, n, m, settings.agreement_temperature, tile=tile)
            out["agreement"] = settings.agreement * apart
    return out


def cropped(it: Item, settings: Contrast) -> Item:
    """The item with a random part of its first picture in its place, of 3:4 to 4:3; one without a picture as it is."""
    if not it.images:
        return it
    picture = it.images[0].load()
    low, high = settings.crop_area
    share, shape, across, down = torch.rand(4).tolist()
    area = (low + (high - low) * share) * picture.width * picture.height
    ratio = (3 / 4) ** (1 - 2 * shape)
    width, height = (
        max(4, min(most, round(side))) for most, side in ((picture.width, (area * ratio) ** 0.5), (picture.height, (area / ratio) ** 0.5))
    )
    left, top = round(across * (picture.width - width)), round(down * (picture.height - height))
    part = Image(picture.crop((left, top, left + width, top + height)))
    return replace(it, parts=tuple(part if p is it.images[0] else p for p in it.parts))


def _ordered(module: nn.Module, pairs: Sequence[Pair], mixture: Stream, settings: Contrast) -> Tensor:
    """CoSENT over pairs with scores, nested like the others; both sides are read as queries, since neither answers the other."""
    first = _embedded(module, [(p.source, p.query) for p in pairs], "query", mixture, settings)
    second = _embedded(module, [(p.source, p.positive) for p in pairs], "query", mixture, settings)
    a, b = gathered(first.dense), gathered(second.dense)
    gold = gathered(torch.tensor([float(p.query.facts["score"]) for p in pairs], device=a.device))
    return matryoshka(lambda x, y: cosent(x, y, gold), a, b, settings.dims or (a.shape[-1],))


def _hard(
    module: nn.Module, pairs: Sequence[Pair], mixture: Stream, settings: Contrast, device: torch.device
) -> tuple[Vectors, Tensor, Tensor] | None:
    """Hard negatives of all processes, their labels [h, c] and their queries' rows in the gathered batch; None where there are none."""
    found = [(n, x) for n, p in enumerate(pairs) for x in p.negatives[: settings.negatives]]
    counts = gathered(torch.tensor([len(pairs), len(found)], device=device)[None])
    if int(counts[:, 1].sum()) == 0:
        return None
    before = int(counts[: world()[0], 0].sum())
    lent = found or [(0, pairs[0].positive)]  # every process must take part in gathering: one without any lends a row, taken out below
    kept = gathered(torch.full((len(lent),), bool(found), device=device))
    vectors = gathered_vectors(_embedded(module, [(pairs[n].source, x) for n, x in lent], "document", mixture, settings))
    labels = gathered(answers([x for _, x in lent], None, settings).to(device))
    owners = gathered(torch.tensor([before + n for n, _ in lent], device=device))
    tokens, mask = (None if t is None else t[kept] for t in (vectors.tokens, vectors.mask))
    return Vectors(vectors.dense[kept], tokens, mask), labels[kept], owners[kept]


def _embedded(module: nn.Module, items: Sequence[tuple[str, Item]], role: str, mixture: Stream, settings: Contrast) -> Vectors:
    """(source, item) rows in order, run by run of one source, each with its source's prompt and task."""
    model: Any = getattr(module, "module", module)
    device = next(iter(module.parameters())).device
    pieces = []
    for source, run in groupby(items, key=lambda row: row[0]):
        features = mixture.collate(model, source, [x for _, x in run], role).to(device)
        pieces.append(cached(module, features, settings.chunk or len(features)))
    return joined(pieces)


#: The columns of labels: the key's content; the query that a key answers; the query's own content as a key; the product; `also`.
def asks(pairs: Sequence[Pair], settings: Contrast) -> Tensor:
    """Labels of queries [n, c]: a key whose label of any kind is the same is no negative of the query."""
    names = settings.also
    return _numbers(
        [
            (label(p.positive), q := label(p.query), q, _fact(p.positive, settings.products), *(_fact(p.query, f) for f in names))
            for p in pairs
        ]
    )


def answers(items: Sequence[Item], answering: Sequence[Item] | None, settings: Contrast) -> Tensor:
    """Labels of keys [m, c] beside those of `asks`; `answering` are the queries that they are keys of, None for hard negatives."""
    queries = ["" for _ in items] if answering is None else [label(q) for q in answering]
    names = (settings.products, *settings.also)
    return _numbers([(x := label(it), q, x, *(_fact(it, f) for f in names)) for it, q in zip(items, queries, strict=True)])


def _fact(it: Item, name: str) -> str:
    value = it.facts.get(name) if name else None
    return "" if value is None else str(value)


def _numbers(rows: Sequence[tuple[str, ...]]) -> Tensor:
    """Words as whole numbers below 2^56, an empty one as −1."""
    hashed = [[int.from_bytes(blake2b(x.encode(), digest_size=7).digest(), "big") if x else -1 for x in row] for row in rows]
    return torch.tensor(hashed, dtype=torch.int64)
