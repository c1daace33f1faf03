"""The barrier protocol: mean forces on the held ion by window, their errors over runs and seeds.

Two estimators of one mean force: the tether's, minus its mean pull, for what holds the ion at rest
is what pushes it; and the sum of the parts that act on it (`engines.base.PARTS`), which can be
taken apart. Forces are those on the ion along +x, kJ/mol/nm, at its mean position in each window.

*Errors.* Within a run, from batches of each window (`statistics.mean_of_batches`), which see slow
correlations under the tether's fast vibration. Windows of one run are taken as independent. Two or
three seeds know their own spread badly (Student's factor is 12.7 and 4.3), but they know the spread
of many windows well. So below `MANY_SEEDS` seeds an interval is the within-run one, widened by what
the seeds say of within-run errors altogether: the root of the reduced chi-square of all windows
about their means over seeds, if above 1 (the factor of R. T. Birge, Phys. Rev. 40, 207 (1932)).
What it cannot see is a shift that all windows of a seed share; from `MANY_SEEDS` seeds on,
intervals are therefore those of the spread over seeds. (For a mean, the package's bootstrap over
seeds is Student's interval; it is written as such.) Both standard errors stand in the table. Seeds
are weighted equally: their windows are equally long, and
weights by estimated variances would add these variances' noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..engines.base import PARTS
from ..schema import Barrier
from ..simulate.record import Rows
from .orientation import histogram
from .pmf import welch
from .statistics import LEVEL, Interval, mean_of_batches

#: Seeds from which on an interval is that of their spread.
MANY_SEEDS = 4
#: Windows from which on a run tells its own error, ps: five batches cover what they claim from 20
#: correlation times on (tests/test_barrier_analysis.py), and the pore's water forgets within 8 ps
#: (paper, Fig. 5A). With shorter ones only `MANY_SEEDS` seeds do.
LONG_WINDOW_PS = 160.0
#: Sums of parts, with errors of their own: parts of one force are strongly anticorrelated.
TOGETHER = {
    "water": ("water_vdw", "water_electrostatic"),
    "membrane": ("membrane_vdw", "membrane_electrostatic"),
    "sum": PARTS,
}
#: What is averaged in each window: forces, the waters' mean cos to +x, and where the ion is.
SERIES = ("tether", *PARTS, *TOGETHER, "cosine", "x_nm", "r_nm")


def by_window(rows: Rows, protocol: Barrier) -> dict[str, NDArray]:
    """Reduce a record to means by window.

    Returns:
        Arrays of shape (fields, positions): `samples`; for each of `SERIES` its mean, its
        `_variance` and the `_freedom` of that; `theta`, histograms of the pore's waters, shape
        (fields, positions, BINS). A window without samples has NaN.
    """
    shape = len(protocol.fields_V_per_nm), len(protocol.positions_nm)
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
    charge = 1 if ion == "K" else -1
    return charge if field_V_per_nm >= 0 else -charge


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
    """Means of one series by window, of all seeds.

    Attributes:
        each: of every seed, shape (seeds, fields, positions).
        variance: of their mean, from within the runs, widened (see the module).
        freedom: degrees of freedom of that, shape (fields, positions) both.
        factor: by which within-run standard errors were widened, at least 1.
    """

    each: NDArray
    variance: NDArray
    freedom: NDArray
    factor: float

    @property
    def value(self) -> NDArray:
        """Mean over seeds, shape (fields, positions); NaN where a seed has none."""
        return np.asarray(self.each.mean(axis=0))

    @property
    def interval_from(self) -> str:
        """Where intervals come from, in words."""
        if len(self.each) >= MANY_SEEDS:
            return "over seeds"
        return "within the run" if len(self.each) == 1 else "within runs, widened by seeds"

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
        variance = _weighted(weights**2, self.variance)
        flat = (*weights.shape[:-2], -1)
        used = np.where(weights == 0, 0.0, self.variance).reshape(flat)
        freedom = welch(weights.reshape(flat), used, self.freedom.ravel())
        runs = np.sqrt(variance)
        seeds = per_seed.std(axis=-1, ddof=1) / np.sqrt(n) if n > 1 else np.full_like(runs, np.nan)
        tail = 0.5 + LEVEL / 2
        many = n >= MANY_SEEDS
        half = stats.t.ppf(tail, n - 1) * seeds if many else stats.t.ppf(tail, freedom) * runs
        if other_rule is not None:
            half = half + np.abs(_weighted(other_rule - weights, self.value))
        return Estimate(value, value - half, value + half, runs, seeds)


def _weighted(weights: NDArray, values: NDArray) -> NDArray:
    """Sum over windows; what has no weight is not looked at, NaN or not."""
    terms = np.where(weights == 0, 0.0, weights * values)
    return np.asarray(terms.sum(axis=(-2, -1)))


def over_seeds(sums: Mapping[str, NDArray], name: str) -> Means:
    """Combine a series of all seeds.

    Args:
        sums: what `by_window` keeps, stacked over seeds, shape (seeds, fields, positions).
        name: one of `SERIES`.
    """
    each, within = sums[name], sums[f"{name}_variance"]
    n = len(each)
    variance = within.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / (within**2 / sums[f"{name}_freedom"]).sum(axis=0)
        chi2 = ((each - each.mean(axis=0)) ** 2).sum(axis=0) / (variance / n)
        # A variance known with few degrees of freedom is often too small: F's mean is not 1.
        chi2 *= (freedom - 2) / freedom
    usable = np.isfinite(chi2) & (variance > 0) & (freedom > 2)
    factor = 1.0
    if n > 1 and usable.any():
        factor = max(1.0, float(np.sqrt(chi2[usable].mean() / (n - 1))))
    return Means(each, variance / n**2 * factor**2, freedom, factor)
