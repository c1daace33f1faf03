"""Parts of the force on an ion: each compared with its own sum, and all with the total."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from ewald import direct_ewald
from helpers import at_rest, free_model, thermal_state, tiny_point

from januspore.analysis.statistics import integrated_time
from januspore.engines import Resources, Tether, create
from januspore.engines.base import tether_force
from januspore.engines.force_parts import PARTS, ForceParts
from januspore.model.system import build_model
from januspore.protocols import Dynamics
from januspore.units import COULOMB, VOLT_PER_NM

REFERENCE, CPU = (Resources("openmm", name, threads=1) for name in ("Reference", "CPU"))
DYNAMICS = Dynamics(timestep_fs=2.0, cutoff_nm=0.9)
TIGHT = 1e-7


@pytest.fixture(scope="module")
def tiny():
    """The tiny cell after 0.1 ps of gentle steps from the builder's lattice: (model, positions)."""
    model = build_model(tiny_point())
    gentle = Dynamics(timestep_fs=0.5, cutoff_nm=0.9, thermostat_tau_ps=0.01)
    engine = create(model, thermal_state(model, 2), gentle, CPU)
    engine.advance(200)
    return model, engine.positions()


def whole(model, positions, field, resources=REFERENCE):
    """Forces of an engine along x on the ions."""
    state = replace(thermal_state(model), positions=positions)
    engine = create(model, state, DYNAMICS, resources)
    engine.set_field(field)
    return engine.forces()[model.ions, 0]


def relative(found, expected):
    return np.sqrt(np.square(found - expected).mean() / np.square(expected).mean())


# --- single charges ----------------------------------------------------------------------------


def alone(membrane=(), waters=0, box=(3.2, 3.2, 3.2)):
    """(model, positions) of K and Cl in far corners of a large box, with the test's own atoms."""
    model = free_model(1, waters, box, cutoff_nm=1.2, ewald_tolerance=1e-5, membrane=membrane)
    positions = thermal_state(model).positions
    positions[model.ions] = [[-0.8, -0.8, -0.8], [0.8, 0.8, 0.8]]
    return model, positions


def test_an_ion_near_a_fixed_charge_feels_coulomb_s_force_in_the_membrane_s_column():
    model, positions = alone(membrane=(("Mo", 0.0, 0.0, 0.0),))
    potassium, x = model.indices("K"), 0.3
    positions[potassium] = [[x, 0.0, 0.0]]
    parts = ForceParts(model, CPU).along_x(positions, potassium, 0.0)
    coulomb = COULOMB * 1.06 / x**2
    # The effect of images in a box of 3.2 nm and of the background, from the direct sum below.
    assert parts["membrane_electrostatic"] == pytest.approx([coulomb], rel=5e-3)
    bare = np.where(model.frozen, model.charge, 0.0)
    bare[potassium] = 1.0
    _, exact = direct_ewald(positions, bare, model.box)
    assert parts["membrane_electrostatic"] == pytest.approx(exact[potassium, 0], rel=1e-4)
    six = ((model.sigma[0] + model.sigma[1]) / 2 / x) ** 6
    vdw = 24 * np.sqrt(model.epsilon[0] * model.epsilon[1]) * (2 * six**2 - six) / x
    assert parts["membrane_vdw"] == pytest.approx([vdw], rel=1e-12)
    for name in ("water_vdw", "water_electrostatic", "field"):
        assert parts[name] == pytest.approx([0.0], abs=1e-2)
    # Cl is 1.2 nm away.
    assert abs(parts["ions"][0]) < 0.1 * coulomb


def test_other_ions_are_in_the_ions_column_with_their_own_images():
    model, positions = alone()
    potassium, chloride = model.ions
    positions[chloride] = positions[potassium] + [0.4, 0.0, 0.0]
    parts = ForceParts(model, CPU).along_x(positions, model.ions, 0.0)
    _, exact = direct_ewald(positions, model.charge, model.box)
    six = ((model.sigma[0] + model.sigma[1]) / 2 / 0.4) ** 6
    vdw = 24 * np.sqrt(model.epsilon[0] * model.epsilon[1]) * (2 * six**2 - six) / 0.4
    assert parts["ions"] == pytest.approx(exact[:, 0] + [-vdw, vdw], rel=1e-4)
    assert exact[0, 0] == pytest.approx(COULOMB / 0.4**2, rel=2e-2)
    assert all(np.abs(parts[name]).max() < 1e-2 for name in PARTS if name != "ions")


def test_a_water_is_in_the_water_s_columns():
    model, positions = alone(waters=1)
    chloride = model.indices("Cl")
    positions[chloride] = positions[model.waters[0, :1]] + [0.3, 0.05, 0.02]
    parts = ForceParts(model, CPU).along_x(positions, chloride, 0.0)
    sites = model.waters[0]
    r = positions[chloride] - positions[sites]
    bare = COULOMB * -model.charge[sites] / np.linalg.norm(r, axis=1) ** 3 @ r[:, 0]
    charge = np.where(np.isin(np.arange(model.n_atoms), sites), model.charge, 0.0)
    charge[chloride] = -1.0
    _, exact = direct_ewald(positions, charge, model.box)
    assert parts["water_electrostatic"] == pytest.approx(exact[chloride, 0], rel=5e-4)
    # The images of a neutral molecule have a far weaker effect in a box of 3.2 nm.
    assert parts["water_electrostatic"] == pytest.approx([bare], abs=0.4)
    assert abs(parts["water_vdw"][0]) > 1
    assert parts["membrane_vdw"] == [0.0]
    assert parts["membrane_electrostatic"] == pytest.approx([0.0], abs=1e-2)


def test_the_field_s_part_is_q_e():
    model, positions = alone()
    parts = ForceParts(model, CPU).along_x(positions, model.ions, 0.7)
    assert parts["field"] == pytest.approx([0.7 * VOLT_PER_NM, -0.7 * VOLT_PER_NM])


# --- a real configuration ----------------------------------------------------------------------


@pytest.mark.parametrize("field", [0.0, 0.7])
def test_parts_sum_to_the_engine_s_force_with_the_same_mesh(tiny, field):
    model, positions = tiny
    parts = ForceParts(model, CPU).along_x(positions, model.ions, field)
    # Single precision has relative errors of 1e-5 in sums of forces of 1e3 kJ/mol/nm each.
    assert relative(sum(parts.values()), whole(model, positions, field, CPU)) < 1e-4
    assert relative(sum(parts.values()), whole(model, positions, field)) < 1e-4


def test_parts_sum_to_the_whole_with_pme_at_two_tightnesses(tiny):
    model, positions = tiny
    fine = replace(model, ewald_tolerance=TIGHT)
    tight = ForceParts(fine, CPU).along_x(positions, model.ions, 0.0)
    assert relative(sum(tight.values()), whole(fine, positions, 0.0, CPU)) < 1e-4
    usual = ForceParts(model, CPU).along_x(positions, model.ions, 0.0)
    # Measured: 5.1e-4 over these 16 ions.
    assert relative(sum(usual.values()), sum(tight.values())) < 1e-3
    for name in PARTS:
        # Each part alone as well, so that errors of the mesh cannot cancel.
        scale = np.sqrt(np.square(sum(tight.values())).mean())
        assert np.abs(usual[name] - tight[name]).max() < 5e-3 * scale


def test_van_der_waals_parts_are_the_engine_s_with_charges_off(tiny):
    model, positions = tiny
    chargeless = replace(model, charge=np.zeros(model.n_atoms))
    parts = ForceParts(chargeless, CPU).along_x(positions, model.ions, 0.7)
    expected = whole(chargeless, positions, 0.7)
    found = parts["water_vdw"] + parts["membrane_vdw"] + parts["ions"]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * np.abs(expected).max())
    assert np.abs(parts["water_vdw"]).max() > 10
    assert not (parts["water_electrostatic"].any() or parts["membrane_electrostatic"].any())


def test_images_and_the_choice_of_atoms_do_not_matter(tiny):
    model, positions = tiny
    evaluate = ForceParts(model, CPU).along_x
    expected = evaluate(positions, model.ions, 0.3)
    moved = positions.copy()
    moved[model.ions] += model.box * np.random.default_rng(1).integers(-2, 3, (len(model.ions), 3))
    some = model.ions[[3, 0]]
    found = evaluate(moved, some, 0.3)
    for name in PARTS:
        assert found[name] == pytest.approx(expected[name][[3, 0]], rel=1e-4, abs=0.05)


# --- the two estimators of a mean force --------------------------------------------------------

#: Frozen atoms, two pairs of ions and waters in a small box; a chloride is held near them.
HELD = free_model(
    2,
    24,
    (1.35, 1.3, 1.3),
    membrane=(("Mo", 0.0, 0.0, 0.0), ("S", 0.153, 0.188, 0.0), ("Se", -0.17, 0.188, 0.0)),
)
CHLORIDE = int(HELD.indices("Cl")[0])
STIFFNESS, X0, RADIUS, FIELD = 20000.0, 0.42, 0.2, 0.5


def held_engine():
    """An engine with the small box, relaxed with the ion in its tether."""
    gentle = Dynamics(timestep_fs=0.5, cutoff_nm=0.6, thermostat_tau_ps=0.02)
    state = at_rest(HELD, thermal_state(HELD, 1))
    free = create(HELD, state, gentle, CPU, Tether(CHLORIDE, STIFFNESS))
    for n in range(50):
        x = free.positions()[CHLORIDE, 0]
        free.set_tether(x + (X0 - x) * (n + 1) / 50, 0.7 + (RADIUS - 0.7) * n / 49)
        free.advance(40)
    dynamics = Dynamics(timestep_fs=2.0, cutoff_nm=0.6)
    engine = create(HELD, free.save(), dynamics, CPU, Tether(CHLORIDE, STIFFNESS))
    engine.set_tether(X0, RADIUS)
    engine.set_field(FIELD)
    engine.advance(500)
    return engine


def sampled(engine, samples, steps):
    """The tether's force and the physical force on the ion, at every sample."""
    parts = ForceParts(HELD, CPU)
    pulls, physical = [], []
    for _ in range(samples):
        engine.advance(steps)
        where = engine.positions()
        pulls.append(tether_force(where[CHLORIDE], X0, RADIUS, STIFFNESS, HELD.box)[0])
        along = parts.along_x(where, np.array([CHLORIDE]), FIELD)
        physical.append(sum(along.values())[0])
    return np.array(pulls), np.array(physical)


def test_parts_and_tether_together_change_the_ion_s_momentum():
    engine = held_engine()
    before = engine.velocities()[CHLORIDE, 0]
    pulls, physical = sampled(engine, 150, 4)
    gained = HELD.mass[CHLORIDE] * (engine.velocities()[CHLORIDE, 0] - before) / (150 * 0.008)
    # The tolerance allows for sums over every fourth step and the thermostat's friction. It detects
    # a missing part: the smallest is the field's, 48 kJ/mol/nm.
    assert (pulls + physical).mean() == pytest.approx(gained, abs=8.0)
    assert min(pulls.std(), physical.std()) > 100


@pytest.mark.slow
def test_tether_and_constraint_estimators_agree(capsys):
    pulls, physical = sampled(held_engine(), 3000, 20)
    errors = [np.std(f) * np.sqrt(integrated_time(f) / len(f)) for f in (pulls, physical)]
    error = np.hypot(*errors)
    with capsys.disabled():
        print(f"\ntether {-pulls.mean():.1f} +- {errors[0]:.1f}, ", end="")
        print(f"parts {physical.mean():.1f} +- {errors[1]:.1f} kJ/mol/nm")
    assert abs(pulls.mean() + physical.mean()) < 3 * error
    # Small enough to detect a missing part; the smallest is the field's, 48 kJ/mol/nm.
    assert error < 16


@pytest.mark.skipif(
    importlib.util.find_spec("hoomd") is None, reason="HOOMD-blue is not installed (conda-forge)"
)
@pytest.mark.hoomd
def test_parts_sum_to_hoomd_blue_s_force_and_its_platform_s_name_is_none_of_openmm_s(tiny):
    model, positions = tiny
    hoomd = Resources("hoomd", "cpu")
    parts = ForceParts(model, hoomd).along_x(positions, model.ions, 0.7)
    # Two meshes, each with an error of 2e-4 (docs/engines.md).
    assert relative(sum(parts.values()), whole(model, positions, 0.7, hoomd)) < 6e-4


def test_flipping_membrane_and_field_mirrors_every_part(tiny):
    model, positions = tiny
    mirrored = replace(model, membrane_positions=model.membrane_positions * [-1, 1, 1])
    here = ForceParts(model, CPU).along_x(positions, model.ions, 0.7)
    there = ForceParts(mirrored, CPU).along_x(positions * [-1, 1, 1], model.ions, -0.7)
    for name in PARTS:
        # Errors of single precision on the CPU platform, in sums of forces of 1e3 kJ/mol/nm.
        assert there[name] == pytest.approx(-here[name], rel=1e-4, abs=0.05), name
    # With the field not flipped the forces differ.
    assert not np.allclose(
        ForceParts(mirrored, CPU).along_x(positions * [-1, 1, 1], model.ions, 0.7)["field"],
        -here["field"],
    )
