"""Perceptual hashes by band go in; near pairs, and in the end which picture gives way to which, come out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hannun.curate import shuffle
from hannun.curate.pair.near import cluster_roots, near_pairs
from hannun.curate.stages.ledger import TaskLedger
from hannun.curate.stages.plan import RunPlan


def near(plan: RunPlan, task: str) -> dict[str, Any]:
    """The nearly equal pairs among pictures that share a band, for one bucket of bands: of each cluster, as few as hold it together."""
    number = int(task)
    ledger = TaskLedger(plan, "near", f"{number:05d}")
    together: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in shuffle.of_bucket(plan.parts("bands"), number):
        together[row["band"]].append(row)
    edges: set[tuple[str, str]] = set()
    for rows in together.values():
        edges |= _edges(plan, rows)
    shuffle.write(plan.work / "edges" / f"{number:05d}.parquet", [{"a": a, "b": b} for a, b in sorted(edges)], shuffle.EDGES)
    return ledger.close()


def _edges(plan: RunPlan, rows: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Of pictures that share one band, the pairs that hold its clusters together."""
    edges: set[tuple[str, str]] = set()
    different: dict[tuple[int, bytes], str] = {}  # one placeholder under a million addresses is compared once
    for row in sorted(rows, key=lambda r: str(r["image_hash"])):
        first = different.setdefault((row["phash"], row["tint"]), row["image_hash"])
        if first != row["image_hash"]:
            edges.add((first, row["image_hash"]))
    if len(different) > 1:
        names = list(different.values())
        hashes = np.array([phash for phash, _ in different], np.uint64)
        tints = np.frombuffer(b"".join(tint for _, tint in different), np.uint8).reshape(-1, 8)
        pairs = near_pairs(hashes, tints, plan.rules.near or 0, plan.rules.near_tint)
        roots = cluster_roots([(names[a], names[b]) for a, b in pairs])
        edges.update((root, name) for name, root in roots.items() if name != root)
    return edges


def clusters(plan: RunPlan) -> None:
    """All near pairs into clusters: which picture gives way to which. The one step that is not a map; it holds the near pairs only."""
    target = plan.work / "clusters.parquet"
    if not target.exists():
        roots = cluster_roots([(r["a"], r["b"]) for path in plan.parts("edges") for r in shuffle.rows(path)])
        sizes = Counter(roots.values())
        rows = [{"image_hash": k.split("/")[1], "leader": root.split("/")[1], "size": sizes[root]} for k, root in sorted(roots.items())]
        shuffle.write(target, rows, shuffle.CLUSTERS, [shuffle.bucket(str(r["image_hash"]), plan.buckets) for r in rows])
