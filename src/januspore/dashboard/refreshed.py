"""What takes long to find out of a large data space: kept, and found out again aside.

A page never waits for long: it shows what was found last, and says when that was.
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
    """A value, when it was found (as `time.time` counts), and how long that took, s."""

    value: T
    at: float
    took_s: float

    @property
    def clock(self) -> str:
        """Time of day at which it was found."""
        return time.strftime("%H:%M:%S", time.localtime(self.at))


class Refreshed(Generic[T]):
    """A value that is found again, in a thread, when somebody asks and it is old."""

    def __init__(self, find: Callable[[], T], oldest_s: float) -> None:
        """Keep what `find` returns for `oldest_s`, or ten times as long as it takes."""
        self.find, self._oldest_s = find, oldest_s
        self._found: Found[T] | None = None
        #: Why it could not be found the last time, empty if it was.
        self.fault = ""
        self._lock = threading.Lock()
        self._done = threading.Event()

    def get(self, wait_s: float = 0.3) -> Found[T] | None:
        """Return what was found last, None if nothing is within `wait_s` of the first question."""
        found = self._found
        if found is None or time.time() - found.at > max(self._oldest_s, 10 * found.took_s):
            self._refresh()
        if found is None:
            self._done.wait(wait_s)
        return self._found

    def _refresh(self) -> None:
        if self._lock.acquire(blocking=False):  # else another thread is at it
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
