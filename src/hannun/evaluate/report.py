"""A finished run goes in; JSON with outcomes beside it goes to disk, and comes back the same.

A report's folder holds `report.json` (figures with intervals, the command, versions, data hashes, seed), `outcomes.npz` (what
every figure was averaged from, so that two reports can be compared query by query), `report.html` and `card.md`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hannun.errors import InputError, MissingError
from hannun.evaluate.figure import Figure
from hannun.files import whole

FORMAT = 1
_REMEDY = "free some space, or give another folder with --to"


@dataclass(frozen=True)
class SuiteResult:
    """One suite's figures, the hashes of the data they came from, what was left out, and what plots are drawn from."""

    suite: str
    about: str
    figures: list[Figure]
    data: dict[str, str]
    notes: list[str] = field(default_factory=list)
    extra: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    encoded: int = 0  # contents that were not in the cache
    overlap: Mapping[str, Any] = field(default_factory=dict)  # rows and contents that the model was trained on; {} where that is unknown


@dataclass(frozen=True)
class EvalReport:
    """A whole run: the model, how it was run, its results, and the suites that were skipped with their reasons."""

    model: dict[str, Any]
    run: dict[str, Any]
    results: list[SuiteResult]
    skipped: dict[str, str]

    def figures(self) -> dict[tuple[str, str], Figure]:
        """Every figure by (suite, name), in order."""
        return {(r.suite, f.name): f for r in self.results for f in r.figures}

    def to_json(self) -> dict[str, Any]:
        """Everything but the outcomes; intervals are worked out once."""
        return self._json

    @cached_property
    def _json(self) -> dict[str, Any]:
        seed = int(self.run["seed"])
        return {
            "format": FORMAT,
            "model": self.model,
            "run": self.run,
            "suites": [
                {
                    "suite": r.suite,
                    "about": r.about,
                    "figures": [_figure(f, seed) for f in r.figures],
                    "data": r.data,
                    "notes": r.notes,
                    "extra": dict(r.extra),
                    "seconds": round(r.seconds, 2),
                    "encoded": r.encoded,
                    "overlap": dict(r.overlap),
                }
                for r in self.results
            ],
            "skipped": self.skipped,
        }

    def save(self, folder: Path) -> Path:
        """Written whole or not at all; returns the path of the JSON file. Raises StorageError."""
        arrays: dict[str, Any] = {}
        for n, f in enumerate(self.figures().values()):
            arrays[f"{n}"] = f.outcomes
            if f.groups is not None:
                arrays[f"{n}.groups"] = f.groups
        target = folder / "report.json"
        with whole(folder / "outcomes.npz", remedy=_REMEDY) as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
        with whole(target, remedy=_REMEDY) as stream:
            stream.write(json.dumps(self.to_json(), ensure_ascii=False, indent=1).encode())
        return target

    @staticmethod
    def load(folder: Path) -> EvalReport:
        """What `save` wrote. Raises MissingError, or InputError where the folder holds something else."""
        source = folder if folder.is_file() else folder / "report.json"
        if not source.is_file():
            raise MissingError(f"{source}: no such report; make one with `hannun eval MODEL --to {folder}`")
        try:
            data = json.loads(source.read_text("utf-8"))
            if data["format"] != FORMAT:
                raise InputError(f"{source}: has format {data['format']}, expected {FORMAT}; run `hannun eval` again")
            with np.load(source.with_name("outcomes.npz"), allow_pickle=False) as kept:
                results: list[SuiteResult] = []
                n = 0
                for s in data["suites"]:
                    figures = []
                    for f in s["figures"]:
                        groups = kept.get(f"{n}.groups")
                        figures.append(Figure(f["name"], kept[str(n)], f["kind"], groups, f["note"], f["lower"]))
                        n += 1
                    results.append(
                        SuiteResult(
                            s["suite"],
                            s["about"],
                            figures,
                            s["data"],
                            s["notes"],
                            s["extra"],
                            s["seconds"],
                            s["encoded"],
                            s.get("overlap", {}),
                        )
                    )
            return EvalReport(data["model"], data["run"], results, data["skipped"])
        except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as e:
            if isinstance(e, InputError):
                raise
            raise InputError(f"{source}: is not a whole report ({e!r}); run `hannun eval` again") from None


def _figure(f: Figure, seed: int) -> dict[str, Any]:
    interval = f.interval(seed=seed)
    return {
        "name": f.name,
        "value": f.value,
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "n": len(f.outcomes) if f.groups is None else len(np.unique(f.groups)),
        "queries": len(f.outcomes),
        "kind": f.kind,
        "lower": f.lower,
        "note": f.note,
    }
