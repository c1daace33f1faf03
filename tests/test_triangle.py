"""A triangle wave, defined by its class only, has every product of a periodic field."""

import numpy as np
import pytest
from planted import make_products, planted_space

from januspore.products import PRODUCTS
from januspore.products.results import product_table
from januspore.space.conditions import is_driven

STUDY = """
[cell]
repeats_y = 6
repeats_z = 4
reservoir_nm = 1.5
[dynamics]
timestep_fs = 2.0
cutoff_nm = 0.9
[equilibration]
count = 2
[[charge_sets]]
Mo = 1.06
S = -0.61
Se = -0.45
[[protocols]]
name = "triangle"
amplitude_V_per_nm = 1.2
frequency_GHz = 1.0
cycles = 1
seeds = "0:3"
"""
#: Currents of the forward and the reverse branch, nA nm/V.
FORWARD, REVERSE = 400.0, 200.0


def loop(field, way):
    return field * (FORWARD if way > 0 else REVERSE)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return planted_space(tmp_path_factory.mktemp("triangle"), STUDY, loop)


def test_a_triangle_is_simulated_and_every_product_of_a_cycle_is_made(project):
    jobs = list(project.find_jobs({"protocol.name": "triangle"}))
    assert all(is_driven(job) for job in jobs)
    of_cycle = {"ie_curve", "ndr", "membranes", "dipole_picture", "water_order", "hydration"}
    assert make_products(jobs) == of_cycle | {"potential"}


def test_the_planted_current_and_area_of_a_triangle_are_recovered(project):
    product_of = {product.name: product for product in PRODUCTS}
    jobs = list(project.find_jobs({"protocol.name": "triangle"}))
    for name in ("ie_curve", "ndr"):
        product_of[name].run(*jobs)
    curve = product_table(project, "ie_curve")
    rows = curve[(curve.estimator == "pore slab") & (curve.species == "total")]
    # The field rises at a constant rate: ten equal steps of it in a branch.
    rising = rows[rows.branch == "forward +"].field_V_per_nm.to_numpy()
    assert rising == pytest.approx(1.2 * (np.arange(10) + 0.5) / 10)
    slope = np.where(rows.branch.str.startswith("forward"), FORWARD, REVERSE)
    truth = slope * rows.field_V_per_nm
    assert ((rows.low_nA <= truth) & (truth <= rows.high_nA)).mean() > 0.8
    loops = product_table(project, "ndr")
    area = loops[
        (loops.quantity == "forward minus reverse area")
        & (loops.estimator == "pore slab")
        & (loops.species == "total")
    ]
    # A triangle of base 1.2 V/nm between two straight lines.
    assert area.value.to_numpy() == pytest.approx((FORWARD - REVERSE) * 1.2**2 / 2, rel=0.1)
