"""Current against field over the cycle, both branches (paper, Figs 1B, 1C, 4)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.current import (
    crossing_current,
    current_interval,
    current_tables,
    rate,
)
from ..analysis.cycle import BRANCHES, PHASES, branch_of_phase
from ..analysis.statistics import Interval, poisson
from ..protocols import required
from .ensemble import Content, Ensemble, current_rows


def make(ensemble: Ensemble) -> Content:
    """Average the current over cycles, then seeds, by phase of the cycle.

    Two currents are kept apart: that of the whole cell, which in a fast cycle is mostly the
    reservoirs' displacement current, and that of the pore's slab, on which every verdict rests.
    Completed crossings are counted by branch.
    """
    sums = ensemble.sums()
    phases = np.arange(PHASES)
    tables = current_tables(sums, ensemble.point.protocol.recording, ensemble.model)
    frames = [
        _frame(ensemble, sums, phases, *key, current_interval(one, rate))
        for key, one in tables.items()
    ]
    quarters = branch_of_phase()
    for ion, charge in ensemble.model.ion_charges.items():
        found = crossing_current(_by_branch(sums), ion, charge)
        frames.append(_frame(ensemble, sums, quarters, "crossings", ion, found))
    table = pd.concat(frames, ignore_index=True)
    findings = _findings(sums, ensemble.model.ion_charges)
    return Content(table, _figure(ensemble, table, sums), findings)


def _by_branch(sums: dict[str, NDArray]) -> dict[str, NDArray]:
    """Sums over seeds and over the phases of each branch."""
    member = branch_of_phase() == np.arange(len(BRANCHES))[:, None]
    return {name: member @ v.sum(axis=0) for name, v in sums.items() if v.ndim == 2}


def _frame(
    ensemble: Ensemble,
    sums: dict[str, NDArray],
    group: NDArray,
    estimator: str,
    species: str,
    interval: Interval,
) -> pd.DataFrame:
    """Rows of one current; `group` says which row each phase bin belongs to."""
    first = np.unique(group, return_index=True)[1]
    time, field = (np.bincount(group, sums[name].sum(axis=0)) for name in ("time_ps", "field_ps"))
    frame = current_rows(ensemble, time, field, estimator, species, interval)
    frame.insert(0, "branch", np.array(BRANCHES)[branch_of_phase()[first]])
    return frame


def _findings(sums: dict[str, NDArray], ions: Iterable[str]) -> dict[str, Any]:
    time = float(sums["time_ps"].sum())
    found: dict[str, Any] = {"simulated_ps": time}
    for ion in ions:
        counts = [int(sums[f"{ion}_{way}"].sum()) for way in ("forward", "backward")]
        found[f"{ion}_crossings_forward"], found[f"{ion}_crossings_backward"] = counts
        per_ns = poisson(np.array(sum(counts))).scaled(1000 / time)
        found[f"{ion}_crossings_per_ns"] = per_ns.triple()
    return found


def _figure(ensemble: Ensemble, table: pd.DataFrame, sums: dict[str, NDArray]) -> Figure:
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    ions = tuple(ensemble.model.ion_charges)
    panels = [
        ("pore slab", "total", f"pore slab, {' and '.join(ions)}"),
        *(("pore slab", ion, f"pore slab, {ion}") for ion in ions),
        ("whole cell", "total", "whole cell\n(with reservoir charging)"),
    ]
    axes = figure.subplots(1, len(panels), sharex=True)
    for axis, (estimator, species, title) in zip(axes, panels, strict=True):
        _loop(axis, table[(table.estimator == estimator) & (table.species == species)])
        axis.set_xlabel("E (V/nm)")
        axis.set_title(title, fontsize=10)
    axes[0].set_ylabel("I (nA)")
    axes[0].legend(frameon=False)
    figure.suptitle(_title(ensemble, sums), fontsize=10)
    return figure


def _title(ensemble: Ensemble, sums: dict[str, NDArray]) -> str:
    cycle, time = required(ensemble.point.protocol.cycle, "cycle"), sums["time_ps"].sum()
    ways = [f"{ion}_{way}" for ion in ensemble.model.ion_charges for way in ("forward", "backward")]
    crossings = sum(sums[name].sum() for name in ways)
    return (
        f"{ensemble.title}; {cycle.title}; {ensemble.seeds}, "
        f"{time:.0f} ps, {crossings:.0f} completed crossings; bands 95 %"
    )


def _loop(axis: Axes, rows: pd.DataFrame) -> None:
    for name, color in (("forward", "tab:blue"), ("reverse", "tab:red")):
        for sign in ("+", "-"):
            part = rows[rows.branch == f"{name} {sign}"]
            label = name if sign == "+" else None
            axis.plot(part.field_V_per_nm, part.current_nA, color=color, label=label, lw=1.5)
            band = (part.field_V_per_nm, part.low_nA, part.high_nA)
            axis.fill_between(*band, color=color, alpha=0.15, lw=0)
    axis.axhline(0, color="0.7", lw=0.5)
    axis.axvline(0, color="0.7", lw=0.5)
