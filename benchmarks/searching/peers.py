"""LanceDB and usearch over the same rows: a query and a depth of search go in, ids come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hannun.embeddings import Floats
from searching.drawn import DIM


def of_lancedb(rows: Floats, cache: Path) -> Callable[[Floats, int], list[int]]:
    import lancedb
    import pyarrow as pa

    folder = cache / f"lancedb-{len(rows)}"
    db = lancedb.connect(str(folder))
    if not (folder / "items.lance").exists():

        def batches() -> Iterator[Any]:
            for at in range(0, len(rows), 10_000):
                some = rows[at : at + 10_000]
                flat = pa.FixedSizeListArray.from_arrays(pa.array(some.ravel()), DIM)
                texts = [f"빨간 줄무늬 원피스 {n}" for n in range(at, at + len(some))]
                yield pa.RecordBatch.from_arrays([pa.array(range(at, at + len(some))), pa.array(texts), flat], ["id", "text", "vector"])

        schema = pa.schema([("id", pa.int64()), ("text", pa.string()), ("vector", pa.list_(pa.float32(), DIM))])
        table = db.create_table("items", data=batches(), schema=schema)
        table.create_index("vector", config=lancedb.index.HnswSq(distance_type="dot"))
    table = db.open_table("items")

    def run(query: Floats, depth: int) -> list[int]:
        found = table.search(query).metric("dot").limit(10).nprobes(20).ef(max(depth, 30)).refine_factor(3).to_list()
        return [r["id"] for r in found]

    return run


def of_usearch(rows: Floats, cache: Path) -> Callable[[Floats, int], list[int]]:
    from usearch.index import Index

    file = cache / f"usearch-{len(rows)}"
    index = Index(ndim=DIM, metric="ip", dtype="f32", connectivity=16, expansion_add=128)
    if file.exists():
        index.load(str(file))
    else:
        for at in range(0, len(rows), 20_000):
            index.add(np.arange(at, min(at + 20_000, len(rows))), rows[at : at + 20_000])
        index.save(str(file))
    texts = {n: f"빨간 줄무늬 원피스 {n}" for n in range(len(rows))}

    def run(query: Floats, depth: int) -> list[int]:
        index.expansion_search = depth
        found = index.search(query, 10).keys
        return [int(k) for k in found if texts[int(k)]]

    return run
