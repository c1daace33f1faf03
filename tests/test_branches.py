"""Paired pulses in simulations: a branch equals a separate run."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from januspore.run import operations
from januspore.run.initialise import init_command
from januspore.schema import state_point
from januspore.simulate.layout import branch, frame, trajectory
from januspore.simulate.record import read_record
from januspore.space.conditions import is_equilibrated, is_recorded
from januspore.space.dataspace import dump, open_project, parent_job, point_of
from januspore.verify import jobs as verify

STUDY = """
seeds = "0:1"
[cell]
repeats_y = 5
repeats_z = 3
reservoir_nm = 0.8
[dynamics]
timestep_fs = 2.0
cutoff_nm = 0.6
[recording]
sample_interval_ps = 0.02
energy_interval_ps = 0.1
frame_interval_ps = 0.1
[equilibration]
count = 1
relax_ps = 0.1
snapshot_interval_ps = 0.1
[[charge_sets]]
Mo = 1.06
S = -0.61
Se = -0.45
[[protocols]]
name = "paired_pulse"
mode = "facilitation"
preparation_V_per_nm = 2.0
preparation_ps = 0.1
pulse_V_per_nm = 0.7
pulse_ps = 0.08
rest_V_per_nm = 0.5
delays_ps = [0.04, 0.1]
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A data space with one paired-pulse job, simulated."""
    folder = tmp_path_factory.mktemp("space")
    (folder / "short.toml").write_text(STUDY)
    init_command(["--study", str(folder / "short.toml")], folder)
    project = open_project(folder)
    (job,) = project.find_jobs({"protocol.name": "paired_pulse"})
    parent = parent_job(job, point_of(job))
    operations.simulate(parent)
    assert is_equilibrated(parent)
    with pytest.MonkeyPatch.context() as patch:
        # The Reference platform is deterministic, so results can be equal bit for bit.
        patch.setenv("JANUSPORE_PLATFORM", "Reference")
        operations.simulate(job)
    return project, job


@pytest.fixture(autouse=True)
def on_reference(monkeypatch):
    monkeypatch.setenv("JANUSPORE_PLATFORM", "Reference")


def test_branches_equal_separate_runs_segment_by_segment(jobs, capsys):
    project, job = jobs
    assert is_recorded(job)
    operations.simulate(job)  # does nothing the second time, but prints the time saved
    assert "ps saved by branching" in capsys.readouterr().out
    protocol = point_of(job).protocol
    for k, delay in enumerate(protocol.delays_ps):
        # A separate run: one programme with this delay only, followed by the second pulse.
        data = dump(point_of(job))
        data["protocol"] = {
            **data["protocol"],
            "name": "pulse_train",
            "delay_ps": delay,
            "pulses": 2,
        }
        del data["protocol"]["delays_ps"]
        separate = project.open_job(dump(state_point(data))).init()
        operations.simulate(separate)
        whole, _ = read_record(trajectory(separate) / "record.h5")
        tail, _ = read_record(branch(job, k) / "record.h5")
        begin = np.searchsorted(whole["step"], tail["step"][0])
        assert whole["step"][begin:].tolist() == tail["step"].tolist()
        for name in ("field_V_per_nm", "K_cell_e_nm", "Cl_cell_e_nm", "T_rot_K"):
            assert np.array_equal(whole[name][begin:], tail[name], equal_nan=True), (delay, name)
        length = protocol.branches()[k].programme.duration_ps
        assert tail["time_ps"][-1] == pytest.approx(length)


def test_a_killed_branch_continues_and_a_finished_job_does_nothing(jobs):
    _, job = jobs
    first = {p: p.read_bytes() for p in Path(job.path).rglob("record.h5")}
    # As after a kill before the second branch: its folder is missing, all else is there.
    for path in sorted(branch(job, 1).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert not is_recorded(job)
    operations.simulate(job)
    again, _ = read_record(branch(job, 1) / "record.h5")
    assert is_recorded(job) and len(again) == 4
    untouched = [p for p in first if "001" not in p.parts]
    assert all(p.read_bytes() == first[p] for p in untouched)


def test_the_trunk_makes_a_lost_frame_again_that_a_branch_starts_from(jobs):
    _, job = jobs
    lost = branch(job, 0) / "record.h5"
    first, _ = read_record(lost)
    shutil.rmtree(lost.parent)
    frame(job, 110).unlink()
    operations.simulate(job)
    again, _ = read_record(lost)
    assert frame(job, 110).exists() and is_recorded(job)
    for name in ("step", "K_cell_e_nm", "T_rot_K"):
        assert np.array_equal(first[name], again[name], equal_nan=True), name


def test_a_branch_lost_after_its_analysis_is_reported_and_repaired(jobs):
    project, job = jobs
    operations.analyse(job)
    shutil.rmtree(branch(job, 1))
    assert is_recorded(job)  # after the analysis the branches are not checked again
    fault = next(verify.faults(job, verify.Families(list(project))))
    assert fault.path == branch(job, 1) and "a branch is lost" in fault.what
    fault.repair()
    assert not is_recorded(job)
    operations.simulate(job)
    operations.analyse(job)
    assert not list(verify.faults(job, verify.Families(list(project))))


def test_frames_that_branches_start_from_are_kept(jobs):
    _, job = jobs
    for step in (110, 140):  # (0.1 + 0.08 + delay) ps / 2 fs
        assert frame(job, step).exists()
