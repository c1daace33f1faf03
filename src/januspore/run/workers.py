"""Many tasks, one after the other or side by side, of which one that fails stops no other.

Worker processes are forked, so a task is handed over by its number alone. Each has a pipe of its
own, whose end tells that the worker is gone, whatever ended it, and which task it was at.
"""

import errno
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from ..errors import InputError, SettingError
from ..settings import OUT_OF_TIME

#: Does a task, by its number.
Work = Callable[[int], None]
_FULL = (errno.ENOSPC, errno.EDQUOT)
_TOLD = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Attributes:
        told: in one line.
        trace: traceback of what nobody foresaw, else empty.
        ends: exit status to end with at once, where every other task would fail likewise.
    """

    told: str
    trace: str = ""
    ends: int | None = None

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Tell what was raised."""
        if isinstance(error, SettingError):
            return cls(str(error), ends=2)
        if isinstance(error, InputError):
            full = getattr(error.__cause__, "errno", None) in _FULL
            return cls(str(error), ends=1 if full else None)
        line = " ".join(f"{type(error).__name__}: {error}".split())
        return cls(line, "".join(traceback.format_exception(error)))


Outcome = Failure | None
Endings = Generator[tuple[int, Outcome], None, None]


def one_by_one(tasks: int, work: Work) -> Endings:
    """Do the tasks in this process; yield each one's number and how it ended."""
    for task in range(tasks):
        yield task, _attempt(work, task)


def side_by_side(tasks: int, work: Work, processes: int) -> Endings:
    """Do the tasks in worker processes; yield each one's number and how it ended.

    A worker that is killed has failed at its task, and another one takes its place. When this
    process is told to end, the workers are told, too, and waited for.

    Raises:
        SystemExit: a worker ran out of time; the others have been told to save.
    """
    left = iter(range(tasks))
    pool: list[_Worker] = []
    try:
        for slot in range(min(processes, tasks)):
            pool.append(_Worker(slot, work, pool))
            pool[-1].give(next(left))
        while busy := {worker.pipe: worker for worker in pool if worker.task is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                task, outcome = worker.task, worker.outcome()
                assert task is not None
                following = next(left, None)
                if worker.is_gone:
                    pool.remove(worker)
                    if following is not None:
                        worker = _Worker(worker.slot, work, pool)
                        pool.append(worker)
                worker.give(following)
                yield task, outcome
    finally:
        for worker in pool:
            worker.tell_to_end()
        for worker in pool:
            worker.process.join()


class _Worker:
    """A process that does one task after the other, until its pipe is closed."""

    def __init__(self, slot: int, work: Work, others: list["_Worker"]) -> None:
        self.slot = slot
        self.task: int | None = None
        self.pipe, theirs = multiprocessing.Pipe()
        ends = [self.pipe, *(other.pipe for other in others)]
        self.process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(theirs, work, ends), name=f"worker-{slot + 1}"
        )
        # A new process hears signals once it has handlers of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
        theirs.close()

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self.pipe.closed

    def give(self, task: int | None) -> None:
        """Hand over a task; None: there is no more."""
        self.task = task
        if task is not None:
            with suppress(OSError):  # of one that died just now, which `outcome` tells
                self.pipe.send(task)

    def outcome(self) -> Outcome:
        """Take what the worker says of its task, or what ended it."""
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            self.pipe.close()
            self.process.join()
            return Failure(_how_it_ended(self.process.exitcode or 0))
        if said == OUT_OF_TIME:
            raise SystemExit(OUT_OF_TIME)
        outcome: Outcome = said
        return outcome

    def tell_to_end(self) -> None:
        """End an idle process by its pipe, a busy one by SIGTERM, upon which it saves."""
        if self.task is not None and not self.is_gone:
            self.process.terminate()
        self.pipe.close()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"its process ended with status {code}"
    more = ", as it is when the memory runs out" if code == -signal.SIGKILL else ""
    return f"its process was killed by {signal.Signals(-code).name}{more}"


def _serve(pipe: Connection, work: Work, ends: list[Connection]) -> None:
    """Run in a worker: do what the pipe says until it is closed."""
    # Ctrl-C reaches workers, too; they wait for the SIGTERM of the process that waits for them.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
    for end in ends:  # or no worker would notice that the process at the other end is gone
        end.close()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(_attempt(work, task))
        except SystemExit as end:
            # Told to end by its pool, nobody listens; by another, `outcome` finds the status.
            if end.code == OUT_OF_TIME:
                pipe.send(end.code)
            raise


def _attempt(work: Work, task: int) -> Outcome:
    try:
        work(task)
    except Exception as error:
        return Failure.of(error)
    return None


def end_when_told() -> None:
    """Let SIGTERM end this process by SystemExit, so that it ends its workers, and they save."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def available_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
