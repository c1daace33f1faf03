"""Numbers that a user sets in the environment."""

import math
import os

from .errors import SettingError


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
