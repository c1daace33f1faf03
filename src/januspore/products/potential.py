"""Potential along x, from the charges of the frames kept: with each field, and of each part.

Of any job with frames. The charges' own potential is periodic; with the applied field's -E x it is
what an ion sees. In steady state nearly all of the voltage of the cell falls across the membrane.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.frames import kept_frames
from ..analysis.potential import PARTS, charge_sums, class_of, classes, edges, potential
from ..analysis.statistics import Interval, bootstrap, by_cluster, shown
from ..model.system import Model
from ..values import DECIMALS
from .drawing import Panel, band, legend, panels, shades, zero_lines
from .ensemble import Content, Ensemble

#: The voltage across the membrane is that between here and its mirror image, nm.
BESIDE_NM = 0.6
ALL = "all"


def make(ensemble: Ensemble) -> Content:
    """Sort the frames of all seeds by field, and solve Poisson's equation for each."""
    fields = classes(ensemble.point.protocol)
    each = [_job_sums(job, ensemble, fields) for job in ensemble.jobs]
    stacked = {name: np.stack([one[name] for one in each]) for name in each[0]}
    sums = by_cluster(stacked, ensemble.equilibrations)
    seen = [k for k in range(len(fields)) if sums["frames"][:, k].sum()]
    # Of a field that is never held, the mean over its frames.
    total, frames_of = sums["field"].sum(axis=0), sums["frames"].sum(axis=0)
    # Rounded as state points are: frames at the zero of a sine are at 0, not at 1e-16.
    means = {k: round(float(total[k] / frames_of[k]), DECIMALS) + 0.0 for k in seen}
    frames = [_rows(ensemble, sums, k, field) for k, field in means.items()]
    columns = ["field_V_per_nm", "of", "x_nm", "potential_V", "low", "high", "total_V", "frames"]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    findings = _findings(ensemble.model, sums, means)
    return Content(table, _figure(ensemble, table), findings)


def _job_sums(job: Any, ensemble: Ensemble, fields: NDArray) -> dict[str, NDArray]:
    """Sums of a job's frames by field: (fields, ...)."""
    protocol = ensemble.point.protocol
    found: list[list[NDArray]] = [[] for _ in fields]
    total = np.zeros(len(fields))
    for _, state in kept_frames(job, ensemble.point):
        known = class_of(protocol, state.step * protocol.dynamics.timestep_ps)
        if known is not None:
            found[known[0]].append(state.positions)
            total[known[0]] += known[1]
    sums = [charge_sums(own, ensemble.model) for own in found]
    return {name: np.stack([one[name] for one in sums]) for name in sums[0]} | {"field": total}


def _of_field(sums: dict[str, NDArray], k: int) -> dict[str, NDArray]:
    """Sums of the frames of one field, of the runs that have any: (runs, ...)."""
    own = {name: values[:, k] for name, values in sums.items()}
    return {name: values[own["frames"] > 0] for name, values in own.items()}


def _of_all(tables: dict[str, NDArray], model: Model) -> NDArray[np.float64]:
    """Potential of all charges, (b, bins + 1), of sums over runs, (b, PARTS, bins)."""
    frames = tables["frames"].reshape(-1, 1)
    charge, moment = (tables[name].sum(axis=1) / frames for name in ("charge", "moment"))
    return potential(charge, moment, model)


def _of_parts(tables: dict[str, NDArray], model: Model) -> NDArray[np.float64]:
    """Potential of each part over all runs, (PARTS, bins + 1)."""
    frames = tables["frames"].sum()
    charge, moment = (tables[name].sum(axis=0) / frames for name in ("charge", "moment"))
    return potential(charge, moment, model)


def _rows(ensemble: Ensemble, sums: dict[str, NDArray], k: int, field: float) -> pd.DataFrame:
    model, at = ensemble.model, edges(ensemble.model)
    own_sums, nothing = _of_field(sums, k), np.full(len(at), np.nan)
    curves = {ALL: bootstrap(own_sums, partial(_of_all, model=model))}
    for name, part in zip(PARTS, _of_parts(own_sums, model), strict=True):
        curves[name] = Interval.of(part, nothing, nothing)
    frames = [
        pd.DataFrame(
            {
                "field_V_per_nm": field,
                "of": name,
                "x_nm": at,
                "potential_V": own.value,
                "low": own.low,
                "high": own.high,
                "total_V": own.value - field * at if name == ALL else np.nan,
                "frames": int(sums["frames"][:, k].sum()),
            }
        )
        for name, own in curves.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _findings(model: Model, sums: dict[str, NDArray], fields: dict[int, float]) -> dict[str, Any]:
    """Voltage across the membrane at each field, and how much of the cell's that is."""
    at = edges(model)
    if not fields or at[-1] <= BESIDE_NM:
        return {"verdict": "no frame of a field that was held can be read"}
    here = [int(np.argmin(np.abs(at - x))) for x in (-BESIDE_NM, BESIDE_NM)]
    found: dict[str, Any] = {}
    for k, field in fields.items():
        applied = field * float(at[here[1]] - at[here[0]])
        value = _drop(_of_field(sums, k), model, here, applied)
        found[f"across membrane_V at {field:.3g} V/nm"] = value.triple()
    last = max(fields, key=lambda k: abs(fields[k]))
    told = found[f"across membrane_V at {fields[last]:.3g} V/nm"]
    voltage = fields[last] * model.box[0]
    found["verdict"] = (
        f"{shown(told)} V of {voltage:.3g} V fall between -{BESIDE_NM:g} and {BESIDE_NM:g} nm at "
        f"{fields[last]:.3g} V/nm"
    )
    return found


def _drop(tables: dict[str, NDArray], model: Model, here: list[int], applied: float) -> Interval:
    """Potential at the first place less that at the second, with the applied field's part, V."""

    def between(sums: dict[str, NDArray]) -> NDArray[np.float64]:
        found = _of_all(sums, model)
        return np.asarray(found[:, here[0]] - found[:, here[1]] + applied)[:, None]

    return bootstrap(tables, between).at(0)


# --- figure --------------------------------------------------------------------------------------


def _figure(ensemble: Ensemble, table: pd.DataFrame) -> Figure:
    missing = "" if len(table) else "No frame of a field that was held can be read."
    fields = sorted(table["field_V_per_nm"].unique(), key=abs)
    same = "" if any(fields) else "No field was held: the potential with it is that of the charges."
    row = [
        Panel(partial(_by_field, table, "potential_V", "potential of the charges (V)"), missing),
        Panel(
            partial(_by_field, table, "total_V", "potential with the applied field (V)"),
            missing or same,
        ),
        Panel(partial(_by_part, table, fields[0] if fields else 0.0), missing),
    ]
    return panels(f"{ensemble.title}; {ensemble.seeds}, bands 95 %", [row])


def _by_field(table: pd.DataFrame, column: str, label: str, axis: Axes) -> None:
    groups = list(table[table["of"] == ALL].groupby("field_V_per_nm"))
    for color, (field, own) in zip(shades(len(groups)), groups, strict=True):
        axis.plot(own.x_nm, own[column], lw=1.2, color=color, label=f"{field:.3g} V/nm")
        shift = own[column] - own["potential_V"]
        band(axis, own.x_nm, own.low + shift, own.high + shift, color)
    _axes(axis, label)


def _by_part(table: pd.DataFrame, field: float, axis: Axes) -> None:
    own = table[table["field_V_per_nm"] == field]
    for name, color in zip(PARTS, ("tab:orange", "tab:blue", "tab:green"), strict=True):
        part = own[own["of"] == name]
        axis.plot(part.x_nm, part.potential_V, lw=1.2, color=color, label=name)
    _axes(axis, f"parts of the potential at {field:.3g} V/nm (V)")


def _axes(axis: Axes, label: str) -> None:
    zero_lines(axis)
    axis.set(xlabel="x (nm)", ylabel=label)
    legend(axis)
