"""Steady currents: conductance, selectivity, rectification, and the bound of a closed pore."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import tiny_point
from planted import planted_rows

from januspore.analysis.hall import continuum
from januspore.analysis.job import analyse_record
from januspore.model.system import build_model
from januspore.products.steady_current import make

HOLDS = [-1.2, -0.6, 0.6, 1.2]
POINT = tiny_point("staircase", holds_V_per_nm=HOLDS, hold_ps=40.0)
MODEL = build_model(POINT)


def measured(current_nA=None, seeds=4, current_at=None, noise_e_nm=0.02, share=0.5):
    """The product of an ensemble with a planted current, of which K+ carries a fraction."""
    each = []
    for seed in range(seeds):
        rows = planted_rows(
            POINT,
            current_nA,
            lambda field: 1.0,
            np.random.default_rng(seed),
            noise_e_nm=noise_e_nm,
            current_at=current_at,
        )
        for ion, part in (("K", share), ("Cl", 1 - share)):
            rows.columns[f"{ion}_slab_e_nm"] = 2 * part * rows[f"{ion}_slab_e_nm"]
        each.append(analyse_record(rows, [], POINT, MODEL)[0])
    stacked = {name: np.stack([one[name] for one in each]).astype(float) for name in each[0]}
    return make(
        SimpleNamespace(
            sums=lambda: stacked,
            point=POINT,
            model=MODEL,
            jobs=range(seeds),
            title="planted",
            seeds=f"{seeds} seeds",
        )
    )


def holds(triple, truth):
    return triple[1] <= truth <= triple[2]


def test_conductance_selectivity_and_currents_are_recovered():
    length = float(MODEL.box[0])
    content = measured(lambda field, rising: 100.0 * field * length, share=0.7)
    found = content.findings
    assert holds(found["total conductance_nS"], 100.0)
    assert holds(found["K conductance_nS"], 70.0) and holds(found["Cl conductance_nS"], 30.0)
    assert holds(found["K_share"], 0.7) and holds(found["rectification"], 1.0)
    assert found["verdict"].startswith("conducts 100 [")
    table = content.table
    rows = table[(table.estimator == "pore slab") & (table.species == "total")]
    assert rows.field_V_per_nm.tolist() == pytest.approx(HOLDS + HOLDS[::-1])
    assert rows.direction.tolist() == ["forward"] * 4 + ["reverse"] * 4
    assert rows.voltage_V.to_numpy() == pytest.approx(rows.field_V_per_nm * length)
    truth = 100.0 * rows.voltage_V
    inside = (rows.low_nA <= truth) & (truth <= rows.high_nA)
    # Fewer than 6 of 8 intervals of 95 % contain the value with a probability of 6e-3.
    assert inside.sum() >= 6


def test_a_rectifier_is_told_from_a_resistor():
    length = float(MODEL.box[0])
    found = measured(lambda e, _: (150.0 if e > 0 else 50.0) * e * length).findings
    _, low, high = found["rectification"]
    assert low <= 3.0 <= high and low > 1


def test_the_first_half_of_a_hold_is_left_out():
    """Charging that decays within the first half of a hold does not affect the current."""
    found = measured(current_at=lambda t: 500.0 if t % 40.0 < 19.9 else 0.0)
    _, low, high = found.findings["total conductance_nS"]
    assert low <= 0 <= high
    assert found.findings["verdict"].startswith("no significant current at any field: below")
    assert "K_share" not in found.findings


def test_a_pore_that_no_ion_enters_has_a_bound_instead_of_zero():
    content = measured(lambda field, rising: 0.0, noise_e_nm=0.0)
    rows = content.table[content.table.species == "total"]
    # The bound is 3.7 charges in 80 ps, the second halves of a hold in four seeds.
    slab = rows[rows.estimator == "pore slab"]
    assert slab.high_nA.to_numpy() == pytest.approx(160.2177 * 3.689 / 80, rel=1e-3)
    assert slab.low_nA.to_numpy() == pytest.approx(-slab.high_nA.to_numpy())
    assert "below 7.39 nA" in content.findings["verdict"]


def test_one_seed_has_no_interval():
    content = measured(lambda field, rising: 1000.0 * field, seeds=1)
    assert content.findings["verdict"] == "one seed gives no interval"
    assert np.isnan(content.findings["rectification"]).all()


def test_the_planted_fraction_of_the_continuum_s_current_is_recovered():
    length, expected = float(MODEL.box[0]), continuum(MODEL, 1.0)["continuum_nS"]
    content = measured(lambda e, _: 0.4 * expected * e * length, noise_e_nm=1e-4)
    assert holds(content.findings["share_of_continuum"], 0.4)
    assert content.findings["continuum_nS"] == pytest.approx(expected)
    table = content.table
    both = table[table.species == "total"]
    assert both.continuum_nA.to_numpy() == pytest.approx(expected * both.voltage_V.to_numpy())
    assert table[table.species == "K"].continuum_nA.isna().all()
