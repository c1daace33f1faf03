"""Short-term facilitation and depression: In/I0 and water order through a train (Figs 5B, 5C)."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ..analysis.current import ESTIMATORS, current_interval, pooled_rate
from ..analysis.orientation import OBSERVABLES, along_field, order
from ..analysis.pulses import (
    Memory,
    Pulses,
    by_estimator,
    pulse_segments,
)
from ..analysis.statistics import Interval, bootstrap, shown
from ..protocols import required
from ..protocols.field import Programme
from ..units import E_PER_PS
from .drawing import Panel, band, bars, legend, panels, zero_lines
from .ensemble import Content, Ensemble
from .paired_pulse import ratio_missing
from .relaxation import LABELS, WITHIN


def make(ensemble: Ensemble) -> Content:
    """Current of each pulse over the first one's, and the water's order in every segment."""
    protocol = ensemble.point.protocol
    mode, programme = required(protocol.train, "train").mode, protocol.programme()
    sums = {name: values[:, :, 0] for name, values in ensemble.sums().items()}
    pulses = pulse_segments(programme)
    in_pulses = {name: values[:, pulses] for name, values in sums.items()}
    found = by_estimator(in_pulses, protocol.recording, ensemble.model)
    frames = [_frame(*item, len(ensemble.jobs)) for item in found.items()]
    codes: dict[str, str] = {}
    findings: dict[str, Any] = {"mode": mode, "codes": codes}
    for name, one in found.items():
        findings |= _of_all(name, one, programme)
        codes[name], findings[name] = _trend(one)
        if not one.missing:
            findings[f"{name}, last over first"] = one.ratio.at(-1).triple()
    orders = {name: _order(sums, name) for name in OBSERVABLES}
    for name in OBSERVABLES:
        findings[f"{name}, last pulse less first"] = _change(sums, pulses, name).triple()
    table = pd.concat(frames, ignore_index=True)
    findings["verdict"] = _verdict(findings)
    return Content(table, _figure(ensemble, mode, programme, table, orders, findings), findings)


def _frame(estimator: str, pulses: Pulses, seeds: int) -> pd.DataFrame:
    currents, ratio, flag = pulses.currents, pulses.ratio, pulses.flag
    # The first pulse's own ratio is 1 by definition.
    return pd.DataFrame(
        {
            "pulse": np.arange(len(currents.value)),
            "estimator": estimator,
            "current_nA": currents.value,
            "low_nA": currents.low,
            "high_nA": currents.high,
            "ratio": np.concatenate([[np.nan if flag else 1.0], ratio.value]),
            "ratio_low": np.concatenate([[np.nan], ratio.low]),
            "ratio_high": np.concatenate([[np.nan], ratio.high]),
            "flag": flag,
            "seeds": seeds,
        }
    )


def _of_all(estimator: str, pulses: Pulses, programme: Programme) -> dict[str, list[float]]:
    """Mean current of all pulses together, which few seeds know, and the charge of a pulse."""
    mean = current_interval(pulses.tables, pooled_rate).at(0)
    pulse_ps = next(leaf.duration_ps for _, leaf in programme.leaves() if leaf.label == "pulse")
    return {
        f"{estimator}, mean pulse current_nA": mean.triple(),
        f"{estimator}, charge a pulse_e": mean.scaled(pulse_ps / E_PER_PS).triple(),
    }


def _trend(pulses: Pulses) -> tuple[str, str]:
    """Judge whether the last pulse shows a memory of the first: a code, and text."""
    if pulses.missing:
        return pulses.missing, pulses.flag
    last = pulses.ratio.at(-1)
    code = Memory.OPEN
    if last.low > 1:
        code = Memory.FACILITATION
    elif last.high < 1:
        code = Memory.DEPRESSION
    says = "no memory beyond its interval" if code is Memory.OPEN else str(code)
    return code, f"last pulse over first {last.shown('.2f')}: {says}"


def _verdict(findings: dict[str, Any]) -> str:
    carried = findings["pore slab, mean pulse current_nA"]
    told = f"pulses carry {shown(carried)} nA; " if np.isfinite(carried).all() else ""
    return f"pore slab: {told}{findings['pore slab']}"


def _aligned(sums: dict[str, NDArray]) -> dict[str, NDArray]:
    return along_field(sums, sums["field_ps"].sum(axis=0))


def _order(sums: dict[str, NDArray], name: str) -> Interval:
    """One of `OBSERVABLES` in every segment, shape (segments,)."""
    return bootstrap(_aligned(sums), partial(order, observable=name), repeats=300)


def _change(sums: dict[str, NDArray], pulses: NDArray, name: str) -> Interval:
    """One of `OBSERVABLES` in the last pulse less that in the first."""

    def change(tables: dict[str, NDArray]) -> NDArray:
        values = order(tables, name)
        return values[:, [pulses[-1]]] - values[:, [pulses[0]]]

    return bootstrap(_aligned(sums), change, repeats=300).at(0)


def _figure(
    ensemble: Ensemble,
    mode: str,
    programme: Programme,
    table: pd.DataFrame,
    orders: dict[str, Interval],
    findings: dict[str, Any],
) -> Figure:
    rows = []
    for estimator, (name, values) in zip(ESTIMATORS, orders.items(), strict=True):
        own = table[table.estimator == estimator]
        mean = findings[f"{estimator}, mean pulse current_nA"]
        currents = partial(_currents, estimator=estimator, rows=own, mean=mean)
        ratios = partial(_ratios, estimator=estimator, rows=own)
        order_of = partial(_orders, programme=programme, name=name, values=values)
        rows.append(
            [Panel(currents), Panel(ratios, ratio_missing(estimator, own)), Panel(order_of)]
        )
    return panels(f"{ensemble.title}; {mode}; {ensemble.seeds}, bars and bands 95 %", rows)


def _currents(axis: Axes, estimator: str, rows: pd.DataFrame, mean: list[float]) -> None:
    zero_lines(axis, x=False)
    value, low, high = mean
    if np.isfinite(mean).all():
        axis.axhline(value, color="0.5", lw=1, zorder=0, label=f"all: {shown(mean)} nA")
        axis.axhspan(low, high, color="0.5", alpha=0.15, lw=0)
    bars(axis, rows.pulse, rows.current_nA, rows.low_nA, rows.high_nA, color="black", ms=4)
    axis.set(xlabel="pulse, from 0", ylabel="In (nA)")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axis, estimator)


def _ratios(axis: Axes, estimator: str, rows: pd.DataFrame) -> None:
    axis.axhline(1, color="0.7", lw=0.5)
    bars(axis, rows.pulse, rows.ratio, rows.ratio_low, rows.ratio_high, color="black", ms=4)
    axis.set(xlabel="pulse, from 0", ylabel="In / I0")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axis, estimator)


def _orders(axis: Axes, programme: Programme, name: str, values: Interval) -> None:
    middle = np.array([start + leaf.duration_ps / 2 for start, leaf in programme.leaves()])
    axis.plot(middle, values.value, lw=1, color="black")
    band(axis, middle, values.low, values.high, "black", WITHIN[name])
    pulse = pulse_segments(programme)
    axis.plot(middle[pulse], values.value[pulse], "o", ms=4, color="tab:orange", label="in pulses")
    axis.set(xlabel="t (ps)", ylabel=LABELS[name])
    legend(axis, name)
