"""Current against field over the cycle, both branches (paper, Figs 1B, 1C, 4)."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.admittance import admittance, in_and_out_of_phase
from ..analysis.current import (
    ESTIMATORS,
    Tables,
    crossing_current,
    crossings,
    current_interval,
    current_tables,
    rate,
    species_of,
)
from ..analysis.cycle import BRANCHES, PHASES, branch_of_phase, harmonic
from ..analysis.statistics import Interval, poisson, shown
from ..materials import label_of
from ..model.system import Model
from ..protocols import required
from ..units import E_PER_PS
from .drawing import COLORS, Panel, band, legend, panels, zero_lines
from .ensemble import Content, Ensemble, current_rows


def make(ensemble: Ensemble) -> Content:
    """Average the current over cycles, then seeds, by phase of the cycle.

    Two currents are kept apart: that of the whole cell, which in a fast cycle is mostly the
    reservoirs' displacement current, and that of the pore's slab, on which every verdict rests.
    Completed crossings are counted by branch. Findings have the admittance at the field's
    frequency, which rests on all phases (`analysis.admittance`).
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
    for estimator in ESTIMATORS:
        findings |= _admittance(estimator, tables[estimator, "total"], ensemble.model)
    findings["verdict"] = _verdict(ensemble, findings)
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


def _admittance(estimator: str, tables: Tables, model: Model) -> dict[str, Any]:
    current = current_interval(tables, in_and_out_of_phase)
    over_voltage = current_interval(tables, lambda t: admittance(t, float(model.box[0])))
    found = {"in-phase current_nA": current.at(0), "out-of-phase current_nA": current.at(1)}
    found |= {"conductance_nS": over_voltage.at(0), "susceptance_nS": over_voltage.at(1)}
    return {f"{estimator}, {name}": one.triple() for name, one in found.items()}


def _verdict(ensemble: Ensemble, findings: dict[str, Any]) -> str:
    frequency = required(ensemble.point.protocol.cycle, "cycle").frequency_GHz
    conducts, stores = (
        findings[f"pore slab, {name}_nS"] for name in ("conductance", "susceptance")
    )
    if np.isnan(conducts[0]):
        return "not enough data: a phase of the cycle has no sample"
    if not np.isfinite(conducts).all():
        return "not enough data: one seed gives no interval"
    if conducts[1] <= 0 <= conducts[2]:
        return (
            f"no current in phase with the field beyond its interval: {shown(conducts)} nS at "
            f"{frequency:g} GHz"
        )
    told = f"conducts {shown(conducts)} nS in phase with the field at {frequency:g} GHz"
    if stores[1] <= 0 <= stores[2]:
        return f"{told}; out of phase {shown(stores)} nS, not significant"
    word = "leads" if stores[1] > 0 else "lags behind"
    return f"{told}; the current {word} it: {shown(stores)} nS out of phase"


def _figure(
    ensemble: Ensemble,
    table: pd.DataFrame,
    tables: dict[tuple[str, str], Tables],
    sums: dict[str, NDArray],
) -> Figure:
    panels_of = [
        ("pore slab", species, f"pore slab, {' and '.join(map(label_of, ions))}")
        for species, ions in species_of(ensemble.model).items()
    ]
    panels_of.append(("whole cell", "total", "whole cell (with reservoir charging)"))
    row = []
    over_voltage = partial(admittance, length_nm=float(ensemble.model.box[0]))
    for estimator, species, title in panels_of:
        rows = table[(table.estimator == estimator) & (table.species == species)]
        who = label_of(species) if crossings(tables[estimator, "total"]) else "ion"
        crossed = crossings(tables[estimator, species])
        wave = current_interval(tables[estimator, species], _first_harmonic)
        why = "" if crossed or _stands_out(rows) else f"{estimator}: {_none(who, rows)}"
        conducts = current_interval(tables[estimator, species], over_voltage).at(0)
        if np.isfinite(conducts.triple()).all():
            title += f"\n{conducts.shown('.2g')} nS in phase"
        row.append(Panel(partial(_loop, rows=rows, wave=wave, title=title), why))
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
        f"{crossed:.0f} completed crossings; bands 95 %; where no single phase "
        "has a significant current: points are phases, curves the first harmonic"
    )


def _first_harmonic(tables: Tables) -> NDArray:
    """First harmonic of the current by phase, nA, shape (n, PHASES)."""
    return harmonic(in_and_out_of_phase(tables))


def _loop(axis: Axes, rows: pd.DataFrame, wave: Interval, title: str) -> None:
    """Draw the current of every phase, and its first harmonic with the interval.

    The current of one phase rests on few ions; its interval is drawn where it tells something.
    """
    zero_lines(axis)
    alone = _stands_out(rows)
    for name in ("forward", "reverse"):
        for sign in ("+", "-"):
            branch = f"{name} {sign}"
            part = rows[rows.branch == branch]
            style: dict[str, Any] = {"color": COLORS[name]}
            style["label"] = name if sign == "+" else None
            field = part.field_V_per_nm
            if alone:
                axis.plot(field, part.current_nA, lw=1.5, **style)
                band(axis, field, part.low_nA, part.high_nA, COLORS[name])
                continue
            axis.plot(field, part.current_nA, ".", ms=4, alpha=0.5, **style)
            own = wave.at(branch_of_phase() == BRANCHES.index(branch))
            axis.plot(field, own.value, lw=1.5, color=COLORS[name])
            band(axis, field, own.low, own.high, COLORS[name])
    axis.set(xlabel="E (V/nm)", ylabel="I (nA)")
    legend(axis, title)
