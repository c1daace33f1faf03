"""Operations in the worker processes of `project.py run --parallel`.

A pool waits for ever for what a worker that left by SystemExit was to give back, and hands on what
another one raised as the text of its traceback. So being out of time becomes an exception, and both
are read from that text.
"""

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from .errors import InputError
from .simulate.limits import OUT_OF_TIME


class Stopped(Exception):
    """An operation ran out of time, with its checkpoint written; the argument is the status."""

    @property
    def status(self) -> int:
        """Exit status for the process that waits for the worker."""
        return int(self.args[0])


def in_worker() -> bool:
    """Whether this process was started by another one of Python's."""
    return multiprocessing.parent_process() is not None


def end_workers_when_told() -> None:
    """Let SIGTERM end this process by SystemExit: a pool then ends its workers, and they save."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    os.register_at_fork(after_in_child=_as_a_worker)


def _as_a_worker() -> None:
    # Between two operations an exception may be raised where nobody sees it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C reaches workers, too, and a pool puts new ones in the place of those that leave before
    # it is ended: they wait for the pool, whose SIGTERM is the only one they hear.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def line_of_progress() -> int | None:
    """Line of a worker's progress bar below the cursor, so that no two are drawn in one place."""
    number = multiprocessing.current_process().name.rpartition("-")[2]  # as in ForkPoolWorker-3
    if not (in_worker() and number.isdigit()):
        return None
    return (int(number) - 1) % (os.cpu_count() or 1)


def comes_back(operation: Callable[..., None]) -> Callable[..., None]:
    """Let an operation that is out of time raise `Stopped` where a pool waits for it.

    One that a signal ends does end its worker: the pool is being ended, too, and sends no second.
    """

    @wraps(operation)
    def called(*jobs: Any) -> None:
        try:
            operation(*jobs)
        except SystemExit as end:
            if in_worker() and end.code == OUT_OF_TIME:
                raise Stopped(OUT_OF_TIME) from None
            raise

    return called


def cause_of(error: BaseException) -> InputError | Stopped | None:
    """What made an operation fail, if that is told without a traceback, wherever it ran."""
    cause = error.__cause__
    if isinstance(cause, InputError | Stopped):
        return cause
    pattern = r"^januspore\.(?:errors|workers)\.(\w+): (.*)$"
    for name, told in re.findall(pattern, str(cause), re.M):
        return Stopped(told) if name == "Stopped" else InputError(told)
    return None
