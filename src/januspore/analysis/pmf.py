"""Potential of mean force from mean forces at positions, and the barrier on an ion's way.

w(x) = -int F dx (paper, Table 1). F is the mean force on the ion along +x, so w contains whatever
F contains: with the applied field's share in it, w falls along the way that the field drives.

*Quadrature* is the trapezoid rule on the mean positions of the windows. It is linear in the forces,
so errors propagate exactly and parts add up to the whole, and each window acts on its own two
intervals only; a spline through noisy forces would carry a bad window's error further.
`spline_weights` is there to say how much the choice matters.

*A barrier* is the largest rise of w from any window to a later one on the ion's way. The largest of
many differences is above zero whatever the truth: integrated noise is a random walk. So a rise is
called a barrier only if windows whose force nowhere opposes the ion, given the same noise, show so
large a one in under 5 % of cases (`chance_of_rise`), and its height is given as an interval that
allows for its being the largest (`find_barrier`). The noise is that of whole profiles: what windows
share, such as a shift of a whole seed, is in it (`shared_draws`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.interpolate import CubicSpline

from .statistics import LEVEL, Interval

#: Draws of the noise; a chance of 5 % is known to 0.5 %.
DRAWS = 2000
#: Half width of a height's interval over the height, below which it is given as a number.
RESOLVED = 0.4


def trapezoid_weights(x: NDArray) -> NDArray[np.float64]:
    """Weights W of the trapezoid rule: w = W @ force is the PMF, 0 at the first position.

    Args:
        x: rising positions, nm, shape (n,).

    Returns:
        Shape (n, n), nm.
    """
    steps = np.zeros((len(x), len(x)))
    k = np.arange(1, len(x))
    steps[k, k] = steps[k, k - 1] = -np.diff(x) / 2
    return np.cumsum(steps, axis=0)


def spline_weights(x: NDArray) -> NDArray[np.float64]:
    """As `trapezoid_weights`, by a cubic spline through the forces; x of at least 2 positions."""
    if len(x) < 4:
        return trapezoid_weights(x)
    return -np.asarray(CubicSpline(x, np.eye(len(x))).antiderivative()(x))


def longest_stretch(known: NDArray[np.bool_]) -> slice:
    """Return the longest run of windows that are all known, the first of equals.

    A PMF is not carried over a gap: a window without a mean force ends the stretch.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    if len(edges) == 0:
        return slice(0, 0)
    starts, ends = edges[::2], edges[1::2]
    k = int(np.argmax(ends - starts))
    return slice(int(starts[k]), int(ends[k]))


def largest_rise(pmf: NDArray, way: int) -> tuple[NDArray, NDArray, NDArray]:
    """Largest rise from any window to a later one on the way.

    Args:
        pmf: kJ/mol, shape (m, n).
        way: +1 for an ion that goes towards +x, -1 for one that goes towards -x.

    Returns:
        The rise, kJ/mol, at least 0, and the windows of its minimum and of its maximum, shape (m,)
        each; the same window twice where nothing rises.
    """
    n = pmf.shape[1]
    along = pmf[:, ::way]
    lowest = np.minimum.accumulate(along, axis=1)
    place = np.maximum.accumulate(np.where(along == lowest, np.arange(n), 0), axis=1)
    top = np.argmax(along - lowest, axis=1)
    rows = np.arange(len(pmf))
    rise, bottom = (along - lowest)[rows, top], place[rows, top]
    return rise, *((bottom, top) if way > 0 else (n - 1 - bottom, n - 1 - top))


def chance_of_rise(x: NDArray, force: NDArray, driven: NDArray, noise: NDArray, way: int) -> float:
    """Probability that a profile without any barrier shows so large a rise by noise.

    Where the ion is clearly driven on, noise makes no rise; where it may not be, it does. So the
    barrier-free profile pushes the ion along its way only as far as each window is known to.

    Args:
        x: positions, nm, shape (n,).
        force: mean force along +x, kJ/mol/nm, shape (n,).
        driven: lower bound of the force along the way, shape (n,); below 0 it counts as 0.
        noise: draws of the force's error, shape (m, n).
        way: see `largest_rise`.
    """
    weights = trapezoid_weights(x)
    seen = largest_rise((weights @ force)[None], way)[0][0]
    free = way * np.maximum(driven, 0.0)
    rises = largest_rise((free + noise) @ weights.T, way)[0]
    return float((1 + np.count_nonzero(rises >= seen)) / (1 + len(rises)))


@dataclass(frozen=True)
class Barrier:
    """The largest rise of a PMF: whether it is one beyond noise, how high, and where.

    `chance` is that of `chance_of_rise`. `height` is the rise seen, kJ/mol, with an interval of the
    true one that allows for the choice; its low end is 0 unless a barrier is found. `minimum_nm`
    and `maximum_nm` are never known better than half way to the neighbouring windows. `open_ends`
    names the ends ("minimum", "maximum") that lie at an end of the windows while the force there
    still opposes the ion beyond its error: the rise goes on outside, and the barrier is at least
    what is seen. `drawn` are the windows of minimum and maximum in each draw of the noise.
    """

    found: bool
    minimum: int
    maximum: int
    minimum_nm: Interval
    maximum_nm: Interval
    height: Interval
    chance: float
    open_ends: tuple[str, ...]
    drawn: tuple[NDArray[np.int64], NDArray[np.int64]]

    @property
    def resolved(self) -> bool:
        """Whether the height may be given as a number and taken apart between its two windows.

        Of barriers near their error only those are found that noise has raised: a truth of 1.5
        standard errors is found at twice its height. From five standard errors on, which is an
        interval of half width below `RESOLVED` of the height, that is a few per cent.
        """
        half = (self.height.high - self.height.low) / 2
        return self.found and bool(half < RESOLVED * self.height.value)

    def in_words(self, height: Interval) -> str:
        """Say whether there is a barrier, how high (`height`, kJ/mol, maybe widened) and where."""
        low, high = float(height.low), float(height.high)
        if not self.found:
            why = f"noise alone rises as much in {self.chance:.0%} of cases"
            if self.minimum == self.maximum:
                why = "the PMF falls all the way"
            return f"no barrier found, below {high:.3g} kJ/mol ({why})"
        if not self.resolved:
            return (
                f"a barrier between {low:.3g} and {high:.3g} kJ/mol; no value, for those that are "
                "found so near their error are too high on average"
            )
        least = "at least " if self.open_ends else ""
        text = f"{least}{height.shown()} kJ/mol from x = {self.minimum_nm.shown('.2f')}"
        text += f" to {self.maximum_nm.shown('.2f')} nm"
        if self.open_ends:
            text += f"; {' and '.join(self.open_ends)} at the end of the windows, still rising"
        return text


def find_barrier(
    x: NDArray, force: NDArray, error: NDArray, noise: NDArray, way: int, first: int = 0
) -> Barrier:
    """Look for a barrier on the way of an ion.

    The largest rise of the mean forces is too large on average, by as much as noise adds to the
    largest rise; noise added once more to the mean forces shows how much. So its draws give the
    upper end of the height's interval as they are, and the lower end mirrored about the rise seen.

    Args:
        x: rising positions of the windows, nm, shape (n,), n at least 2.
        force: mean force along +x, kJ/mol/nm, shape (n,).
        error: half width of the interval of each mean force, shape (n,).
        noise: draws of the errors of all windows together, shape (m, n); see `shared_draws`.
        way: +1 towards +x, -1 towards -x.
        first: number of the first window, added to those of minimum and maximum.
    """
    weights = trapezoid_weights(x)
    seen, low, high = (v[0] for v in largest_rise((weights @ force)[None], way))
    rises, lows, highs = largest_rise((force + noise) @ weights.T, way)
    chance = chance_of_rise(x, force, way * force - error, noise, way)
    tail = (1 - LEVEL) / 2
    top = float(np.quantile(rises, 1 - tail))
    found = bool(low != high and chance < 1 - LEVEL and 2 * seen > top)
    ends = {
        "minimum": (int(low), 0 if way > 0 else -1),
        "maximum": (int(high), -1 if way > 0 else 0),
    }
    opened = tuple(
        name
        for name, (where, end) in ends.items()
        if where == end % len(x) and way * force[end] + error[end] < 0
    )
    bottom = max(2 * seen - top, 0.0) if found else 0.0
    return Barrier(
        found=found,
        minimum=first + int(low),
        maximum=first + int(high),
        minimum_nm=_place(x, int(low), lows),
        maximum_nm=_place(x, int(high), highs),
        height=Interval.of(seen, bottom, top),
        chance=chance,
        open_ends=opened if found else (),
        drawn=(first + lows, first + highs),
    )


def shared_draws(each: NDArray, seed: int = 0) -> NDArray[np.float64]:
    """Errors of the mean of independent profiles, shape (DRAWS, n); the same whenever drawn.

    From the profiles' own spread, so that what the windows of a profile share is shared in every
    draw: normal combinations of the profiles about their mean, with Student's tails for the few
    profiles that there are (a multivariate t of m - 1 degrees of freedom).

    Args:
        each: profiles, such as seeds' mean forces by window, shape (m, n), m at least 2.
        seed: of the draws.
    """
    m = len(each)
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(DRAWS, m)) @ (each - each.mean(axis=0)) / np.sqrt(m * (m - 1))
    return np.asarray(normal * np.sqrt((m - 1) / rng.chisquare(m - 1, size=(DRAWS, 1))))


def independent_draws(
    weights: NDArray, variance: NDArray, freedom: NDArray, seed: int = 0
) -> NDArray[np.float64]:
    """Errors of means that share nothing, shape (DRAWS, n); the same whenever drawn.

    Each variance is known badly, but their sum well, so errors are normal, widened by Student's
    factor at the degrees of freedom of the whole integral (Welch and Satterthwaite's).

    Args:
        weights: of the whole integral, shape (n,).
        variance: of the means, shape (n,).
        freedom: degrees of freedom of each variance, shape (n,).
        seed: of the draws.
    """
    whole = welch(weights, variance, freedom)
    tail = 0.5 + LEVEL / 2
    factor = stats.t.ppf(tail, whole) / stats.norm.ppf(tail)
    rng = np.random.default_rng(seed)
    return rng.normal(size=(DRAWS, len(variance))) * np.sqrt(variance) * factor


def welch(weights: NDArray, variance: NDArray, freedom: NDArray) -> NDArray[np.float64]:
    """Degrees of freedom of the variance of a weighted sum, over the last axis; inf for none."""
    terms = weights**2 * variance
    total = terms.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            np.where(total == 0, np.inf, total**2 / (terms**2 / freedom).sum(axis=-1))
        )


def _place(x: NDArray, here: int, drawn: NDArray) -> Interval:
    """Position of a window, with where the draws put it; at least half way to its neighbours."""
    edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(x[drawn], [tail, 1 - tail])
    return Interval.of(x[here], min(low, edges[here]), max(high, edges[here + 1]))
