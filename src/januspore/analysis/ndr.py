"""Negative differential resistance (NDR): does the current fall as the field rises?

See `januspore.analysis.loop` for branches and windows.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import isotonic_regression

from .current import Tables
from .loop import (
    ONE_SEED,
    WINDOWS,
    curve,
    excludes_zero,
    farthest,
    mean_current,
    window_currents,
    window_edges,
)
from .statistics import (
    LEVEL,
    Interval,
    bootstrap,
    resampled,
    student,
    summed,
)

#: A fall of the current by less than this fraction of its largest value does not count as NDR.
NEGLIGIBLE_FALL = 0.25


def peak_and_valley(current: NDArray) -> tuple[NDArray, NDArray]:
    """Windows of the largest current and of the smallest one at higher fields, shape (n,) each.

    Both are the last window if the current is largest there.
    """
    peak = np.argmax(current, axis=1)
    beyond = np.arange(current.shape[1]) >= peak[:, None]
    return peak, np.argmin(np.where(beyond, current, np.inf), axis=1)


def slope_beyond(field: NDArray, current: NDArray, peak: int) -> NDArray:
    """Least-squares slope from a window to the highest field, nA nm/V, shape (n,).

    For the last window it is the slope between the last two windows.
    """
    part = slice(min(peak, field.shape[1] - 2), None)
    x = field[:, part] - field[:, part].mean(axis=1, keepdims=True)
    return (x * current[:, part]).sum(axis=1) / (x**2).sum(axis=1)


def largest_fall(current: NDArray, bound: NDArray | float = 0.0) -> NDArray:
    """Largest fall of the current from any window to any later one, nA, shape (n,).

    Args:
        current: shape (n, WINDOWS).
        bound: how much larger the current of each later window may be, nA, shape (WINDOWS,).
    """
    return np.maximum(np.maximum.accumulate(current, axis=1) - current - bound, 0).max(axis=1)


def widened(tables: Tables, branch: str, sign: str) -> NDArray:
    """Resampled curves, scaled about their centre as in the package's intervals.

    Resamples of a few seeds spread too little; the factors are those of `statistics.bootstrap`.

    Returns:
        Currents, nA, shape (repeats, WINDOWS).
    """
    n = len(tables["time"])
    centre = curve(summed(tables), branch, sign)[1]
    factor = np.sqrt(n / (n - 1)) * student(n) / stats.norm.ppf(0.5 + LEVEL / 2)
    return centre + (curve(resampled(tables), branch, sign)[1] - centre) * factor


def chance_of_fall(current: NDArray, curves: NDArray, bound: NDArray) -> float:
    """Probability that a current which only rises with field shows so large a fall by noise.

    The largest of several noisy currents is partly large by noise, so a fall beyond it is no
    evidence by itself. Here the noise of the resampled curves is added to the nearest current that
    only rises with field (isotonic regression), and the falls of the sums are compared with the
    observed one.

    Args:
        current: shape (WINDOWS,).
        curves: its widened resamples, shape (repeats, WINDOWS).
        bound: how much larger the current of each window may be, nA, shape (WINDOWS,).
    """
    rising = isotonic_regression(current).x
    falls = largest_fall(rising + curves - current)
    seen = largest_fall(current[None], bound)[0]
    return float((1 + np.count_nonzero(falls >= seen)) / (1 + len(falls)))


class Outcome(StrEnum):
    """What is known of a fall of the current with field."""

    FOUND = "found"
    EXCLUDED = "excluded"
    OPEN = "not told"
    NO_CURRENT = "no significant current"
    ONE_SEED = "one seed"


_UNKNOWN = Interval.unknown()


@dataclass(frozen=True)
class Ndr:
    """NDR of one branch; fields and ratio are NaN unless it is found.

    `chance` is that of `chance_of_fall`, and decides whether NDR is found. `fall_bound` is the
    largest fall, as a fraction of the largest current, that the noise may hide, and decides whether
    NDR is excluded; `chance_hidden` is the probability of a hidden fall that would count as NDR.
    `probability` is the share of (widened) resamples whose slope beyond the peak is negative.
    """

    mean_nA: Interval
    outcome: Outcome
    statement: str
    peak_V_per_nm: Interval = _UNKNOWN
    valley_V_per_nm: Interval = _UNKNOWN
    ratio: Interval = _UNKNOWN
    slope: Interval = _UNKNOWN
    probability: float = np.nan
    chance: float = np.nan
    fall_bound: float = np.nan
    chance_hidden: float = np.nan

    @property
    def found(self) -> bool:
        """Whether the current falls beyond its noise."""
        return self.outcome is Outcome.FOUND

    @property
    def p(self) -> float:
        """p of the rejected hypothesis: no NDR where it is found, NDR where it is excluded."""
        if self.outcome is Outcome.FOUND:
            return self.chance
        if self.outcome is Outcome.EXCLUDED:
            return self.chance_hidden
        return min(self.chance, self.chance_hidden)

    @property
    def significant(self) -> bool:
        """Whether the mean current of the branch differs from 0."""
        return excludes_zero(self.mean_nA)


def find_ndr(tables: Tables, branch: str, sign: str, edges: NDArray) -> Ndr:
    """Look for NDR on one branch; `edges` as in `analysis.loop`."""
    mean = mean_current(tables, branch, sign)
    if len(tables["time"]) < 2:
        return Ndr(mean, Outcome.ONE_SEED, ONE_SEED)
    if not excludes_zero(mean):
        says = f"no significant current: bound {farthest(mean):.3g} nA"
        return Ndr(mean, Outcome.NO_CURRENT, says)
    field, current = curve(summed(tables), branch, sign)
    peak, valley = (int(w[0]) for w in peak_and_valley(current))
    curves = widened(tables, branch, sign)
    known = window_currents(tables, branch, sign)
    by_seeds = bootstrap(tables, lambda t: curve(t, branch, sign)[1])
    # By how much few crossings widen the intervals beyond the spread of the seeds.
    unseen, missed = known.high - by_seeds.high, by_seeds.low - known.low
    chance = chance_of_fall(current[0], curves, unseen)
    hidden = largest_fall(curves) + unseen.max() + missed.max()
    parts = hidden / known.low[peak] if known.low[peak] > 0 else np.full_like(hidden, np.inf)
    part = float(np.quantile(parts, LEVEL)) if np.isfinite(parts).all() else np.inf
    outcome = Outcome.OPEN
    if chance < 1 - LEVEL and known.low[peak] > 0:
        outcome = Outcome.FOUND
    elif part < NEGLIGIBLE_FALL:
        outcome = Outcome.EXCLUDED
    places, ratio = (_UNKNOWN, _UNKNOWN), _UNKNOWN
    if outcome is Outcome.FOUND:
        places = _places(tables, branch, sign, (peak, valley), window_edges(edges))
        ratio = _ratio(tables, branch, sign, (peak, valley), known)
    slope = bootstrap(tables, lambda t: slope_beyond(*curve(t, branch, sign), peak)[:, None])
    return Ndr(
        mean_nA=mean,
        outcome=outcome,
        statement=_statement(outcome, peak, chance, part, places),
        peak_V_per_nm=places[0],
        valley_V_per_nm=places[1],
        ratio=ratio,
        slope=slope.at(0),
        probability=float(np.mean(slope_beyond(field, curves, peak) < 0)),
        chance=chance,
        fall_bound=part,
        chance_hidden=float((1 + np.count_nonzero(parts >= NEGLIGIBLE_FALL)) / (1 + len(parts))),
    )


def _places(
    tables: Tables, branch: str, sign: str, windows: tuple[int, int], edges: NDArray
) -> tuple[Interval, Interval]:
    """|E| of peak and valley; an interval always reaches the middle of the neighbouring windows.

    The mean over a window does not show where in the window the current is largest. Where the
    current falls steeply beyond its peak, the mean of the peak's own window may even be below that
    of its neighbour.
    """

    def fields(t: Tables) -> NDArray:
        field, current = curve(t, branch, sign)
        chosen = np.stack(peak_and_valley(current), axis=1)
        return np.take_along_axis(field, chosen, axis=1)

    places = bootstrap(tables, fields)
    middle = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
    low = [min(places.low[k], middle[w]) for k, w in enumerate(windows)]
    high = [max(places.high[k], middle[w + 2]) for k, w in enumerate(windows)]
    whole = Interval(places.value, np.clip(low, 0, edges[-1]), np.clip(high, 0, edges[-1]))
    return whole.at(0), whole.at(1)


def _ratio(
    tables: Tables, branch: str, sign: str, windows: tuple[int, int], known: Interval
) -> Interval:
    """Ratio of peak to valley; only a lower bound where the valley's current may be zero."""
    peak, valley = windows
    if not known.low[valley] > 0:
        return Interval.of(np.nan, low=known.low[peak] / known.high[valley])

    def logarithm(t: Tables) -> NDArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            parts = np.log(curve(t, branch, sign)[1])
        return parts[:, [peak]] - parts[:, [valley]]

    return bootstrap(tables, logarithm).at(0).exp()


def _statement(
    outcome: Outcome, peak: int, chance: float, part: float, places: tuple[Interval, Interval]
) -> str:
    if outcome is Outcome.FOUND:
        valley = float(places[1].value)
        return f"NDR beyond {places[0].shown('.2f')} V/nm, valley at {valley:.2f} V/nm"
    if outcome is Outcome.EXCLUDED:
        return f"no NDR: a fall by more than {part:.0%} of the largest current is excluded"
    hidden = f"a fall by {part:.0%} of it may hide" if np.isfinite(part) else "any fall may hide"
    if peak == WINDOWS - 1:
        return f"no NDR seen: the current is largest at the highest field; {hidden}"
    return (
        f"no NDR beyond noise: a current that only rises falls as much in {chance:.0%} of cases; "
        f"{hidden.replace('of it', 'of the largest current')}"
    )
