"""The fit of a device's order and currents to runs of held fields, by bootstrap over seeds."""

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
#: Resamples of the fit.
REPEATS = 100
#: A time whose interval spans more than this factor is not fixed by the data.
FIXED_WITHIN = 10.0
#: A time this factor from what the runs can show, or nearer, is not fixed either.
EDGE = 1.1
#: Share of a hold, at its beginning, that steady currents leave out.
SETTLING = 0.5


@dataclass(frozen=True)
class Unfixed:
    """A parameter that the data do not fix: its name, the range that they leave, and why."""

    name: str
    low: float
    high: float
    why: str


@dataclass(frozen=True)
class Parameters:
    """Which numbers are fitted: s_inf at every field, tau at every field stepped to or of a way.

    Attributes:
        fields: rising, with 0, from which every run starts relaxed.
        steps: (way, field) of everything that was stepped to.
        times: for each tau, the steps that it is of.
        bounds_ps: least and largest tau that the runs could show, by tau.
    """

    fields: tuple[float, ...]
    steps: tuple[tuple[str, float], ...]
    times: tuple[tuple[int, ...], ...]
    bounds_ps: NDArray

    @classmethod
    def of(cls, runs: Sequence[Run], shared: bool = False) -> "Parameters":
        """Those of some runs; `shared`: one time of each way for all fields."""
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
        """s_inf by field and tau, ps, by (way, field), of a vector of all."""
        n = len(self.fields)
        order = dict(zip(self.fields, values[:n], strict=True))
        taus = np.exp(values[n:])
        tau = {self.steps[k]: t for own, t in zip(self.times, taus, strict=True) for k in own}
        return order, tau


def way_of(before: float, now: float) -> str:
    """Way of a step of the field: forward to a larger one, back to a smaller, "" for none."""
    if before == now:
        return ""
    return WAYS[0] if abs(now) > abs(before) else WAYS[1]


def orders(
    run: Run, order: dict[float, float], tau: dict[tuple[str, float], float]
) -> list[NDArray]:
    """Mean order in every bin of every group of a run, by the exact exponentials of its holds."""
    sums = [np.zeros(len(edges) - 1) for edges in run.edges_ps]
    count = np.zeros(len(sums))
    s, own = order[0.0], run.holds[0].duration_ps
    for k, hold in enumerate(run.holds):
        goal = order[hold.field_V_per_nm]
        # Where the field stays, or nothing was seen of a step to it, the last time goes on.
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
    """s_inf and log tau with their intervals, and how well they describe the runs.

    Attributes:
        parameters: what was fitted.
        found: all values, in the order of `parameters`.
        chi_square: sum of squares of the deviations in standard errors, over their number.
    """

    parameters: Parameters
    found: Interval
    chi_square: float


def fit_order(runs: Sequence[Run], shared: bool = False) -> OrderFit:
    """Fit s_inf and tau to the mean cosine of all runs together.

    Args:
        runs: of one membrane in one cell.
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
    """One over the standard error of a bin of each run that holds the mean number of waters."""
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
    """Late means of every field's holds; times in the middle of what can be seen."""
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


# --- what the data fix ------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """Times of one way: those that are fixed, by field, and those that are not."""

    table: Table | None
    intervals: dict[float, list[float]]
    unfixed: list[Unfixed]


def times_of(fit: OrderFit, way: str) -> Times:
    """Judge the times of one way.

    A time is fixed by the data if its interval is finite, lies within what the runs could show and
    spans less than `FIXED_WITHIN`. The range of one that is not is what its interval leaves of what
    the runs could show.
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
            why = "its interval reaches beyond what the holds can show"
        else:
            why = "one seed gives no interval"
        ends = (v if np.isfinite(v) else e for v, e in ((low, least), (high, most)))
        low, high = (float(np.clip(v, least, most)) for v in ends)
        # One at an end of what can be shown is anywhere about that end.
        low, high = min(low, most / 2), max(high, 2 * least)
        unfixed.append(Unfixed(name, low, high, why))
    table = Table(tuple(fixed), tuple(fixed.values())) if fixed else None
    return Times(table, intervals, unfixed)


def _ends(found: Interval) -> tuple[NDArray, NDArray, NDArray]:
    return found.value, found.low, found.high


def order_table(fit: OrderFit) -> tuple[Table, dict[float, list[float]]]:
    """s_inf by field with its intervals."""
    fields = fit.parameters.fields
    values = fit.found.value[: len(fields)]
    ends = {
        # A mean cosine lies between -1 and 1 whatever the spread of its estimates.
        e: [float(np.clip(v[k], -1.0, 1.0)) for v in _ends(fit.found)]
        for k, e in enumerate(fields)
    }
    return Table(fields, tuple(float(v) for v in values)), ends


# --- the current ------------------------------------------------------------------------------


@dataclass(frozen=True)
class CurrentFit:
    """g by field and m, nS, with their intervals; None where no run has currents.

    Attributes:
        conductance: value, low and high by field.
        memory: value, low and high.
        crossed: ions that passed in all.
        time_ps: over which they were counted.
    """

    conductance: dict[float, list[float]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=lambda: [np.nan] * 3)
    crossed: int = 0
    time_ps: float = 0.0


def fit_current(runs: Sequence[Run], fit: OrderFit, length_nm: float) -> CurrentFit:
    """Fit g at every held field to the later half of its holds, and m to all bins.

    m is read from how the current differs from g E L while the order differs from s_inf, the order
    being that of the fit: its own error is small beside the current's.
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
    """Value, low and high, whichever way a division turned the ends."""
    return [triple[0], *sorted(triple[1:])]


def _pooled(tables: Tables, groups: Sequence[tuple[int, int]]) -> Tables:
    """Sums of the later half of some groups as one bin, shape (rows, 1)."""
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
    """Normal equations of g at every field and of m, by row; they add up over seeds."""
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
    """m of summed normal equations, shape (b, 1)."""
    size = np.abs(sums["matrix"]).max(axis=(1, 2), keepdims=True)
    ridge = 1e-12 * size * np.eye(sums["matrix"].shape[1])
    found = np.linalg.solve(sums["matrix"] + ridge, sums["right"][..., None])[..., 0]
    return np.asarray(found[:, -1:])


def device_of(
    length_nm: float, order: Table, times: dict[str, Table], conductance: Table, memory_nS: float
) -> Device:
    """A device of fitted tables, turned round to fields below 0 if none of those was held."""
    forward, back = (times[way] for way in WAYS)
    if order.fields_V_per_nm[0] >= 0:
        order, conductance = order.mirrored(-1.0), conductance.mirrored()
        forward, back = forward.mirrored(), back.mirrored()
    return Device(length_nm, order, forward, back, conductance, memory_nS)
