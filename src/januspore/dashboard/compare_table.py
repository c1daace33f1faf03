"""The table of the ensembles that are compared: state points, jobs, means, findings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..products import PRODUCTS
from ..products.ensemble import in_numbers
from ..products.kept import read_product
from ..products.results import flat
from ..schema import equilibration_of
from ..space.conditions import read_summary, stage
from ..space.dataspace import protocol_of, seed_of
from . import words
from .compare_figure import letter
from .made import BY_NAME, Chosen

#: Numbers of a summary whose mean has no meaning.
_NOT_MEANT = ("analysis_version", "rows")


@dataclass(frozen=True)
class Table:
    """Rows by section: a name and a value for each ensemble, "" where it has none."""

    columns: list[str]
    sections: dict[str, list[tuple[str, list[str]]]]


def table(chosen: list[Chosen]) -> Table:
    """Return the table of some ensembles; the keys in which they differ come first."""
    sections = {
        "state point, where they differ": _differing(chosen),
        "jobs": _jobs(chosen),
        "mean over analysed jobs": _means(chosen),
        **_findings(chosen),
    }
    return Table(
        [f"{letter(k)}: {one.title}" for k, one in enumerate(chosen)],
        {k: v for k, v in sections.items() if v},
    )


def _differing(chosen: list[Chosen]) -> list[tuple[str, list[str]]]:
    points = [dict(flat(one.jobs[0].cached_statepoint)) for one in chosen]
    keys = dict.fromkeys(key for point in points for key in point if key != "seed")
    rows = []
    for key in keys:
        shown = [words.value(point[key]) if key in point else "" for point in points]
        if len(set(shown)) > 1:
            rows.append((_name(key.rpartition(".")[2]), shown))
    return rows


def _jobs(chosen: list[Chosen]) -> list[tuple[str, list[str]]]:
    seeds = []
    for one in chosen:
        protocol, own = protocol_of(one.jobs[0]), [seed_of(job) for job in one.jobs]
        starts = {equilibration_of(protocol, seed) for seed in own}
        seeds.append(in_numbers(len(own), len(starts)))
    counted = [Counter(map(stage, one.jobs)) for one in chosen]
    at = [", ".join(f"{n} {name}" for name, n in own.items()) for own in counted]
    return [("seeds", seeds), ("stage", at)]


def _means(chosen: list[Chosen]) -> list[tuple[str, list[str]]]:
    """Means over jobs of the numbers in their summaries, with standard deviations."""
    frames = [
        pd.DataFrame([read_summary(job) or {} for job in one.jobs]).select_dtypes("number")
        for one in chosen
    ]
    keys = dict.fromkeys(str(key) for frame in frames for key in frame if key not in _NOT_MEANT)
    rows = []
    for key in keys:
        if key.endswith(("_low", "_high")):
            continue
        shown = [_mean(frame[key]) if key in frame else "" for frame in frames]
        rows.append((_name(key), shown))
    return rows


def _mean(values: pd.Series) -> str:
    spread = values.std()
    return f"{values.mean():.4g}" + ("" if np.isnan(spread) else f" (s.d. {spread:.2g})")


def _findings(chosen: list[Chosen]) -> dict[str, list[tuple[str, list[str]]]]:
    sections = {}
    for product in PRODUCTS:
        if product.across:
            continue
        found = [_findings_of(product.name, one) for one in chosen]
        keys = dict.fromkeys(key for own in found for key in own)
        rows = [(_name(key), [words.interval(own.get(key, "")) for own in found]) for key in keys]
        if rows:
            sections[product.name.replace("_", " ")] = rows
    return sections


def _findings_of(name: str, one: Chosen) -> dict[str, Any]:
    if not one.has(name):
        return {}
    made = read_product(BY_NAME[name].path(one.jobs[0], "json")) or {}
    found: Mapping[str, Any] = made.get("findings", {})
    return {
        key: v for key, v in found.items() if not isinstance(v, Mapping) and v not in ("", None)
    }


def _name(key: str) -> str:
    name, unit = words.unit_of(key)
    return f"{name}, {unit}" if unit else name
