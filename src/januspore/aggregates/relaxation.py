"""How fast the pore's water orders after a step up and relaxes after a step down (Figs 2D, 3)."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.orientation import circular_std, turned
from ..analysis.relaxation import exponential, fit_exponential
from ..analysis.statistics import Interval, bootstrap
from ..analysis.sums import time_bins
from ..schema import Staircase
from .ensemble import Content, Ensemble

_DIRECTIONS = ("forward", "reverse")


def make(ensemble: Ensemble) -> Content:
    """Fit sigma_theta(t) = A + B exp(-t / tau) after each step, over the ensemble.

    The paper writes A + B (1 - exp(-t / tau)) for the reverse steps: the same curve, with B < 0
    here. tau is the time of either.
    """
    protocol = ensemble.point.protocol
    assert isinstance(protocol, Staircase)
    theta = _aligned(ensemble.sums(), protocol)
    n_bins = theta.shape[2]
    t = (np.arange(n_bins) + 0.5) * protocol.hold_ps / n_bins
    sigma = bootstrap({"theta": theta}, lambda s: circular_std(s["theta"]), repeats=200)
    fits = bootstrap({"theta": theta}, lambda s: _fits(t, s["theta"]), repeats=200)
    table = _table(protocol, fits, t, len(ensemble.jobs))
    return Content(table, _figure(ensemble, table, sigma, fits, t), _findings(table))


def _aligned(sums: dict[str, NDArray], protocol: Staircase) -> NDArray:
    """Histograms from the field's direction, shape (seeds, holds, time bins, angle bins)."""
    expected = time_bins(protocol.hold_ps, protocol.recording.sample_interval_ps)
    assert sums["theta"].shape[2] == expected
    negative = sums["field_ps"].sum(axis=(0, 2)) < 0
    return np.where(negative[:, None, None], turned(sums["theta"]), sums["theta"])


def _fits(t: NDArray, theta: NDArray) -> NDArray:
    if len(t) < 4:
        return np.full((*theta.shape[:2], 3), np.nan)
    return fit_exponential(t, circular_std(theta))


def _table(protocol: Staircase, fits: Interval, t: NDArray, seeds: int) -> pd.DataFrame:
    holds = np.array(protocol.holds_V_per_nm)
    tau = Interval(*(np.exp(v[:, 0]) for v in (fits.value, fits.low, fits.high)))
    frame = pd.DataFrame(
        {
            "direction": np.repeat(_DIRECTIONS, len(holds)),
            "field_V_per_nm": np.concatenate([holds, holds[::-1]]),
            "tau_ps": tau.value,
            "tau_ps_low": tau.low,
            "tau_ps_high": tau.high,
            "sigma_end_rad": fits.value[:, 1],
            "step_rad": fits.value[:, 2],
            "step_rad_low": fits.low[:, 2],
            "step_rad_high": fits.high[:, 2],
            "seeds": seeds,
        }
    )
    frame["verdict"] = [_verdict(row, protocol.hold_ps, t) for row in frame.to_dict("records")]
    carried = frame.verdict == "resolved"
    # A time that the data do not carry is not given as a number.
    frame.loc[~carried, ["tau_ps", "tau_ps_low", "tau_ps_high"]] = np.nan
    return frame


def _verdict(row: Mapping[Hashable, Any], hold_ps: float, t: NDArray) -> str:
    if not np.isfinite(row["tau_ps"]):
        return "no decay resolved"
    if not np.isfinite(row["tau_ps_low"]):
        return "no interval: one seed, or most resamples have no decay"
    if row["step_rad_low"] <= 0 <= row["step_rad_high"]:
        return "step not larger than its interval"
    if row["tau_ps_high"] > 10 * hold_ps or row["tau_ps_low"] < 0.1 * (t[1] - t[0]):
        return "tau outside the range that the hold can show"
    return "resolved"


def _findings(table: pd.DataFrame) -> dict[str, Any]:
    resolved = table[table.verdict == "resolved"]
    found: dict[str, Any] = {"steps": len(table), "steps_resolved": len(resolved)}
    means = {d: resolved[resolved.direction == d].tau_ps for d in _DIRECTIONS}
    if any(len(v) == 0 for v in means.values()):
        found["verdict"] = "not enough data to compare tau forward with tau reverse"
        return found
    for name, values in means.items():
        found[f"tau_{name}_ps"] = float(np.exp(np.log(values).mean()))
    # Each step's log tau has its own interval; a mean over steps has their combined one.
    error = {d: _error_of_mean(resolved[resolved.direction == d]) for d in _DIRECTIONS}
    ratio = np.log(found["tau_reverse_ps"] / found["tau_forward_ps"])
    half = float(np.hypot(error["forward"], error["reverse"]))
    low, high = np.exp(ratio - half), np.exp(ratio + half)
    found["tau_reverse_over_forward"] = [float(np.exp(ratio)), float(low), float(high)]
    slower = "slower" if low > 1 else "faster" if high < 1 else "not told from as fast"
    found["verdict"] = f"relaxing (reverse) is {slower} than ordering (forward)"
    return found


def _error_of_mean(rows: pd.DataFrame) -> float:
    half = (np.log(rows.tau_ps_high) - np.log(rows.tau_ps_low)) / 2
    return float(np.sqrt((half**2).sum()) / len(rows))


def _figure(
    ensemble: Ensemble, table: pd.DataFrame, sigma: Interval, fits: Interval, t: NDArray
) -> Figure:
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    rise, fall, times = figure.subplots(1, 3)
    half = len(table) // 2
    rise.set_title("forward: after each step up", fontsize=10)
    fall.set_title("reverse: after each step down", fontsize=10)
    for axis, rows in ((rise, range(half)), (fall, range(half, 2 * half))):
        _decays(axis, table, sigma, fits, t, list(rows))
    for direction, color in zip(_DIRECTIONS, ("tab:blue", "tab:red"), strict=True):
        found = table[(table.direction == direction) & (table.verdict == "resolved")]
        error = [found.tau_ps - found.tau_ps_low, found.tau_ps_high - found.tau_ps]
        style = {"color": color, "fmt": "o", "capsize": 3, "label": direction}
        times.errorbar(found.field_V_per_nm, found.tau_ps, error, **style)
    unresolved = (table.verdict != "resolved").sum()
    times.set(xlabel="E (V/nm)", ylabel="tau (ps)", yscale="log")
    times.set_title(f"{unresolved} of {len(table)} steps not resolved", fontsize=10)
    times.legend(frameon=False)
    figure.suptitle(f"{ensemble.title}; {ensemble.seeds}, bars 95 %", fontsize=10)
    return figure


def _decays(
    axis: Axes, table: pd.DataFrame, sigma: Interval, fits: Interval, t: NDArray, rows: list[int]
) -> None:
    shown = rows[:: max(1, len(rows) // 4)]
    for k, i in enumerate(shown):
        color = f"C{k}"
        axis.plot(t, sigma.value[i], ".", ms=3, color=color)
        axis.fill_between(t, sigma.low[i], sigma.high[i], color=color, alpha=0.12, lw=0)
        if table.verdict[i] == "resolved":
            axis.plot(t, exponential(t, *fits.value[i]), color=color)
        axis.plot([], [], color=color, label=f"{table.field_V_per_nm[i]:g} V/nm")
    axis.set(xlabel="t since the step (ps)", ylabel="sigma_theta (rad)")
    axis.legend(frameon=False, fontsize=8)
