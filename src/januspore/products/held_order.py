"""Order of the pore's water at held fields, forward and back (paper, Figs 2C, 3).

A fast sine shows the water's lag as well as its order. A hold long enough shows the order alone; it
is read in its second half, as `steady_current` reads the current.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.orientation import OBSERVABLES, along_field, order
from ..analysis.statistics import Interval, bootstrap
from .drawing import COLORS, Panel, bars, legend, panels
from .ensemble import Content, Ensemble
from .relaxation import DIRECTIONS, LABELS, WITHIN
from .steady_current import settled

SIDES = {"E > 0": 1, "E < 0": -1}


def make(ensemble: Ensemble) -> Content:
    """Mean cosine of the dipoles to the field, and width of P(theta), of every hold.

    Without a field, theta and the cosine are taken from +x.
    """
    sums = settled(ensemble.sums())
    field = sums["field_ps"].sum(axis=0) / sums["time_ps"].sum(axis=0)
    table = _table(sums, field)
    table["seeds"] = len(ensemble.jobs)
    findings: dict[str, Any] = {}
    for side, sign in SIDES.items():
        ends = _ends(field, sign)
        if ends is not None:
            findings |= _rise(along_field(sums, np.full_like(field, sign)), ends, side)
    findings["verdict"] = _verdict(findings)
    return Content(table, _figure(ensemble, table), findings)


def _table(sums: dict[str, NDArray], field: NDArray) -> pd.DataFrame:
    aligned = along_field(sums, field)
    columns: dict[str, Any] = {
        "direction": np.repeat(DIRECTIONS, len(field) // 2),
        "field_V_per_nm": field,
        "water_samples": sums["waters"].sum(axis=0).astype(int),
    }
    for name in OBSERVABLES:
        found = bootstrap(aligned, partial(order, observable=name))
        column = name.replace(" ", "_")
        columns |= {column: found.value, f"{column}_low": found.low, f"{column}_high": found.high}
    return pd.DataFrame(columns)


def _ends(field: NDArray, sign: int) -> tuple[int, int] | None:
    """Forward holds of least and of most |field| of a sign; None where there are not two."""
    forward = np.flatnonzero(sign * field[: len(field) // 2] >= 0)
    size = np.abs(field[forward])
    if len(forward) < 2 or size.max() == size.min():
        return None
    return int(forward[size.argmin()]), int(forward[size.argmax()])


def _rise(aligned: dict[str, NDArray], ends: tuple[int, int], side: str) -> dict[str, list[float]]:
    """How the order grows from the lowest hold to the highest, on the way forward."""
    low, high = ends

    def change(tables: dict[str, NDArray], name: str) -> NDArray:
        values = order(tables, name)
        return values[:, [high]] - values[:, [low]]

    cosine, width = (bootstrap(aligned, partial(change, name=name)).at(0) for name in OBSERVABLES)
    fall = Interval(-width.value, -width.high, -width.low)
    return {
        f"rise of mean cosine with field, {side}": cosine.triple(),
        f"fall of sigma_theta with field, {side}": fall.triple(),
    }


def _verdict(findings: dict[str, Any]) -> str:
    rises = {key: found for key, found in findings.items() if key.startswith("rise")}
    if not rises:
        return "one field of each sign: nothing to compare it with"
    parts = []
    for key, (value, low, high) in rises.items():
        says = "no change beyond its interval"
        if not np.isfinite(low):
            says = "one seed gives no interval"
        elif low > 0 or high < 0:
            says = f"{'rises' if low > 0 else 'falls'} with the held field"
        side = key.rpartition(", ")[2]
        parts.append(f"{side}: mean cosine {value:+.2f} [{low:+.2f}, {high:+.2f}]: {says}")
    return "; ".join(parts)


def _figure(ensemble: Ensemble, table: pd.DataFrame) -> Figure:
    row = [Panel(partial(_by_field, table=table, name=name)) for name in OBSERVABLES]
    return panels(f"{ensemble.title}; {ensemble.seeds}, bars 95 %", [row])


def _by_field(axis: Axes, table: pd.DataFrame, name: str) -> None:
    column = name.replace(" ", "_")
    for direction in DIRECTIONS:
        rows = table[table.direction == direction].sort_values("field_V_per_nm")
        color = COLORS[direction]
        # Both directions often agree: an open symbol shows the other one behind it.
        face = color if direction == DIRECTIONS[0] else "none"
        ends = rows[column], rows[f"{column}_low"], rows[f"{column}_high"]
        style: dict[str, Any] = {
            "fmt": "o-",
            "lw": 1,
            "color": color,
            "mfc": face,
            "label": direction,
        }
        bars(axis, rows.field_V_per_nm, *ends, WITHIN[name], **style)
    axis.set(xlabel="held field (V/nm)", ylabel=LABELS[name])
    legend(axis)
