"""Intervals cover what they claim; counts get bounds."""

import numpy as np
import pytest
from scipy.stats import t

from januspore.analysis.statistics import (
    bootstrap,
    by_cluster,
    integrated_time,
    poisson,
    ratio_of_means,
    run_mean,
    seeds_needed,
)


@pytest.mark.parametrize("seeds", [3, 4, 10])
def test_bootstrap_over_seeds_covers_a_planted_mean(seeds):
    rng, repeats = np.random.default_rng(1), 400
    truth, covered = 3.0, 0
    for k in range(repeats):
        # Each seed: charge carried, Poisson about its own mean, and the time it took.
        table = {"q": rng.normal(truth, 1.0, (seeds, 1)), "t": np.ones((seeds, 1))}
        interval = bootstrap(table, lambda t: t["q"] / t["t"], repeats=300, seed=k)
        covered += bool(interval.low[0] <= truth <= interval.high[0])
    # 95 % nominal; 400 repetitions have a standard error of 1.1 %.
    assert 0.91 <= covered / repeats <= 0.98


def test_bootstrap_of_a_ratio_of_sums_covers():
    rng, repeats, covered = np.random.default_rng(2), 400, 0
    for k in range(repeats):
        time = rng.uniform(5, 15, (6, 1))
        table = {"q": rng.poisson(2.0 * time).astype(float), "t": time}
        interval = bootstrap(table, lambda t: t["q"] / t["t"], repeats=300, seed=k)
        covered += bool(interval.low[0] <= 2.0 <= interval.high[0])
    assert 0.91 <= covered / repeats <= 0.98


@pytest.mark.parametrize("errors", [2.0, 3.0, 5.0, 15.0])
def test_given_ratios_cover_also_for_a_large_error_of_the_denominator(errors):
    """Those that are given are the cases where the denominator came out large."""
    seeds, repeats, truth = 4, 30000, 1.7
    rng = np.random.default_rng(5)
    shape = repeats, seeds, 2
    share = rng.normal([1.0, truth], np.sqrt(seeds) / errors, shape)
    apart = share - share.mean(axis=1, keepdims=True)
    spread = np.einsum("rsi,rsj->ijr", apart, apart) / (seeds - 1) / seeds
    bottom, top = share.mean(axis=1).T
    found = ratio_of_means((top, bottom), (spread[1, 1], spread[0, 0]), spread[0, 1], seeds)
    given = np.isfinite(found.low)
    inside = (found.low <= truth) & (truth <= found.high)
    covered = inside[given].mean()
    # At least some 5,000 are given: their standard error is 0.3 %.
    assert given.sum() > 4500 and 0.915 < covered < 0.97, covered


def test_one_seed_has_a_value_and_no_interval():
    interval = bootstrap({"q": np.array([[2.0]])}, lambda t: t["q"])
    assert interval.value[0] == 2.0
    assert np.isnan(interval.low[0]) and np.isnan(interval.high[0])


def test_bootstrap_is_reproducible():
    table = {"q": np.random.default_rng(0).normal(size=(5, 3))}
    one, two = (bootstrap(table, lambda t: t["q"]) for _ in range(2))
    assert np.array_equal(one.low, two.low)


def ar1(rng, n, rho):
    x = np.empty(n)
    x[0] = rng.normal()
    for i in range(1, n):
        x[i] = rho * x[i - 1] + np.sqrt(1 - rho**2) * rng.normal()
    return x


def test_integrated_time_of_a_known_process():
    rho = 0.8
    tau = integrated_time(ar1(np.random.default_rng(3), 100_000, rho))
    assert tau == pytest.approx((1 + rho) / (1 - rho), rel=0.1)  # 9; error about 2 % of 1e5 samples
    assert integrated_time(np.random.default_rng(4).normal(size=50_000)) == pytest.approx(
        1, abs=0.1
    )


def test_run_mean_covers_the_mean_of_a_correlated_series():
    rng, covered, repeats = np.random.default_rng(5), 0, 300
    for _ in range(repeats):
        interval = run_mean(ar1(rng, 2000, 0.8))
        covered += bool(interval.low <= 0.0 <= interval.high)
    assert 0.90 <= covered / repeats <= 0.98


def test_a_zero_count_has_a_bound():
    interval = poisson(np.array([0, 4]))
    assert interval.low[0] == 0 and interval.high[0] == pytest.approx(3.689, abs=1e-3)
    assert interval.low[1] == pytest.approx(1.090, abs=1e-3)
    assert interval.high[1] == pytest.approx(10.242, abs=1e-3)


@pytest.mark.parametrize(("seeds", "needed"), [(2, 18), (3, 18), (4, 18), (10, 18), (18, 18)])
def test_seeds_needed_follow_from_the_spread_and_not_from_students_factor_of_few(seeds, needed):
    """Of a spread of 2, the interval of 18 seeds is the first below 1, however many there are."""
    half = t.ppf(0.975, seeds - 1) * 2.0 / np.sqrt(seeds)
    assert seeds_needed(seeds, half, 1.0) == needed
    assert t.ppf(0.975, 17) * 2.0 / np.sqrt(18) < 1.0 < t.ppf(0.975, 16) * 2.0 / np.sqrt(17)


def test_seeds_needed_are_unknown_without_a_spread():
    assert seeds_needed(1, 1.0, 1.0) is None
    assert seeds_needed(4, np.nan, 1.0) is None
    assert seeds_needed(4, 1.0, 0.0) is None


def test_seeds_of_one_equilibration_count_as_one():
    """A shift that seeds of one equilibration share: intervals over seeds cover far too little."""
    rng, repeats, of = np.random.default_rng(3), 400, [0, 1, 2, 3] * 3
    covered = {"equilibrations": 0, "seeds": 0}
    for k in range(repeats):
        shared = rng.normal(0.0, 1.0, 4)[of]
        each = {"q": (shared + rng.normal(0.0, 1.0, 12))[:, None], "t": np.ones((12, 1))}
        for name, tables in (("equilibrations", by_cluster(each, of)), ("seeds", each)):
            interval = bootstrap(tables, lambda s: s["q"] / s["t"], repeats=300, seed=k)
            covered[name] += bool(interval.low[0] <= 0.0 <= interval.high[0])
    assert 0.91 <= covered["equilibrations"] / repeats <= 0.98
    assert covered["seeds"] / repeats < 0.85


def test_clusters_add_up_their_rows():
    each = {"q": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])}
    assert by_cluster(each, [7, 2, 7])["q"].tolist() == [[3.0, 4.0], [6.0, 8.0]]
