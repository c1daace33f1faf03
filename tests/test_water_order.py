"""Water order: lag and memory, both signs of the field, and the rise with field."""

import numpy as np
import pytest
from helpers import CHARGE_SETS, TINY, tiny_point
from planted import plant
from planted_order import ordered_rows, phase_sums, relaxing, static, step_sums
from test_report import made_of

from januspore.analysis.cycle import PHASES
from januspore.analysis.lag import components, lag
from januspore.products import PRODUCTS
from januspore.products.results import product_table
from januspore.products.step_relaxation import find_times
from januspore.report import water
from januspore.report.collect import products_made
from januspore.report.comparison import comparison
from januspore.schema import state_point
from januspore.space.dataspace import dump, open_project, point_of

TAU = 1.3
LAG_CLAIM = "water order under the sine, reverse above forward beyond lag"


def debye(tau_ps, **keys):
    return lambda field, step: relaxing(field, step, tau_ps, **keys)


def sine(frequency, **keys):
    interval = {"recording": {"sample_interval_ps": min(0.1, 25 / frequency)}}
    return tiny_point("sine", frequency_GHz=frequency, **interval, **{"cycles": 1} | keys).protocol


def steps_made(rng, seeds, up_ps, down_ps):
    keys = {"high_V_per_nm": 1.2, "up_ps": 10.0, "down_ps": 20.0, "repeats": 20}
    protocol = tiny_point("steps", **keys).protocol
    findings = find_times(step_sums(rng, protocol, seeds, up_ps, down_ps), protocol.steps).findings
    return made_of("step_relaxation", findings)


def judged(rng, protocol, seeds, mean_of, steps):
    """Verdict on memory beyond the lag, from a planted sine and planted steps."""
    sums = phase_sums(rng, protocol, seeds, mean_of, shift=0.02)
    ends = lag(sums, protocol.cycle, protocol.recording.sample_interval_ps).triple()
    findings = {"lag_ps": [end if np.isfinite(end) else None for end in ends]}
    made = made_of("water_order", findings, protocol.model_dump(), seeds)
    made.beside["step_relaxation"] = steps
    return water.beyond_lag(made).code


@pytest.mark.parametrize("frequency", [125.0, 5.0, 0.2])
def test_a_linear_response_is_not_reported_as_memory(frequency):
    """With one time of 1.3 ps both ways, the branches differ only by the lag."""
    rng, protocol, agrees = np.random.default_rng(int(frequency * 10)), sine(frequency), 0
    steps = [steps_made(rng, 4, TAU, TAU) for _ in range(10)]
    for k in range(100):
        agrees += judged(rng, protocol, 4, debye(TAU), steps[k % 10]) == "agrees"
    assert agrees / 100 <= 0.09  # 5 %, plus two standard errors


def test_the_lag_of_a_linear_response_is_its_time():
    for frequency in (125.0, 5.0):
        sums = phase_sums(np.random.default_rng(0), sine(frequency), 200, debye(TAU))
        own = sine(frequency)
        found = lag(sums, own.cycle, own.recording.sample_interval_ps)
        assert found.low < TAU < found.high and found.value == pytest.approx(TAU, rel=0.06)


@pytest.mark.parametrize("lag_ps", [0.3, -0.2, 0.0])
def test_the_lag_is_the_phase_of_the_fundamental_whatever_else_is_in_the_response(lag_ps):
    """Exact: a sample is taken at the end of its interval; harmonics and an offset do not count."""
    cycle, sample_ps = sine(125.0).cycle, 0.1  # 8 ps
    phase = 2 * np.pi * ((np.arange(PHASES) + 0.5) / PHASES + sample_ps / 2 / 8.0)
    delay = np.arctan(2 * np.pi * lag_ps / 8.0)
    cosine = 0.2 + 0.5 * np.sin(phase - delay) + 0.1 * np.sin(3 * phase) + 0.1 * np.cos(2 * phase)
    waters = np.random.default_rng(0).integers(5, 50, PHASES).astype(float)
    tables = {"cosine": (cosine * waters)[None], "waters": waters[None]}
    assert components(tables, cycle, sample_ps)[0] == pytest.approx(
        [0.5 * np.sin(delay), 0.5 * np.cos(delay)]
    )
    found = lag(tables, cycle, sample_ps)
    assert found.value == pytest.approx(lag_ps, abs=1e-9) and np.isnan(found.low)


def test_memory_beyond_the_lag_is_found_and_its_absence_reported():
    """A tenth of the order has a time of 200 ps; steps of 20 ps resolve only the fast part."""

    def remembering(field, step):
        return 0.9 * relaxing(field, step, TAU) + 0.1 * relaxing(field, step, 200.0)

    rng = np.random.default_rng(1)
    steps = steps_made(rng, 8, TAU, TAU)
    slow = [judged(rng, sine(0.2), 8, remembering, steps) for _ in range(20)]
    none = [judged(rng, sine(0.2, cycles=4), 12, debye(TAU), steps) for _ in range(20)]
    assert slow.count("agrees") >= 18
    assert none.count("agrees") <= 3 and none.count("disagrees") >= 15


def test_without_steps_of_the_membrane_a_lag_is_not_judged():
    made = made_of("water_order", {"lag_ps": [2.0, 1.9, 2.1]}, sine(125.0).model_dump())
    reading = water.beyond_lag(made)
    assert reading.code == "not enough data" and "protocol steps" in reading.why


# --- from records to verdicts ------------------------------------------------------------------


def space_of(space, mean_of, seeds=5, waters=9, **protocols):
    """A data space with records of a known order for each protocol."""
    project = open_project(space)
    for name, keys in protocols.items():
        jobs = []
        for seed in range(seeds):
            raw = {"name": name, **TINY, **keys, "equilibration": {"count": 10}}
            charges = CHARGE_SETS["janus"]
            point = state_point({"charge_set": charges, "protocol": raw, "seed": seed})
            job = project.open_job(dump(point)).init()
            rng = np.random.default_rng([seed, 3])
            plant(job, ordered_rows(point_of(job), rng, mean_of, waters, rng.normal(0, 0.02)))
            jobs.append(job)
        for product in PRODUCTS:
            if product.name in ("water_order", "step_relaxation") and product.concerns(jobs[0]):
                product.run(*jobs)
    return project, {row.quantity: row.reading for row in comparison(products_made(project))}


def test_a_lag_that_steps_explain_gives_no_agreement(tmp_path):
    _, found = space_of(
        tmp_path,
        debye(TAU),
        sine={"frequency_GHz": 125.0, "cycles": 5},
        steps={"high_V_per_nm": 1.2, "up_ps": 10.0, "down_ps": 10.0, "repeats": 15},
    )
    assert found[LAG_CLAIM].code == "not enough data"
    assert "a linear response" in found[LAG_CLAIM].why and "lag 1." in found[LAG_CLAIM].value
    assert found["tau reverse over forward, repeated steps"].code == "not enough data"
    for side in ("E > 0", "E < 0"):
        assert found[f"water order rises with field, {side}"].code == "agrees"


def permanent(field, step):
    """Order that follows the field without delay, added to one that the membrane makes."""
    return np.clip(0.25 + 0.6 * static(field), -0.95, 0.95)


def test_signs_of_the_field_are_separate_where_the_membrane_orders_water(tmp_path):
    keys = {"frequency_GHz": 50.0, "cycles": 3}
    project, found = space_of(tmp_path, permanent, seeds=6, sine=keys)
    table = product_table(project, "water_order")
    assert set(table.sign) == {"+", "-"}
    for sign, turn in (("+", 1.0), ("-", -1.0)):
        rows = table[(table.sign == sign) & (table.branch == "both")]
        truth = turn * permanent(turn * rows.field_V_per_nm.to_numpy(), 0.1)
        inside = (rows.cos_dipole_low <= truth) & (truth <= rows.cos_dipole_high)
        assert inside.sum() >= 4  # six intervals of 95 %
    low = table[(table.branch == "both") & (table.window_low_V_per_nm == 0)]
    assert (low.cos_dipole.to_numpy() * [1, -1] > 0.1).all()
    # Averaged over both signs the order is 0, and sigma_theta diverges.
    assert (low.sigma_theta_rad_high - low.sigma_theta_rad_low < 1.0).all()
    for side in ("E > 0", "E < 0"):
        reading = found[f"water order rises with field, {side}"]
        assert reading.code == "agrees" and "sigma_theta falls by" in reading.value


def test_water_that_does_not_respond_to_the_field_has_no_rise_for_either_sign(tmp_path):
    keys = {"frequency_GHz": 50.0, "cycles": 2}
    _, found = space_of(tmp_path, lambda field, step: np.full(len(field), 0.3), sine=keys)
    codes = [found[f"water order rises with field, {side}"].code for side in ("E > 0", "E < 0")]
    assert codes == ["not enough data"] * 2


# --- holds -------------------------------------------------------------------------------------


def held(difference, hold_ps=50.0, tau=(3.0, 2.0, 4.0)):
    findings = {
        "order_reverse_less_forward": difference,
        "hold_ps": hold_ps,
        "mean cosine, tau_reverse_ps": list(tau) if tau else None,
    }
    return water.held(made_of("relaxation", findings))


def test_holds_are_judged_once_they_are_longer_than_the_relaxation():
    assert held([0.2, 0.1, 0.3]).code == "agrees"
    assert held([-0.2, -0.3, -0.1]).code == "disagrees"
    assert held([0.01, -0.02, 0.04]).code == "disagrees"  # more than 0.05 is excluded
    assert held([0.05, -0.05, 0.15]).code == "not enough data"
    short = held([0.2, 0.1, 0.3], hold_ps=15.0)
    assert short.code == "not enough data" and "may still relax: 40 ps would do" in short.why
    assert held([0.2, 0.1, 0.3], tau=None).code == "not enough data"
    assert held([None, None, None]).code == "not enough data"
