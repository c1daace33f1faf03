"""Order of the pore's water against field (paper, Figs 2B, 2C), each sign of the field apart.

A Janus membrane orders water without any field, so fields along +x and -x act on different water.
Averaged over both signs this order would cancel.
"""

from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.cycle import SIGNS, branch_of_phase
from ..analysis.lag import lag
from ..analysis.orientation import (
    CENTRES,
    along_field,
    circular_std,
    density,
    gaussian,
    gaussian_fit,
    gaussian_std,
    mean_cosine,
)
from ..analysis.statistics import Interval, bootstrap, shown
from ..protocols import required
from .drawing import (
    COLORS,
    COSINE,
    NOT_NEGATIVE,
    Panel,
    bars,
    legend,
    panels,
    shades,
)
from .ensemble import Content, Ensemble

#: Equal windows of |E| between zero and the amplitude.
WINDOWS = 6
_BRANCHES = ("forward", "reverse")
#: Resamples of the fitted width, whose fit is slow; only for both branches together.
_FITS = 30


class Order(StrEnum):
    """How the water's order changes with field."""

    RISES = "rises"
    FALLS = "falls"
    OPEN = "not told"
    ONE_SEED = "one seed"


def make(ensemble: Ensemble) -> Content:
    """Mean cosine of the dipoles to the field, and width of P(theta), by window of |E| and branch.

    theta and the cosine are taken from the field's own direction. Verdicts rest on the cosine; the
    width is the paper's number.
    """
    cycle = required(ensemble.point.protocol.cycle, "cycle")
    sums, amplitude = ensemble.sums(), cycle.amplitude_V_per_nm
    pooled = {
        (branch, sign): _pooled(sums, members)
        for (branch, sign), members in _groups(sums, amplitude).items()
    }
    table = pd.concat([_frame(*key, amplitude, t) for key, t in pooled.items()], ignore_index=True)
    table["seeds"] = len(ensemble.jobs)
    findings: dict[str, Any] = {name: found.triple() for name, found in changes(ensemble).items()}
    sample_ps = ensemble.point.protocol.recording.sample_interval_ps
    findings["lag_ps"] = lag(sums, cycle, sample_ps).triple()
    findings["codes"] = {
        says: _code(findings[f"rise of mean cosine with field, {says}"]) for says in SIGNS.values()
    }
    findings["verdict"] = _verdict(findings)
    return Content(table, _figure(ensemble, table, pooled), findings)


def changes(ensemble: Ensemble) -> dict[str, Interval]:
    """Changes of order with field, and between the branches, by sign of the field.

    The difference between the branches is the mean over all windows but the last, where they meet.
    A lag behind the field also makes a difference: see `analysis.lag`.
    """
    sums = ensemble.sums()
    cycle = required(ensemble.point.protocol.cycle, "cycle")
    groups = _groups(sums, cycle.amplitude_V_per_nm)
    found = {}
    for sign, says in SIGNS.items():
        both, forward, reverse = (
            _pooled(sums, groups[branch, sign]) for branch in ("both", "forward", "reverse")
        )
        found[f"rise of mean cosine with field, {says}"] = _difference(
            both, lambda t: mean_cosine(t)[:, -1] - mean_cosine(t)[:, 0]
        )
        found[f"fall of sigma_theta with field, {says}"] = _difference(
            both, lambda t: circular_std(t["theta"][:, 0]) - circular_std(t["theta"][:, -1])
        )
        branches = {f"{name}_f": v for name, v in forward.items()}
        branches |= {f"{name}_r": v for name, v in reverse.items()}
        found[f"mean cosine reverse less forward, {says}"] = _difference(
            branches, lambda t: _between_branches(t, mean_cosine)
        )
        found[f"sigma_theta forward less reverse, {says}"] = _difference(
            branches, lambda t: -_between_branches(t, lambda own: circular_std(own["theta"]))
        )
    return found


def _difference(tables: dict[str, NDArray], estimator: Any) -> Interval:
    return bootstrap(tables, lambda t: estimator(t)[:, None]).at(0)


def _between_branches(tables: dict[str, NDArray], value: Any) -> NDArray:
    """Reverse less forward, mean over the windows but the last, shape (n,)."""
    forward, reverse = (
        value({name[:-2]: v for name, v in tables.items() if name.endswith(branch)})
        for branch in ("_f", "_r")
    )
    return np.asarray((reverse - forward)[:, :-1].mean(axis=1))


def _groups(sums: dict[str, NDArray], amplitude: float) -> dict[tuple[str, str], NDArray]:
    """Window of each phase bin by branch and sign, -1 where the bin is not of these."""
    time = np.maximum(
        sums["time_ps"].sum(axis=0), 1e-12
    )  # avoids a division by zero in a phase without samples
    field = sums["field_ps"].sum(axis=0) / time
    window = np.minimum((np.abs(field) / amplitude * WINDOWS).astype(int), WINDOWS - 1)
    forward = branch_of_phase() % 2 == 0
    branches = {"both": np.ones_like(forward), "forward": forward, "reverse": ~forward}
    signs = {"+": field > 0, "-": field < 0}
    return {
        (branch, sign): np.where(own & on_side, window, -1)
        for branch, own in branches.items()
        for sign, on_side in signs.items()
    }


def _pooled(sums: dict[str, NDArray], members: NDArray) -> dict[str, NDArray]:
    """Sums of each seed by window, the field's direction taken as theta = 0."""
    aligned = along_field(sums, sums["field_ps"].sum(axis=0))
    select = (members == np.arange(WINDOWS)[:, None]).astype(float)
    return {
        "theta": np.einsum("wp,spb->swb", select, aligned["theta"]),
        "cosine": aligned["cosine"] @ select.T,
        "waters": sums["waters"] @ select.T,
        "time": sums["time_ps"] @ select.T,
        "field": np.abs(sums["field_ps"]) @ select.T,
    }


def _frame(branch: str, sign: str, amplitude: float, tables: dict[str, NDArray]) -> pd.DataFrame:
    with np.errstate(invalid="ignore"):
        mean_field = tables["field"].sum(axis=0) / tables["time"].sum(axis=0)
    columns: dict[str, Any] = {
        "branch": branch,
        "sign": sign,
        "window_low_V_per_nm": np.arange(WINDOWS) * amplitude / WINDOWS,
        "window_high_V_per_nm": (np.arange(WINDOWS) + 1) * amplitude / WINDOWS,
        "field_V_per_nm": mean_field,
        "water_samples": tables["waters"].sum(axis=0).astype(int),
        "mu_fit_rad": gaussian_fit(tables["theta"].sum(axis=0))[:, 0],
    }
    fits = _FITS if branch == "both" else 0
    intervals = {
        "cos_dipole": bootstrap(tables, mean_cosine),
        "sigma_theta_rad": bootstrap(tables, lambda t: circular_std(t["theta"])),
        "sigma_fit_rad": bootstrap(tables, lambda t: gaussian_std(t["theta"]), repeats=fits),
    }
    for name, interval in intervals.items():
        columns |= {
            name: interval.value,
            f"{name}_low": interval.low,
            f"{name}_high": interval.high,
        }
    return pd.DataFrame(columns)


# --- findings ----------------------------------------------------------------------------------


def _code(rise: list[float]) -> Order:
    _, low, high = rise
    if not np.isfinite(low):
        return Order.ONE_SEED
    if low > 0:
        return Order.RISES
    return Order.FALLS if high < 0 else Order.OPEN


def _verdict(findings: dict[str, Any]) -> str:
    if Order.ONE_SEED in findings["codes"].values():
        return "not enough data: one seed gives no interval"
    parts = []
    for side, code in findings["codes"].items():
        rise = shown(findings[f"rise of mean cosine with field, {side}"], "+.2f")
        says = {
            Order.RISES: "water order rises with field beyond its interval",
            Order.FALLS: "water order falls with field beyond its interval",
            Order.OPEN: "not enough data to show a change",
        }[code]
        parts.append(f"{side}: mean cosine to the field {rise} from low to high field: {says}")
    return "; ".join(parts)


# --- figure ------------------------------------------------------------------------------------


def _figure(
    ensemble: Ensemble, table: pd.DataFrame, pooled: dict[tuple[str, str], dict[str, NDArray]]
) -> Figure:
    thetas = {key: tables["theta"].sum(axis=0) for key, tables in pooled.items()}
    top = max(float(density(theta[::2]).max()) for theta in thetas.values())
    grid = []
    for sign, side in SIGNS.items():
        rows = table[table.sign == sign]
        row = []
        for branch in _BRANCHES:
            own, theta = rows[rows.branch == branch], thetas[branch, sign]
            title = f"{side}, {branch}"
            draw = partial(_distributions, rows=own, theta=theta, top=top, title=title)
            row.append(Panel(draw, "" if theta.any() else f"{title}: no water in the pore"))
        for name in ("cos_dipole", "sigma_theta_rad"):
            row.append(Panel(partial(_by_field, rows=rows, name=name, side=side)))
        grid.append(row)
    title = f"{ensemble.title}; {ensemble.seeds}, bars 95 %; widths in rad, model-free (of the "
    return panels(title + "dashed Gaussian fit)", grid, size=(3.6, 3.9))


def _by_field(axis: Axes, rows: pd.DataFrame, name: str, side: str) -> None:
    within, label = {
        "cos_dipole": (COSINE, "mean cos(dipole, field)"),
        "sigma_theta_rad": (NOT_NEGATIVE, "sigma_theta (rad)"),
    }[name]
    for branch in _BRANCHES:
        own, color = rows[rows.branch == branch], COLORS[branch]
        ends = own[name], own[f"{name}_low"], own[f"{name}_high"]
        bars(axis, own.field_V_per_nm, *ends, within, fmt="o-", ms=3, color=color, label=branch)
        if name == "sigma_theta_rad":
            axis.plot(own.field_V_per_nm, own.sigma_fit_rad, color=color, ls=":", lw=1)
    axis.set(xlabel="|E| (V/nm)", ylabel=label)
    legend(axis, side if name == "cos_dipole" else f"{side}; dotted: Gaussian fit")


def _distributions(axis: Axes, rows: pd.DataFrame, theta: NDArray, top: float, title: str) -> None:
    """Draw P(theta) of every other window with its Gaussian; `top` is the largest density."""
    degrees = np.degrees(CENTRES)
    windows = list(enumerate(rows.iterrows()))[::2]
    for color, (k, (_, row)) in zip(shades(len(windows)), windows, strict=True):
        window = f"{row.window_low_V_per_nm:.1f}-{row.window_high_V_per_nm:.1f} V/nm"
        label = f"{window}: {row.sigma_theta_rad:.2f} ({row.sigma_fit_rad:.2f})"
        axis.plot(degrees, density(theta[k]), drawstyle="steps-mid", lw=1, color=color, label=label)
        if np.isfinite(row.sigma_fit_rad):
            # Angles from the peak, wrapped: a fitted peak may extend across +-180 degrees.
            away = np.mod(CENTRES - row.mu_fit_rad + np.pi, 2 * np.pi) - np.pi
            axis.plot(degrees, gaussian(away, 0.0, row.sigma_fit_rad), color=color, ls="--", lw=1)
    axis.set(xlabel="theta from the field (deg)", ylabel="P(theta) (1/rad)")
    axis.set_ylim(0, 1.05 * top or 1.0)
    legend(axis, title, columns=1)
