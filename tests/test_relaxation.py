"""Planted decay times are recovered, their intervals cover, and what is not there is not given."""

import numpy as np
import pytest
from planted_order import ordered_rows, relaxing, static
from test_pulses import ensemble_of
from test_report import made_of

from januspore.analysis.relaxation import exponential, fit_exponential
from januspore.analysis.statistics import bootstrap
from januspore.products.relaxation import make
from januspore.report import water

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


def test_a_straight_line_and_missing_data_have_no_time_constant():
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


# --- a staircase, from records to verdicts -----------------------------------------------------

STAIRS = {"name": "staircase", "holds_V_per_nm": [0.6, 1.2], "hold_ps": 30.0}


def staircase_of(space, tau_ps, left=0.0, seeds=6):
    """Water that follows every step within tau, and keeps `left` of order on the way back."""

    def rows(point, rng):
        def mean(field, step):
            back = np.arange(len(field)) >= len(field) // 2
            target = static(field) + left * (back & (field < 1.2))
            return relaxing(target, step, tau_ps, of_field=lambda own: own)

        return ordered_rows(point, rng, mean, waters=30, shift=rng.normal(0, 0.02)), []

    content = make(ensemble_of(space, STAIRS, rows, seeds))
    return content.findings, made_of("relaxation", content.findings, seeds=seeds)


def test_equal_times_of_a_staircase_are_not_reported_as_different(tmp_path):
    found, made = staircase_of(tmp_path, 1.5)
    assert found["codes"]["mean cosine"] in ("not told", "not resolved")
    value, low, high = found["order_reverse_less_forward"]
    assert low < 0 < high and abs(value) < 0.03
    # The reverse sweep's first hold, at the field where the forward one ends, is no step.
    assert found["mean cosine, steps"] == 3
    assert water.held(made).code != "agrees"


def test_order_that_remains_at_equal_field_is_found(tmp_path):
    found, made = staircase_of(tmp_path, 1.5, left=0.12)
    _, low, high = found["order_reverse_less_forward"]
    assert 0 < low < 0.12 < high
    # One step down of its own hardly tells the time; repeated steps do.
    assert "may still relax" in water.held(made).why
    taus = {f"mean cosine, tau_{way}_ps": [1.5, 1.3, 1.7] for way in ("up", "down")}
    made.beside["step_relaxation"] = made_of("step_relaxation", taus)
    assert water.held(made).code == "agrees"
