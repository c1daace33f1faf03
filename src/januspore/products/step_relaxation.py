"""How fast the pore's water orders and relaxes after steps that are repeated (Figs 2D, 3)."""

from dataclasses import dataclass
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
from ..analysis.statistics import BATCHES, Interval, bootstrap, shown
from ..analysis.steps import WAYS, log_bins, step_times
from ..protocols import required
from ..protocols.views import RepeatedSteps
from .drawing import COLORS, Panel, band, legend, panels
from .ensemble import Content, Ensemble
from .relaxation import LABELS, SAYS, WITHIN, decay_columns

_WITHIN = (
    "one equilibration: repeats of one run may share what is slow, so the interval is that of this "
    "run alone"
)


@dataclass
class Times:
    """Results for repeated steps: rows of the table, findings, and curves to be drawn."""

    rows: list[dict[str, Any]]
    findings: dict[str, Any]
    curves: dict[tuple[str, str], Interval]
    fits: dict[tuple[str, str], Interval]


def make(ensemble: Ensemble) -> Content:
    """Fit A + B exp(-t / tau) to the order after the steps, repeats and seeds together."""
    steps = required(ensemble.point.protocol.steps, "steps")
    found = find_times(ensemble.sums(), steps)
    table = pd.DataFrame(found.rows)
    table.insert(0, "low_V_per_nm", steps.low_V_per_nm)
    table.insert(1, "high_V_per_nm", steps.high_V_per_nm)
    table["repeats"], table["seeds"] = steps.repeats, len(ensemble.jobs)
    return Content(table, _figure(ensemble, steps, found), found.findings)


def find_times(sums: dict[str, NDArray], steps: RepeatedSteps) -> Times:
    """Time constants up and down, and their ratio, for each measure of order.

    Intervals are over equilibrations. The repeats of one run reduce its noise, but they share slow
    variables of the run, such as ions at the pore's mouths and the polarisation of the reservoirs.
    A single equilibration has the interval of batches of its repeats, and a caution.

    Args:
        sums: of `analysis.steps.by_step`, shape (equilibrations, repeats, bins, ...).
        steps: gives the times.
    """
    alone = len(sums["up_waters"]) == 1
    tables = _tables(_batches(sums) if alone else {k: v.sum(axis=1) for k, v in sums.items()})
    found = Times([], {"codes": {}, "caution": _WITHIN if alone else ""}, {}, {})
    for name in OBSERVABLES:
        _find(found, tables, steps, name)
    found.findings["verdict"] = _verdict(found.findings)
    return found


def _find(found: Times, tables: dict[str, NDArray], steps: RepeatedSteps, name: str) -> None:
    """Add the results of one of `OBSERVABLES`."""
    fitted = bootstrap(tables, partial(_fits, steps=steps, name=name), repeats=400)
    verdicts = []
    for k, way in enumerate(WAYS):
        times, fit = step_times(steps, way), fitted.at(k)
        verdicts.append(judge_decay(fit, float(times[0]), float(times[-1])))
        found.rows.append({"observable": name, "direction": way} | decay_columns(fit, verdicts[-1]))
        if verdicts[-1] is Decay.RESOLVED:
            found.findings[f"{name}, tau_{way}_ps"] = fitted.at(k, 0).exp().triple()
        found.fits[name, way] = fit
        curve = partial(_curve, way=way, name=name)
        found.curves[name, way] = bootstrap(tables, curve, repeats=200)
    ratio = Interval.unknown()
    if all(verdict is Decay.RESOLVED for verdict in verdicts):
        ratio = fitted.at(len(WAYS), 0).exp()
        if np.isfinite(ratio.low):
            found.findings[f"{name}, tau_down_over_up"] = ratio.triple()
    found.findings["codes"][name] = judge_ratio(ratio)


def _batches(sums: dict[str, NDArray]) -> dict[str, NDArray]:
    """Sums of successive repeats of the only run, as rows."""
    parts = min(BATCHES, sums["up_waters"].shape[1])
    return {
        name: np.stack([part.sum(axis=0) for part in np.array_split(values[0], parts)])
        for name, values in sums.items()
    }


def _tables(sums: dict[str, NDArray]) -> dict[str, NDArray]:
    """Sums along the higher field, shape (n, bins, ...), as `up_cosine` and so on."""
    field = sums["up_field_ps"].sum(axis=(0, 1))
    tables: dict[str, NDArray] = {}
    for way in WAYS:
        own = {name: sums[f"{way}_{name}"] for name in ("cosine", "waters", "theta")}
        turned = along_field(own, np.full(own["waters"].shape[1], field))
        tables |= {f"{way}_{name}": values for name, values in turned.items()}
    return tables


def _curve(tables: dict[str, NDArray], way: str, name: str) -> NDArray:
    """Order by the time since a step, shape (n, bins)."""
    own = {key: tables[f"{way}_{key}"] for key in ("cosine", "waters", "theta")}
    return order(own, name)


def _fits(tables: dict[str, NDArray], steps: RepeatedSteps, name: str) -> NDArray:
    """Fits (log tau, A, B) up, down, and the difference of the two, shape (n, 3, 3)."""
    fits = []
    for way in WAYS:
        times = step_times(steps, way)
        fits.append(fit_exponential(times, _curve(tables, way, name), log_bins(len(times))))
    return np.stack([*fits, fits[1] - fits[0]], axis=1)


def _verdict(findings: dict[str, Any]) -> str:
    text = SAYS[findings["codes"]["mean cosine"]]
    ratio = findings.get("mean cosine, tau_down_over_up")
    if ratio:
        up, down = (findings[f"mean cosine, tau_{way}_ps"][0] for way in WAYS)
        text += f": {down:.2g} ps down, {up:.2g} ps up, ratio {shown(ratio, '.2g')}"
    return f"{text}; but {findings['caution']}" if findings["caution"] else text


def _figure(ensemble: Ensemble, steps: RepeatedSteps, found: Times) -> Figure:
    row = [Panel(partial(_decay, name=name, steps=steps, found=found)) for name in OBSERVABLES]
    title = (
        f"{ensemble.title}; {steps.repeats} steps between {steps.low_V_per_nm:g} and "
        f"{steps.high_V_per_nm:g} V/nm; {ensemble.seeds}, bands 95 %"
    )
    return panels(title, [row], size=(4.6, 3.9))


def _decay(axis: Axes, name: str, steps: RepeatedSteps, found: Times) -> None:
    for way in WAYS:
        times, values = step_times(steps, way), found.curves[name, way]
        first = log_bins(len(times))
        t = np.add.reduceat(times, first) / np.diff(np.append(first, len(times)))
        color, tau = COLORS[way], found.findings.get(f"{name}, tau_{way}_ps")
        axis.plot(t, values.value, ".", ms=4, color=color)
        band(axis, t, values.low, values.high, color, WITHIN[name])
        if tau:
            axis.plot(times, exponential(times, *found.fits[name, way].value), color=color, lw=1)
        shown = "{}: tau = {:.2g} [{:.2g}, {:.2g}] ps".format(way, *tau) if tau else way
        axis.plot([], [], color=color, label=shown)
    axis.set(xlabel="t since the step (ps)", ylabel=LABELS[name], xscale="log")
    legend(axis, columns=1)
