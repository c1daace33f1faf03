"""What is wrong with a data space, told in one line each; a command that met any ends in status 2.

A fault stops what it touches and nothing else, so it is told where it is found, and remembered.
"""

import sys

#: Lines that one command prints; `python -m januspore verify` has no such limit.
MOST = 20

_told: dict[str, None] = {}


def tell(line: str) -> None:
    """Print a fault as one line on standard error, once."""
    if line in _told:
        return
    _told[line] = None
    if len(_told) <= MOST:
        print(f"error: {line}", file=sys.stderr)
    elif len(_told) == MOST + 1:
        print("error: and more: python -m januspore verify names them all", file=sys.stderr)


def status() -> int:
    """Exit status of a command that did all else: 2 if a fault was told of, else 0."""
    return 2 if _told else 0


def forget() -> None:
    """Begin another command in the same process."""
    _told.clear()
