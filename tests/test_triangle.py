"""A triangle wave gets every product of a periodic field without a line for it anywhere else."""

from pathlib import Path

import numpy as np
import pytest
from planted import plant, planted_rows

from januspore.analysis.frames import frame_sums
from januspore.analysis.store import write_arrays
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.products.results import product_table
from januspore.run.initialise import init_command
from januspore.space.conditions import is_driven
from januspore.space.dataspace import open_project, point_of

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
    space = tmp_path_factory.mktemp("triangle")
    (space / "triangle.toml").write_text(STUDY)
    init_command(["--study", str(space / "triangle.toml")], space)
    project = open_project(space)
    for job in project.find_jobs({"protocol.name": "triangle"}):
        point, rng = point_of(job), np.random.default_rng(job.sp.seed)
        rows = planted_rows(
            point,
            lambda e, way: e * (FORWARD if way > 0 else REVERSE),
            lambda e: 1.2 - 0.6 * e,
            rng,
        )
        plant(job, rows)
        sums = frame_sums(job, point, build_model(point))
        write_arrays(Path(job.fn("hydration.h5")), sums, {})
    return project


def test_it_is_simulated_and_every_product_of_a_cycle_is_made(project):
    jobs = list(project.find_jobs({"protocol.name": "triangle"}))
    assert all(is_driven(job) for job in jobs)
    made = {product.name for product in PRODUCTS if product.concerns(jobs[0])}
    assert made == {*("ie_curve", "ndr", "membranes", "dipole_picture", "water_order", "hydration")}
    for product in PRODUCTS:
        if product.concerns(jobs[0]):
            assert product.is_ready(*jobs)
            product.run(*jobs)
            assert product.is_made(*jobs), product.name


def test_its_current_and_area_are_those_planted(project):
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
