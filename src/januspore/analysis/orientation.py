"""Water order in the pore: the mean cosine of the dipoles, and the distribution of theta.

The package measures order by the mean cosine of the dipoles to the field. It is linear in the
orientations, so that averages, relaxation times and lags of it are those of the order. The paper
uses the width sigma_theta, which is not linear: equal kinetics give unequal times of ordering and
disordering, and its error diverges where the order is weak.

theta is the angle between +x and a water's dipole projected onto the x-y plane (paper, Fig. 2A).
Histograms have `BINS` equal bins over [-pi, pi).
"""

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit

BINS = 72
CENTRES = (np.arange(BINS) + 0.5) * 2 * np.pi / BINS - np.pi


def histogram(theta: NDArray, group: NDArray, groups: int) -> NDArray[np.int64]:
    """Count angles by group, shape (groups, BINS).

    Args:
        theta: rad, shape (n,).
        group: index of each angle's group, shape (n,).
        groups: number of groups.
    """
    index = np.floor((theta + np.pi) / (2 * np.pi) * BINS).astype(int) % BINS
    flat = np.bincount(group * BINS + index, minlength=groups * BINS)
    return flat.reshape(groups, BINS)


def turned(counts: NDArray) -> NDArray:
    """Histograms of theta - pi: the angle from a field along -x instead of +x."""
    return np.roll(counts, BINS // 2, axis=-1)


def resultant(counts: NDArray) -> NDArray[np.complex128]:
    """Mean of exp(i theta), shape (...); NaN for an empty histogram."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts @ np.exp(1j * CENTRES) / counts.sum(axis=-1)


def circular_std(counts: NDArray) -> NDArray[np.float64]:
    """Model-free circular standard deviation sqrt(-2 ln R), rad, shape (...)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(-2.0 * np.log(np.minimum(np.abs(resultant(counts)), 1.0)))


#: Measures of order; verdicts rest on the first.
OBSERVABLES = ("mean cosine", "sigma_theta")


def along_field(sums: Mapping[str, NDArray], field: NDArray) -> dict[str, NDArray]:
    """Sums of the pore's waters with the field's direction as theta = 0.

    Args:
        sums: `cosine` and `waters`, shape (n, ...), and `theta`, shape (n, ..., BINS).
        field: whose sign is that direction, shape (...).
    """
    against = field < 0
    return {
        "cosine": np.where(against, -1.0, 1.0) * sums["cosine"],
        "waters": sums["waters"],
        "theta": np.where(against[..., None], turned(sums["theta"]), sums["theta"]),
    }


def mean_cosine(tables: Mapping[str, NDArray]) -> NDArray[np.float64]:
    """Mean cosine of the dipoles to the field of `along_field`, NaN without waters."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(tables["cosine"] / tables["waters"])


def order(tables: Mapping[str, NDArray], observable: str) -> NDArray[np.float64]:
    """One of `OBSERVABLES` from sums of `along_field`, shape (n, ...)."""
    return mean_cosine(tables) if observable == "mean cosine" else circular_std(tables["theta"])


def gaussian_fit(counts: NDArray) -> NDArray[np.float64]:
    """Normalised Gaussian fitted to P(theta) as in the paper (Fig. 2B).

    The fit is centred on the circular mean first, so a peak near +-pi is not cut in two.

    Args:
        counts: histograms, shape (..., BINS).

    Returns:
        mu and sigma_theta in rad, shape (..., 2); NaN for a histogram that is empty or that no
        Gaussian fits.
    """
    flat = counts.reshape(-1, BINS)
    return np.array([_fit(row) for row in flat]).reshape(*counts.shape[:-1], 2)


def gaussian_std(counts: NDArray) -> NDArray[np.float64]:
    """Width of the fitted Gaussian, rad, shape (...); see :func:`gaussian_fit`."""
    return gaussian_fit(counts)[..., 1]


def density(counts: NDArray) -> NDArray[np.float64]:
    """P(theta) of histograms, 1/rad, shape (..., BINS)."""
    total = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    return counts / total * BINS / (2 * np.pi)


def gaussian(theta: NDArray, mu: float, sigma: float) -> NDArray:
    """Normalised Gaussian, 1/rad, shape of `theta`."""
    return np.exp(-0.5 * ((theta - mu) / sigma) ** 2) / (np.sqrt(2 * np.pi) * abs(sigma))


def _fit(counts: NDArray) -> tuple[float, float]:
    if counts.sum() < BINS / 4:
        return float("nan"), float("nan")
    shift = BINS // 2 - int(np.round((np.angle(resultant(counts)) + np.pi) / (2 * np.pi) * BINS))
    centred = density(np.roll(counts, shift))
    start = float(np.clip(circular_std(counts), 0.1, 2.0))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            (mu, sigma), _ = curve_fit(gaussian, CENTRES, centred, p0=(0.0, start), maxfev=400)
    except RuntimeError:
        return float("nan"), float("nan")
    mu -= shift * 2 * np.pi / BINS
    return float(np.mod(mu + np.pi, 2 * np.pi) - np.pi), float(abs(sigma))
