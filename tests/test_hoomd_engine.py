"""The HOOMD-blue engine fulfils the engine interface."""

import importlib.util
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import at_rest, free_model, tiny_point, warm_up

from januspore.engines import Resources, create, minimise
from januspore.engines.hoomd_engine import HoomdEngine
from januspore.engines.hoomd_method import METHODS
from januspore.errors import InputError
from januspore.model.builder import build_state
from januspore.model.forcefield import WATER_R_OH_NM
from januspore.model.state import State, read_state, write_state
from januspore.model.system import Model, build_model
from januspore.model.velocities import temperatures
from januspore.protocols import Dynamics
from januspore.simulate.driver import Run, drive
from januspore.simulate.record import read_record
from januspore.units import BOLTZMANN, VOLT_PER_NM

pytestmark = [
    pytest.mark.hoomd,
    pytest.mark.skipif(
        importlib.util.find_spec("hoomd") is None,
        reason="HOOMD-blue is not installed (conda-forge)",
    ),
    pytest.mark.usefixtures("hoomd_method"),
]

HOOMD = Resources(engine="hoomd", platform="cpu")
DYNAMICS = Dynamics(timestep_fs=2.0, cutoff_nm=0.9)
#: A thermostat this slow has no effect, so the energy is constant.
ENERGY = Dynamics(timestep_fs=1.0, cutoff_nm=0.9, thermostat_tau_ps=1e6)


@pytest.fixture(scope="module")
def tiny() -> Model:
    return build_model(tiny_point())


@pytest.fixture(scope="module")
def relaxed(tiny, hoomd_method) -> State:
    """The tiny cell: built, minimised, and 1 ps at 300 K by HOOMD-blue."""
    rng = np.random.default_rng(5)
    engine = create(tiny, build_state(tiny, rng), DYNAMICS, HOOMD)
    return warm_up(engine, tiny, rng, 500)


def test_minimise_relaxes_the_builder_s_overlaps_and_keeps_waters_rigid(tiny):
    start = build_state(tiny, np.random.default_rng(11))
    engine = create(tiny, start, DYNAMICS, HOOMD)
    before = engine.potential_energy()
    engine.load(minimise(tiny, start, HOOMD))
    state = engine.save()
    assert engine.potential_energy() < before - 20 * len(tiny.waters)
    mobile = ~tiny.frozen
    assert np.sqrt((engine.forces()[mobile] ** 2).sum(axis=1)).max() < 2e4
    assert not engine.velocities().any()
    assert engine.step == 0
    _assert_rigid(tiny, state)
    assert np.allclose(state.positions[tiny.frozen], tiny.membrane_positions, atol=1e-12)


def test_dynamics_is_stable_from_the_minimum_and_keeps_waters_and_membrane(tiny, relaxed):
    engine = create(tiny, relaxed.restarted(relaxed.velocities), DYNAMICS, HOOMD)
    engine.advance(200)
    state = engine.save()
    _assert_rigid(tiny, state)
    assert np.abs(state.positions[tiny.frozen] - tiny.membrane_positions).max() < 1e-12
    assert not state.velocities[tiny.frozen].any()
    translation, rotation = temperatures(tiny, state.positions, state.velocities)
    assert 200 < translation < 400
    assert 200 < rotation < 400


def _assert_rigid(model: Model, state: State) -> None:
    o, h1, h2 = (state.positions[model.waters[:, k]] for k in range(3))
    for a, b in ((o, h1), (o, h2)):
        assert np.allclose(np.linalg.norm(a - b, axis=1), WATER_R_OH_NM, atol=1e-12)
    assert np.ptp(np.linalg.norm(h1 - h2, axis=1)) < 1e-12


def test_a_state_comes_back_as_it_was_given(tiny, relaxed):
    foreign = relaxed.restarted(relaxed.velocities)
    for state in (relaxed, replace(foreign, step=7, positions=foreign.positions + tiny.box)):
        engine = create(tiny, state, DYNAMICS, HOOMD)
        assert engine.step == state.step
        assert np.allclose(engine.positions(), state.positions, atol=1e-12)
        assert np.allclose(engine.velocities(), state.velocities, atol=1e-11)


def test_velocities_are_the_time_derivative_of_positions(tiny, relaxed):
    slow = Dynamics(timestep_fs=0.01, cutoff_nm=0.9)
    engine = create(tiny, relaxed.restarted(relaxed.velocities), slow, HOOMD)
    engine.advance(1)
    before, velocities = engine.positions(), engine.velocities()
    engine.advance(1)
    slope = (engine.positions() - before) / 1e-5
    mobile = ~tiny.frozen
    # Tolerance: an acceleration of a hydrogen, 1e4 nm/ps^2, times half a step of 1e-5 ps.
    assert np.abs(slope - velocities)[mobile].max() < 0.3
    assert np.sqrt(((slope - velocities)[mobile] ** 2).mean()) < 0.03


def test_degrees_of_freedom_are_the_model_s(tiny, relaxed):
    engine = create(tiny, relaxed.restarted(relaxed.velocities), ENERGY, HOOMD)
    engine.advance(1)
    hoomd = pytest.importorskip("hoomd")
    thermo = hoomd.md.compute.ThermodynamicQuantities(filter=hoomd.filter.All())
    engine._simulation.operations.computes.append(thermo)
    engine.advance(1)
    assert thermo.degrees_of_freedom == tiny.degrees_of_freedom
    velocities, positions = engine.velocities(), engine.positions()
    kinetic = 0.5 * (tiny.mass[:, None] * velocities**2).sum()
    assert thermo.kinetic_energy == pytest.approx(kinetic, rel=1e-9)
    translation, rotation = temperatures(tiny, positions, velocities)
    half = 0.5 * BOLTZMANN * tiny.degrees_of_freedom / 2
    assert half * (translation + rotation) == pytest.approx(kinetic, rel=0.05)


def test_a_restart_continues_the_same_trajectory(tiny, relaxed, tmp_path, hoomd_method):
    driven = create(tiny, relaxed, DYNAMICS, HOOMD)
    driven.set_field(1.0)
    driven.advance(20)
    write_state(tmp_path / "state.gsd", tiny, driven.save())
    other = create(tiny, read_state(tmp_path / "state.gsd"), DYNAMICS, HOOMD)
    for engine in (driven, other):
        engine.set_field(-0.5)
        engine.advance(100)
    assert other.step == driven.step == relaxed.step + 120
    # Neighbour lists differ in order, and differences of 1e-16 grow to some 1e-14 nm in 0.2 ps.
    # Sorting particles also changes the order of the mesh's sums in single precision.
    apart = np.abs(other.positions() - driven.positions()).max()
    assert apart < {"cpu": 1e-11, "gpu": 1e-5}[hoomd_method]
    a, b = driven.save().native, other.save().native
    alike = {"cpu": 1e-9, "gpu": 1e-3}[hoomd_method]
    assert np.allclose(a["thermostat"], b["thermostat"], rtol=alike, atol=1e-12)
    assert np.abs(a["thermostat"]).min() > 0


def test_without_the_thermostat_s_variables_a_restart_differs(tiny, relaxed):
    with_them = create(tiny, relaxed, DYNAMICS, HOOMD)
    without = create(tiny, relaxed.restarted(relaxed.velocities), DYNAMICS, HOOMD)
    for engine in (with_them, without):
        engine.advance(100)
    assert np.abs(with_them.positions() - without.positions()).max() > 1e-5


def test_field_pushes_an_ion_by_its_impulse():
    # A frozen, uncharged atom, so that the momentum of the moving ion is not removed as the
    # system's.
    model = free_model(1, 0, (3.0, 3.0, 3.0), membrane=(("Mo", 1.4, 1.4, 1.4),))
    model = replace(model, charge=np.where(model.frozen, 0.0, model.charge))
    positions = np.array([[1.4, 1.4, 1.4], [0.0, 0.0, 0.0], [-1.2, -1.2, -1.2]])
    dynamics = Dynamics(timestep_fs=1.0, cutoff_nm=0.6, thermostat_tau_ps=1e6)
    field, steps = 1.5, 50
    ends = []
    for value in (0.0, field):
        state = State(positions, np.zeros((3, 3)), model.box.copy())
        engine = create(model, state, dynamics, HOOMD)
        engine.set_field(value)
        engine.advance(steps)
        ends.append(engine.velocities())
    pushed = ends[1] - ends[0]
    impulse = model.charge * field * VOLT_PER_NM * steps * 1e-3 / model.mass
    assert pushed[1:, 0] == pytest.approx(impulse[1:], rel=2e-3)
    assert np.abs(pushed[1:, 1:]).max() < 1e-3 * np.abs(impulse).max()


def test_the_field_acts_on_the_forces_at_once_and_has_no_energy(tiny, relaxed):
    engine = create(tiny, relaxed, DYNAMICS, HOOMD)
    energy, forces = engine.potential_energy(), engine.forces()
    engine.set_field(0.8)
    assert engine.potential_energy() == energy
    expected = np.where(tiny.frozen, 0.0, tiny.charge) * 0.8 * VOLT_PER_NM
    assert np.allclose((engine.forces() - forces)[:, 0], expected, atol=1e-9)


def test_a_load_keeps_the_field_that_was_set(tiny, relaxed):
    engine = create(tiny, relaxed, DYNAMICS, HOOMD)
    engine.set_field(0.8)
    engine.load(relaxed.restarted(relaxed.velocities))
    engine.potential_energy()  # makes HOOMD-blue compute forces
    expected = np.where(tiny.frozen, 0.0, tiny.charge) * 0.8 * VOLT_PER_NM
    assert np.allclose(engine._forces.field.forces[engine._tags, 0], expected, atol=1e-9)


def test_total_energy_is_conserved_without_a_thermostat(tiny, relaxed):
    engine = create(tiny, relaxed.restarted(relaxed.velocities), ENERGY, HOOMD)
    totals = []
    for _ in range(10):
        engine.advance(50)
        kinetic = 0.5 * (tiny.mass[:, None] * engine.velocities() ** 2).sum()
        totals.append(engine.potential_energy() + kinetic)
    thermal = BOLTZMANN * 300 * tiny.degrees_of_freedom
    # With truncated LJ the energy changes as pairs cross the cut-off, by 1e-4 of the thermal
    # energy.
    assert np.ptp(totals) / thermal < 2e-3


def test_dynamics_that_blow_up_are_reported(tiny, relaxed):
    broken = relaxed.positions.copy()
    i, j = tiny.ions[:2]
    broken[i] = broken[j] + 0.004
    engine = create(tiny, replace(relaxed, positions=broken, engine="", native={}), DYNAMICS, HOOMD)
    with pytest.raises(FloatingPointError, match="blew up"):
        engine.advance(2000)


def test_a_gpu_s_method_follows_from_the_device(tiny, relaxed, monkeypatch):
    assert create(tiny, relaxed, DYNAMICS, HOOMD)._method is METHODS["cpu"]
    monkeypatch.setattr(HoomdEngine, "_on_gpu", lambda self: True)
    engine = create(tiny, relaxed, DYNAMICS, HOOMD)
    assert engine._method is METHODS["gpu"]
    assert engine.provenance()["real_space"] == "ewald"


def test_provenance_is_plain(tiny, relaxed):
    import json

    provenance = create(tiny, relaxed, DYNAMICS, HOOMD).provenance()
    assert json.loads(json.dumps(provenance)) == provenance
    assert provenance["name"] == "hoomd"
    assert provenance["platform"] == "cpu"
    assert provenance["precision"] in ("double", "mixed", "single")
    assert provenance["pppm_kappa_per_nm"] > 0
    # Job documents return wrappers for nested values, but a record's attributes must be plain JSON.
    assert all(isinstance(value, str | int | float) for value in provenance.values())


def test_versions_without_cpu_threads_run(tiny, relaxed, monkeypatch):
    # HOOMD-blue 5.0 removed these.
    hoomd = pytest.importorskip("hoomd")
    monkeypatch.delattr(hoomd.device.Device, "num_cpu_threads", raising=False)
    monkeypatch.delattr(hoomd.version, "tbb_enabled", raising=False)
    engine = create(tiny, relaxed, DYNAMICS, Resources("hoomd", "cpu", threads=2))
    engine.advance(1)
    assert engine.provenance()["threads"] == 1


@pytest.mark.parametrize(
    "resources, message",
    [
        (Resources("hoomd", platform="CUDA"), "JANUSPORE_PLATFORM = 'CUDA': HOOMD-blue has cpu"),
        (Resources("hoomd", "cpu", precision="half"), "JANUSPORE_PRECISION = 'half': this HOOMD"),
    ],
)
def test_bad_resources_are_refused_in_one_line(tiny, resources, message):
    state = build_state(tiny, np.random.default_rng(0))
    with pytest.raises(InputError, match=message) as caught:
        create(tiny, state, DYNAMICS, resources)
    assert "\n" not in str(caught.value)


def test_a_gpu_that_is_not_there_is_refused(tiny, monkeypatch):
    from januspore.engines import hoomd_library

    monkeypatch.setattr(hoomd_library, "sees_gpu", lambda: False)
    with pytest.raises(InputError, match="'gpu': HOOMD-blue sees no GPU"):
        hoomd_library.device(hoomd_library.library(), Resources("hoomd", "gpu"))


def test_two_mpi_ranks_are_refused(monkeypatch):
    from januspore.engines import hoomd_library

    hoomd = hoomd_library.library()
    communicator = type(hoomd.communicator.Communicator())
    monkeypatch.setattr(communicator, "num_ranks", property(lambda self: 2))
    with pytest.raises(InputError, match="one replica on one MPI rank, not on 2"):
        hoomd_library.device(hoomd, HOOMD)


def test_loading_leaves_signals_and_the_exception_hook_alone():
    from januspore.engines.hoomd_library import library

    on_terminate, hook = signal.getsignal(signal.SIGTERM), sys.excepthook
    library.cache_clear()
    library()
    assert signal.getsignal(signal.SIGTERM) is on_terminate
    assert sys.excepthook is hook


def test_the_driver_runs_stops_and_continues_with_hoomd(
    tiny, relaxed, tmp_path, monkeypatch, hoomd_method
):
    """A run without and one with a stop in the middle give the same record."""
    point = tiny_point("sine", frequency_GHz=2500.0, cycles=2)
    whole, parted = (_run(tmp_path / name, tiny, point) for name in ("whole", "parted"))

    def start() -> State:
        return replace(relaxed, step=0, carry={})

    def make(state: State):
        return create(tiny, state, point.protocol.dynamics, HOOMD)

    drive(whole, start, make)

    def stopping(state: State):
        engine = make(state)
        advance = engine.advance

        def once(steps: int) -> None:
            advance(steps)
            if engine.step == 200:
                signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(engine, "advance", once)
        return engine

    with pytest.raises(SystemExit):
        drive(parted, start, stopping)
    assert not (parted.folder / "record.h5").exists()
    drive(parted, start, make)
    rows, again = (read_record(run.folder / "record.h5")[0] for run in (whole, parted))
    assert rows.columns["step"].tolist() == again.columns["step"].tolist()
    assert len(rows.columns["step"]) == whole.total_steps // whole.steps_per_sample
    for name in ("K_cell_e_nm", "Cl_cell_e_nm", "T_trans_K", "T_rot_K"):
        # With sorted particles trajectories diverge sooner; see the test of a restart above.
        alike = {"cpu": 1e-9, "gpu": 1e-5}[hoomd_method]
        assert np.allclose(rows[name], again[name], rtol=1e3 * alike, atol=alike, equal_nan=True)


def _run(folder: Path, model: Model, point) -> Run:
    return Run(
        folder=folder,
        owner="a" * 32,
        model=model,
        protocol=point.protocol,
        programme=point.protocol.programme(),
        frame_steps=frozenset({0}),
        attributes=dict,
    )


def test_ions_without_water_run():
    model = free_model(8, 0, (2.0, 2.0, 2.0), membrane=(("S", 0.0, 0.0, 0.0),))
    model = replace(model, charge=np.where(model.frozen, 0.0, model.charge))
    dynamics = Dynamics(timestep_fs=1.0, cutoff_nm=0.6)
    engine = create(model, at_rest(model), dynamics, HOOMD)
    engine.advance(10)
    assert np.isfinite(engine.positions()).all()
