"""Faults of a data space: each is reported in one line, and the command then ends with status 2.

A fault affects only the job or product that has it, so the command reports it and goes on.
"""

import sys

#: Most lines that a command prints; `python -m januspore verify` has no such limit.
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
    """Exit status of a command without other errors: 2 if a fault was reported, else 0."""
    return 2 if _told else 0


def forget() -> None:
    """Forget all faults, at the start of another command in the same process."""
    _told.clear()
