"""Loops of current against field: branches, windows, area, pinch.

Everything is estimated from sums by phase of the cycle (`januspore.analysis.cycle`), as tables of
shape (n, PHASES) (`januspore.analysis.current`); estimators keep the leading axis. Currents of
negative fields change their sign, so that a current along its field is positive, and "forward"
always means a field that grows in magnitude.

Field resolution: near the maximum of a sine the phase bins span little field, so the last three
bins of a branch are merged. Each of the resulting `WINDOWS` windows spans at least 8 % of the
amplitude; nothing else is smoothed. The field of a peak is therefore known to its window at best,
and its interval is never narrower than that. `edges` is |E| at the edges of a quarter's phase bins,
V/nm, shape (QUARTER + 1,): `Cycle.quarter_edges(QUARTER)`.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .current import Tables, current_interval, rate
from .cycle import BRANCHES, PHASES
from .statistics import LEVEL, Interval, p_value

QUARTER = PHASES // 4
#: First phase bin of each field window, counted from E = 0.
_STARTS = np.arange(QUARTER - 2)
WINDOWS = len(_STARTS)
#: Factor that turns a current round to the direction of its field, by the field's sign.
TURN = {"+": 1.0, "-": -1.0}
#: A loop is called pinched if |I| at E = 0 is known to be below this fraction of its largest |I|.
PINCHED_WITHIN = 0.25

ONE_SEED = "one seed gives no interval"


def bins_of(branch: str, sign: str) -> NDArray[np.int64]:
    """Phase bins of a branch ("forward", "reverse") and sign ("+", "-"), by rising |E|."""
    bins = np.arange(QUARTER) + BRANCHES.index(f"{branch} {sign}") * QUARTER
    return bins if branch == "forward" else bins[::-1]


def window_edges(edges: NDArray) -> NDArray[np.float64]:
    """|E| at the edges of the field windows, V/nm, shape (WINDOWS + 1,)."""
    return np.asarray(edges[np.append(_STARTS, QUARTER)])


def curve(tables: Tables, branch: str, sign: str) -> tuple[NDArray, NDArray]:
    """(|E| in V/nm, current along the field in nA) by window, shape (n, WINDOWS) each."""
    merged = {
        name: np.add.reduceat(values[:, bins_of(branch, sign)], _STARTS, axis=1)
        for name, values in tables.items()
    }
    along = TURN[sign] * merged["charge"]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(merged["field"]) / merged["time"], along / merged["time"]


def branch_mean(tables: Tables, branch: str, sign: str) -> NDArray:
    """Mean current along the field over a branch, nA, shape (n, 1)."""
    bins = bins_of(branch, sign)
    charge = tables["charge"][:, bins].sum(axis=1, keepdims=True)
    return TURN[sign] * charge / tables["time"][:, bins].sum(axis=1, keepdims=True)


def area(tables: Tables, sign: str, edges: NDArray) -> NDArray:
    """Integral of forward minus reverse current over |E|, nA V/nm, shape (n, 1)."""
    forward, reverse = (rate(tables)[:, bins_of(b, sign)] for b in ("forward", "reverse"))
    return TURN[sign] * ((forward - reverse) * np.diff(edges)).sum(axis=1, keepdims=True)


def at_zero_field(tables: Tables) -> NDArray:
    """Current along +x where E rises and where it falls through 0, nA, shape (n, 2).

    On each side of the crossing the current is extrapolated linearly from the two nearest phase
    bins, and both sides are averaged. This is exact for a straight line on either side, and the
    curvature of an odd characteristic cancels.
    """
    current = rate(tables)
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


def window_currents(tables: Tables, branch: str, sign: str) -> Interval:
    """Current along the field by window, nA, shape (WINDOWS,)."""
    return current_interval(tables, lambda t: curve(t, branch, sign)[1])


def mean_current(tables: Tables, branch: str, sign: str) -> Interval:
    """Mean current along the field over a branch, nA."""
    return current_interval(tables, lambda t: branch_mean(t, branch, sign)).at(0)


def excludes_zero(interval: Interval) -> bool:
    """Whether an interval is known and does not contain 0."""
    return bool(interval.low > 0 or interval.high < 0)


def farthest(interval: Interval) -> float:
    """Absolute value of the end of an interval that is farther from 0."""
    return float(max(abs(interval.low), abs(interval.high)))


# --- pinch -------------------------------------------------------------------------------------


class Opening(StrEnum):
    """Whether a loop is pinched at E = 0."""

    PINCHED = "pinched"
    OPEN = "not pinched"
    UNTOLD = "not told"
    NO_CURRENT = "no significant current"
    ONE_SEED = "one seed"


@dataclass(frozen=True)
class Pinch:
    """Currents at the two crossings of E = 0; `p` is that of the hypothesis the outcome rejects."""

    rising_nA: Interval
    falling_nA: Interval
    outcome: Opening
    statement: str
    p: float = np.nan


def find_pinch(tables: Tables, largest_nA: float, significant: bool) -> Pinch:
    """Judge whether both branches pass E = 0 without a current.

    Args:
        tables: see the module.
        largest_nA: largest window current of the loop, the scale to which "zero" refers.
        significant: whether any branch carries a significant current.
    """
    if len(tables["time"]) < 2:
        return Pinch(Interval.unknown(), Interval.unknown(), Opening.ONE_SEED, ONE_SEED)
    if not significant:
        return Pinch(
            Interval.unknown(), Interval.unknown(), Opening.NO_CURRENT, "no significant current"
        )
    # Two intervals are judged together, so each has half of the error rate (Bonferroni).
    both = current_interval(tables, at_zero_field, level=(1 + LEVEL) / 2)
    rising, falling = both.at(0), both.at(1)
    bound = max(farthest(rising), farthest(falling))
    held = partial(_p, (rising, falling), seeds=len(tables["time"]))
    open_p = min(1.0, 2 * min(held(0.0)))
    near = PINCHED_WITHIN * largest_nA
    pinched_p = max(*held(near), *held(-near))
    if excludes_zero(rising) or excludes_zero(falling):
        values = f"{float(rising.value):.3g} and {float(falling.value):.3g} nA"
        says = f"not pinched: {values} where E rises and falls by 0"
        return Pinch(rising, falling, Opening.OPEN, says, open_p)
    if bound < near:
        says = f"pinched: below {bound:.3g} nA at E = 0"
        return Pinch(rising, falling, Opening.PINCHED, says, pinched_p)
    says = f"not enough data to tell: up to {bound:.3g} nA at E = 0"
    return Pinch(rising, falling, Opening.UNTOLD, says, min(open_p, pinched_p))


def _p(currents: tuple[Interval, Interval], truth: float, seeds: int) -> list[float]:
    """p-values of a true current, at both crossings; their intervals have half the error rate."""
    return [p_value(own.triple(), truth, seeds, (1 + LEVEL) / 2) for own in currents]
