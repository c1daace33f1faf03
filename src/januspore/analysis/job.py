"""What is kept of one job: sums for the aggregates, and a summary of scalars."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..model.system import Model
from ..schema import Equilibrate, Sine, StatePoint
from ..simulate.record import Rows
from . import VERSION
from .current import crossing_current
from .orientation import circular_std, turned
from .sine import by_phase
from .statistics import Interval, poisson, run_mean


def analyse_record(
    rows: Rows, point: StatePoint, model: Model
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reduce a record to (sums for the aggregates, summary of scalars), both of JSON values."""
    protocol = point.protocol
    sums = by_phase(rows, protocol) if isinstance(protocol, Sine) else {}
    late = (
        rows["time_ps"] > protocol.relax_ps / 2
        if isinstance(protocol, Equilibrate)
        else slice(None)
    )
    summary: dict[str, Any] = {
        "analysis_version": VERSION,
        "rows": len(rows),
        "simulated_ps": float(rows["time_ps"][-1]),
        **_named("T_trans_K", run_mean(rows["T_trans_K"][late])),
        **_named("T_rot_K", run_mean(rows["T_rot_K"][late])),
        **_named("bulk_water_per_nm3", bulk_density(rows, late, point, model)),
        **_named("waters_in_pore", run_mean(rows["water_in_pore"][late])),
        "K_in_pore": float(rows["K_in_pore"].mean()),
        "Cl_in_pore": float(rows["Cl_in_pore"].mean()),
        **_crossings(rows),
    }
    if sums:
        summary |= _order(sums)
    return {name: np.asarray(value).tolist() for name, value in sums.items()}, summary


def bulk_density(rows: Rows, late: Any, point: StatePoint, model: Model) -> Interval:
    """Water molecules per nm^3 in the middle of the reservoirs (design, section 1)."""
    volume = 2 * point.protocol.recording.bulk_width_nm * float(np.prod(model.box[1:]))
    return run_mean(rows["water_in_bulk"][late]).scaled(1 / volume)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON aside and rename; NaN becomes null, so that every reader can read it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        text = json.dumps(_plain(data), indent=1, sort_keys=True, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _named(name: str, interval: Interval) -> dict[str, float]:
    return {
        name: float(interval.value),
        f"{name}_low": float(interval.low),
        f"{name}_high": float(interval.high),
    }


def _crossings(rows: Rows) -> dict[str, float]:
    summary: dict[str, float] = {}
    time = np.asarray(rows["time_ps"][-1])
    for ion, charge in (("K", +1.0), ("Cl", -1.0)):
        forward, backward = rows[f"{ion}_forward"].sum(), rows[f"{ion}_backward"].sum()
        summary[f"{ion}_crossings_forward"] = int(forward)
        summary[f"{ion}_crossings_backward"] = int(backward)
        summary[f"{ion}_crossings_upper_per_ns"] = float(
            poisson(forward + backward).high / time * 1000
        )
        net = crossing_current(forward, backward, charge, time)
        summary |= _named(f"{ion}_crossing_current_nA", net)
    return summary


def _order(sums: Mapping[str, Any]) -> dict[str, float]:
    """sigma_theta, from the field's direction, in the third of phases with least and most field."""
    field = sums["field_ps"] / np.maximum(sums["time_ps"], 1e-12)
    aligned = np.where((field < 0)[:, None], turned(sums["theta"]), sums["theta"])
    order = np.argsort(np.abs(field))
    third = len(order) // 3
    return {
        "sigma_theta_low_field_rad": float(circular_std(aligned[order[:third]].sum(axis=0))),
        "sigma_theta_high_field_rad": float(circular_std(aligned[order[-third:]].sum(axis=0))),
    }
