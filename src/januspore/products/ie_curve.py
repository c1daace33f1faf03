"""Current against field over the cycle, both branches (paper, Figs 1B, 1C, 4)."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.current import (
    Tables,
    crossing_current,
    crossings,
    current_interval,
    current_tables,
    rate,
    species_of,
)
from ..analysis.cycle import BRANCHES, PHASES, branch_of_phase
from ..analysis.statistics import Interval, poisson
from ..protocols import required
from ..units import E_PER_PS
from .drawing import COLORS, Panel, band, legend, panels, zero_lines
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
    return Content(table, _figure(ensemble, table, tables, sums), findings)


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


def _figure(
    ensemble: Ensemble,
    table: pd.DataFrame,
    tables: dict[tuple[str, str], Tables],
    sums: dict[str, NDArray],
) -> Figure:
    shown = [
        ("pore slab", species, f"pore slab, {' and '.join(ions)}")
        for species, ions in species_of(ensemble.model).items()
    ]
    shown.append(("whole cell", "total", "whole cell (with reservoir charging)"))
    row = []
    for estimator, species, title in shown:
        rows = table[(table.estimator == estimator) & (table.species == species)]
        who = species if crossings(tables[estimator, "total"]) else "ion"
        crossed = crossings(tables[estimator, species])
        why = "" if crossed or _stands_out(rows) else f"{estimator}: {_none(who, rows)}"
        row.append(Panel(partial(_loop, rows=rows, title=title), why))
    return panels(_title(ensemble, sums), [row], size=(3.3, 3.8), same_x=True)


def _stands_out(rows: pd.DataFrame) -> bool:
    return bool(((rows.low_nA > 0) | (rows.high_nA < 0)).any())


def _none(who: str, rows: pd.DataFrame) -> str:
    time_ps = float(rows.time_ps.sum())
    bound = float(poisson(np.zeros(1)).high[0]) * E_PER_PS / time_ps
    return f"no {who} crossed in {time_ps:.0f} ps, less than {bound:.2g} nA over the cycle (95 %)"


def _title(ensemble: Ensemble, sums: dict[str, NDArray]) -> str:
    cycle, time = required(ensemble.point.protocol.cycle, "cycle"), sums["time_ps"].sum()
    ways = [f"{ion}_{way}" for ion in ensemble.model.ion_charges for way in ("forward", "backward")]
    crossed = sum(sums[name].sum() for name in ways)
    return (
        f"{ensemble.title}; {cycle.title}; {ensemble.seeds}, {time:.0f} ps, "
        f"{crossed:.0f} completed crossings; bands 95 %"
    )


def _loop(axis: Axes, rows: pd.DataFrame, title: str) -> None:
    zero_lines(axis)
    for name in ("forward", "reverse"):
        for sign in ("+", "-"):
            part = rows[rows.branch == f"{name} {sign}"]
            label = name if sign == "+" else None
            axis.plot(part.field_V_per_nm, part.current_nA, color=COLORS[name], label=label, lw=1.5)
            band(axis, part.field_V_per_nm, part.low_nA, part.high_nA, COLORS[name])
    axis.set(xlabel="E (V/nm)", ylabel="I (nA)")
    legend(axis, title)
