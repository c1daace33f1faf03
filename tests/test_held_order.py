"""Order at held fields: planted order, order that remains on the way back, and no order."""

import numpy as np
import pytest
from planted_order import ordered_rows, static
from test_pulses import ensemble_of
from test_report import made_of

from januspore.products.held_order import make
from januspore.report import water
from januspore.report.comparison import comparison
from januspore.report.judging import Verdict
from januspore.simulate.record import RAGGED

HOLDS = [-1.2, 0.0, 0.6, 1.2]


def held(space, mean_of, holds=HOLDS, seeds=5):
    """The product for water with the mean cosine to +x of mean_of(field, on the way back)."""

    def rows(point, rng):
        def mean(field, _step):
            return mean_of(field, np.arange(len(field)) >= len(field) // 2)

        return ordered_rows(point, rng, mean, waters=30, shift=rng.normal(0, 0.02)), []

    protocol = {"name": "staircase", "holds_V_per_nm": holds, "hold_ps": 20.0}
    return make(ensemble_of(space, protocol, rows, seeds))


def inside(triple, truth):
    return triple[1] <= truth <= triple[2]


def test_order_of_each_hold_and_its_rise_are_recovered(tmp_path):
    content = held(tmp_path, lambda field, back: static(field) + 0.2 * (back & (field == 0.6)))
    table, found = content.table, content.findings
    assert table.direction.tolist() == ["forward"] * 4 + ["reverse"] * 4
    fields = np.array(HOLDS + HOLDS[::-1])
    assert table.field_V_per_nm.to_numpy() == pytest.approx(fields)
    # The cosine is to the direction of the field, and to +x at no field.
    truth = np.where(fields < 0, -1, 1) * static(fields) + 0.2 * np.isin(np.arange(8), 5)
    assert table.mean_cosine.to_numpy() == pytest.approx(truth, abs=0.05)
    assert table.sigma_theta[3] == pytest.approx(np.sqrt(-2 * np.log(static(1.2))), abs=0.08)
    for side in ("E > 0", "E < 0"):
        assert inside(found[f"rise of mean cosine with field, {side}"], static(1.2))
        assert found[f"fall of sigma_theta with field, {side}"][1] > 0
        made = made_of("held_order", found, seeds=5)
        assert water.rises(side)(made).code is Verdict.AGREES
    assert "E > 0: mean cosine +0.7" in found["verdict"] and "rises" in found["verdict"]


def test_waters_that_a_field_draws_in_are_counted(tmp_path):
    def rows(point, rng):
        found = ordered_rows(point, rng, lambda field, _step: static(field), waters=12)
        number = np.where(found["field_V_per_nm"] > 1.0, 12, 9) - rng.integers(0, 3, len(found))
        kept = (np.arange(12) < number[:, None]).ravel()
        found.columns["water_in_pore"][:] = number
        for name in RAGGED:
            found.columns[name] = found.columns[name][kept]
        return found, []

    protocol = {"name": "staircase", "holds_V_per_nm": HOLDS, "hold_ps": 20.0}
    content = make(ensemble_of(tmp_path, protocol, rows, 5))
    truth = np.where(content.table.field_V_per_nm > 1.0, 11.0, 8.0)
    assert content.table.waters.to_numpy() == pytest.approx(truth, abs=0.15)
    assert (content.table.waters_low < content.table.waters_high).all()
    assert content.findings["waters gained with field, E > 0"][1] > 2.5
    assert inside(content.findings["waters gained with field, E < 0"], 0.0)


def test_water_that_does_not_respond_to_the_field_is_not_reported_as_ordered(tmp_path):
    found = held(tmp_path, lambda field, back: 0.2 + 0 * field).findings
    made = made_of("held_order", found, seeds=5)
    for side in ("E > 0", "E < 0"):
        assert inside(found[f"rise of mean cosine with field, {side}"], 0.0)
        assert not water.rises(side)(made).decides


@pytest.mark.parametrize("holds", [[0.6], [0.6, -0.6]])
def test_one_field_of_each_sign_gives_no_rise(tmp_path, holds):
    found = held(tmp_path, lambda field, back: static(field), holds, seeds=2).findings
    assert found == {"verdict": "one field of each sign: nothing to compare it with"}
    made = made_of("held_order", found, seeds=2)
    assert water.rises("E > 0")(made).code is Verdict.MISSING


def test_one_seed_has_no_interval_and_says_so(tmp_path):
    content = held(tmp_path, lambda field, back: static(field), [0.0, 1.2], seeds=1)
    assert "one seed gives no interval" in content.findings["verdict"]
    assert content.table.mean_cosine_low.isna().all()


def test_a_staircase_of_one_sign_does_not_hide_that_of_the_other():
    """Neither of two staircases tells what the other does, and both together tell all."""
    cell = {"repeats_y": 6, "repeats_z": 4, "reservoir_nm": 1.5}
    both, dynamics = [], {"cutoff_nm": 0.9, "timestep_fs": 2.0}
    for side in ("E > 0", "E < 0"):
        found = {
            f"rise of mean cosine with field, {side}": [0.5, 0.4, 0.6],
            f"fall of sigma_theta with field, {side}": [0.5, 0.4, 0.6],
        }
        conditions = {"cell": cell, "dynamics": dynamics}
        both.append(made_of("held_order", found, conditions, seeds=5))
    rows = [row for row in comparison(both) if "held field, E" in row.quantity]
    assert [row.reading.code for row in rows] == [Verdict.AGREES] * 2
    (alone,) = (row for row in comparison(both[:1]) if row.quantity.endswith("held field, E < 0"))
    assert alone.reading.code is Verdict.MISSING
