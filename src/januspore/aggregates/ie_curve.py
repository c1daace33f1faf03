"""Current against field over the sine's cycle, both branches (paper, Figs 1B, 1C, 4)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.current import crossing_current, current
from ..analysis.sine import BRANCHES, branch_of_phase
from ..analysis.statistics import Interval, bootstrap
from .ensemble import Content, Ensemble

_SPECIES = {"total": ("K", "Cl"), "K": ("K",), "Cl": ("Cl",)}
_CHARGE = {"K": +1.0, "Cl": -1.0}


def make(ensemble: Ensemble) -> Content:
    """Average the current over cycles, then seeds, by phase of the cycle.

    Two currents are kept apart: that of the whole cell, which on a fast sine is mostly the
    reservoirs' displacement current, and that of the pore's slab, on which every verdict rests.
    """
    sums = ensemble.sums()
    frames = [
        _frame(ensemble, sums, estimator, species, interval)
        for estimator, species, interval in _currents(ensemble, sums)
    ]
    table = pd.concat(frames, ignore_index=True)
    return Content(table, _figure(ensemble, table), _findings(sums))


def _currents(ensemble: Ensemble, sums: dict[str, NDArray]) -> Iterator[tuple[str, str, Interval]]:
    recording = ensemble.point.protocol.recording
    lengths = {
        "pore slab": ("slab", 2 * recording.slab_half_width_nm),
        "whole cell": ("cell", float(ensemble.model.box[0])),
    }
    for estimator, (column, length) in lengths.items():
        for species, ions in _SPECIES.items():
            tables = {
                "time": sums["time_ps"],
                "q": np.add.reduce([sums[f"{i}_{column}_e_nm"] for i in ions]),
            }
            interval = bootstrap(tables, partial(_rate, length_nm=length))
            yield estimator, species, interval
    time = sums["time_ps"].sum(axis=0)
    for ion, charge in _CHARGE.items():
        forward, backward = sums[f"{ion}_forward"].sum(axis=0), sums[f"{ion}_backward"].sum(axis=0)
        yield "crossings", ion, crossing_current(forward, backward, charge, time)


def _rate(tables: dict[str, NDArray], length_nm: float) -> NDArray:
    return current(tables["q"], length_nm, tables["time"])


def _frame(
    ensemble: Ensemble,
    sums: dict[str, NDArray],
    estimator: str,
    species: str,
    interval: Interval,
) -> pd.DataFrame:
    field = sums["field_ps"].sum(axis=0) / sums["time_ps"].sum(axis=0)
    return pd.DataFrame(
        {
            "branch": np.array(BRANCHES)[branch_of_phase()],
            "field_V_per_nm": field,
            # In steady state the pore carries the whole voltage of the cell.
            "voltage_V": field * ensemble.model.box[0],
            "estimator": estimator,
            "species": species,
            "current_nA": interval.value,
            "low_nA": interval.low,
            "high_nA": interval.high,
            "seeds": len(ensemble.jobs),
        }
    )


def _findings(sums: dict[str, NDArray]) -> dict[str, Any]:
    counts = {
        f"{ion}_crossings_{way}": int(sums[f"{ion}_{way}"].sum())
        for ion in _CHARGE
        for way in ("forward", "backward")
    }
    return counts | {"simulated_ps": float(sums["time_ps"].sum())}


def _figure(ensemble: Ensemble, table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = [
        ("pore slab", "total"),
        ("pore slab", "K"),
        ("pore slab", "Cl"),
        ("whole cell", "total"),
    ]
    axes = figure.subplots(1, len(panels), sharex=True)
    for axis, (estimator, species) in zip(axes, panels, strict=True):
        rows = table[(table.estimator == estimator) & (table.species == species)]
        for branch, color in (("forward", "tab:blue"), ("reverse", "tab:red")):
            for sign in ("+", "-"):
                part = rows[rows.branch == f"{branch} {sign}"]
                name = branch if sign == "+" else None
                axis.plot(part.field_V_per_nm, part.current_nA, color=color, label=name, lw=1.5)
                axis.fill_between(
                    part.field_V_per_nm, part.low_nA, part.high_nA, color=color, alpha=0.15, lw=0
                )
        axis.axhline(0, color="0.7", lw=0.5)
        axis.axvline(0, color="0.7", lw=0.5)
        axis.set(xlabel="E (V/nm)", title=f"{estimator}, {species}")
    axes[0].set_ylabel("I (nA)")
    axes[0].legend(frameon=False)
    axes[-1].set_title("whole cell, total\n(includes reservoir charging)")
    protocol = ensemble.point.protocol
    figure.suptitle(
        f"{ensemble.title}; f = {getattr(protocol, 'frequency_GHz', 0):g} GHz; "
        f"{len(ensemble.jobs)} seeds, bands 95 %",
        fontsize=10,
    )
    return figure
