"""Messages if GROMACS is missing, is another program, fails or is killed; scripts act as it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT, free_model

from januspore import engines
from januspore.engines import Resources, gromacs_program
from januspore.engines.gromacs_run import Runner
from januspore.errors import InputError, StoppedError
from januspore.protocols import Dynamics

VERSION = """GROMACS version:    {version}
Precision:          {precision}
MPI library:        {mpi}
GPU support:        disabled
SIMD instructions:  AVX2_256
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a script that prints the output of a version of GROMACS and then runs given commands."""

    def make(script="", version="2022.5", precision="mixed", mpi="thread_mpi"):
        path = tmp_path / "gmx_fake"
        told = VERSION.format(version=version, precision=precision, mpi=mpi)
        path.write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then cat <<END\n{told}END\nexit; fi\n{script}\n'
        )
        path.chmod(0o755)
        monkeypatch.setenv("JANUSPORE_GMX", str(path))
        gromacs_program._program.cache_clear()
        return gromacs_program.find()

    yield make
    gromacs_program._program.cache_clear()


def run(program, **keys):
    """Run a program as `mdrun` in the current folder."""
    program.mdrun(Path(), threads=1, **keys)


def test_version_and_properties_of_a_program_are_read(program):
    found = program(mpi="MPI", precision="double")
    assert (found.version, found.precision, found.thread_mpi) == ("2022.5", "double", False)
    assert (found.simd, found.gpu) == ("AVX2_256", "disabled")
    assert program(version="2022.5-Debian_2022.5_2").version == "2022.5"
    assert "gromacs" in engines.available()


def test_without_gromacs_the_engine_is_not_listed_and_the_reason_is_given(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JANUSPORE_GMX", raising=False)
    assert "gromacs" not in engines.available()
    with pytest.raises(InputError, match="neither gmx nor gmx_mpi is on PATH"):
        engines.choose("gromacs")
    monkeypatch.setenv("JANUSPORE_GMX", "/no/such/gmx")
    with pytest.raises(InputError, match="JANUSPORE_GMX = '/no/such/gmx': there is no such"):
        engines.choose("gromacs")
    assert engines.choose("openmm") == "openmm"


def test_another_program_and_an_old_version_are_refused(program, monkeypatch):
    with pytest.raises(InputError, match=r"is GROMACS 2018\.4; 2020 or later is needed"):
        program(version="2018.4")
    with pytest.raises(InputError, match="is not GROMACS"):
        program(version="4.6.7")
    monkeypatch.setenv("JANUSPORE_GMX", sys.executable)
    with pytest.raises(InputError, match=r"is not GROMACS.*JANUSPORE_GMX"):
        gromacs_program.find()


@pytest.mark.parametrize(
    "resources, said",
    [
        (Resources("gromacs", platform="CUDA"), "JANUSPORE_PLATFORM = 'CUDA': GROMACS has cpu and"),
        (Resources("gromacs", platform="gpu"), "was built without GPU support"),
        (Resources("gromacs", precision="double"), "was built in mixed precision"),
    ],
)
def test_settings_that_this_gromacs_does_not_support_are_refused(program, resources, said):
    model = free_model(1, 0, (1.3, 1.3, 1.3))
    with pytest.raises(InputError, match=said):
        Runner(program(), model, Dynamics(), resources, None)


FATAL = """cat <<END
-------------------------------------------------------
Program:     gmx mdrun, version 2022.5
Fatal error:
{what}
of these two lines.

For more information visit the website
-------------------------------------------------------
END
exit 1"""


def test_a_failure_is_reported_in_one_line(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failing = program(FATAL.format(what="There is no domain decomposition"))
    told = "gmx mdrun failed: There is no domain decomposition of these two lines.; run again"
    with pytest.raises(StoppedError, match=told) as caught:
        run(failing)
    assert "\n" not in str(caught.value)
    with pytest.raises(StoppedError, match="gmx grompp failed: There is no domain"):
        failing.run(tmp_path, "grompp")


@pytest.mark.parametrize(
    "what", ["One or more water molecules can not be settled.", "Forces are not finite"]
)
def test_a_system_that_blew_up_is_distinguished_from_other_failures(
    program, tmp_path, monkeypatch, what
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FloatingPointError, match="blew up"):
        run(program(FATAL.format(what=what)))


def test_a_program_that_was_killed_is_reported(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoppedError, match="mdrun was ended by SIGKILL; run again"):
        run(program("kill -KILL $$"))


def test_a_program_is_asked_to_end_once_and_waited_for(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = """n=0
trap 'n=$((n+1)); echo Received the TERM signal, stopping within 10 steps' TERM
for i in 1 2 3 4 5; do sleep 0.1; done
echo $n >asked
exit 1"""
    run(program(script), over=lambda: True)
    assert (tmp_path / "asked").read_text() == "1\n"


def test_a_signal_after_the_last_step_is_no_failure(program, tmp_path, monkeypatch):
    """The exit status of mdrun is then the number of its stop condition, not 0."""
    monkeypatch.chdir(tmp_path)
    run(program("echo 'Performance:        6.906        3.475'; exit 1"), over=lambda: True)


def test_a_program_that_stopped_cleanly_by_itself_is_no_failure(program, tmp_path, monkeypatch):
    """A scheduler sends its signal to every process of a job, and so also to mdrun."""
    monkeypatch.chdir(tmp_path)
    run(program("echo Received the TERM signal, stopping within 10 steps; exit 1"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_the_program_ends_when_the_run_that_waits_for_it_is_killed(program, tmp_path):
    program(f"echo $$ >{tmp_path}/pid.aside; mv {tmp_path}/pid.aside {tmp_path}/pid; exec sleep 60")
    code = (
        "from pathlib import Path; from januspore.engines.gromacs_program import find; "
        "find().mdrun(Path(), threads=1)"
    )
    settings = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    waits = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=settings)
    while not (tmp_path / "pid").exists():
        assert waits.poll() is None
        time.sleep(0.02)
    waits.kill()
    waits.wait()
    mdrun = int((tmp_path / "pid").read_text())
    for _ in range(500):
        if not _lives(mdrun):
            return
        time.sleep(0.02)
    os.kill(mdrun, signal.SIGKILL)
    raise AssertionError("still at work")


def _lives(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
