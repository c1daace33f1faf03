"""Order of the pore's water against field (paper, Figs 2B, 2C)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.orientation import (
    CENTRES,
    circular_std,
    density,
    gaussian,
    gaussian_fit,
    gaussian_std,
    turned,
)
from ..analysis.sine import branch_of_phase
from ..analysis.statistics import Interval, bootstrap
from .ensemble import Content, Ensemble

#: Equal windows of |E| between zero and the amplitude.
WINDOWS = 6
_COLORS = {"forward": "tab:blue", "reverse": "tab:red"}
#: Resamples of the fitted width, which is slow; only where both signs are pooled.
_FITS = 30


def make(ensemble: Ensemble) -> Content:
    """Width of P(theta) and mean alignment by window of |E|, branch and sign of the field.

    theta is taken from the field's own direction, so that both signs can be pooled.
    """
    sums = ensemble.sums()
    amplitude = float(getattr(ensemble.point.protocol, "amplitude_V_per_nm", 1.0))
    groups = _groups(sums, amplitude)
    frames = []
    for (branch, sign), members in groups.items():
        tables = _pooled(sums, members)
        frames.append(_frame(branch, sign, amplitude, sums, members, tables))
    table = pd.concat(frames, ignore_index=True)
    both = _pooled(sums, groups["both", "both"])
    found = changes(ensemble)
    findings = {
        "narrowing_rad": _triple(found["fall of sigma_theta with field"]),
        "hysteresis_rad": _triple(found["sigma_theta forward less reverse"]),
        "alignment_gain": _triple(_alignment_gain(both)),
        "verdict": _verdict(found["fall of sigma_theta with field"]),
    }
    by_branch = {b: _pooled(sums, groups[b, "both"])["theta"] for b in _COLORS}
    return Content(table, _figure(ensemble, table, by_branch), findings)


def changes(ensemble: Ensemble) -> dict[str, Interval]:
    """How much narrower P(theta) is at the highest field, and forward against reverse, rad."""
    sums = ensemble.sums()
    amplitude = float(getattr(ensemble.point.protocol, "amplitude_V_per_nm", 1.0))
    groups = _groups(sums, amplitude)
    both, forward, reverse = (
        _pooled(sums, groups[branch, "both"]) for branch in ("both", "forward", "reverse")
    )
    return {
        "fall of sigma_theta with field": _narrowing(both),
        "sigma_theta forward less reverse": _hysteresis(forward, reverse),
    }


def _groups(sums: dict[str, NDArray], amplitude: float) -> dict[tuple[str, str], NDArray]:
    """Window of each phase bin, -1 where the bin is not of that branch and sign."""
    field = (sums["field_ps"].sum(axis=0)) / sums["time_ps"].sum(axis=0)
    window = np.minimum((np.abs(field) / amplitude * WINDOWS).astype(int), WINDOWS - 1)
    forward = branch_of_phase() % 2 == 0
    masks = {
        (branch, sign): branch_mask & sign_mask
        for branch, branch_mask in (
            ("both", np.ones_like(forward)),
            ("forward", forward),
            ("reverse", ~forward),
        )
        for sign, sign_mask in (("both", field == field), ("+", field > 0), ("-", field < 0))
    }
    return {key: np.where(mask, window, -1) for key, mask in masks.items()}


def _pooled(sums: dict[str, NDArray], members: NDArray) -> dict[str, NDArray]:
    """Sums of each seed by window, the field's direction taken as theta = 0."""
    negative = sums["field_ps"].sum(axis=0) < 0
    theta = np.where(negative[:, None], turned(sums["theta"]), sums["theta"])
    cosine = np.where(negative, -1.0, 1.0) * sums["cosine"]
    select = (members == np.arange(WINDOWS)[:, None]).astype(float)
    return {
        "theta": np.einsum("wp,spb->swb", select, theta),
        "cosine": cosine @ select.T,
        "waters": sums["waters"] @ select.T,
    }


def _frame(
    branch: str,
    sign: str,
    amplitude: float,
    sums: dict[str, NDArray],
    members: NDArray,
    tables: dict[str, NDArray],
) -> pd.DataFrame:
    select = members == np.arange(WINDOWS)[:, None]
    time, field = sums["time_ps"].sum(axis=0), np.abs(sums["field_ps"].sum(axis=0))
    with np.errstate(invalid="ignore"):
        mean_field = (select @ field) / (select @ time)
    columns: dict[str, Any] = {
        "branch": branch,
        "sign": sign,
        "window_low_V_per_nm": np.arange(WINDOWS) * amplitude / WINDOWS,
        "window_high_V_per_nm": (np.arange(WINDOWS) + 1) * amplitude / WINDOWS,
        "field_V_per_nm": mean_field,
        "water_samples": tables["waters"].sum(axis=0).astype(int),
        "seeds": len(tables["waters"]),
    }
    columns["mu_fit_rad"] = gaussian_fit(tables["theta"].sum(axis=0))[:, 0]
    fits = _FITS if sign == "both" else 0
    intervals = {
        "sigma_theta_rad": bootstrap(tables, lambda t: circular_std(t["theta"])),
        "sigma_fit_rad": bootstrap(tables, lambda t: gaussian_std(t["theta"]), repeats=fits),
        "cos_dipole": bootstrap(tables, _alignment),
    }
    for name, interval in intervals.items():
        columns |= {
            name: interval.value,
            f"{name}_low": interval.low,
            f"{name}_high": interval.high,
        }
    return pd.DataFrame(columns)


def _alignment(tables: dict[str, NDArray]) -> NDArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return tables["cosine"] / tables["waters"]


def _narrowing(both: dict[str, NDArray]) -> Interval:
    def narrowing(tables: dict[str, NDArray]) -> NDArray:
        sigma = circular_std(tables["theta"])
        return sigma[:, :1] - sigma[:, -1:]

    return bootstrap(both, narrowing)


def _alignment_gain(both: dict[str, NDArray]) -> Interval:
    def gain(tables: dict[str, NDArray]) -> NDArray:
        cosine = _alignment(tables)
        return cosine[:, -1:] - cosine[:, :1]

    return bootstrap(both, gain)


def _hysteresis(forward: dict[str, NDArray], reverse: dict[str, NDArray]) -> Interval:
    """sigma_theta forward less reverse, mean over the windows but the last, where branches meet."""
    tables = {"forward": forward["theta"], "reverse": reverse["theta"]}

    def difference(sums: dict[str, NDArray]) -> NDArray:
        width = circular_std(sums["forward"]) - circular_std(sums["reverse"])
        return width[:, :-1].mean(axis=1, keepdims=True)

    return bootstrap(tables, difference)


def _triple(interval: Interval) -> list[float]:
    return [float(interval.value[0]), float(interval.low[0]), float(interval.high[0])]


def _verdict(narrower: Interval) -> str:
    value, low, high = _triple(narrower)
    if not np.isfinite(low):
        return "not enough data: one seed gives no interval"
    text = f"sigma_theta falls by {value:.2f} rad [{low:.2f}, {high:.2f}] from low to high field: "
    if low > 0:
        return text + "water order rises with field beyond its interval"
    if high < 0:
        return text + "water order falls with field beyond its interval"
    return text + "not enough data to tell from no change"


def _figure(ensemble: Ensemble, table: pd.DataFrame, by_branch: dict[str, NDArray]) -> Figure:
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    axes = figure.subplots(2, 2)
    top = 0.0
    for axis, (branch, theta) in zip(axes[0], by_branch.items(), strict=True):
        rows = table[(table.branch == branch) & (table.sign == "both")]
        top = max(top, _distributions(axis, rows, theta.sum(axis=0)))
        axis.set_title(branch, fontsize=10)
    for axis in axes[0]:
        axis.set_ylim(0, 1.05 * top or 1.0)
    for branch, color in _COLORS.items():
        rows = table[(table.branch == branch) & (table.sign == "both")]
        for axis, name in zip(axes[1], ("sigma_theta_rad", "cos_dipole"), strict=True):
            error = [rows[name] - rows[f"{name}_low"], rows[f"{name}_high"] - rows[name]]
            axis.errorbar(
                rows.field_V_per_nm, rows[name], error, color=color, capsize=3, label=branch
            )
        axes[1, 0].plot(rows.field_V_per_nm, rows.sigma_fit_rad, color=color, ls=":", lw=1)
    axes[1, 0].set(xlabel="|E| (V/nm)", ylabel="sigma_theta (rad); dotted: Gaussian fit")
    axes[1, 1].set(xlabel="|E| (V/nm)", ylabel="mean cos(dipole, field)")
    axes[1, 0].legend(frameon=False)
    figure.suptitle(
        f"{ensemble.title}; {ensemble.seeds}, bars 95 %; widths in rad, model-free "
        "(of the dashed Gaussian fit)",
        fontsize=10,
    )
    return figure


def _distributions(axis: Axes, rows: pd.DataFrame, theta: NDArray) -> float:
    """P(theta) of every other window with its Gaussian; returns the largest density."""
    degrees = np.degrees(CENTRES)
    for k, (_, row) in list(enumerate(rows.iterrows()))[::2]:
        window = f"{row.window_low_V_per_nm:.1f}-{row.window_high_V_per_nm:.1f} V/nm"
        label = f"{window}: {row.sigma_theta_rad:.2f} ({row.sigma_fit_rad:.2f})"
        (line,) = axis.plot(degrees, density(theta[k]), drawstyle="steps-mid", lw=1, label=label)
        if np.isfinite(row.sigma_fit_rad):
            # The nearest image of each angle: a fitted peak may lie across +-180 degrees.
            away = np.mod(CENTRES - row.mu_fit_rad + np.pi, 2 * np.pi) - np.pi
            fit = gaussian(away, 0.0, row.sigma_fit_rad)
            axis.plot(degrees, fit, color=line.get_color(), ls="--", lw=1)
    axis.set(xlabel="theta from the field (deg)", ylabel="P(theta) (1/rad)")
    axis.legend(frameon=False, fontsize=8)
    return float(density(theta[::2]).max())
