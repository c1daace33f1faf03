"""PMFs and barriers from noisy mean forces: coverage, and no barrier where there is none."""

import numpy as np
import pytest
from scipy import stats

from januspore.analysis.pmf import (
    Barrier,
    find_barrier,
    independent_draws,
    largest_rise,
    longest_stretch,
    shared_draws,
    spline_weights,
    trapezoid_weights,
)
from januspore.analysis.statistics import LEVEL, Interval, mean_of_batches

X = np.linspace(-0.5, 0.5, 25)
HEIGHT = 15.0


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch):
    monkeypatch.setattr("januspore.analysis.pmf.DRAWS", 400)


def double_well(x):
    """w = HEIGHT (1 - (x / 0.4)^2)^2: wells at +-0.4 nm, the barrier at 0."""
    return HEIGHT * (1 - (x / 0.4) ** 2) ** 2


def well_force(x):
    return HEIGHT * 4 * x / 0.4**2 * (1 - (x / 0.4) ** 2)


def measured(rng, force, error=8.0, batches=5):
    """Mean forces and variances, as five batches of each window would give them."""
    seen = force + error * np.sqrt(batches) * rng.normal(size=(batches, len(force)))
    freedom = np.full(len(force), batches - 1.0)
    return seen.mean(axis=0), seen.var(axis=0, ddof=1) / batches, freedom


def barrier_of(force, variance, freedom, way, x=X):
    """The barrier of independent windows."""
    error = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    noise = independent_draws(trapezoid_weights(x)[-1], variance, freedom)
    return find_barrier(x, force, error, noise, way)


def test_the_trapezoid_integrates_a_known_force():
    w = trapezoid_weights(X) @ well_force(X)
    assert w == pytest.approx(double_well(X) - double_well(X[0]), abs=0.3)
    assert spline_weights(X) @ well_force(X) == pytest.approx(
        double_well(X) - double_well(X[0]), abs=0.02
    )


def test_positions_may_be_unevenly_spaced():
    x = np.array([-0.5, -0.1, 0.0, 0.3])
    assert trapezoid_weights(x) @ (2 * x) == pytest.approx(x[0] ** 2 - x**2)  # exact: F is linear


@pytest.mark.parametrize("way", [1, -1])
def test_a_planted_barrier_is_recovered_with_coverage(way):
    rng, repeats = np.random.default_rng(way + 1), 300
    inside = found = placed = 0
    for _ in range(repeats):
        force, variance, freedom = measured(rng, well_force(X))
        barrier = barrier_of(force, variance, freedom, way)
        found += barrier.found
        inside += barrier.height.low <= HEIGHT <= barrier.height.high
        placed += barrier.maximum_nm.low <= 0 <= barrier.maximum_nm.high
        assert way * (barrier.maximum - barrier.minimum) > 0
    assert found >= 0.98 * repeats
    assert 0.92 <= inside / repeats <= 0.99  # the largest rise is chosen by its height, too
    assert placed >= 0.91 * repeats


@pytest.mark.parametrize("push", [0.0, 20.0])
def test_noise_is_called_a_barrier_in_at_most_the_stated_fraction(push):
    """On a flat PMF, and on one that only falls, in its first half, along the way."""
    rng, repeats = np.random.default_rng(3), 400
    force = np.where(X > 0, -push, 0.0)
    called = sum(barrier_of(*measured(rng, force), way=-1).found for _ in range(repeats))
    # 5 %, and three standard errors of 400 repetitions.
    assert called / repeats <= 0.083


def test_a_downhill_profile_has_no_barrier_and_a_bound_that_holds():
    rng = np.random.default_rng(4)
    for _ in range(20):
        barrier = barrier_of(*measured(rng, np.full(len(X), -40.0)), way=-1)
        assert not barrier.found and not barrier.open_ends
        assert 0 == barrier.height.low <= barrier.height.high < 3
    # Against its way the same profile is one long rise, which goes on at both ends.
    uphill = barrier_of(*measured(rng, np.full(len(X), -40.0)), way=1)
    assert uphill.found and (uphill.minimum, uphill.maximum) == (0, len(X) - 1)
    assert uphill.open_ends == ("minimum", "maximum")


def test_the_bound_covers_a_barrier_too_small_to_be_found():
    rng, repeats = np.random.default_rng(5), 300
    force = well_force(X) / HEIGHT * 3.0
    held = [barrier_of(*measured(rng, force), way=-1).height.high for _ in range(repeats)]
    truth = largest_rise((trapezoid_weights(X) @ force)[None], -1)[0][0]
    assert np.mean(np.array(held) >= truth) >= LEVEL - 0.03


def test_draws_of_profiles_share_what_the_profiles_share():
    rng = np.random.default_rng(8)
    each = 25.0 * rng.normal(size=(12, 1)) + 20.0 * rng.normal(size=(12, 25))
    drawn, seen = shared_draws(each), np.cov(each, rowvar=False) / 12
    # A t of 11 degrees of freedom has 11 / 9 of its scale matrix for a covariance.
    assert np.cov(drawn, rowvar=False) == pytest.approx(seen * 11 / 9, abs=0.3 * seen.max())
    whole = drawn.mean(axis=1) / (each.mean(axis=1).std(ddof=1) / 12**0.5)
    assert np.quantile(np.abs(whole), 0.95) == pytest.approx(stats.t.ppf(0.975, 11), rel=0.15)


def test_a_mirrored_force_gives_the_mirrored_pmf_and_barrier():
    """As flipping membrane and field together does: F(x) becomes -F(-x), the way turns."""
    force, variance, freedom = measured(np.random.default_rng(6), well_force(X) - 15.0)
    one = barrier_of(force, variance, freedom, way=-1)
    two = barrier_of(-force[::-1], variance[::-1], freedom[::-1], 1, -X[::-1])
    last = len(X) - 1
    assert (two.minimum, two.maximum) == (last - one.minimum, last - one.maximum)
    pmf = trapezoid_weights(X) @ force
    mirrored = trapezoid_weights(-X[::-1]) @ -force[::-1]
    assert mirrored[::-1] - mirrored[last] == pytest.approx(pmf - pmf[0])


@pytest.mark.parametrize(
    ("found", "half_width", "resolved"),
    [(True, 3.9, True), (True, 4.1, False), (False, 1.0, False)],
)
def test_a_height_is_a_number_only_well_beyond_its_error(found, half_width, resolved):
    height = Interval(np.array(10.0), np.array(10.0 - half_width), np.array(10.0 + half_width))
    none = np.zeros(0, dtype=int)
    barrier = Barrier(found, 0, 1, height, height, height, 0.01, (), (none, none))
    assert barrier.resolved is resolved


def test_a_gap_ends_the_range_of_integration():
    known = np.array([True, False, True, True, True, False, True])
    assert longest_stretch(known) == slice(2, 5)
    assert longest_stretch(np.zeros(3, dtype=bool)) == slice(0, 0)
    assert longest_stretch(np.ones(3, dtype=bool)) == slice(0, 3)


def test_intervals_from_batches_cover_a_slow_part_below_fast_vibration():
    """95 % of the variance vibrates, 5 % lives for 10 ps; rows of 0.1 ps, 500 ps a window."""
    rng, n, repeats = np.random.default_rng(7), 5000, 300
    from planted_barrier import correlated

    inside = 0
    for _ in range(repeats):
        fast, slow = rng.normal(size=n), correlated(rng, n, np.exp(-0.01))
        fast = fast - 0.9 * np.roll(fast, 1)
        series = np.sqrt(0.95 / 1.81) * fast + np.sqrt(0.05) * slow
        mean, variance, freedom = mean_of_batches(series)
        inside += abs(mean) <= stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert 0.90 <= inside / repeats <= 0.98
