"""Paired pulses and pulse trains: what was carried in each pulse (paper, Fig. 5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..field import Programme, branches_of, programme_of
from ..model.system import Model
from ..schema import PairedPulse, PulseTrain, Recording
from ..simulate.record import Rows
from ..units import E_PER_PS
from .statistics import Interval, bootstrap, poisson
from .sums import by_segment


def pulse_segments(programme: Programme) -> NDArray[np.int64]:
    """Indices of the programme's segments that are pulses."""
    labels = [leaf.label for _, leaf in programme.leaves()]
    return np.array([i for i, label in enumerate(labels) if label == "pulse"], dtype=np.int64)


def pulse_pairs(trunk: Rows, branches: list[Rows], protocol: PairedPulse) -> dict[str, NDArray]:
    """Sums over the first pulse, then over the second pulse of each delay.

    Returns:
        What `sums.grouped` does, shape (1 + number of delays, ...).
    """
    sample = protocol.recording.sample_interval_ps
    programme = programme_of(protocol)
    first = by_segment(trunk, programme, sample)
    parts = [{k: v[pulse_segments(programme)[0]] for k, v in first.items()}]
    for rows, whole in zip(branches, branches_of(protocol).values(), strict=True):
        second = by_segment(rows, whole, sample)
        parts.append({k: v[pulse_segments(whole)[1]] for k, v in second.items()})
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def train_pulses(protocol: PulseTrain) -> NDArray[np.int64]:
    """Indices of the pulses among the train's segments, shape (pulses,)."""
    return pulse_segments(programme_of(protocol))


@dataclass(frozen=True)
class Pulses:
    """What one estimator finds of all pulses.

    `tables` are sums by seed and pulse whose ratio q / time is the current in nA; `ratio` is that
    of each later pulse to the first, `flag` says why there is none.
    """

    tables: dict[str, NDArray]
    currents: Interval
    ratio: Interval
    flag: str


def by_estimator(sums: dict[str, NDArray], recording: Recording, model: Model) -> dict[str, Pulses]:
    """Currents and ratios of the pulses from the pore's slab and from the whole cell.

    Args:
        sums: by seed and pulse, shape (seeds, pulses).
        recording: gives the slab's width.
        model: gives the box.
    """
    lengths = {
        "pore slab": ("slab", 2 * recording.slab_half_width_nm),
        "whole cell": ("cell", float(model.box[0])),
    }
    found = {}
    for estimator, (column, length) in lengths.items():
        charge = sums[f"K_{column}_e_nm"] + sums[f"Cl_{column}_e_nm"]
        tables = {"q": charge * E_PER_PS / length, "time": sums["time_ps"]}
        currents = bootstrap(tables, lambda t: t["q"] / t["time"])
        found[estimator] = Pulses(tables, currents, *_ratio(tables, currents))
    return found


def _ratio(tables: dict[str, NDArray], currents: Interval) -> tuple[Interval, str]:
    """Current of each later pulse over the first one's, or a flag that says why there is none.

    A ratio whose first pulse carried no significant current is noise over noise: it is not given.
    """
    nothing = np.full(len(currents.value) - 1, np.nan)
    first = f"I0 = {currents.value[0]:.3g} nA [{currents.low[0]:.3g}, {currents.high[0]:.3g}]"
    if not np.isfinite(currents.low[0]):
        return Interval(nothing, nothing, nothing), "one seed gives no interval"
    if not tables["q"][:, 0].any():
        time = float(tables["time"][:, 0].sum())
        bound = float(poisson(np.zeros(1)).high[0]) * E_PER_PS / time
        flag = f"no ion in the slab in the first pulse: |I0| < {bound:.3g} nA"
        return Interval(nothing, nothing, nothing), flag
    if currents.low[0] <= 0 <= currents.high[0]:
        return Interval(nothing, nothing, nothing), f"no significant first current: {first}"
    return bootstrap(tables, lambda t: over_first(t["q"] / t["time"])), ""


def over_first(rate: NDArray) -> NDArray:
    """Currents of all pulses but the first over the first one's, shape (n, pulses - 1)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return rate[:, 1:] / rate[:, :1]
