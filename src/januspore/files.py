"""Files that are written whole or not at all (beside their place, then renamed), and checksums.

A seal is a checksum at the end of a file.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it becomes `path` when the block ends well.

    A reader sees the whole old file or the whole new one. After an error, such as a full disk, the
    old file stays and the new one is removed. A killed process may leave a file that ends in
    ``.tmp``.

    Raises:
        OSError: the file cannot be written, for instance because the disk is full.
        Exception: what a fence raises, see `fenced`; the old file stays.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield aside
        sync(aside)
        check_fences()
        aside.replace(path)
        sync(path.parent)
    except (OSError, RuntimeError) as error:
        check_fences()  # a process that takes a lock over removes the old owner's unfinished file
        if isinstance(error, OSError):
            raise
        # HDF5 raises a RuntimeError when it cannot close a file because the disk is full.
        raise OSError(f"{path}: {error}") from error
    finally:
        aside.unlink(missing_ok=True)


_fences: list[Callable[[], None]] = []


@contextmanager
def fenced(check: Callable[[], None]) -> Iterator[None]:
    """Call `check` before any file is put in place in the block; it raises to forbid that."""
    _fences.append(check)
    try:
        yield
    finally:
        _fences.remove(check)


def check_fences() -> None:
    """Call every check of `fenced`: one raises if this process may no longer change files."""
    for check in _fences:
        check()


def put_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is no longer read; return its new path."""
    check_fences()
    aside = path.with_name(f"{path.name}.damaged")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged{number}")
    path.rename(aside)
    return aside


def clear_litter(folder: Path) -> None:
    """Remove files and folders that killed processes left; call it only while holding the lock."""
    for aside in list(folder.rglob(".*.tmp")):
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


_SEAL = b"\njanuspore sha256 "
_DIGITS = 64


def seal(path: Path) -> None:
    """Append a checksum of a file's content; GSD and HDF5 ignore bytes after their own end."""
    mark = seal_of(path.read_bytes())
    with path.open("ab") as file:
        file.write(mark)


def seal_of(content: bytes) -> bytes:
    """Return what `seal` appends to a file of this content."""
    return _SEAL + _digest(content)


def seal_holds(content: bytes) -> bool | None:
    """Whether the content of a file matches its checksum; None if it has none."""
    body, mark, digest = content.rpartition(_SEAL)
    return digest == _digest(body) if mark else None


def checksum(path: Path) -> str:
    """Return a file's SHA-256: the one in its seal where it has one, else that of its content.

    Reading the seal alone is fast, and a file of gigabytes needs no more.

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
    """Flush a file, or a directory's entries, to the disk, so that a power cut cannot lose it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
