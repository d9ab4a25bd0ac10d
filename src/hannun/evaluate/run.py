"""An Encoder and names of suites go in; an EvalReport comes out, with what was skipped and why."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import hannun
from hannun.errors import DependencyError, HannunError, InputError, MissingError
from hannun.evaluate.harness import Harness
from hannun.evaluate.report import EvalReport, SuiteResult
from hannun.evaluate.suites.suite import Suite

_PACKAGES = ("numpy", "pillow", "onnxruntime", "tokenizers", "torch", "transformers", "sentence-transformers", "mteb", "scikit-learn")


def evaluate(
    harness: Harness, chosen: Sequence[Suite], *, command: str = "", started: Callable[[str], None] = lambda _: None
) -> EvalReport:
    """Every chosen suite's figures.

    A suite whose data is missing or that the encoder cannot read is skipped with its reason, as long as another one remains; where
    none does, its error is raised. `started` is told each suite's name.
    """
    if not chosen:
        raise InputError("no suite came, expected at least one; `hannun eval --list` names them")
    results: list[SuiteResult] = []
    skipped: dict[str, str] = {}
    failure: HannunError | None = None
    for s in chosen:
        started(s.name)
        harness.begin()
        begun, before = time.perf_counter(), harness.encoded
        try:
            measured = s.run(harness)
        except (MissingError, DependencyError, InputError) as e:
            skipped[s.name] = str(e)
            failure = failure or e
            continue
        seconds = time.perf_counter() - begun
        results.append(
            SuiteResult(
                s.name,
                s.about,
                measured.figures,
                dict(harness.used),
                list(harness.notes),
                measured.extra,
                seconds,
                harness.encoded - before,
                {} if harness.trained is None else asdict(harness.overlap) | {"kept": harness.keep_trained, "no_rows": s.no_rows},
            )
        )
    if failure is not None and not results:
        raise failure
    return EvalReport(_model(harness), provenance(harness, command), results, skipped)


def _model(harness: Harness) -> dict[str, Any]:
    e = harness.encoder
    return {"name": e.name, "fingerprint": e.fingerprint, "dims": list(e.dims), "dim": harness.dim or e.dims[0], "parts": bool(e.kinds)}


def provenance(harness: Harness, command: str) -> dict[str, Any]:
    """How to run it again: the command, versions, seed and machine."""
    versions = {"hannun": hannun.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "command": command,
        "seed": harness.seed,
        "versions": versions,
        "machine": f"{platform.system()} {platform.machine()}, {cores} cores",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
