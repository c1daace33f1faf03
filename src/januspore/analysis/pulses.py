"""Paired pulses and pulse trains: the current of each pulse (paper, Fig. 5)."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..model.system import Model
from ..protocols import AnyProtocol, Recording
from ..protocols.field import Programme
from ..simulate.record import Rows
from .current import (
    ESTIMATORS,
    Tables,
    current_interval,
    current_tables,
    rate,
)
from .statistics import Interval, ratio_of_means, student
from .sums import by_segment


def pulse_segments(programme: Programme) -> NDArray[np.int64]:
    """Indices of the programme's segments that are pulses."""
    labels = [leaf.label for _, leaf in programme.leaves()]
    return np.array([i for i, label in enumerate(labels) if label == "pulse"], dtype=np.int64)


def pulse_pairs(trunk: Rows, branches: list[Rows], protocol: AnyProtocol) -> dict[str, NDArray]:
    """Sums over the first pulse, then over the second pulse of each delay.

    Returns:
        The sums of `sums.grouped`, shape (1 + number of delays, ...).
    """
    sample = protocol.recording.sample_interval_ps
    programme = protocol.programme()
    first = by_segment(trunk, programme, sample)
    parts = [{k: v[pulse_segments(programme)[0]] for k, v in first.items()}]
    for rows, branch in zip(branches, protocol.branches(), strict=True):
        second = by_segment(rows, branch.programme, sample)
        pulse = pulse_segments(branch.programme)[1]
        parts.append({k: v[pulse] for k, v in second.items()})
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


class Memory(StrEnum):
    """Whether later pulses depend on the first one."""

    FACILITATION = "facilitation"
    DEPRESSION = "depression"
    DECAYS = "decays with the delay"
    OPEN = "not told"
    NO_FIRST_CURRENT = "no significant first current"
    ONE_SEED = "one seed"


@dataclass(frozen=True)
class Pulses:
    """Currents and ratios of all pulses by one estimator.

    `tables` are those of `analysis.current` by pulse, `currents` in nA. `ratio` is the current of
    each later pulse over that of the first. Where it cannot be given, `missing` is the reason and
    `flag` the reason in words.
    """

    tables: Tables
    currents: Interval
    ratio: Interval
    missing: Memory | None
    flag: str


def by_estimator(sums: dict[str, NDArray], recording: Recording, model: Model) -> dict[str, Pulses]:
    """Currents and ratios of the pulses from the pore's slab and from the whole cell.

    Args:
        sums: by seed and pulse, shape (seeds, pulses).
        recording: gives the slab's width.
        model: gives the box.
    """
    tables = current_tables(sums, recording, model)
    found = {}
    for estimator in ESTIMATORS:
        own = tables[estimator, "total"]
        currents = current_interval(own, rate)
        found[estimator] = Pulses(own, currents, *_ratio(own, currents))
    return found


def _ratio(tables: Tables, currents: Interval) -> tuple[Interval, Memory | None, str]:
    """Ratio of each later pulse's current to the first one's, or the reason why there is none.

    No ratio is given where the first current is not significant. The interval is Fieller's, whose
    coverage is 92 to 98 %, also where the first current is only two standard errors from 0
    (docs/statistics.md).
    """
    seeds = len(tables["time"])
    nothing = Interval.unknown(len(currents.value) - 1)
    if seeds < 2:
        return nothing, Memory.ONE_SEED, "one seed gives no interval"
    first = f"I0 = {currents.at(0).shown()} nA"
    if currents.low[0] <= 0 <= currents.high[0]:
        return nothing, Memory.NO_FIRST_CURRENT, f"no significant first current: {first}"
    # Rows differ in their total time where equilibrations have different numbers of seeds.
    apart = tables["charge"] - currents.value * tables["time"]
    share = apart / tables["time"].mean(axis=0)
    errors = np.maximum(currents.high - currents.value, currents.value - currents.low)
    errors = errors / student(seeds)
    shared = np.cov(share, rowvar=False)[0, 1:] / seeds
    ratio = ratio_of_means(
        (currents.value[1:], np.broadcast_to(currents.value[0], nothing.value.shape)),
        (errors[1:] ** 2, np.broadcast_to(errors[0] ** 2, nothing.value.shape)),
        shared,
        seeds,
    )
    if np.isnan(ratio.value).all():
        return nothing, Memory.NO_FIRST_CURRENT, f"first current too uncertain for a ratio: {first}"
    return ratio, None, ""
