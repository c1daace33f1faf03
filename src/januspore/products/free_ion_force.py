"""Mean force on free ions in the frames of a staircase's holds: the paper's estimator of Table 1.

It complements the `barrier` product, in which one ion is held. Free ions are seldom at the barrier:
a bin with fewer than `LEAST_VISITS` visited frames has no mean, and the PMF ends there.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from ..analysis.barrier import way_of
from ..analysis.free_ions import EDGES_NM, conditional_means
from ..analysis.pmf import (
    find_barrier,
    independent_draws,
    longest_stretch,
    trapezoid_weights,
    welch,
)
from ..analysis.statistics import LEVEL
from ..engines.base import PARTS
from ..materials import label_of
from ..protocols.field import held_fields
from .drawing import Panel, bars, legend, panels, seen, shades, zero_lines
from .ensemble import Content, Ensemble

LEAST_VISITS = 10
_X = (EDGES_NM[1:] + EDGES_NM[:-1]) / 2


def make(ensemble: Ensemble) -> Content:
    """Mean force by ion, field and bin of x, its parts, its PMF and its barrier.

    Frames count as independent, and all visits in one frame as one. The sums of all seeds are
    added, so each seed has the weight of its visits. Intervals are Student's for the number of
    frames.
    """
    fields = held_fields(ensemble.point.protocol.programme())
    stacked = ensemble.sums("free_ions.h5")
    rows: list[dict[str, Any]] = []
    findings: dict[str, Any] = {}
    for ion in _ions(ensemble):
        sums = {k.removeprefix(f"{ion}_"): v.sum(axis=0) for k, v in stacked.items() if _is(ion, k)}
        means = conditional_means(sums, LEAST_VISITS)
        for f, field in enumerate(fields):
            more = {"ion": ion, "field_V_per_nm": float(field)}
            rows += [more | row for row in _forces(sums, means, f)]
            pmf, findings[f"{ion} at {field:g} V/nm"] = _pmf(sums, means, f, way_of(ion, field))
            rows += [more | row for row in pmf]
    table = pd.DataFrame(rows)
    table["seeds"] = len(ensemble.jobs)
    findings["verdict"] = _verdict(table)
    return Content(table, _figure(ensemble, table), findings)


def _ions(ensemble: Ensemble) -> tuple[str, ...]:
    """The anion, which the paper's Table 1 is about, then the cation."""
    return tuple(reversed(ensemble.model.ion_charges))


def _is(ion: str, name: str) -> bool:
    return name.startswith(f"{ion}_")


def _forces(sums: dict[str, NDArray], means: dict[str, NDArray], f: int) -> list[dict[str, Any]]:
    values = {name: means["force"][f, :, k] for k, name in enumerate(PARTS)}
    errors = {name: means["force_error"][f, :, k] for k, name in enumerate(PARTS)}
    values["sum"], errors["sum"] = means["total"][f], means["total_error"][f]
    freedom = np.maximum(sums["visited_frames"][f] - 1, 1)
    factor = stats.t.ppf(0.5 + LEVEL / 2, freedom)
    return [
        _row("mean force", part, f, k, values[part][k], factor[k] * errors[part][k], sums)
        for part in values
        for k in range(len(_X))
    ]


def _row(
    quantity: str, part: str, f: int, k: int, value: float, half: float, sums: dict[str, NDArray]
) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "part": part,
        "x_nm": float(_X[k]),
        "value": float(value),
        "low": float(value - half),
        "high": float(value + half),
        "visits": int(sums["visits"][f, k]),
        "visited_frames": int(sums["visited_frames"][f, k]),
        "frames": int(sums["frames"][f]),
    }


def _pmf(
    sums: dict[str, NDArray], means: dict[str, NDArray], f: int, way: int
) -> tuple[list[dict[str, Any]], str]:
    """PMF over the longest range of bins without a gap, and its barrier in words."""
    part = longest_stretch(np.isfinite(means["total"][f]))
    visited = int(np.isfinite(means["total"][f]).sum())
    if part.stop - part.start < 2:
        return [], f"{visited} of {len(_X)} bins visited often enough, no two side by side: no PMF"
    force, variance = means["total"][f, part], means["total_error"][f, part] ** 2
    freedom = sums["visited_frames"][f, part] - 1
    weights = trapezoid_weights(_X[part])
    half = stats.t.ppf(0.5 + LEVEL / 2, welch(weights, variance, freedom))
    half = np.where(weights.any(axis=1), half * np.sqrt(weights**2 @ variance), 0.0)
    rows = [
        _row("PMF", "sum", f, part.start + k, value, half[k], sums)
        for k, value in enumerate(weights @ force)
    ]
    error = stats.t.ppf(0.5 + LEVEL / 2, freedom) * np.sqrt(variance)
    noise = independent_draws(weights[-1], variance, freedom)
    barrier = find_barrier(_X[part], force, error, noise, way)
    text = f"from x = {_X[part][0]:.2f} to {_X[part][-1]:.2f} nm "
    return rows, text + barrier.in_words(barrier.height)


def _verdict(table: pd.DataFrame) -> str:
    forces = table[(table.quantity == "mean force") & (table.part == "sum")]
    inside = forces[forces.x_nm.abs() < 0.3]
    known = inside.value.notna().groupby(inside.ion).mean()
    shares = ", ".join(f"{ion} {share:.0%}" for ion, share in known.items())
    return f"bins within 0.3 nm of the metal's plane visited often enough for a mean: {shares}"


def _figure(ensemble: Ensemble, table: pd.DataFrame) -> Figure:
    labels = {"mean force": "mean force along +x (kJ/mol/nm)", "PMF": "PMF (kJ/mol)"}
    grid = []
    for quantity, label in labels.items():
        row = []
        for ion in _ions(ensemble):
            mine = table[(table.ion == ion) & (table.part == "sum")]
            rows = mine[mine.quantity == quantity]
            who = f"free {label_of(ion)}"
            why = f"{who}: no bin of x has one in {LEAST_VISITS} frames, so no mean force"
            if seen(mine.value):
                why = f"{quantity} of {who}: no two neighbouring bins of x visited often enough"
            draw = partial(_by_field, rows=rows, label=label, title=who)
            row.append(Panel(draw, "" if seen(rows.value) else why))
        grid.append(row)
    title = f"{ensemble.title}; {ensemble.seeds}; bars 95 %, frames as independent"
    return panels(title, grid, size=(5.0, 3.6), same_x=True)


def _by_field(axis: Axes, rows: pd.DataFrame, label: str, title: str) -> None:
    fields = sorted(rows.field_V_per_nm.unique())
    for color, field in zip(shades(len(fields)), fields, strict=True):
        own = rows[rows.field_V_per_nm == field]
        style = {"fmt": ".-", "capsize": 2, "color": color, "label": f"{field:g} V/nm"}
        bars(axis, own.x_nm, own.value, own.low, own.high, **style)
    zero_lines(axis)
    axis.set(xlabel="x (nm); metal plane at 0", ylabel=label)
    legend(axis, title, columns=4)
