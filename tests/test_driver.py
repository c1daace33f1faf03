"""The driver: exact impulses, and runs killed at any moment that continue to the same record."""

import errno
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import Guillotine, Killed, free_model, short_protocol, tiny_point
from scipy.integrate import quad
from toy import (
    TOY,
    TOY_STEPS,
    ToyEngine,
    assert_as_if_never_interrupted,
    never,
    stop_by,
    straight_run,
    toy_drive,
    toy_run,
    toy_start,
    tree_of,
)

from januspore.engines import Resources, create
from januspore.model.state import State, read_state
from januspore.protocols.field import Constant, Ramp, Sequence, SineWave, mean
from januspore.settings import OUT_OF_TIME, Limits
from januspore.simulate.driver import Run, drive
from januspore.simulate.record import RecordFiles, read_record
from januspore.units import VOLT_PER_NM

# --- one ion in a box --------------------------------------------------------------------------

SEGMENTS = {
    "constant": Constant(0.8, 0.9),
    "negative constant": Constant(0.8, -1.3),
    "sine": SineWave(0.8, 1.2, 900.0),
    "sine with phase": SineWave(0.8, 1.2, 2100.0, 0.7),
    "ramp": Ramp(0.8, -0.4, 1.2),
    "sequence": Sequence(
        (
            Constant(0.2, 1.0),
            Sequence((SineWave(0.3, 0.8, 1700.0, -0.4), Constant(0.06, 0.0))),
            Constant(0.24, -0.5),
        )
    ),
}


def lone_ion(name):
    model = free_model(1, 0, (1.3, 1.4, 1.5))
    keep = model.indices(name)
    fields = ("type_id", "mass", "charge", "sigma", "epsilon")
    return replace(model, **{f: getattr(model, f)[keep] for f in fields})


@pytest.mark.parametrize("ion", ["K", "Cl"])
@pytest.mark.parametrize("segment", SEGMENTS)
def test_one_ion_gains_the_field_s_impulse_over_its_mass(tmp_path, segment, ion):
    model, programme = lone_ion(ion), SEGMENTS[segment]
    # A thermostat too heavy to act within a picosecond.
    dynamics = short_protocol(thermostat_tau_ps=1e6)
    steps = range(0, 401, 40)
    run = Run(tmp_path, "ion", model, dynamics, programme, frozenset(steps))
    start = State(np.array([[0.1, 0.2, 0.3]]), np.array([[2.0, 0.0, 0.0]]), model.box)
    make = lambda state: create(  # noqa: E731
        model, state, dynamics.dynamics, Resources(platform="CPU", threads=1)
    )
    drive(run, lambda: start, make)
    per_field = model.charge[0] * VOLT_PER_NM / model.mass[0]
    # At this tolerance the mesh exerts less than 0.1 kJ/mol/nm on the ion; this is its impulse.
    mesh = 0.1 * programme.duration_ps / model.mass[0]
    gained = []
    for step in steps:
        velocity = read_state(run.frames.path(step), "ion").velocities[0]
        expected = 2.0 + per_field * programme.integral(0.0, step * 0.002)
        assert velocity[0] == pytest.approx(expected, abs=mesh)
        assert velocity[1:] == pytest.approx([0.0, 0.0], abs=mesh)
        gained.append(abs(expected - 2.0))
    assert max(gained) > 100 * mesh
    rows, _ = read_record(tmp_path / "record.h5")
    moved = rows[f"{ion}_cell_e_nm"].sum() / model.charge[0]
    length = programme.duration_ps
    marks = [t for t, _ in programme.leaves()]
    fallen = quad(lambda t: (length - t) * programme.value(t), 0, length, points=marks[1:] or None)
    # In a leapfrog integrator velocities are half a step behind positions.
    tolerance = mesh * length + 0.002 * max(gained)
    assert moved == pytest.approx(2.0 * length + per_field * fallen[0], abs=tolerance)
    wanted = [mean(programme, t - 0.02, t) for t in rows["time_ps"]]
    assert rows["field_V_per_nm"] == pytest.approx(wanted, abs=1e-9)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return straight_run(tmp_path_factory.mktemp("straight"))


def test_the_toy_s_displacements_add_up_to_its_path(uninterrupted):
    rows, _ = read_record(uninterrupted / "record.h5")
    end = read_state(toy_run(uninterrupted).frames.path(TOY_STEPS))
    moved = (end.positions - toy_start().positions)[TOY.indices("Cl"), 0]
    assert rows["Cl_cell_e_nm"].sum() == pytest.approx(-moved.sum(), abs=1e-12)


def test_a_run_killed_at_any_file_operation_continues_to_the_same_record(tmp_path, uninterrupted):
    # Each operation of the first three chunks; of the others, which are alike, every seventh.
    for moment in [*range(45), *range(45, 1000, 7)]:
        folder = tmp_path / str(moment)
        with pytest.MonkeyPatch.context() as patch:
            blade = Guillotine(patch, moment)
            with suppress(Killed):
                toy_drive(folder)
        if not blade.fell:
            assert moment > 30
            return
        toy_drive(folder, seconds=1e9)
        assert_as_if_never_interrupted(folder, uninterrupted)
    raise AssertionError("never came to an end")


@pytest.mark.parametrize("seed", range(6))
def test_a_run_killed_again_and_again_ends_with_the_same_record(tmp_path, uninterrupted, seed):
    rng = np.random.default_rng(seed)
    for _ in range(500):
        with pytest.MonkeyPatch.context() as patch:
            blade = Guillotine(patch, int(rng.integers(0, 25)))
            with suppress(Killed):
                toy_drive(tmp_path)
        if not blade.fell:
            assert_as_if_never_interrupted(tmp_path, uninterrupted)
            return
    raise AssertionError("made no progress")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [10, 30, 50])
def test_a_signal_ends_the_run_after_a_checkpoint_and_it_can_continue(
    tmp_path, uninterrupted, number, step, capsys
):
    before = signal.getsignal(number)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as caught:
        toy_drive(tmp_path, stop_by(number, step), seconds=1e9)
    assert signal.getsignal(number) is before
    if number == signal.SIGTERM:
        assert caught.value.code == 128 + signal.SIGTERM
    assert "checkpoint written" in capsys.readouterr().err
    assert read_state(tmp_path / "checkpoint.gsd", "toy").step == step
    assert RecordFiles(tmp_path).reach(0, 10) == step
    toy_drive(tmp_path, initial=never)
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


@pytest.mark.parametrize("step", [10, 30, 50])
def test_a_run_near_its_walltime_stops_after_a_checkpoint_and_can_continue(
    tmp_path, uninterrupted, step, capsys
):
    limits = Limits(end=time.time() + 1000.0, margin_s=100.0)
    with pytest.MonkeyPatch.context() as patch:

        def at_step(engine):
            if engine.step == step:
                patch.setattr(time, "time", lambda: limits.end - 99.0)

        with pytest.raises(SystemExit) as caught:
            drive(toy_run(tmp_path), toy_start, lambda s: ToyEngine(at_step).load(s), limits)
        assert caught.value.code == OUT_OF_TIME
        assert "run again to go on" in capsys.readouterr().err
        assert read_state(tmp_path / "checkpoint.gsd", "toy").step == step
        with pytest.raises(SystemExit):  # with no time left, no segment is begun
            drive(toy_run(tmp_path), never, never, limits)
    toy_drive(tmp_path, initial=never)
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_a_signal_in_the_last_interval_lets_the_run_finish(tmp_path, uninterrupted):
    toy_drive(tmp_path, stop_by(signal.SIGTERM, TOY_STEPS), seconds=1e9)
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_a_finished_run_is_not_changed(tmp_path):
    toy_drive(tmp_path)
    before = tree_of(tmp_path)
    drive(toy_run(tmp_path), never, never)
    assert tree_of(tmp_path) == before


def test_a_longer_programme_continues_a_finished_run(tmp_path):
    """The programme of an equilibration becomes longer if more snapshots are needed."""
    whole = Constant(0.2, 0.3)
    straight = replace(toy_run(tmp_path / "straight"), programme=whole)
    drive(straight, toy_start, lambda s: ToyEngine().load(s))
    extended = replace(toy_run(tmp_path / "extended"), programme=Constant(0.1, 0.3))
    drive(extended, toy_start, lambda s: ToyEngine().load(s), Limits(0.0))
    extended = replace(extended, programme=whole)
    drive(extended, never, lambda s: ToyEngine().load(s), Limits(0.0))
    one, other = (read_record(r.folder / "record.h5")[0] for r in (straight, extended))
    for name, column in one.columns.items():
        assert np.array_equal(other[name], column, equal_nan=True), name


def test_a_full_disk_at_any_write_leaves_no_partial_file(tmp_path, uninterrupted):
    for write in range(1000):
        folder, left = tmp_path / str(write), [write]

        def full(_handle, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.fsync", full)
            try:
                toy_drive(folder)
            except OSError as error:
                assert error.errno == errno.ENOSPC
            else:
                assert write > 20
                return
        assert not list(folder.rglob(".*.tmp"))  # so that their space is free again
        toy_drive(folder)
        assert_as_if_never_interrupted(folder, uninterrupted)
    raise AssertionError("never came to an end")


def test_a_run_that_blows_up_keeps_its_last_checkpoint(tmp_path):
    def burst(engine):
        if engine.step == 40:
            engine.x[0, 0] = np.nan

    with pytest.raises(FloatingPointError, match="step 40"):
        toy_drive(tmp_path, burst)
    assert read_state(tmp_path / "checkpoint.gsd", "toy").step == 30
    assert RecordFiles(tmp_path).reach(0, 10) == 30


def test_the_tiny_cell_s_protocol_fits_the_driver():
    run = Run(
        Path(),
        "",
        free_model(1, 0, (1.3, 1.4, 1.5)),
        tiny_point().protocol,
        Constant(20.0, 0.0),
        frozenset(),
    )
    assert (run.total_steps, run.steps_per_sample) == (10_000, 50)
