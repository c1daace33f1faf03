"""The OpenMM engine: forces, constraints, field, thermostat, and restarts."""

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from ewald import direct_ewald
from helpers import free_model, thermal_state, tiny_point, warm_up

from januspore.engines import Resources, create, minimise
from januspore.errors import InputError
from januspore.model.system import build_model, water_geometry
from januspore.model.velocities import temperatures, thermal_velocities
from januspore.protocols import Dynamics
from januspore.units import BOLTZMANN, VOLT_PER_NM

DYNAMICS = Dynamics(timestep_fs=2.0, cutoff_nm=0.6)
REFERENCE, CPU = (Resources(platform=name, threads=1) for name in ("Reference", "CPU"))

#: Three frozen atoms, K, Cl and waters, all parts of a real system, in 1.25 nm.
MEMBRANE = (("Mo", 0.0, 0.0, 0.0), ("S", 0.153, 0.188, 0.0), ("Se", -0.17, 0.188, 0.0))
SMALL = free_model(2, 16, (1.25, 1.3, 1.35), membrane=MEMBRANE)
LIQUID = free_model(3, 70, (1.3, 1.35, 1.5))


def relaxed(model, dynamics=DYNAMICS, steps=300):
    """A state at step 0, minimised and thermalised for a short time."""
    engine = create(model, thermal_state(model), dynamics, CPU)
    moved = warm_up(engine, model, np.random.default_rng(1), steps)
    return moved.restarted(moved.velocities)


@lru_cache(maxsize=4)
def small_state():
    return relaxed(SMALL)


@lru_cache(maxsize=4)
def liquid_state():
    return relaxed(LIQUID)


# --- forces ------------------------------------------------------------------------------------


def bonded_pairs(model):
    o, h1, h2 = model.waters.T
    return np.concatenate([np.column_stack(p) for p in ((o, h1), (o, h2), (h1, h2))])


def lennard_jones(model, positions):
    """Truncated Lennard-Jones with Lorentz-Berthelot mixing between molecules: (energy, forces)."""
    molecule = np.arange(model.n_atoms)
    molecule[model.waters] = model.waters[:, :1]
    energy, forces = 0.0, np.zeros_like(positions)
    for i in range(model.n_atoms - 1):
        r = positions[i] - positions[i + 1 :]
        r -= model.box * np.round(r / model.box)
        d = np.linalg.norm(r, axis=1)
        near = (d < model.cutoff_nm) & (molecule[i + 1 :] != molecule[i])
        j = i + 1 + np.flatnonzero(near)
        r, d = r[near], d[near]
        x6 = ((model.sigma[i] + model.sigma[j]) / 2 / d) ** 6
        depth = 4 * np.sqrt(model.epsilon[i] * model.epsilon[j])
        push = (6 * depth * (2 * x6**2 - x6) / d**2)[:, None] * r
        energy += (depth * (x6**2 - x6)).sum()
        forces[i] += push.sum(axis=0)
        forces[j] -= push
    return energy, forces


def exact(model, positions, tolerance=1e-9):
    coulomb = direct_ewald(positions, model.charge, model.box, tolerance, bonded_pairs(model))
    van_der_waals = lennard_jones(model, positions)
    return coulomb[0] + van_der_waals[0], coulomb[1] + van_der_waals[1]


def relative_error(model, state, resources, expected, dynamics=DYNAMICS):
    """RMS error of the forces on mobile atoms over the RMS force."""
    forces = create(model, state, dynamics, resources).forces()[~model.frozen]
    expected = expected[~model.frozen]
    return np.sqrt(np.square(forces - expected).mean() / np.square(expected).mean())


@pytest.mark.parametrize("model", [SMALL, LIQUID], ids=["membrane", "liquid"])
def test_forces_and_energy_are_those_of_a_direct_ewald_sum_and_plain_lj(model):
    state = small_state() if model is SMALL else liquid_state()
    energy, forces = exact(model, state.positions)
    fine = replace(model, ewald_tolerance=1e-7)
    # Measured 2e-7 for both; a wrong exclusion, cut-off or mixing rule gives 1e-2 and more.
    assert relative_error(fine, state, REFERENCE, forces) < 1e-6
    engine = create(fine, state, DYNAMICS, REFERENCE)
    assert engine.potential_energy() == pytest.approx(energy, rel=1e-6)


def test_the_default_tolerance_bounds_the_error_in_a_small_box():
    state = liquid_state()
    _, forces = exact(LIQUID, state.positions)
    # The bound of `ewald_parameters` is 5e-4; measured here is 1.8e-4.
    for resources in (REFERENCE, CPU):
        assert relative_error(LIQUID, state, resources, forces) < 5e-4


@pytest.mark.slow
def test_the_default_tolerance_bounds_the_error_in_the_tiny_cell():
    point = tiny_point()
    model, dynamics = build_model(point), point.protocol.dynamics
    state = relaxed(model, dynamics, steps=50)
    _, forces = exact(model, state.positions, tolerance=1e-8)
    # Measured 1.4e-4 with the 0.9 nm cut-off.
    assert relative_error(model, state, CPU, forces, dynamics) < 5e-4


def test_a_smaller_tolerance_reduces_the_error():
    state = liquid_state()
    _, forces = exact(LIQUID, state.positions)
    errors = [
        relative_error(replace(LIQUID, ewald_tolerance=t), state, REFERENCE, forces)
        for t in (1e-3, 1e-4, 1e-5)
    ]
    # Measured: 1.7e-3, 1.8e-4, 1.9e-5.
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


@pytest.mark.parametrize("resources", [REFERENCE, CPU], ids=["Reference", "CPU"])
@pytest.mark.parametrize("field", [0.7, -1.2])
def test_the_field_pulls_every_mobile_charge_by_q_e_and_the_membrane_not_at_all(resources, field):
    engine = create(SMALL, small_state(), DYNAMICS, resources)
    before, energy = engine.forces(), engine.potential_energy()
    engine.set_field(field)
    pulled = engine.forces() - before
    expected = np.zeros_like(pulled)
    mobile = ~SMALL.frozen
    expected[mobile, 0] = SMALL.charge[mobile] * field * VOLT_PER_NM
    # Differences of forces of 1e3 kJ/mol/nm in double precision, or single on the CPU platform.
    precision = 1e-9 if resources is REFERENCE else 2e-2
    assert np.abs(pulled - expected).max() < precision
    assert np.abs(expected).max() > 60
    # A uniform field has no energy in a periodic box, so none is reported.
    precision = 1e-12 if resources is REFERENCE else 1e-6
    assert engine.potential_energy() == pytest.approx(energy, rel=precision)


# --- constraints and dynamics ------------------------------------------------------------------


@pytest.mark.parametrize("resources", [REFERENCE, CPU], ids=["Reference", "CPU"])
def test_the_membrane_stays_exactly_and_waters_stay_rigid(resources):
    still = minimise(SMALL, thermal_state(SMALL), resources)
    rng = np.random.default_rng(1)
    velocities = thermal_velocities(SMALL, still.positions, 300.0, rng)
    engine = create(SMALL, still.restarted(velocities), DYNAMICS, resources)
    engine.set_field(1.0)
    engine.advance(100)
    positions, velocities = engine.positions(), engine.velocities()
    assert (positions[SMALL.frozen] == SMALL.membrane_positions).all()
    assert not velocities[SMALL.frozen].any()
    shape = water_geometry()
    # The tolerance of constraints is 1e-7; positions of the CPU platform are in single precision.
    for i, j in ((0, 1), (0, 2), (1, 2)):
        a, b = SMALL.waters[:, i], SMALL.waters[:, j]
        length = np.linalg.norm(positions[a] - positions[b], axis=1)
        expected = np.linalg.norm(shape[i] - shape[j])
        assert length == pytest.approx(np.full(len(length), expected), abs=1e-6)
        bond, change = positions[a] - positions[b], velocities[a] - velocities[b]
        along, square = (bond * change).sum(axis=1), np.square(change).sum(axis=1)
        # A leapfrog velocity is the displacement of the last step, with v^2 dt / 2 along the bond.
        assert along == pytest.approx(square * 0.002 / 2, rel=0.05, abs=1e-4)
    assert np.abs(positions - still.positions)[~SMALL.frozen].max() > 0.01


def test_minimisation_removes_overlaps():
    start = replace(thermal_state(SMALL), step=7)
    engine = create(SMALL, start, DYNAMICS, CPU)
    before = engine.potential_energy()
    still = minimise(SMALL, start, CPU)
    engine.load(still)
    assert engine.potential_energy() < before
    assert np.abs(engine.forces()[~SMALL.frozen]).max() < 1e5
    assert still.step == 7
    assert not still.velocities.any()
    assert (still.positions == start.positions)[SMALL.frozen].all()


def test_positions_are_unwrapped():
    model = free_model(1, 0, (1.3, 1.3, 1.3))
    state = thermal_state(model)
    velocities = np.array([[40.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    dynamics = Dynamics(timestep_fs=2.0, cutoff_nm=0.6, thermostat_tau_ps=1e6)
    for resources in (REFERENCE, CPU):
        engine = create(model, replace(state, velocities=velocities), dynamics, resources)
        engine.advance(200)
        moved = engine.positions() - state.positions
        # 40 nm/ps in 0.4 ps are 16 nm, twelve boxes; the attraction of the pair has little effect.
        assert moved[:, 0].sum() / 2 == pytest.approx(16.0, abs=0.1)


@pytest.mark.parametrize("tau", [0.05, 0.1, 1.0])
def test_the_thermostat_has_its_mass_and_degrees_of_freedom(tau):
    """The first step has the acceleration (2 K - g k T) / Q with Q = g k T tau^2."""
    state = small_state()
    hot = replace(state, velocities=state.velocities * 1.5)
    dynamics = Dynamics(timestep_fs=0.01, cutoff_nm=0.6, thermostat_tau_ps=tau)
    engine = create(SMALL, hot, dynamics, REFERENCE)
    engine.advance(1)
    speed = engine.save().native["chain"][0, 1]
    twice_kinetic = (SMALL.mass[:, None] * hot.velocities**2)[~SMALL.frozen].sum()
    target = SMALL.degrees_of_freedom * BOLTZMANN * 300.0
    # In one step of 1e-5 ps the kinetic energy changes by some 1e-3.
    expected = 1e-5 * (twice_kinetic - target) / (target * tau**2)
    assert speed == pytest.approx(expected, rel=0.02)


def test_the_liquid_has_its_temperature_in_translation_and_rotation():
    engine = create(LIQUID, liquid_state(), DYNAMICS, CPU)
    engine.advance(500)
    measured = []
    for _ in range(80):
        engine.advance(25)
        measured.append(temperatures(LIQUID, engine.positions(), engine.velocities()))
    translation, rotation = np.array(measured).T
    # Canonical fluctuations are T sqrt(2 / f), some 29 K each. 4 ps are at least 20 correlation
    # times (0.1 to 0.2 ps). The tolerance is five standard errors of the mean.
    error = 300.0 * np.sqrt(2 / (3 * 70)) / np.sqrt(20)
    assert translation.mean() == pytest.approx(300.0, abs=5 * error)
    assert rotation.mean() == pytest.approx(300.0, abs=5 * error)


def test_without_a_thermostat_energy_is_conserved():
    dynamics = Dynamics(timestep_fs=1.0, cutoff_nm=0.6, thermostat_tau_ps=1e6)
    model = replace(SMALL, ewald_tolerance=1e-5)
    engine = create(model, small_state(), dynamics, REFERENCE)
    totals = []
    for _ in range(30):
        engine.advance(5)
        kinetic = 0.5 * (model.mass[:, None] * engine.velocities() ** 2).sum()
        totals.append(kinetic + engine.potential_energy())
    # LJ truncated at 0.6 nm without a shift changes by 0.01 to 0.05 kJ/mol at each crossing of the
    # cut-off, and velocities are half a step behind. The kinetic energy is some 130 kJ/mol.
    assert np.ptp(totals) < 0.05 * 0.5 * model.degrees_of_freedom * BOLTZMANN * 300.0


# --- restarts ----------------------------------------------------------------------------------


def assert_identical(one, other):
    assert np.array_equal(one.positions, other.positions)
    assert np.array_equal(one.velocities, other.velocities)
    assert np.array_equal(one.native["chain"], other.native["chain"])
    assert one.step == other.step


def test_saving_and_loading_continues_number_for_number_on_the_reference_platform():
    straight = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    stopped = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    for field in (0.0, 0.5, -1.0):
        for engine in (straight, stopped):
            engine.set_field(field)
            engine.advance(7)
        state = stopped.save()
        assert state.native["chain"].any()
        stopped = create(SMALL, state, DYNAMICS, REFERENCE)
    assert straight.step == 21
    assert_identical(straight.save(), stopped.save())


@pytest.mark.parametrize("threads", [1, 2])
def test_a_restart_on_the_cpu_platform_keeps_energy_thermostat_and_path(threads):
    """It cannot be exact, as sums are in single precision and in varying order."""
    resources = Resources(platform="CPU", threads=threads)
    straight = create(LIQUID, liquid_state(), DYNAMICS, resources)
    straight.advance(200)
    state = straight.save()
    resumed = create(LIQUID, state, DYNAMICS, resources)
    assert np.array_equal(resumed.save().native["chain"], state.native["chain"])
    # Measured: 1e-4 of 5100 kJ/mol at once; 1e-6 nm after 0.1 ps, and 2e-3 nm without the chain.
    assert resumed.potential_energy() == pytest.approx(straight.potential_energy(), abs=1e-2)
    lost = create(LIQUID, replace(state, native={}), DYNAMICS, resources)
    for engine in (straight, resumed, lost):
        engine.advance(50)
    apart, apart_lost = (
        np.abs(e.positions() - straight.positions()).max() for e in (resumed, lost)
    )
    # The deviation without the chain depends on the start, but is always far larger.
    assert apart < 1e-5 and apart_lost > 20 * apart
    chains = [e.save().native["chain"] for e in (straight, resumed)]
    assert np.allclose(*chains, rtol=1e-2, atol=1e-2)


def test_reading_from_an_engine_does_not_change_its_trajectory():
    quiet = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    watched = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    quiet.advance(12)
    for _ in range(4):
        watched.advance(3)
        watched.positions(), watched.velocities(), watched.forces()
        watched.potential_energy(), watched.observe(energies=True)
        watched.save()
    assert_identical(quiet.save(), watched.save())


def test_observed_values_equal_single_readings_and_are_not_changed_by_later_steps():
    engine = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    engine.advance(3)
    seen = engine.observe(energies=True)
    assert np.array_equal(seen.positions, engine.positions())
    assert np.array_equal(seen.velocities, engine.velocities())
    assert seen.potential_energy == engine.potential_energy()
    kept = seen.positions.copy(), seen.velocities.copy()
    engine.advance(3)
    assert np.array_equal(seen.positions, kept[0]) and np.array_equal(seen.velocities, kept[1])
    assert not np.array_equal(engine.positions(), kept[0])
    plain = engine.observe(energies=False)
    assert plain.velocities is None and plain.potential_energy is None


def test_loading_a_fresh_state_forgets_the_thermostat():
    used = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    used.advance(10)
    used.load(small_state())
    new = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    for engine in (used, new):
        engine.advance(5)
    assert_identical(used.save(), new.save())


def test_variables_of_another_engine_are_not_used_for_the_thermostat():
    foreign = replace(small_state(), engine="hoomd", native={"chain": np.full((3, 2), 9.0)})
    assert not create(SMALL, foreign, DYNAMICS, REFERENCE).save().native["chain"].any()
    own = replace(foreign, engine="openmm")
    assert (create(SMALL, own, DYNAMICS, REFERENCE).save().native["chain"] == 9.0).all()


def test_the_step_count_is_the_state_s_own():
    engine = create(SMALL, replace(small_state(), step=10**10), DYNAMICS, REFERENCE)
    engine.advance(3)
    assert engine.step == engine.save().step == 10**10 + 3


# --- resources ---------------------------------------------------------------------------------


def test_provenance_is_json_with_platform_and_precision():
    engine = create(SMALL, small_state(), DYNAMICS, REFERENCE)
    told = json.loads(json.dumps(engine.provenance()))
    assert (told["name"], told["platform"], told["precision"]) == (
        "openmm",
        "Reference",
        "double",
    )
    told = create(SMALL, small_state(), DYNAMICS, CPU).provenance()
    assert (told["platform"], told["threads"], told["precision"]) == ("CPU", 1, "mixed")


@pytest.mark.parametrize(
    ("key", "value"), [("platform", "Abacus"), ("precision", "sloppy"), ("engine", "abacus")]
)
def test_unknown_resources_are_refused_in_one_line_naming_the_variable(key, value):
    with pytest.raises(InputError, match=f"JANUSPORE_{key.upper()} = '{value}'") as caught:
        create(SMALL, small_state(), DYNAMICS, Resources(**{key: value}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5"])
def test_threads_are_a_positive_whole_number(monkeypatch, threads):
    monkeypatch.setenv("JANUSPORE_THREADS", threads)
    with pytest.raises(InputError, match="JANUSPORE_THREADS"):
        Resources.from_environment()


def test_threads_are_bounded_by_what_was_asked_for(monkeypatch):
    assert Resources.from_environment(threads=1).threads == 1
    assert Resources.from_environment(threads=10**6).threads < 10**6
    monkeypatch.setenv("JANUSPORE_THREADS", "3")
    assert Resources.from_environment(threads=1).threads == 3


def test_a_system_that_blows_up_is_a_floating_point_error():
    state = small_state()
    positions = state.positions.copy()
    ion, oxygen = SMALL.ions[0], SMALL.waters[0, 0]
    positions[ion] = positions[oxygen] + [0.001, 0.0, 0.0]
    engine = create(SMALL, replace(state, positions=positions), DYNAMICS, CPU)
    with pytest.raises(FloatingPointError, match="blew up"):
        engine.advance(200)
