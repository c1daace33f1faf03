"""Order and number of the pore's waters at held fields, forward and back (paper, Figs 2C, 3).

A fast sine shows the water's lag as well as its order. A hold long enough shows the order alone; it
is read in its second half, as `steady_current` reads the current.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.orientation import OBSERVABLES, along_field, order
from ..analysis.statistics import Interval, bootstrap
from .drawing import COLORS, NOT_NEGATIVE, Panel, bars, legend, panels
from .ensemble import Content, Ensemble
from .relaxation import DIRECTIONS, LABELS, WITHIN
from .steady_current import settled

SIDES = {"E > 0": 1, "E < 0": -1}
_LABELS = LABELS | {"waters": "waters in the pore"}
_WITHIN = WITHIN | {"waters": NOT_NEGATIVE}

Tables = dict[str, NDArray]


def make(ensemble: Ensemble) -> Content:
    """Mean cosine of the dipoles to the field, width of P(theta), and waters, of every hold.

    Without a field, theta and the cosine are taken from +x. The waters are those in the cylinder of
    `recording.pore_radius_nm` and `recording.pore_half_length_nm`.
    """
    sums = settled(ensemble.sums())
    field = sums["field_ps"].sum(axis=0) / sums["time_ps"].sum(axis=0)
    waters = {
        "waters": sums["waters"] * ensemble.point.protocol.recording.sample_interval_ps,
        "time": sums["time_ps"],
    }
    table = _table(sums, field, bootstrap(waters, _number))
    table["seeds"] = len(ensemble.jobs)
    findings: dict[str, Any] = {}
    for side, sign in SIDES.items():
        ends = _ends(field, sign)
        if ends is not None:
            findings |= _rise(along_field(sums, np.full_like(field, sign)), ends, side)
            gained = bootstrap(waters, partial(_change, ends=ends, of=_number)).at(0)
            findings[f"waters gained with field, {side}"] = gained.triple()
    findings["verdict"] = _verdict(findings)
    return Content(table, _figure(ensemble, table), findings)


def _number(tables: Tables) -> NDArray:
    """Mean number of waters in each hold, shape (n, holds)."""
    return np.asarray(tables["waters"] / tables["time"])


def _change(tables: Tables, ends: tuple[int, int], of: Callable[[Tables], NDArray]) -> NDArray:
    """What a value of each hold changes by from one hold to another, shape (n, 1)."""
    values, (low, high) = of(tables), ends
    return np.asarray(values[:, [high]] - values[:, [low]])


def _table(sums: Tables, field: NDArray, waters: Interval) -> pd.DataFrame:
    aligned = along_field(sums, field)
    columns: dict[str, Any] = {
        "direction": np.repeat(DIRECTIONS, len(field) // 2),
        "field_V_per_nm": field,
        "water_samples": sums["waters"].sum(axis=0).astype(int),
    }
    each = {name: bootstrap(aligned, partial(order, observable=name)) for name in OBSERVABLES}
    for name, found in (each | {"waters": waters}).items():
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


def _rise(aligned: Tables, ends: tuple[int, int], side: str) -> dict[str, list[float]]:
    """How the order grows from the lowest hold to the highest, on the way forward."""
    cosine, width = (
        bootstrap(aligned, partial(_change, ends=ends, of=partial(order, observable=name))).at(0)
        for name in OBSERVABLES
    )
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
    row = [Panel(partial(_by_field, table=table, name=name)) for name in _LABELS]
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
        bars(axis, rows.field_V_per_nm, *ends, _WITHIN[name], **style)
    axis.set(xlabel="held field (V/nm)", ylabel=_LABELS[name])
    legend(axis)
