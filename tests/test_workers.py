"""`project.py run --parallel`: its workers stop, fail and finish as one process alone would."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import signac
from flow.errors import UserOperationError
from test_workflow import ROOT, copy_project

from januspore.conditions import is_analysed
from januspore.errors import InputError
from januspore.workers import Stopped, cause_of, comes_back

COMMAND = (sys.executable, "project.py", "run", "--parallel", "2")


def start(space, *command, **settings):
    """Start a command there, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "JANUSPORE_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=space,
        env={**environment, **settings},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process, status):
    """Wait for the end; return the last line. Nothing that it started may be left."""
    try:
        _, said = process.communicate(timeout=120)
        assert process.returncode == status, said
        assert "Traceback" not in said
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return (said.strip().splitlines() or [""])[-1]


@pytest.fixture
def space(tmp_path):
    """Two equilibrations and two sines, all short."""
    copy_project(tmp_path)
    ended(start(tmp_path, sys.executable, "init.py", "--protocol", "sine", "--seeds", "0:2"), 0)
    return tmp_path


def test_stopped_by_walltime_and_run_again_to_the_end(space):
    assert "run again" in ended(start(space, *COMMAND, JANUSPORE_WALLTIME_MINUTES="0"), 75)
    ended(start(space, *COMMAND), 0)
    assert all(is_analysed(job) for job in signac.get_project(str(space), search=False))
    assert list(space.glob("results/ie_curve/*/ie_curve.png"))


def test_bad_input_that_a_worker_meets_is_one_line(space):
    for job in signac.get_project(str(space), search=False):
        job.doc["engine"] = {"name": "hoomd"}
    command = ("--engine", "openmm", *COMMAND[2:])
    assert "begun with engine 'hoomd'" in ended(start(space, *COMMAND[:2], *command), 2)


@pytest.mark.parametrize(
    ("tell", "status"),
    [
        (lambda process: process.send_signal(signal.SIGTERM), 143),
        (lambda process: os.killpg(process.pid, signal.SIGINT), 130),  # Ctrl-C reaches them all
    ],
)
def test_told_to_end_it_lets_its_workers_save_and_leaves_none(tmp_path, tell, status):
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


def test_without_a_pool_an_operation_ends_its_process_as_before():
    with pytest.raises(SystemExit) as caught:
        comes_back(lambda: sys.exit(75))()
    assert caught.value.code == 75


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("januspore.errors.InputError: seed = 1.5: no", InputError, "seed = 1.5: no"),
        ("januspore.errors.StoppedError: full", InputError, "full"),
        ("januspore.workers.Stopped: 75", Stopped, "75"),
    ],
)
def test_what_a_worker_raised_is_read_from_its_traceback(text, kind, told):
    error = UserOperationError("An exception was raised")
    error.__cause__ = Exception(f'"""\nTraceback (most recent call last):\n{text}\n\nmore\n"""')
    found = cause_of(error)
    assert isinstance(found, kind) and str(found) == told


def test_any_other_error_keeps_its_traceback():
    error = UserOperationError("An exception was raised")
    error.__cause__ = Exception("ZeroDivisionError: division by zero")
    assert cause_of(error) is None
