"""Windows of a barrier: means, errors of sums over windows, and parts of a rise, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from januspore.analysis.barrier import SERIES, Means, by_window, summary
from januspore.analysis.orientation import histogram
from januspore.analysis.pmf import (
    chance_of_rise,
    independent_draws,
    shared_draws,
    trapezoid_weights,
)
from januspore.analysis.statistics import mean_of_batches
from januspore.engines.base import PARTS
from januspore.protocols.windows import Windows
from januspore.simulate.record import HELD as COLUMNS
from januspore.simulate.record import Rows, columns_of

HELD = Windows("Cl", (0.3, -0.5), (-0.1, 0.0, 0.2), 1.0, 1.0, 1.0, 2.0, 0.3, 2e4)


def random_rows(n=400, seed=0):
    """Rows with all numbers different, windows in any order, and some rows without a window."""
    rng = np.random.default_rng(seed)
    kinds = columns_of(("K", "Cl")) | COLUMNS
    columns = {name: rng.normal(size=n).astype(kind) for name, kind in kinds.items()}
    columns["window"] = rng.integers(-1, 5, n)  # the last of six windows is never sampled
    columns["window"][
        np.flatnonzero(columns["window"] == 3)[1:]
    ] = -1  # and one is sampled only once
    columns["water_in_pore"] = rng.integers(0, 4, n)
    waters = columns["water_in_pore"].sum()
    columns["theta_rad"] = rng.uniform(-np.pi, np.pi, waters)
    columns["cos_dipole"] = rng.uniform(-1, 1, waters)
    return Rows(columns)


def test_windows_hold_the_means_variances_and_angles_of_their_own_rows():
    rows = random_rows()
    found = by_window(rows, HELD)
    water = np.repeat(np.arange(len(rows)), rows["water_in_pore"])
    cosine = [
        rows["cos_dipole"][water == k].mean() if (water == k).any() else np.nan for k in range(400)
    ]
    part = {name: rows[f"force_{name}_kJ_per_mol_nm"] for name in PARTS}
    series = part | {
        "tether": -rows["tether_force_kJ_per_mol_nm"],
        "water": part["water_vdw"] + part["water_electrostatic"],
        "membrane": part["membrane_vdw"] + part["membrane_electrostatic"],
        "sum": sum(part.values()),
        "cosine": np.array(cosine),
        "x_nm": rows["held_x_nm"],
        "r_nm": rows["held_r_nm"],
    }
    assert set(series) == set(SERIES)
    for k in range(6):
        at, own = divmod(k, 3), rows["window"] == k
        assert found["samples"][at] == own.sum()
        for name, values in series.items():
            seen = values[own & np.isfinite(values)]
            if own.any() and len(seen):
                mean, variance, freedom = mean_of_batches(seen)
                assert found[name][at] == pytest.approx(mean)
                assert found[f"{name}_variance"][at] == pytest.approx(variance, nan_ok=True)
                assert found[f"{name}_freedom"][at] == pytest.approx(freedom, nan_ok=True)
            else:
                assert np.isnan(found[name][at])
        x = rows["held_x_nm"][own]
        spread = x.var(ddof=1) if len(x) > 1 else np.nan
        assert found["x_nm_spread"][at] == pytest.approx(spread, nan_ok=True)
        theta = rows["theta_rad"][own[water]]
        assert (found["theta"][at] == histogram(theta, np.zeros(len(theta), int), 1)[0]).all()
    assert found["x_nm_slow"] == pytest.approx(2.0 * found["x_nm_variance"], nan_ok=True)
    assert found["samples"][1, 0] == 1 and np.isnan(found["x_nm_spread"][1, 0])


def test_a_window_of_two_rows_has_a_spread():
    rows = random_rows(2)
    rows.columns["window"][:], rows.columns["held_x_nm"][:] = 4, [0.1, 0.3]
    assert by_window(rows, HELD)["x_nm_spread"][1, 1] == pytest.approx(0.02)


def test_a_job_s_scalars_by_hand():
    found = summary(
        {
            "samples": np.array([[10, 1, 0]]),
            "tether": np.array([[5.0, 1.0, np.nan]]),
            "sum": np.array([[2.0, 5.0, np.nan]]),
            "tether_variance": np.array([[16.0, 9.0, np.nan]]),
        }
    )
    assert found == {
        "windows": 3,
        "windows_sampled": 2,
        "mean_force_error_kJ_per_mol_nm": 3.5,
        "tether_less_parts_rms_kJ_per_mol_nm": pytest.approx(np.sqrt((9 + 16) / 2)),
    }
    none = np.full((1, 1), np.nan)
    nothing = {"samples": np.zeros((1, 1)), "tether": none, "sum": np.zeros((1, 1))}
    with pytest.warns(RuntimeWarning, match="empty"):
        found = summary(nothing | {"tether_variance": none})
    assert found["windows_sampled"] == 0 and np.isnan(found["mean_force_error_kJ_per_mol_nm"])


def means_of(each, variance=1.0, freedom=4.0, seeds=None):
    each = np.asarray(each, dtype=float)
    shape = each.shape[1:]
    return Means(each, np.full(shape, variance), np.full(shape, freedom), seeds or len(each))


def test_the_excess_of_the_spread_over_the_runs_by_hand():
    """F of n - 1 and 6 degrees of freedom has a mean of 6 / 4."""
    means = means_of([[[1.0, 2.0, np.nan]], [[3.0, 2.0, 1.0]], [[5.0, 5.0, 1.0]]], 0.5, 6.0)
    spread = np.array([4.0, 3.0]) / 3  # of the mean of three
    assert means.excess == pytest.approx(np.sqrt(np.mean(spread / 0.5 * 4 / 6)))
    assert np.isnan(means_of([[[1.0]]]).excess)
    # Windows without a variance, or with an uncertain one, do not count.
    for variance, freedom in ((0.0, 6.0), (0.5, 2.0), (np.nan, 6.0)):
        assert np.isnan(
            replace(
                means, variance=means.variance * 0 + variance, freedom=means.freedom * 0 + freedom
            ).excess
        )


def test_an_estimate_over_windows_by_hand():
    each = np.array([[[1.0, 2.0, np.nan]], [[3.0, 2.0, 7.0]], [[8.0, 5.0, 1.0]]])
    means = Means(each, np.array([[0.5, 2.0, np.nan]]), np.array([[4.0, 6.0, 4.0]]), 3)
    weights = np.array([[[2.0, -1.0, 0.0]], [[0.0, 1.0, 0.0]]])  # two sums at once
    found = means.estimate(weights)
    sums = np.array([[0.0, 4.0, 11.0], [2.0, 2.0, 5.0]])
    half = stats.t.ppf(0.975, 2) * sums.std(axis=1, ddof=1) / np.sqrt(3)
    assert found.value == pytest.approx(sums.mean(axis=1))
    assert found.se_seeds == pytest.approx(sums.std(axis=1, ddof=1) / np.sqrt(3))
    assert found.se_runs == pytest.approx(np.sqrt([4 * 0.5 + 2.0, 2.0]))
    assert found.high - found.value == pytest.approx(half)
    assert found.value - found.low == pytest.approx(half)
    assert found.interval.triple is not None and found.interval.at(0).value == found.value[0]
    # Another quadrature widens the interval but not the standard error.
    other = means.estimate(weights, weights + [[[0.5, 0.0, 0.0]], [[0.0, -1.0, 0.0]]])
    apart = np.array([0.5 * 4.0, 1.0 * 3.0])
    assert other.high - other.value == pytest.approx(half + apart)
    assert other.value - other.low == pytest.approx(half + apart)
    assert other.se_seeds == pytest.approx(found.se_seeds)
    # Without the value of a window that has a weight the sum is not known.
    assert np.isnan(means.estimate(np.ones((1, 3))).value)
    # One seed: the runs' error, with the degrees of freedom of the sum.
    one = replace(means, each=each[1:2]).estimate(weights)
    freedom = (2.0 + 2.0) ** 2 / (2.0**2 / 4 + 2.0**2 / 6)
    assert one.value == pytest.approx([4.0, 2.0]) and np.isnan(one.se_seeds).all()
    assert one.high - one.value == pytest.approx(
        stats.t.ppf(0.975, [freedom, 6.0]) * np.sqrt([4.0, 2.0])
    )


def test_a_constant_that_is_taken_off_changes_no_error():
    means = means_of([[[1.0, 2.0]], [[3.0, 5.0]]])
    found = means.less(means_of([[[0.5, 1.0]], [[0.5, 1.0]]]))
    assert found.value.tolist() == [[1.5, 2.5]]
    assert (found.variance == means.variance).all() and found.excess == means.excess


def test_where_intervals_come_from():
    one, two = means_of(np.zeros((1, 1, 2))), means_of(np.zeros((2, 1, 2)))
    assert one.interval_from == "within the run" and two.interval_from == "over seeds"
    assert replace(two, seeds=4).interval_from == "over equilibrations"


X = np.linspace(-0.4, 0.4, 9)


@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize("way", [1, -1])
def test_a_barrier_is_looked_for_in_one_field_s_part_of_the_windows(seeds, way):
    """A barrier of 40 kJ/mol about 0, seen in windows 2 to 10 of the second field."""
    rng = np.random.default_rng(0)
    each = np.full((seeds, 2, 12), 1e6)
    force = 100 * np.sign(X)  # away from 0: rises to it from either side
    each[:, 1, 2:11] = force + 1e-3 * rng.normal(size=(seeds, 9))
    means, part = means_of(each, 1e-6), slice(2, 11)
    found = means.barrier(X, 1, part, way)
    low, high = 2 + (0 if way > 0 else 8), 2 + 4
    assert found.found and (found.minimum, found.maximum) == (low, high)
    # The trapezoid uses the force 0 at x = 0, so half of a window's rise is missing.
    assert found.height.value == pytest.approx(35.0, rel=1e-3)
    rules = [np.zeros((2, 12)), np.zeros((2, 12))]
    rise = trapezoid_weights(X)[4] - trapezoid_weights(X)[low - 2]
    rules[0][1, part], rules[1][1, part] = rise, rise
    share = means.between(found, X, 1, part, rules)
    assert share.value == pytest.approx(found.height.value)
    assert share.low <= share.value <= share.high and share.high - share.low < 0.1
    # The other rule gives 4 kJ/mol more, which widens the interval by as much on either side.
    rules[1][1, 3] += 0.04
    wide = means.between(found, X, 1, part, rules)
    by = abs(0.04 * means.value[1, 3])
    assert wide.low == pytest.approx(share.low - by) and wide.high == pytest.approx(share.high + by)
    assert means.barrier(X[:1], 1, slice(2, 3), way) is None
    lost = replace(means, variance=np.where(np.arange(12) == 5, np.nan, means.variance))
    assert lost.barrier(X, 1, part, way) is None
    assert lost.barrier(X[:2], 1, slice(2, 4), way) is not None


def test_what_the_two_windows_may_be_widens_a_part_s_interval():
    """A part of 1000 kJ/mol/nm that is known exactly, between windows that are not."""
    rng = np.random.default_rng(0)
    total = np.array([30.0, 0.0, -30.0, -5.0, 5.0, 30.0, 60.0, 60.0, 60.0])  # top hardly known
    noise = 12.0 * rng.normal(size=(6, 1, 9))
    found = means_of(total + noise).barrier(X, 0, slice(0, 9), 1)
    part = means_of(np.full((6, 1, 9), 1000.0))
    weights = trapezoid_weights(X)
    rule = (weights[found.maximum] - weights[found.minimum])[None]
    share = part.between(found, X, 0, slice(0, 9), [rule, rule])
    low, high = found.drawn
    rises = -1000.0 * (X[high] - X[low])
    bottom, top = np.quantile(rises, [0.025, 0.975])
    value = -1000.0 * (X[found.maximum] - X[found.minimum])
    assert share.value == pytest.approx(value) and share.se_seeds == pytest.approx(0.0, abs=1e-9)
    assert share.low == pytest.approx(min(value, 2 * value - top))
    assert share.high == pytest.approx(max(value, 2 * value - bottom))
    assert share.high - share.low > 50


@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize("way", [1, -1])
def test_a_barrier_s_chance_rests_on_the_error_of_its_seeds_or_of_its_run(seeds, way):
    """Forces about as large as their errors, so that the chance depends on them."""
    rng = np.random.default_rng([seeds, 30])
    each = way * np.array([-9.0, -9, 0, 12, 12, 12, 12, 12, 12]) + 15 * rng.normal(
        size=(seeds, 2, 9)
    )
    means, part = means_of(each, 100.0), slice(0, 9)
    found, own = means.barrier(X, 1, part, way), each[:, 1]
    if seeds > 1:
        error = stats.t.ppf(0.975, seeds - 1) * own.std(axis=0, ddof=1) / np.sqrt(seeds)
        noise = shared_draws(own)
    else:
        error = np.full(9, stats.t.ppf(0.975, 4.0) * np.sqrt(100.0))
        noise = independent_draws(trapezoid_weights(X)[-1], means.variance[1], means.freedom[1])
    force = own.mean(axis=0)
    assert found.chance == chance_of_rise(X, force, way * force - error, noise, way)
    apart = {chance_of_rise(X, force, way * force - k * error, noise, way) for k in (0.5, 1, 2)}
    assert len(apart) > 1
