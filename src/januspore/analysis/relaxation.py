"""Exponential approach to a level: A + B exp(-t / tau) (paper, Figs 2D, 3, 5A).

A + B (1 - exp(-t / tau)), the paper's form for a rise, is the same curve with other names for its
level and the sign of its amplitude, so one fit serves both.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from .statistics import Interval

#: Number of tau tried, equally spaced in log tau from half a time step to four times the range.
_TRIED = 160


def fit_exponential(t: NDArray, y: NDArray, first: NDArray | None = None) -> NDArray[np.float64]:
    """Fit A + B exp(-t / tau) by least squares.

    For a given tau, A and B follow from linear least squares, so only tau is searched: on a fine
    grid, then by a parabola through the best three points. This needs no starting values and cannot
    fail to converge.

    Args:
        t: times, increasing, shape (m,).
        y: values, shape (..., m); a NaN makes its fit NaN.
        first: if `y` are means over bins of these times, the index of the first time of each bin; y
            then has shape (..., bins). A bin is weighted by the number of its times.

    Returns:
        (log tau, A, B), shape (..., 3); NaN where the best tau lies at an end of the range tried,
        that is, where the data do not resolve a decay.
    """
    step = np.diff(t).min()
    log_tau = np.linspace(np.log(0.5 * step), np.log(4 * (t[-1] - t[0])), _TRIED)
    decay = np.exp(-(t - t[0]) / np.exp(log_tau)[:, None])
    weight = np.ones(len(t))
    if first is not None:
        weight = np.diff(np.append(first, len(t))).astype(float)
        decay = np.add.reduceat(decay, first, axis=1) / weight
    share = weight / weight.sum()
    centred = decay - decay @ share[:, None]
    norm = centred**2 @ weight
    flat = y.reshape(-1, len(weight))
    mean = flat @ share
    amplitude = (flat - mean[:, None]) * weight @ centred.T / norm
    gain = amplitude**2 * norm  # reduction of the sum of squares, for each tau tried
    bad = ~np.isfinite(gain).all(axis=1)
    best = np.argmax(np.where(bad[:, None], 0.0, gain), axis=1)
    inner = np.clip(best, 1, _TRIED - 2)
    row = np.arange(len(flat))
    before, peak, after = (gain[row, inner + k] for k in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = 0.5 * (before - after) / (before - 2 * peak + after)
    found = log_tau[inner] + np.nan_to_num(shift) * (log_tau[1] - log_tau[0])
    b = amplitude[row, inner]
    a = mean - b * (decay @ share)[inner]
    # Refer the amplitude to t = 0.
    b = b * np.exp(np.minimum(t[0] / np.exp(found), 50.0))
    unresolved = bad | (best == 0) | (best == _TRIED - 1)
    fits = np.where(unresolved[:, None], np.nan, np.stack([found, a, b], axis=1))
    return fits.reshape(*y.shape[:-1], 3)


def exponential(t: NDArray, log_tau: float, a: float, b: float) -> NDArray[np.float64]:
    """Values of A + B exp(-t / tau), shape of t."""
    return a + b * np.exp(-t / np.exp(log_tau))


class Decay(StrEnum):
    """Whether a fit determines a time constant."""

    RESOLVED = "resolved"
    NO_DECAY = "no decay resolved"
    NO_INTERVAL = "no interval: one seed, or most resamples have no decay"
    NO_STEP = "no step: the field stays"
    SMALL_STEP = "step not larger than its interval"
    OUT_OF_RANGE = "tau outside the range that the hold can show"


def judge_decay(fit: Interval, shortest_ps: float, longest_ps: float) -> Decay:
    """Judge a fit of `fit_exponential` by its interval.

    Args:
        fit: (log tau, A, B), shape (3,).
        shortest_ps: time between the first two values.
        longest_ps: time of the last value.
    """
    if not np.isfinite(fit.value[0]):
        return Decay.NO_DECAY
    if not np.isfinite(fit.low[0]):
        return Decay.NO_INTERVAL
    if fit.low[2] <= 0 <= fit.high[2]:
        return Decay.SMALL_STEP
    if np.exp(fit.high[0]) > 10 * longest_ps or np.exp(fit.low[0]) < 0.1 * shortest_ps:
        return Decay.OUT_OF_RANGE
    return Decay.RESOLVED


class Slower(StrEnum):
    """How the time of the reverse steps compares with that of the forward ones."""

    REVERSE = "reverse slower"
    FORWARD = "forward slower"
    OPEN = "not told"
    UNRESOLVED = "not resolved"


def judge_ratio(reverse_over_forward: Interval) -> Slower:
    """Judge the ratio of two times."""
    if not np.isfinite(reverse_over_forward.low):
        return Slower.UNRESOLVED
    if reverse_over_forward.low > 1:
        return Slower.REVERSE
    return Slower.FORWARD if reverse_over_forward.high < 1 else Slower.OPEN
