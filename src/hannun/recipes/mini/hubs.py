"""Sentences of training and pictures' vectors go in; a picture network that knows its hubs comes out: those near every sentence move away.

Some pictures are near whatever is asked (Radovanović et al. 2010). How near, h(v) = T·ln Σ w·exp(cos(b, v)/T) over sentences b tells, and
taking a share of it from every cosine ranks better (as inverted softmax does: Smith et al. 2017). mini's text vectors have a direction in
common, in which all of them are about as long: a picture's vector that is moved along it is nearer to, or farther from, all texts alike.
So the share is taken from the vector itself, once, when a picture is encoded: searches cost what they did, in every engine.

The direction lies in the last values of a vector, behind the longest of the shorter dims: there texts have what they share, and
shorter vectors, which have no such hubs, stay as they are to the bit.

`hannun.recipes.mini.refine` does this to weights that are trained already.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper

from hannun.datasets import pictures, sentences
from hannun.embeddings import Floats, unit
from hannun.mini.graph import Graph
from hannun.mini.model import DIMS
from hannun.mini.text import WIDTH
from hannun.recipes.mini.measure import Encode

PLAIN = "plain"  # the output that has the vectors as they were
SHARE, SHARPNESS = 0.7, 0.03  # of h, and T
FROM = DIMS[1]  # where the direction begins
RIDGE = 0.003
ASKED = ("flickr8k", "fashion")  # whose Korean sentences tell what is a hub: captions and products count alike (docs/log.md)
SAID, MEANS = 4000, 1000  # sentences of each, and how many means stand for them


@dataclass(frozen=True, eq=False)
class Hubs:
    """What tells a hub, and where it moves.

    `bank` [k, 384] are means of sentences' vectors, `shares` [k] how much each counts, in all 1; `direction` [384] has a product of about 1
    with every text; `usual` is the mean of h, so that pictures stay on average where they are.
    """

    bank: Floats
    shares: Floats
    direction: Floats
    usual: float = 0.0

    def nearness(self, vectors: Floats) -> Floats:
        """h of unit vectors [n, 384], float32 [n]."""
        logits = vectors @ self.bank.T / SHARPNESS + np.log(self.shares)
        most = logits.max(axis=1, keepdims=True)
        return np.asarray(SHARPNESS * (most[:, 0] + np.log(np.exp(logits - most).sum(axis=1))), np.float32)

    def moved(self, vectors: Floats) -> Floats:
        """The unit vectors [n, 384] that pictures have instead of these."""
        return unit(vectors - SHARE * (self.nearness(vectors) - self.usual)[:, None] * self.direction)


def found(said: Sequence[Floats], every: Floats, seen: Floats, seed: int = 0) -> Hubs:
    """The hubs by sentences.

    Args:
        said: unit vectors [n, 384] of sentences as queries, one array for each kind of them; kinds count alike.
        every: those of texts of all kinds and both languages: the direction is what they share.
        seen: those of pictures, over which h is 0 on average.
    """
    means = [_means(s, min(MEANS, len(s)), seed) for s in said]
    bank = np.concatenate([m for m, _ in means]).astype(np.float16).astype(np.float32)  # as it is stored
    shares = np.concatenate([n / n.sum() / len(means) for _, n in means]).astype(np.float32)
    last = every[:, FROM:].astype(np.float64)
    own = np.linalg.solve(last.T @ last / len(last) + RIDGE * np.eye(last.shape[1]), last.mean(axis=0))
    direction = np.zeros(every.shape[1], np.float32)
    direction[FROM:] = own / (last @ own).mean()
    raw = Hubs(bank, shares, direction)
    return Hubs(bank, shares, direction, float(raw.nearness(seen).mean()))


def _means(rows: Floats, count: int, seed: int, rounds: int = 12) -> tuple[Floats, npt.NDArray[np.int64]]:
    """`count` means of unit rows (spherical k-means, Dhillon & Modha 2001), not brought to length 1, and how many rows each stands for."""
    middle = rows[np.random.default_rng(seed).choice(len(rows), count, replace=False)]
    for turn in range(rounds + 1):
        nearest = (rows @ middle.T).argmax(axis=1)
        number = np.bincount(nearest, minlength=count)
        total = np.zeros_like(middle)
        np.add.at(total, nearest, rows)
        if turn < rounds:
            middle = np.where(number[:, None] > 0, unit(total), middle)
    there = number > 0
    return (total[there] / number[there, None]).astype(np.float32), number[there]


def built_in(model: Any, hubs: Hubs | None) -> Any:
    """An image.onnx's `onnx.ModelProto` whose `dense` has moved (or not, without hubs); what that was before is the output PLAIN."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [PLAIN if n == "dense" else n for n in names]
    g = Graph()
    if hubs is None:
        g.node("Identity", [PLAIN], "dense")
    else:
        _move(g, hubs)
    for node in g.nodes:
        node.name = f"hubs.{node.name.removeprefix('hubs.')}"  # no name that a head has, which may go into the graph after these
    model.graph.node.extend(g.nodes)
    model.graph.initializer.extend(g.constants)
    model.graph.output.append(helper.make_tensor_value_info(PLAIN, TensorProto.FLOAT, ["n", WIDTH]))
    checker.check_model(model)
    return model


def _move(g: Graph, hubs: Hubs) -> None:
    """Nodes from PLAIN to `dense`."""

    def number(name: str, value: float) -> str:
        return g.constant(np.array(value, np.float32), f"hubs.{name}")

    half = g.constant((hubs.bank.T / SHARPNESS).astype(np.float16), "hubs.bank.half")  # 1/T is within half a digit of what it can hold
    bank = g.node("Cast", [half], "hubs.bank", to=TensorProto.FLOAT)[0]
    logits = g.node("MatMul", [PLAIN, bank], "hubs.near")[0]
    weighed = g.node("Add", [logits, g.constant(np.log(hubs.shares), "hubs.shares")], "hubs.weighed")[0]
    told = g.node("ReduceLogSumExp", [weighed], "hubs.told", axes=[1], keepdims=1)[0]
    over = g.node("Sub", [told, number("usual", hubs.usual / SHARPNESS)], "hubs.over")[0]
    away = g.node("Mul", [over, g.constant(SHARE * SHARPNESS * hubs.direction[None], "hubs.direction")], "hubs.away")[0]
    summed = g.node("Sub", [PLAIN, away], "hubs.summed")[0]
    length = g.node("ReduceL2", [summed], "hubs.length", axes=[1], keepdims=1)[0]
    g.node("Div", [summed, length], "dense")


def asked(described: Iterable[sentences.Described], seed: int = 0) -> dict[str, list[str]]:
    """Of each source of ASKED, as far as it is there, Korean sentences: two of a picture at most, SAID in all."""
    rng = random.Random(seed)
    told: dict[str, dict[str, None]] = {}
    for d in described:
        korean = [s.text for s in d.sentences if s.korean]
        if d.source in ASKED and korean:
            told.setdefault(d.source, {}).update(dict.fromkeys(rng.sample(korean, min(2, len(korean)))))
    return {source: rng.sample(sorted(texts), min(SAID, len(texts))) for source, texts in sorted(told.items())}


def shared(described: Iterable[sentences.Described], names: Iterable[tuple[str, str]], seed: int = 0) -> list[str]:
    """Texts of all kinds and both languages: a sentence of each language of every picture, SAID in all, and the names of the classes."""
    rng = random.Random(seed)
    texts: dict[str, None] = {}
    for d in described:
        for korean in (True, False):
            if own := [s.text for s in d.sentences if s.korean is korean]:
                texts[rng.choice(own)] = None
    return [*rng.sample(sorted(texts), min(SAID, len(texts))), *(n.split(",")[0].strip() for both in names for n in both)]


def calibration(
    every: Sequence[pictures.Picture],
    described: Mapping[str, sentences.Described],
    pairs: Sequence[tuple[str, str]],
    query: Encode,
    look: Callable[[Sequence[str]], Floats],
) -> dict[str, Any]:
    """The background of the cosines and the agreement of text and picture, over training splits (see `hannun.encoder.Calibration`).

    Args:
        every: the pictures of the recipe.
        described: their sentences by key.
        pairs: Korean and English of the same meaning.
        query: gives vectors of texts.
        look: gives vectors of pictures by key.
    """
    photos = calibrating(every)
    words = [next((s.text for s in described[p.key].sentences if s.korean), described[p.key].sentences[0].text) for p in photos]
    pairs = pairs[:: max(1, len(pairs) // 1000)]
    seen, said = look([p.key for p in photos]), query(words)
    texts = np.concatenate([query([k for k, _ in pairs]), query([e for _, e in pairs[::-1]]), said])
    asking, stored = texts[0::3], texts[1::3]
    background = {
        "text": {"text": spread(asking, stored), "image": spread(asking, seen)},
        "image": {"text": spread(seen, stored), "image": spread(seen[0::2], seen[1::2])},
    }
    return {"background": background, "agreement": round(float((seen * said).sum(1).mean()), 5)}


def calibrating(every: Sequence[pictures.Picture]) -> list[pictures.Picture]:
    """The pictures that `calibration` looks at: photos and products of training, drawings where there are none."""
    photos = [p for p in every if p.split == "train" and p.source in ("flickr8k", "fashion")][::7][:2000]
    return photos or [p for p in every if p.split == "train"][::7][:2000]


def spread(left: Floats, right: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the cosines of unrelated rows; row i of both may be related and is left out."""
    scores = (left @ right.T)[~np.eye(len(left), len(right), dtype=bool)]
    return round(float(scores.mean()), 5), round(float(scores.std()), 5)


def without(model: Any) -> Any:
    """The model as it was before `built_in`, whatever it has now."""
    graph = model.graph
    if not any(o.name == PLAIN for o in graph.output):
        return model
    for kept in (graph.node, graph.initializer):
        own = [x for x in kept if not x.name.startswith("hubs.")]
        del kept[:]
        kept.extend(own)
    outputs = [o for o in graph.output if o.name != PLAIN]
    del graph.output[:]
    graph.output.extend(outputs)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["dense" if n == PLAIN else n for n in names]
    return model
