"""Short-term facilitation and depression: In/I0 and water order through a train (Figs 5B, 5C)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.current import ESTIMATORS
from ..analysis.orientation import along_field, circular_std
from ..analysis.pulses import (
    Memory,
    Pulses,
    by_estimator,
    pulse_segments,
)
from ..analysis.statistics import Interval, bootstrap
from ..protocols import required
from ..protocols.field import Programme
from .ensemble import Content, Ensemble, say


def make(ensemble: Ensemble) -> Content:
    """Current of each pulse over the first one's, and sigma_theta in every segment of the train."""
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
        codes[name], findings[name] = _trend(one)
        if not one.missing:
            findings[f"{name}, last over first"] = one.ratio.at(-1).triple()
    order = _order(sums)
    findings["sigma_theta_change_rad"] = _change(sums, pulses)
    table = pd.concat(frames, ignore_index=True)
    findings["verdict"] = f"pore slab: {findings['pore slab']}"
    return Content(table, _figure(ensemble, mode, programme, table, order), findings)


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


def _trend(pulses: Pulses) -> tuple[str, str]:
    """What the last pulse says of a memory of the first: a code, and that in words."""
    if pulses.missing:
        return pulses.missing, pulses.flag
    last = pulses.ratio.at(-1)
    code = Memory.OPEN
    if last.low > 1:
        code = Memory.FACILITATION
    elif last.high < 1:
        code = Memory.DEPRESSION
    says = "not told from no memory" if code is Memory.OPEN else str(code)
    return code, f"last pulse over first {last.shown('.2f')}: {says}"


def _aligned(sums: dict[str, NDArray]) -> dict[str, NDArray]:
    return along_field(sums, sums["field_ps"].sum(axis=0))


def _order(sums: dict[str, NDArray]) -> Interval:
    return bootstrap(_aligned(sums), lambda t: circular_std(t["theta"]), repeats=300)


def _change(sums: dict[str, NDArray], pulses: NDArray) -> list[float]:
    """Width in the last pulse less that in the first, with its interval."""

    def change(tables: dict[str, NDArray]) -> NDArray:
        sigma = circular_std(tables["theta"])
        return sigma[:, [pulses[-1]]] - sigma[:, [pulses[0]]]

    return bootstrap(_aligned(sums), change, repeats=300).at(0).triple()


def _figure(
    ensemble: Ensemble, mode: str, programme: Programme, table: pd.DataFrame, order: Interval
) -> Figure:
    figure = Figure(figsize=(12, 4), layout="constrained")
    *left, right = figure.subplots(1, 3)
    for axis, estimator in zip(left, ESTIMATORS, strict=True):
        rows = table[table.estimator == estimator]
        axis.axhline(1, color="0.7", lw=0.5)
        if rows.ratio.notna().any():
            error = [rows.ratio - rows.ratio_low, rows.ratio_high - rows.ratio]
            axis.errorbar(rows.pulse, rows.ratio, error, fmt="o", ms=3, capsize=2)
        else:
            say(axis, rows.flag.iloc[0])
        axis.set(xlabel="pulse", ylabel="In / I0", title=estimator)
    leaves = list(programme.leaves())
    middle = np.array([start + leaf.duration_ps / 2 for start, leaf in leaves])
    right.plot(middle, order.value, lw=1)
    right.fill_between(middle, order.low, order.high, alpha=0.15, lw=0)
    pulse = pulse_segments(programme)
    right.plot(middle[pulse], order.value[pulse], "o", ms=3, label="in pulses")
    right.set(xlabel="t (ps)", ylabel="sigma_theta (rad)")
    right.legend(frameon=False)
    title = f"{ensemble.title}; {mode}; {ensemble.seeds}, bars 95 %"
    figure.suptitle(title, fontsize=10)
    return figure
