"""Fit of a device's order and currents to runs of held fields, with a bootstrap over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ..analysis.current import current_interval
from ..analysis.statistics import Interval, bootstrap
from .model import Device, Table
from .runs import Run, Tables, by_equilibration

WAYS = ("forward", "back")
#: Number of bootstrap resamples of the fit.
REPEATS = 100
#: A time counts as fixed by the data if the ends of its interval differ by less than this factor,
FIXED_WITHIN = 10.0
#: and if they lie at least this factor inside the range of times that the runs can resolve.
EDGE = 1.1
#: Fraction of a hold, at its beginning, that steady currents exclude.
SETTLING = 0.5


@dataclass(frozen=True)
class Unfixed:
    """A parameter that the data do not fix: its name, its range, and why it is not fixed."""

    name: str
    low: float
    high: float
    why: str


@dataclass(frozen=True)
class Parameters:
    """The fitted numbers: s_inf at every field, and tau for every step or, shared, for each way.

    Attributes:
        fields: V/nm, rising; 0 is among them, as every run starts relaxed at no field.
        steps: the way ("forward" or "back") and the new field, V/nm, of every step in the runs.
        times: for each tau, the indices of the steps that it applies to.
        bounds_ps: smallest and largest tau that the runs can resolve, shape (times, 2).
    """

    fields: tuple[float, ...]
    steps: tuple[tuple[str, float], ...]
    times: tuple[tuple[int, ...], ...]
    bounds_ps: NDArray

    @classmethod
    def of(cls, runs: Sequence[Run], shared: bool = False) -> "Parameters":
        """Return the parameters of some runs; `shared`: one time for each way, for all fields."""
        fields, bounds = {0.0}, dict[tuple[str, float], list[float]]()
        for run in runs:
            for k, hold in enumerate(run.holds):
                fields.add(hold.field_V_per_nm)
                way = way_of(run.before(k), hold.field_V_per_nm)
                if way and hold.group >= 0:
                    edges = run.edges_ps[hold.group]
                    own = bounds.setdefault((way, hold.field_V_per_nm), [np.inf, 0.0])
                    own[0] = min(own[0], 0.5 * float(np.diff(edges).min()))
                    own[1] = max(own[1], 4 * hold.duration_ps)
        steps = tuple(sorted(bounds))
        times: list[tuple[int, ...]] = [(k,) for k in range(len(steps))]
        if shared:
            ways = dict.fromkeys(way for way, _ in steps)
            times = [tuple(k for k, (own, _) in enumerate(steps) if own == way) for way in ways]
        ends = [[bounds[steps[k]] for k in own] for own in times]
        least_most = [[min(e[0] for e in own), max(e[1] for e in own)] for own in ends]
        return cls(tuple(sorted(fields)), steps, tuple(times), np.array(least_most))

    def split(self, values: NDArray) -> tuple[dict[float, float], dict[tuple[str, float], float]]:
        """Return s_inf by field and tau, ps, by (way, field), from a vector of all parameters."""
        n = len(self.fields)
        order = dict(zip(self.fields, values[:n], strict=True))
        taus = np.exp(values[n:])
        tau = {self.steps[k]: t for own, t in zip(self.times, taus, strict=True) for k in own}
        return order, tau


def way_of(before: float, now: float) -> str:
    """Return "forward" for a step to a larger |field|, "back" to a smaller one, "" for no step."""
    if before == now:
        return ""
    return WAYS[0] if abs(now) > abs(before) else WAYS[1]


def orders(
    run: Run, order: dict[float, float], tau: dict[tuple[str, float], float]
) -> list[NDArray]:
    """Return the mean order in every bin of every group of a run.

    The order is an exponential within each hold, so its mean over a bin is exact.
    """
    sums = [np.zeros(len(edges) - 1) for edges in run.edges_ps]
    count = np.zeros(len(sums))
    s, own = order[0.0], run.holds[0].duration_ps
    for k, hold in enumerate(run.holds):
        goal = order[hold.field_V_per_nm]
        # Where the field does not change, or no data of a step to it exist, tau stays as it was.
        own = tau.get((way_of(run.before(k), hold.field_V_per_nm), hold.field_V_per_nm), own)
        if hold.group >= 0:
            edges = run.edges_ps[hold.group]
            decay = own * -np.diff(np.exp(-edges / own)) / np.diff(edges)
            sums[hold.group] += goal + (s - goal) * decay
            count[hold.group] += 1
        s = goal + (s - goal) * np.exp(-hold.duration_ps / own)
    return [values / n for values, n in zip(sums, np.maximum(count, 1), strict=True)]


@dataclass(frozen=True)
class OrderFit:
    """s_inf and log tau with their intervals, and the quality of the fit.

    Attributes:
        parameters: the fitted parameters.
        found: their values and intervals, in the order of `parameters`.
        chi_square: mean square deviation in standard errors.
    """

    parameters: Parameters
    found: Interval
    chi_square: float


def fit_order(runs: Sequence[Run], shared: bool = False) -> OrderFit:
    """Fit s_inf and tau to the mean cosine of all runs together.

    Args:
        runs: runs of one membrane in one cell.
        shared: whether each way has one time for all fields.
    """
    parameters = Parameters.of(runs, shared)
    tables = by_equilibration(runs)
    weights = _weights(runs)
    start = _start(runs, parameters, {k: v.sum(axis=0) for k, v in tables.items()})
    best = start

    def estimator(sums: Tables) -> NDArray:
        rows = next(iter(sums.values())).shape[0]
        each = [{k: v[b] for k, v in sums.items()} for b in range(rows)]
        return np.stack([_solve(runs, parameters, one, weights, best) for one in each])

    best = estimator({k: v.sum(axis=0, keepdims=True) for k, v in tables.items()})[0]
    found = bootstrap(tables, estimator, repeats=REPEATS)
    whole = {k: v.sum(axis=0) for k, v in tables.items()}
    apart = _deviations(best, runs, parameters, whole, weights)
    return OrderFit(parameters, found, float(np.mean(apart**2)))


def _weights(runs: Sequence[Run]) -> list[float]:
    """For each run, the inverse standard error of a bin with the mean number of waters."""
    weights = []
    for run in runs:
        noise, n = [], len(run.equilibrations)
        mean = np.concatenate([own["waters"].sum(axis=0) for own in run.seen]).mean()
        for own in run.seen:
            with np.errstate(invalid="ignore", divide="ignore"):
                each = own["cosine"] / own["waters"]
            spread = each.var(axis=0, ddof=1) / n if n > 1 else np.full(each.shape[1], np.nan)
            spread = spread * own["waters"].sum(axis=0) / mean
            noise += list(spread[np.isfinite(spread)])
        weights.append(1 / np.sqrt(np.mean(noise)) if noise and np.mean(noise) > 0 else 1.0)
    return weights


def _start(runs: Sequence[Run], parameters: Parameters, sums: Tables) -> NDArray:
    """Starting values: the mean of each field's later halves; times midway in their bounds."""
    late: dict[float, list[float]] = {e: [] for e in parameters.fields}
    first = []
    for r, run in enumerate(runs):
        for hold in run.holds:
            if hold.group < 0:
                continue
            cosine, waters = (sums[f"{r}/{hold.group}/{n}"] for n in ("cosine", "waters"))
            half = len(waters) // 2
            late[hold.field_V_per_nm].append(cosine[half:].sum() / max(waters[half:].sum(), 1))
        first.append(sums[f"{r}/0/cosine"][0] / max(sums[f"{r}/0/waters"][0], 1))
    guess = [np.mean(late[e]) if late[e] else np.mean(first) for e in parameters.fields]
    return np.concatenate([guess, np.log(parameters.bounds_ps).mean(axis=1)])


def _solve(
    runs: Sequence[Run], parameters: Parameters, sums: Tables, weights: list[float], start: NDArray
) -> NDArray:
    n = len(parameters.fields)
    log_bounds = np.log(parameters.bounds_ps).reshape(-1, 2)
    low = np.concatenate([np.full(n, -1.0), log_bounds[:, 0]])
    high = np.concatenate([np.full(n, 1.0), log_bounds[:, 1]])
    inside = np.clip(start, low + 1e-6, high - 1e-6)
    arguments = runs, parameters, sums, weights
    return np.asarray(least_squares(_deviations, inside, bounds=(low, high), args=arguments).x)


def _deviations(
    values: NDArray,
    runs: Sequence[Run],
    parameters: Parameters,
    sums: Tables,
    weights: list[float],
) -> NDArray:
    """Deviations of all bins in standard errors; bins with more waters weigh more."""
    found = []
    for r, run in enumerate(runs):
        for g, model in enumerate(orders(run, *parameters.split(values))):
            cosine, waters = (sums[f"{r}/{g}/{name}"] for name in ("cosine", "waters"))
            held = waters > 0
            seen = cosine[held] / waters[held]
            share = np.sqrt(waters[held] / waters[held].mean())
            found.append((seen - model[held]) * share * weights[r])
    return np.concatenate(found)


# --- which times the data fix -----------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """Times of one way: the fixed ones by field, V/nm, with intervals, and those not fixed."""

    table: Table | None
    intervals: dict[float, list[float]]
    unfixed: list[Unfixed]


def times_of(fit: OrderFit, way: str) -> Times:
    """Decide which times of one way are fixed by the data.

    A time is fixed if its interval is finite, spans less than `FIXED_WITHIN`, and lies within the
    times that the runs can resolve, by the factor `EDGE`. The range of one that is not fixed is the
    part of its interval that the runs can resolve.
    """
    n = len(fit.parameters.fields)
    fixed, intervals, unfixed = {}, {}, []
    for k, steps in enumerate(fit.parameters.times):
        own, at = fit.parameters.steps[steps[0]]
        if own != way:
            continue
        shared = len(steps) > 1
        value, low, high = (float(np.exp(v[n + k])) for v in _ends(fit.found))
        least, most = fit.parameters.bounds_ps[k]
        name = f"tau_{way}" + ("" if shared else f" at {at:g} V/nm")
        if np.isfinite([low, high]).all() and EDGE * least < low and high < most / EDGE:
            if high / low < FIXED_WITHIN:
                fixed[at], intervals[at] = value, [value, low, high]
                continue
            why = f"its interval spans a factor of {high / low:.2g}"
        elif np.isfinite([low, high]).all():
            why = "its interval reaches beyond the times that the holds resolve"
        else:
            why = "one seed gives no interval"
        ends = (v if np.isfinite(v) else e for v, e in ((low, least), (high, most)))
        low, high = (float(np.clip(v, least, most)) for v in ends)
        # For a time beyond one of the bounds, the range is at least a factor of 2 wide.
        low, high = min(low, most / 2), max(high, 2 * least)
        unfixed.append(Unfixed(name, low, high, why))
    table = Table(tuple(fixed), tuple(fixed.values())) if fixed else None
    return Times(table, intervals, unfixed)


def _ends(found: Interval) -> tuple[NDArray, NDArray, NDArray]:
    return found.value, found.low, found.high


def order_table(fit: OrderFit) -> tuple[Table, dict[float, list[float]]]:
    """Return s_inf by field, and its intervals."""
    fields = fit.parameters.fields
    values = fit.found.value[: len(fields)]
    ends = {
        # The ends of an interval can exceed -1 or 1, which a mean cosine cannot.
        e: [float(np.clip(v[k], -1.0, 1.0)) for v in _ends(fit.found)]
        for k, e in enumerate(fields)
    }
    return Table(fields, tuple(float(v) for v in values)), ends


# --- the current ------------------------------------------------------------------------------


@dataclass(frozen=True)
class CurrentFit:
    """g by field and m with their intervals; empty and NaN where no run has currents.

    Attributes:
        conductance: value, low and high of g by field, nS.
        memory: value, low and high of m, nS.
        crossed: number of ions that passed the pore in all runs.
        time_ps: total time in which they were counted.
    """

    conductance: dict[float, list[float]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=lambda: [np.nan] * 3)
    crossed: int = 0
    time_ps: float = 0.0


def fit_current(runs: Sequence[Run], fit: OrderFit, length_nm: float) -> CurrentFit:
    """Fit g at every held field to the later half of its holds, and m to all bins.

    m follows from the deviation of the current from g E L while the order differs from s_inf. The
    order is that of the fit; its error is neglected, as it is small beside that of the current.
    """
    kept = [run for run in runs if all("charge" in group for group in run.seen)]
    if not kept:
        return CurrentFit()
    tables = by_equilibration(kept)
    found: dict[float, list[float]] = {}
    for at in fit.parameters.fields:
        own = [(r, h) for r, run in enumerate(kept) for h in run.holds if h.field_V_per_nm == at]
        if at and own:
            steady = _pooled(tables, [(r, h.group) for r, h in own])
            volts = at * length_nm
            nA = current_interval(steady, lambda t: t["charge"] / t["time"])
            found[at] = sorted_triple([float(v[0]) / volts for v in _ends(nA)])
    drawn = [orders(run, *fit.parameters.split(fit.found.value)) for run in kept]
    bins = _bins(kept, tables, drawn, fit, length_nm)
    memory = bootstrap(bins, _memory).at(0) if bins else None
    counts = [v for name, v in tables.items() if name.endswith(("/plus", "/minus"))]
    time = sum(float(v.sum()) for name, v in tables.items() if name.endswith("/time"))
    return CurrentFit(
        found,
        memory.triple() if memory else [np.nan] * 3,
        int(sum(v.sum() for v in counts)),
        time,
    )


def sorted_triple(triple: list[float]) -> list[float]:
    """Return value, low and high, with bounds in order after a division by a negative number."""
    return [triple[0], *sorted(triple[1:])]


def _pooled(tables: Tables, groups: Sequence[tuple[int, int]]) -> Tables:
    """Sums over the later half of some groups, as one bin, shape (rows, 1)."""
    names = ("charge", "time", "plus", "minus")
    found = {}
    for name in names:
        parts = [tables[f"{r}/{g}/{name}"] for r, g in groups]
        late = [part[:, int(SETTLING * part.shape[1]) :].sum(axis=1) for part in parts]
        found[name] = np.sum(late, axis=0)[:, None]
    return found


def _bins(
    runs: Sequence[Run], tables: Tables, drawn: list[list[NDArray]], fit: OrderFit, length: float
) -> Tables:
    """Normal equations for g at every field and m, by row, so that they add up over seeds."""
    fields = [e for e in fit.parameters.fields if e]
    goal = dict(zip(fit.parameters.fields, fit.found.value, strict=False))
    rows = len(next(iter(tables.values())))
    matrix = np.zeros((rows, len(fields) + 1, len(fields) + 1))
    right = np.zeros((rows, len(fields) + 1))
    for r, run in enumerate(runs):
        for hold in run.holds:
            at = hold.field_V_per_nm
            if not at or hold.group < 0:
                continue
            charge, time = (tables[f"{r}/{hold.group}/{n}"] for n in ("charge", "time"))
            column = np.zeros((len(drawn[r][hold.group]), len(fields) + 1))
            column[:, fields.index(at)] = at * length
            column[:, -1] = at * length * (np.abs(drawn[r][hold.group]) - abs(goal[at]))
            matrix += np.einsum("bi,bj,nb->nij", column, column, time)
            right += np.einsum("bi,nb->ni", column, charge)
    return {"matrix": matrix, "right": right}


def _memory(sums: Tables) -> NDArray:
    """Solve summed normal equations for m, shape (b, 1)."""
    size = np.abs(sums["matrix"]).max(axis=(1, 2), keepdims=True)
    ridge = 1e-12 * size * np.eye(sums["matrix"].shape[1])
    found = np.linalg.solve(sums["matrix"] + ridge, sums["right"][..., None])[..., 0]
    return np.asarray(found[:, -1:])


def device_of(
    length_nm: float, order: Table, times: dict[str, Table], conductance: Table, memory_nS: float
) -> Device:
    """Return a device; its tables are mirrored to fields below 0 if no such field was held."""
    forward, back = (times[way] for way in WAYS)
    if order.fields_V_per_nm[0] >= 0:
        order, conductance = order.mirrored(-1.0), conductance.mirrored()
        forward, back = forward.mirrored(), back.mirrored()
    return Device(length_nm, order, forward, back, conductance, memory_nS)
