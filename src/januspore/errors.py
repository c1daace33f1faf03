"""Errors that a command prints as one line, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

#: Most characters of a message: a quoted value may be arbitrarily long, and is cut here.
_LONGEST = 600


class InputError(ValueError):
    """Input that cannot be used: names the key, the value and what is allowed, in one line.

    Command lines print it without a traceback and exit with status 2.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        super().__init__(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...")


class SettingError(InputError):
    """A setting of the environment that no job can use, so that a whole run ends."""


class StoppedError(InputError):
    """A run that had to stop, such as on a full disk; its last checkpoint is kept."""


@contextmanager
def told_in_one_line(what: str) -> Iterator[None]:
    """Turn the error of a full disk, or of a system that blew up, into one line about `what`.

    Raises:
        StoppedError: instead of an OSError or a FloatingPointError.
    """
    try:
        yield
    except (OSError, FloatingPointError) as error:
        raise StoppedError(f"{what}: {error}; what was done before is kept") from error
