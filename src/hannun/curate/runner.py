"""A stage and its tasks go in; each task's result comes out as soon as it is there, on this machine or on a Ray cluster, by one Daft plan.

A task reads files and writes files, whole or not at all, and its result is small: so a task may be run again anywhere. A worker that dies
is replaced and its task is done once more; where the run itself dies, its workers end and the next run does what is missing.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hannun import dataflow
from hannun.errors import DependencyError, HannunError

Work = Callable[[str], dict[str, Any]]  # a task's name → what it counted

_PULSE = 0.5  # seconds between two looks at whether the run is still there
_STORE = 256 * 2**20  # bytes of a local cluster's object store: tasks hand over file names, not rows


@dataclass(frozen=True)
class Runner:
    """Where tasks run: `workers` processes here, or, with `ray`, actors on the cluster at that address ("local" starts one here)."""

    workers: int = 1
    ray: str | None = None

    def map(self, stage: Work, tasks: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The results of all tasks, in any order. Raises HannunError with the first line of a task's failure."""
        if not tasks:
            return
        daft = self._daft()
        many = min(self.workers, len(tasks))
        # Daft gives every UDF with a bound on its concurrency a process of its own; one worker needs none.
        where = {"max_concurrency": many, "use_process": True} if many > 1 or self.ray is not None else {"use_process": False}

        @daft.cls(**where)
        class Worker:
            def __init__(self, stage: Work, run: int) -> None:
                self.stage = stage
                if os.getppid() == run:
                    _end_with(run)

            @daft.method.batch(return_dtype=daft.DataType.string(), batch_size=1)  # type: ignore[untyped-decorator]
            def __call__(self, names: Any) -> list[str]:
                return [run_task(self.stage, name) for name in names.to_pylist()]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the native runner says that it has no partitions
            frame = daft.from_pydict({"task": list(tasks)})
            if self.ray is not None:
                frame = frame.into_partitions(len(tasks))
            done = frame.with_column("result", Worker(stage, os.getpid())(daft.col("task")))
            for row in done.iter_rows(results_buffer_size=None):
                result = json.loads(row["result"])
                if "error" in result:
                    raise HannunError(f"{row['task']}: {result['error']}")
                yield result

    def _daft(self) -> Any:
        daft = dataflow.daft("curating runs on", "curate")
        logging.getLogger("daft").setLevel(logging.ERROR)
        if self.ray is None:
            if daft.runners.get_or_infer_runner_type() != "native":
                raise HannunError("this process has run Daft on Ray before, which cannot be undone; start a new process without --ray")
            return daft
        try:
            import ray
        except ImportError:
            raise DependencyError("--ray needs Ray; pip install -c constraints.txt '.[cluster-curate]' in Hannun's folder") from None
        if not ray.is_initialized():
            if self.ray == "local":
                ray.init(
                    num_cpus=self.workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR", object_store_memory=_STORE
                )
            else:
                ray.init(address=self.ray, log_to_driver=False, logging_level="ERROR")
        daft.set_runner_ray(noop_if_initialized=True)
        return daft


def _end_with(run: int) -> None:
    """End this worker soon after the run that started it: of a run that was killed, nobody waits for the task at hand."""

    def watch() -> None:
        while os.getppid() == run:
            time.sleep(_PULSE)
        os._exit(1)

    threading.Thread(target=watch, name="hannun-end-with-run", daemon=True).start()


def run_task(stage: Work, name: str) -> str:
    """The result as JSON; a mistake that Hannun knows of is a result too, since it would fail again wherever it is retried."""
    try:
        return json.dumps(stage(name), ensure_ascii=False)
    except HannunError as e:
        return json.dumps({"error": " ".join(str(e).split())}, ensure_ascii=False)
