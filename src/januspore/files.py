"""Files that are whole or not there: written aside, put on disk, then renamed; and their seals."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it becomes `path` when the block ends well.

    A reader sees the old file or the new one, whole; after an error, such as a full disk, the old
    one stands and nothing is left aside. What a killed process leaves aside ends in ``.tmp``.

    Raises:
        OSError: the disk is full, or otherwise will not have it.
        Exception: what a fence raises, see `fenced`; the old file stands.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield aside
        sync(aside)
        check_fences()
        aside.replace(path)
        sync(path.parent)
    except (OSError, RuntimeError) as error:
        check_fences()  # who took a lock over clears away what its old owner was writing
        if isinstance(error, OSError):
            raise
        # What HDF5 makes of a full disk when it closes a file.
        raise OSError(f"{path}: {error}") from error
    finally:
        aside.unlink(missing_ok=True)


_fences: list[Callable[[], None]] = []


@contextmanager
def fenced(check: Callable[[], None]) -> Iterator[None]:
    """Ask `check` before a file takes its place, while the block runs; it raises if none may."""
    _fences.append(check)
    try:
        yield
    finally:
        _fences.remove(check)


def check_fences() -> None:
    """Raise what forbids to change files here and now, if anything does; see `fenced`."""
    for check in _fences:
        check()


def put_aside(path: Path) -> Path:
    """Rename what is damaged, so that what reads it finds nothing; return its new path."""
    check_fences()
    aside = path.with_name(f"{path.name}.damaged")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged{number}")
    path.rename(aside)
    return aside


def clear_litter(folder: Path) -> None:
    """Remove files and folders that the killed left aside; only the lock's holder may."""
    for aside in list(folder.rglob(".*.tmp")):
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


_SEAL = b"\njanuspore sha256 "
_DIGITS = 64


def seal(path: Path) -> None:
    """Append a checksum of all that is in a file; GSD and HDF5 do not look beyond their own end."""
    mark = _SEAL + _digest(path.read_bytes())
    with path.open("ab") as file:
        file.write(mark)


def seal_holds(content: bytes) -> bool | None:
    """Whether a sealed file's content is as it was sealed; None if it has no seal."""
    body, mark, digest = content.rpartition(_SEAL)
    return digest == _digest(body) if mark else None


def checksum(path: Path) -> str:
    """Return a file's SHA-256: that of its seal, which is read alone, or of all of its content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_SEAL) - _DIGITS))
        end = file.read()
        if end.startswith(_SEAL):
            return end.removeprefix(_SEAL).decode("ascii", "replace")
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def sync(path: Path) -> None:
    """Put a file, or a directory's entries, on disk for good: a power cut keeps their order."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
