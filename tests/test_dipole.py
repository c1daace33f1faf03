"""The membrane's potential step, compared with hand calculation and numerical integration."""

import numpy as np
import pytest
from helpers import CHARGE_SETS, raw_point, tiny_point
from scipy import constants

from januspore import units
from januspore.materials import MATERIALS
from januspore.model.dipole import membrane_step, potential, sheet_potential
from januspore.model.lattice import unit_cell
from januspore.model.system import build_model
from januspore.schema import state_point
from januspore.space.paper import MEMBRANES


def by_poisson(x, planes, charges, area, width=0.004):
    """Potential of charges smeared to Gaussian planes, by two numerical integrations."""
    grid = np.arange(-1.0, 1.0, 0.0001)
    density = np.exp(-((grid[:, None] - planes) ** 2) / (2 * width**2)) @ charges
    density /= width * np.sqrt(2 * np.pi) * area  # e/nm^3
    field = np.cumsum(density) * 0.0001 * units.PER_VACUUM_PERMITTIVITY
    return np.interp(x, grid, -np.cumsum(field) * 0.0001)


def test_the_constant_follows_from_si_constants():
    per_eps0 = constants.e / constants.epsilon_0 * 1e9
    assert pytest.approx(per_eps0, rel=1e-7) == units.PER_VACUUM_PERMITTIVITY


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("MoSSe", -3.3),
        ("high asymmetry", -9.7),
        ("symmetric", 1.8),
        ("neutral", 0.0),
        ("MoS2", 0.0),
    ],
)
def test_potential_steps_of_the_paper_s_membranes(name, step):
    *_, last = sheet_potential(MEMBRANES[name]).values()
    assert last == pytest.approx(step, abs=0.05)


def test_the_potential_along_x_is_that_of_poissons_equation():
    point = tiny_point(charge_set="janus")
    model = build_model(point)
    planes, charges = model.membrane_positions[:, 0], model.charge[model.frozen]
    area = float(np.prod(model.box[1:]))
    # Away from the planes, where the numerical potential is smeared.
    x = np.array([-0.9, -0.3, -0.19, -0.1, -0.05, 0.05, 0.1, 0.18, 0.3, 0.9])
    numerical = by_poisson(x, planes, charges, area)
    assert potential(x, planes, charges, area) == pytest.approx(numerical, abs=0.02)
    assert numerical[-1] == pytest.approx(membrane_step(model), abs=0.02)
    assert np.abs(numerical).max() > 5


@pytest.mark.parametrize("name", CHARGE_SETS)
def test_a_pore_reduces_the_step_by_its_fraction_of_units(name):
    raw = raw_point(charge_set=name)
    point = state_point(raw)
    model = build_model(point)
    *_, step = sheet_potential(point.charge_set.model_dump()).values()
    cell = point.protocol.cell
    left = 1 - model.pore.formula_units / (2 * cell.repeats_y * cell.repeats_z)
    assert membrane_step(model) == pytest.approx(step * left, abs=1e-9)


def test_planes_of_a_sheet_by_hand():
    """Between two planes the potential changes by the charge per area behind times the distance."""
    charge_set = MEMBRANES["MoSSe"]
    above, below = MATERIALS["MoSSe"].top.x_nm, MATERIALS["MoSSe"].bottom.x_nm
    area = np.prod(unit_cell("MoSSe")) / 2
    se, mo, s = sheet_potential(charge_set).values()
    assert se == 0
    assert not np.signbit(se), "printed as -0.00 V"
    assert mo == pytest.approx(0.45 * -below / area * units.PER_VACUUM_PERMITTIVITY)
    assert s - mo == pytest.approx(-0.61 * above / area * units.PER_VACUUM_PERMITTIVITY)


@pytest.mark.parametrize(
    ("name", "planes"),
    [("MoSSe", ["Se (-x)", "Mo", "S (+x)"]), ("MoS2", ["S (-x)", "Mo", "S (+x)"])],
)
def test_potentials_of_a_sheet_are_named_by_their_planes_from_minus_x_on(name, planes):
    assert list(sheet_potential(MEMBRANES[name])) == planes
