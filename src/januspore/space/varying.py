"""What tells the ensembles of a data space apart: the keys of the protocol in which they differ.

Protocols of two names differ in everything, so keys vary within one name. Charges and seeds are
named wherever results are, and are not looked at here. Thousands of jobs share a few ensembles, and
each of those is looked at once; signac's own schema detection reads every job, and does not know
that a key that is missing stands at its default.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import signac
from pydantic import BaseModel

from ..protocols import AnyProtocol
from .dataspace import recipes_of

#: A legend has these by themselves, where a protocol has them.
_NAMED_ANYWAY = ("mode", "ion")
_KEPT_AS = "_januspore_varying"


@dataclass(frozen=True)
class Varying:
    """The keys, dotted, in which the protocols of one name differ.

    Attributes:
        values: of each key, every value that there is.
        implied: keys whose value follows from what a legend names anyway.
    """

    values: Mapping[str, list[Any]]
    implied: frozenset[str] = frozenset()

    @property
    def telling(self) -> list[str]:
        """The keys without those whose value follows from others."""
        return [key for key in self.values if key not in self.implied]

    def columns(self, protocol: AnyProtocol) -> dict[str, Any]:
        """Return a column for each key, with a protocol's own value: for a table."""
        own = dict(_flat(protocol)) if self.values else {}
        return {f"protocol.{key}": own.get(key) for key in self.values}

    def legend(self, protocol: AnyProtocol) -> str:
        """Say which one a protocol is, such as "salt_mol_per_L 4, temperature_K 340"."""
        own = dict(_flat(protocol)) if self.values else {}
        told = [key for key in self.telling if key not in _NAMED_ANYWAY]
        return ", ".join(f"{key.rpartition('.')[2]} {_short(own.get(key))}" for key in told)


_NOTHING = Varying({})


def varying(project: signac.Project, name: str) -> Varying:
    """Return what varies among the protocols of a name.

    It is worked out once for each project that is opened.
    """
    kept: dict[str, Varying] | None = getattr(project, _KEPT_AS, None)
    if kept is None:
        kept = _of_project(project)
        setattr(project, _KEPT_AS, kept)
    return kept.get(name, _NOTHING)


def _of_project(project: signac.Project) -> dict[str, Varying]:
    by_name: dict[str, list[dict[str, Any]]] = {}
    for point in recipes_of(project):
        by_name.setdefault(point.protocol.name, []).append(dict(_flat(point.protocol)))
    return {name: _differing(protocols) for name, protocols in by_name.items()}


def _differing(protocols: list[dict[str, Any]]) -> Varying:
    texts = {key: [json.dumps(own[key]) for own in protocols] for key in protocols[0]}
    keys = [key for key, found in texts.items() if len(set(found)) > 1]
    named = list(zip(*(texts[key] for key in _NAMED_ANYWAY if key in keys), strict=True))

    def follows(key: str) -> bool:
        return len(set(zip(named, texts[key], strict=True))) == len(set(named))

    implied = [key for key in keys if named and key not in _NAMED_ANYWAY and follows(key)]
    values = {key: [json.loads(text) for text in sorted(set(texts[key]))] for key in keys}
    return Varying(values, frozenset(implied))


def _flat(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything in a section; keys at their defaults are there, too."""
    for key in type(section).model_fields:
        value = getattr(section, key)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(_short, value[:4]))
        return f"({shown}{', ...' if len(value) > 4 else ''})"
    return f"{value:g}" if isinstance(value, float) else str(value)
