"""The driver in a process that is killed by signals: no row is lost or doubled.

Run as a script, `python test_driver_process.py FOLDER` is the process that is killed.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import at_rest, free_model, short_protocol, thermal_state

from januspore.engines import Resources, create
from januspore.model.state import StateFileError, read_state
from januspore.protocols.field import Constant, Sequence, SineWave, mean
from januspore.settings import Limits
from januspore.simulate.driver import Run, drive
from januspore.simulate.record import RecordFiles, read_record

WET = free_model(2, 6, (1.25, 1.25, 1.25), membrane=(("Mo", 0.0, 0.0, 0.0),))
WET_PROGRAMME = Sequence((Constant(1.6, 0.5), Constant(1.6, -0.5), SineWave(2.8, 1.0, 1500.0)))


def wet_run(folder):
    return Run(folder, "wet", WET, short_protocol(), WET_PROGRAMME, frozenset({0, 1500, 3000}))


def wet_engine(state):
    return create(WET, state, short_protocol().dynamics, Resources(platform="CPU", threads=1))


def wet_start():
    return at_rest(WET, thermal_state(WET, 3))


def start_process(folder):
    quiet = os.environ | {"JANUSPORE_QUIET": "1"}
    return subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        env=quiet,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def checkpoint_step(folder):
    try:
        return read_state(folder / "checkpoint.gsd").step
    except StateFileError:
        return 0


def wait_for_progress(process, folder, beyond, limit=60.0):
    end = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < end:
        if checkpoint_step(folder) > beyond:
            return
        time.sleep(0.01)


def assert_whole_run(folder):
    run = wet_run(folder)
    rows, _ = read_record(folder / "record.h5")
    every = run.steps_per_sample
    assert np.array_equal(rows["step"], np.arange(every, run.total_steps + 1, every))
    assert rows["time_ps"] == pytest.approx(rows["step"] * 0.002)
    wanted = [mean(WET_PROGRAMME, t - 0.02, t) for t in rows["time_ps"]]
    assert rows["field_V_per_nm"] == pytest.approx(wanted, abs=1e-9)
    assert len(rows["theta_rad"]) == rows["water_in_pore"].sum()
    assert np.isfinite(rows["potential_kJ_per_mol"]).sum() == len(rows) // 5
    # Lost or doubled displacements would not add up to the path between the first and the last
    # frame. This holds across every kill, even where trajectories diverge.
    first, last = (read_state(run.frames.path(s), "wet") for s in (0, run.total_steps))
    for name, q in (("K", 1.0), ("Cl", -1.0)):
        ions = WET.indices(name)
        path = q * (last.positions - first.positions)[ions, 0].sum()
        assert rows[f"{name}_cell_e_nm"].sum() == pytest.approx(path, abs=1e-6)
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize("moments", [4, pytest.param(15, marks=pytest.mark.slow)])
def test_a_process_killed_at_random_moments_loses_and_doubles_no_row(tmp_path, moments):
    rng = np.random.default_rng(moments)
    kills = 0
    for _ in range(moments):
        process = start_process(tmp_path)
        wait_for_progress(process, tmp_path, checkpoint_step(tmp_path))
        time.sleep(rng.uniform(0.0, 0.1))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        process.stderr.close()
    assert kills >= 3, "the run was over too soon to be killed often: make it longer"
    process = start_process(tmp_path)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert_whole_run(tmp_path)


def test_a_process_asked_to_stop_writes_a_checkpoint_that_a_new_one_continues_from(tmp_path):
    process = start_process(tmp_path)
    wait_for_progress(process, tmp_path, 0)
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "checkpoint written; run again to go on" in told
    step = checkpoint_step(tmp_path)
    assert 0 < step < wet_run(tmp_path).total_steps
    assert RecordFiles(tmp_path).reach(0, 10) == step
    process = start_process(tmp_path)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert_whole_run(tmp_path)


if __name__ == "__main__":
    os.fsync = lambda _handle: None  # as in conftest.py
    drive(wet_run(Path(sys.argv[1])), wet_start, wet_engine, Limits(checkpoint_s=0.05))
