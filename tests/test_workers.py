"""`project.py run --parallel`: workers stop, fail and finish as a single process does."""

import errno
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import signac
from test_workflow import ROOT, copy_project

from januspore.__main__ import main
from januspore.errors import InputError, SettingError, told_in_one_line
from januspore.run import workers
from januspore.run.failures import Ledger, marked
from januspore.run.flow_project import _longest_first
from januspore.run.initialise import init_command
from januspore.run.progress import left_atom_steps
from januspore.run.workers import Failure, one_by_one, side_by_side
from januspore.space.conditions import is_analysed, is_equilibrated

COMMAND = (sys.executable, "project.py", "run", "--parallel", "2")


def start(space, *command, **settings):
    """Start a command in a data space, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "JANUSPORE_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=space,
        env={**environment, **settings},
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def ended(process, status, whole=False):
    """Wait for the end; return its last line or its output. No process of it may remain."""
    try:
        _, said = process.communicate(timeout=120)
        assert process.returncode == status, said
        assert "Traceback" not in said
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return said if whole else (said.strip().splitlines() or [""])[-1]


@pytest.fixture
def space(tmp_path):
    """A data space with two equilibrations and two sines, all short."""
    copy_project(tmp_path)
    ended(start(tmp_path, sys.executable, "init.py", "--protocol", "sine", "--seeds", "0:2"), 0)
    return tmp_path


def test_a_run_stopped_by_walltime_is_continued_to_its_end(space):
    assert "run again" in ended(start(space, *COMMAND, JANUSPORE_WALLTIME_MINUTES="0"), 75)
    ended(start(space, *COMMAND), 0)
    assert all(is_analysed(job) for job in signac.get_project(str(space), search=False))
    assert list(space.glob("results/ie_curve/*/ie_curve.csv"))


@pytest.mark.parametrize(
    ("tell", "status"),
    [
        (lambda process: process.send_signal(signal.SIGTERM), 143),
        (
            lambda process: os.killpg(process.pid, signal.SIGINT),
            130,
        ),  # Ctrl-C reaches all processes
    ],
)
def test_a_run_asked_to_end_lets_its_workers_write_checkpoints_and_leaves_none(
    tmp_path, tell, status
):
    copy_project(tmp_path)
    study = tmp_path / "studies" / "quick.toml"
    study.write_text(re.sub(r"relax_ps = .*", "relax_ps = 4000.0", study.read_text()))
    ended(start(tmp_path, sys.executable, "init.py", "--protocol", "sine", "--seeds", "0:2"), 0)
    process = start(tmp_path, *COMMAND, JANUSPORE_CHECKPOINT_SECONDS="0.1")
    end = time.monotonic() + 100
    while len(list(tmp_path.glob("workspace/*/trajectory/checkpoint.gsd"))) < 2:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    tell(process)
    ended(process, status)


def test_parallel_operations_begin_with_the_longest(tmp_path):
    copy_project(tmp_path)
    init_command(["--study", "quick"], tmp_path)
    project = signac.get_project(str(tmp_path), search=False)
    jobs = list(project)
    order = _longest_first([SimpleNamespace(_jobs=[job]) for job in jobs])
    left = left_atom_steps(jobs)
    steps = [left[one._jobs[0].id] for one in order]
    assert steps == sorted(left.values(), reverse=True) and len(set(steps)) > 3


# --- tasks that fail ---------------------------------------------------------------------------


def fails(task):
    """A task that is killed, has invalid input or raises, depending on its number, or is done."""
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 2:
        raise InputError("pore_cut = 20: no such cut")
    if task == 4:
        raise ZeroDivisionError("a bug")
    if task == 5:
        sys.exit(3)


@pytest.mark.parametrize("processes", [1, 2, 3, 20])
def test_a_killed_worker_is_detected_and_every_other_task_is_done(processes):
    how = dict(side_by_side(7, fails, processes))
    assert sorted(how) == list(range(7))
    assert {task for task in how if how[task] is None} == {0, 3, 6}
    assert "killed by SIGKILL" in how[1].told and "memory" in how[1].told
    assert how[2].told == "pore_cut = 20: no such cut" and not how[2].trace
    assert how[4].told == "ZeroDivisionError: a bug" and "Traceback" in how[4].trace
    assert "status 3" in how[5].told
    assert not multiprocessing.active_children()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
def test_a_worker_whose_parent_was_killed_ends_without_a_traceback(capfd):
    ours, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=workers._serve, args=(its, lambda task: time.sleep(0.3), [ours])
    )
    process.start()
    its.close()
    ours.send(0)
    ours.close()
    process.join()
    assert process.exitcode == 0 and "Traceback" not in capfd.readouterr().err


def test_without_workers_a_task_that_fails_stops_no_other():
    how = dict(one_by_one(5, lambda task: fails(task) if task in (2, 4) else None))
    assert [task for task, failure in how.items() if failure] == [2, 4]


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (SettingError("JANUSPORE_THREADS = 'x'"), 2),
        (InputError("one job's"), None),
        (FloatingPointError("no stopper"), None),
    ],
)
def test_an_error_that_every_task_would_meet_ends_the_run(error, ends):
    assert Failure.of(error).ends == ends


def test_a_full_disk_ends_the_run():
    with pytest.raises(InputError) as caught, told_in_one_line("job 1"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert Failure.of(caught.value).ends == 1


def test_the_walltime_of_one_worker_ends_all(tmp_path):
    def work(task):
        if task == 0:
            sys.exit(75)
        signal.signal(signal.SIGTERM, lambda *_: (tmp_path / "told").touch() or sys.exit(143))
        (tmp_path / "begun").touch()
        time.sleep(60)

    def late(task):
        while task == 0 and not (tmp_path / "begun").exists():
            time.sleep(0.01)
        work(task)

    with pytest.raises(SystemExit) as caught:
        list(side_by_side(5, late, 2))
    assert caught.value.code == 75 and (tmp_path / "told").exists()


# --- in a data space ---------------------------------------------------------------------------


@pytest.fixture
def one_bad(space):
    """A third equilibration with an impossible pore, as an old `init.py` could make it."""
    project = signac.get_project(str(space), search=False)
    good = next(iter(project.find_jobs({"protocol.name": "equilibrate"})))
    point = good.statepoint()
    point["protocol"]["cell"]["pore_cut"] = 20
    return project.open_job(point).init()


@pytest.mark.parametrize("command", [COMMAND[:3], COMMAND], ids=["alone", "parallel"])
def test_a_job_that_fails_is_named_marked_and_skipped(space, one_bad, command):
    command = (*command, "-o", "equilibrate")
    said = ended(start(space, *command), 1, whole=True)
    told = [line for line in said.splitlines() if line.startswith("  equilibrate: ")]
    assert len(told) == 1 and one_bad.id in told[0] and "pore_cut = 20" in told[0]
    assert "1 failed" in said
    mark = Path(one_bad.fn("failed.txt"))
    assert mark.read_text().startswith("equilibrate: ") and "pore_cut = 20" in mark.read_text()
    relaxed = signac.get_project(str(space), search=False).find_jobs(
        {"protocol.name": "equilibrate"}
    )
    assert {job.id for job in relaxed if not is_equilibrated(job)} == {one_bad.id}
    status = subprocess.run(
        [sys.executable, "project.py", "status"],
        cwd=space,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert re.search(r"^failed\b", status.stdout, re.M), status.stdout
    # The next run tries it again, and reports the failure again.
    assert one_bad.id in ended(start(space, *command), 1, whole=True)


def test_the_mark_of_a_failure_is_removed_when_the_job_succeeds(tmp_path, capsys):
    copy_project(tmp_path)
    init_command(["--protocol", "sine", "--seeds", "0"], tmp_path)
    project = signac.get_project(str(tmp_path), search=False)
    one, other = project
    ledger = Ledger()
    for job in (one, other):
        ledger.enter("simulate", (job,), Failure("the system blew up", "Traceback"))
    assert [f"{job.id}: simulate: the system blew up" for job in sorted(project, key=str)] == list(
        marked(project)
    )
    ledger.enter("simulate", (one,), None)
    assert len(list(marked(project))) == 1 and ledger.told()[0].startswith("2 failed")
    assert main(["--project", str(tmp_path), "summary"]) == 0
    assert f"failed: {other.id}: simulate: the system blew up" in capsys.readouterr().out


def test_invalid_input_of_every_job_is_listed_and_an_invalid_setting_once(space):
    assert ended(start(space, *COMMAND, JANUSPORE_THREADS="none"), 2).startswith("error: JANUS")
    said = ended(start(space, *COMMAND, JANUSPORE_PLATFORM="abacus"), 2, whole=True)
    assert said.count("abacus") == 1 and not list(space.glob("workspace/*/failed.txt"))
    for job in signac.get_project(str(space), search=False):
        job.doc["engine"] = {"name": "hoomd"}
    said = ended(start(space, *COMMAND[:2], "--engine", "openmm", *COMMAND[2:]), 1, whole=True)
    assert len(re.findall("^  equilibrate: .*begun with engine 'hoomd'", said, re.M)) == 2


def test_no_such_job_is_one_line(space):
    for options in (["-j", "zzz"], ["-j", "a", "-f", "b"]):
        said = ended(start(space, *COMMAND[:3], *options), 2, whole=True)
        assert len(said.splitlines()) == 1 and said.startswith("error: jobs = "), said
