"""Planted decay times are recovered, their intervals cover, and what is not there is not given."""

import numpy as np
import pytest

from januspore.analysis.relaxation import exponential, fit_exponential
from januspore.analysis.statistics import bootstrap

T = (np.arange(50) + 0.5) * 1.0


@pytest.mark.parametrize("tau", [2.0, 8.0, 20.0])
@pytest.mark.parametrize("b", [0.8, -0.8])
def test_a_decay_without_noise_is_recovered(tau, b):
    log_tau, level, amplitude = fit_exponential(T, 1.2 + b * np.exp(-T / tau))
    assert np.exp(log_tau) == pytest.approx(tau, rel=5e-3)
    assert level == pytest.approx(1.2, abs=5e-3) and amplitude == pytest.approx(b, abs=1e-2)


def test_delays_that_are_not_evenly_spaced():
    delays = np.array([1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 40.0])
    found = fit_exponential(delays, 1.2 + 1.9 * np.exp(-delays / 8.0))
    assert np.exp(found[0]) == pytest.approx(8.0, rel=1e-2)
    assert exponential(delays, *found) == pytest.approx(1.2 + 1.9 * np.exp(-delays / 8.0), abs=1e-2)


def test_a_straight_line_and_a_hole_have_no_time():
    assert np.isnan(fit_exponential(T, 1.0 - 0.01 * T)[0])
    y = 1.0 + np.exp(-T / 5)
    y[3] = np.nan
    assert np.isnan(fit_exponential(T, y)).all()


@pytest.mark.parametrize("tau", [4.0, 12.0])
def test_the_interval_of_tau_covers(tau):
    rng, repeats, seeds, covered = np.random.default_rng(7), 300, 10, 0
    for k in range(repeats):
        curves = 1.0 + 0.8 * np.exp(-T / tau) + rng.normal(0, 0.2, (seeds, len(T)))
        tables = {"y": curves, "n": np.ones((seeds, 1))}
        fit = bootstrap(tables, lambda t: fit_exponential(T, t["y"] / t["n"]), repeats=200, seed=k)
        covered += bool(fit.low[0] <= np.log(tau) <= fit.high[0])
    # 95 % nominal; 300 repetitions have a standard error of 1.3 %.
    assert 0.91 <= covered / repeats <= 0.98
