"""Scripts of `submit`, made by signac-flow and run with substitute programs that write a log.

The substitutes are SLURM's two client programs, the NVIDIA tools and the simulating process.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_workflow import copy_project, run

STUDY = """
seeds = "0:5"
[cell]
repeats_y = 5
repeats_z = 3
reservoir_nm = 0.8
[dynamics]
timestep_fs = 2.0
cutoff_nm = 0.6
[recording]
frame_interval_ps = 1.0
[equilibration]
count = 5
relax_ps = 0.4
snapshot_interval_ps = 0.2
[[charge_sets]]
Mo = 1.06
S = -0.61
Se = -0.45
[[protocols]]
name = "sine"
amplitude_V_per_nm = 1.2
frequency_GHz = 500.0
cycles = 1
"""

STAND_INS = {
    "sbatch": 'for last; do :; done; [ "$last" = --version ] || cp "$last" "$LOG.script"',
    "squeue": "true",
    "nvidia-smi": 'echo "GPU-$2"',
    "nvidia-cuda-mps-control": """
        if [ "${1-}" = -d ]; then echo "mps begins on $CUDA_VISIBLE_DEVICES" >> "$LOG"
        else read -r order; echo "mps $order $CUDA_MPS_PIPE_DIRECTORY" >> "$LOG"; fi""",
    # Called as: process PROJECT run -o OPERATION -j JOB. It runs until it gets a signal.
    "process": """
        gpu=${CUDA_VISIBLE_DEVICES-any} pipe=${CUDA_MPS_PIPE_DIRECTORY-none}
        echo "begins $6 on $gpu mps $pipe" >> "$LOG"
        trap 'echo "TERM $6" >> "$LOG"; exit 143' TERM
        until [ -e "$LOG.go" ]; do sleep 0.05; done
        echo "ends $6" >> "$LOG"
        ! [ "$6" = "${FAILS-}" ]""",
}


class Cluster:
    """A data space with five jobs to simulate, and the substitutes first in PATH."""

    def __init__(self, space, folder, monkeypatch):
        self.space, self.bin, self.log = space, folder / "bin", folder / "log"
        self.bin.mkdir()
        for name, body in STAND_INS.items():
            (self.bin / name).write_text(f"#!/bin/bash\n{body}\n")
            (self.bin / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{self.bin}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("LOG", str(self.log))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def submit(self, *options):
        """Submit to the substitute of sbatch and return the script."""
        run(self.space, "python", "project.py", "submit", "-n", "5", *options)
        return self.log.with_name("log.script").read_text()

    def start(self, script):
        """Run a script as the batch shell of an allocation does."""
        path = self.space / "batch.sh"
        path.write_text(script.replace(sys.executable, str(self.bin / "process")))
        command = ["bash", path]
        return subprocess.Popen(
            command, start_new_session=True, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def lines(self, start=""):
        text = self.log.read_text() if self.log.exists() else ""
        return [line for line in text.splitlines() if line.startswith(start)]

    def wait_for(self, start, count):
        """Wait until a number of lines in the log begin with a text."""
        until = time.monotonic() + 60
        while len(self.lines(start)) < count and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.lines(start)) == count, self.lines()

    def go(self):
        self.log.with_name("log.go").touch()


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    space = copy_project(tmp_path_factory.mktemp("space"))
    (space / "studies" / "cluster.toml").write_text(STUDY)
    run(space, "python", "init.py", "--study", "cluster")
    return space


@pytest.fixture
def cluster(space, tmp_path, monkeypatch):
    return Cluster(space, tmp_path, monkeypatch)


def asked(script):
    """The options of a script for SLURM, with their values."""
    pairs = re.findall(r"^#SBATCH (--?[a-z-]+)[ =]\"?([^\"\n]+)", script, re.M)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_one_job_on_the_cpu_asks_for_its_threads_and_nothing_of_a_gpu(cluster):
    script = cluster.submit()
    options = asked(script)
    threads = options["--cpus-per-task"]  # `run` sets JANUSPORE_THREADS to 1
    assert (options["--nodes"], options["--ntasks"], threads) == ("1", "1", "1")
    assert options["-t"] == "00:16:00" and options["--mem"] == "2G"
    assert "gpu" not in script.lower() and "mps" not in script
    process = cluster.start(script)
    cluster.wait_for("begins", 1)
    cluster.go()
    assert process.wait(60) == 0


def test_packed_jobs_share_the_allocated_gpus(cluster, monkeypatch):
    monkeypatch.setenv("JANUSPORE_JOBS_PER_GPU", "2")
    script = cluster.submit("--bundle", "5", "--parallel")
    options = asked(script)
    assert options["--ntasks"] == "5" and options["--cpus-per-task"] == "1"
    assert options["--gres"] == "gpu:3"  # five jobs, two to each
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5,7")
    process = cluster.start(script)
    cluster.wait_for("begins", 5)
    assert cluster.lines()[0] == "mps begins on GPU-2,GPU-5,GPU-7"
    begun = [line.split() for line in cluster.lines("begins")]
    assert sorted(words[3] for words in begun) == ["GPU-2", "GPU-2", "GPU-5", "GPU-5", "GPU-7"]
    by_job = {words[1]: words[3] for words in begun}
    in_order = re.findall(r" -j ([0-9a-f]{32})", script)
    assert [by_job[job] for job in in_order] == ["GPU-2", "GPU-5", "GPU-7", "GPU-2", "GPU-5"]
    (pipe,) = {words[5] for words in begun}
    assert Path(pipe).is_dir() and not cluster.lines("mps quit")
    cluster.go()
    assert process.wait(60) == 0
    assert cluster.lines()[-1] == f"mps quit {pipe}" and len(cluster.lines("ends")) == 5
    assert not Path(pipe).exists()


def test_term_reaches_every_process_and_mps_ends_after_them(cluster, monkeypatch):
    monkeypatch.setenv("JANUSPORE_JOBS_PER_GPU", "5")
    script = cluster.submit("--bundle", "5", "--parallel")
    assert asked(script)["--signal"] == "B:TERM@120"
    process = cluster.start(script)
    cluster.wait_for("begins", 5)
    process.send_signal(signal.SIGTERM)  # to the batch shell alone, as --signal=B does
    assert process.wait(60) == 143
    jobs = set(re.findall(r" -j ([0-9a-f]{32})", script))
    assert {line.split()[1] for line in cluster.lines("TERM")} == jobs
    assert cluster.lines()[-1].startswith("mps quit") and not cluster.lines("ends")


def test_a_process_that_fails_stops_no_other_and_is_reported(cluster, monkeypatch):
    monkeypatch.setenv("JANUSPORE_JOBS_PER_GPU", "5")
    script = cluster.submit("--bundle", "5", "--parallel")
    monkeypatch.setenv("FAILS", re.findall(r" -j ([0-9a-f]{32})", script)[0])
    cluster.go()
    process = cluster.start(script)
    assert process.wait(60) == 1
    assert len(cluster.lines("ends")) == 5 and cluster.lines()[-1].startswith("mps quit")


def test_a_serial_bundle_runs_one_after_the_other_and_stops_at_term(cluster, monkeypatch):
    monkeypatch.setenv("JANUSPORE_JOBS_PER_GPU", "4")
    script = cluster.submit("--bundle", "5")
    options = asked(script)
    assert (options["--ntasks"], options["--gres"]) == ("1", "gpu:1")
    process = cluster.start(script)
    cluster.wait_for("begins", 1)
    time.sleep(0.3)
    assert len(cluster.lines("begins")) == 1 and not cluster.lines("mps")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert len(cluster.lines("begins")) == len(cluster.lines("TERM")) == 1


def test_without_mps_the_jobs_still_run_on_their_gpus(cluster, monkeypatch):
    monkeypatch.setenv("JANUSPORE_JOBS_PER_GPU", "5")
    script = cluster.submit("--bundle", "5", "--parallel")
    stub = cluster.bin / "nvidia-cuda-mps-control"
    stub.write_text("#!/bin/bash\nexit 1\n")
    cluster.go()
    process = cluster.start(script)
    assert process.wait(60) == 0
    assert "take turns" in process.stderr.read()
    assert {tuple(line.split()[2:]) for line in cluster.lines("begins")} == {
        ("on", "GPU-0", "mps", "none")
    }


def test_status_works_where_slurm_is_installed_but_does_not_answer(cluster):
    (cluster.bin / "squeue").write_text("#!/bin/bash\nexit 1\n")
    done = run(cluster.space, "python", "project.py", "status")
    assert "SLURM does not answer" in done.stderr and "Traceback" not in done.stderr
    assert re.search(r"equilibrate +5 ", done.stdout)


def test_status_does_not_compute_requests(cluster):
    # `status` would fail with this setting if it computed the requests of every job.
    (cluster.space / "probe.py").write_text(
        "import sys, runpy, januspore.run.resources as r\n"
        "def fail(*a): raise SystemExit('asked')\n"
        "r.simulation = r.analysis = r.product = fail\n"
        "sys.argv = ['project.py', *sys.argv[1:]]\n"
        "runpy.run_path('project.py', run_name='__main__')\n"
    )
    run(cluster.space, "python", "probe.py", "status")
    done = run(cluster.space, "python", "probe.py", "submit", "--pretend", status=1)
    assert "asked" in done.stderr


def test_an_unusable_setting_is_one_line(cluster, monkeypatch):
    monkeypatch.setenv("JANUSPORE_JOBS_PER_GPU", "many")
    done = run(cluster.space, "python", "project.py", "submit", status=2)
    assert "JANUSPORE_JOBS_PER_GPU = 'many'" in done.stderr.strip().splitlines()[-1]
    assert not cluster.log.with_name("log.script").exists()
