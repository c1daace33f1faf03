"""Keys and values as text: keys with their units apart, numbers with their intervals."""

import json
from collections.abc import Mapping
from typing import Any

from ..analysis.store import NOTED

#: Endings of keys and the units that they stand for; an ending precedes those that it ends with.
UNITS = (
    ("_kJ_per_mol_nm2", "kJ/mol/nm\N{SUPERSCRIPT TWO}"),
    ("_kJ_per_mol_nm", "kJ/mol/nm"),
    ("_kJ_per_mol", "kJ/mol"),
    ("_mol_per_L", "mol/L"),
    ("_V_per_nm", "V/nm"),
    ("_per_nm3", "1/nm\N{SUPERSCRIPT THREE}"),
    ("_per_ns", "1/ns"),
    ("_GHz", "GHz"),
    ("_rad", "rad"),
    ("_deg", "degrees"),
    ("_nA", "nA"),
    ("_nS", "nS"),
    ("_nm", "nm"),
    ("_ps", "ps"),
    ("_fs", "fs"),
    ("_K", "K"),
)


def measure(key: str, found: Any) -> tuple[str, str]:
    """Return a key's name in words, and its value with the unit that the key carries.

    >>> measure("salt_mol_per_L", 1.0)
    ('salt', '1 mol/L')
    """
    name, unit = unit_of(key)
    return name, f"{value(found)} {unit}".rstrip()


def unit_of(key: str) -> tuple[str, str]:
    """Return a key's name in words and its unit, "" if it carries none."""
    for end, unit in UNITS:
        if key.endswith(end) and key != end.lstrip("_"):
            return key.removesuffix(end).replace("_", " "), unit
    return key.replace("_", " "), ""


def section(dotted: str) -> str:
    """Return the title of a section, such as "protocol: cell"; for top-level keys "job"."""
    return dotted.replace("_", " ").replace(".", ": ") or "job"


def value(found: Any) -> str:
    """Return a value as text, numbers with at most six digits."""
    if isinstance(found, bool) or found is None:
        return json.dumps(found)
    if isinstance(found, float):
        return f"{found:.6g}"
    if isinstance(found, list | tuple):
        return ", ".join(map(value, found))
    return str(found)


def interval(found: Any) -> str:
    """Return a finding as text; three numbers are a value and its interval."""
    if isinstance(found, list | tuple) and len(found) == 3:
        shown = ["-" if v is None else value_short(v) for v in found]
        return "{} [{}, {}]".format(*shown)
    return value_short(found)


def value_short(found: Any) -> str:
    """Return a number with three digits, anything else as `value` does."""
    return f"{found:.3g}" if isinstance(found, float) else value(found)


def amount(number: float) -> str:
    """Return an amount as text: from 1000 on in whole numbers, else with four digits.

    >>> amount(27270.4), amount(0.6784)
    ('27,270', '0.6784')
    """
    return f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"


def with_intervals(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of each number in a job's summary, with its interval if it has one."""
    rows = []
    for key, found in summary.items():
        if key in NOTED or key.endswith(("_low", "_high")) or isinstance(found, Mapping):
            continue
        name, unit = unit_of(key)
        bounds = [summary.get(f"{key}_{end}") for end in ("low", "high")]
        shown = interval([found, *bounds]) if None not in bounds else value_short(found)
        rows.append((name, f"{shown} {unit}".rstrip()))
    return rows


def size(length: int) -> str:
    """Return a number of bytes as text."""
    for unit in ("bytes", "kB", "MB"):
        if length < 1000:
            return f"{length:.3g} {unit}"
        length = length / 1000  # type: ignore[assignment]
    return f"{length:.3g} GB"
