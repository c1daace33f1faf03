"""The barrier protocol: mean forces on the held ion by window, their errors over runs and seeds.

Two estimators of one mean force: the tether's, minus its mean pull, for what holds the ion at rest
is what pushes it; and the sum of the parts that act on it (`engines.base.PARTS`), which can be
taken apart. Forces are those on the ion along +x, kJ/mol/nm, at its mean position in each window.

*Errors.* Within a run, from batches of each window (`statistics.mean_of_batches`), which see slow
correlations under the tether's fast vibration. They see neither what neighbouring windows share,
one being begun from the other's end, nor what all windows of a seed share, such as the charge that
its reservoirs hold apart. So from two seeds on every interval is Student's, of the spread of what
the seeds give for the same number, a rise of the PMF for instance: that has in it whatever the
windows share. Seeds of one equilibration count as one. Two seeds know little (Student's factor is
12.7), and say so. (For a mean, the package's bootstrap over seeds is Student's interval; it is
written as such.) One seed has the intervals of its run, and gets no verdict. Both standard errors
stand in the table. Seeds are weighted equally: their windows are equally long, and weights by
estimated variances would add these variances' noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..engines.base import PARTS
from ..materials import charge_of
from ..protocols.windows import Windows
from ..simulate.record import Rows
from .orientation import histogram
from .pmf import (
    Barrier,
    find_barrier,
    independent_draws,
    shared_draws,
    trapezoid_weights,
    welch,
)
from .statistics import (
    LEVEL,
    Interval,
    by_cluster,
    mean_of_batches,
)

#: Time under a field, ps per nm of reservoir, after which the reservoirs count as charged. In the
#: small cell, 2 nm a side, they held 0.5 e apart after 3 to 10 ps and 0.97 e after 40 to 60 ps. The
#: time goes with the depth alone: the area cancels between resistance and capacitance.
CHARGED_PS_PER_NM = 30.0
#: Sums of parts, with errors of their own: parts of one force are strongly anticorrelated.
TOGETHER = {
    "water": ("water_vdw", "water_electrostatic"),
    "membrane": ("membrane_vdw", "membrane_electrostatic"),
    "sum": PARTS,
}
#: What is averaged in each window: forces, the waters' mean cos to +x, and where the ion is.
SERIES = ("tether", *PARTS, *TOGETHER, "cosine", "x_nm", "r_nm")


def by_window(rows: Rows, held: Windows) -> dict[str, NDArray]:
    """Reduce a record to means by window.

    Returns:
        Arrays of shape (fields, positions): `samples`; for each of `SERIES` its mean, its
        `_variance` and the `_freedom` of that; `theta`, histograms of the pore's waters, shape
        (fields, positions, BINS). A window without samples has NaN.
    """
    shape = len(held.fields_V_per_nm), len(held.positions_nm)
    windows = shape[0] * shape[1]
    series, window = _series(rows), rows["window"]
    moments = np.full((len(SERIES), 3, windows), np.nan)
    for k in np.unique(window[window >= 0]):
        for s, name in enumerate(SERIES):
            seen = series[name][window == k]
            seen = seen[np.isfinite(seen)]
            if len(seen):
                moments[s, :, k] = mean_of_batches(seen)
    found = {"samples": np.bincount(window[window >= 0], minlength=windows).reshape(shape)}
    for name, three in zip(SERIES, moments, strict=True):
        keys = name, f"{name}_variance", f"{name}_freedom"
        found |= {key: v.reshape(shape) for key, v in zip(keys, three, strict=True)}
    waters = np.repeat(window, rows["water_in_pore"])
    inside = waters >= 0
    theta = histogram(rows["theta_rad"][inside], waters[inside], windows)
    return found | {"theta": theta.reshape(*shape, -1)}


def _series(rows: Rows) -> dict[str, NDArray]:
    series = {name: rows[f"force_{name}_kJ_per_mol_nm"] for name in PARTS}
    for name, parts in TOGETHER.items():
        series[name] = np.sum([series[part] for part in parts], axis=0)
    series["tether"] = -rows["tether_force_kJ_per_mol_nm"]
    series["x_nm"], series["r_nm"] = rows["held_x_nm"], rows["held_r_nm"]
    waters = rows["water_in_pore"]
    sample = np.repeat(np.arange(len(rows)), waters)
    total = np.bincount(sample, weights=rows["cos_dipole"], minlength=len(rows))
    with np.errstate(invalid="ignore", divide="ignore"):
        series["cosine"] = total / waters
    return series


def summary(sums: Mapping[str, NDArray]) -> dict[str, float]:
    """Scalars of one job: how much was sampled, how well, and whether the estimators agree."""
    gap = sums["tether"] - sums["sum"]
    error = np.sqrt(sums["tether_variance"])
    known = np.isfinite(error)
    return {
        "windows": int(sums["samples"].size),
        "windows_sampled": int((sums["samples"] > 0).sum()),
        "mean_force_error_kJ_per_mol_nm": float(np.median(error[known])) if known.any() else np.nan,
        "tether_less_parts_rms_kJ_per_mol_nm": float(np.sqrt(np.nanmean(gap**2))),
    }


def way_of(ion: str, field_V_per_nm: float) -> int:
    """Direction along x in which a field drives an ion; at no field, that of a positive one."""
    sign = 1 if charge_of(ion) > 0 else -1
    return sign if field_V_per_nm >= 0 else -sign


@dataclass(frozen=True)
class Estimate:
    """A value, its interval, and both standard errors; `se_seeds` is NaN for one seed."""

    value: NDArray
    low: NDArray
    high: NDArray
    se_runs: NDArray
    se_seeds: NDArray

    @property
    def interval(self) -> Interval:
        """Value and interval alone."""
        return Interval(self.value, self.low, self.high)


@dataclass(frozen=True)
class Means:
    """Means of one series by window, of all equilibrations.

    Attributes:
        each: of every equilibration, over its seeds, shape (equilibrations, fields, positions).
        variance: of their mean, from within the runs, windows independent.
        freedom: degrees of freedom of that, shape (fields, positions) both.
        seeds: number of seeds.
    """

    each: NDArray
    variance: NDArray
    freedom: NDArray
    seeds: int

    @property
    def value(self) -> NDArray:
        """Mean over equilibrations, shape (fields, positions); NaN where one has none."""
        return np.asarray(self.each.mean(axis=0))

    @property
    def interval_from(self) -> str:
        """Where intervals come from, in words."""
        if len(self.each) == 1:
            return "within the run"
        return "over seeds" if len(self.each) == self.seeds else "over equilibrations"

    @property
    def excess(self) -> float:
        """Spread over equilibrations in standard errors of the runs: 1 if windows share nothing.

        The root of the reduced chi-square of all windows about their means; NaN for one.
        """
        n = len(self.each)
        spread = self.each.var(axis=0, ddof=1) / n if n > 1 else np.full_like(self.variance, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            # A variance known with few degrees of freedom is often too small: F's mean is not 1.
            ratio = spread / self.variance * (self.freedom - 2) / self.freedom
        usable = np.isfinite(ratio) & (self.variance > 0) & (self.freedom > 2)
        return float(np.sqrt(ratio[usable].mean())) if usable.any() else float("nan")

    def less(self, other: "Means") -> "Means":
        """Means less a constant's: the applied field's share of a window has no error."""
        return replace(self, each=self.each - other.each)

    def estimate(self, weights: NDArray, other_rule: NDArray | None = None) -> Estimate:
        """Estimate sums over all windows with given weights.

        Args:
            weights: shape (..., fields, positions); a NaN makes the estimate NaN.
            other_rule: the same integral's weights by another quadrature. The interval, not the
                standard errors, is widened by the difference: what windows too far apart hide.
        """
        per_seed = _weighted(weights[..., None, :, :], self.each)
        value = per_seed.mean(axis=-1)
        n = len(self.each)
        flat = (*weights.shape[:-2], -1)
        used = np.where(weights == 0, 0.0, self.variance).reshape(flat)
        freedom = welch(weights.reshape(flat), used, self.freedom.ravel())
        runs = np.sqrt(_weighted(weights**2, self.variance))
        seeds = per_seed.std(axis=-1, ddof=1) / np.sqrt(n) if n > 1 else np.full_like(runs, np.nan)
        tail = 0.5 + LEVEL / 2
        half = stats.t.ppf(tail, n - 1) * seeds if n > 1 else stats.t.ppf(tail, freedom) * runs
        if other_rule is not None:
            half = half + np.abs(_weighted(other_rule - weights, self.value))
        return Estimate(value, value - half, value + half, runs, seeds)

    def barrier(self, x: NDArray, f: int, part: slice, way: int) -> Barrier | None:
        """Find the barrier of a field's windows, None without two windows of known error.

        Args:
            x: positions of the windows in `part`, nm.
            f: index of the field.
            part: windows without a gap.
            way: see `pmf.find_barrier`.
        """
        each, variance, freedom = (
            v[..., f, part] for v in (self.each, self.variance, self.freedom)
        )
        if part.stop - part.start < 2 or not np.isfinite(variance).all():
            return None
        tail, n = 0.5 + LEVEL / 2, len(each)
        if n > 1:
            error = stats.t.ppf(tail, n - 1) * each.std(axis=0, ddof=1) / np.sqrt(n)
        else:
            error = stats.t.ppf(tail, freedom) * np.sqrt(variance)
        noise = self._noise(x, f, part)
        return find_barrier(x, each.mean(axis=0), error, noise, way, first=part.start)

    def _noise(self, x: NDArray, f: int, part: slice) -> NDArray:
        """Draws of the windows' errors; those of two series of the same seeds belong together."""
        each, variance, freedom = (
            v[..., f, part] for v in (self.each, self.variance, self.freedom)
        )
        if len(each) > 1:
            return shared_draws(each)
        return independent_draws(trapezoid_weights(x)[-1], variance, freedom)

    def between(
        self, barrier: Barrier, x: NDArray, f: int, part: slice, rules: Sequence[NDArray]
    ) -> Estimate:
        """Estimate the integral between a barrier's minimum and maximum.

        Where these lie is not known well: a part that is far larger than the barrier changes much
        between windows that hardly differ for the whole. So the draws of the noise, in which the
        windows were found again, give an interval as well, and the one that reaches farther is
        taken on either side.

        Args:
            barrier: found with the series of the whole force of the same seeds.
            x: positions of the windows in `part`, nm.
            f: index of the field.
            part: windows without a gap, those that the barrier was looked for in.
            rules: weights of the integral by both quadratures, see `estimate`.
        """
        found = self.estimate(*rules)
        low, high = (ends - part.start for ends in barrier.drawn)
        forces = self.value[f, part] + self._noise(x, f, part)
        pmf = forces @ trapezoid_weights(x).T
        rises = np.take_along_axis(pmf, high[:, None], 1) - np.take_along_axis(pmf, low[:, None], 1)
        tail = (1 - LEVEL) / 2
        bottom, top = np.quantile(rises, [tail, 1 - tail])
        other = np.abs(_weighted(rules[1] - rules[0], self.value))
        return replace(
            found,
            low=np.minimum(found.low, 2 * found.value - top - other),
            high=np.maximum(found.high, 2 * found.value - bottom + other),
        )


def _weighted(weights: NDArray, values: NDArray) -> NDArray:
    """Sum over windows; what has no weight is not looked at, NaN or not."""
    terms = np.where(weights == 0, 0.0, weights * values)
    return np.asarray(terms.sum(axis=(-2, -1)))


def over_seeds(
    sums: Mapping[str, NDArray], name: str, equilibrations: Sequence[int] | None = None
) -> Means:
    """Combine a series of all seeds.

    Args:
        sums: what `by_window` keeps, stacked over seeds, shape (seeds, fields, positions).
        name: one of `SERIES`.
        equilibrations: number of each seed's equilibration; each its own if not given.
    """
    seeds = len(sums[name])
    clusters = range(seeds) if equilibrations is None else equilibrations
    within, freedom = sums[f"{name}_variance"], sums[f"{name}_freedom"]
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = {"each": sums[name], "within": within, "squares": within**2 / freedom}
    added = by_cluster(terms | {"size": np.ones((seeds, 1, 1))}, clusters)
    n, size = len(added["each"]), added["size"]
    # The mean over equilibrations weights a seed by 1 / (n x seeds of its equilibration).
    variance = (added["within"] / (n * size) ** 2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / (added["squares"] / (n * size) ** 4).sum(axis=0)
    return Means(added["each"] / size, variance, freedom, seeds)
