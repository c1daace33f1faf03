"""Exponential approach to a level: A + B exp(-t / tau) (paper, Figs 2D, 3, 5A).

A + B (1 - exp(-t / tau)), the paper's form for a rise, is the same curve with other names for its
level and the sign of its amplitude, so one fit serves both.
"""

import numpy as np
from numpy.typing import NDArray

#: Times tried, between half the first time step and four times the range, equally spaced in log.
_TRIED = 160


def fit_exponential(t: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Fit A + B exp(-t / tau) by least squares.

    For a given tau the best A and B are linear, so tau alone is searched, on a fine grid and then
    by a parabola through the best three: no starting values, and no fit that stops halfway.

    Args:
        t: times, increasing, shape (m,).
        y: values, shape (..., m); a NaN makes its fit NaN.

    Returns:
        (log tau, A, B), shape (..., 3); NaN where the best tau lies at an end of the range tried,
        that is, where the data hold no decay they can resolve.
    """
    step = np.diff(t).min()
    log_tau = np.linspace(np.log(0.5 * step), np.log(4 * (t[-1] - t[0])), _TRIED)
    decay = np.exp(-(t - t[0]) / np.exp(log_tau)[:, None])
    centred = decay - decay.mean(axis=1, keepdims=True)
    norm = (centred**2).sum(axis=1)
    flat = y.reshape(-1, len(t))
    amplitude = (flat - flat.mean(axis=1, keepdims=True)) @ centred.T / norm
    gain = amplitude**2 * norm  # of the sum of squares, by each tau tried
    bad = ~np.isfinite(gain).all(axis=1)
    best = np.argmax(np.where(bad[:, None], 0.0, gain), axis=1)
    inner = np.clip(best, 1, _TRIED - 2)
    row = np.arange(len(flat))
    before, peak, after = (gain[row, inner + k] for k in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = 0.5 * (before - after) / (before - 2 * peak + after)
    found = log_tau[inner] + np.nan_to_num(shift) * (log_tau[1] - log_tau[0])
    b = amplitude[row, inner]
    a = flat.mean(axis=1) - b * decay.mean(axis=1)[inner]
    # Back to t = 0 as the origin of the amplitude.
    b = b * np.exp(np.minimum(t[0] / np.exp(found), 50.0))
    unresolved = bad | (best == 0) | (best == _TRIED - 1)
    fits = np.where(unresolved[:, None], np.nan, np.stack([found, a, b], axis=1))
    return fits.reshape(*y.shape[:-1], 3)


def exponential(t: NDArray, log_tau: float, a: float, b: float) -> NDArray[np.float64]:
    """Values of A + B exp(-t / tau), shape of t."""
    return a + b * np.exp(-t / np.exp(log_tau))
