"""Repeated steps: planted times of ordering and relaxing are recovered, also equal ones."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import tiny_point
from planted_order import ordered_rows, relaxing, step_sums
from test_pulses import ensemble_of

from januspore.analysis.steps import by_step, log_bins, step_times
from januspore.products.step_relaxation import find_times, make
from januspore.report.judging import Verdict
from januspore.report.water import slower

KEYS = {"name": "steps", "high_V_per_nm": 1.2, "up_ps": 10.0, "down_ps": 20.0, "repeats": 12}


def steps_of(space, up_ps, down_ps, seeds, **keys):
    def rows(point, rng):
        def mean(field, step):
            return relaxing(field, step, up_ps, tau_down_ps=down_ps)

        return ordered_rows(point, rng, mean, shift=rng.normal(0, 0.02)), []

    return make(ensemble_of(space, KEYS | keys, rows, seeds))


def test_bins_start_with_single_samples_and_widen():
    first = log_bins(400)
    widths = np.diff(np.append(first, 400))
    assert first[0] == 0 and (widths[:6] == 1).all() and widths.sum() == 400
    assert widths[-2] > first[-2] / 5 and (np.diff(first) > 0).all()
    assert log_bins(1).tolist() == [0]


def test_sums_contain_every_sample_after_a_step_once():
    point = tiny_point("steps")
    rng, protocol = np.random.default_rng(0), point.protocol
    rows = ordered_rows(point, rng, lambda field, step: relaxing(field, step, 1.0), waters=2)
    sums = by_step(rows, protocol.steps)
    settle = round(protocol.down_ps / 0.1)
    assert sums["up_waters"].sum() + sums["down_waters"].sum() == 2 * (len(rows) - settle)
    assert sums["up_waters"].shape[0] == sums["down_theta"].shape[0] == protocol.repeats
    for way, field in (("up", 1.2), ("down", 0.0)):
        held = sums[f"{way}_field_ps"] / sums[f"{way}_time_ps"]
        assert held == pytest.approx(np.full(held.shape, field))
    # The first sample after a step is one sample interval late.
    assert step_times(protocol.steps, "up")[0] == pytest.approx(0.1)
    jump = sums["up_cosine"][:, 0] / sums["up_waters"][:, 0]
    assert jump.mean() < 0.5  # 10 % of the step, with the noise of 6 waters


def test_a_ratio_of_times_without_an_interval_gives_no_verdict_and_no_traceback():
    """If both times are resolved in too few resamples, the ends of the ratio are null in JSON."""
    made = SimpleNamespace(findings={"mean cosine, tau_down_over_up": [1.3, None, None]})
    reading = slower("tau_down_over_up")(made)
    assert reading.code is Verdict.OPEN and "resolved" in reading.value


@pytest.mark.parametrize(
    ("seeds", "up", "down"), [(2, 0.9, 3.4), (4, 1.6, 2.9), (8, 1.6, 2.9), (4, 1.3, 1.3)]
)
def test_intervals_of_times_and_of_their_ratio_cover(seeds, up, down):
    keys = {k: v for k, v in KEYS.items() if k != "name"}
    protocol = tiny_point("steps", **keys | {"repeats": 20}).protocol
    rng, repeats, covered, wrong = np.random.default_rng(seeds), 40, np.zeros(3), 0
    truths = {"tau_up_ps": up, "tau_down_ps": down, "tau_down_over_up": down / up}
    for _ in range(repeats):
        found = find_times(step_sums(rng, protocol, seeds, up, down), protocol.steps).findings
        for k, (name, truth) in enumerate(truths.items()):
            _, low, high = found.get(f"mean cosine, {name}", [np.nan] * 3)
            covered[k] += not (truth < low or high < truth)  # an unresolved time counts as covered
        wrong += up == down and found["codes"]["mean cosine"] in (
            "reverse slower",
            "forward slower",
        )
    # With 95 % coverage, fewer than 34 of 40 have a chance of 0.3 %. benchmarks/coverage.py makes
    # the complete table.
    assert (covered >= 34).all(), covered / repeats
    assert wrong <= 6


@pytest.mark.parametrize(("up", "down"), [(0.9, 3.4), (1.6, 2.9)])
def test_planted_times_of_both_ways_are_recovered(tmp_path, up, down):
    found = steps_of(tmp_path, up, down, 6).findings
    for way, truth in (("up", up), ("down", down)):
        value, low, high = found[f"mean cosine, tau_{way}_ps"]
        assert 0.9 * low < truth < 1.1 * high and value == pytest.approx(truth, rel=0.2)
    value, low, high = found["mean cosine, tau_down_over_up"]
    assert 1 < low < down / up < high
    assert found["codes"]["mean cosine"] == "reverse slower" and "slower" in found["verdict"]


def test_equal_times_are_not_reported_as_different_although_sigma_differs(tmp_path):
    """sigma_theta is not linear in the order, so equal kinetics seem slower in one direction."""
    found = steps_of(tmp_path, 1.3, 1.3, 8).findings
    _, low, high = found["mean cosine, tau_down_over_up"]
    assert low < 1 < high and found["codes"]["mean cosine"] == "not told"
    ratio = found["sigma_theta, tau_down_over_up"]
    assert abs(np.log(ratio[0])) > 0.15


def test_one_equilibration_has_the_interval_of_its_repeats_and_a_caution(tmp_path):
    found = steps_of(tmp_path, 1.0, 3.0, 1).findings
    _, low, high = found["mean cosine, tau_down_over_up"]
    assert low < 3 < high and "one equilibration" in found["caution"]
    assert found["verdict"].endswith(found["caution"])


def test_water_that_does_not_respond_to_the_field_has_no_time(tmp_path):
    flat = {"of_field": lambda field: 0 * field}
    content = make(
        ensemble_of(
            tmp_path,
            KEYS,
            lambda p, rng: (ordered_rows(p, rng, lambda e, s: relaxing(e, s, 1.0, **flat)), []),
            5,
        )
    )
    assert content.findings["codes"]["mean cosine"] == "not resolved"
    assert "not enough data" in content.findings["verdict"]
