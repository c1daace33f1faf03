"""Loops of current against field: negative differential resistance (NDR), area, pinch.

Everything is estimated from sums by phase of the cycle (`januspore.analysis.sine`), given as
tables of `charge` (current times time, nA ps), `time` (ps) and `field` (field times time,
V/nm ps), each of shape (n, PHASES); estimators keep the leading axis. Currents of negative fields
are turned round, so that a current along its field is positive and "forward" always means a field
that grows in magnitude.

Field resolution: the phase bins of a branch crowd where the sine turns, so the last three are
merged. The `WINDOWS` windows that result each span at least 8 % of the amplitude; nothing else is
smoothed. A peak's field is therefore known to its window at best, and its interval is never
narrower than that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import isotonic_regression

from ..units import E_PER_PS
from .sine import BRANCHES, PHASES
from .statistics import LEVEL, Interval, bootstrap, poisson, resampled

Tables = dict[str, NDArray]

QUARTER = PHASES // 4
#: First phase bin of each field window, counted from E = 0.
_STARTS = np.arange(QUARTER - 2)
WINDOWS = len(_STARTS)
#: Edges of the windows in units of the amplitude, shape (WINDOWS + 1,).
EDGES = np.sin(np.append(_STARTS, QUARTER) / QUARTER * np.pi / 2)
#: A loop counts as pinched if its current at E = 0 is known to be below this part of its largest.
PINCHED_WITHIN = 0.25

ONE_SEED = "one seed gives no interval"


def bins_of(branch: str, sign: str) -> NDArray[np.int64]:
    """Phase bins of a branch ("forward", "reverse") and sign ("+", "-"), by rising |E|."""
    bins = np.arange(QUARTER) + BRANCHES.index(f"{branch} {sign}") * QUARTER
    return bins if branch == "forward" else bins[::-1]


def curve(tables: Tables, branch: str, sign: str) -> tuple[NDArray, NDArray]:
    """(|E| in V/nm, current along the field in nA) by window, shape (n, WINDOWS) each."""
    merged = {
        name: np.add.reduceat(values[:, bins_of(branch, sign)], _STARTS, axis=1)
        for name, values in tables.items()
    }
    along = merged["charge"] if sign == "+" else -merged["charge"]
    return np.abs(merged["field"]) / merged["time"], along / merged["time"]


def branch_mean(tables: Tables, branch: str, sign: str) -> NDArray:
    """Mean current along the field over a branch, nA, shape (n, 1)."""
    bins = bins_of(branch, sign)
    charge = tables["charge"][:, bins].sum(axis=1, keepdims=True)
    charge = charge if sign == "+" else -charge
    return charge / tables["time"][:, bins].sum(axis=1, keepdims=True)


def area(tables: Tables, sign: str, amplitude: float) -> NDArray:
    """Integral of forward minus reverse current over |E|, nA V/nm, shape (n, 1)."""
    forward, reverse = (
        tables["charge"][:, bins_of(branch, sign)] / tables["time"][:, bins_of(branch, sign)]
        for branch in ("forward", "reverse")
    )
    widths = amplitude * np.diff(np.sin(np.arange(QUARTER + 1) / QUARTER * np.pi / 2))
    total = ((forward - reverse) * widths).sum(axis=1, keepdims=True)
    return total if sign == "+" else -total


def at_zero_field(tables: Tables) -> NDArray:
    """Current (not turned round) where E rises and where it falls through 0, nA, shape (n, 2).

    Each side of the crossing is extrapolated linearly from its two nearest phase bins, and the
    sides are averaged: exact for any straight line on either side, and the curvature of an odd
    characteristic cancels.
    """
    current = tables["charge"] / tables["time"]
    field = tables["field"] / tables["time"]
    crossings = []
    for sides in ((("forward", "+"), ("reverse", "-")), (("reverse", "+"), ("forward", "-"))):
        ends = []
        for branch, sign in sides:
            near, far = bins_of(branch, sign)[:2]
            weighted = current[:, near] * field[:, far] - current[:, far] * field[:, near]
            ends.append(weighted / (field[:, far] - field[:, near]))
        crossings.append((ends[0] + ends[1]) / 2)
    return np.stack(crossings, axis=1)


# --- negative differential resistance ----------------------------------------------------------


def peak_and_valley(current: NDArray) -> tuple[NDArray, NDArray]:
    """Windows of the largest current and of the smallest one beyond it, shape (n,) each.

    Both are the last window where the current is largest there.
    """
    peak = np.argmax(current, axis=1)
    beyond = np.arange(current.shape[1]) >= peak[:, None]
    return peak, np.argmin(np.where(beyond, current, np.inf), axis=1)


def slope_beyond(field: NDArray, current: NDArray, peak: int) -> NDArray:
    """Least-squares slope from a window to the highest field, nA nm/V, shape (n,).

    At the last window, where nothing is beyond, it is the slope between the last two.
    """
    part = slice(min(peak, field.shape[1] - 2), None)
    x = field[:, part] - field[:, part].mean(axis=1, keepdims=True)
    return (x * current[:, part]).sum(axis=1) / (x**2).sum(axis=1)


def largest_fall(current: NDArray, bound: NDArray | float = 0.0) -> NDArray:
    """Largest fall of the current from any window to any later one, nA, shape (n,).

    Args:
        current: shape (n, WINDOWS).
        bound: what a later window may have carried unseen, shape (WINDOWS,).
    """
    return np.maximum(np.maximum.accumulate(current, axis=1) - current - bound, 0).max(axis=1)


def widened(tables: Tables, branch: str, sign: str) -> NDArray:
    """Resampled curves, spread as the package's intervals are, shape (repeats, WINDOWS).

    Resamples of a handful of seeds spread too little; the factors are those of
    `statistics.bootstrap`.
    """
    n = len(tables["time"])
    centre = curve({k: v.sum(axis=0, keepdims=True) for k, v in tables.items()}, branch, sign)[1]
    tail = 0.5 + LEVEL / 2
    factor = np.sqrt(n / (n - 1)) * stats.t.ppf(tail, n - 1) / stats.norm.ppf(tail)
    return centre + (curve(resampled(tables), branch, sign)[1] - centre) * factor


def chance_of_fall(current: NDArray, curves: NDArray, bound: NDArray) -> float:
    """Probability that a current which only rises with field shows so large a fall by noise.

    The largest of several currents is large by noise as well, so a fall beyond it proves nothing
    by itself. Here the noise of the curves is put on the nearest current that only rises (isotonic
    regression), and the falls that it makes are compared with the one seen.

    Args:
        current: shape (WINDOWS,).
        curves: its widened resamples, shape (repeats, WINDOWS).
        bound: what each window may have carried unseen, shape (WINDOWS,).
    """
    rising = isotonic_regression(current).x
    falls = largest_fall(rising + curves - current)
    seen = largest_fall(current[None], bound)[0]
    return float((1 + np.count_nonzero(falls >= seen)) / (1 + len(falls)))


@dataclass(frozen=True)
class Ndr:
    """NDR of one branch; fields and ratio are NaN unless it is found.

    `probability` is the share of (widened) resamples whose slope beyond the peak is negative;
    `chance` is that of `chance_of_fall`, and decides.
    """

    mean_nA: Interval
    significant: bool
    found: bool
    peak_V_per_nm: Interval
    valley_V_per_nm: Interval
    ratio: Interval
    slope: Interval
    probability: float
    chance: float
    statement: str


def _constant(value: float = np.nan) -> Interval:
    return Interval(*(np.asarray(value) for _ in range(3)))


def _scalar(interval: Interval, index: int = 0) -> Interval:
    ends = (interval.value, interval.low, interval.high)
    return Interval(*(np.asarray(v[index], dtype=float) for v in ends))


def unseen_by_window(tables: Tables, branch: str, sign: str) -> NDArray[np.float64]:
    """`unseen_nA` of each window, shape (WINDOWS,)."""
    parts = np.split(bins_of(branch, sign), _STARTS[1:])
    return np.array([unseen_nA(tables, bins) for bins in parts])


def window_currents(tables: Tables, branch: str, sign: str) -> Interval:
    """Current along the field by window, nA; a window that no ion moved in gets its bound."""
    found = bootstrap(tables, lambda t: curve(t, branch, sign)[1])
    bound = unseen_by_window(tables, branch, sign)
    low, high = np.where(bound, -bound, found.low), np.where(bound, bound, found.high)
    return Interval(found.value, low, high)


def unseen_nA(tables: Tables, bins: NDArray) -> float:
    """Current that may pass unseen where no ion moved at all: 3.7 e in the time; else 0."""
    if np.any(tables["charge"][:, bins]):
        return 0.0
    return float(poisson(np.zeros(1)).high[0] * E_PER_PS / tables["time"][:, bins].sum())


def mean_current(tables: Tables, branch: str, sign: str) -> Interval:
    """Mean current along the field over a branch, nA, with the bound of a zero count if it is."""
    bound = unseen_nA(tables, bins_of(branch, sign))
    if bound:
        return Interval(np.asarray(0.0), np.asarray(-bound), np.asarray(bound))
    return _scalar(bootstrap(tables, lambda t: branch_mean(t, branch, sign)))


def excludes_zero(interval: Interval) -> bool:
    """Whether an interval is known and does not contain 0."""
    return bool(interval.low > 0 or interval.high < 0)


def find_ndr(tables: Tables, branch: str, sign: str) -> Ndr:
    """Look for NDR on one branch."""
    mean = mean_current(tables, branch, sign)
    significant = excludes_zero(mean)
    if len(tables["time"]) < 2:
        return _no_ndr(mean, significant, ONE_SEED)
    if not significant:
        return _no_ndr(mean, significant, f"no significant current: bound {_bound(mean):.3g} nA")
    sums = {k: v.sum(axis=0, keepdims=True) for k, v in tables.items()}
    field, current = curve(sums, branch, sign)
    peak, valley = (int(w[0]) for w in peak_and_valley(current))
    curves = widened(tables, branch, sign)
    slopes = slope_beyond(field, curves, peak)
    bound = unseen_by_window(tables, branch, sign)
    chance = chance_of_fall(current[0], curves, bound)
    found = chance < 1 - LEVEL and bool(window_currents(tables, branch, sign).low[peak] > 0)
    slope = bootstrap(tables, lambda t: slope_beyond(*curve(t, branch, sign), peak)[:, None])
    places, ratio = (_constant(), _constant()), _constant()
    if found:
        places = _places(tables, branch, sign, (peak, valley))
        ratio = _ratio(tables, branch, sign, (peak, valley), bound[valley])
    return Ndr(
        mean_nA=mean,
        significant=significant,
        found=found,
        peak_V_per_nm=places[0],
        valley_V_per_nm=places[1],
        ratio=ratio,
        slope=_scalar(slope),
        probability=float(np.mean(slopes < 0)),
        chance=chance,
        statement=_ndr_statement(found, peak, chance, places),
    )


def _no_ndr(mean: Interval, significant: bool, statement: str) -> Ndr:
    nothing = _constant()
    return Ndr(
        mean, significant, False, nothing, nothing, nothing, nothing, np.nan, np.nan, statement
    )


def _bound(interval: Interval) -> float:
    return float(max(abs(interval.low), abs(interval.high)))


def _places(
    tables: Tables, branch: str, sign: str, windows: tuple[int, int]
) -> tuple[Interval, Interval]:
    """|E| of peak and valley; an interval is never narrower than its window."""

    def fields(t: Tables) -> NDArray:
        field, current = curve(t, branch, sign)
        chosen = np.stack(peak_and_valley(current), axis=1)
        return np.take_along_axis(field, chosen, axis=1)

    places = bootstrap(tables, fields)
    sums = {k: v.sum(axis=0, keepdims=True) for k, v in tables.items()}
    # The sine's own edges, scaled to the fields seen: no amplitude needs to be handed down.
    edges = EDGES * curve(sums, branch, sign)[0][0, 0] / _mean_sine(0)
    low = [min(places.low[k], edges[w]) for k, w in enumerate(windows)]
    high = [max(places.high[k], edges[w + 1]) for k, w in enumerate(windows)]
    whole = Interval(places.value, np.clip(low, 0, edges[-1]), np.clip(high, 0, edges[-1]))
    return _scalar(whole, 0), _scalar(whole, 1)


def _mean_sine(bin_: int) -> float:
    """Mean of the sine over a phase bin of the first quarter."""
    ends = np.arange(bin_, bin_ + 2) / QUARTER * np.pi / 2
    return float((np.cos(ends[0]) - np.cos(ends[1])) / (ends[1] - ends[0]))


def _ratio(
    tables: Tables, branch: str, sign: str, windows: tuple[int, int], unseen: float
) -> Interval:
    """Peak over valley; only a lower bound where the valley's current may be zero."""

    def ends(t: Tables) -> NDArray:
        return curve(t, branch, sign)[1][:, windows]

    both = bootstrap(tables, ends)
    if not both.low[1] > 0 or unseen:
        low = both.low[0] / max(both.high[1], unseen)
        return Interval(np.asarray(np.nan), np.asarray(low), np.asarray(np.nan))

    def logarithm(t: Tables) -> NDArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            parts = np.log(ends(t))
        return parts[:, :1] - parts[:, 1:]

    ratio = _scalar(bootstrap(tables, logarithm))
    return Interval(np.exp(ratio.value), np.exp(ratio.low), np.exp(ratio.high))


def _ndr_statement(found: bool, peak: int, chance: float, places: tuple[Interval, Interval]) -> str:
    if found:
        top, low, high = (float(v) for v in (places[0].value, places[0].low, places[0].high))
        return (
            f"NDR beyond {top:.2f} [{low:.2f}, {high:.2f}] V/nm, valley at "
            f"{float(places[1].value):.2f} V/nm"
        )
    if peak == WINDOWS - 1:
        return "no NDR: the current is largest at the highest field"
    return f"no NDR beyond noise: a current that only rises falls as much in {chance:.0%} of cases"


# --- pinch -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pinch:
    """Currents at the two crossings of E = 0; `pinched` is None where it cannot be told."""

    rising_nA: Interval
    falling_nA: Interval
    pinched: bool | None
    statement: str


def find_pinch(tables: Tables, largest_nA: float, significant: bool) -> Pinch:
    """Whether both branches pass E = 0 without a current.

    Args:
        tables: see the module.
        largest_nA: largest window current of the loop, the scale to which "zero" refers.
        significant: whether any branch carries a significant current.
    """
    n = len(tables["time"])
    if n < 2:
        return Pinch(_constant(), _constant(), None, ONE_SEED)
    if not significant:
        return Pinch(_constant(), _constant(), None, "no significant current")
    plain = bootstrap(tables, at_zero_field)
    # Both crossings must contain 0 at once: each has half of the error rate.
    tail = (1 - LEVEL) / 2
    factor = stats.t.isf(tail / 2, n - 1) / stats.t.isf(tail, n - 1)
    half = (plain.high - plain.value) * factor
    both = Interval(plain.value, plain.value - half, plain.value + half)
    rising, falling = _scalar(both, 0), _scalar(both, 1)
    bound = max(_bound(rising), _bound(falling))
    if excludes_zero(rising) or excludes_zero(falling):
        values = f"{float(rising.value):.3g} and {float(falling.value):.3g} nA"
        return Pinch(rising, falling, False, f"not pinched: {values} where E rises and falls by 0")
    if bound < PINCHED_WITHIN * largest_nA:
        return Pinch(rising, falling, True, f"pinched: below {bound:.3g} nA at E = 0")
    return Pinch(rising, falling, None, f"not enough data to tell: up to {bound:.3g} nA at E = 0")
