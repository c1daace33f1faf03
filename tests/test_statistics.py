"""Statistics: coverage of intervals, autocorrelation, and bounds of counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.signal import lfilter
from scipy.stats import t

from januspore.analysis.statistics import (
    Interval,
    bootstrap,
    bootstrap_ratio,
    by_cluster,
    difference,
    integrated_time,
    mean_of_batches,
    p_value,
    poisson,
    poisson_sum,
    ratio_of_means,
    resampled,
    run_mean,
    seeds_needed,
    student,
    summed,
)


@pytest.mark.parametrize("seeds", [3, 4, 10])
def test_bootstrap_over_seeds_covers_a_planted_mean(seeds):
    rng, repeats = np.random.default_rng(1), 400
    truth, covered = 3.0, 0
    for k in range(repeats):
        # Each seed has a charge, Poisson about its own mean, and a time.
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
    """Ratios are given where the denominator is large by chance, which biases them."""
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
    # At least some 5,000 are given, so the standard error is 0.3 %.
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
    """For a spread of 2 the half width is below 1 from 18 seeds on, for any present number."""
    half = t.ppf(0.975, seeds - 1) * 2.0 / np.sqrt(seeds)
    assert seeds_needed(seeds, half, 1.0) == needed
    assert t.ppf(0.975, 17) * 2.0 / np.sqrt(18) < 1.0 < t.ppf(0.975, 16) * 2.0 / np.sqrt(17)


def test_seeds_needed_are_unknown_without_a_spread():
    assert seeds_needed(1, 1.0, 1.0) is None
    assert seeds_needed(4, np.nan, 1.0) is None
    assert seeds_needed(4, 1.0, 0.0) is None


def test_seeds_of_one_equilibration_count_as_one():
    """With a shift that seeds of an equilibration share, intervals over seeds are too narrow."""
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


# --- known answers -----------------------------------------------------------------------------


def ratio_of_sums(tables):
    return tables["q"] / tables["n"]


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_interval_of_a_mean_over_seeds_is_student_s(level):
    """For a mean, t s sqrt(n / (n - 1)) with the bootstrap's s is t times the standard error."""
    values = np.random.default_rng(6).normal(3.0, 1.0, (6, 1))
    tables = {"q": values, "n": np.ones((6, 1))}
    found = bootstrap(tables, ratio_of_sums, repeats=40_000, level=level)
    half = t.ppf(0.5 + level / 2, 5) * values.std(ddof=1) / np.sqrt(6)
    assert found.value[0] == pytest.approx(values.mean())
    assert found.high[0] - found.value[0] == pytest.approx(half, rel=0.015)  # noise: 0.35 %
    assert found.value[0] - found.low[0] == pytest.approx(found.high[0] - found.value[0])


@pytest.mark.parametrize(("share", "known"), [(0.0, True), (0.05, True), (0.15, False), (1, False)])
def test_no_interval_where_more_than_a_tenth_of_the_resamples_have_no_estimate(share, known):
    def sometimes(tables):
        q = tables["q"]
        lost = (np.arange(len(q)) < share * len(q)) & (len(q) > 1)
        return np.where(lost[:, None], np.nan, q)

    tables = {"q": np.random.default_rng(0).normal(size=(4, 1))}
    found = bootstrap(tables, sometimes)
    whole = bootstrap(tables, lambda t: t["q"])
    assert found.value == whole.value and np.isfinite(found.low[0]) == known
    if known:
        assert found.high == pytest.approx(whole.high, rel=0.1)
    assert np.isnan(bootstrap(tables, lambda t: t["q"], repeats=1).low).all()


def test_two_seeds_have_an_interval():
    tables = {"each": np.array([[3.0, 2.0], [3.1, 2.1]])}
    assert np.isfinite(bootstrap(tables, lambda t: t["each"]).low).all()
    assert np.isfinite(bootstrap_ratio(tables, lambda t: t["each"]).triple()).all()


def test_resamples_hold_as_many_seeds_as_there_are_and_are_repeatable():
    tables = {"one": np.ones((5, 2)), "own": np.eye(5)}
    found = resampled(tables, 300, seed=1)
    assert found["one"].shape == (300, 2) and (found["one"] == 5).all()
    # How often each seed is drawn: once on average, with the variance of a draw with replacement.
    assert (found["own"] == np.round(found["own"])).all()
    assert found["own"].mean(axis=0) == pytest.approx(np.ones(5), abs=0.25)
    assert found["own"].var() == pytest.approx(4 / 5, rel=0.15)
    again, other = resampled(tables, 300, seed=1), resampled(tables, 300, seed=2)
    assert (found["own"] == again["own"]).all() and (found["own"] != other["own"]).any()


def test_sums_over_seeds_keep_one_row():
    found = summed({"q": np.arange(6.0).reshape(3, 2), "t": np.ones(3)})
    assert found["q"].tolist() == [[6.0, 9.0]] and found["t"].tolist() == [3.0]


def test_p_is_the_level_at_an_interval_s_ends_and_falls_beyond():
    wide_above = 2.0, 1.0, 4.0
    for level in (0.95, 0.9):
        for end in (1.0, 4.0):
            assert p_value(wide_above, end, 5, level) == pytest.approx(1 - level)
    assert p_value(wide_above, 2.0, 5) == 1.0
    # Twice as far as the end is, on either side.
    beyond = 2 * t.sf(2 * t.ppf(0.975, 4), 4)
    assert p_value(wide_above, 0.0, 5) == pytest.approx(beyond)
    assert p_value(wide_above, 6.0, 5) == pytest.approx(beyond)
    assert p_value((2.0, 2.0, 2.0), 2.1, 5) == 0.0 and p_value((2.0, 2.0, 2.0), 2.0, 5) == 1.0
    # An interval whose end is not known decides nothing on that side.
    assert p_value((2.0, np.nan, np.nan), 9.0, 5) == 1.0
    assert p_value((2.0, np.nan, 2.1), 9.0, 5) < 1e-6
    assert student(5) == pytest.approx(2.776, abs=1e-3)
    assert student(5, 0.9) == pytest.approx(2.132, abs=1e-3)


def test_seeds_needed_are_two_at_least_and_need_an_interval():
    assert seeds_needed(5, 1.0, 1e6) == 2
    for half in (0.0, np.inf, np.nan, -1.0):
        assert seeds_needed(4, half, 1.0) is None
    assert seeds_needed(4, 1.0, -1.0) is None and seeds_needed(2, 1.0, 1.0) == 2


@given(arrays(float, st.integers(4, 12), elements=st.floats(-5, 5).map(lambda x: round(x, 2))))
def test_the_correlation_time_is_that_of_the_sums_by_definition(series):
    x, n = series - series.mean(), len(series)
    if np.abs(x).max() < 1e-6:
        assert integrated_time(series) == 1.0
        return
    correlation = np.array([x[: n - k] @ x[k:] for k in range(n)])
    tau = 1.0
    for k in range(n):
        tau = 1 + 2 * (correlation[1 : k + 1] / correlation[0]).sum()
        if abs(k - 5 * tau) < 1e-9:
            return  # rounding decides
        if k >= 5 * tau:
            break
    assert integrated_time(series) == pytest.approx(max(tau, 1.0), abs=1e-9)


def test_what_alternates_or_is_too_short_has_no_correlation_time():
    assert integrated_time(np.tile([1.0, -1.0], 50)) == 1.0
    assert integrated_time(np.array([1.0, 2.0, 3.0])) == 1.0
    assert integrated_time(np.full(10, 3.0)) == 1.0


@pytest.mark.parametrize("series", [[1.0, 2.0, 6.0], [1.0, 2.0]])
def test_the_mean_of_a_few_rows_has_student_s_interval(series):
    """Three rows are taken for independent."""
    n, found = len(series), run_mean(np.array(series))
    half = t.ppf(0.975, n - 1) * np.std(series, ddof=1) / np.sqrt(n)
    assert found.triple() == pytest.approx(
        [np.mean(series), np.mean(series) - half, np.mean(series) + half]
    )


def test_correlated_rows_count_for_fewer():
    rng, rho, n = np.random.default_rng(9), 0.8, 40_000
    x = lfilter([np.sqrt(1 - rho**2)], [1, -rho], rng.normal(size=n))
    found = run_mean(x)
    # tau is 9 rows; 1.96 standard errors of n / 9 independent ones.
    assert found.high - found.value == pytest.approx(1.96 * 3 / np.sqrt(n), rel=0.1)
    one = run_mean(np.array([3.0]))
    assert one.value == 3.0 and np.isnan([one.low, one.high]).all()
    assert np.isnan(run_mean(np.array([])).triple()).all()


def test_the_variance_of_a_mean_by_batches_is_that_of_five_batches():
    series = np.array([1.0, 3.0, 2.0, 6.0, 0.0, 2.0, 5.0, 5.0, 1.0, 1.0])
    mean, variance, freedom = mean_of_batches(series)
    batches = [2.0, 4.0, 1.0, 5.0, 1.0]
    assert (mean, freedom) == (2.6, 4.0) and mean == np.mean(batches)
    assert variance == pytest.approx(np.var(batches, ddof=1) / 5)
    mean, variance, freedom = mean_of_batches(series[:9])
    assert mean == pytest.approx(25 / 9) and np.isnan([variance, freedom]).all()


@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_ends_of_a_count_are_where_it_would_be_a_tail(count, level):
    found, tail = poisson(np.array(count), level), (1 - level) / 2
    assert stats.poisson.cdf(count, found.high) == pytest.approx(tail)
    if count:
        assert stats.poisson.sf(count - 1, found.low) == pytest.approx(tail)
    else:
        assert found.low == 0.0


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_weighted_counts_have_fay_and_feuer_s_gamma_interval(level):
    counts, weights = np.array([3.0, 0.0, 5.0]), np.array([[0.5], [2.0], [1.0]])
    found, tail = poisson_sum(counts, weights, level), (1 - level) / 2
    total, variance, largest = 6.5, 3 * 0.25 + 5.0, 2.0
    assert found.value == pytest.approx(total)
    assert found.low == pytest.approx(
        stats.gamma.ppf(tail, total**2 / variance, scale=variance / total)
    )
    above, spread = total + largest, variance + largest**2
    assert found.high == pytest.approx(
        stats.gamma.ppf(1 - tail, above**2 / spread, scale=spread / above)
    )
    nothing = poisson_sum(counts, np.zeros((3, 1)), level)
    assert (nothing.low, nothing.high) == (0.0, 0.0)


def test_a_difference_adds_the_halves_that_face_the_same_way():
    found = difference(Interval.of(5.0, 3.0, 9.0), Interval.of(2.0, 1.0, 6.0))
    assert found.value == 3.0
    assert found.low == pytest.approx(3 - np.hypot(5 - 3, 6 - 2))
    assert found.high == pytest.approx(3 + np.hypot(9 - 5, 2 - 1))


@pytest.mark.parametrize(("bottom", "level"), [(4.0, 0.975), (1000.0, 0.95)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_ends_of_a_ratio_solve_fieller_s_equation(bottom, level, sign):
    """97.5 % where the denominator is near 0, 95 % far from it (docs/statistics.md)."""
    top, seeds = 3.0, 10
    variances, covariance = (0.5, 0.8), 0.3
    means = np.array(top), np.array(sign * bottom)
    found = ratio_of_means(means, tuple(map(np.array, variances)), np.array(covariance), seeds)
    assert found.value == pytest.approx(top / (sign * bottom))
    assert found.low < found.value < found.high
    factor = t.ppf(0.5 + level / 2, seeds - 1)
    for end in (found.low, found.high):
        spread = variances[0] - 2 * end * covariance + end**2 * variances[1]
        assert (top - end * sign * bottom) ** 2 == pytest.approx(factor**2 * spread)


@pytest.mark.parametrize(("errors", "known"), [(2.5, False), (2.8, True)])
def test_a_denominator_within_its_error_of_zero_gives_no_ratio(errors, known):
    """Ten seeds: 2.685 standard errors are 97.5 %."""
    one = np.array(1.0)
    found = ratio_of_means((one, np.array(errors)), (0.1 * one, one), 0.0 * one, 10)
    assert np.isfinite(found.triple()).all() == known


def test_the_ratio_over_seeds_is_that_of_the_means_and_their_covariance():
    rng = np.random.default_rng(4)
    top, bottom = rng.multivariate_normal([3.0, 2.0], [[0.3, 0.1], [0.1, 0.2]], 8).T

    def both(tables):
        return tables["each"]

    tables = {"each": np.stack([top, bottom], axis=1)}
    found = bootstrap_ratio(tables, both, repeats=40_000)
    spread = np.cov(top, bottom) * 8  # of the sums of 8 seeds
    exact = ratio_of_means((top.sum(), bottom.sum()), (spread[0, 0], spread[1, 1]), spread[0, 1], 8)
    assert found.value == pytest.approx(top.sum() / bottom.sum())
    assert found.high - found.value == pytest.approx(exact.high - exact.value, rel=0.03)
    assert found.value - found.low == pytest.approx(exact.value - exact.low, rel=0.03)
    one = bootstrap_ratio({"each": np.array([[3.0, 2.0]])}, both)
    assert one.value == 1.5 and np.isnan([one.low, one.high]).all()


def test_an_interval_changes_all_three_alike():
    one = Interval.of([1.0, 2.0], [0.0, 1.5], [3.0, 2.5])
    assert one.at(1).triple() == [2.0, 1.5, 2.5]
    assert one.scaled(2.0).at(0).triple() == [2.0, 0.0, 6.0]
    assert one.exp().at(1).triple() == pytest.approx(np.exp([2.0, 1.5, 2.5]))
    assert one.at(0).shown() == "1 [0, 3]" and one.at(1).shown(".2f") == "2.00 [1.50, 2.50]"
    assert Interval.unknown(2, 3).low.shape == (2, 3) and np.isnan(Interval.unknown().value)
    assert np.isnan(Interval.of(1.0).triple()).tolist() == [False, True, True]
