"""A fitted device: its tables, the parameters that the data do not fix, and their ranges."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..analysis.statistics import LEVEL
from ..errors import InputError
from .fit import (
    WAYS,
    CurrentFit,
    OrderFit,
    Unfixed,
    device_of,
    fit_current,
    fit_order,
    order_table,
    times_of,
)
from .model import Device, Table
from .runs import Run

#: Names of the parameters that the user must set where the data fix no entry of a table.
FORWARD, BACK, CONDUCTANCE, MEMORY = (
    "tau_forward_ps",
    "tau_back_ps",
    "conductance_nS",
    "memory_nS",
)


@dataclass(frozen=True)
class Fitted:
    """The fit of one membrane and pore.

    Attributes:
        name: name of the charge set, and the pore's diameter.
        length_nm: length of the cell along x.
        order: s_inf.
        times: tau by way, ps; None where the data fix none of its entries.
        conductance: g, nS; None where only a bound of the current is known.
        memory_nS: m; None where its interval contains 0.
        intervals: value, low and high of every fixed parameter, by name.
        whole: parameters without any value, with their ranges; the user must set them.
        partial: single entries that are not fixed, and that the tables therefore omit.
        notes: how the device was fitted, and what is assumed.
        chi_square: chi square of the fit of the order, see `OrderFit`.
    """

    name: str
    length_nm: float
    order: Table
    times: dict[str, Table | None]
    conductance: Table | None
    memory_nS: float | None
    intervals: dict[str, list[float]]
    whole: tuple[Unfixed, ...]
    partial: tuple[Unfixed, ...]
    notes: tuple[str, ...]
    chi_square: float

    @property
    def mirrored(self) -> bool:
        """Whether negative fields are the mirror image of positive ones, as none was held."""
        return self.order.fields_V_per_nm[0] >= 0

    @property
    def largest_V_per_nm(self) -> float:
        """The largest |field| that was held."""
        return max(abs(e) for e in self.order.fields_V_per_nm)

    def chosen(self, **values: float) -> Device:
        """Return a device, with the given values for the parameters of `whole`.

        Raises:
            KeyError: the value of one is missing.
        """
        names = dict(zip(WAYS, (FORWARD, BACK), strict=True))
        times = {way: self.times[way] or _flat(values[names[way]]) for way in WAYS}
        conductance = self.conductance or _flat(values[CONDUCTANCE])
        memory = self.memory_nS if self.memory_nS is not None else values[MEMORY]
        return device_of(self.length_nm, self.order, times, conductance, memory)

    def corners(self) -> list[Device]:
        """Return a device for every combination of the ends of the ranges of `whole`."""
        ends = [[(u.name, u.low), (u.name, u.high)] for u in self.whole]
        return [self.chosen(**dict(choice)) for choice in itertools.product(*ends)]


def _flat(value: float) -> Table:
    return Table((0.0,), (value,))


_BARRIER = "barriers of both ions (python init.py --protocol barrier) would give a current"


def fit_device(
    name: str,
    length_nm: float,
    runs: Sequence[Run],
    mean_force_nA: dict[float, list[float]] | None = None,
) -> Fitted:
    """Fit a device to runs of held fields.

    Args:
        name: the device's name.
        length_nm: length of the cell along x.
        runs: runs of one membrane in one cell.
        mean_force_nA: currents from the mean force by field (value, low, high), used where no
            current of the runs differs from 0.

    Raises:
        InputError: not even a bound of the current is known.
    """
    order, shared = fit_order(runs), fit_order(runs, shared=True)
    table, found = order_table(order)
    intervals = {f"s_inf at {e:g} V/nm": triple for e, triple in found.items()}
    times: dict[str, Table | None] = {}
    whole: list[Unfixed] = []
    partial: list[Unfixed] = []
    for way, key in zip(WAYS, (FORWARD, BACK), strict=True):
        own, one = times_of(order, way), times_of(shared, way)
        if own.unfixed and one.table is not None:
            # Some fields do not fix a time of their own, but all together fix one.
            (value,) = one.intervals.values()
            times[way], intervals[f"tau_{way} at all fields (ps)"] = _flat(value[0]), value
        else:
            times[way] = own.table
            intervals |= {f"tau_{way} at {e:g} V/nm (ps)": v for e, v in own.intervals.items()}
        partial += own.unfixed
        if times[way] is None:
            whole.append(_none_fixed(key, way, [*one.unfixed, *own.unfixed]))
    currents = fit_current(runs, order, length_nm)
    conductance, how, rest = _conductance(name, currents, length_nm, mean_force_nA or {})
    intervals |= {f"g at {e:g} V/nm (nS)": v for e, v in how.items()}
    whole += rest
    memory = _memory(currents, conductance, intervals, whole)
    return Fitted(
        name,
        length_nm,
        table,
        times,
        conductance,
        memory,
        intervals,
        tuple(whole),
        tuple(partial),
        tuple(_notes(runs, order, currents, table)),
        order.chi_square,
    )


def _none_fixed(key: str, way: str, unfixed: Sequence[Unfixed]) -> Unfixed:
    if not unfixed:
        why = f"no field was held {'below' if way == WAYS[1] else 'above'} an earlier one"
        return Unfixed(key, 0.1, 1000.0, f"{why}; protocol steps would fix it")
    return Unfixed(key, unfixed[0].low, unfixed[0].high, f"no step fixes it: {unfixed[0].why}")


def _conductance(
    name: str, currents: CurrentFit, length_nm: float, mean_force_nA: dict[float, list[float]]
) -> tuple[Table | None, dict[float, list[float]], list[Unfixed]]:
    """Return g by field from the direct current, else from the mean force, else its range."""
    told = {e: v for e, v in currents.conductance.items() if v[1] > 0}
    if told:
        # The table also has the fields at which the current does not differ from 0.
        kept = currents.conductance
        return Table(tuple(sorted(kept)), tuple(kept[e][0] for e in sorted(kept))), kept, []
    forced = {
        e: [v[0] / (e * length_nm), *sorted(x / (e * length_nm) for x in v[1:])]
        for e, v in mean_force_nA.items()
        if e and np.isfinite(v).all() and v[1] * v[2] > 0
    }
    if forced:
        fields = tuple(sorted(forced))
        return Table(fields, tuple(forced[e][0] for e in fields)), forced, []
    bounds = [v[2] for v in currents.conductance.values() if np.isfinite(v[2])]
    if not bounds or max(bounds) <= 0:
        raise InputError(
            f"device {name}: no current is known, not even its bound; it needs at least two seeds "
            "of a staircase: python init.py --protocol staircase --seeds 0:2, then python "
            "project.py run"
        )
    passed = f"{currents.crossed} ions passed in {currents.time_ps:.3g} ps at held fields"
    return (
        None,
        {},
        [Unfixed(CONDUCTANCE, 0.0, max(bounds), f"{passed}: only a bound is known; {_BARRIER}")],
    )


def _memory(
    currents: CurrentFit,
    conductance: Table | None,
    intervals: dict[str, list[float]],
    whole: list[Unfixed],
) -> float | None:
    """Return m if its interval excludes 0; otherwise add its range to `whole`."""
    value, low, high = currents.memory
    if conductance is None:
        return 0.0  # a bound of the current does not fix m
    if np.isfinite([low, high]).all() and low * high > 0:
        intervals["m (nS)"] = [value, low, high]
        return value
    finite = bool(np.isfinite([low, high]).all())
    bound = max(conductance.values)
    ends = (low, high) if finite else (-bound, bound)
    why = "its interval contains 0" if finite else "one seed gives no interval"
    whole.append(Unfixed(MEMORY, float(ends[0]), float(ends[1]), why))
    return None


def _notes(runs: Sequence[Run], order: OrderFit, currents: CurrentFit, table: Table) -> list[str]:
    names = ", ".join(f"{run.name} ({len(run.equilibrations)} equilibrations)" for run in runs)
    notes = [
        f"order fitted to {names}; chi square {order.chi_square:.2g}",
        f"intervals {LEVEL:.0%}, bootstrap over equilibrations",
        f"{currents.crossed} ions passed in {currents.time_ps:.4g} ps at held fields",
        "linear between the fields held, constant beyond them",
    ]
    if table.fields_V_per_nm[0] >= 0:
        notes.append(
            "no negative field was held: there the device is assumed to be its mirror image"
        )
    return notes
