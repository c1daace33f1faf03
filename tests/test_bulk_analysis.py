"""Analysis of bulk liquids: values recovered from planted paths, dipoles, gases and currents."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import free_model
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from januspore.analysis.bulk import dielectric_constant, pairs_of, r_edges, sums_of
from januspore.analysis.diffusion import (
    M2_PER_S,
    VISCOSITY_MPA_S,
    box_correction,
    einstein_conductivity,
    field_conductivity,
    slope,
    square_displacements,
)
from januspore.analysis.pressure import BAR, lennard_jones, pressure, tail
from januspore.engines.openmm_charges import SwitchedCharges
from januspore.model.system import water_geometry
from januspore.settings import Resources

#: SI constants, for an independent check of conversions.
K_B, E, EPS0 = 1.380649e-23, 1.602176634e-19, 8.8541878128e-12
T = 300.0


def walks(rng, times, diffusion, interval_ps):
    """Random walks, each with its diffusion coefficient, nm^2/ps, shape (times, walkers, 3)."""
    widths = np.sqrt(2 * np.asarray(diffusion) * interval_ps)
    return np.cumsum(rng.normal(size=(times, len(widths), 3)) * widths[:, None], axis=0)


# --- paths ---------------------------------------------------------------------------------------


@given(arrays(float, (9, 2, 3), elements=st.floats(-50, 50)))
def test_square_displacements_average_over_all_pairs_of_times(paths):
    found = square_displacements(paths)
    assert found.shape == (5, 3)
    for lag in range(5):
        pairs = [paths[k + lag] - paths[k] for k in range(9 - lag)]
        assert found[lag] == pytest.approx(np.mean(np.square(pairs), axis=(0, 1)), abs=1e-9)


def test_without_particles_no_displacement_is_known():
    found = square_displacements(np.zeros((9, 0, 3)))
    assert found.shape == (5, 3) and np.isnan(found).all()


@pytest.mark.parametrize("diffusion", [2.5e-3, 1e-4])
def test_a_random_walk_has_its_diffusion_coefficient_along_each_direction(diffusion):
    paths = walks(np.random.default_rng(0), 400, [diffusion] * 200, 5.0)
    squares = square_displacements(paths)
    lag = 5.0 * np.arange(len(squares))
    found = slope(lag, squares.T, (20.0, 100.0)) / 2
    assert found == pytest.approx([diffusion] * 3, rel=0.05)


def test_a_slope_needs_lags_to_the_middle_of_its_window():
    lag = np.array([0.0, 5.0, 10.0])
    assert np.isnan(slope(lag, np.ones((4, 3)), (20.0, 100.0))).all()
    assert slope(lag, 3.0 * lag, (5.0, 10.0)) == pytest.approx(3.0)
    assert np.isnan(slope(np.arange(0.0, 26.0, 5.0), np.ones(6), (20.0, 100.0)))
    longer = np.arange(0.0, 61.0, 5.0)
    assert slope(longer, 3.0 * longer, (20.0, 100.0)) == pytest.approx(3.0)


def test_the_finite_box_correction_is_yeh_and_hummer_s():
    edge, viscosity = 2.5, 0.729e-3  # SPC/E at 298 K, Pa s
    si = 2.837297 * K_B * T / (6 * np.pi * viscosity * edge * 1e-9)
    found = box_correction(T, edge, VISCOSITY_MPA_S) * M2_PER_S
    assert found == pytest.approx(si, rel=1e-6)


# --- charge --------------------------------------------------------------------------------------


def charge_slope(charges, paths, interval_ps):
    moved = np.einsum("i,tij->tj", np.array(charges), paths)
    squares = square_displacements(moved[:, None])
    lag = interval_ps * np.arange(len(squares))
    return slope(lag, squares.T, (2 * interval_ps, 10 * interval_ps)).mean()


def test_independent_ions_have_the_nernst_einstein_conductivity():
    rng, n, volume = np.random.default_rng(1), 40, 64.0
    diffusion = [2e-3] * n + [1e-3] * n
    paths = walks(rng, 4000, diffusion, 1.0)
    charges = [1.0] * n + [-1.0] * n
    found = einstein_conductivity(charge_slope(charges, paths, 1.0), volume, T)
    si = E**2 * sum(diffusion) * 1e-6 / (volume * 1e-27 * K_B * T)
    assert found == pytest.approx(si, rel=0.12)


def test_ions_that_move_in_neutral_pairs_do_not_conduct():
    rng, n = np.random.default_rng(2), 20
    paths = walks(rng, 500, [1e-3] * n, 1.0)
    both = np.concatenate([paths, paths + 0.3], axis=1)
    found = charge_slope([1.0] * n + [-1.0] * n, both, 1.0)
    assert found == pytest.approx(0.0, abs=1e-9)


def test_a_drift_in_a_field_is_the_conductivity_that_was_planted():
    sigma, volume, field, time = 11.0, 15.6, 0.1, 250.0
    # j = sigma E; in SI over the whole box, then back to e nm.
    moved = sigma * field * 1e9 * volume * 1e-27 * time * 1e-12 / E * 1e9
    found = field_conductivity(np.array(moved), np.array(time), volume, field)
    assert found == pytest.approx(sigma, rel=1e-9)


# --- dipoles and g(r) ----------------------------------------------------------------------------


def waters_at(model, oxygens, turns):
    """Positions of a model that contains only waters, (times, N, 3)."""
    shape = water_geometry()
    atoms = oxygens[:, :, None] + np.stack([turns.apply(v) for v in shape], axis=1).reshape(
        *oxygens.shape[:2], 3, 3
    )
    return atoms.reshape(len(oxygens), -1, 3)


@pytest.fixture(scope="module")
def gas():
    """300 configurations of waters with random positions and orientations."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(3)
    model = free_model(0, 60, (2.2, 2.2, 2.2))
    oxygens = rng.uniform(-1.1, 1.1, (300, 60, 3))
    turns = Rotation.random(300 * 60, rng=rng)
    return model, sums_of(waters_at(model, oxygens, turns), model)


def test_an_ideal_gas_has_no_structure(gas):
    model, sums = gas
    assert pairs_of(model) == (("O", "O"),)
    edges = r_edges(model.box)
    volumes = 4 / 3 * np.pi * np.diff(edges**3)
    far = edges[1:] > 0.3
    assert np.average(sums["g"][0, far], weights=volumes[far]) == pytest.approx(1.0, abs=0.02)
    assert np.abs(sums["g"][0, far] - 1).max() < 0.3
    expected = 59 / np.prod(model.box) * 4 / 3 * np.pi * edges[-1] ** 3
    assert sums["around"][0, -1] == pytest.approx(expected, rel=0.02)


def test_waters_turned_at_random_have_the_dielectric_constant_of_free_dipoles(gas):
    model, sums = gas
    found = dielectric_constant(sums["dipole_square"].sum(), float(np.prod(model.box)), T)
    moment = 2.351 * 3.33564e-30  # SPC/E (Berendsen 1987), C m
    volume = np.prod(model.box) * 1e-27
    assert found == pytest.approx(1 + 60 * moment**2 / (3 * EPS0 * volume * K_B * T), rel=0.15)
    # The conversion alone, without the noise of 300 configurations.
    planted = np.array(60 * (moment / E * 1e9) ** 2)
    exact = 1 + 60 * moment**2 / (3 * EPS0 * volume * K_B * T)
    assert dielectric_constant(planted, volume * 1e27, T) == pytest.approx(exact, rel=1e-6)


def test_a_drift_of_the_whole_liquid_does_not_count_as_diffusion():
    model, rng = free_model(3, 5, (3.0, 3.0, 3.0)), np.random.default_rng(5)
    still = np.cumsum(rng.normal(0, 0.05, (20, model.n_atoms, 3)), axis=0)
    drift = np.arange(20)[:, None, None] * np.array([0.1, 0.0, -0.2])
    alone, together = sums_of(still, model), sums_of(still + drift, model)
    for name in ("squares", "charge", "drift"):
        assert together[name] == pytest.approx(alone[name], abs=1e-9)


def test_the_drift_of_ions_is_relative_to_the_centre_of_mass():
    model = free_model(3, 40, (3.0, 3.0, 3.0))
    positions = np.zeros((5, model.n_atoms, 3))
    positions[:, model.indices("K"), 0] = 0.5 * np.arange(5)[:, None]
    share = model.mass[model.indices("K")].sum() / model.mass.sum()
    way = sums_of(positions + np.arange(5)[:, None, None], model)["drift"]
    assert way[:, 0] == pytest.approx([2.0 * (1 - share), -2.0 * share])
    assert way[:, 1:] == pytest.approx(0.0)


def test_ions_that_touch_and_waters_beside_them_are_counted():
    model = free_model(2, 3, (4.0, 4.0, 4.0))
    positions = np.zeros((1, model.n_atoms, 3))
    k, cl = model.indices("K"), model.indices("Cl")
    positions[0, k] = [[0, 0, 0], [1.5, 0, 0]]
    positions[0, cl] = [[0, 0, 0.32], [1.5, 0, 1.8]]
    at = [[0, 0.28, 0], [0, -0.28, 0], [1.5, 0.28, 0]]
    positions[0, model.waters] = np.array(at)[:, None] + water_geometry()
    sums = sums_of(np.repeat(positions, 4, axis=0), model)
    assert sums["contact"] == pytest.approx(0.5)
    assert sums["shell"][0] == pytest.approx(1.5)  # two waters about one K+, one about the other


# --- pressure ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def droplets():
    """Ions and waters that do not overlap, and their Coulomb forces."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(4)
    model = free_model(2, 20, (2.0, 2.0, 2.0), cutoff_nm=0.9, ewald_tolerance=1e-7)
    axis = (np.arange(3) + 0.5) / 3 * 2.0 - 1.0
    sites = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    sites = sites[rng.permutation(len(sites))] + rng.uniform(-0.05, 0.05, (len(sites), 3))
    positions = np.zeros((model.n_atoms, 3))
    positions[model.ions] = sites[:4]
    turns = Rotation.random(20, rng=rng)
    for k in range(3):
        positions[model.waters[:, k]] = sites[4:24] + turns.apply(water_geometry()[k])
    return model, positions


def scaled(model, positions, factor):
    """The same molecules, their centres and the box scaled."""
    water, mass = positions[model.waters], model.mass[model.waters]
    centre = (mass[:, :, None] * water).sum(1) / mass.sum(1)[:, None]
    moved = positions * factor
    moved[model.waters] = water + (factor - 1) * centre[:, None]
    return replace(model, box=model.box * factor), moved


def coulomb_of(model, positions):
    charges = SwitchedCharges(model, Resources("openmm", "Reference"))
    return charges.coulomb(positions)[0]


def test_the_coulomb_part_is_the_derivative_of_the_energy_by_the_volume(droplets):
    model, positions = droplets
    model = replace(model, epsilon=np.zeros_like(model.epsilon))
    charges = SwitchedCharges(model, Resources("openmm", "Reference"))
    step = 1e-4
    volumes, energies = [], []
    for factor in (1 - step, 1 + step):
        other, moved = scaled(model, positions, factor)
        volumes.append(np.prod(other.box))
        energies.append(coulomb_of(other, moved))
    derivative = -(energies[1] - energies[0]) / (volumes[1] - volumes[0])
    found = pressure(model, positions, 0.0, charges) / BAR
    assert found == pytest.approx(derivative, rel=2e-3, abs=2e-2)


def test_molecules_without_forces_have_the_pressure_of_an_ideal_gas(droplets):
    model, positions = droplets
    nothing = np.zeros(model.n_atoms)
    model = replace(model, epsilon=nothing, charge=nothing)
    charges = SwitchedCharges(model, Resources("openmm", "Reference"))
    si = 24 * K_B * T / (8.0 * 1e-27) / 1e5
    assert pressure(model, positions, T, charges) == pytest.approx(si, rel=1e-4)


def test_the_tail_correction_of_water_is_that_of_one_kind_of_particle():
    model = free_model(0, 900, (3.0, 3.0, 3.0), cutoff_nm=1.2)
    density, sigma, epsilon = 900 / 27, 0.316557, 0.650194
    ratio = (sigma / 1.2) ** 3
    one = 16 / 3 * np.pi * density**2 * epsilon * sigma**3 * (2 / 3 * ratio**3 - ratio)
    assert tail(model) == pytest.approx(one * BAR, rel=1e-9)
    assert -125 < tail(model) < -110


def pairs_by_hand(model, positions):
    """Lennard-Jones energy, virial and forces, pair by pair of the nearest images."""
    energy, virial, forces = 0.0, 0.0, np.zeros_like(positions)
    heavy = np.flatnonzero(model.epsilon > 0)
    for k, i in enumerate(heavy):
        for j in heavy[k + 1 :]:
            delta = positions[i] - positions[j]
            delta -= model.box * np.round(delta / model.box)
            r = np.linalg.norm(delta)
            if r < model.cutoff_nm:
                six = ((model.sigma[i] + model.sigma[j]) / 2 / r) ** 6
                epsilon = np.sqrt(model.epsilon[i] * model.epsilon[j])
                energy += 4 * epsilon * (six**2 - six)
                virial += 24 * epsilon * (2 * six**2 - six)
                pull = 24 * epsilon * (2 * six**2 - six) / r**2 * delta
                forces[i] += pull
                forces[j] -= pull
    return energy, virial, forces


class NoCharges:
    """Coulomb forces and energy of atoms without charge."""

    @staticmethod
    def coulomb(positions):
        return 0.0, np.zeros_like(positions)


def test_lennard_jones_forces_are_those_of_all_pairs_within_the_cut_off(droplets):
    model, positions = droplets
    found = lennard_jones(model, positions + 7 * model.box)
    _, virial, forces = pairs_by_hand(model, positions)
    assert found[0] == pytest.approx(virial, rel=1e-4)
    assert found[1] == pytest.approx(forces, rel=1e-4, abs=1e-4 * np.abs(forces).max())
    single = free_model(0, 1, (2.0, 2.0, 2.0))
    assert lennard_jones(single, water_geometry())[0] == 0.0
    pair = free_model(1, 0, (3.0, 3.0, 3.0), cutoff_nm=1.0)
    near = np.array([[0.0, 0, 0], [0.35, 0, 0]])
    found = lennard_jones(pair, near)
    assert found[0] == pytest.approx(pairs_by_hand(pair, near)[1], rel=1e-5) and found[0] > 0
    assert found[1][0, 0] == pytest.approx(-found[0] / 0.35, rel=1e-5)
    near[1, 0] = 1.01
    assert lennard_jones(pair, near)[0] == 0.0


def test_the_lennard_jones_pressure_is_the_derivative_of_the_energy_by_the_volume(droplets):
    """Molecules move apart whole, so a force on an oxygen acts at its molecule's centre."""
    model, positions = droplets
    step, volumes, energies = 1e-5, [], []
    for factor in (1 - step, 1 + step):
        other, moved = scaled(replace(model, cutoff_nm=0.93), positions, factor)
        volumes.append(np.prod(other.box))
        energies.append(pairs_by_hand(other, moved)[0])
    derivative = -(energies[1] - energies[0]) / (volumes[1] - volumes[0])
    found = pressure(replace(model, cutoff_nm=0.93), positions, 0.0, NoCharges()) / BAR
    assert found == pytest.approx(derivative, rel=1e-3, abs=1e-2)
    warm = pressure(replace(model, cutoff_nm=0.93), positions, T, NoCharges()) / BAR
    assert warm - found == pytest.approx(24 * K_B * T * 6.02214076e20 / 8.0, rel=1e-6)


def test_the_tail_of_a_solution_is_that_of_every_pair_of_kinds():
    model = free_model(30, 700, (3.0, 3.0, 3.0), cutoff_nm=1.2)
    kinds = [(30, 0.283840, 1.797887), (30, 0.483045, 0.053492), (700, 0.316557, 0.650194)]
    total = 0.0
    for n, s_n, e_n in kinds:
        for m, s_m, e_m in kinds:
            sigma, epsilon = (s_n + s_m) / 2, np.sqrt(e_n * e_m)
            # - (2 pi / 3) rho_n rho_m int_rc^inf r^3 dV/dr dr
            nine, three = sigma**12 / 1.2**9, sigma**6 / 1.2**3
            integral = 4 * epsilon * (-12 * nine / 9 + 6 * three / 3)
            total -= 2 * np.pi / 3 * n * m / 27**2 * integral
    assert tail(model) == pytest.approx(total * BAR, rel=1e-4)
    assert pytest.approx(1e27 * 1e3 / 6.02214076e23 / 1e5, rel=1e-7) == BAR
