"""Common parts of the campaigns: commands that are killed, and checks of a data space."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import signac
from space import environment

from januspore.check.machine import machine
from januspore.model.state import read_state
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.simulate.layout import branch, trajectory
from januspore.simulate.record import Rows, read_record
from januspore.space.conditions import is_recorded
from januspore.space.dataspace import point_of

#: Time, s, that a process may take to write its checkpoint after a signal to stop.
PATIENCE_S = 60.0


class Command:
    """A command in a data space, in a process group of its own."""

    def __init__(self, space: Path, words: Sequence[str], host: str = "", **settings: str) -> None:
        """Start it.

        Args:
            space: folder of the data space.
            words: a script of the data space, or "-m" and a module, and options.
            host: host name that the command sees, in a namespace of its own.
            settings: additional environment variables.
        """
        self._began = time.monotonic()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open until the end
        command = [sys.executable, *words]
        variables = environment(JANUSPORE_QUIET="1", OMP_NUM_THREADS="1", **settings)
        if host:
            inner = " ".join(f"'{word}'" for word in command)
            command = ["unshare", "--uts", "sh", "-c", f"hostname {host}; exec {inner}"]
            variables["PATH"] += os.pathsep + os.environ["PATH"]
        self.process = subprocess.Popen(
            command,
            cwd=space,
            env=variables,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def lives(self) -> bool:
        """Whether it is still running."""
        return self.process.poll() is None

    def worked_s(self) -> float:
        """Processor time of all its processes so far, s; wall time where that is not available.

        Kills are timed by it, so that other work on the machine does not change their moments.
        """
        if not Path("/proc/self/stat").exists():
            return time.monotonic() - self._began
        ticks = 0
        for path in Path("/proc").iterdir():
            if not path.name.isdigit():
                continue
            with suppress(OSError):  # it has ended in the meantime
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid:  # processes of its session
                    ticks += sum(map(int, fields[11:15]))  # itself and ended children
        return ticks / os.sysconf("SC_CLK_TCK")

    def said(self) -> str:
        """Its output so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def last_lines(self) -> str:
        """The last two lines of its output."""
        return " | ".join(self.said().strip().splitlines()[-2:])

    def wait(self) -> int:
        """Wait for its end and return its exit status."""
        return self.process.wait()

    def kill(self, number: signal.Signals) -> bool:
        """Kill its process group; return whether it was still running and did not end with 0.

        Returns when no process of the group is left; after `PATIENCE_S` the rest gets SIGKILL.
        """
        if not self.lives():
            return False
        os.killpg(self.process.pid, number)
        end = time.monotonic() + PATIENCE_S
        while self.lives() or _group_lives(self.process.pid):
            if time.monotonic() > end:
                os.killpg(self.process.pid, signal.SIGKILL)
                break
            time.sleep(0.02)
        return self.process.wait() != 0


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class Counts:
    """Counts of a campaign; `problems` describes each problem."""

    kills: int = 0
    spaces: int = 0
    rows: int = 0
    rows_lost: int = 0
    rows_doubled: int = 0
    records: int = 0
    paths_checked: int = 0
    signals: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def killed(self, number: signal.Signals, stage: str) -> None:
        """Count a kill."""
        self.kills += 1
        self.signals[number.name] += 1
        self.stages[stage] += 1

    def write(self, path: str | None, began: float, **more: Any) -> None:
        """Write a report if a file is given; `began`: start by the monotonic clock, s."""
        if path:
            hours = (time.monotonic() - began) / 3600
            report = {"machine": machine(), **more, "hours": hours, **vars(self)}
            Path(path).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def not_made(project: signac.Project) -> list[str]:
    """Products that do not exist or are not up to date."""
    return [
        str(product.path(jobs[0], "json"))
        for product in PRODUCTS
        for jobs in product.groups(project)
        if not product.is_made(*jobs)
    ]


def examine(space: Path, counts: Counts) -> None:
    """Check every row of a data space whose jobs must all be done, and name left-over files."""
    for job in signac.get_project(str(space), search=False):
        if is_recorded(job):
            _count_job(job, counts)
        else:
            counts.problems.append(f"{job.id}: not recorded")
    litter = [path.name for path in space.rglob("*.tmp")]
    if litter:
        counts.problems.append(f"left aside: {litter[:5]}")


def _count_job(job: Any, counts: Counts) -> None:
    point = point_of(job)
    protocol = point.protocol
    every = round(protocol.recording.sample_interval_ps / protocol.dynamics.timestep_fs * 1e3)
    dt = protocol.dynamics.timestep_ps
    whole = protocol.programme(job.doc.get("snapshots", 1)).duration_ps
    rows, _ = read_record(trajectory(job) / "record.h5", job.id)
    _count(rows, 0, round(whole / dt), every, counts)
    _check_path(job, rows, counts)
    for k, own in enumerate(protocol.branches()):
        rows, _ = read_record(branch(job, k) / "record.h5", job.id)
        ends = round(own.programme.duration_ps / dt)
        _count(rows, round(own.leaves_ps / dt), ends, every, counts)


def _count(rows: Rows, begin: int, end: int, every: int, counts: Counts) -> None:
    """Count missing and doubled samples."""
    wanted = np.arange(begin + every, end + 1, every)
    steps, times = np.unique(rows["step"], return_counts=True)
    lost, doubled = len(np.setdiff1d(wanted, steps)), int((times - 1).sum())
    counts.records += 1
    counts.rows += len(rows)
    counts.rows_lost += lost
    counts.rows_doubled += doubled
    strange = np.setdiff1d(steps, wanted)
    if len(strange):
        counts.problems.append(f"rows at steps that no sample ends at: {strange[:5]}")
    if lost or doubled:
        counts.problems.append("rows lost or doubled")


def _check_path(job: Any, rows: Rows, counts: Counts) -> None:
    """Check that the recorded displacements are those between the first and the last frame."""
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
            ions = ions[1:]  # the held ion, the first of its species, is not recorded
        path = charge * (last.positions - first.positions)[ions, 0].sum()
        if abs(rows[f"{name}_cell_e_nm"][between].sum() - path) > 1e-6:
            counts.problems.append(f"{job.id}: {name}'s displacements are not its path")
    counts.paths_checked += 1
