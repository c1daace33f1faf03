"""What a user sets in the environment."""

import math
import os
import sys
from difflib import get_close_matches

from .errors import SettingError

_PREFIX = "JANUSPORE_"
#: Every variable that is looked at.
VARIABLES = tuple(
    _PREFIX + name
    for name in (
        "ATOM_STEPS_PER_S",
        "CHECKPOINT_SECONDS",
        "ENGINE",
        "GMX",
        "JOBS_PER_GPU",
        "MARGIN_SECONDS",
        "MAX_HOURS",
        "PLATFORM",
        "PRECISION",
        "QUIET",
        "THREADS",
        "WALLTIME_MINUTES",
    )
)


def warn_of_misspelt() -> None:
    """Name each variable that looks like one of this package's and is none, and the nearest one."""
    for key in sorted(os.environ):
        if key.startswith(_PREFIX) and key not in VARIABLES:
            near = get_close_matches(key, VARIABLES, n=1, cutoff=0.0)[0]
            print(f"warning: {key}: no such setting; is it {near}?", file=sys.stderr)


def number(key: str, least: float, most: float = math.inf, whole: bool = False) -> float | None:
    """Read a number from an environment variable; None where it is empty or not set.

    Raises:
        SettingError: it is not a number, or not one that is allowed.
    """
    text = os.environ.get(key, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and least <= value <= most) or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        span = f"of at least {least:g}" if math.isinf(most) else f"from {least:g} to {most:g}"
        raise SettingError(f"{key} = {text!r}: must be {kind} {span}")
    return value


def threads_set() -> int | None:
    """Read JANUSPORE_THREADS; None where it is not set.

    Raises:
        SettingError: it is not a whole number from 1 to 1024.
    """
    given = number("JANUSPORE_THREADS", least=1, most=1024, whole=True)
    return None if given is None else int(given)
