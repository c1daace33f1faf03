"""Thermal velocities and temperatures of ions and rigid waters."""

import numpy as np
import pytest
from helpers import free_model, thermal_state, tiny_point
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from januspore.model.builder import build_state
from januspore.model.system import (
    build_model,
    water_geometry,
)
from januspore.model.velocities import inertia, rigid_frame, temperatures, thermal_velocities
from januspore.units import BOLTZMANN

TINY_MODEL = build_model(tiny_point())


# --- thermal velocities ----------------------------------------------------------------------


def drawn(temperature, draws, model=TINY_MODEL):
    rng = np.random.default_rng(5)
    positions = build_state(model, rng).positions
    return positions, [thermal_velocities(model, positions, temperature, rng) for _ in range(draws)]


@pytest.mark.parametrize("temperature", [10.0, 300.0, 600.0])
def test_translations_and_rotations_have_the_temperature_asked_for(temperature):
    positions, velocities = drawn(temperature, 100)
    measured = [temperatures(TINY_MODEL, positions, v) for v in velocities]
    waters, ions = len(TINY_MODEL.waters), len(TINY_MODEL.ions)
    for values, freedom in zip(
        np.transpose(measured), (3 * (waters + ions), 3 * waters), strict=True
    ):
        # The sum of T f / T0 over draws is chi-square with draws x f degrees of freedom. The bounds
        # have a two-sided probability of 1e-6, which is some 2 % in temperature.
        total = values.sum() * freedom / temperature
        low, high = chi2.ppf([5e-7, 1 - 5e-7], 100 * freedom)
        assert low < total < high


def test_kinetic_energy_is_shared_by_all_degrees_of_freedom():
    _, velocities = drawn(300.0, 20)
    kinetic = [0.5 * (TINY_MODEL.mass[:, None] * v**2).sum() for v in velocities]
    freedom = TINY_MODEL.degrees_of_freedom * 20
    low, high = chi2.ppf([5e-7, 1 - 5e-7], freedom)
    assert low < np.sum(kinetic) * 2 / (BOLTZMANN * 300.0) < high


def test_every_axis_and_every_species_has_its_share_of_the_kinetic_energy():
    _, velocities = drawn(300.0, 40)
    for name in ("K", "Cl"):
        atoms = TINY_MODEL.indices(name)
        v2 = np.array([TINY_MODEL.mass[atoms, None] * v[atoms] ** 2 for v in velocities])
        freedom = 40 * len(atoms)
        low, high = chi2.ppf([1e-6, 1 - 1e-6], freedom)
        for axis in range(3):
            assert low < v2[..., axis].sum() / (BOLTZMANN * 300.0) < high
    atoms = TINY_MODEL.waters
    mass = TINY_MODEL.mass[atoms[0]]
    momentum = np.array([np.einsum("i,nij->nj", mass, v[atoms]) for v in velocities])
    share = (momentum**2).sum(axis=(0, 1)) / mass.sum() / (BOLTZMANN * 300.0)
    low, high = chi2.ppf([1e-6, 1 - 1e-6], 40 * len(atoms))
    assert ((low < share) & (share < high)).all()


def test_rigid_bonds_do_not_stretch_and_frozen_atoms_do_not_move():
    positions, (velocities,) = drawn(300.0, 1)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        a, b = TINY_MODEL.waters[:, i], TINY_MODEL.waters[:, j]
        along = ((positions[a] - positions[b]) * (velocities[a] - velocities[b])).sum(axis=1)
        # Products of some 0.1 nm and 1 nm/ps in double precision.
        assert np.abs(along).max() < 1e-14
    assert not velocities[TINY_MODEL.frozen].any()


def test_velocities_do_not_depend_on_periodic_images():
    """Positions shifted by whole boxes change neither the velocities nor the temperature."""
    model = free_model(2, 30, (1.3, 1.3, 1.3))
    state = thermal_state(model)
    shifted = state.positions + np.array([3, -2, 5]) * model.box
    again = thermal_velocities(model, shifted, 300.0, np.random.default_rng(1))
    first = thermal_velocities(model, state.positions, 300.0, np.random.default_rng(1))
    assert temperatures(model, shifted, again) == pytest.approx(
        temperatures(model, state.positions, first), rel=1e-9
    )


def test_temperature_of_known_motions():
    model = free_model(0, 1, (1.3, 1.3, 1.3))
    positions = water_geometry()
    mass = model.mass
    drift = np.tile([0.1, 0.2, 0.3], (3, 1))
    translation, rotation = temperatures(model, positions, drift)
    assert translation == pytest.approx(mass.sum() * 0.14 / (3 * BOLTZMANN))
    assert rotation == pytest.approx(0.0, abs=1e-9)
    spin = np.array([0.0, 0.0, 7.0])  # rad/ps about the axis out of the molecule's plane
    centre = mass @ positions / mass.sum()
    velocities = np.cross(spin, positions - centre)
    translation, rotation = temperatures(model, positions, velocities)
    moment = (mass * np.square(positions - centre).sum(axis=1)).sum()
    assert translation == pytest.approx(0.0, abs=1e-9)
    assert rotation == pytest.approx(moment * 49.0 / (3 * BOLTZMANN))


def test_rotational_temperature_is_that_of_the_inertia_tensor_s_inverse():
    """This holds for any velocities, also those that stretch the bonds, which do not rotate."""
    rng = np.random.default_rng(3)
    positions, (velocities,) = drawn(300.0, 1)
    velocities += rng.normal(0.0, 0.5, velocities.shape)
    mass, relative, _ = rigid_frame(TINY_MODEL, positions)
    atoms = velocities[TINY_MODEL.waters]
    momentum = np.einsum("i,nij->nj", mass, np.cross(relative, atoms))
    spin = np.linalg.solve(inertia(mass, relative), momentum[..., None])[..., 0]
    expected = (spin * momentum).sum() / (3 * len(TINY_MODEL.waters) * BOLTZMANN)
    centres = np.einsum("i,nij->nj", mass, atoms) / mass.sum()
    ions = TINY_MODEL.ions
    translation = mass.sum() * (centres**2).sum()
    translation += (TINY_MODEL.mass[ions, None] * velocities[ions] ** 2).sum()
    freedom = 3 * (len(TINY_MODEL.waters) + len(ions))
    measured = temperatures(TINY_MODEL, positions, velocities)
    assert measured == pytest.approx((translation / (freedom * BOLTZMANN), expected), rel=1e-9)


def test_known_spins_about_each_axis_have_their_moments():
    """Ions and waters together: 3 kT / 2 each of the ions, the centres and the spins."""
    model = free_model(1, 2, (3.0, 3.0, 3.0))
    positions = np.zeros((model.n_atoms, 3))
    turn = Rotation.from_rotvec([0.3, -1.0, 0.7])
    for k, molecule in enumerate(model.waters):
        positions[molecule] = turn.apply(water_geometry()) + [k, 0.2, 0]
    mass = model.mass[model.waters[0]]
    shape = water_geometry() - mass @ water_geometry() / mass.sum()
    moments = [(mass * (np.square(shape).sum(axis=1) - shape[:, k] ** 2)).sum() for k in range(3)]
    velocities = np.zeros_like(positions)
    velocities[model.ions] = [[0.3, 0, 0], [0, 0, -0.4]]
    for axis in range(3):
        spin = turn.apply(np.eye(3)[axis] * 5.0)
        for molecule in model.waters:
            centre = mass @ positions[molecule] / mass.sum()
            velocities[molecule] = [0.1, 0, 0] + np.cross(spin, positions[molecule] - centre)
        translation, rotation = temperatures(model, positions, velocities)
        ions = model.mass[model.ions] @ [0.09, 0.16]
        assert translation == pytest.approx((ions + 2 * mass.sum() * 0.01) / (12 * BOLTZMANN))
        assert rotation == pytest.approx(2 * moments[axis] * 25.0 / (6 * BOLTZMANN))
    mass_, relative, total = rigid_frame(model, positions)
    assert total == pytest.approx(18.015, abs=0.01) and (mass_ == mass).all()
    assert np.einsum("i,nij->nj", mass, relative) == pytest.approx(np.zeros((2, 3)), abs=1e-12)
    tensors = inertia(mass, relative)
    assert np.sort(np.linalg.eigvalsh(tensors)) == pytest.approx(np.tile(np.sort(moments), (2, 1)))


def test_ions_alone_and_nothing_at_all_have_a_temperature_of_their_own():
    ions = free_model(2, 0, (3.0, 3.0, 3.0))
    rng = np.random.default_rng(0)
    velocities = thermal_velocities(ions, np.zeros((4, 3)), 300.0, rng)
    translation, rotation = temperatures(ions, np.zeros((4, 3)), velocities)
    kinetic = (ions.mass[:, None] * velocities**2).sum()
    assert translation == pytest.approx(kinetic / (12 * BOLTZMANN)) and rotation == 0.0
    nothing = free_model(0, 0, (3.0, 3.0, 3.0))
    assert temperatures(nothing, np.zeros((0, 3)), np.zeros((0, 3))) == (0.0, 0.0)


def test_spins_are_drawn_about_the_molecule_s_own_axes():
    """Each principal component of the angular momentum has kT times its own moment."""
    model = free_model(0, 4000, (9.0, 9.0, 9.0))
    turns = Rotation.random(4000, rng=np.random.default_rng(1))
    positions = np.zeros((model.n_atoms, 3))
    for k in range(3):
        positions[model.waters[:, k]] = turns.apply(water_geometry()[k])
    velocities = thermal_velocities(model, positions, 300.0, np.random.default_rng(2))
    mass, relative, _ = rigid_frame(model, positions)
    atoms = velocities[model.waters]
    momentum = np.einsum("i,nij->nj", mass, np.cross(relative, atoms))
    own = turns.inv().apply(momentum)
    shape = water_geometry() - mass @ water_geometry() / mass.sum()
    moments = [(mass * (np.square(shape).sum(axis=1) - shape[:, k] ** 2)).sum() for k in range(3)]
    # 4,000 squares of a normal number: 2.2 % each.
    assert (own**2).mean(axis=0) == pytest.approx(np.array(moments) * BOLTZMANN * 300, rel=0.11)
    centre = np.einsum("i,nij->nj", mass, atoms) / mass.sum()
    assert np.abs(np.corrcoef(centre.T, own.T)[:3, 3:]).max() < 0.08
