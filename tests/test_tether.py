"""The tether: its force in each engine, its effect on an ion, and restarts with it."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from helpers import free_model, thermal_state, warm_up

from januspore.analysis.statistics import integrated_time
from januspore.engines import Resources, Tether, create
from januspore.engines.base import tether_force
from januspore.model.velocities import thermal_velocities
from januspore.protocols import Dynamics
from januspore.units import BOLTZMANN

HAVE_HOOMD = importlib.util.find_spec("hoomd") is not None
HOOMD = pytest.param(
    Resources("hoomd", "cpu"),
    id="hoomd",
    marks=[
        pytest.mark.hoomd,
        pytest.mark.skipif(not HAVE_HOOMD, reason="HOOMD-blue is not installed (conda-forge)"),
    ],
)
REFERENCE, CPU = (Resources("openmm", name, threads=1) for name in ("Reference", "CPU"))
OPENMM = [pytest.param(REFERENCE, id="Reference"), pytest.param(CPU, id="CPU")]
ENGINES = [*OPENMM, HOOMD]

BOX = (1.8, 1.7, 1.6)
DYNAMICS = Dynamics(timestep_fs=2.0, cutoff_nm=0.6)
STIFFNESS = 20000.0
#: Frozen atoms, ions and waters; the Mo is far from the axis, where the tests put the ion.
MEMBRANE = (("Mo", 0.0, 0.7, 0.7), ("S", 0.153, 0.6, 0.7))
MODEL = free_model(2, 12, BOX, ewald_tolerance=1e-2, membrane=MEMBRANE)
ION = int(MODEL.indices("Cl")[0])
TETHER = Tether(ION, STIFFNESS)


def held_at(position, model=MODEL):
    state = thermal_state(model)
    positions = state.positions.copy()
    positions[ION] = position
    return replace(state, positions=positions)


# --- the force ---------------------------------------------------------------------------------


def test_the_force_is_a_spring_along_x_and_a_wall_about_the_axis():
    box = np.array(BOX)
    inside = tether_force(np.array([0.3, 0.06, 0.08]), 0.25, 0.2, 1000.0, box)
    assert inside == pytest.approx([-50.0, 0.0, 0.0])
    # At r = 0.5 the wall pushes by k (r - R) towards the axis.
    outside = tether_force(np.array([0.2, 0.3, -0.4]), 0.25, 0.2, 1000.0, box)
    assert outside == pytest.approx([50.0, -180.0, 240.0])


def test_the_force_is_that_of_the_nearest_image():
    box = np.array(BOX)
    position = np.array([0.3, 0.3, -0.5])
    expected = tether_force(position, 0.25, 0.2, 1000.0, box)
    moved = tether_force(position + box * [1, -2, 3], 0.25, 0.2, 1000.0, box)
    assert moved == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("resources", ENGINES)
@pytest.mark.parametrize(
    "position",
    [(0.4, 0.1, 0.1), (0.3, 0.0, 0.0), (0.5, 0.5, -0.3), (0.4 + 1.8, 0.5 - 1.7, 0.3 + 3.2)],
    ids=["inside", "on-axis", "outside", "other-image"],
)
@pytest.mark.parametrize("radius", [0.3, 0.0])
def test_engines_add_this_force_to_this_atom_and_no_energy(resources, position, radius):
    state = held_at(position)
    free = create(MODEL, state, DYNAMICS, resources)
    tethered = create(MODEL, state, DYNAMICS, resources, TETHER)
    alike = 0.0 if resources is REFERENCE else 1e-6
    before = free.forces()
    # A tether that is not set has no effect.
    unset = np.abs(tethered.forces() - before)
    assert unset[ION].max() <= alike * max(np.abs(before[ION]).max(), 1e3)
    # Threads add in any order in single precision; measured 2e-6 of the atom's force.
    own = np.abs(before).max(axis=1, keepdims=True)
    assert (unset <= 10 * alike * np.maximum(own, 1.0)).all()
    tethered.set_tether(0.35, radius)
    added = tethered.forces() - before
    expected = np.zeros_like(added)
    expected[ION] = tether_force(np.array(position), 0.35, radius, STIFFNESS, MODEL.box)
    assert np.abs(expected[ION]).max() > 100
    # Differences of forces of up to 1e9 kJ/mol/nm, as random waters overlap.
    mine = np.abs(before[ION]).max()
    precision = 1e-9 if resources is REFERENCE else 1e-6
    assert np.abs(added - expected)[ION].max() < precision * max(mine, 1e3)
    assert tethered.potential_energy() == pytest.approx(free.potential_energy(), rel=1e-6)


@pytest.mark.parametrize("resources", ENGINES)
def test_dynamics_feels_this_force(resources):
    state = settled(MODEL)
    calm = Dynamics(timestep_fs=0.02, cutoff_nm=0.6, thermostat_tau_ps=1e6)
    where = state.positions[ION]
    x0, radius = where[0] + 0.3, 0.5 * np.hypot(*where[1:])
    velocities = []
    for tether in (None, TETHER):
        engine = create(MODEL, state, calm, resources, tether)
        if tether:
            engine.set_tether(x0, radius)
        engine.advance(10)
        velocities.append(engine.velocities())
    gained = velocities[1] - velocities[0]
    force = tether_force(where, x0, radius, STIFFNESS, MODEL.box)
    # The atom moves by 3e-6 nm in this time.
    assert gained[ION] == pytest.approx(force * 2e-4 / MODEL.mass[ION], rel=1e-3)
    others = np.arange(MODEL.n_atoms) != ION
    assert np.abs(gained[others]).max() < 1e-3 * np.abs(gained[ION]).max()


@pytest.mark.hoomd
@pytest.mark.skipif(not HAVE_HOOMD, reason="HOOMD-blue is not installed (conda-forge)")
@pytest.mark.parametrize(
    "position, x0",
    [
        ((0.4, 0.1, 0.1), 0.35),
        ((0.3, 0.0, 0.0), 0.3),
        ((0.5, 0.5, -0.3), 0.35),
        ((0.85, 0.1, 0.3), -0.8),
        ((-0.8, 0.1, -0.7), 0.85),
        ((0.85, -0.7, 0.6), 1.0),
        ((0.1, 0.3, 0.4), -0.75),
    ],
    ids=["inside", "at-rest", "outside", "image-left", "image-right", "beyond", "far"],
)
@pytest.mark.parametrize("radius", [0.3, 0.0])
def test_hoomd_blue_s_walls_are_this_force(position, x0, radius):
    engine = create(MODEL, held_at(position), DYNAMICS, Resources("hoomd", "cpu"), TETHER)
    engine.set_tether(x0, radius)
    engine.potential_energy()  # computes forces
    found = sum(wall.forces for wall in engine._walls.forces)
    expected = tether_force(np.array(position), x0, radius, STIFFNESS, MODEL.box)
    held = engine._tags[ION]
    assert found[held] == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert not np.delete(found, held, axis=0).any()


@pytest.mark.parametrize("resources", ENGINES)
def test_the_tether_acts_across_the_box_s_face_as_elsewhere(resources):
    """The same start gives the same motion when it is shifted by half a box along x."""
    model = free_model(2, 12, BOX, ewald_tolerance=1e-4)
    ion = int(model.indices("Cl")[0])
    dynamics = Dynamics(timestep_fs=1.0, cutoff_nm=0.6, thermostat_tau_ps=1e6)
    state = settled(model)
    middle = state.positions - [state.positions[ion, 0], 0.0, 0.0]
    paths = []
    for shift in (0.0, BOX[0] / 2):
        there = replace(state.restarted(state.velocities), positions=middle + [shift, 0.0, 0.0])
        engine = create(model, there, dynamics, resources, Tether(ion, STIFFNESS))
        engine.set_tether(shift + 0.1, 0.3)
        path = []
        for _ in range(12):
            engine.advance(10)
            path.append(engine.positions()[ion] - [shift, 0.0, 0.0])
        paths.append(path)
    assert np.ptp(np.array(paths)[0, :, 0]) > 0.1
    assert np.abs(np.subtract(*paths)).max() < 1e-4


# --- its effect --------------------------------------------------------------------------------


def settled(model):
    engine = create(model, thermal_state(model), DYNAMICS, CPU)
    return warm_up(engine, model, np.random.default_rng(3), 100)


def assert_mean(series, expected):
    """Check a mean within four standard errors, from the autocorrelation."""
    error = np.std(series) * np.sqrt(integrated_time(series) / len(series))
    assert abs(np.mean(series) - expected) < 4 * error
    return error


def test_a_free_tethered_ion_has_the_canonical_spread_and_no_mean_force():
    """The thermostat draws new thermal velocities every quarter of a period."""
    radius, x0, kt = 0.1, 0.2, BOLTZMANN * 300.0
    model = free_model(1, 0, (1.25, 1.25, 1.25), ewald_tolerance=0.1)
    nothing = np.zeros(2)
    model = replace(model, charge=nothing, sigma=nothing + 0.1, epsilon=nothing)
    state = thermal_state(model)
    positions = state.positions + [x0, 0.0, 0.0] - state.positions[1]
    state = replace(state, positions=positions)
    # The period is 66 steps; the leapfrog error of the spread is 0.2 %.
    dynamics = Dynamics(timestep_fs=4.0, cutoff_nm=0.6, thermostat_tau_ps=1e6)
    engine = create(model, state, dynamics, REFERENCE, Tether(1, STIFFNESS))
    engine.set_tether(x0, radius)
    rng = np.random.default_rng(4)
    visited = []
    for _ in range(700):
        engine.load(replace(state, velocities=thermal_velocities(model, positions, 300.0, rng)))
        engine.advance(16)
        positions = engine.positions()
        state = replace(state, positions=positions)
        visited.append(positions[1])
    x, y, z = np.array(visited).T
    assert assert_mean(np.square(x - x0), kt / STIFFNESS) < 0.08 * kt / STIFFNESS
    force = [tether_force(p, x0, radius, STIFFNESS, model.box)[0] for p in visited]
    assert_mean(force, 0.0)
    # Inside the wall P(r) ~ r, beyond it r exp(-k (r - R)^2 / 2 kT).
    r = np.linspace(0.0, 0.6, 6001)
    weight = r * np.exp(-STIFFNESS * np.square(np.maximum(r - radius, 0.0)) / (2 * kt))
    found = np.hypot(y, z)
    assert_mean(found, (r * weight).sum() / weight.sum())
    assert_mean(found > radius, weight[r > radius].sum() / weight.sum())


# --- restarts ----------------------------------------------------------------------------------


def drive(engine, schedule):
    for x, radius in schedule:
        engine.set_tether(x, radius)
        engine.advance(5)


@pytest.mark.parametrize("resources", [OPENMM[0], HOOMD])
def test_a_restart_with_a_moving_tether_continues_the_same_trajectory(resources):
    state = settled(MODEL)
    x, y, z = state.positions[ION]
    schedule = [(x + 0.002 * n, 0.9 * np.hypot(y, z)) for n in range(6)]
    straight = create(MODEL, state, DYNAMICS, resources, TETHER)
    drive(straight, schedule)
    stopped = create(MODEL, state, DYNAMICS, resources, TETHER)
    drive(stopped, schedule[:3])
    resumed = create(MODEL, stopped.save(), DYNAMICS, resources, TETHER)
    drive(resumed, schedule[3:])
    one, other = straight.save(), resumed.save()
    if resources is REFERENCE:
        assert np.array_equal(one.positions, other.positions)
    # After a restart HOOMD-blue's neighbour lists differ in order.
    assert np.abs(one.positions - other.positions).max() < 1e-12
    assert np.abs(one.velocities - other.velocities).max() < 1e-9
    free = create(MODEL, state, DYNAMICS, resources)
    free.advance(5 * len(schedule))
    assert np.abs(free.positions() - one.positions)[ION].max() > 1e-3
