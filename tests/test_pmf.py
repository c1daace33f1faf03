"""PMFs and barriers from noisy mean forces: coverage, and false barriers."""

import numpy as np
import pytest
from scipy import stats

from januspore.analysis.pmf import (
    Barrier,
    chance_of_rise,
    find_barrier,
    independent_draws,
    largest_rise,
    longest_stretch,
    shared_draws,
    spline_weights,
    trapezoid_weights,
    welch,
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
    """Mean forces and variances as from five batches of each window."""
    seen = force + error * np.sqrt(batches) * rng.normal(size=(batches, len(force)))
    freedom = np.full(len(force), batches - 1.0)
    return seen.mean(axis=0), seen.var(axis=0, ddof=1) / batches, freedom


def barrier_of(force, variance, freedom, way, x=X):
    """The barrier found in independent windows."""
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
    assert 0.92 <= inside / repeats <= 0.99  # selection of the largest rise biases it
    assert placed >= 0.91 * repeats


@pytest.mark.parametrize("push", [0.0, 20.0])
def test_noise_is_called_a_barrier_in_at_most_the_stated_fraction(push):
    """For a flat PMF, and for one that falls in its first half and is flat in the second."""
    rng, repeats = np.random.default_rng(3), 400
    force = np.where(X > 0, -push, 0.0)
    called = sum(barrier_of(*measured(rng, force), way=-1).found for _ in range(repeats))
    # 5 %, plus three standard errors of 400 repeats.
    assert called / repeats <= 0.083


def test_a_downhill_profile_has_no_barrier_and_a_bound_that_holds():
    rng = np.random.default_rng(4)
    for _ in range(20):
        barrier = barrier_of(*measured(rng, np.full(len(X), -40.0)), way=-1)
        assert not barrier.found and not barrier.open_ends
        assert 0 == barrier.height.low <= barrier.height.high < 3
    # In the other direction the same profile rises everywhere, also at both ends.
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
    # The covariance of a t distribution with 11 degrees of freedom is 11 / 9 of its scale matrix.
    assert np.cov(drawn, rowvar=False) == pytest.approx(seen * 11 / 9, abs=0.3 * seen.max())
    whole = drawn.mean(axis=1) / (each.mean(axis=1).std(ddof=1) / 12**0.5)
    assert np.quantile(np.abs(whole), 0.95) == pytest.approx(stats.t.ppf(0.975, 11), rel=0.15)


def test_a_mirrored_force_gives_the_mirrored_pmf_and_barrier():
    """With membrane and field mirrored, F(x) becomes -F(-x) and the direction is reversed."""
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
    """95 % of the variance is fast vibration, 5 % has a time of 10 ps; windows of 500 ps."""
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


# --- known answers -----------------------------------------------------------------------------


def test_a_spline_is_exact_for_a_cubic_of_four_positions_and_a_parabola_of_three():
    x = np.array([-0.5, -0.1, 0.0, 0.3])
    assert spline_weights(x) @ x**3 == pytest.approx((x[0] ** 4 - x**4) / 4)
    few = x[:3]
    assert spline_weights(few) @ few**2 == pytest.approx((few[0] ** 3 - few**3) / 3)
    assert spline_weights(x[:2]) == pytest.approx(trapezoid_weights(x[:2]))


def test_of_equal_stretches_the_first_is_taken():
    assert longest_stretch(np.array([True, True, False, True, True])) == slice(0, 2)


def test_the_largest_rise_by_hand():
    pmf = np.array(
        [[3.0, 1.0, 4.0, 0.0, 2.5], [5.0, 4.0, 3.0, 1.0, 0.0], [1.0, 1.0, 2.0, 2.0, 0.0]]
    )
    rise, low, high = largest_rise(pmf, 1)
    assert rise.tolist() == [3.0, 0.0, 1.0]
    assert low.tolist()[::2] == [1, 1] and high.tolist()[::2] == [2, 2] and low[1] == high[1]
    rise, low, high = largest_rise(pmf, -1)
    assert rise.tolist() == [4.0, 5.0, 2.0]
    assert low.tolist() == [3, 4, 4] and high.tolist() == [2, 0, 3]


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(
    ("driven", "chance"), [(0.0, 2 / 4), (-7.0, 2 / 4), (2.0, 1 / 4), (-0.5, 2 / 4), (0.5, 2 / 4)]
)
def test_the_chance_of_a_rise_by_hand(way, driven, chance):
    """A rise of 4; draws make one of 5.5, 3 and 0; a force along the way takes from each."""
    x, noise = np.array([0.0, 1.0]), np.array([[-5.5, -5.5], [-3.0, -3.0], [1.0, 1.0]]) * way
    force = np.array([-4.0, -4.0]) * way
    assert chance_of_rise(x, force, np.full(2, driven), noise, way) == pytest.approx(chance)
    # As large a rise counts; of a force that drives the ion everything does.
    assert chance_of_rise(x, force, np.zeros(2), noise * 4 / 5.5, way) == pytest.approx(2 / 4)
    assert chance_of_rise(x, -force, np.zeros(2), noise, way) == 1.0


@pytest.mark.parametrize("way", [1, -1])
def test_a_barrier_without_noise_is_that_of_its_pmf_to_half_a_window(way):
    force, none = well_force(X), np.zeros((99, len(X)))
    found = find_barrier(X, force, np.zeros(len(X)), none, way, first=7)
    pmf = trapezoid_weights(X) @ force
    top, wells = len(X) // 2, np.argsort(pmf)[:2]
    assert found.found and found.resolved and not found.open_ends
    assert found.maximum == 7 + top and found.minimum == 7 + (min(wells) if way > 0 else max(wells))
    assert found.height.triple() == pytest.approx([pmf[top] - pmf[wells[0]]] * 3)
    assert found.chance == pytest.approx(1 / 100)
    half = (X[1] - X[0]) / 2
    for place, k in ((found.maximum_nm, found.maximum - 7), (found.minimum_nm, found.minimum - 7)):
        assert place.triple() == pytest.approx([X[k], X[k] - half, X[k] + half])
    assert [set(ends.tolist()) for ends in found.drawn] == [{found.minimum}, {found.maximum}]


@pytest.mark.parametrize("way", [1, -1])
def test_a_height_has_the_basic_interval_of_its_draws(way):
    """Draws that scale a rise of 40 by 1 + s, s even in +-0.5: it may be 40 less or more 19."""
    force = np.full(len(X), -40.0 * way)
    noise = force * np.linspace(-0.5, 0.5, 2001)[:, None]
    found = find_barrier(X, force, np.zeros(len(X)), noise, way)
    assert found.height.triple() == pytest.approx([40.0, 40 - 19, 40 + 19], rel=1e-9)
    assert found.chance == pytest.approx(1 / 2002) and not found.resolved
    # It rises from end to end, and on beyond: unless the force there is within its error.
    assert found.open_ends == ("minimum", "maximum")
    unsure = np.zeros(len(X))
    unsure[0] = 41.0
    near = find_barrier(X, force, unsure, noise, way)
    assert near.open_ends == (("maximum",) if way > 0 else ("minimum",))
    # Windows at an end have no neighbour beyond it.
    ends = (found.minimum_nm, found.maximum_nm) if way > 0 else (found.maximum_nm, found.minimum_nm)
    half = (X[1] - X[0]) / 2
    assert ends[0].triple() == pytest.approx([X[0], X[0], X[0] + half])
    assert ends[1].triple() == pytest.approx([X[-1], X[-1] - half, X[-1]])


def test_places_reach_as_far_as_the_draws_put_them():
    x = np.linspace(0.0, 4.0, 5)
    force = np.array([2.0, 0.0, -2.0, 0.0, 2.0])  # falls, rises, falls: minimum at 1, maximum at 3
    tilt = np.array([2.0, -2.0, 0.0, 2.0, -2.0])  # minimum at 0, or at 2; maximum elsewhere
    noise = np.repeat([tilt, 0 * tilt, -tilt], 100, axis=0)
    found = find_barrier(x, force, np.zeros(5), noise, 1)
    lows, highs = found.drawn
    for place, k, drawn in ((found.minimum_nm, 1, lows), (found.maximum_nm, 3, highs)):
        assert place.value == x[k]
        assert place.low == pytest.approx(min(x[drawn].min(), x[k] - 0.5))
        assert place.high == pytest.approx(max(x[drawn].max(), x[k] + 0.5))


def test_a_rise_that_noise_makes_as_well_is_not_found():
    force = np.full(len(X), -4.0)
    noise = np.random.default_rng(0).normal(0, 40.0, (500, len(X)))
    found = find_barrier(X, force, np.zeros(len(X)), noise, 1)
    assert not found.found and found.chance > 0.05 and found.open_ends == ()
    assert found.height.low == 0.0 and found.height.value == pytest.approx(4.0)
    assert f"noise alone rises as much in {found.chance:.0%} of cases" in found.in_words(
        found.height
    )


def test_a_barrier_in_words():
    none = np.zeros(0, dtype=int)

    def words(found, maximum, height, ends=()):
        place = Interval.of(-0.2, -0.25, -0.15), Interval.of(0.1, 0.05, 0.15)
        barrier = Barrier(found, 3, maximum, *place, Interval.of(*height), 0.2, ends, (none, none))
        return barrier.in_words(barrier.height)

    assert words(False, 5, (8, 0, 20)) == (
        "no barrier found, below 20 kJ/mol (noise alone rises as much in 20% of cases)"
    )
    assert (
        words(False, 3, (0, 0, 2)) == "no barrier found, below 2 kJ/mol (the PMF falls all the way)"
    )
    assert words(True, 5, (10, 5, 15)).startswith("a barrier between 5 and 15 kJ/mol; no value")
    assert words(True, 5, (10, 9, 11)) == (
        "10 [9, 11] kJ/mol from x = -0.20 [-0.25, -0.15] to 0.10 [0.05, 0.15] nm"
    )
    opened = words(True, 5, (10, 9, 11), ("minimum", "maximum"))
    assert opened.startswith("at least 10 [9, 11] kJ/mol")
    assert opened.endswith("nm; minimum and maximum at the end of the windows, still rising")


def test_the_freedom_of_a_sum_is_welch_and_satterthwaite_s():
    four = np.full(3, 4.0)
    assert welch(np.ones(3), np.ones(3), four) == pytest.approx(12.0)
    weights, variance = np.array([1.0, 2.0, 0.0]), np.array([3.0, 1.0, 5.0])
    assert welch(weights, variance, np.array([4.0, 6.0, 2.0])) == pytest.approx(
        (3 + 4) ** 2 / (9 / 4 + 16 / 6)
    )
    assert welch(np.zeros(3), variance, four) == np.inf


def test_draws_of_independent_means_have_their_errors_and_student_s_tails():
    variance, freedom = np.array([4.0, 9.0, 1.0]), np.full(3, 4.0)
    drawn = independent_draws(np.array([1.0, 0.0, 0.0]), variance, freedom)
    factor = stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975)  # one window alone is known by 4
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(variance) * factor, rel=0.12)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.2
    again, other = (independent_draws(np.ones(3), variance, freedom, seed) for seed in (0, 1))
    assert (again == independent_draws(np.ones(3), variance, freedom)).all()
    assert (again != other).any()


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(("error", "chance"), [(0.0, 1 / 3), (2.0, 1 / 3), (5.0, 2 / 3)])
def test_a_force_that_may_drive_the_ion_no_faster_than_noise_does_not_hide_noise(
    way, error, chance
):
    """It rises by 4 and falls by 12. Noise of 5 rises by 5 where the drive's lower bound allows.

    The drive of 6 less its error: 6 and 4 hide it, and 1 does not.
    """
    x = np.array([0.0, 1.0, 2.0, 3.0])
    force = np.array([-4.0, -4.0, 6.0, 6.0])[::way] * way
    noise = np.array([[0.0, 0.0, -5.0, -5.0], [0.0, 0.0, 0.0, 0.0]])[:, ::way] * way
    found = find_barrier(x, force, np.full(4, error), noise, way)
    assert found.height.value == pytest.approx(4.0)
    assert found.chance == pytest.approx(chance)


@pytest.mark.parametrize("seeds", [3, 5])
def test_draws_of_a_few_profiles_have_student_s_tails(seeds, monkeypatch):
    monkeypatch.setattr("januspore.analysis.pmf.DRAWS", 20_000)
    each = np.random.default_rng(1).normal(size=(seeds, 2))
    error = each.std(axis=0, ddof=1) / np.sqrt(seeds)
    for level in (0.5, 0.95):
        found = np.quantile(np.abs(shared_draws(each)) / error, level, axis=0)
        assert found == pytest.approx([stats.t.ppf(0.5 + level / 2, seeds - 1)] * 2, rel=0.05)
