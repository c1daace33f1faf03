"""Products of bulk liquids recover planted diffusion, conductivity and order."""

import json

import numpy as np
import pytest
from planted import make_products
from planted_bulk import WALK, bulk_space

from januspore.analysis.pressure import tail
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.space.dataspace import point_of

SIGMA = 11.0


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Findings by (salt, field), then by product."""
    blocks = [(0.0, 0.0, 4), (4.0, 0.0, 4), (4.0, 0.2, 4), (4.0, 0.4, 1)]
    return _made(bulk_space(tmp_path_factory.mktemp("bulk"), blocks, SIGMA))


def _made(project):
    found = {}
    for job in project:
        protocol = point_of(job).protocol
        key = protocol.cell.salt_mol_per_L, protocol.field_V_per_nm
        if key in found:
            continue
        alike = [
            other
            for other in project
            if other.sp.protocol == job.sp.protocol and other.sp.charge_set == job.sp.charge_set
        ]
        assert make_products(alike) == {"bulk_structure", "bulk_transport", "potential"}
        found[key] = {
            product.name: json.loads(product.path(job, "json").read_text())
            for product in PRODUCTS
            if product.concerns(job)
        }
        found[key]["model"] = build_model(point_of(job))
    return found


def near(triple, truth, rel):
    value, low, high = triple
    assert value == pytest.approx(truth, rel=rel)
    assert low < value < high


def test_planted_diffusion_is_recovered_and_the_box_correction_added(findings):
    for key in [(0.0, 0.0), (4.0, 0.0), (4.0, 0.2)]:  # across the field, drift or not
        own = findings[key]["bulk_transport"]["findings"]
        near(own["D_water_in_box_1e-9_m2_per_s"], WALK["water"] * 1e3, 0.1)
        box = own["box_correction_1e-9_m2_per_s"]
        assert box == pytest.approx(0.428, rel=0.01)  # 2 nm, 0.729 mPa s, 300 K
        both = zip(own["D_water_in_box_1e-9_m2_per_s"], own["D_water_1e-9_m2_per_s"], strict=True)
        assert [b - a for a, b in both] == pytest.approx([box] * 3)
    for ion in ("K", "Cl"):
        near(own[f"D_{ion}_in_box_1e-9_m2_per_s"], WALK[ion] * 1e3, 0.25)


def test_drift_in_a_field_does_not_count_as_diffusion(findings):
    """A drift of 0.006 nm/ps would raise the diffusion coefficient by a third."""
    own = findings[4.0, 0.4]["bulk_transport"]["findings"]
    for ion in ("K", "Cl"):
        value = own[f"D_{ion}_in_box_1e-9_m2_per_s"][0]
        assert value == pytest.approx(WALK[ion] * 1e3, rel=0.25)


def test_conductivity_is_einstein_s_without_a_field_and_the_drift_s_in_a_field(findings):
    model = findings[4.0, 0.0]["model"]
    pairs, volume = len(model.ions) / 2, np.prod(model.box) * 1e-27
    diffusion = (WALK["K"] + WALK["Cl"]) * 1e-6
    truth = pairs * 1.602176634e-19**2 * diffusion / (volume * 1.380649e-23 * 300)
    own = findings[4.0, 0.0]["bulk_transport"]["findings"]
    near(own["conductivity_nernst_einstein_S_per_m"], truth, 0.2)
    near(own["conductivity_einstein_S_per_m"], truth, 0.5)
    assert own["conductivity_S_per_m"] == own["conductivity_einstein_S_per_m"]
    value, low, high = own["conductivity_distinct_S_per_m"]  # the ions are independent
    assert low < 0.0 < high
    parts = (own[f"conductivity_{name}_S_per_m"][0] for name in ("einstein", "nernst_einstein"))
    assert value == pytest.approx(next(parts) - next(parts))
    driven = findings[4.0, 0.2]["bulk_transport"]["findings"]
    near(driven["conductivity_S_per_m"], SIGMA, 0.02)
    for ion in ("K", "Cl"):  # relative to the centre of mass, which drifts as fast as they
        near(driven[f"conductivity_field_{ion}_S_per_m"], SIGMA / 2, 0.2)
    assert "conductivity_field_S_per_m" not in own


def test_one_seed_has_no_interval(findings):
    own = findings[4.0, 0.4]["bulk_transport"]["findings"]
    value, low, high = own["conductivity_S_per_m"]
    assert value == pytest.approx(SIGMA, rel=0.02) and low is None and high is None
    for product in ("bulk_structure", "bulk_transport"):
        verdict = findings[4.0, 0.4][product]["findings"]["verdict"]
        assert verdict == "one seed gives no interval"


def test_a_short_run_of_hot_water_tells_only_what_is_known_of_it(tmp_path):
    found = _made(bulk_space(tmp_path, [(0.0, 0.0, 3)], SIGMA, run_ps=100.0, temperature_K=500.0))[
        0.0, 0.0
    ]
    transport = found["bulk_transport"]["findings"]
    assert not [name for name in transport if name.startswith(("D_", "box_correction"))]
    assert "too short for diffusion: it needs lags of 60 ps" in transport["verdict"]
    structure = found["bulk_structure"]["findings"]
    assert "pressure_bar" in structure and "1_bar" not in " ".join(structure)
    assert "at 1 bar" not in structure["verdict"]


def test_hot_water_s_diffusion_is_that_in_its_box(tmp_path):
    found = _made(bulk_space(tmp_path, [(0.0, 0.0, 2)], SIGMA, temperature_K=500.0))[0.0, 0.0]
    own = found["bulk_transport"]["findings"]
    near(own["D_water_in_box_1e-9_m2_per_s"], WALK["water"] * 1e3, 0.2)
    assert "D_water_1e-9_m2_per_s" not in own and "box_correction_1e-9_m2_per_s" not in own


def test_the_dielectric_constant_is_given_for_pure_water_only(findings):
    assert "dielectric_constant" in findings[0.0, 0.0]["bulk_transport"]["findings"]
    assert "dielectric_constant" not in findings[4.0, 0.0]["bulk_transport"]["findings"]
    moment, n = 2.351 * 3.33564e-30, 80
    free = 1 + n * moment**2 / (3 * 8.8541878128e-12 * 8e-27 * 1.380649e-23 * 300)
    near(findings[0.0, 0.0]["bulk_transport"]["findings"]["dielectric_constant"], free, 0.3)


def test_density_pressure_and_tail_are_those_of_the_box(findings):
    own, model = findings[0.0, 0.0]["bulk_structure"]["findings"], findings[0.0, 0.0]["model"]
    density = 80 * 18.0154 * 1.66053907 / 8.0
    assert own["density_kg_per_m3"] == pytest.approx(density, rel=1e-4)
    value, low, high = own["pressure_bar"]
    assert low < 50.0 < high
    assert own["tail_pressure_bar"] == pytest.approx(tail(model))
    at = own["density_at_1_bar_kg_per_m3"]
    assert at[1] < at[0] < at[2] and at[0] == pytest.approx(density * (1 - 4.5e-5 * (value - 1)))
    assert own["density_at_1_bar_with_tail_kg_per_m3"][0] > at[0]


def test_tables_have_every_pair_and_every_walker(findings):
    structure = findings[4.0, 0.0]["bulk_structure"]["table"]
    assert {row["pair"] for row in structure} == {"O-O", "K-O", "Cl-O", "K-Cl"}
    transport = findings[4.0, 0.0]["bulk_transport"]["table"]
    assert {row["of"] for row in transport} == {"water", "K", "Cl", "charge"}
    water = [row for row in transport if row["of"] == "water" and row["lag_ps"] == 50.0]
    assert water[0]["squares"] == pytest.approx(2 * WALK["water"] * 50.0, rel=0.1)
