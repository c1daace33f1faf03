"""One process at a time on one job: an advisory lock that works on a shared file system.

The lock is a file that is created atomically across hosts and touched regularly by its owner. It is
stale when its owner is a dead process of this host (see `here`), or when it has not been touched
for `STALE_S`. An owner that was suspended for so long checks its lock before it puts another file
in place (`files.fenced`), finds that it was taken over, and stops. Only one that is suspended in
the microseconds between that check and the renaming still puts that one file in place.
"""

import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from ..files import fenced

#: Wall time between two touches, and time without a touch after which a lock is stale.
HEARTBEAT_S = 20.0
STALE_S = 300.0


class Busy(Exception):
    """Another process holds the lock; the message names it."""


class Lost(Busy):
    """Another process took over the lock, as this one had not touched it; it must not write."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; in the block, files are put in place only while it is held.

    Raises:
        Busy: another live process holds it.
        Lost: another process took it over meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    mine = f"{here()} {os.getpid()} {uuid.uuid4().hex}"
    _take(path, mine)
    done = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, mine, done), daemon=True)
    beat.start()
    try:
        with fenced(partial(_check, path, mine)):
            yield
    finally:
        done.set()
        beat.join()
        if _content(path) == mine:
            path.unlink(missing_ok=True)


def is_held(folder: str) -> bool:
    """Whether a live process holds the lock of a folder; a stale lock does not count."""
    path = Path(folder, "lock")
    theirs = _content(path)
    return theirs is not None and not _is_stale(path, theirs)


def here() -> str:
    """Name the scope in which a process number is unique: host, boot and container.

    Process numbers are reused after a restart, and two containers may have the same host name.
    """
    marks = [socket.gethostname()]
    with suppress(OSError):  # Linux only
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
        marks.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return "/".join(marks)


def _check(path: Path, mine: str) -> None:
    theirs = _content(path)
    if theirs == mine:
        return
    host, pid, *_ = [*(theirs or "").split(), "?", "?"]
    raise Lost(
        f"its lock was taken over, now held by process {pid} on {host}, as this process had been "
        "silent; what was done here since the last checkpoint is dropped"
    )


def _take(path: Path, mine: str) -> None:
    for _ in range(3):  # a lock may be released or taken over at any time
        if _create(path, mine):
            return
        theirs = _content(path)
        if theirs is None:
            continue
        if not _is_stale(path, theirs):
            host, pid, *_ = [*theirs.split(), "?", "?"]
            raise Busy(f"held by process {pid} on {host}")
        _remove_stale(path, theirs)
    raise Busy("held by another process that took it first")


def _create(path: Path, mine: str) -> bool:
    """Create the lock with its content in one step: a hard link fails if the name exists."""
    aside = path.with_name(f".lock.{uuid.uuid4().hex}")
    aside.write_text(mine)
    try:
        os.link(aside, path)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    return True


def _remove_stale(path: Path, theirs: str) -> None:
    """Remove a stale lock if it is unchanged; a guard file lets one process at a time do so."""
    guard = path.with_name("lock.removal")
    if not _create(guard, theirs):
        with suppress(FileNotFoundError):  # a guard exists only for a moment, unless its owner died
            if time.time() - guard.stat().st_mtime > HEARTBEAT_S:
                guard.unlink()
        time.sleep(0.05)
        return
    try:
        if _content(path) == theirs:
            path.unlink()
            print(f"stale lock removed: {theirs.rsplit(' ', 1)[0]}", file=sys.stderr)
    finally:
        guard.unlink(missing_ok=True)


def _is_stale(path: Path, theirs: str) -> bool:
    host, _, rest = theirs.partition(" ")
    pid = rest.split(" ")[0]
    if host == here() and pid.isdigit():
        return not _lives(int(pid))
    try:
        return time.time() - path.stat().st_mtime > STALE_S
    except FileNotFoundError:
        return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _content(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _beat(path: Path, mine: str, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_S):
        if _content(path) == mine:
            path.touch()
