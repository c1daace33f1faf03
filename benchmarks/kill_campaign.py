"""Kill the workflow again and again, as real processes, and count what is lost or doubled.

    python benchmarks/kill_campaign.py --kills 200 --output kills.json

In a fresh data space, `project.py run` is started, killed with its whole process group at a random
moment (SIGKILL or SIGTERM; by the clock, or right after a file of some stage appears) and started
again, until all is done; then every record and product is checked, and another data space is begun
until the kills are spent. `--runners 2` keeps two running at once in one data space. Exit status 1
if a row is lost or doubled, a product missing, or a run fails that nobody killed.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import signac
from space import copy_project, environment

from januspore.check.machine import machine
from januspore.model.state import read_state
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.simulate.layout import branch, trajectory
from januspore.simulate.record import Rows, read_record
from januspore.space.conditions import is_analysed, is_recorded
from januspore.space.dataspace import point_of

#: Files whose coming into being sets off a kill, now and then: the ends of each stage.
EVENTS = (
    "workspace/*/trajectory/checkpoint.gsd",
    "workspace/*/trajectory/record.h5",
    "workspace/*/trajectory/branches/*/record.h5",
    "workspace/*/summary.json",
    "results/*/*/*.json",
)


@dataclass
class Tally:
    """What happened."""

    kills: int = 0
    resumes: int = 0
    rows: int = 0
    rows_lost: int = 0
    rows_doubled: int = 0
    records: int = 0
    paths_checked: int = 0
    products: int = 0
    spaces: int = 0
    signals: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass
class Runner:
    """One `project.py run`, in a process group of its own."""

    process: subprocess.Popen[str]
    log: Path

    @classmethod
    def start(cls, space: Path, log: Path, checkpoint_s: float) -> "Runner":
        """Start one; what it says goes to `log`."""
        settings = environment(
            JANUSPORE_CHECKPOINT_SECONDS=str(checkpoint_s), JANUSPORE_QUIET="1", OMP_NUM_THREADS="1"
        )
        sink: IO[str] = log.open("w")
        command = [sys.executable, "project.py", "-v", "run"]
        process = subprocess.Popen(
            command,
            cwd=space,
            env=settings,
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        sink.close()
        return cls(process, log)

    def lives(self) -> bool:
        """Whether it is still at work."""
        return self.process.poll() is None

    def stage(self) -> str:
        """Name of the operation that it is, or was last, at."""
        begun = re.findall(r"Execute operation '(\w+)\(", self.log.read_text(errors="replace"))
        return str(begun[-1]) if begun else "start-up"

    def kill(self, number: signal.Signals) -> bool:
        """Kill its process group; whether it was still at work. SIGTERM gets a minute."""
        if not self.lives():
            return False
        os.killpg(self.process.pid, number)
        try:
            self.process.wait(60.0)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return self.process.returncode != 0


def main() -> int:
    options = _options()
    tally, dice = Tally(), random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="kill_campaign."))
    begun = time.monotonic()
    while tally.kills < options.kills and not tally.problems:
        space = folder / f"space{tally.spaces}"
        copy_project(space)
        command = [sys.executable, "init.py", "--study", options.study]
        subprocess.run(command, cwd=space, env=environment(), check=True)
        jobs = {p.name: (p / "signac_statepoint.json").read_bytes() for p in _jobs(space)}
        _to_the_end(space, options, tally, dice)
        tally.spaces += 1
        _verify(space, jobs, tally)
        print(_line(tally), flush=True)
        if not tally.problems:
            shutil.rmtree(space)
    print(_line(tally))
    for problem in tally.problems:
        print(f"problem: {problem}")
    if options.output:
        report = {
            "machine": machine(),
            "study": Path(options.study).stem,
            "runners": options.runners,
            "checkpoint_s": options.checkpoint_seconds,
            "hours": (time.monotonic() - begun) / 3600,
            **vars(tally),
        }
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if tally.problems:
        print(f"kept for a look: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--study", default="quick", help="name in studies/, or a TOML file's path")
    parser.add_argument("--runners", type=int, default=1, help="at work at once")
    parser.add_argument("--longest", type=float, default=20.0, help="wait before a kill, s")
    parser.add_argument("--checkpoint-seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="JSON file to write")
    options = parser.parse_args()
    if options.study.endswith(".toml"):
        options.study = str(Path(options.study).resolve())
    return options


def _to_the_end(space: Path, options: argparse.Namespace, tally: Tally, dice: Any) -> None:
    """Run, with kills until they are spent, until nothing is left to do."""
    runners: list[Runner] = []
    started = 0
    while not (_is_done(space) and not runners):
        while len(runners) < options.runners:
            tally.resumes += _half_done(space) if tally.kills else 0
            log = space / f"run{started}.log"
            runners.append(Runner.start(space, log, options.checkpoint_seconds))
            started += 1
        if tally.kills < options.kills:
            _wait(space, options.longest, runners, dice)
            victim = dice.choice(runners)
            stage = victim.stage()
            number = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
            if victim.kill(number):
                tally.kills += 1
                tally.signals[number.name] += 1
                tally.stages[stage] += 1
                runners.remove(victim)
        else:
            time.sleep(1.0)
        for runner in [r for r in runners if not r.lives()]:
            runners.remove(runner)
            if runner.process.returncode:
                last = runner.log.read_text(errors="replace").strip().splitlines()[-1:]
                tally.problems.append(f"status {runner.process.returncode}: {last}")
        if tally.problems:
            for runner in runners:
                runner.kill(signal.SIGKILL)
            return


def _wait(space: Path, longest: float, runners: list[Runner], dice: Any) -> None:
    """Wait for the moment of a kill: by the clock, or a moment after some stage's end."""
    pattern = dice.choice((None, None, None, *EVENTS))
    # A stage that does not end soon is killed in its midst.
    end = time.monotonic() + (dice.uniform(0.0, longest) if pattern is None else longest)
    before = _stamps(space, pattern)
    while time.monotonic() < end and all(runner.lives() for runner in runners):
        if pattern and _stamps(space, pattern) != before:
            time.sleep(dice.uniform(0.0, 0.3))
            return
        time.sleep(0.02)


def _stamps(space: Path, pattern: str | None) -> set[tuple[str, int]]:
    found = set()
    for path in space.glob(pattern) if pattern else ():
        try:
            found.add((str(path), path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return found


def _jobs(space: Path) -> list[Path]:
    return sorted((space / "workspace").iterdir())


def _half_done(space: Path) -> int:
    """Jobs that will go on from a checkpoint."""
    folders = [p / "trajectory" for p in _jobs(space)]
    return sum((f / "parts").exists() and (f / "checkpoint.gsd").exists() for f in folders)


def _is_done(space: Path) -> bool:
    project = signac.get_project(str(space), search=False)
    whole = all(is_recorded(job) and is_analysed(job) for job in project)
    return whole and not _not_made(project)


def _not_made(project: signac.Project) -> list[str]:
    missing = []
    for product in PRODUCTS:
        for jobs in product.groups(project):
            if not product.is_made(*jobs):
                missing.append(str(product.path(jobs[0], "json")))
    return missing


def _verify(space: Path, jobs: dict[str, bytes], tally: Tally) -> None:
    project = signac.get_project(str(space), search=False)
    found = {p.name: (p / "signac_statepoint.json").read_bytes() for p in _jobs(space)}
    if found != jobs:
        tally.problems.append("the jobs are not those that init.py made")
    if not tally.problems:
        tally.problems += [f"not made: {path}" for path in _not_made(project)]
    for job in project:
        if is_recorded(job):
            _verify_job(job, tally)
        elif not tally.problems:
            tally.problems.append(f"{job.id}: not recorded")
    litter = [p.name for p in space.rglob("*.tmp")]
    if litter:
        tally.problems.append(f"left aside: {litter[:5]}")
    tally.products += len(list(space.glob("results/*/*/*.json")))


def _verify_job(job: Any, tally: Tally) -> None:
    point = point_of(job)
    protocol = point.protocol
    every = round(protocol.recording.sample_interval_ps / protocol.dynamics.timestep_fs * 1e3)
    dt = protocol.dynamics.timestep_ps
    whole = protocol.programme(job.doc.get("snapshots", 1)).duration_ps
    rows, _ = read_record(trajectory(job) / "record.h5")
    _count(rows, 0, round(whole / dt), every, tally)
    _check_path(job, rows, tally)
    for k, own in enumerate(protocol.branches()):
        rows, _ = read_record(branch(job, k) / "record.h5")
        ends = round(own.programme.duration_ps / dt)
        _count(rows, round(own.leaves_ps / dt), ends, every, tally)


def _count(rows: Rows, begin: int, end: int, every: int, tally: Tally) -> None:
    """Every sample's step must be there, once."""
    wanted = np.arange(begin + every, end + 1, every)
    steps, times = np.unique(rows["step"], return_counts=True)
    tally.records += 1
    tally.rows += len(rows)
    tally.rows_lost += len(np.setdiff1d(wanted, steps))
    tally.rows_doubled += int((times - 1).sum())
    strange = np.setdiff1d(steps, wanted)
    if len(strange):
        tally.problems.append(f"rows at steps that no sample ends at: {strange[:5]}")
    if tally.rows_lost or tally.rows_doubled:
        tally.problems.append("rows lost or doubled")


def _check_path(job: Any, rows: Rows, tally: Tally) -> None:
    """What the rows say the ions moved is what the first and last frames show, kills or not."""
    frames = sorted((trajectory(job) / "frames").glob("*.gsd"))
    if len(frames) < 2:
        return
    first, last = (read_state(path, job.id) for path in (frames[0], frames[-1]))
    between = (rows["step"] > first.step) & (rows["step"] <= last.step)
    point = point_of(job)
    model, windows = build_model(point), point.protocol.windows
    for name, charge in (("K", 1.0), ("Cl", -1.0)):
        ions = model.indices(name)
        if windows and windows.ion == name:
            ions = ions[1:]  # the held ion, its species' first, is in no count of the record
        path = charge * (last.positions - first.positions)[ions, 0].sum()
        if abs(rows[f"{name}_cell_e_nm"][between].sum() - path) > 1e-6:
            tally.problems.append(f"{job.id}: {name}'s displacements are not its path")
    tally.paths_checked += 1


def _line(tally: Tally) -> str:
    return (
        f"{tally.kills} kills, {tally.resumes} resumes, {tally.rows_lost} rows lost, "
        f"{tally.rows_doubled} rows doubled, of {tally.rows} rows in {tally.records} records; "
        f"{tally.products} products; killed in {dict(tally.stages)}"
    )


if __name__ == "__main__":
    sys.exit(main())
