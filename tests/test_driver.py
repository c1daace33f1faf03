"""The driver: impulses arrive exactly; a run killed at any moment goes on as if it never was."""

import errno
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import Guillotine, Killed, free_model, short_protocol, thermal_state, tiny_point
from scipy.integrate import quad

from januspore.engines import Resources, create
from januspore.engines.step_by_step import StepByStep
from januspore.engines.stretch import Observed
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
    # The mesh's own pull on the ion is below 0.1 kJ/mol/nm at this tolerance: its impulse.
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
    # Velocities are half a step off positions in a leapfrog.
    tolerance = mesh * length + 0.002 * max(gained)
    assert moved == pytest.approx(2.0 * length + per_field * fallen[0], abs=tolerance)
    wanted = [mean(programme, t - 0.02, t) for t in rows["time_ps"]]
    assert rows["field_V_per_nm"] == pytest.approx(wanted, abs=1e-9)


# --- killed by an exception at every moment, on a toy engine -----------------------------------

TOY = free_model(3, 0, (1.3, 1.3, 1.3))
TOY_STEPS = 60
TOY_PROGRAMME = Sequence((Constant(0.04, 1.0), SineWave(0.08, 2.0, 8000.0)))


@dataclass
class ToyEngine(StepByStep):
    """Free flight in the field, with a variable of its own; `at_step` is called as time goes on."""

    at_step: object = None
    name: str = "toy"
    step: int = 0

    def load(self, state):
        self.step, self.x, self.v = state.step, state.positions.copy(), state.velocities.copy()
        self.memory = state.native.get("memory", np.zeros(1)).copy()
        return self

    def save(self):
        native = {"memory": self.memory.copy()}
        return State(self.x.copy(), self.v.copy(), TOY.box, self.step, self.name, native)

    def set_field(self, field):
        self.field = field

    def advance(self, steps):
        for _ in range(steps):
            self.memory = np.cos(self.memory + self.v[0, 0])
            self.v[:, 0] += 0.002 * TOY.charge * self.field * VOLT_PER_NM / TOY.mass
            self.v[:, 1] += 0.01 * self.memory
            self.x += 0.002 * self.v
            self.step += 1
        if self.at_step:
            self.at_step(self)

    def observe(self, energies):
        if not energies:
            return Observed(self.x.copy())
        return Observed(self.x.copy(), self.v.copy(), float(self.memory[0]))


def toy_start():
    state = thermal_state(TOY)
    return replace(state, velocities=state.velocities * 30.0)  # fast enough to cross and to wrap


def toy_run(folder):
    told = {"engine": "toy"}
    frames = frozenset({0, 20, TOY_STEPS})
    return Run(folder, "toy", TOY, short_protocol(), TOY_PROGRAMME, frames, attributes=lambda: told)


def toy_drive(folder, at_step=None, initial=toy_start, seconds=0.0):
    drive(toy_run(folder), initial, lambda s: ToyEngine(at_step).load(s), Limits(seconds))


def never(*_):
    raise AssertionError("must not be called")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    toy_drive(folder, seconds=1e9)
    rows, _ = read_record(folder / "record.h5")
    assert rows["step"].tolist() == list(range(10, TOY_STEPS + 1, 10))
    assert rows["K_forward"].sum() + rows["K_backward"].sum() > 0
    return folder


def assert_as_if_never_interrupted(folder, uninterrupted):
    found, attributes = read_record(folder / "record.h5")
    expected, _ = read_record(uninterrupted / "record.h5")
    for name, column in expected.columns.items():
        assert np.array_equal(found[name], column, equal_nan=True), name
    assert attributes == {"engine": "toy"}
    for frame in sorted((uninterrupted / "frames").iterdir()):
        assert (folder / "frames" / frame.name).read_bytes() == frame.read_bytes()
    assert not [p for p in folder.rglob("*") if p.name.endswith(".tmp")]
    assert not (folder / "parts").exists()


def test_the_toy_s_displacements_telescope_to_its_path(uninterrupted):
    rows, _ = read_record(uninterrupted / "record.h5")
    end = read_state(toy_run(uninterrupted).frames.path(TOY_STEPS))
    moved = (end.positions - toy_start().positions)[TOY.indices("Cl"), 0]
    assert rows["Cl_cell_e_nm"].sum() == pytest.approx(-moved.sum(), abs=1e-12)


def test_a_run_killed_once_at_any_file_operation_goes_on_to_the_same_record(
    tmp_path, uninterrupted
):
    # Each operation of the first three chunks, and every seventh of the rest, which is alike.
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


def stop_by(number, step):
    def at_step(engine):
        if engine.step == step:
            signal.raise_signal(number)

    return at_step


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [10, 30, 50])
def test_a_signal_ends_the_run_after_a_checkpoint_and_it_can_go_on(
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
def test_a_run_whose_time_is_nearly_up_stops_after_a_checkpoint_and_can_go_on(
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
        with pytest.raises(SystemExit):  # with no time left, nothing is begun
            drive(toy_run(tmp_path), never, never, limits)
    toy_drive(tmp_path, initial=never)
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_a_signal_in_the_last_interval_lets_the_run_finish(tmp_path, uninterrupted):
    toy_drive(tmp_path, stop_by(signal.SIGTERM, TOY_STEPS), seconds=1e9)
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def stopped_at_40(folder):
    """A run with checkpoints at 30 and 40."""
    with pytest.raises(SystemExit):
        toy_drive(folder, stop_by(signal.SIGTERM, 40))
    assert read_state(folder / "checkpoint.previous.gsd").step == 30


def spoil(path, how):
    content = path.read_bytes()
    if how == "torn":
        path.write_bytes(content[: len(content) // 3])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(content[:300] + bytes([content[300] ^ 4]) + content[301:])


@pytest.mark.parametrize("how", ["torn", "empty", "flipped"])
def test_a_damaged_checkpoint_is_passed_over_for_the_previous_one(
    tmp_path, uninterrupted, how, capsys
):
    stopped_at_40(tmp_path)
    spoil(tmp_path / "checkpoint.gsd", how)
    toy_drive(tmp_path, initial=never)
    assert "checkpoint passed over" in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_a_damaged_checkpoint_never_takes_the_place_of_a_whole_one(tmp_path, uninterrupted):
    """Not even by a kill while the next checkpoint is written: `initial` is never asked again."""
    stopped_at_40(tmp_path / "stopped")
    spoil(tmp_path / "stopped" / "checkpoint.gsd", "torn")
    for moment in range(20):
        folder = tmp_path / str(moment)
        shutil.copytree(tmp_path / "stopped", folder)
        with pytest.MonkeyPatch.context() as patch:
            blade = Guillotine(patch, moment)
            with suppress(Killed):
                toy_drive(folder, initial=never)
        assert blade.fell
        toy_drive(folder, initial=never)
        assert_as_if_never_interrupted(folder, uninterrupted)


def test_with_both_checkpoints_damaged_the_run_starts_again(tmp_path, uninterrupted):
    stopped_at_40(tmp_path)
    for name in ("checkpoint.gsd", "checkpoint.previous.gsd"):
        spoil(tmp_path / name, "torn")
    toy_drive(tmp_path)
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_another_job_s_checkpoint_is_not_gone_on_from(tmp_path, uninterrupted, capsys):
    stopped_at_40(tmp_path)
    stranger = replace(toy_run(tmp_path), owner="stranger")
    drive(stranger, toy_start, lambda s: ToyEngine().load(s))
    assert "belongs to job toy, not to stranger" in capsys.readouterr().err
    rows, _ = read_record(tmp_path / "record.h5")
    assert rows["step"][0] == 10


def test_lost_rows_are_simulated_again_from_the_newest_frame_before_them(
    tmp_path, uninterrupted, capsys
):
    stopped_at_40(tmp_path)
    sorted((tmp_path / "parts").iterdir())[-1].unlink()  # rows to 30 are left, a frame at 20
    toy_drive(tmp_path, initial=never)
    assert "rows are lost after step 30; simulated again from 20" in capsys.readouterr().err
    assert (tmp_path / "checkpoint.gsd.damaged").exists()
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_rows_lost_in_the_midst_are_simulated_again(tmp_path, uninterrupted, capsys):
    stopped_at_40(tmp_path)
    sorted((tmp_path / "parts").iterdir())[1].unlink()
    toy_drive(tmp_path, initial=never)
    assert "rows are lost after step 10; simulated again from 0" in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_without_checkpoints_a_run_goes_on_from_its_newest_frame(tmp_path, uninterrupted, capsys):
    stopped_at_40(tmp_path)
    for checkpoint in tmp_path.glob("checkpoint*"):
        checkpoint.unlink()
    toy_drive(tmp_path, initial=never)
    assert "the checkpoint is lost; simulated again from 20" in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def test_a_whole_record_needs_no_checkpoint(tmp_path):
    toy_drive(tmp_path)
    for checkpoint in tmp_path.glob("checkpoint*"):
        checkpoint.unlink()
    before = tree_of(tmp_path)
    drive(toy_run(tmp_path), never, never)
    assert tree_of(tmp_path) == before


@pytest.mark.parametrize(
    ("lost", "told"), [(20, "step 20 is lost; simulated again from 0"), (TOY_STEPS, "")]
)
def test_a_lost_frame_that_others_start_from_is_made_again(
    tmp_path, uninterrupted, capsys, lost, told
):
    toy_drive(tmp_path)
    run = replace(toy_run(tmp_path), needed=frozenset({20, TOY_STEPS}))
    run.frames.path(lost).unlink()
    capsys.readouterr()
    drive(run, never, lambda s: ToyEngine().load(s), Limits(0.0))
    assert told in capsys.readouterr().err
    assert_as_if_never_interrupted(tmp_path, uninterrupted)


def tree_of(folder):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*.*")}


def test_a_finished_run_is_left_alone(tmp_path):
    toy_drive(tmp_path)
    before = tree_of(tmp_path)
    drive(toy_run(tmp_path), never, never)
    assert tree_of(tmp_path) == before


def test_a_longer_programme_goes_on_from_a_finished_run(tmp_path):
    """More snapshots asked of an equilibration make its programme longer."""
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


def test_a_disk_that_fills_up_at_any_write_tears_nothing(tmp_path, uninterrupted):
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
        assert not list(folder.rglob(".*.tmp"))  # the disk has that room again
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
