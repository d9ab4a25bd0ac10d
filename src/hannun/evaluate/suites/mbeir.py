"""A folder in M-BEIR's published form goes in; hit rates in local and global pools, task by task, come out.

M-BEIR (Wei et al. 2024, UniIR): `query/test/mbeir_NAME_taskN_test.jsonl` (qid, query_txt, query_img_path, query_modality, pos_cand_list),
`cand_pool/local/mbeir_NAME_taskN_cand_pool.jsonl` (did, txt, img_path, modality), `cand_pool/global/mbeir_union_test_cand_pool.jsonl`,
`qrels/test/mbeir_NAME_taskN_test_qrels.txt` and `instructions/query_instructions.tsv`. Its "recall" is a hit rate: 1 where any right
candidate is among the first k. Without the published files a small set in exactly this form is written from the drawn catalogue.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hannun import catalogue
from hannun.embeddings import Floats
from hannun.errors import InputError, MissingError
from hannun.evaluate.figure import Figure
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import drawn
from hannun.evaluate.suites.suite import Measured, Suite
from hannun.item import Content
from hannun.metrics import Ints

TASKS = (
    "text -> image",
    "text -> text",
    "text -> image,text",
    "image -> text",
    "image -> image",
    "image -> text,image",
    "image,text -> text",
    "image,text -> image",
    "image,text -> image,text",
)  # fmt: skip  (the place is the task's number; 5 is not used)
KS = (1, 5, 10)
_BLOCK = 4096  # candidates scored at once
_NAME = re.compile(r"mbeir_(.+)_task(\d+)_test\.jsonl")


@dataclass(frozen=True)
class MbeirQuery:
    """One query: its content, how it is made up ("text", "image", "image,text"), and the ids of the right candidates."""

    qid: str
    content: Content
    modality: str
    right: tuple[str, ...]


@dataclass(frozen=True)
class MbeirCandidate:
    """One candidate of a pool."""

    did: str
    content: Content
    modality: str


@dataclass(frozen=True)
class MbeirTask:
    """One data set under one task: its name in the files, the task's number, and where its files are."""

    name: str
    number: int
    queries: Path
    pool: Path
    qrels: Path


def tasks(folder: Path) -> list[MbeirTask]:
    """The tasks of the test split that have queries and a local pool. Raises MissingError where there are none."""
    found = []
    for path in sorted((folder / "query" / "test").glob("mbeir_*_task*_test.jsonl")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        stem = f"mbeir_{match[1]}_task{match[2]}"
        pool = folder / "cand_pool" / "local" / f"{stem}_cand_pool.jsonl"
        if not pool.is_file():
            raise MissingError(f"{pool}: the candidate pool of {path.name} is not there; fetch cand_pool/local of M-BEIR too")
        found.append(MbeirTask(match[1], int(match[2]), path, pool, folder / "qrels" / "test" / f"{stem}_test_qrels.txt"))
    if not found:
        raise MissingError(f"{folder}: holds no query/test/mbeir_*_task*_test.jsonl, expected M-BEIR as published (TIGER-Lab/M-BEIR)")
    return found


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    for n, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as e:
                raise InputError(f"{path}:{n}: is not JSON ({e}); fetch the file again") from None


def _content(folder: Path, text: str | None, picture: str | None, where: str) -> Content:
    words = (text or "").strip()
    if not words and not picture:
        raise InputError(f"{where}: has neither a text nor a picture")
    return {"text": words, "image": folder / picture} if words and picture else (folder / str(picture)) if picture else words


def read_pool(folder: Path, path: Path) -> list[MbeirCandidate]:
    """The candidates of a pool file, in order."""
    rows = _objects(path)
    return [
        MbeirCandidate(r["did"], _content(folder, r.get("txt"), r.get("img_path"), f"{path.name} {r['did']}"), r["modality"]) for r in rows
    ]


def read_queries(folder: Path, task: MbeirTask) -> list[MbeirQuery]:
    """The queries of a task; right candidates come from the qrels file where there is one, else from the queries' own list."""
    right: dict[str, list[str]] = {}
    if task.qrels.is_file():
        for line in task.qrels.read_text("utf-8").splitlines():
            qid, _, did, grade, *_ = line.split()
            if int(grade) > 0:
                right.setdefault(qid, []).append(did)
    found = []
    for r in _objects(task.queries):
        listed = [c["did"] if isinstance(c, dict) else c for c in r.get("pos_cand_list") or ()]
        answers = right.get(r["qid"], []) if right else listed
        content = _content(folder, r.get("query_txt"), r.get("query_img_path"), f"{task.queries.name} {r['qid']}")
        found.append(MbeirQuery(r["qid"], content, r["query_modality"], tuple(answers)))
    return found


def read_instructions(folder: Path) -> dict[tuple[str, str, str], list[str]]:
    """Prompts by (data set's number, query's modality, candidate's modality); empty where the file is not there."""
    path = folder / "instructions" / "query_instructions.tsv"
    if not path.is_file():
        return {}
    rows = [line.rstrip("\n").split("\t") for line in path.read_text("utf-8").splitlines()[1:] if line.strip()]
    return {(r[3], r[0], r[1]): [p.strip() for p in r[4:] if p.strip()] for r in rows}


def ranks(queries: Floats, pool: Floats, right: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """The rank, from 1, of each query's best right candidate (others as good come before it), and the first candidate's place."""
    best = np.array([(pool[list(r)] @ q).max() if r else np.inf for q, r in zip(queries, right, strict=True)])
    ahead = np.zeros(len(queries), np.int64)
    top, first = np.full(len(queries), -np.inf), np.zeros(len(queries), np.int64)
    for start in range(0, len(pool), _BLOCK):
        scores = queries @ pool[start : start + _BLOCK].T
        high = scores.max(axis=1)
        first = np.where(high > top, scores.argmax(axis=1) + start, first)
        top = np.maximum(top, high)
        for n, r in enumerate(right):
            mine = [i - start for i in r if start <= i < start + scores.shape[1]]
            scores[n, mine] = -np.inf
        ahead += (scores >= best[:, None] - 1e-7).sum(axis=1)  # the same product in another block may differ in the last bit
    return ahead + 1, first


def figures(harness: Harness, folder: Path, prefix: str = "") -> list[Figure]:
    """Every task against its local pool, then against the global one, where that is there."""
    said = read_instructions(folder)
    union = folder / "cand_pool" / "global" / "mbeir_union_test_cand_pool.jsonl"
    pools: dict[Path, tuple[list[MbeirCandidate], Floats, dict[str, int]]] = {}

    def opened(path: Path) -> tuple[list[MbeirCandidate], Floats, dict[str, int]]:
        if path not in pools:
            pool = read_pool(folder, path)
            pools[path] = pool, harness.documents([c.content for c in pool]).dense, {c.did: n for n, c in enumerate(pool)}
        return pools[path]

    asked: list[tuple[MbeirTask, MbeirQuery]] = []
    rows: list[list[Content]] = []
    for task in tasks(folder):
        queries, (candidates, _, at) = read_queries(folder, task), opened(task.pool)
        if not queries:
            raise InputError(f"{task.queries}: holds no queries; fetch the file again")
        asked += [(task, q) for q in queries]
        rows += [[q.content, *(candidates[at[d]].content for d in q.right if d in at)] for q in queries]
    left = [asked[n] for n in harness.unseen(rows)]
    found: list[Figure] = []
    for task in tasks(folder):
        queries = [q for t, q in left if t == task]
        if not queries:
            harness.notes.append(f"{task.name} task {task.number} left out: the model was trained on all its rows")
            continue
        target = TASKS[task.number].split(" -> ")[1]
        vectors = _asked(harness, queries, target, said)
        for where, path in (("local", task.pool), ("global", union)):
            if not path.is_file():
                harness.notes.append(f"{where} pool left out: {path.name} is not there")
                continue
            pool, documents, places = opened(path)
            lost = [q.qid for q in queries if not q.right or any(d not in places for d in q.right)]
            if lost:
                raise InputError(f"{path.name}: lacks right candidates of {len(lost)} queries of {task.queries.name}, the first {lost[0]}")
            place, first = ranks(vectors, documents, [[places[d] for d in q.right] for q in queries])
            name = f"{prefix}{task.name} task {task.number} ({TASKS[task.number]}) {where}"
            found += [Figure(f"{name} R@{k}", (place <= k).astype(np.float64), note=f"{len(pool)} candidates") for k in KS]
            if where == "global":
                wanted = np.array([set(pool[i].modality.split(",")) == set(target.split(",")) for i in first], np.float64)
                found.append(Figure(f"{name} right modality first", wanted))
    return found


def _asked(harness: Harness, queries: Sequence[MbeirQuery], target: str, said: Mapping[tuple[str, str, str], list[str]]) -> Floats:
    """Vectors of the queries under their instructions: one of the task's prompts for each query, by its number (UniIR draws at random)."""
    prompts: list[str | None] = []
    for q in queries:
        known = said.get((q.qid.split(":")[0], q.modality, target)) or said.get((q.qid.split(":")[0], _turned(q.modality), target))
        prompts.append(known[(int(q.qid.split(":")[1]) + harness.seed) % len(known)] if known else None)
    vectors = np.zeros((len(queries), harness.dim or harness.encoder.dims[0]), np.float32)
    for prompt in dict.fromkeys(prompts):
        rows = [n for n, p in enumerate(prompts) if p == prompt]
        vectors[rows] = harness.queries([queries[n].content for n in rows], instruction=prompt).dense
    return vectors


def _turned(modality: str) -> str:
    return ",".join(reversed(modality.split(",")))


_PROMPTS = {
    0: "Find a picture that shows what the words say.",
    1: "Find the Korean title that says the same as the English one.",
    2: "Find a product, with its picture and title, that the words describe.",
    3: "Find the title of what the picture shows.",
    4: "Find another picture of the same thing.",
    6: "Name the colour and pattern that this garment would have with the change that is asked for.",
    7: "Find a picture of the garment after the change that is asked for.",
    8: "Find the product, with its picture and title, after the change that is asked for.",
}
_ID = "10"  # after the ten data sets of M-BEIR


def write_small(harness: Harness) -> Path:
    """A small set of all eight tasks from the drawn catalogue, in M-BEIR's form, below the cache; returns its folder."""
    entries, pairs = drawn.composed_entries()
    held = [e for e in drawn.held_out() if e.category != "문서"]
    folder = harness.place("mbeir")
    pictures = {it.id: it.images[0] for it in (*drawn.drawn(harness, held, "catalogue"), *drawn.drawn(harness, entries, "composed"))}
    (folder / "mbeir_images").mkdir(exist_ok=True)
    for id, image in pictures.items():
        (folder / "mbeir_images" / f"{id}.jpg").write_bytes(image.read())

    def shown(e: catalogue.Entry) -> str:
        return f"mbeir_images/{e.id}.jpg"

    other = {(e.facts["kind"], e.facts["color"], e.facts.get("pattern")): e for e in entries}
    twins = [(e, other[k]) for e in held if (k := (e.facts["kind"], e.facts["color"], e.facts.get("pattern"))) in other]
    changes = [(entries[a], entries[b], drawn.wish(entries[b])) for a, b in pairs]
    # (query's text, picture), (candidate's text, picture), and the other candidates of the pool
    made: dict[int, list[tuple[tuple[str | None, str | None], tuple[str | None, str | None]]]] = {
        0: [((e.title, None), (None, shown(e))) for e in held],
        1: [((e.title_en, None), (e.title, None)) for e in held],
        2: [((e.title_en, None), (e.title, shown(e))) for e in held],
        3: [((None, shown(e)), (e.title, None)) for e in held],
        4: [((None, shown(e)), (None, shown(t))) for e, t in twins],
        6: [((w, shown(a)), (b.title, None)) for a, b, w in changes],
        7: [((w, shown(a)), (None, shown(b))) for a, b, w in changes],
        8: [((w, shown(a)), (b.title, shown(b))) for a, b, w in changes],
    }
    everything: dict[tuple[str | None, str | None], str] = {}
    for kind in ("query/test", "cand_pool/local", "cand_pool/global", "qrels/test", "instructions"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    header = "query_modality\tcand_modality\tdataset_name\tdataset_id\tprompt_1\n"
    prompts = [header]
    for number, rows in made.items():
        asked, wanted = TASKS[number].split(" -> ")
        pool = {c: everything.setdefault(c, f"{_ID}:{len(everything) + 1}") for _, c in rows}
        stem = f"mbeir_catalogue_task{number}"
        queries, qrels = [], []
        for n, ((text, picture), candidate) in enumerate(rows, start=1):
            qid, did = f"{_ID}:{number * 10_000 + n}", pool[candidate]
            queries.append({
                "qid": qid, "query_txt": text, "query_img_path": picture, "query_modality": asked, "query_src_content": None,
                "pos_cand_list": [did], "neg_cand_list": [],
            })  # fmt: skip
            qrels.append(f"{qid} 0 {did} 1 {number}\n")
        random.Random(number).shuffle(queries)
        _write_lines(folder / "query/test" / f"{stem}_test.jsonl", queries)
        _write_lines(folder / "cand_pool/local" / f"{stem}_cand_pool.jsonl", [_row(c, did) for c, did in pool.items()])
        (folder / "qrels/test" / f"{stem}_test_qrels.txt").write_text("".join(qrels), "utf-8")
        prompts.append(f"{asked}\t{wanted}\tCatalogue\t{_ID}\t{_PROMPTS[number]}\n")
    rows_of_all = [_row(c, did) for c, did in everything.items()]
    _write_lines(folder / "cand_pool/global/mbeir_union_test_cand_pool.jsonl", rows_of_all)
    (folder / "instructions/query_instructions.tsv").write_text("".join(prompts), "utf-8")
    return folder


def _row(candidate: tuple[str | None, str | None], did: str) -> dict[str, Any]:
    text, picture = candidate
    modality = "image,text" if text and picture else "text" if text else "image"
    return {"did": did, "txt": text, "img_path": picture, "modality": modality, "src_content": None}


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")


def mbeir(harness: Harness) -> Measured:
    """The published files below the data folder, or the small set."""
    folder = harness.data / "mbeir"
    if folder.is_dir():
        return Measured(figures(harness, folder))
    harness.notes.append(
        "a small set in M-BEIR's form, written from the drawn catalogue (asked pictures stand in its pools too, so R@1 is hard); "
        f"for the published one put TIGER-Lab/M-BEIR into {folder.name}/"
    )
    return Measured(figures(harness, write_small(harness), "small: "))


SUITES = (Suite("mbeir", "M-BEIR's protocol: instructions, eight kinds of query and answer, local and global pools", mbeir),)
