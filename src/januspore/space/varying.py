"""The keys of the protocol in which the ensembles of a data space differ.

Only protocols of the same name are compared. Charges and seeds are shown with every result and are
not considered here. Each ensemble is examined once, however many jobs it has; signac's schema
detection would read every job, and does not know that a missing key has its default.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import signac
from pydantic import BaseModel

from ..protocols import AnyProtocol
from ..protocols.sections import Cell, Dynamics
from .dataspace import recipes_of

#: Values that a legend shows without the name of their key.
_NAMED_ANYWAY = ("mode", "ion")
#: Keys of the pore and of the solution: they are named wherever they are not at the paper's value.
_CONDITIONS = (
    "cell.pore_diameter_nm",
    "cell.salt",
    "cell.salt_mol_per_L",
    "dynamics.temperature_K",
)
#: Order of keys in a legend: these first, then a protocol's own keys, then all others.
_FIRST = (*_NAMED_ANYWAY, *_CONDITIONS)
_DEFAULTS = {"cell": Cell(), "dynamics": Dynamics()}
#: Endings of keys, longest first, and the unit that is written after the number.
_UNITS = {
    "_V_per_nm": "V/nm",
    "_mol_per_L": "mol/L",
    "_kJ_per_mol_nm2": "kJ/mol/nm2",
    "_kJ_per_mol": "kJ/mol",
    "_GHz": "GHz",
    "_nm": "nm",
    "_ps": "ps",
    "_fs": "fs",
    "_K": "K",
}
_KEPT_AS = "_januspore_varying"


@dataclass(frozen=True)
class Varying:
    """The keys, with dots, in which the protocols of one name differ.

    Attributes:
        values: all values of each key.
        implied: keys whose value follows from the keys before them in a legend.
    """

    values: Mapping[str, list[Any]]
    implied: frozenset[str] = frozenset()

    @property
    def telling(self) -> list[str]:
        """The keys that suffice to distinguish all ensembles, in the order of a legend."""
        return sorted((key for key in self.values if key not in self.implied), key=_rank)

    def columns(self, protocol: AnyProtocol) -> dict[str, Any]:
        """Return a column for each key, with a protocol's own value: for a table."""
        own = dict(flat(protocol)) if self.values else {}
        return {f"protocol.{key}": own.get(key) for key in self.values}

    def legend(self, protocol: AnyProtocol) -> str:
        """Describe a protocol by these keys, such as "salt 4 mol/L, temperature 340 K".

        Where the salt is named as well: "4 mol/L NaCl".
        """
        own = dict(flat(protocol))
        apart = [key for key in _CONDITIONS if key in own and own[key] != _default(key)]
        told = sorted({*self.telling, *apart} - {*_NAMED_ANYWAY}, key=[*_FIRST, *own].index)
        words = {key: _in_words(key.rpartition(".")[2], own.get(key)) for key in told}
        if "cell.salt" in words and "cell.salt_mol_per_L" in words:
            words["cell.salt_mol_per_L"] = (
                f"{own['cell.salt_mol_per_L']:g} mol/L {own['cell.salt']}"
            )
            del words["cell.salt"]
        return ", ".join(words.values())


_NOTHING = Varying({})


def varying(project: signac.Project, name: str) -> Varying:
    """Return what varies among the protocols of a name.

    It is computed once for each project that is opened.
    """
    kept: dict[str, Varying] | None = getattr(project, _KEPT_AS, None)
    if kept is None:
        kept = _of_project(project)
        setattr(project, _KEPT_AS, kept)
    return kept.get(name, _NOTHING)


def look_again(project: signac.Project) -> None:
    """Let `varying` look again, as jobs have come or gone since the project was opened."""
    setattr(project, _KEPT_AS, None)


def _of_project(project: signac.Project) -> dict[str, Varying]:
    by_name: dict[str, list[dict[str, Any]]] = {}
    for point in recipes_of(project):
        by_name.setdefault(point.protocol.name, []).append(dict(flat(point.protocol)))
    return {name: _differing(protocols) for name, protocols in by_name.items()}


def _differing(protocols: list[dict[str, Any]]) -> Varying:
    texts = {key: [json.dumps(own[key]) for own in protocols] for key in protocols[0]}
    keys = [key for key, found in texts.items() if len(set(found)) > 1]
    named: list[tuple[str, ...]] = [()] * len(protocols)
    implied = set()
    for key in sorted(keys, key=_rank):
        with_key = [(*before, own) for before, own in zip(named, texts[key], strict=True)]
        if key not in _NAMED_ANYWAY and len(set(with_key)) == len(set(named)):
            implied.add(key)
        named = with_key
    values = {key: [json.loads(text) for text in sorted(set(texts[key]))] for key in keys}
    return Varying(values, frozenset(implied))


def _default(key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(_DEFAULTS[section], name)


def _rank(key: str) -> tuple[int, bool]:
    """Place of a key in a legend; Python's sort keeps the order of equals."""
    return (_FIRST.index(key) if key in _FIRST else len(_FIRST), "." in key)


def _in_words(key: str, value: Any) -> str:
    """A key and its value with the unit behind it, such as "pore diameter 2 nm"."""
    ending = next((end for end in _UNITS if key.endswith(end)), "")
    words = key.removesuffix(ending).replace("_", " ")
    return f"{words} {_short(value)} {_UNITS.get(ending, '')}".rstrip()


def flat(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Key with dots and value of all entries of a section, those at their defaults included."""
    for key in type(section).model_fields:
        value = getattr(section, key)
        if isinstance(value, BaseModel):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(_short, value[:4]))
        return f"({shown}{', ...' if len(value) > 4 else ''})"
    return f"{value:g}" if isinstance(value, float) else str(value)
