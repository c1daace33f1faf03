"""Relaxation times: planted ones are recovered, intervals cover, and none without a decay."""

import numpy as np
import pytest
from planted_order import ordered_rows, relaxing, static
from scipy.optimize import curve_fit
from test_pulses import ensemble_of
from test_report import made_of

from januspore.analysis.relaxation import (
    Decay,
    Slower,
    exponential,
    fit_exponential,
    judge_decay,
    judge_ratio,
)
from januspore.analysis.statistics import Interval, bootstrap
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


# --- known answers -----------------------------------------------------------------------------


def test_times_beyond_what_the_data_can_show_are_not_given():
    """From half a time step to four times the range (0.5 to 196 ps here)."""
    for tau, known in ((0.3, False), (0.7, True), (150.0, True), (230.0, False)):
        found = fit_exponential(T, 1.0 + 0.8 * np.exp(-(T - T[0]) / tau))
        assert np.isfinite(found).all() == known
        if known:
            assert np.exp(found[0]) == pytest.approx(tau, rel=2e-2)


@pytest.mark.parametrize("binned", [False, True])
def test_the_fit_is_that_of_least_squares_where_no_curve_is_exact(binned):
    """Two decays and noise; means over bins of very unequal length weigh by their samples."""
    rng = np.random.default_rng(3)
    y = 1.0 + 0.5 * np.exp(-T / 2) + 0.5 * np.exp(-T / 15) + rng.normal(0, 0.05, (4, len(T)))
    first = np.array([0, 1, 2, 4, 8, 16, 30]) if binned else np.arange(len(T))
    count = np.diff(np.append(first, len(T)))
    means = np.add.reduceat(y, first, axis=1) / count

    def of_bins(_, log_tau, a, b):
        curve = a + b * np.exp(-T / np.exp(log_tau))
        return np.add.reduceat(curve, first) / count

    found = fit_exponential(T, means, first if binned else None)
    assert found.shape == (4, 3)
    for own, fit in zip(means, found, strict=True):
        best, _ = curve_fit(of_bins, first, own, (2.0, 1.0, 1.0), sigma=1 / np.sqrt(count))
        assert fit == pytest.approx(best, abs=0.01)


def test_a_value_that_is_missing_takes_only_its_own_fit():
    y = 1.0 + np.exp(-T / 5) * np.ones((3, 1))
    y[1, 3] = np.nan
    assert np.isnan(fit_exponential(T, y)).all(axis=1).tolist() == [False, True, False]
    assert fit_exponential(T, y[:, None])[2, 0] == pytest.approx([np.log(5), 1, 1], abs=1e-2)


def fit_of(log_tau=(1.0, 0.5, 1.5), b=(0.5, 0.3, 0.7)):
    return Interval(*np.array([log_tau, (1.0, 0.9, 1.1), b]).T)


@pytest.mark.parametrize(
    ("fit", "code"),
    [
        (fit_of(), Decay.RESOLVED),
        (fit_of((np.nan,) * 3), Decay.NO_DECAY),
        (fit_of((1.0, np.nan, np.nan)), Decay.NO_INTERVAL),
        (fit_of(b=(0.5, -0.1, 1.1)), Decay.SMALL_STEP),
        (fit_of(b=(0.5, 0.0, 1.0)), Decay.SMALL_STEP),
        (fit_of(b=(-0.5, -1.0, 0.0)), Decay.SMALL_STEP),
        (fit_of(b=(-0.5, -0.7, -0.3)), Decay.RESOLVED),
        # Within a tenth of 1 ps and ten times 30 ps.
        (fit_of((0.0, np.log(0.11), 1.0)), Decay.RESOLVED),
        (fit_of((0.0, np.log(0.09), 1.0)), Decay.OUT_OF_RANGE),
        (fit_of((3.0, 1.0, np.log(290.0))), Decay.RESOLVED),
        (fit_of((3.0, 1.0, np.log(310.0))), Decay.OUT_OF_RANGE),
    ],
)
def test_a_time_is_resolved_where_its_step_and_its_interval_are(fit, code):
    assert judge_decay(fit, 1.0, 30.0) is code


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ((2.0, 1.2, 3.0), Slower.REVERSE),
        ((0.5, 0.3, 0.9), Slower.FORWARD),
        ((1.5, 0.8, 2.0), Slower.OPEN),
        ((1.5, 1.0, 2.0), Slower.OPEN),
        ((0.8, 0.5, 1.0), Slower.OPEN),
        ((2.0, np.nan, np.nan), Slower.UNRESOLVED),
    ],
)
def test_one_time_is_longer_where_the_ratio_s_interval_excludes_one(ends, code):
    assert judge_ratio(Interval.of(*ends)) is code


# --- a staircase, from records to verdicts -----------------------------------------------------

STAIRS = {"name": "staircase", "holds_V_per_nm": [0.6, 1.2], "hold_ps": 30.0}


def staircase_of(space, tau_ps, left=0.0, seeds=6):
    """Water that relaxes with tau after every step, and keeps the order `left` on the way back."""

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
    # The first hold of the reverse sweep is at the last field of the forward one, so not a step.
    assert found["mean cosine, steps"] == 3
    assert water.held(made).code != "agrees"


def test_order_that_remains_at_equal_field_is_found(tmp_path):
    found, made = staircase_of(tmp_path, 1.5, left=0.12)
    _, low, high = found["order_reverse_less_forward"]
    assert 0 < low < 0.12 < high
    # A single step down does not determine the time; repeated steps do.
    assert "may still relax" in water.held(made).why
    taus = {f"mean cosine, tau_{way}_ps": [1.5, 1.3, 1.7] for way in ("up", "down")}
    made.beside["step_relaxation"] = made_of("step_relaxation", taus)
    assert water.held(made).code == "agrees"
