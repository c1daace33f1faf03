"""Tests on a real SLURM: the README's commands, and simulations that are stopped and continued."""

import re
import shlex
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import signac
from slurm_controller import Slurm, missing
from test_submit import STUDY
from test_workflow import ROOT, copy_project, run

from januspore.simulate.record import read_record

pytestmark = pytest.mark.slurm

BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}")
    folder = tmp_path_factory.mktemp("slurm")
    folder.chmod(0o755)
    cluster = Slurm(folder)
    yield cluster
    cluster.stop()


@pytest.fixture
def space(slurm, tmp_path, monkeypatch):
    """A copy of the project whose commands use the cluster."""
    for key, value in slurm.environment.items():
        monkeypatch.setenv(key, value)
    return copy_project(tmp_path)


def study(space, seeds, **keys):
    text = STUDY.replace('"0:5"', f'"0:{seeds}"').replace("count = 5", f"count = {seeds}")
    for key, value in keys.items():
        text, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        assert found, key
    (space / "studies" / "quick.toml").write_text(text)


def jobs(space, protocol):
    project = signac.get_project(str(space), search=False)
    return list(project.find_jobs({"protocol.name": protocol}))


def check_record(job):
    """Check that the record has every sample exactly once."""
    rows, _ = read_record(Path(job.fn("trajectory/record.h5")))
    protocol = job.statepoint()["protocol"]
    dt = protocol["dynamics"]["timestep_fs"] * 1e-3
    every = round(protocol["recording"]["sample_interval_ps"] / dt)
    total = round(1e3 * protocol["cycles"] / protocol["frequency_GHz"] / dt)
    np.testing.assert_array_equal(rows["step"], np.arange(every, total + 1, every))


def test_the_readmes_cluster_section_word_for_word(slurm, space):
    study(space, seeds=2)
    (block,) = [text for text in BLOCKS if "project.py submit" in text]
    for line in block.splitlines():
        run(space, *shlex.split(line))
        if "submit" in line:  # "when the queue is empty"
            slurm.drain()
    assert len(jobs(space, "sine")) == 2
    for job in jobs(space, "sine"):
        check_record(job)
    left = run(space, "python", "project.py", "submit", "--pretend")
    assert "Submitting" not in left.stderr
    assert list(space.glob("results/ie_curve/*/ie_curve.csv"))


def cycles_that_take(seconds, space):
    """Number of cycles, 1000 steps each, for a given wall time at the equilibration's speed."""
    (job,) = jobs(space, "equilibrate")
    built, relaxed = sorted(Path(job.fn("trajectory/frames")).glob("0*.gsd"))
    return max(3, round(seconds / (relaxed.stat().st_mtime - built.stat().st_mtime)))


class Simulation:
    """A simulation that is long enough to be stopped midway, and is submitted several times."""

    def __init__(self, slurm, space):
        self.slurm, self.space = slurm, space
        (self.job,) = jobs(space, "sine")

    def submit(self, *flags):
        """Submit, wait until another frame is written, and return SLURM's id."""
        before = self.frames()
        command = ("python", "project.py", "submit", "-o", "simulate", "--", *flags)
        run(self.space, *command)
        (job_id,) = self.slurm.queue()
        until = time.monotonic() + 120
        while self.frames() <= before:
            assert not self.recorded() and time.monotonic() < until
            time.sleep(0.2)
        return job_id

    def frames(self):
        return max([0, *(int(path.stem) for path in self.folder("frames").glob("0*.gsd"))])

    def recorded(self):
        return self.folder("record.h5").exists()

    def folder(self, name):
        return Path(self.job.fn("trajectory"), name)


def test_walltime_cancellation_and_a_lost_node_lose_no_row(slurm, space):
    study(space, seeds=1, relax_ps=2.0)
    run(space, "python", "init.py", "--study", "quick", "--protocol", "sine")
    run(space, "python", "project.py", "run", "-o", "equilibrate")
    study(space, seeds=1, relax_ps=2.0, cycles=cycles_that_take(90.0, space))
    shutil.rmtree(jobs(space, "sine")[0].path)
    run(space, "python", "init.py", "--study", "quick")
    simulation = Simulation(slurm, space)

    # SLURM's shortest walltime. It sends its signal to the script only, up to 30 s early.
    job_id = simulation.submit("--time=1", "--signal=B:TERM@10")
    slurm.drain()
    assert slurm.state(job_id) in ("FAILED", "TIMEOUT") and not simulation.recorded()
    assert simulation.folder("checkpoint.gsd").exists()

    job_id = simulation.submit()
    slurm.query("scancel", job_id)
    slurm.drain()
    assert slurm.state(job_id) == "CANCELLED" and not simulation.recorded()

    # SLURM would wait two minutes before it queues the job again.
    job_id = simulation.submit("--no-requeue")
    slurm.kill_node()
    slurm.wait_for(job_id, "NODE_FAIL")
    assert not simulation.recorded()
    slurm.boot_node()
    run(space, "python", "project.py", "submit", "-o", "simulate")
    slurm.drain()
    check_record(simulation.job)
    status = run(space, "python", "project.py", "status")
    assert re.search(r"analyse +2 ", status.stdout) and "simulate" not in status.stdout
