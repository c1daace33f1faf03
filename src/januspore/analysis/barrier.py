"""The barrier protocol: mean forces on the held ion by window, their errors over runs and seeds.

The mean force has two estimators. One is minus the mean force of the tether, since on average the
tether balances all other forces. The other is the sum of these forces (`engines.base.PARTS`), which
can be decomposed. Forces are those on the ion along +x, kJ/mol/nm, at its mean position in each
window.

*Errors.* Within a run, errors come from batches of each window (`statistics.mean_of_batches`),
which include slow correlations under the tether's fast vibration. They do not include what
neighbouring windows share, as each starts from the end of the other, nor what all windows of a seed
share, such as the polarisation of its reservoirs. From two seeds on, every interval is therefore
Student's interval of the same quantity (for instance a rise of the PMF) over the seeds; it includes
whatever the windows share. (For a mean, the package's bootstrap over seeds equals Student's
interval.) Seeds of one equilibration count as one. With two seeds Student's factor is 12.7 and
intervals are wide. One seed has the intervals of its run and gets no verdict. The table has both
standard errors. Seeds have equal weights: their windows are equally long, and weights from
estimated variances would add the noise of these variances.
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

#: Time under a field, ps per nm of reservoir depth, after which the reservoirs count as charged. In
#: the small cell, 2 nm a side, their polarisation was 0.5 e after 3 to 10 ps and 0.97 e after 40 to
#: 60 ps. The time is proportional to the depth: the area cancels between resistance and
#: capacitance.
CHARGED_PS_PER_NM = 30.0
#: Sums of parts. Each has errors of its own, as the parts of a force are strongly anticorrelated.
TOGETHER = {
    "water": ("water_vdw", "water_electrostatic"),
    "membrane": ("membrane_vdw", "membrane_electrostatic"),
    "sum": PARTS,
}
#: What is averaged in each window: forces, the waters' mean cosine to +x, and the ion's position.
SERIES = ("tether", *PARTS, *TOGETHER, "cosine", "x_nm", "r_nm")


def by_window(rows: Rows, held: Windows) -> dict[str, NDArray]:
    """Reduce a record to means by window.

    Returns:
        Arrays of shape (fields, positions): `samples`; for each of `SERIES` its mean, its
        `_variance` and that variance's degrees of freedom, `_freedom`; `x_nm_spread`, the variance
        of the ion's position itself, and `x_nm_slow`, that of its mean times the time, nm^2 ps;
        `theta`, histograms of the pore's waters, shape (fields, positions, BINS). A window without
        samples has NaN.
    """
    shape = len(held.fields_V_per_nm), len(held.positions_nm)
    windows = shape[0] * shape[1]
    series, window = _series(rows), rows["window"]
    spread = np.full(windows, np.nan)
    moments = np.full((len(SERIES), 3, windows), np.nan)
    for k in np.unique(window[window >= 0]):
        if np.count_nonzero(window == k) > 1:
            spread[k] = series["x_nm"][window == k].var(ddof=1)
        for s, name in enumerate(SERIES):
            seen = series[name][window == k]
            seen = seen[np.isfinite(seen)]
            if len(seen):
                moments[s, :, k] = mean_of_batches(seen)
    found: dict[str, NDArray] = {}
    found["samples"] = np.bincount(window[window >= 0], minlength=windows).reshape(shape)
    for name, three in zip(SERIES, moments, strict=True):
        keys = name, f"{name}_variance", f"{name}_freedom"
        found |= {key: v.reshape(shape) for key, v in zip(keys, three, strict=True)}
    found["x_nm_spread"] = spread.reshape(shape)
    found["x_nm_slow"] = found["x_nm_variance"] * held.window_ps
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
    """Scalars of one job: windows sampled, errors, and the difference of the two estimators."""
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
    """Direction along x in which a field drives an ion; at zero field as at a positive one."""
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
        variance: of their mean, from within the runs, taking windows as independent; shape (fields,
            positions).
        freedom: degrees of freedom of the variance, same shape.
        seeds: number of seeds.
    """

    each: NDArray
    variance: NDArray
    freedom: NDArray
    seeds: int

    @property
    def value(self) -> NDArray:
        """Mean over equilibrations, shape (fields, positions); NaN where one was not sampled."""
        return np.asarray(self.each.mean(axis=0))

    @property
    def interval_from(self) -> str:
        """Where intervals come from, in words."""
        if len(self.each) == 1:
            return "within the run"
        return "over seeds" if len(self.each) == self.seeds else "over equilibrations"

    @property
    def excess(self) -> float:
        """Spread over equilibrations, in standard errors from within the runs.

        It is 1 if windows share nothing: the root of the reduced chi-square of all windows about
        their means. NaN for one equilibration.
        """
        n = len(self.each)
        spread = self.each.var(axis=0, ddof=1) / n if n > 1 else np.full_like(self.variance, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            # The ratio follows an F distribution, whose mean is freedom / (freedom - 2), not 1.
            ratio = spread / self.variance * (self.freedom - 2) / self.freedom
        usable = np.isfinite(ratio) & (self.variance > 0) & (self.freedom > 2)
        return float(np.sqrt(ratio[usable].mean())) if usable.any() else float("nan")

    def less(self, other: "Means") -> "Means":
        """Subtract the means of a constant, such as the force of the applied field: errors stay."""
        return replace(self, each=self.each - other.each)

    def estimate(self, weights: NDArray, other_rule: NDArray | None = None) -> Estimate:
        """Estimate sums over all windows with given weights.

        Args:
            weights: shape (..., fields, positions); a NaN makes the estimate NaN.
            other_rule: weights of the same integral by another quadrature. The difference of the
                two, the error of windows that are too far apart, widens the interval but not the
                standard errors.
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
            part: a range of windows without a gap.
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
        """Random draws of the windows' errors, correlated between series of the same seeds."""
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

        The windows of minimum and maximum are themselves uncertain, and a part of the force that is
        much larger than the barrier may differ much between windows where the total hardly differs.
        The draws of the noise, in each of which the two windows are found anew, therefore give a
        second interval; on either side the end that lies farther out is used.

        Args:
            barrier: found with the series of the whole force of the same seeds.
            x: positions of the windows in `part`, nm.
            f: index of the field.
            part: the range of windows in which the barrier was looked for.
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
    """Weighted sum over windows; a window of weight 0 is ignored, even where its value is NaN."""
    terms = np.where(weights == 0, 0.0, weights * values)
    return np.asarray(terms.sum(axis=(-2, -1)))


def over_seeds(
    sums: Mapping[str, NDArray], name: str, equilibrations: Sequence[int] | None = None
) -> Means:
    """Combine a series of all seeds.

    Args:
        sums: what `by_window` keeps, stacked over seeds, shape (seeds, fields, positions).
        name: one of `SERIES`.
        equilibrations: number of each seed's equilibration; if not given, all are different.
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
