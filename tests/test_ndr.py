"""Peaks, falls and their probabilities by hand, which verdicts on loops use (see test_loop)."""

import numpy as np
import pytest
from scipy import stats
from test_loop import (
    AMPLITUDE,
    EDGES,
    RISE,
    both_branches,
    falling,
    ndr_curve,
    ohmic,
    tables,
    total,
)

from januspore.analysis.cycle import PHASES
from januspore.analysis.loop import (
    PINCHED_WITHIN,
    QUARTER,
    WINDOWS,
    area,
    bins_of,
    branch_mean,
    curve,
    excludes_zero,
    farthest,
    find_pinch,
    window_currents,
    window_edges,
)
from januspore.analysis.ndr import (
    Ndr,
    Outcome,
    chance_of_fall,
    find_ndr,
    largest_fall,
    peak_and_valley,
    slope_beyond,
    widened,
)
from januspore.analysis.statistics import Interval, bootstrap, p_value, resampled, summed

# --- windows -----------------------------------------------------------------------------------


def test_the_last_three_bins_of_a_quarter_are_one_window():
    assert QUARTER == PHASES // 4 and WINDOWS == QUARTER - 2
    edges = np.arange(QUARTER + 1.0)
    assert window_edges(edges).tolist() == [*range(QUARTER - 2), QUARTER]
    assert np.diff(EDGES).min() > 0.08 * AMPLITUDE
    table = total(tables(both_branches(ohmic), noise=0.0))
    for branch, sign, turn in (("forward", "+", 1), ("reverse", "-", -1)):
        bins = bins_of(branch, sign)
        field, current = curve(table, branch, sign)
        last = bins[-3:]
        time = table["time"][0, last].sum()
        assert field[0, -1] == pytest.approx(abs(table["field"][0, last].sum()) / time)
        assert current[0, -1] == pytest.approx(turn * table["charge"][0, last].sum() / time)
        assert current[0, 0] == pytest.approx(
            turn * table["charge"][0, bins[0]] / table["time"][0, bins[0]]
        )


def test_a_branch_s_mean_and_a_loop_s_area_weigh_by_time_and_by_field():
    rng = np.random.default_rng(0)
    table = {name: rng.uniform(1, 5, (2, PHASES)) for name in ("charge", "time", "field")}
    for sign, turn in (("+", 1.0), ("-", -1.0)):
        forward, reverse = bins_of("forward", sign), bins_of("reverse", sign)
        found = branch_mean(table, "forward", sign)
        for k in range(2):
            charge, time = (table[name][k, forward] for name in ("charge", "time"))
            assert found[k, 0] == pytest.approx(turn * charge.sum() / time.sum())
        current = table["charge"] / table["time"]
        gap = (current[:, forward] - current[:, reverse]) @ np.diff(RISE)
        assert area(table, sign, RISE)[:, 0] == pytest.approx(turn * gap)


def test_what_excludes_zero_and_how_far_it_may_be():
    assert excludes_zero(Interval.of(2, 1, 3)) and excludes_zero(Interval.of(-2, -3, -1))
    for none in ((1, -1, 3), (1, 0, 3), (-1, -3, 0), (1, np.nan, np.nan)):
        assert not excludes_zero(Interval.of(*none))
    assert farthest(Interval.of(1, -4, 3)) == 4.0 and farthest(Interval.of(1, -2, 3)) == 3.0


# --- peaks and falls ---------------------------------------------------------------------------


def test_peak_and_valley_by_hand():
    current = np.array([[1, 4, 2, 3, 0.5, 1], [0, 1, 2, 3, 4, 5], [5, 0, 1, 2, 3, 4.0]])
    peak, valley = peak_and_valley(current)
    assert peak.tolist() == [1, 5, 0] and valley.tolist() == [4, 5, 1]


def test_the_slope_beyond_a_peak_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    field, current = np.sort(rng.uniform(0, 1, (3, 6)), axis=1), rng.normal(size=(3, 6))
    for peak, first in ((0, 0), (2, 2), (4, 4), (5, 4)):
        found = slope_beyond(field, current, peak)
        for k in range(3):
            wanted = stats.linregress(field[k, first:], current[k, first:]).slope
            assert found[k] == pytest.approx(wanted)


def test_the_largest_fall_by_hand():
    current = np.array([[1.0, 4.0, 2.0, 6.0, 3.5], [0.0, 1.0, 2.0, 3.0, 4.0]])
    assert largest_fall(current).tolist() == [2.5, 0.0]
    # The bound of an empty window reduces the falls to it.
    assert largest_fall(current, np.array([0, 0, 0, 0, 2.0])).tolist() == [2.0, 0.0]
    assert largest_fall(current, np.full(5, 9.0)).tolist() == [0.0, 0.0]


def test_the_chance_of_a_fall_is_the_share_of_noise_on_a_rising_current_that_falls_as_much():
    """Of all rising curves 0, 2, 2 is nearest to 0, 4, 0; its noise falls by 0, 4, 5 and 3.9."""
    current = np.array([0.0, 4.0, 0.0])
    noise = np.array([[0, 0, 0], [0, 2, -2], [0, 2.5, -2.5], [0, 1.9, -2.0]])
    assert chance_of_fall(current, current + noise, np.zeros(3)) == pytest.approx(3 / 5)
    assert chance_of_fall(current, current + noise, np.array([0, 0, 0.2])) == pytest.approx(4 / 5)
    rising = np.array([0.0, 1.0, 2.0])
    assert chance_of_fall(rising, rising + noise, np.zeros(3)) == 1.0


def test_resampled_curves_are_widened_to_student_s_interval():
    table = tables(both_branches(ohmic), seeds=4, noise=1.0)
    found = widened(table, "forward", "-")
    raw = curve(resampled(table), "forward", "-")[1]
    centre = curve(summed(table), "forward", "-")[1]
    factor = np.sqrt(4 / 3) * stats.t.ppf(0.975, 3) / stats.norm.ppf(0.975)
    assert found.shape == (1000, WINDOWS)
    assert found - centre == pytest.approx(factor * (raw - centre))


# --- outcomes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "p"),
    [
        (Outcome.FOUND, 0.01),
        (Outcome.EXCLUDED, 0.2),
        (Outcome.OPEN, 0.01),
        (Outcome.ONE_SEED, 0.01),
    ],
)
def test_p_is_that_of_the_hypothesis_which_the_outcome_rejects(outcome, p):
    mean = Interval.of(1.0, 0.5, 1.5)
    one = Ndr(mean, outcome, "", chance=0.01, chance_hidden=0.2)
    assert one.p == p and one.significant and one.found == (outcome is Outcome.FOUND)
    assert not Ndr(Interval.of(1.0, -0.5, 1.5), outcome, "").significant
    other = Ndr(mean, Outcome.OPEN, "", chance=0.3, chance_hidden=0.2)
    assert other.p == 0.2


def test_numbers_of_a_peak_that_is_found():
    table = tables(both_branches(ndr_curve), noise=0.2)
    found = find_ndr(table, "forward", "+", RISE)
    field, current = (v[0] for v in curve(summed(table), "forward", "+"))
    (peak,), (valley,) = peak_and_valley(current[None])
    assert found.outcome is Outcome.FOUND and found.chance == pytest.approx(1 / 1001)
    assert found.peak_V_per_nm.value == pytest.approx(field[peak])
    assert found.valley_V_per_nm.value == pytest.approx(field[valley])
    # To the middle of the neighbouring windows at least, and within the fields applied.
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    assert found.peak_V_per_nm.low <= middle[peak - 1] + 1e-12
    assert found.peak_V_per_nm.high >= middle[peak + 1] - 1e-12
    assert found.peak_V_per_nm.low > EDGES[peak - 2] and found.peak_V_per_nm.high < EDGES[peak + 3]
    assert found.valley_V_per_nm.high <= AMPLITUDE
    assert found.ratio.value == pytest.approx(current[peak] / current[valley])
    logarithm = bootstrap(
        table,
        lambda t: (
            np.log(curve(t, "forward", "+")[1][:, [peak]])
            - np.log(curve(t, "forward", "+")[1][:, [valley]])
        ),
    )
    assert found.ratio.triple() == pytest.approx(logarithm.at(0).exp().triple())
    slopes = bootstrap(table, lambda t: slope_beyond(*curve(t, "forward", "+"), peak)[:, None]).at(
        0
    )
    assert found.slope.triple() == pytest.approx(slopes.triple()) and slopes.high < 0
    assert found.probability == 1.0
    place = found.peak_V_per_nm.shown(".2f")
    assert found.statement == f"NDR beyond {place} V/nm, valley at {field[valley]:.2f} V/nm"
    # Falls of (4 - 1) / 4 of the largest current cannot be excluded.
    assert found.fall_bound > 0.7 and found.chance_hidden == 1.0


def test_a_valley_that_may_carry_nothing_bounds_the_ratio_by_the_two_ends_that_face():
    def to_zero(field):
        return np.interp(np.abs(field), [0, 0.5, 0.8, 1.2], [0, 4, 0, 0]) * np.sign(field)

    table = tables(both_branches(to_zero), noise=0.4)
    found, known = find_ndr(table, "forward", "+", RISE), window_currents(table, "forward", "+")
    peak, valley = peak_and_valley(curve(summed(table), "forward", "+")[1])
    assert known.low[valley[0]] <= 0
    assert found.ratio.low == pytest.approx(known.low[peak[0]] / known.high[valley[0]])


def test_numbers_of_a_current_without_a_fall():
    table = tables(lambda field, _: 3.0 * np.sign(field), seeds=10, noise=0.15)
    found = find_ndr(table, "forward", "+", RISE)
    assert found.outcome is Outcome.EXCLUDED and 0.02 < found.fall_bound < 0.25
    assert found.statement == (
        f"no NDR: a fall by more than {found.fall_bound:.0%} of the largest current is excluded"
    )
    assert np.isnan(found.peak_V_per_nm.value) and np.isnan(found.ratio.value)
    # The bound is that of the falls of the widened curves, over the least that the peak may be.
    known, curves = window_currents(table, "forward", "+"), widened(table, "forward", "+")
    peak = int(np.argmax(known.value))
    hidden = largest_fall(curves) / known.low[peak]
    assert found.fall_bound == pytest.approx(np.quantile(hidden, 0.95), rel=1e-6)
    share = (1 + np.count_nonzero(hidden >= 0.25)) / (1 + len(hidden))
    assert found.chance_hidden == pytest.approx(share)
    field = curve(summed(table), "forward", "+")[0]
    assert found.probability == pytest.approx(np.mean(slope_beyond(field, curves, peak) < 0))
    assert found.chance == pytest.approx(chance_of_fall(known.value, curves, np.zeros(WINDOWS)))
    rising = find_ndr(tables(both_branches(ohmic), noise=0.1), "forward", "+", RISE)
    assert rising.chance == 1.0 and rising.probability == 0.0 and rising.fall_bound == 0.0
    assert rising.slope.low > 0 and rising.chance_hidden == pytest.approx(1 / 1001)


def test_two_seeds_have_an_outcome_of_their_own():
    known = {"noise": 1e-3, "seeds": 2}
    assert find_ndr(tables(both_branches(ndr_curve), **known), "forward", "+", RISE).found
    rising = find_ndr(tables(both_branches(ohmic), **known), "forward", "+", RISE)
    assert rising.outcome is Outcome.OPEN and rising.chance == 1.0  # few ions crossed at low fields


def test_numbers_of_a_current_with_a_large_error():
    said = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        table = tables(both_branches(falling(0.3)), seeds=4, noise=1.0, rng=rng)
        found = find_ndr(table, "forward", "+", RISE)
        if found.outcome is not Outcome.OPEN:
            continue
        current = curve(summed(table), "forward", "+")[1]
        hides = f"a fall by {found.fall_bound:.0%} of"
        if np.isinf(found.fall_bound):
            hides = "any fall may hide"
        assert hides in found.statement
        last = int(peak_and_valley(current)[0][0]) == WINDOWS - 1
        said.add(last)
        if last:
            start = "no NDR seen: the current is largest at the highest field; "
        else:
            start = "no NDR beyond noise: a current that only rises falls as much in "
            start += f"{found.chance:.0%} of cases; "
        assert found.statement.startswith(start)
        assert np.isnan(found.ratio.value) and np.isfinite(found.slope.value)
    assert said == {True, False}


# --- pinch -------------------------------------------------------------------------------------


def test_the_p_of_a_pinch_is_that_of_the_crossing_which_decides():
    """Both crossings are judged together: each interval is of 97.5 %, p doubles."""
    level = 0.975
    opened = find_pinch(tables(both_branches(ohmic), noise=0.2, capacity=1.0), 3.6, True)
    ends = [own.triple() for own in (opened.rising_nA, opened.falling_nA)]
    assert opened.rising_nA.value == pytest.approx(1.0, abs=0.3)
    assert opened.falling_nA.value == pytest.approx(-1.0, abs=0.3)
    assert opened.outcome == "not pinched"
    assert opened.p == pytest.approx(2 * min(p_value(own, 0.0, 8, level) for own in ends))
    near = PINCHED_WITHIN * 3.6
    pinched = find_pinch(tables(both_branches(ohmic), noise=0.2), 3.6, True)
    ends = [own.triple() for own in (pinched.rising_nA, pinched.falling_nA)]
    assert pinched.outcome == "pinched"
    bound = max(farthest(own) for own in (pinched.rising_nA, pinched.falling_nA))
    assert bound < near and f"below {bound:.3g} nA" in pinched.statement
    assert pinched.p == pytest.approx(
        max(p_value(own, end, 8, level) for own in ends for end in (near, -near))
    )
    # The same currents are not within a quarter of a loop that is smaller.
    small = find_pinch(tables(both_branches(ohmic), noise=0.2), 3.9 * bound, True)
    assert small.outcome == "not told" and f"up to {bound:.3g} nA" in small.statement
    assert (
        find_pinch(tables(both_branches(ohmic), noise=0.2), 4.1 * bound, True).outcome == "pinched"
    )


def test_without_a_current_or_a_second_seed_a_loop_is_neither_open_nor_pinched():
    none = find_pinch(tables(both_branches(ohmic)), 3.6, False)
    assert none.outcome == "no significant current" and np.isnan(none.p)
    one = find_pinch(tables(both_branches(ohmic), seeds=1), 3.6, True)
    assert one.outcome == "one seed" and np.isnan(one.rising_nA.value)
    two = find_pinch(tables(both_branches(ohmic), seeds=2), 3.6, True)
    assert np.isfinite(two.rising_nA.low)
