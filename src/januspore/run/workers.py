"""Running many tasks, one after the other or in parallel; a failed task does not stop the others.

Worker processes are forked, so only the number of a task is sent to them. Each worker has its own
pipe. Its end shows that the worker has ended, for whatever reason, and which task it was doing.
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

#: Function that does a task, given by its number.
Work = Callable[[int], None]
_FULL = (errno.ENOSPC, errno.EDQUOT)
_TOLD = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Attributes:
        told: the reason in one line.
        trace: traceback of an unexpected error, else empty.
        ends: exit status with which the run ends at once, where every other task would fail too.
    """

    told: str
    trace: str = ""
    ends: int | None = None

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Describe an exception."""
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
    """Do the tasks in this process; yield the number of each and its failure, if any."""
    for task in range(tasks):
        yield task, _attempt(work, task)


def side_by_side(tasks: int, work: Work, processes: int) -> Endings:
    """Do the tasks in worker processes; yield the number of each and its failure, if any.

    If a worker is killed, its task counts as failed, and a new worker replaces it. When this
    process receives a signal to end, it sends one to the workers and waits for them.

    Raises:
        SystemExit: a worker's walltime was nearly up; the others were told to save their state.
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
        # Signals wait until the new process has set its own handlers.
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
        """Send a task; None: there are no more."""
        self.task = task
        if task is not None:
            with suppress(OSError):  # the worker has just died; `outcome` reports it
                self.pipe.send(task)

    def outcome(self) -> Outcome:
        """Return the worker's failure at its task, if any, or the reason why the worker ended."""
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
        """End an idle process by closing its pipe, a busy one by SIGTERM, so that it saves."""
        if self.task is not None and not self.is_gone:
            self.process.terminate()
        self.pipe.close()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"its process ended with status {code}"
    more = ", as it is when the memory runs out" if code == -signal.SIGKILL else ""
    return f"its process was killed by {signal.Signals(-code).name}{more}"


def _serve(pipe: Connection, work: Work, ends: list[Connection]) -> None:
    """Main function of a worker: do the tasks that arrive on the pipe until it is closed."""
    # Ctrl-C is sent to the workers as well; they ignore it and wait for the parent's SIGTERM.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
    for end in ends:  # otherwise this worker would not notice that the parent has ended
        end.close()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            outcome = _attempt(work, task)
        except SystemExit as end:
            # The parent that sent SIGTERM does not read the pipe; else `outcome` reads the exit
            # status.
            if end.code == OUT_OF_TIME:
                with suppress(BrokenPipeError):
                    pipe.send(end.code)
            raise
        try:
            pipe.send(outcome)
        except BrokenPipeError:  # the parent was killed; what was done is on disk
            return


def _attempt(work: Work, task: int) -> Outcome:
    try:
        work(task)
    except Exception as error:
        return Failure.of(error)
    return None


def end_when_told() -> None:
    """Turn SIGTERM into SystemExit, so that this process ends its workers and they save."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def available_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
