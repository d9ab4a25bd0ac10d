"""A command that torchrun has started several times goes in; one command comes out: the first process tells and writes, the others follow.

Each process trains on its own part. What one alone has to do is done `once`; what each has to do with files that all share, `in_turn`. The
first process that fails says why, and all of them end with a status other than 0.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, final

from hannun.errors import DependencyError, HannunError, InputError

Made = TypeVar("Made")
_WAIT = timedelta(days=7)  # for one another: the first one may measure for hours. torchrun ends them all when one has ended
_LAST_WORDS = 2.0  # seconds that who has nothing to say leaves to who has, before torchrun ends both


@final
class Stopped(HannunError):
    """Another process of this command has failed, and says why."""


def world() -> tuple[int, int]:
    """(this process's number, how many there are); (0, 1) where no group of processes has been joined."""
    dist: Any = sys.modules.get("torch.distributed")
    return (dist.get_rank(), dist.get_world_size()) if dist is not None and dist.is_available() and dist.is_initialized() else (0, 1)


def once(make: Callable[[], Made]) -> Made:
    """What the first process makes, in all of them: the others wait for it, and a HannunError is raised in all. It must be picklable."""
    rank, size = world()
    if size == 1:
        return make()
    box: list[Any] = [None, None]
    if rank == 0:
        try:
            box[0] = make()
        except HannunError as e:
            box[1] = e
    sys.modules["torch.distributed"].broadcast_object_list(box, src=0)
    if box[1] is not None:
        raise box[1]
    made: Made = box[0]
    return made


def in_turn(make: Callable[[], Made]) -> Made:
    """What each process makes, one after another: those that come later find the files of those before."""
    rank, size = world()
    for turn in range(size):
        if turn == rank:
            made = make()
        wait()
    return made


def wait() -> None:
    """Wait for all processes."""
    if world()[1] > 1:
        sys.modules["torch.distributed"].barrier()


def alone(what: str) -> None:
    """Raises InputError where several processes do what can only be done by one."""
    if (size := max(world()[1], _launched()[1])) > 1:
        raise InputError(f"{what} runs in one process, and {size} were started; start it without torchrun")


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Be one of the processes that torchrun has started, or the only one.

    The first one tells: what the others print goes nowhere. Where one fails the others do too, and only the first to fail raises what
    happened; the others raise Stopped. Raises DependencyError where several were started and torch is missing.
    """
    rank, size = _launched()
    if size < 2:
        yield
        return
    dist = _joined()
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.ExitStack() as silent:
            if rank:
                silent.enter_context(contextlib.redirect_stdout(nowhere))
                silent.enter_context(contextlib.redirect_stderr(nowhere))
            yield
    except (Exception, KeyboardInterrupt):
        if not _first_to_fail(dist):
            time.sleep(_LAST_WORDS)
            raise Stopped("another process has failed, and says why") from None
        raise
    dist.destroy_process_group()


def _launched() -> tuple[int, int]:
    """This process's number and how many there are, as torchrun or `accelerate launch` says it."""
    beside = "LOCAL_RANK" in os.environ  # a cluster's own RANK and WORLD_SIZE, without it, are of machines
    return (int(os.environ.get("RANK") or 0), int(os.environ.get("WORLD_SIZE") or 1)) if beside else (0, 1)


def _joined() -> Any:
    try:
        import torch.distributed
        from accelerate import Accelerator, InitProcessGroupKwargs
    except ImportError as e:
        needs = f"several processes need {e.name}; pip install -c constraints.txt '.[train]' in Hannun's folder"
        raise DependencyError(needs) from None
    Accelerator(kwargs_handlers=[InitProcessGroupKwargs(timeout=_WAIT)])
    return torch.distributed


def _first_to_fail(dist: Any) -> bool:
    """Whether this process is the first one to fail, which torchrun's store counts; not where that has gone with who kept it."""
    address, port = os.environ.get("MASTER_ADDR", "localhost"), int(os.environ.get("MASTER_PORT", "29500"))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        store = dist.TCPStore(address, port, is_master=False, timeout=timedelta(seconds=10))
        return bool(store.add(f"hannun/{attempt}/failed", 1) == 1)
    except RuntimeError:
        return False
