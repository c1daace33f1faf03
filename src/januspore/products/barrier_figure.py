"""The barrier's figure: mean force, PMF, its parts, and the barrier against water order."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import Panel, band, bars, legend, panels, shades, zero_lines

_PARTS = {
    "water_electrostatic": "tab:cyan",
    "water_vdw": "tab:olive",
    "membrane": "tab:orange",
    "ions": "tab:pink",
    "field": "tab:gray",
    "total": "black",
}


def draw(title: str, table: pd.DataFrame) -> Figure:
    """Draw a product's table (see `products.barrier`).

    Args:
        title: of the whole figure.
        table: the product's table.
    """
    top = [Panel(partial(_forces, table=table)), Panel(partial(_pmfs, table=table))]
    heights = _heights(table)
    why = "" if heights else "barrier against water order: no barrier with a value"
    bottom = [
        Panel(partial(_decomposed, table=table)),
        Panel(partial(_against_order, heights=heights), why),
    ]
    return panels(title, [top, bottom], size=(5.6, 4.2))


def _fields(table: pd.DataFrame) -> list[tuple[Any, float]]:
    fields = sorted(table[table.quantity == "PMF"].field_V_per_nm.unique())
    return list(zip(shades(len(fields)), map(float, fields), strict=True))


def _of(table: pd.DataFrame, quantity: str, field: float, part: str) -> pd.DataFrame:
    chosen = (table.quantity == quantity) & (table.part == part)
    return table[chosen & (table.field_V_per_nm == field)].sort_values("x_nm")


def _along_x(axis: Axes, ylabel: str, title: str) -> None:
    zero_lines(axis)
    axis.set(xlabel="x (nm); metal plane at 0", ylabel=ylabel)
    legend(axis, title)


def _forces(axis: Axes, table: pd.DataFrame) -> None:
    for color, field in _fields(table):
        rows = _of(table, "mean force", field, "total")
        axis.plot(rows.x_nm, rows.value, color=color, lw=1.2, label=f"{field:g} V/nm")
        band(axis, rows.x_nm, rows.low, rows.high, color)
        rows = _of(table, "mean force", field, "sum")
        style: dict[str, Any] = {"fmt": ".", "ms": 4, "lw": 0.8, "capsize": 0, "color": color}
        bars(axis, rows.x_nm, rows.value, rows.low, rows.high, **style)
    ylabel = "mean force along +x (kJ/mol/nm)"
    _along_x(axis, ylabel, "line: tether; points: sum of the parts")


def _pmfs(axis: Axes, table: pd.DataFrame) -> None:
    for color, field in _fields(table):
        rows = _of(table, "PMF", field, "total")
        axis.plot(rows.x_nm, rows.value, color=color, label=f"{field:g} V/nm")
        band(axis, rows.x_nm, rows.low, rows.high, color)
        for part, style in (("sum", "--"), ("total_without_field", ":")):
            other = _of(table, "PMF", field, part)
            axis.plot(other.x_nm, other.value, style, color=color, lw=1)
        here = (table.quantity == "barrier") & (table.field_V_per_nm == field)
        found = table[here & (table.profile == "whole") & (table.part == "total")]
        places = found[["x_nm", "to_nm"]].to_numpy(dtype=float).ravel()
        if np.isfinite(places).all():
            axis.plot(places, np.interp(places, rows.x_nm, rows.value), "o", ms=5, color=color)
    title = "line: tether; dashed: parts; dotted: without the field's share; dots: barrier"
    _along_x(axis, "PMF (kJ/mol)", title)


def _decomposed(axis: Axes, table: pd.DataFrame) -> None:
    fields = sorted((field for _, field in _fields(table)), key=abs)
    for part, color in _PARTS.items():
        for field, style in zip((fields[-1], fields[0])[: len(fields)], ("-", ":"), strict=False):
            rows = _of(table, "PMF", field, part)
            axis.plot(rows.x_nm, rows.value, style, color=color)
            band(axis, rows.x_nm, rows.low, rows.high, color)
        axis.plot([], [], color=color, label=part.replace("_", ", "))
    ends = f"; dotted: {fields[0]:g}, line: {fields[-1]:g} V/nm" if len(fields) > 1 else ""
    _along_x(axis, "share of the PMF (kJ/mol)", f"parts{ends}")


def _heights(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Barriers with a value beside the water's order, by what is drawn of them."""
    found = {}
    for profile, part, label in (
        ("whole", "total", "with the field's share"),
        ("without field", "total_without_field", "without"),
    ):
        mine = table[table.profile == profile]
        heights = mine[(mine.quantity == "barrier") & (mine.part == part)].dropna(subset="value")
        orders = mine[mine.quantity == "order"]
        found[label] = heights.merge(orders, on="field_V_per_nm", suffixes=("", "_order"))
    return {label: both for label, both in found.items() if len(both)}


def _against_order(axis: Axes, heights: dict[str, pd.DataFrame]) -> None:
    for label, both in heights.items():
        across = [both.value_order - both.low_order, both.high_order - both.value_order]
        style: dict[str, Any] = {"mfc": "none" if label == "without" else "black", "color": "black"}
        ends = both.value, both.low, both.high
        bars(axis, both.value_order, *ends, xerr=across, label=label, **style)
        for row in both.itertuples():
            place = (row.value_order, row.value)
            axis.annotate(f" {row.field_V_per_nm:g} V/nm", place, fontsize=8)
    axis.set_xlabel("mean cos(dipole, field) of the pore's water, windows of the barrier")
    axis.set_ylabel("barrier (kJ/mol)")
    legend(axis, "barrier against water order")
