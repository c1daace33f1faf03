"""The engine that a data space prefers, by kind of machine: what `check` measured and wrote down.

It is a preference, no order: JANUSPORE_ENGINE goes before it, it is passed over where that engine
is not installed, and a job goes on with the engine that it was begun with.
"""

from collections.abc import Mapping
from typing import Any

#: Key of the project document; its value has an engine's name for each of `KINDS` that was tried.
KEY = "preferred_engine"
KINDS = ("gpu", "cpu")

_preferred: dict[str, str] = {}


def prefer(engines: Any) -> None:
    """Take a data space's preference: what its document has under `KEY`, None for nothing.

    Anything that is not an engine's name by kind is passed over.
    """
    _preferred.clear()
    if isinstance(engines, Mapping):
        _preferred.update({k: v for k, v in engines.items() if k in KINDS and isinstance(v, str)})


def preferred() -> dict[str, str]:
    """Return the engine's name for each kind of machine that one is preferred for."""
    return dict(_preferred)
