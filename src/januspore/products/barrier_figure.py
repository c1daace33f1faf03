"""The barrier's figure: mean force, PMF, its parts, and the barrier against water order."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_PARTS = {
    "water_electrostatic": "tab:blue",
    "water_vdw": "tab:cyan",
    "membrane": "tab:orange",
    "ions": "tab:green",
    "field": "tab:red",
    "total": "black",
}


def draw(title: str, table: pd.DataFrame) -> Figure:
    """Draw a product's table (see `products.barrier`).

    Args:
        title: of the whole figure.
        table: the product's table.
    """
    figure = Figure(figsize=(12, 8.5), layout="constrained")
    (force, pmf), (parts, order) = figure.subplots(2, 2)
    _forces(force, table)
    _pmfs(pmf, table)
    _decomposed(parts, table)
    _against_order(order, table)
    for axis in (force, pmf, parts):
        axis.set_xlabel("x (nm); Mo plane at 0")
        axis.axhline(0, color="0.8", lw=0.5, zorder=0)
        axis.axvline(0, color="0.8", lw=0.5, zorder=0)
    figure.suptitle(title, fontsize=10)
    return figure


def _fields(table: pd.DataFrame) -> list[tuple[str, float]]:
    fields = sorted(table[table.quantity == "PMF"].field_V_per_nm.unique())
    return [(f"C{k}", float(field)) for k, field in enumerate(fields)]


def _of(table: pd.DataFrame, quantity: str, field: float, part: str) -> pd.DataFrame:
    chosen = (table.quantity == quantity) & (table.part == part)
    return table[chosen & (table.field_V_per_nm == field)].sort_values("x_nm")


def _forces(axis: Axes, table: pd.DataFrame) -> None:
    for color, field in _fields(table):
        rows = _of(table, "mean force", field, "total")
        axis.plot(rows.x_nm, rows.value, color=color, lw=1.2, label=f"{field:g} V/nm")
        axis.fill_between(rows.x_nm, rows.low, rows.high, color=color, alpha=0.15, lw=0)
        rows = _of(table, "mean force", field, "sum")
        error = [rows.value - rows.low, rows.high - rows.value]
        axis.errorbar(rows.x_nm, rows.value, error, fmt=".", ms=4, lw=0.8, color=color)
    axis.set_ylabel("mean force along +x (kJ/mol/nm)")
    axis.set_title("line: tether; points: sum of the parts", fontsize=10)
    axis.legend(frameon=False, fontsize=8)


def _pmfs(axis: Axes, table: pd.DataFrame) -> None:
    for color, field in _fields(table):
        rows = _of(table, "PMF", field, "total")
        axis.plot(rows.x_nm, rows.value, color=color)
        axis.fill_between(rows.x_nm, rows.low, rows.high, color=color, alpha=0.15, lw=0)
        for part, style in (("sum", "--"), ("total_without_field", ":")):
            other = _of(table, "PMF", field, part)
            axis.plot(other.x_nm, other.value, style, color=color, lw=1)
        here = (table.quantity == "barrier") & (table.field_V_per_nm == field)
        found = table[here & (table.profile == "whole") & (table.part == "total")]
        places = found[["x_nm", "to_nm"]].to_numpy(dtype=float).ravel()
        if np.isfinite(places).all():
            axis.plot(places, np.interp(places, rows.x_nm, rows.value), "o", ms=5, color=color)
    axis.set_ylabel("PMF (kJ/mol)")
    title = "line: tether; dashed: parts; dotted: without the field's share; dots: barrier"
    axis.set_title(title, fontsize=10)


def _decomposed(axis: Axes, table: pd.DataFrame) -> None:
    fields = sorted((field for _, field in _fields(table)), key=abs)
    for part, color in _PARTS.items():
        for field, style in zip((fields[0], fields[-1])[: len(fields)], (":", "-"), strict=False):
            rows = _of(table, "PMF", field, part)
            axis.plot(rows.x_nm, rows.value, style, color=color)
            axis.fill_between(rows.x_nm, rows.low, rows.high, color=color, alpha=0.1, lw=0)
        axis.plot([], [], color=color, label=part.replace("_", ", "))
    axis.set_ylabel("share of the PMF (kJ/mol)")
    ends = f"dotted: {fields[0]:g} V/nm; line: {fields[-1]:g} V/nm" if len(fields) > 1 else ""
    axis.set_title(ends, fontsize=10)
    axis.legend(frameon=False, fontsize=8)


def _against_order(axis: Axes, table: pd.DataFrame) -> None:
    any_found = False
    for profile, part, face, label in (
        ("whole", "total", "C0", "with the field's share"),
        ("without field", "total_without_field", "none", "without"),
    ):
        mine = table[table.profile == profile]
        heights = mine[(mine.quantity == "barrier") & (mine.part == part)].dropna(subset="value")
        orders = mine[mine.quantity == "order"]
        both = heights.merge(orders, on="field_V_per_nm", suffixes=("", "_order"))
        if both.empty:
            continue
        any_found = True
        across = [both.value_order - both.low_order, both.high_order - both.value_order]
        up = [both.value - both.low, both.high - both.value]
        axis.errorbar(
            both.value_order, both.value, up, across, fmt="o", mfc=face, color="C0", label=label
        )
        for row in both.itertuples():
            place = (row.value_order, row.value)
            axis.annotate(f" {row.field_V_per_nm:g} V/nm", place, fontsize=8)
    if any_found:
        axis.legend(frameon=False, fontsize=8)
    else:
        axis.text(0.5, 0.5, "no barrier found", ha="center", transform=axis.transAxes)
    axis.set_xlabel("mean cos(dipole, field) of the pore's water, windows of the barrier")
    axis.set_ylabel("barrier (kJ/mol)")
