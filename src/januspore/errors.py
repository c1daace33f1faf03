"""The one kind of error a user is meant to read."""

from collections.abc import Iterator
from contextlib import contextmanager

#: Characters of a message; a value that fills a screen helps nobody.
_LONGEST = 600


class InputError(ValueError):
    """Input that cannot be used: names the key, the value and what is allowed, in one line.

    Command lines print it without a traceback and exit with status 2.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        super().__init__(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...")


class SettingError(InputError):
    """A setting of the environment that cannot be used, by whatever job."""


class StoppedError(InputError):
    """A run that cannot go on here and now; what its last checkpoint has is kept."""


@contextmanager
def told_in_one_line(what: str) -> Iterator[None]:
    """Say in one line what a full disk, or a system that blew up, has stopped.

    Raises:
        StoppedError: instead of an OSError or a FloatingPointError.
    """
    try:
        yield
    except (OSError, FloatingPointError) as error:
        raise StoppedError(f"{what}: {error}; what was done before is kept") from error
