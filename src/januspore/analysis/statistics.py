"""Intervals: bootstrap over seeds, autocorrelation within a run, Poisson counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

#: Nominal coverage of every interval in the package.
LEVEL = 0.95
#: Batches of a run. Fewer batches allow longer correlations, but widen Student's factor.
BATCHES = 5
#: In half widths of its own interval: from where on a ratio's denominator is no matter of luck.
FAR_FROM_ZERO = 4.0


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval, arrays of one shape; low and high are NaN where unknown."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, value: ArrayLike, low: ArrayLike = np.nan, high: ArrayLike = np.nan) -> "Interval":
        """Make an interval of plain numbers; ends that are not given are unknown."""
        return cls(*(np.asarray(end, dtype=float) for end in (value, low, high)))

    @classmethod
    def unknown(cls, *shape: int) -> "Interval":
        """Make an interval without a value, NaN throughout; a single number without a shape."""
        return cls(*(np.full(shape, np.nan) for _ in range(3)))

    def changed(self, change: Callable[[NDArray], NDArray]) -> "Interval":
        """Return value, low and high after the same change, which must keep their order."""
        return Interval.of(change(self.value), change(self.low), change(self.high))

    def scaled(self, factor: float | NDArray) -> "Interval":
        """Return all three times a positive factor."""
        return self.changed(lambda end: end * factor)

    def at(self, *index: int | slice | NDArray[np.bool_]) -> "Interval":
        """Return one element, or a part, of each array."""
        return self.changed(lambda end: end[index])

    def exp(self) -> "Interval":
        """Return the exponential of all three."""
        return self.changed(np.exp)

    def triple(self) -> list[float]:
        """Return value, low and high of a single number, as they go into a JSON."""
        return [float(self.value), float(self.low), float(self.high)]

    def shown(self, digits: str = ".3g") -> str:
        """Return a single number in words, such as "1.2 [0.8, 1.6]"."""
        return shown(self.triple(), digits)


def shown(triple: Sequence[float], digits: str = ".3g") -> str:
    """Return value, low and high in words, such as "1.2 [0.8, 1.6]"; `digits` is a format."""
    value, low, high = triple
    return f"{value:{digits}} [{low:{digits}}, {high:{digits}}]"


def summed(tables: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Sums over all rows (seeds), as tables of one row: shape (1, ...) of (n_rows, ...)."""
    return {name: rows.sum(axis=0, keepdims=True) for name, rows in tables.items()}


def by_cluster(tables: Mapping[str, NDArray], clusters: Sequence[int]) -> dict[str, NDArray]:
    """Add up the rows of each cluster, so that `bootstrap` resamples clusters instead of rows.

    Rows of one cluster, such as seeds of one equilibration, are not independent of one another; the
    sums over clusters are.

    Args:
        tables: sums of each row, arrays of shape (n_rows, ...).
        clusters: number of each row's cluster, n_rows of them.

    Returns:
        Arrays of shape (n_clusters, ...), in the order of the clusters' numbers.
    """
    numbers = np.asarray(clusters)
    members = [numbers == k for k in np.unique(numbers)]
    return {
        name: np.stack([rows[own].sum(axis=0) for own in members]) for name, rows in tables.items()
    }


def student(seeds: int, level: float = LEVEL) -> float:
    """Student's quantile of a two-sided interval over seeds."""
    return float(stats.t.ppf(0.5 + level / 2, seeds - 1))


def bootstrap(
    tables: Mapping[str, NDArray],
    estimator: Callable[[dict[str, NDArray]], NDArray],
    repeats: int = 1000,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Bootstrap over seeds of a quantity that is estimated from sums over seeds.

    Percentile intervals of a bootstrap over a few seeds cover far less than their nominal level.
    The interval is therefore estimate +- t s sqrt(n / (n - 1)), with s the bootstrap's standard
    error, the factor its known bias for n seeds, and t Student's quantile for n - 1 degrees of
    freedom.

    Args:
        tables: sums of each seed, arrays of shape (n_seeds, ...).
        estimator: takes sums over seeds, shape (b, ...), and returns estimates, shape (b, ...).
        repeats: number of resamples.
        seed: of the resampling, fixed so that a product can be reproduced.
        level: nominal coverage.

    Returns:
        An interval; its bounds are NaN for a single seed, without resamples, and where resamples
        give no finite estimate.
    """
    n = len(next(iter(tables.values())))
    value = estimator(summed(tables))[0]
    nothing = np.full_like(value, np.nan)
    if n < 2 or repeats < 2:
        return Interval(value, nothing, nothing)
    estimates = estimator(resampled(tables, repeats, seed))
    finite = np.isfinite(estimates)
    with np.errstate(invalid="ignore"):
        # Where no estimate is finite, take all: the result is NaN, without a warning of numpy.
        spread = np.std(estimates, axis=0, where=finite | ~finite.any(axis=0))
    # No interval where more than a tenth of the resamples give no estimate.
    spread = np.where(finite.mean(axis=0) > 0.9, spread, np.nan)
    half = student(n, level) * spread * np.sqrt(n / (n - 1))
    return Interval(value, value - half, value + half)


def p_value(triple: Sequence[float], truth: float, seeds: int, level: float = LEVEL) -> float:
    """Two-sided p-value of a hypothetical true value, from the interval of an estimate.

    It follows from Student's distribution, scaled by the interval's half width on the side of the
    true value. For intervals of counts or ratios, which are not Student's, this is an approximation
    that is exact at the interval's ends. Where the end on that side is unknown (NaN), it is 1: the
    interval excludes nothing.

    Args:
        triple: value, low and high.
        truth: the hypothetical true value.
        seeds: number of independent seeds that the interval rests on, at least 2.
        level: nominal coverage of the interval.
    """
    value, low, high = triple
    if truth == value:
        return 1.0
    half = high - value if truth > value else value - low
    if np.isnan(half):
        return 1.0
    if half <= 0:
        return 0.0
    return float(2 * stats.t.sf(student(seeds, level) * abs(truth - value) / half, seeds - 1))


def seeds_needed(seeds: int, half_width: float, wanted: float) -> int | None:
    """Number of seeds that narrow an interval to half width `wanted`, at the present spread.

    Both the standard error and Student's factor (12.7 for two seeds) fall with the number of seeds.

    Args:
        seeds: number of seeds of the present interval, at least 2.
        half_width: of the present interval, Student's factor included.
        wanted: half width that is needed.

    Returns:
        None where the present half width is 0, infinite or unknown.
    """
    if seeds < 2 or not (wanted > 0 and 0 < half_width < np.inf):
        return None
    tail = 0.5 + LEVEL / 2
    ratio = half_width / wanted * np.sqrt(seeds) / stats.t.ppf(tail, seeds - 1)
    # Start from the number for a normal distribution, which is never too large.
    found = max(2, int(np.ceil((ratio * stats.norm.ppf(tail)) ** 2)))
    while stats.t.ppf(tail, found - 1) * ratio > np.sqrt(found):
        found += 1
    return found


def resampled(
    tables: Mapping[str, NDArray], repeats: int = 1000, seed: int = 0
) -> dict[str, NDArray]:
    """Sums over seeds drawn with replacement, shape (repeats, ...) for tables (n_seeds, ...)."""
    n = len(next(iter(tables.values())))
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=repeats).astype(float)
    return {k: np.tensordot(weights, v, axes=(1, 0)) for k, v in tables.items()}


def integrated_time(series: NDArray) -> float:
    """Integrated autocorrelation time in samples, at least 1 (Sokal's window, c = 5)."""
    x = np.asarray(series, dtype=float) - np.mean(series)
    n = len(x)
    if n < 4 or not np.any(x):
        return 1.0
    spectrum = np.abs(np.fft.rfft(x, 2 * n)) ** 2
    correlation = np.fft.irfft(spectrum)[:n]
    tau = 2.0 * np.cumsum(correlation / correlation[0]) - 1.0
    window = np.arange(n) >= 5.0 * tau
    return float(max(tau[np.argmax(window)] if window.any() else tau[-1], 1.0))


def run_mean(series: NDArray) -> Interval:
    """Mean of a stationary series of one run, its interval from the autocorrelation.

    NaN for an empty series.
    """
    x = np.asarray(series, dtype=float)
    if len(x) == 0:
        return Interval.unknown()
    value = x.mean()
    independent = len(x) / integrated_time(x)
    if independent < 2:
        return Interval.of(value)
    half = stats.t.ppf(0.5 + LEVEL / 2, independent - 1) * x.std() / np.sqrt(independent - 1)
    return Interval.of(value, value - half, value + half)


def mean_of_batches(series: NDArray) -> tuple[float, float, float]:
    """Mean of a stationary series of one run: (mean, its variance, the variance's freedom).

    The variance follows from the spread of `BATCHES` successive batches. `integrated_time` fails
    where a small slow part lies under a large fast one, as in the force of a stiff tether: with 5 %
    of the variance at 10 ps under 95 % of vibration, its intervals cover 47 % of means over 500 ps,
    those from batches 94 %. The few degrees of freedom add up over the windows of a barrier.

    Returns:
        NaN variance and no freedom for a series shorter than two rows a batch.
    """
    x = np.asarray(series, dtype=float)
    if len(x) < 2 * BATCHES:
        return float(x.mean()), float("nan"), float("nan")
    means = np.array([batch.mean() for batch in np.array_split(x, BATCHES)])
    return float(x.mean()), float(means.var(ddof=1) / BATCHES), BATCHES - 1.0


def poisson(counts: NDArray, level: float = LEVEL) -> Interval:
    """Counts with their exact (Garwood) interval; a count of 0 has an upper bound above 0.

    >>> none = poisson(np.array(0))
    >>> float(none.low), round(float(none.high), 2)
    (0.0, 3.69)
    """
    k = np.asarray(counts, dtype=float)
    tail = (1 - level) / 2
    low = np.where(k > 0, stats.chi2.ppf(tail, 2 * np.maximum(k, 0.5)) / 2, 0.0)
    return Interval(k, low, np.asarray(stats.chi2.ppf(1 - tail, 2 * (k + 1)) / 2))


def poisson_sum(counts: NDArray, weights: NDArray, level: float = LEVEL) -> Interval:
    """Weighted sums of Poisson counts (Fay and Feuer 1997); Garwood's where weights are equal.

    Args:
        counts: shape (m,).
        weights: not negative, shape (m, k).
        level: nominal coverage.

    Returns:
        Sums over the first axis with their intervals, shape (k,).
    """
    tail = (1 - level) / 2
    sums, squares = counts @ weights, counts @ weights**2
    largest = weights.max(axis=0, initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = squares / sums / 2 * stats.chi2.ppf(tail, 2 * sums**2 / squares)
        above, spread = sums + largest, squares + largest**2
        high = spread / above / 2 * stats.chi2.ppf(1 - tail, 2 * above**2 / spread)
    return Interval(sums, np.where(sums > 0, low, 0.0), np.where(above > 0, high, 0.0))


def difference(a: Interval, b: Interval) -> Interval:
    """a - b of two independent estimates, from the intervals of each (Zou and Donner 2008)."""
    value = a.value - b.value
    low = value - np.hypot(a.value - a.low, b.high - b.value)
    return Interval(value, low, value + np.hypot(a.high - a.value, b.value - b.low))


def ratio_of_means(
    means: tuple[NDArray, NDArray],
    variances: tuple[NDArray, NDArray],
    covariance: NDArray,
    seeds: int,
) -> Interval:
    """Numerator over denominator with Fieller's interval, all arrays of one shape.

    A ratio r is in the interval if numerator - r x denominator is within t standard errors of 0.
    Unlike a linear expansion this holds for a denominator with a large error.

    A ratio is given only where its interval has ends, which it has where the denominator came out
    large: of intervals of 95 %, those that are given hold 90 % of ratios to a denominator that is
    some two standard errors. So t is that of 97.5 % for denominators that are not `FAR_FROM_ZERO`.

    Args:
        means: of numerator and denominator.
        variances: of these means.
        covariance: of these means.
        seeds: independent ones behind the means.

    Returns:
        NaN where the denominator is within t standard errors of 0, as the interval is unbounded.
    """
    (top, bottom), (top_variance, bottom_variance) = means, variances
    t = np.asarray(student(seeds))
    far = np.abs(bottom) > FAR_FROM_ZERO * t * np.sqrt(bottom_variance)
    t = np.where(far, t, student(seeds, (1 + LEVEL) / 2))
    square = bottom**2 - t**2 * bottom_variance
    middle = top * bottom - t**2 * covariance
    root = np.sqrt(np.maximum(middle**2 - square * (top**2 - t**2 * top_variance), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        ends = (top / bottom, (middle - root) / square, (middle + root) / square)
    known = square > 0
    return Interval(*(np.where(known, end, np.nan) for end in ends))


def bootstrap_ratio(
    tables: Mapping[str, NDArray],
    estimator: Callable[[dict[str, NDArray]], NDArray],
    repeats: int = 1000,
) -> Interval:
    """Ratio of two estimates over seeds, with Fieller's interval (`ratio_of_means`).

    Args:
        tables: sums of each seed, arrays of shape (n_seeds, ...).
        estimator: takes sums over seeds, shape (b, ...), and returns numerator and denominator,
            shape (b, 2).
        repeats: number of resamples.
    """
    n = len(next(iter(tables.values())))
    value = estimator(summed(tables))[0]
    if n < 2:
        return Interval.of(value[0] / value[1])
    spread = np.cov(estimator(resampled(tables, repeats)), rowvar=False) * n / (n - 1)
    variances = spread[0, 0], spread[1, 1]
    return ratio_of_means((value[0], value[1]), variances, spread[0, 1], n)
