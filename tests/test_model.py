"""Atoms, starting configurations, thermal velocities and the files that states are kept in."""

from dataclasses import replace

import gsd.hoomd
import numpy as np
import pytest
from helpers import CHARGE_SETS, free_model, raw_point, thermal_state, tiny_point
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import constants
from scipy.spatial import cKDTree
from scipy.stats import chi2

from januspore import units
from januspore.materials import SALTS
from januspore.model.builder import _CLEARANCE_NM, build_state, polarisation
from januspore.model.forcefield import SPECIES, species
from januspore.model.state import State, StateFileError, read_state, write_state
from januspore.model.system import (
    MEMBRANE_LENGTH_NM,
    build_model,
    water_geometry,
)
from januspore.model.velocities import inertia, rigid_frame, temperatures, thermal_velocities
from januspore.schema import state_point
from januspore.units import BOLTZMANN, MOL_PER_LITRE

TINY_MODEL = build_model(tiny_point())


def paper_model(charge_set="janus"):
    return build_model(state_point(raw_point(charge_set=charge_set)))


def bond_lengths(model, one, other):
    a, b = (
        model.membrane_positions[model.type_id[model.frozen] == SPECIES.index(n)]
        for n in (one, other)
    )
    edge = model.box
    pairs = cKDTree(a % edge % edge, boxsize=edge)
    near = pairs.query(b % edge % edge, k=3, distance_upper_bound=0.28)[0]
    return near[np.isfinite(near)]


def test_constants_are_those_of_the_si():
    e, n = constants.e, constants.N_A
    assert pytest.approx(constants.k * n * 1e-3, rel=1e-9) == units.BOLTZMANN
    assert pytest.approx(e * 1e9 * n * 1e-12, rel=1e-9) == units.VOLT_PER_NM  # N to kJ/mol/nm
    assert pytest.approx(e / 1e-12 * 1e9, rel=1e-9) == units.E_PER_PS  # A to nA
    assert pytest.approx(n * 1e3 * 1e-27, rel=1e-9) == units.MOL_PER_LITRE
    coulomb = n * e**2 / (4 * np.pi * constants.epsilon_0) * 1e9 * 1e-3
    assert pytest.approx(coulomb, rel=1e-7) == units.COULOMB


# --- the force field against its sources, in their own units -----------------------------------

EV, KCAL = units.VOLT_PER_NM, 4.184  # kJ/mol
RMIN_HALF = 2 / 2 ** (1 / 6) / 10  # AMBER's and CHARMM's Rmin/2 in A to sigma in nm

#: Species: sigma (nm), epsilon (kJ/mol) from the source's numbers; relative rounding of the table.
SOURCES = {
    # Liang, Phillpot, Sinnott, Phys. Rev. B 79, 245110 (2009): sigma in A, epsilon in eV.
    "Mo": (4.20 / 10, 0.00058595 * EV, 1e-4),
    "S": (3.13 / 10, 0.02 * EV, 1e-5),
    # CGenFF 4.6, SEGD1: Rmin/2 in A, epsilon in kcal/mol.
    "Se": (2.175 * RMIN_HALF, 0.623 * KCAL, 1e-6),
    # Joung, Cheatham, J. Phys. Chem. B 112, 9020 (2008), SPC/E: Rmin/2 in A, epsilon in kcal/mol.
    "K": (1.593 * RMIN_HALF, 0.4297054 * KCAL, 2e-6),
    "Cl": (2.711 * RMIN_HALF, 0.0127850 * KCAL, 1e-5),
    # Berendsen, Grigera, Straatsma, J. Phys. Chem. 91, 6269 (1987): A = 0.37122 nm
    # (kJ/mol)^(1/6), B = 0.3428 nm (kJ/mol)^(1/12), V = -(A/r)^6 + (B/r)^12.
    "O": (0.3428**2 / 0.37122, (0.37122 / 0.3428) ** 12 / 4, 5e-5),
}


@pytest.mark.parametrize("name", SOURCES)
def test_lennard_jones_numbers_are_those_of_their_sources(name):
    point = tiny_point()
    found = species(point.protocol.force_field, point.charge_set)[name]
    sigma, epsilon, rounding = SOURCES[name]
    assert found.sigma == pytest.approx(sigma, rel=rounding)
    assert found.epsilon == pytest.approx(epsilon, rel=rounding)


# --- the membrane and the counts -------------------------------------------------------------


@pytest.mark.parametrize("name", CHARGE_SETS)
def test_the_paper_s_cell_has_the_paper_s_counts_and_is_neutral(name):
    model = paper_model(name)
    assert (model.type_id[model.frozen] == 0).sum() == 288 - model.pore.formula_units
    assert model.frozen.sum() == 3 * (288 - model.pore.formula_units)
    reservoir = model.box[1] * model.box[2] * 6.0
    assert len(model.indices("K")) == len(model.indices("Cl")) == round(MOL_PER_LITRE * reservoir)
    in_pore = len(model.waters) - SALTS["KCl"].water_per_nm3 * reservoir
    assert in_pore == pytest.approx(10, abs=1)  # counted in simulations, see docs/model.md
    assert abs(model.charge.sum()) < 1e-9
    assert abs(model.charge[model.frozen].sum()) < 1e-9


def test_the_paper_s_cell_is_5_2_by_5_07_nm():
    assert paper_model().box == pytest.approx([6.0 + MEMBRANE_LENGTH_NM, 5.200, 5.066], abs=5e-4)


@pytest.mark.parametrize(
    ("charge_set", "chalcogen", "height", "length"),
    [
        ("janus", "S", 0.153, 0.242),
        ("janus", "Se", -0.170, 0.253),
        ("MoS2", "S", 0.157, 0.241),
    ],
)
def test_planes_stand_at_their_heights_and_bonds_have_their_lengths(
    charge_set, chalcogen, height, length
):
    model = paper_model(charge_set)
    kind = model.type_id[model.frozen]
    assert (model.membrane_positions[kind == 0, 0] == 0).all()
    x = model.membrane_positions[kind == SPECIES.index(chalcogen), 0]
    if charge_set == "MoS2":
        assert sorted(set(x)) == [-height, height]
    else:
        assert set(x) == {height}
    bonds = bond_lengths(model, "Mo", chalcogen)
    # The design rounds the lengths to 0.001 nm.
    assert bonds == pytest.approx(np.full(len(bonds), length), abs=1e-3)
    assert np.ptp(bonds) < 1e-9


def test_every_chalcogen_far_from_the_pore_has_three_metals():
    model = paper_model()
    kind, at = model.type_id[model.frozen], model.membrane_positions
    tree = cKDTree(at[kind == 0] % model.box % model.box, boxsize=model.box)
    far = (kind != 0) & (np.hypot(at[:, 1], at[:, 2]) > 1.0)
    neighbours = tree.query_ball_point(at[far] % model.box % model.box, 0.28, return_length=True)
    assert (neighbours == 3).all()


def test_atoms_are_ordered_membrane_ions_then_whole_waters():
    kind = TINY_MODEL.type_id
    names = np.array(SPECIES)[kind]
    first_water = TINY_MODEL.waters[0, 0]
    assert TINY_MODEL.frozen[: TINY_MODEL.frozen.sum()].all()
    assert (np.diff(kind[:first_water]) >= 0).all()
    assert (names[TINY_MODEL.waters] == ["O", "H", "H"]).all()
    assert (TINY_MODEL.waters.ravel() == np.arange(first_water, TINY_MODEL.n_atoms)).all()
    mobile = 3 * len(TINY_MODEL.ions) + 6 * len(TINY_MODEL.waters)
    assert TINY_MODEL.degrees_of_freedom == mobile


def test_water_is_spc_e():
    oxygen, *hydrogens = water_geometry()
    arms = [h - oxygen for h in hydrogens]
    assert [np.linalg.norm(a) for a in arms] == pytest.approx([0.1, 0.1], abs=1e-12)
    angle = np.degrees(np.arccos(arms[0] @ arms[1] / 0.01))
    assert angle == pytest.approx(109.47, abs=1e-9)
    o, h = (TINY_MODEL.charge[TINY_MODEL.waters[0, k]] for k in (0, 1))
    assert (o, h) == (-0.8476, 0.4238)
    # The model's published dipole moment is 2.351 D; 1 e nm = 48.0320 D.
    dipole = h * np.linalg.norm(arms[0] + arms[1]) * 48.0320
    assert dipole == pytest.approx(2.351, abs=2e-3)


# --- starting configurations -----------------------------------------------------------------


def start(point, seed=0):
    model = build_model(point)
    return model, build_state(model, np.random.default_rng(seed))


@settings(max_examples=15)
@given(
    st.sampled_from(sorted(CHARGE_SETS)),
    st.integers(5, 9),
    st.integers(4, 6),
    st.floats(0.9, 2.0),
    st.floats(0, 3),
    st.integers(0, 1000),
)
def test_a_start_is_complete_clear_of_the_membrane_and_has_whole_waters(
    charge_set, n_y, n_z, depth, salt, seed
):
    raw = raw_point("equilibrate", charge_set)
    raw["protocol"]["cell"] = {
        "repeats_y": n_y,
        "repeats_z": n_z,
        "reservoir_nm": depth,
        "salt_mol_per_L": salt,
    }
    raw["protocol"]["dynamics"] = {"cutoff_nm": 0.7}
    model, state = start(state_point(raw), seed)
    assert state.positions.shape == (model.n_atoms, 3)
    assert (state.positions[model.frozen] == model.membrane_positions).all()
    assert state.step == 0
    assert not state.velocities.any()
    sites = state.positions[np.concatenate([model.ions, model.waters[:, 0]])]
    # Oxygens and ions stay clear of the membrane, and each has a place of its own.
    tree = cKDTree(model.membrane_positions % model.box % model.box, boxsize=model.box)
    assert tree.query(sites % model.box % model.box)[0].min() > _CLEARANCE_NM
    own = cKDTree(sites % model.box % model.box, boxsize=model.box)
    assert own.query(sites % model.box % model.box, k=2)[0][:, 1].min() > 0.15
    arms = state.positions[model.waters] - state.positions[model.waters[:, :1]]
    inner = np.einsum("nij,nkj->nik", arms, arms)
    shape = water_geometry()
    assert np.allclose(inner, shape @ shape.T, atol=1e-12)


def test_sites_a_rounding_error_outside_the_box_do_not_stop_the_builder():
    raw = raw_point("equilibrate", "MoS2")
    raw["protocol"]["cell"] = {"repeats_y": 7, "repeats_z": 5, "reservoir_nm": 1.0}
    raw["protocol"]["cell"] |= {"pore_diameter_nm": 1.05, "pore_cut": 1}
    raw["protocol"]["dynamics"] = {"cutoff_nm": 0.9}
    model = build_model(state_point(raw))
    at_face = model.membrane_positions % model.box == model.box
    assert at_face.any(), "this cell no longer has a site just below zero: choose another"
    build_state(model, np.random.default_rng(0))


def test_a_start_is_repeatable_and_another_seed_is_another_start():
    _, one = start(tiny_point(), 1)
    _, same = start(tiny_point(), 1)
    _, other = start(tiny_point(), 2)
    assert (one.positions == same.positions).all()
    assert (one.positions != other.positions).any()


def test_a_start_holds_no_charge_apart_across_the_membrane():
    """Dealt at random, ions hold 0.9 e apart here, which picoseconds do not forget."""
    for seed in range(10):
        model, state = start(tiny_point(), seed)
        x = state.positions[:, 0] / model.box[0]
        held = sum(q * x[model.indices(name)].sum() for name, q in (("K", 1), ("Cl", -1)))
        # Sites lie in eleven planes: an odd sum of their numbers leaves one eleventh.
        assert abs(held) < 0.1
        assert polarisation(model, state.positions) == pytest.approx(held)
    # An ion that has left through the box's face is where it enters on the other side.
    moved = state.positions + model.box
    assert polarisation(model, moved) == pytest.approx(held)


def test_starting_orientations_have_no_direction():
    model, state = start(tiny_point())
    dipoles = state.positions[model.waters[:, 1:]].mean(axis=1)
    dipoles -= state.positions[model.waters[:, 0]]
    dipoles /= np.linalg.norm(dipoles, axis=1)[:, None]
    # Each component of an isotropic unit vector has variance 1/3: five standard errors.
    assert np.abs(dipoles.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / len(dipoles))
    assert np.mean(dipoles**2, axis=0) == pytest.approx(
        [1 / 3] * 3, abs=5 * np.sqrt(4 / 45 / len(dipoles))
    )


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
        # sum T f / T0 over draws is chi-square with draws x f degrees of freedom: 1e-6 two-sided,
        # a width of some 2 % in temperature.
        total = values.sum() * freedom / temperature
        low, high = chi2.ppf([5e-7, 1 - 5e-7], 100 * freedom)
        assert low < total < high


def test_kinetic_energy_is_shared_by_all_degrees_of_freedom():
    _, velocities = drawn(300.0, 20)
    kinetic = [0.5 * (TINY_MODEL.mass[:, None] * v**2).sum() for v in velocities]
    freedom = TINY_MODEL.degrees_of_freedom * 20
    low, high = chi2.ppf([5e-7, 1 - 5e-7], freedom)
    assert low < np.sum(kinetic) * 2 / (BOLTZMANN * 300.0) < high


def test_every_axis_and_every_species_gets_its_share():
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
        # Products of some 0.1 nm and 1 nm/ps, in double precision.
        assert np.abs(along).max() < 1e-14
    assert not velocities[TINY_MODEL.frozen].any()


def test_velocities_do_not_depend_on_how_a_molecule_is_placed():
    """A whole-box shift of positions changes neither the draw nor the temperature read off it."""
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
    """For any velocities, also such as stretch the bonds, which rotation has no part in."""
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


# --- state files -----------------------------------------------------------------------------

SMALL = free_model(2, 4, (1.3, 1.4, 1.5))


def any_state(seed=0, step=12345678901):
    rng = np.random.default_rng(seed)
    return State(
        positions=rng.normal(scale=30.0, size=(SMALL.n_atoms, 3)),
        velocities=rng.normal(size=(SMALL.n_atoms, 3)),
        box=SMALL.box,
        step=step,
        engine="openmm",
        native={"chain": rng.normal(size=(3, 2))},
        carry={"reservoir_K": np.array([np.nan, -2.0])},
    )


def same(one, other):
    arrays = [(one.positions, other.positions), (one.velocities, other.velocities)]
    arrays += [(one.box, other.box)]
    for a, b in ((one.native, other.native), (one.carry, other.carry)):
        if set(a) != set(b):
            return False
        arrays += [(a[k], b[k]) for k in a]
    whole = all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in arrays)
    return whole and (one.step, one.engine) == (other.step, other.engine)


@given(st.integers(0, 2**20), st.integers(0, 2**40), st.sampled_from(["", "openmm", "hoomd"]))
@settings(max_examples=25)
def test_a_state_comes_back_bit_for_bit(tmp_path_factory, seed, step, engine):
    path = tmp_path_factory.mktemp("state") / "state.gsd"
    state = replace(any_state(seed, step), engine=engine)
    write_state(path, SMALL, state, "job")
    assert same(read_state(path, "job"), state)
    assert [p.name for p in path.parent.iterdir()] == ["state.gsd"]


def test_an_empty_engine_and_nothing_carried_come_back_too(tmp_path):
    state = any_state().restarted(np.zeros((SMALL.n_atoms, 3)))
    write_state(tmp_path / "s.gsd", SMALL, state)
    back = read_state(tmp_path / "s.gsd")
    assert same(back, state)
    assert (back.step, back.engine, back.native, back.carry) == (0, "", {}, {})


def test_a_plain_gsd_reader_sees_types_masses_charges_and_unwrapped_positions(tmp_path):
    state = any_state()
    write_state(tmp_path / "s.gsd", SMALL, state, "job")
    with gsd.hoomd.open(str(tmp_path / "s.gsd"), "r") as trajectory:
        assert len(trajectory) == 1
        frame = trajectory[0]
    assert frame.configuration.step == state.step
    assert frame.configuration.box[:3] == pytest.approx(SMALL.box, rel=1e-6)
    names = np.array(frame.particles.types)[frame.particles.typeid]
    assert (names == np.array(SPECIES)[SMALL.type_id]).all()
    assert frame.particles.mass == pytest.approx(SMALL.mass, rel=1e-6)
    assert frame.particles.charge == pytest.approx(SMALL.charge, rel=1e-6)
    unwrapped = frame.particles.position + frame.particles.image * SMALL.box
    # Single precision of coordinates within the box: 1e-7 of some nm.
    assert np.abs(unwrapped - state.positions).max() < 1e-6
    assert (np.abs(frame.particles.position) <= SMALL.box / 2 * (1 + 1e-6)).all()


def test_every_flipped_bit_and_every_torn_end_is_noticed(tmp_path):
    path, bad = tmp_path / "s.gsd", tmp_path / "bad.gsd"
    write_state(path, SMALL, any_state(), "job")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for i in rng.permutation(len(whole))[:1500]:
        flipped = bytearray(whole)
        flipped[i] ^= 1 << int(rng.integers(8))
        bad.write_bytes(flipped)
        with pytest.raises(StateFileError, match=r"bad\.gsd"):
            read_state(bad, "job")
    for end in [0, 1, 255, 256, *rng.integers(0, len(whole), 100), len(whole) - 1]:
        bad.write_bytes(whole[:end])
        with pytest.raises(StateFileError):
            read_state(bad, "job")
    bad.write_bytes(whole + b"\0")
    with pytest.raises(StateFileError):
        read_state(bad, "job")


def test_another_job_s_state_a_missing_file_and_a_foreign_frame_are_refused(tmp_path):
    path = tmp_path / "s.gsd"
    write_state(path, SMALL, any_state(), "job")
    with pytest.raises(StateFileError, match="belongs to job job, not to other"):
        read_state(path, "other")
    with pytest.raises(StateFileError, match="missing"):
        read_state(tmp_path / "missing.gsd")
    with gsd.hoomd.open(str(tmp_path / "plain.gsd"), "w") as trajectory:
        trajectory.append(gsd.hoomd.Frame())
    with pytest.raises(StateFileError, match="plain"):
        read_state(tmp_path / "plain.gsd")


def test_a_failed_write_leaves_the_old_state_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "s.gsd"
    write_state(path, SMALL, any_state(1), "job")

    def full(_fd):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_state(path, SMALL, any_state(2), "job")
    monkeypatch.undo()
    assert same(read_state(path, "job"), any_state(1))
    assert [p.name for p in tmp_path.iterdir()] == ["s.gsd"]
