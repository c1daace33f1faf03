"""Values that take long to determine in a large data space: cached, and renewed in a thread.

Pages therefore show the last known value at once, with the time at which it was determined.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """A value, the time at which it was determined (`time.time`), and how long that took, s."""

    value: T
    at: float
    took_s: float

    @property
    def clock(self) -> str:
        """Time of day at which it was determined."""
        return time.strftime("%H:%M:%S", time.localtime(self.at))


class Refreshed(Generic[T]):
    """A cached value that is determined again, in a thread, if it is old when requested."""

    def __init__(self, find: Callable[[], T], oldest_s: float) -> None:
        """Keep the result of `find` for `oldest_s`, or for ten times the duration of `find`."""
        self.find, self._oldest_s = find, oldest_s
        self._found: Found[T] | None = None
        #: The error of the last attempt, empty if it succeeded.
        self.fault = ""
        self._lock = threading.Lock()
        self._done = threading.Event()

    def get(self, wait_s: float = 0.3) -> Found[T] | None:
        """Return the last value; None if there is none yet after waiting for `wait_s`."""
        found = self._found
        if found is None or time.time() - found.at > max(self._oldest_s, 10 * found.took_s):
            self._refresh()
        if found is None:
            self._done.wait(wait_s)
        return self._found

    def _refresh(self) -> None:
        if self._lock.acquire(blocking=False):  # otherwise a thread is already running
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            begun = time.time()
            value = self.find()
            self._found, self.fault = Found(value, time.time(), time.time() - begun), ""
        except (InputError, OSError) as error:
            self.fault = str(error)
        finally:
            self._done.set()
            self._lock.release()
