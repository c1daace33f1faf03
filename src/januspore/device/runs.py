"""The data that a device is fitted to: order and current after every change of a held field.

A run holds the sums of one ensemble's analyses for fields that are held one after the other, a
staircase or repeated steps, by equilibration, hold and bin of time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..analysis.current import current_tables
from ..analysis.cycle import PHASES
from ..analysis.pulses import pulse_segments
from ..analysis.steps import WAYS, log_bins, step_times
from ..products.ensemble import Ensemble
from ..protocols import required
from ..protocols.field import Programme

#: Sums that add up over seeds.
Tables = dict[str, NDArray]


@dataclass(frozen=True)
class Hold:
    """One held field, and the index of the group of data that its bins belong to, -1 for none."""

    field_V_per_nm: float
    duration_ps: float
    group: int


@dataclass(frozen=True)
class Run:
    """Holds one after the other, from a state relaxed at no field, and their sums.

    Attributes:
        name: name of the protocol.
        holds: the holds in order.
        edges_ps: for each group, the edges of its bins, from the start of the hold.
        seen: for each group, the sums `cosine` and `waters`, shape (equilibrations, bins); where
            currents are kept also `charge`, nA ps, `time`, ps, and completed crossings `plus` and
            `minus`.
        equilibrations: numbers of the equilibrations.
    """

    name: str
    holds: tuple[Hold, ...]
    edges_ps: tuple[NDArray, ...]
    seen: tuple[Tables, ...]
    equilibrations: tuple[int, ...]

    def before(self, k: int) -> float:
        """Return the field before hold k, V/nm."""
        return self.holds[k - 1].field_V_per_nm if k else 0.0


def run_of(ensemble: Ensemble) -> Run:
    """Return the run of an ensemble whose protocol holds fields or repeats steps."""
    protocol = ensemble.point.protocol
    return _staircase(ensemble) if protocol.holds is not None else _steps(ensemble)


def _numbers(ensemble: Ensemble) -> tuple[int, ...]:
    return tuple(sorted(set(ensemble.equilibrations)))


def _staircase(ensemble: Ensemble) -> Run:
    protocol = ensemble.point.protocol
    holds = required(protocol.holds, "holds")
    sums = ensemble.sums()
    fields = [*holds.forward_V_per_nm, *holds.forward_V_per_nm[::-1]]
    bins = sums["waters"].shape[2]
    edges = np.linspace(0.0, holds.hold_ps, bins + 1)
    currents = current_tables(sums, protocol.recording, ensemble.model)["pore slab", "total"]
    seen = []
    for k in range(len(fields)):
        order = {name: sums[name][:, k] for name in ("cosine", "waters")}
        seen.append(order | {n: currents[n][:, k] for n in ("charge", "time", "plus", "minus")})
    every = tuple(Hold(e, holds.hold_ps, k) for k, e in enumerate(fields))
    return Run(protocol.name, every, (edges,) * len(fields), tuple(seen), _numbers(ensemble))


def _steps(ensemble: Ensemble) -> Run:
    protocol = ensemble.point.protocol
    steps = required(protocol.steps, "steps")
    sums = ensemble.sums()
    edges, seen = [], []
    for way in WAYS:
        times = step_times(steps, way)
        edges.append(np.append(log_bins(len(times)) * steps.sample_ps, times[-1]))
        seen.append({n: sums[f"{way}_{n}"].sum(axis=1) for n in ("cosine", "waters")})
    up = Hold(steps.high_V_per_nm, steps.up_ps, 0)
    down = Hold(steps.low_V_per_nm, steps.down_ps, 1)
    settle = Hold(steps.low_V_per_nm, steps.down_ps, -1)
    holds = (settle, *[up, down] * steps.repeats)
    return Run(protocol.name, holds, tuple(edges), tuple(seen), _numbers(ensemble))


@dataclass(frozen=True)
class Unfitted:
    """The sums of an ensemble that no device is fitted to: a periodic field, or pulses.

    Attributes:
        name: name of the protocol, and its mode if it has one.
        told: frequency and amplitude, or the number of delays or pulses, in words.
        times_ps: for each bin, the programme and the times at which predictions are averaged.
        seen: the sums `cosine`, `waters`, `charge`, `time`, `plus`, `minus`, by equilibration and
            bin.
        field_V_per_nm: mean field of each bin.
        is_loop: whether the bins are the phases of a cycle.
    """

    name: str
    told: str
    times_ps: tuple[tuple[Programme, NDArray], ...]
    seen: Tables
    field_V_per_nm: NDArray
    is_loop: bool


#: Times at which predictions are averaged over a bin, as fractions of it.
_INSIDE = (np.arange(10) + 0.5) / 10


def unfitted_of(ensemble: Ensemble) -> Unfitted:
    """Return the sums of an ensemble with a periodic field, pairs of pulses, or a train."""
    protocol, sums = ensemble.point.protocol, ensemble.sums()
    name = " ".join(filter(None, [protocol.name, getattr(protocol, "mode", "")]))
    programme, cycle = protocol.programme(), protocol.cycle
    if cycle is not None:
        period = 1000.0 / cycle.frequency_GHz
        starts = period * np.arange(round(programme.duration_ps / period))[:, None]
        phases = (np.arange(PHASES)[:, None] + _INSIDE) * period / PHASES
        times = tuple((programme, np.sort((starts + phase).ravel())) for phase in phases)
        told = f"{cycle.frequency_GHz:g} GHz, {cycle.amplitude_V_per_nm:g} V/nm"
    elif protocol.pairs is not None:
        seconds = tuple((b.programme, _pulses(b.programme)[1]) for b in protocol.branches())
        times = ((programme, _pulses(programme)[0]), *seconds)
        told = f"{len(seconds)} delays"
    else:
        times = tuple((programme, own) for own in _pulses(programme))
        told = f"{len(times)} pulses"
        pulses = pulse_segments(programme)
        sums = {key: values[:, pulses] for key, values in sums.items()}
    sums = {key: v[..., 0] if v.ndim == 3 and key != "theta" else v for key, v in sums.items()}
    currents = current_tables(sums, protocol.recording, ensemble.model)["pore slab", "total"]
    seen = {key: sums[key] for key in ("cosine", "waters")}
    seen |= {key: currents[key] for key in ("charge", "time", "plus", "minus")}
    field = np.array([np.mean([own.value(t) for t in at]) for own, at in times])
    return Unfitted(name, told, times, seen, field, cycle is not None)


def _pulses(programme: Programme) -> list[NDArray]:
    """Return times within each pulse of a programme."""
    leaves = [(start, leaf) for start, leaf in programme.leaves() if leaf.label == "pulse"]
    return [start + _INSIDE * leaf.duration_ps for start, leaf in leaves]


def by_equilibration(runs: Sequence[Run]) -> dict[str, NDArray]:
    """Return the sums of all runs with one row per equilibration, for a common bootstrap.

    Runs that start from the same equilibration are not independent, so they are resampled together.
    An equilibration that a run lacks has sums of 0.
    """
    numbers = sorted({n for run in runs for n in run.equilibrations})
    tables: dict[str, NDArray] = {}
    for r, run in enumerate(runs):
        where = [numbers.index(n) for n in run.equilibrations]
        for g, group in enumerate(run.seen):
            for name, values in group.items():
                whole = np.zeros((len(numbers), *values.shape[1:]))
                whole[where] = values
                tables[f"{r}/{g}/{name}"] = whole
    return tables
