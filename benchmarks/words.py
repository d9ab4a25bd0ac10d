"""Korean words: morphemes against whitespace and letter pairs, the dense model, and both together, in one run.

    python benchmarks/words.py --data ../shared/data [--questions 1000]
    python benchmarks/words.py --tasks pairs [--before REVISION]

KorQuAD: questions, the paragraph that answers each among all paragraphs. KLUE-STS: a sentence, those that mean the same (label 1) among
all sentences. ParaKQC: one wording of a question, its nine paraphrases among all wordings. The fusion and its one share for all
three were chosen on one half of the queries (of KorQuAD by article, so that no paragraph is on both sides) and on other data
(docs/search.md); everything printed is of the other half, with 95 % bootstrap intervals over queries.
"whitespace" and "pairs" are BM25 (k1 1.2, b 0.75) over words as they stand between spaces, and over pairs of letters;
"morphemes" is what `words=1` does, "meaning" is `words=0`.

pairs: short texts and queries of our own (benchmarks/words/*.tsv) that must have a term in common, that must not, and codes, where
the right text must also come before one that differs by a sign. The even rows of each kind were worked with, the odd ones are reported.
`--before` adds the analysis of a former revision of this repository (one whose hannun/index/lexical.py is one file).
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hannun
from hannun import collection, metrics
from hannun.embeddings import Embeddings, concatenate
from hannun.index import lexical
from hannun.item import Content, Item

K1, B, DEPTH = 1.2, 0.75, 10
SHARE, SHARES = 0.3, (0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Task:
    """Queries, documents, the documents that answer each query (the query itself is not among its documents), and which half it is of."""

    name: str
    queries: list[str]
    documents: list[str]
    relevant: list[set[int]]
    itself: list[int]
    tune: list[bool]


class Remembered:
    """The encoder, which encodes no query twice: the same queries are asked with many shares."""

    def __init__(self, encoder: Any) -> None:
        self._encoder, self._known = encoder, dict[str, Embeddings]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        texts = [c.text if isinstance(c, Item) else c for c in contents]
        if not all(isinstance(t, str) for t in texts):
            made: Embeddings = self._encoder.encode_query(contents)
            return made
        for t in texts:
            if t not in self._known:
                self._known[str(t)] = self._encoder.encode_query([t])
        return concatenate([self._known[str(t)] for t in texts], self._encoder.dims[0])


class Plain:
    """BM25 over tokens, every document scored."""

    def __init__(self, documents: Sequence[str], tokens: Callable[[str], list[str]]) -> None:
        self.tokens = tokens
        self.bags = [Counter(tokens(d)) for d in documents]
        self.length = np.array([sum(b.values()) for b in self.bags])
        self.postings: dict[str, list[tuple[int, int]]] = {}
        for n, bag in enumerate(self.bags):
            for t, f in bag.items():
                self.postings.setdefault(t, []).append((n, f))

    def search(self, query: str) -> list[int]:
        scores = np.zeros(len(self.bags))
        for t in set(self.tokens(query)):
            found = self.postings.get(t, [])
            idf = math.log(1 + (len(self.bags) - len(found) + 0.5) / (len(found) + 0.5))
            for n, f in found:
                scores[n] += idf * f * (K1 + 1) / (f + K1 * (1 - B + B * self.length[n] / self.length.mean()))
        order = np.argsort(-scores, kind="stable")[: DEPTH + 1]
        return [int(n) for n in order if scores[n] > 0]


def words(text: str) -> list[str]:
    """As they stand between spaces, without signs."""
    return re.findall(r"[^\W_]+", text.lower())


def pairs(text: str) -> list[str]:
    """Pairs of letters of each word; a word of one letter as it is."""
    return [g for w in words(text) for g in ([w] if len(w) == 1 else [w[i : i + 2] for i in range(len(w) - 1)])]


def korquad(data: Path, limit: int) -> Task:
    """The first `limit` questions, drawn evenly over the articles."""
    documents: dict[str, int] = {}
    asked: list[tuple[str, int, int]] = []
    for article, entry in enumerate(json.loads((data / "texts/korquad_v1_dev.json").read_text("utf-8"))["data"]):
        for part in entry["paragraphs"]:
            at = documents.setdefault(part["context"], len(documents))
            asked += [(q["question"], at, article) for q in part["qas"]]
    chosen = asked[:: max(1, len(asked) // limit)][:limit]
    return Task(
        "KorQuAD paragraphs",
        [q for q, _, _ in chosen],
        list(documents),
        [{at} for _, at, _ in chosen],
        [-1] * len(chosen),
        [a % 2 == 0 for _, _, a in chosen],
    )


def sts(data: Path) -> Task:
    """Sentences of KLUE-STS; those of a pair with the binary label 1 answer each other."""
    rows = [json.loads(line) for line in (data / "texts/klue_sts_dev.jsonl").read_text("utf-8").splitlines()]
    documents = list(dict.fromkeys(s for r in rows for s in (r["sentence1"], r["sentence2"])))
    at = {s: n for n, s in enumerate(documents)}
    same = [r for r in rows if r["labels"]["binary-label"] == 1 and r["sentence1"] != r["sentence2"]]
    return Task(
        "KLUE-STS sentences",
        [r["sentence1"] for r in same],
        documents,
        [{at[r["sentence2"]]} for r in same],
        [at[r["sentence1"]] for r in same],
        [n % 2 == 0 for n in range(len(same))],
    )


def parakqc(data: Path, limit: int) -> Task:
    """The first wording of `limit` intents; the other nine are the answers, among the wordings of all intents."""
    with (data / "texts/parakqc.tsv").open(encoding="utf-8") as f:
        sentences = [row[-1] for row in csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE)]
    starts = list(range(0, len(sentences) - 9, 10))
    step = max(1, len(starts) // limit)
    chosen = starts[::step][:limit]
    kept = [s for start in chosen for s in sentences[start : start + 10]]
    return Task(
        "ParaKQC questions",
        [kept[n] for n in range(0, len(kept), 10)],
        kept,
        [set(range(n + 1, n + 10)) for n in range(0, len(kept), 10)],
        list(range(0, len(kept), 10)),
        [n % 2 == 0 for n in range(len(kept) // 10)],
    )


def figures(task: Task, found: Sequence[Sequence[int]]) -> dict[str, Any]:
    """nDCG@10 and reciprocal rank (of the first 10) of each query of the half that is reported."""
    ranked = [[d for d in f if d != self][:DEPTH] for f, self in zip(found, task.itself, strict=True)]
    ideal = [min(len(r), DEPTH) for r in task.relevant]
    gain = 1 / np.log2(np.arange(2, DEPTH + 2))
    ndcg = [sum(gain[k] for k, d in enumerate(f) if d in r) / gain[:n].sum() for f, r, n in zip(ranked, task.relevant, ideal, strict=True)]
    first = [next((1 / (k + 1) for k, d in enumerate(f) if d in r), 0.0) for f, r in zip(ranked, task.relevant, strict=True)]
    return {"nDCG@10": np.array(ndcg), "MRR@10": np.array(first)}


def half(task: Task, values: Any, tune: bool) -> Any:
    """The values of one half of the queries."""
    return values[np.array(task.tune) == tune]


def measured(task: Task, encoder: Remembered, place: Path) -> Iterator[tuple[str, list[list[int]], float]]:
    """(name, what was found, milliseconds a query) of each way to search."""
    for name, tokens in (("whitespace", words), ("pairs", pairs)):
        plain = Plain(task.documents, tokens)
        begun = time.perf_counter()
        found = [plain.search(q) for q in task.queries]
        yield name, found, 1000 * (time.perf_counter() - begun) / len(found)
    begun = time.perf_counter()
    with collection.open(place, encoder) as held:
        held.add({"id": str(n), "text": d} for n, d in enumerate(task.documents))
        print(f"  {len(task.documents)} documents added in {time.perf_counter() - begun:.0f} s", flush=True)

        # A query that is a document too is not among its documents: the measure of both rankings is their best.
        others = [None if n < 0 else f"not id in ('{n}')" for n in task.itself]

        def run(share: float, fusion: Any = "scores") -> tuple[list[list[int]], float]:
            begun = time.perf_counter()
            found = [
                [int(h.id) for h in held.search(plain_text(q), words=share, fusion=fusion, where=where, limit=DEPTH)]
                for q, where in zip(task.queries, others, strict=True)
            ]
            return found, 1000 * (time.perf_counter() - begun) / len(found)

        yield "morphemes (words=1)", *run(1.0)
        run(0.0)  # the queries are encoded here, so that times below are of searching alone
        yield "meaning (words=0)", *run(0.0)
        for share in SHARES:
            yield f"hybrid {share}", *run(share)
        yield "ranks 0.5", *run(0.5, "ranks")


def plain_text(query: str) -> str:
    """A query whose dashes are its own."""
    return re.sub(r"(^|(?<=\s))(?=[-−–])", r"\\", query)


Ways = dict[str, tuple[Callable[[str], Sequence[str]], Callable[[str], Sequence[str]]]]


def former(revision: str, place: Path) -> Any:
    """The word analysis of a former revision, as a module."""
    file = place / "former_lexical.py"
    root = Path(__file__).parents[1]
    file.write_bytes(
        subprocess.run(["git", "show", f"{revision}:src/hannun/index/lexical.py"], cwd=root, check=True, capture_output=True).stdout
    )
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def analyses(before: str, place: Path) -> Ways:
    """By name: the terms of a text, and of a query."""
    ways: Ways = {"blanks": (words, words), "letter pairs": (pairs, pairs)}
    for name, module in ((f"Hannun at {before}", former(before, place) if before else None), ("Hannun", lexical)):
        if module is not None:
            ways[name] = (lambda t, m=module: m.document(t).words, lambda t, m=module: m.query(t).words)
    return ways


def right(row: Sequence[str], must: str, terms: Callable[[str], Sequence[str]], asked: Callable[[str], Sequence[str]]) -> bool:
    """Whether an analysis does what a row asks for."""
    _, text, query, *other = row
    kept, wanted = set(terms(text)), set(asked(query))
    if must == "first":
        return len(kept & wanted) > len(set(terms(other[0])) & wanted)
    return bool(kept & wanted) == (must == "meet")


def print_pairs(before: str) -> None:
    """The share of rows that each analysis gets right, by kind; the half that was worked with in brackets."""
    with tempfile.TemporaryDirectory() as place:
        ways = analyses(before, Path(place))
        for name in ("meet", "apart", "codes"):
            lines = (Path(__file__).parent / "words" / f"{name}.tsv").read_text("utf-8").split("\n")[1:]
            rows = [line.split("\t") for line in lines if line]
            kinds = list(dict.fromkeys(r[0] for r in rows))
            print(f"\n{name}: {len(rows)} rows; of the reported half (of the other)")
            print(f"  {'':16}" + "".join(f"{w:>24}" for w in ways))
            for kind in [*kinds, "all"]:
                cells = []
                for terms, asked in ways.values():
                    halves: tuple[list[bool], list[bool]] = ([], [])
                    for k in kinds if kind == "all" else [kind]:
                        must = {"meets": "meet", "first": "first"}.get(k, name)
                        for n, row in enumerate(r for r in rows if r[0] == k):
                            halves[n % 2].append(right(row, must, terms, asked))
                    cells.append(f"{np.mean(halves[1]):.3f} ({np.mean(halves[0]):.3f})")
                    wrong = [
                        r[1:] for n, r in enumerate(r for r in rows if r[0] == kind) if n % 2 == 0 and not right(r, must, terms, asked)
                    ]
                print(f"  {kind:16}" + "".join(f"{c:>24}" for c in cells))
                for row in wrong if kind != "all" else []:  # of Hannun, and of the half that was worked with
                    print(f"    not yet: {' | '.join(row)}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--questions", type=int, default=1000, help="of KorQuAD's 5,774, and as many intents of ParaKQC as half of it")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--tasks", default="pairs,sts,parakqc,korquad")
    parser.add_argument("--before", default="", help="a revision whose analysis is compared on the pairs")
    a = parser.parse_args()
    chosen = a.tasks.split(",")
    if "pairs" in chosen:
        print_pairs(a.before)
        chosen.remove("pairs")
    if not chosen:
        return
    encoder = Remembered(hannun.load(a.model))
    makers = {
        "sts": lambda: sts(a.data),
        "parakqc": lambda: parakqc(a.data, a.questions // 2),
        "korquad": lambda: korquad(a.data, a.questions),
    }
    tasks = [makers[t]() for t in chosen]
    for task in tasks:
        report = int(sum(not t for t in task.tune))
        print(f"\n{task.name}: {len(task.documents)} documents, {report} queries", flush=True)
        outcomes: dict[str, dict[str, Any]] = {}
        spent: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as place:
            for name, found, ms in measured(task, encoder, Path(place) / "c.hannun"):
                outcomes[name], spent[name] = figures(task, found), ms
        ways = ("whitespace", "pairs", "morphemes (words=1)", "meaning (words=0)")
        for name in (*ways, *(f"hybrid {s}" for s in SHARES), "ranks 0.5"):
            row = f"  {name:22}"
            for figure, values in outcomes[name].items():
                reported = half(task, values, False)
                low, high = metrics.bootstrap(reported)
                row += f"  {figure} {reported.mean():.3f} [{low:.3f}, {high:.3f}]"
            other = half(task, outcomes[name]["nDCG@10"], True).mean()
            print(f"{row}  {spent[name]:6.1f} ms a query; nDCG@10 of the half to choose by {other:.3f}")
        for peer in ways:
            gained = half(task, outcomes[f"hybrid {SHARE}"]["nDCG@10"] - outcomes[peer]["nDCG@10"], False)
            low, high = metrics.bootstrap(gained)
            print(f"  hybrid {SHARE} − {peer}: {gained.mean():+.3f} [{low:+.3f}, {high:+.3f}] (paired, 95 %)")


if __name__ == "__main__":
    main()
