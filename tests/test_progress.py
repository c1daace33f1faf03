"""Progress of a data space, from its files, and the progress lines of a run."""

import os
from types import SimpleNamespace

import pytest
from test_workflow import copy_project

from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.run.flow_project import PatientProject
from januspore.run.initialise import init_command
from januspore.run.pace import Pace
from januspore.run.progress import progress_of, verdict
from januspore.simulate.layout import branch, frame, trajectory
from januspore.space.conditions import stage
from januspore.space.dataspace import open_project, point_of, protocol_of, snapshots_of
from januspore.space.lock import locked


@pytest.fixture
def space(tmp_path):
    """A data space of two sines, each with its equilibration: 0.4 and 2 ps in the tiny cell."""
    folder = copy_project(tmp_path)
    init_command(["--protocol", "sine"], folder)
    return open_project(folder)


def jobs_of(space, name):
    found = [job for job in space if job.cached_statepoint["protocol"]["name"] == name]
    return sorted(found, key=lambda job: job.cached_statepoint["seed"])


def leave_record(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.h5").touch()


def equilibrated(job):
    leave_record(trajectory(job))
    for step in protocol_of(job).snapshots.steps(snapshots_of(job)):
        frame(job, step).parent.mkdir(exist_ok=True)
        frame(job, step).touch()


def leave_parts(job, ends, seconds):
    """Write parts of rows up to given steps, with given times between their files."""
    folder = trajectory(job) / "parts"
    folder.mkdir(parents=True)
    for k, step in enumerate(ends):
        part = folder / f"{step:015d}.h5"
        part.touch()
        os.utime(part, (1_000_000 + k * seconds,) * 2)


def test_a_job_goes_through_its_stages(space):
    parent, sine = jobs_of(space, "equilibrate")[0], jobs_of(space, "sine")[0]
    assert (stage(parent), stage(sine)) == ("ready", "waiting")
    with locked(trajectory(parent)):
        assert stage(parent) == "simulating"
    leave_parts(parent, [100], 30)
    assert stage(parent) == "begun"
    (trajectory(parent) / "parts" / f"{100:015d}.h5").unlink()
    (trajectory(parent) / "parts").rmdir()
    equilibrated(parent)
    assert (stage(parent), stage(sine)) == ("recorded", "ready")
    # A later sweep needs more snapshots.
    parent.doc["snapshots"] = 7
    assert stage(parent) == "begun"


def test_a_job_whose_lock_was_abandoned_is_not_running(space):
    sine = jobs_of(space, "sine")[0]
    trajectory(sine).mkdir()
    (trajectory(sine) / "lock").write_text("another-host 1 abc")
    assert stage(sine) == "simulating"
    os.utime(trajectory(sine) / "lock", (1_000_000,) * 2)
    assert stage(sine) == "waiting"


def test_speed_and_time_left_follow_from_the_parts_on_disk(space):
    first, second = jobs_of(space, "sine")
    point = point_of(first)
    dt, total = point.protocol.dynamics.timestep_ps, point.protocol.simulated_ps()
    atoms = build_model(point).n_atoms
    steps = [round(share * total / dt) for share in (0.1, 0.2, 0.3, 0.4)]
    leave_parts(first, steps, 50)
    # The run was interrupted for an hour after its second part.
    for part in sorted((trajectory(first) / "parts").iterdir())[2:]:
        os.utime(part, (part.stat().st_mtime + 3600,) * 2)
    with locked(trajectory(first)), locked(trajectory(second)):
        found = progress_of([first, second])
    one, other = sorted(found.running, key=lambda running: running.done_ps, reverse=True)
    assert one.job == first.id and one.done_ps == pytest.approx(0.4 * total)
    assert one.ps_per_s == pytest.approx(0.1 * total / 50, rel=1e-6)
    assert one.atom_steps_per_s == pytest.approx(0.1 * total / 50 / dt * atoms, rel=1e-6)
    assert other.ps_per_s is None and other.done_ps == 0
    assert (found.done_ps, found.total_ps) == pytest.approx((0.4 * total, 2 * total))
    assert found.left_atom_steps == pytest.approx(1.6 * total / dt * atoms)
    # 1.6 runs are left and two run at a time, which takes as long as 0.8 of one.
    assert found.seconds_left == pytest.approx(0.8 * 500, rel=1e-6)


def test_progress_of_branches_counts_from_their_start(tmp_path):
    folder = copy_project(tmp_path)
    init_command(["--protocol", "paired_pulse", "--seeds", "0"], folder)
    (job,) = jobs_of(open_project(folder), "paired_pulse")
    protocol = protocol_of(job)
    own = protocol.branches()
    leave_record(trajectory(job))
    leave_record(branch(job, 0))
    assert stage(job) == "begun"
    trunk = protocol.programme().duration_ps
    first = own[0].programme.duration_ps - own[0].leaves_ps
    found = progress_of([job])
    assert found.done_ps == pytest.approx(trunk + first)
    assert found.total_ps == pytest.approx(protocol.simulated_ps()) and found.running == ()
    assert found.seconds_left is None


def test_without_jobs_init_py_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SIGNAC_FLOW_ENVIRONMENT", "StandardEnvironment")
    folder = copy_project(tmp_path)
    assert "init.py" in verdict(open_project(folder))
    project = open_project(folder, type("Empty", (PatientProject,), {}))
    project.run()
    project.print_status()
    assert capsys.readouterr().out.count("no jobs here; python init.py makes them") == 2


def test_all_is_done_when_products_are_made(space, monkeypatch):
    assert verdict(space) == ""
    monkeypatch.setattr("januspore.run.progress.stage", lambda _job: "analysed")
    assert verdict(space) == ""
    monkeypatch.setattr("januspore.products.product.Product.is_made", lambda *_jobs: True)
    groups = sum(len(product.groups(space)) for product in PRODUCTS)
    assert verdict(space).startswith(f"all done: 4 jobs, {groups} products")


def operation(name, *jobs):
    return SimpleNamespace(name=name, _jobs=jobs)


def test_a_run_prints_the_progress_of_all_jobs(space, monkeypatch, capsys):
    monkeypatch.delenv("JANUSPORE_QUIET")
    parents = jobs_of(space, "equilibrate")
    passes = [operation("equilibrate", job) for job in parents]
    pace = Pace(space)
    pace.expect(passes)
    equilibrated(parents[0])
    pace.begin(passes[0])
    pace.end(passes[0])
    told = capsys.readouterr().err
    assert told.startswith("1 of 4 jobs simulated, about") and told.endswith(" left\n")
    pace.end(passes[1])  # which failed, so nothing is on disk
    assert capsys.readouterr().err.startswith("1 of 4 jobs simulated")
    analyses = [operation("analyse", job) for job in [*parents, *jobs_of(space, "sine")]]
    pace.expect(analyses)
    for one in analyses:
        pace.end(one)
    told = capsys.readouterr().err
    assert told == "1 of 4 analyses done\n4 of 4 analyses done\n"
    product = operation("ie_curve", *jobs_of(space, "sine"))
    pace.expect([product])
    pace.begin(product)
    pace.end(product)
    assert capsys.readouterr().err == "ie_curve of 2 jobs\n1 of 1 products made\n"


def test_a_quiet_run_prints_no_progress(space, capsys):
    pace, one = Pace(space), operation("ie_curve", *jobs_of(space, "sine"))
    pace.expect([one, one])
    pace.begin(one)
    pace.end(one)
    assert capsys.readouterr().err == ""
