"""The GROMACS engine: forces, thermostat, field, tether, and exact continuation of runs."""

import math
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
from helpers import free_model, short_protocol, thermal_state, tiny_point, warm_up
from scipy.integrate import solve_ivp
from test_driver import SEGMENTS, lone_ion
from test_engine_parity import LIMIT, PRODUCTION, TIGHT, differences

from januspore.engines import Resources, Tether, create, gromacs_program
from januspore.engines.base import tether_force
from januspore.engines.stretch import Stretch
from januspore.model.state import State, read_state, write_state
from januspore.model.system import build_model
from januspore.model.velocities import temperatures, thermal_velocities
from januspore.protocols import Dynamics
from januspore.protocols.field import Constant, SineWave
from januspore.simulate.driver import Run, drive
from januspore.simulate.observables import wrap
from januspore.units import VOLT_PER_NM

pytestmark = [
    pytest.mark.gromacs,
    pytest.mark.skipif(
        not gromacs_program.is_installed(), reason="GROMACS (gmx, gmx_mpi) or chemfiles is not here"
    ),
]
DOUBLE = shutil.which("gmx_d")
GROMACS = Resources("gromacs", threads=1)
DYNAMICS = Dynamics(timestep_fs=2.0, cutoff_nm=0.6)
#: A small system: water, two pairs of ions, three frozen atoms.
MODEL = free_model(
    2,
    24,
    (1.5, 1.4, 1.3),
    membrane=(("Mo", 0.0, 0.3, 0.3), ("S", 0.15, -0.3, 0.3), ("Se", -0.17, 0.3, -0.3)),
)


@pytest.fixture(scope="module")
def start() -> State:
    """The small system after 2 ps at 300 K by OpenMM; some atoms have left the box."""
    rng = np.random.default_rng(5)
    engine = create(MODEL, thermal_state(MODEL, 5), DYNAMICS, Resources("openmm", "CPU", threads=1))
    state = warm_up(engine, MODEL, rng, 1000)
    image = np.zeros_like(state.positions)
    image[MODEL.waters] = rng.integers(-2, 3, (len(MODEL.waters), 1, 3))
    moved = replace(state, positions=state.positions + image * MODEL.box)
    return moved.restarted(state.velocities)


def stretch(steps, programme=None, every=10, **keys):
    programme = programme or Constant(math.inf, 0.5)
    return Stretch(programme, 0.002, steps, every, 5 * every, **keys)


def at(engine, state, *stretches):
    """All samples of consecutive stretches."""
    engine.load(state)
    return [sample for ahead in stretches for sample in engine.follow(ahead)]


# --- forces --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cell():
    """The tiny cell after a picosecond."""
    model, rng = build_model(tiny_point()), np.random.default_rng(2)
    dynamics = tiny_point().protocol.dynamics
    engine = create(model, thermal_state(model, 2), dynamics, Resources("openmm", "CPU", threads=1))
    return model, dynamics, warm_up(engine, model, rng, 500)


NEEDS_DOUBLE = pytest.mark.skipif(not DOUBLE, reason="GROMACS in double precision is not here")


@pytest.mark.parametrize(
    "program, tolerance, field",
    [
        ("gmx", PRODUCTION, 1.2),
        pytest.param("gmx_d", PRODUCTION, 0.0, marks=NEEDS_DOUBLE),
        pytest.param("gmx_d", TIGHT, 1.2, marks=NEEDS_DOUBLE),
    ],
)
def test_forces_and_energies_equal_those_of_openmm(monkeypatch, cell, program, tolerance, field):
    model, dynamics, state = cell
    if program == "gmx_d":
        monkeypatch.setenv("JANUSPORE_GMX", program)
    exact = replace(model, ewald_tolerance=tolerance)
    ours = create(exact, state, dynamics, GROMACS)
    theirs = create(exact, state, dynamics, Resources("openmm", "Reference"))
    for engine in (ours, theirs):
        engine.set_field(field)
    found = differences(model, state.positions, ours.forces(), theirs.forces())
    assert max(found.values()) < LIMIT[tolerance], found
    # Also for single sites and the membrane, where large forces cancel in single precision.
    error = np.sqrt(((ours.forces() - theirs.forces()) ** 2).mean())
    assert error < 1e-5 * np.sqrt((theirs.forces() ** 2).mean())
    energy = theirs.potential_energy()
    assert ours.potential_energy() == pytest.approx(energy, abs=1.0 if program == "gmx" else 0.2)


def test_a_study_s_system_draws_no_warning_from_grompp(cell):
    model, dynamics, state = cell
    engine = create(model, state, dynamics, GROMACS)
    assert engine._runner._warnings == "0"  # grompp fails at the first one
    engine.advance(1)


# --- field and thermostat ------------------------------------------------------------------------


@pytest.mark.parametrize("segment", SEGMENTS)
def test_one_ion_gains_the_programme_s_impulse(tmp_path, segment):
    """The sine's impulse up to the time of the velocities, not its mean over sample intervals."""
    model, programme = replace(lone_ion("K"), ewald_tolerance=1e-5), SEGMENTS[segment]
    protocol = short_protocol(thermostat_tau_ps=1e6)
    steps = (0, 120, 400)
    run = Run(tmp_path, "ion", model, protocol, programme, frozenset(steps))
    begin = State(np.array([[0.1, 0.2, 0.3]]), np.array([[2.0, 0.0, 0.0]]), model.box)
    drive(run, lambda: begin, lambda s: create(model, s, protocol.dynamics, GROMACS))
    per_field = model.charge[0] * VOLT_PER_NM / model.mass[0]
    for step in steps:
        gained = read_state(run.frames.path(step), "ion").velocities[0] - [2.0, 0.0, 0.0]
        expected = per_field * programme.integral(0.0, step * 0.002)
        # An error of half a step would be 0.003.
        assert gained == pytest.approx([expected, 0.0, 0.0], abs=5e-4)


def test_the_thermostat_is_a_nose_hoover_oscillator_with_the_model_s_tau():
    """For free particles dT/dt = -2 xi T and d xi/dt = (T / T0 - 1) / tau^2."""
    model = free_model(40, 0, (1.6, 1.6, 1.6))
    nothing = np.zeros(model.n_atoms)
    model = replace(model, charge=nothing, epsilon=nothing)
    rng = np.random.default_rng(1)
    positions = rng.uniform(-0.8, 0.8, (model.n_atoms, 3))
    velocities = thermal_velocities(model, positions, 420.0, rng)
    state = State(positions, velocities, model.box)
    tau = 0.2
    engine = create(model, state, DYNAMICS.model_copy(update={"thermostat_tau_ps": tau}), GROMACS)
    samples = list(engine.follow(replace(stretch(500, every=25), energy_steps=25)))
    found = [temperatures(model, s.observed.positions, s.observed.velocities)[0] for s in samples]
    begin = temperatures(model, positions, velocities)[0]
    times = np.array([s.step for s in samples]) * 0.002 - 0.001  # velocities lag by half a step
    exact = solve_ivp(
        lambda _, y: [-2 * y[1] * y[0], (y[0] / 300.0 - 1) / tau**2],
        (0.0, 1.0),
        [begin, 0.0],
        t_eval=times,
        rtol=1e-9,
    ).y[0]
    assert np.ptp(exact) > 60
    assert found == pytest.approx(exact.tolist(), abs=3.0)


def test_temperatures_and_energy_of_a_run(start):
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    samples = at(engine, start, stretch(10_000, every=50))
    heat = [
        temperatures(MODEL, s.observed.positions, s.observed.velocities)
        for s in samples[10:]
        if s.observed.velocities is not None
    ]
    translation, rotation = np.mean(heat, axis=0)
    assert translation == pytest.approx(300.0, abs=25.0)
    assert rotation == pytest.approx(300.0, abs=25.0)
    last = samples[-1].observed.potential_energy
    assert last == pytest.approx(engine.potential_energy(), abs=0.05)


# --- continuity ----------------------------------------------------------------------------------


def test_a_restart_through_a_file_is_the_same_run_number_for_number(tmp_path, start):
    field = SineWave(10.0, 1.2, 900.0)
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    whole = at(engine, start, stretch(200, field), stretch(400, field))
    end = engine.save()
    at(engine, start, stretch(200, field))
    write_state(tmp_path / "state.gsd", MODEL, engine.save(), "job")
    state = read_state(tmp_path / "state.gsd", "job")
    again = create(MODEL, state, DYNAMICS, GROMACS)
    rest = list(again.follow(stretch(400, field)))
    assert [s.step for s in rest] == list(range(210, 401, 10))
    for one, other in zip(whole[20:], rest, strict=True):
        assert np.array_equal(one.observed.positions, other.observed.positions)
        assert one.observed.potential_energy == other.observed.potential_energy
    assert np.array_equal(again.save().velocities, end.velocities)


def test_many_short_stretches_equal_one_long_one(start):
    """Nothing is rounded between stretches, so nothing drifts."""
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    whole = at(engine, start, stretch(200))
    parts = at(engine, start, *(stretch(end) for end in range(20, 201, 20)))
    assert [s.step for s in parts] == [s.step for s in whole]
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one.observed.positions, other.observed.positions)


def test_a_state_at_step_0_continues_with_its_thermostat_at_any_step_of_gromacs(start):
    """The first seeds continue with the equilibration's, whose step is not a multiple of theirs."""
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    whole = at(engine, start, stretch(130), stretch(190))
    at(engine, start, stretch(130))
    first = replace(engine.save(), step=0)
    engine = create(MODEL, first, DYNAMICS, GROMACS)
    again = list(engine.follow(stretch(60, every=20)))
    assert [s.step for s in again] == [20, 40, 60]
    # GROMACS rounds forces differently at steps with energies, which are at other steps here.
    assert again[-1].observed.positions == pytest.approx(whole[-1].observed.positions, abs=1e-5)


def test_positions_are_unwrapped_waters_whole_and_the_membrane_stays(start):
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    samples = at(engine, start, stretch(2000, Constant(math.inf, 3.0), every=10))
    x = np.array([start.positions, *(s.observed.positions for s in samples)])
    assert np.abs(np.diff(x, axis=0)).max() < 0.2
    assert np.abs(x[-1] - x[0])[MODEL.ions, 0].max() > MODEL.box[0] / 2
    assert (x[:, MODEL.frozen] == start.positions[MODEL.frozen]).all()
    bonds = np.linalg.norm(x[:, MODEL.waters[:, 1:]] - x[:, MODEL.waters[:, :1]], axis=-1)
    assert bonds == pytest.approx(0.1, abs=1e-6)


def test_a_changed_state_is_not_continued_from_its_old_checkpoint(start):
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    at(engine, start, stretch(50))
    state = engine.save()
    chlorides = MODEL.indices("Cl")
    order = np.arange(MODEL.n_atoms)
    order[chlorides] = chlorides[::-1]
    swapped = replace(state, positions=state.positions[order], velocities=state.velocities[order])
    sample = at(engine, swapped, stretch(60))[-1]
    assert np.abs(sample.observed.positions - swapped.positions).max() < 0.1


def test_a_stretch_that_is_stopped_ends_at_a_sample_and_the_next_continues(start):
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    engine.load(start)
    began = time.monotonic()
    over = lambda: time.monotonic() > began + 1.0  # noqa: E731
    first = list(engine.follow(stretch(5_000_000, over=over)))
    assert [s.step for s in first] == list(range(10, first[-1].step + 1, 10))
    assert engine.step == first[-1].step < 5_000_000
    state = engine.save()
    assert np.array_equal(state.positions, first[-1].observed.positions)
    rest = list(engine.follow(stretch(engine.step + 20)))
    assert rest[0].step == first[-1].step + 10
    assert np.abs(rest[0].observed.positions - state.positions).max() < 0.1


def test_stretches_grow_to_the_time_between_checkpoints(start):
    engine = create(MODEL, start, DYNAMICS, GROMACS)
    engine.load(start)
    lengths = []
    for _ in range(3):
        samples = list(engine.follow(stretch(10**9, seconds=2.0)))
        lengths.append(len(samples))
    assert lengths[0] == 20 and lengths[2] > 20


# --- the tether ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tether(start):
    """A tether on the ion nearest to the axis: GROMACS cannot use distances near half the box."""
    from_axis = np.hypot(*wrap(start.positions[MODEL.ions, 1:], MODEL.box[1:]).T)
    return Tether(atom=int(MODEL.ions[from_axis.argmin()]), stiffness_kJ_per_mol_nm2=8000.0)


@pytest.mark.parametrize("x, radius", [(0.0, 0.05), (0.7, 0.0), (-0.7, 5.0), (5.0, 0.05)])
def test_the_tether_s_force_is_the_formula(start, tether, x, radius):
    free = create(MODEL, start, DYNAMICS, GROMACS)
    held = create(MODEL, start, DYNAMICS, GROMACS, tether)
    before = held.potential_energy()
    held.set_tether(x, radius)
    where = start.positions[tether.atom]
    pull = tether_force(where, x, radius, tether.stiffness_kJ_per_mol_nm2, MODEL.box)
    found = held.forces() - free.forces()
    assert found[tether.atom] == pytest.approx(pull, rel=1e-4, abs=0.1)
    assert np.abs(np.delete(found, tether.atom, axis=0)).max() < 0.1
    assert held.potential_energy() == pytest.approx(before, abs=1e-3)


def test_a_moving_tether_moves_the_ion_and_is_not_in_the_energy(start, tether):
    where = start.positions[tether.atom]
    x, r = where[0], float(np.hypot(where[1], where[2]))
    engine = create(MODEL, start, DYNAMICS, GROMACS, tether)
    path = lambda t: (x + 0.3 * t, max(r - 0.5 * t, 0.05))  # noqa: E731
    samples = at(engine, start, stretch(500, Constant(1.0, 0.2), tether=path))
    moved = samples[-1].observed.positions[tether.atom] - where
    assert moved[0] == pytest.approx(0.3, abs=0.1)
    delta = samples[-1].observed.positions[tether.atom][1:]
    delta = delta - MODEL.box[1:] * np.round(delta / MODEL.box[1:])
    assert np.hypot(*delta) < max(r - 0.5, 0.05) + 0.1
    free = create(MODEL, engine.save(), DYNAMICS, GROMACS)
    last = samples[-1].observed.potential_energy
    assert last == pytest.approx(free.potential_energy(), abs=0.1)


# --- failures ------------------------------------------------------------------------------------


def test_a_system_that_blows_up_is_reported(start):
    positions = start.positions.copy()
    positions[MODEL.waters[0]] = positions[MODEL.waters[1]] + 0.01
    engine = create(MODEL, replace(start, positions=positions), DYNAMICS, GROMACS)
    with pytest.raises(FloatingPointError, match="blew up"):
        engine.advance(1000)


def test_a_run_leaves_no_files_of_gromacs(tmp_path, start):
    resources = replace(GROMACS, scratch=tmp_path)
    engine = create(MODEL, start, DYNAMICS, resources)
    for _ in engine.follow(stretch(50)):
        assert list(tmp_path.rglob("*.trr"))
    assert not list(tmp_path.rglob("*.trr"))
    del engine
    assert not list(tmp_path.iterdir())
