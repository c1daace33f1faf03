"""The analysis of one job: sums for the products, and a summary of scalars."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model.system import Model
from ..protocols import AnyProtocol, required
from ..schema import StatePoint
from ..simulate.record import Rows
from . import VERSION, barrier
from .current import crossing_current
from .cycle import by_phase
from .orientation import along_field, mean_cosine
from .pulses import pulse_pairs
from .statistics import Interval, poisson, run_mean
from .steps import by_step
from .sums import by_segment, time_bins


def analyse_record(
    trunk: Rows, branches: list[Rows], point: StatePoint, model: Model
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Reduce a record to sums for the products and a summary of scalars.

    Args:
        trunk: the job's own record.
        branches: records of its branches, in the order of their delays.
        point: the job's state point.
        model: its model.
    """
    protocol = point.protocol
    reading = next((READINGS[name] for name in READINGS if name in protocol.capabilities()), None)
    sums = reading.sums(trunk, branches, protocol) if reading else {}
    late = trunk["time_ps"] > _settled_ps(protocol)
    summary: dict[str, Any] = {
        "analysis_version": VERSION,
        "rows": len(trunk) + sum(len(rows) for rows in branches),
        "simulated_ps": float(trunk["time_ps"][-1]) + sum(_length(rows) for rows in branches),
        **_named("T_trans_K", run_mean(recorded(trunk["T_trans_K"][late]))),
        **_named("T_rot_K", run_mean(recorded(trunk["T_rot_K"][late]))),
    }
    if not protocol.bulk:
        summary |= _about_membrane(trunk, late, point, model)
    if reading:
        summary |= reading.summary(sums)
    return sums, summary


def _settled_ps(protocol: AnyProtocol) -> float:
    """Time before which a run is not taken for settled."""
    if protocol.bulk:
        return protocol.bulk.relax_ps
    return protocol.snapshots.relax_ps / 2 if protocol.snapshots else 0.0


def _about_membrane(rows: Rows, late: Any, point: StatePoint, model: Model) -> dict[str, float]:
    """Scalars that only a cell with a membrane has."""
    return {
        **_named("bulk_water_per_nm3", bulk_density(rows, late, point, model)),
        **_named("waters_in_pore", run_mean(rows["water_in_pore"][late])),
        **{f"{ion}_in_pore": float(rows[f"{ion}_in_pore"].mean()) for ion in model.ion_charges},
        **_crossings(rows, model),
    }


def _length(rows: Rows) -> float:
    spacing = rows["time_ps"][1] - rows["time_ps"][0] if len(rows) > 1 else 0.0
    return float(len(rows) * spacing)


def bulk_density(rows: Rows, late: Any, point: StatePoint, model: Model) -> Interval:
    """Water molecules per nm^3 in the middle of the reservoirs (design, section 1)."""
    volume = 2 * point.protocol.recording.bulk_width_nm * float(np.prod(model.box[1:]))
    return run_mean(rows["water_in_bulk"][late]).scaled(1 / volume)


def recorded(series: NDArray) -> NDArray:
    """Leave out rows in which a column was not sampled, which are NaN (see `simulate.record`)."""
    return series[np.isfinite(series)]


def _named(name: str, interval: Interval) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval.triple(), strict=True))


def _crossings(rows: Rows, model: Model) -> dict[str, float]:
    summary: dict[str, float] = {}
    time = np.asarray(rows["time_ps"][-1])
    for ion, charge in model.ion_charges.items():
        counts = {f"{ion}_{way}": rows[f"{ion}_{way}"].sum() for way in ("forward", "backward")}
        summary[f"{ion}_crossings_forward"] = int(counts[f"{ion}_forward"])
        summary[f"{ion}_crossings_backward"] = int(counts[f"{ion}_backward"])
        most = poisson(sum(counts.values())).high
        summary[f"{ion}_crossings_upper_per_ns"] = float(most / time * 1000)
        net = crossing_current(counts | {"time_ps": time}, ion, charge)
        summary |= _named(f"{ion}_crossing_current_nA", net)
    return summary


def _order(sums: dict[str, NDArray]) -> dict[str, float]:
    """Mean cosine to the field in the thirds of phases with the lowest and the highest |field|."""
    field = sums["field_ps"] / np.maximum(sums["time_ps"], 1e-12)
    aligned = along_field(sums, field)
    found = {}
    for sign, chosen in (("positive", field > 0), ("negative", field < 0)):
        rising = np.flatnonzero(chosen)[np.argsort(np.abs(field[chosen]))]
        third = len(rising) // 3
        for which, part in (("low", rising[:third]), ("high", rising[len(rising) - third :])):
            tables = {name: aligned[name][part].sum() for name in ("cosine", "waters")}
            found[f"mean_cosine_{which}_{sign}_field"] = float(mean_cosine(tables))
    return found


# --- by capability -----------------------------------------------------------------------------


def _by_phase(trunk: Rows, _branches: list[Rows], protocol: AnyProtocol) -> dict[str, NDArray]:
    cycle = required(protocol.cycle, "cycle")
    return by_phase(trunk, cycle, protocol.recording.sample_interval_ps)


def _by_hold(trunk: Rows, _branches: list[Rows], protocol: AnyProtocol) -> dict[str, NDArray]:
    sample = protocol.recording.sample_interval_ps
    bins = time_bins(required(protocol.holds, "holds").hold_ps, sample)
    return by_segment(trunk, protocol.programme(), sample, bins)


def _by_step(trunk: Rows, _branches: list[Rows], protocol: AnyProtocol) -> dict[str, NDArray]:
    return by_step(trunk, required(protocol.steps, "steps"))


def _by_pulse(trunk: Rows, _branches: list[Rows], protocol: AnyProtocol) -> dict[str, NDArray]:
    return by_segment(trunk, protocol.programme(), protocol.recording.sample_interval_ps)


def _by_window(trunk: Rows, _branches: list[Rows], protocol: AnyProtocol) -> dict[str, NDArray]:
    return barrier.by_window(trunk, required(protocol.windows, "windows"))


def _by_run(trunk: Rows, _branches: list[Rows], protocol: AnyProtocol) -> dict[str, NDArray]:
    required(protocol.bulk, "bulk")
    return by_segment(trunk, protocol.programme(), protocol.recording.sample_interval_ps)


def _nothing(_sums: dict[str, NDArray]) -> dict[str, float]:
    return {}


@dataclass(frozen=True)
class Reading:
    """How a record is reduced to sums, and which scalars of the sums go into the summary."""

    sums: Callable[[Rows, list[Rows], AnyProtocol], dict[str, NDArray]]
    summary: Callable[[dict[str, NDArray]], dict[str, float]] = _nothing


#: By capability. The first one that a protocol has is used for its record.
READINGS = {
    "cycle": Reading(_by_phase, _order),
    "holds": Reading(_by_hold),
    "steps": Reading(_by_step),
    "train": Reading(_by_pulse),
    "pairs": Reading(pulse_pairs),
    "windows": Reading(_by_window, barrier.summary),
    "bulk": Reading(_by_run),
}
