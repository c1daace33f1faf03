"""Potential of mean force from mean forces at positions, and the barrier on an ion's way.

w(x) = -int F dx (paper, Table 1). F is the mean force on the ion along +x. If F includes the force
of the applied field, w falls in the direction in which the field drives the ion.

*Quadrature* is the trapezoid rule on the mean positions of the windows. It is linear in the forces,
so errors propagate exactly and parts add up to the whole, and each window acts on its own two
intervals only; a spline through noisy forces would spread the error of one window to others.
`spline_weights` shows how much the choice of the rule matters.

*A barrier* is the largest rise of w from any window to a later one on the ion's way. Integrated
noise is a random walk, so the largest of many differences is above zero even without a barrier. A
rise is therefore called a barrier only if a force that nowhere opposes the ion, with the same
noise, shows as large a rise in under 5 % of cases (`chance_of_rise`). The interval of its height
allows for its being the largest of many (`find_barrier`). The noise is that of whole profiles and
includes what windows share, such as an offset of a whole seed (`shared_draws`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.interpolate import CubicSpline

from .statistics import LEVEL, Interval

#: Draws of the noise: the standard error of a chance of 5 % is then 0.5 %.
DRAWS = 2000
#: A height is given as a number if its interval's half width is below this fraction of it.
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
    """As `trapezoid_weights`, by a cubic spline through the forces.

    Three positions have the parabola through them, two the trapezoid rule.
    """
    return -np.asarray(CubicSpline(x, np.eye(len(x))).antiderivative()(x))


def longest_stretch(known: NDArray[np.bool_]) -> slice:
    """Return the longest run of windows that are all known, the first of equals.

    A window without a mean force ends the run, as a PMF cannot be integrated across a gap.
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
        each; minimum and maximum are the same window where the PMF never rises.
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
    """Probability that a profile without any barrier shows as large a rise by noise.

    Noise hardly makes a rise where a large force drives the ion along its way, but it does where
    the force is small. The barrier-free profile has in each window the lower bound of the force
    along the way, or 0.

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

    `chance` is that of `chance_of_rise`. `height` is the observed rise, kJ/mol, with an interval of
    the true one that allows for the selection of the largest; its low end is 0 unless a barrier is
    found. The intervals of `minimum_nm` and `maximum_nm` reach at least half way to the
    neighbouring windows. `open_ends` names the ends ("minimum", "maximum") that lie in the first or
    last window while the force there opposes the ion beyond its error: the PMF rises further
    outside, and the height is a lower bound. `drawn` are the windows of minimum and maximum in each
    draw of the noise.
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
        """Whether the height may be given as a number, and decomposed between its two windows.

        A barrier near its error is found only if noise has raised it, so its height is too large: a
        true height of 1.5 standard errors is found at twice its value. From five standard errors
        on, where the half width is below `RESOLVED` of the height, the bias is a few per cent.
        """
        half = (self.height.high - self.height.low) / 2
        return self.found and bool(half < RESOLVED * self.height.value)

    def in_words(self, height: Interval) -> str:
        """Describe the barrier; `height`, kJ/mol, may have a wider interval than its own."""
        low, high = float(height.low), float(height.high)
        if not self.found:
            why = f"noise alone rises as much in {self.chance:.0%} of cases"
            if self.minimum == self.maximum:
                why = "the PMF falls all the way"
            return f"no barrier found, below {high:.3g} kJ/mol ({why})"
        if not self.resolved:
            return (
                f"a barrier between {low:.3g} and {high:.3g} kJ/mol; no value, as barriers "
                "that are found so near their error are too high on average"
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

    Noise makes the largest rise too large on average. Adding noise once more to the mean forces
    shows by how much. The draws of that give the upper end of the height's interval directly, and
    the lower end after reflection about the observed rise (a basic bootstrap interval).

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
    """Draws of the error of the mean of independent profiles, shape (DRAWS, n), reproducible.

    Each draw is a normal combination of the profiles' deviations from their mean, so that it keeps
    the correlations between the windows of a profile, scaled to a multivariate t distribution of
    m - 1 degrees of freedom for the few profiles.

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
    """Draws of the errors of independent means, shape (DRAWS, n), reproducible.

    Each variance alone is known badly, but their sum is known well. The errors are therefore
    normal, scaled by Student's factor for the degrees of freedom of the whole integral (Welch and
    Satterthwaite).

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
    """Degrees of freedom of the variance of a weighted sum over the last axis; inf if it is 0."""
    terms = weights**2 * variance
    total = terms.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            np.where(total == 0, np.inf, total**2 / (terms**2 / freedom).sum(axis=-1))
        )


def _place(x: NDArray, here: int, drawn: NDArray) -> Interval:
    """Position of a window; its interval covers the draws' and reaches half way to neighbours."""
    edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(x[drawn], [tail, 1 - tail])
    return Interval.of(x[here], min(low, edges[here]), max(high, edges[here + 1]))
