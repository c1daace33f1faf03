"""How fast the pore's water orders after a step up and relaxes after a step down (Figs 2D, 3).

The protocol is the paper's staircase of small steps, each made once. Large repeated steps determine
the times better: `step_relaxation`.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.orientation import OBSERVABLES, along_field, order
from ..analysis.relaxation import (
    Decay,
    exponential,
    fit_exponential,
    judge_decay,
    judge_ratio,
)
from ..analysis.statistics import Interval, bootstrap
from ..protocols import required
from ..protocols.views import Holds
from .drawing import (
    COLORS,
    COSINE,
    NOT_NEGATIVE,
    Panel,
    band,
    bars,
    legend,
    log_y,
    panels,
    shades,
)
from .ensemble import Content, Ensemble

DIRECTIONS = ("forward", "reverse")
#: Axis labels of the measures of order.
LABELS = {"mean cosine": "mean cos(dipole, field)", "sigma_theta": "sigma_theta (rad)"}
WITHIN = {"mean cosine": COSINE, "sigma_theta": NOT_NEGATIVE}
#: In words, by whether the reverse steps are slower.
SAYS = {
    "reverse slower": "relaxing (reverse) is slower than ordering (forward)",
    "forward slower": "relaxing (reverse) is faster than ordering (forward)",
    "not told": "no difference between relaxing (reverse) and ordering (forward)",
    "not resolved": "not enough data to compare tau forward with tau reverse",
}


def make(ensemble: Ensemble) -> Content:
    """Fit A + B exp(-t / tau) to the order after each step, over the ensemble.

    Verdicts rest on the mean cosine; sigma_theta, fitted as in the paper, is shown beside it. The
    paper writes A + B (1 - exp(-t / tau)) for the reverse steps of sigma_theta: the same curve,
    with B < 0 here. tau is the time of either.
    """
    holds = required(ensemble.point.protocol.holds, "holds")
    tables = _tables(ensemble)
    bins = tables["waters"].shape[2]
    t = (np.arange(bins) + 0.5) * holds.hold_ps / bins
    rows: list[dict[str, Any]] = []
    findings: dict[str, Any] = {"codes": {}}
    curves, fits = {}, {}
    for name in OBSERVABLES:
        curves[name] = bootstrap(tables, partial(order, observable=name), repeats=200)
        fits[name] = bootstrap(tables, partial(_fits, t=t, observable=name), repeats=200)
        own = _rows(name, holds, fits[name], t)
        rows += own
        findings |= _findings(name, tables, t, own, findings["codes"])
    findings["order_reverse_less_forward"] = _held_difference(tables).triple()
    findings["hold_ps"] = holds.hold_ps
    findings["verdict"] = SAYS[findings["codes"]["mean cosine"]]
    table = pd.DataFrame(rows)
    table["seeds"] = len(ensemble.jobs)
    return Content(table, _figure(ensemble, table, curves, fits, t), findings)


def _tables(ensemble: Ensemble) -> dict[str, NDArray]:
    """Sums along the field, shape (n, holds, time bins, ...)."""
    sums = ensemble.sums()
    return along_field(sums, sums["field_ps"].sum(axis=(0, 2))[:, None])


def _fits(tables: dict[str, NDArray], t: NDArray, observable: str) -> NDArray:
    """Fits (log tau, A, B) of every hold, shape (n, holds, 3)."""
    values = order(tables, observable)
    if len(t) < 4:
        return np.full((*values.shape[:2], 3), np.nan)
    return fit_exponential(t, values)


def _rows(name: str, holds: Holds, fits: Interval, t: NDArray) -> list[dict[str, Any]]:
    fields = [*holds.forward_V_per_nm, *holds.forward_V_per_nm[::-1]]
    rows = []
    for k, field in enumerate(fields):
        fit = fits.at(k)
        verdict = judge_decay(fit, float(t[1] - t[0]) if len(t) > 1 else np.nan, holds.hold_ps)
        if k and field == fields[k - 1]:
            verdict = (
                Decay.NO_STEP
            )  # the reverse sweep begins at the last field of the forward sweep
        where = {"observable": name, "direction": DIRECTIONS[k >= len(fields) // 2]}
        rows.append(where | {"field_V_per_nm": field} | decay_columns(fit, verdict))
    return rows


def decay_columns(fit: Interval, verdict: Decay) -> dict[str, Any]:
    """Columns of a fit (log tau, A, B); a time that is not resolved is left empty."""
    tau = fit.at(0).exp() if verdict is Decay.RESOLVED else Interval.unknown()
    return {
        **dict(zip(("tau_ps", "tau_ps_low", "tau_ps_high"), tau.triple(), strict=True)),
        "end": float(fit.value[1]),
        "step": float(fit.value[2]),
        "step_low": float(fit.low[2]),
        "step_high": float(fit.high[2]),
        "verdict": str(verdict),
    }


def _findings(
    name: str,
    tables: dict[str, NDArray],
    t: NDArray,
    rows: list[dict[str, Any]],
    codes: dict[str, str],
) -> dict[str, Any]:
    """Times of all resolved steps of each direction, and their ratio."""
    steps = [k for k, row in enumerate(rows) if row["verdict"] != Decay.NO_STEP]
    resolved = [k for k in steps if rows[k]["verdict"] == Decay.RESOLVED]
    chosen = [[k for k in resolved if rows[k]["direction"] == way] for way in DIRECTIONS]
    found: dict[str, Any] = {
        f"{name}, steps": len(steps),
        f"{name}, steps_resolved": len(resolved),
    }
    ratio = Interval.unknown()
    if all(chosen):

        def times(sums: dict[str, NDArray]) -> NDArray:
            log_tau = _fits(sums, t, name)[..., 0]
            forward, reverse = (_mean_of_finite(log_tau[:, k]) for k in chosen)
            return np.stack([forward, reverse, reverse - forward], axis=1)

        means = bootstrap(tables, times, repeats=200).exp()
        found[f"{name}, tau_forward_ps"] = means.at(0).triple()
        found[f"{name}, tau_reverse_ps"] = means.at(1).triple()
        ratio = means.at(2)
        if np.isfinite(ratio.low):
            found[f"{name}, tau_reverse_over_forward"] = ratio.triple()
    codes[name] = judge_ratio(ratio)
    return found


def _mean_of_finite(values: NDArray) -> NDArray[np.float64]:
    """Mean over the second axis of what is finite, NaN where nothing is."""
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(values.sum(axis=1, where=finite) / finite.sum(axis=1))


def _held_difference(tables: dict[str, NDArray]) -> Interval:
    """Mean cosine, reverse less forward at equal field, over the later half of every hold.

    The highest hold, where the sweeps meet, is left out. NaN for a single hold.
    """

    def difference(sums: dict[str, NDArray]) -> NDArray:
        late = sums["waters"].shape[2] // 2
        cosine = sums["cosine"][:, :, late:].sum(axis=2) / sums["waters"][:, :, late:].sum(axis=2)
        forward, reverse = np.split(cosine, 2, axis=1)
        apart = (reverse[:, ::-1] - forward)[:, :-1]
        return apart.sum(axis=1, keepdims=True) / (apart.shape[1] or np.nan)

    with np.errstate(invalid="ignore", divide="ignore"):
        return bootstrap(tables, difference).at(0)


# --- figure ------------------------------------------------------------------------------------


def _figure(
    ensemble: Ensemble,
    table: pd.DataFrame,
    curves: dict[str, Interval],
    fits: dict[str, Interval],
    t: NDArray,
) -> Figure:
    grid = []
    for name in OBSERVABLES:
        rows = table[table.observable == name].reset_index(drop=True)
        half = len(rows) // 2
        row = [
            Panel(
                partial(
                    _decays,
                    rows=rows,
                    values=curves[name],
                    fits=fits[name],
                    t=t,
                    steps=list(part),
                    title=title,
                    name=name,
                )
            )
            for part, title in (
                (range(half), "forward: after each step up"),
                (range(half, 2 * half), "reverse: after each step down"),
            )
        ]
        grid.append([*row, Panel(partial(_times, rows=rows, name=name), _no_times(rows, name))])
    return panels(f"{ensemble.title}; {ensemble.seeds}, bars 95 %", grid)


def _no_times(rows: pd.DataFrame, name: str) -> str:
    steps = rows[rows.verdict != Decay.NO_STEP]
    if (steps.verdict == Decay.RESOLVED).any():
        return ""
    return f"tau of {name}: none of {len(steps)} steps is resolved"


def _times(axis: Axes, rows: pd.DataFrame, name: str) -> None:
    for direction in DIRECTIONS:
        found = rows[(rows.direction == direction) & (rows.verdict == Decay.RESOLVED)]
        if len(found):
            ends = found.tau_ps, found.tau_ps_low, found.tau_ps_high
            bars(axis, found.field_V_per_nm, *ends, color=COLORS[direction], label=direction)
    steps = rows[rows.verdict != Decay.NO_STEP]
    resolved = (steps.verdict == Decay.RESOLVED).sum()
    axis.set(xlabel="E (V/nm)", ylabel=f"tau of {name} (ps)")
    log_y(axis)
    legend(axis, f"{resolved} of {len(steps)} steps resolved")


def _decays(
    axis: Axes,
    rows: pd.DataFrame,
    values: Interval,
    fits: Interval,
    t: NDArray,
    steps: list[int],
    title: str,
    name: str,
) -> None:
    chosen = steps[:: max(1, len(steps) // 4)]
    fields = sorted(rows.field_V_per_nm[chosen], key=abs)
    colors = dict(zip(fields, shades(len(fields)), strict=True))
    for i in chosen:
        field = rows.field_V_per_nm[i]
        color = colors[field]
        axis.plot(t, values.value[i], ".", ms=3, color=color)
        band(axis, t, values.low[i], values.high[i], color, WITHIN[name])
        if rows.verdict[i] == Decay.RESOLVED:
            axis.plot(t, exponential(t, *fits.value[i]), color=color)
        axis.plot([], [], color=color, label=f"{field:g} V/nm")
    axis.set(xlabel="t since the step (ps)", ylabel=LABELS[name])
    legend(axis, title, columns=2)
