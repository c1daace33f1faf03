"""What the campaigns share: commands that are typed and killed, a data space that is counted."""

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

#: How long a process that was told to stop may take to write its checkpoint, s.
PATIENCE_S = 60.0


class Command:
    """A command of a data space, typed in a process group of its own."""

    def __init__(self, space: Path, words: Sequence[str], host: str = "", **settings: str) -> None:
        """Start it.

        Args:
            space: folder of the data space.
            words: a script of it, or "-m" and a module, and options.
            host: name of the host that it is to believe it runs on, in a namespace of its own.
            settings: environment variables beside the usual ones.
        """
        self._began = time.monotonic()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the command is looked at
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
        """Whether it is still at work."""
        return self.process.poll() is None

    def worked_s(self) -> float:
        """Processor time of all of its processes so far, s; since its start, where none is told.

        Moments of kills are told by it, so that they fall alike on a machine with other work.
        """
        if not Path("/proc/self/stat").exists():
            return time.monotonic() - self._began
        ticks = 0
        for path in Path("/proc").iterdir():
            if not path.name.isdigit():
                continue
            with suppress(OSError):  # it has ended meanwhile
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid:  # of its session
                    ticks += sum(map(int, fields[11:15]))  # its own, and of children that ended
        return ticks / os.sysconf("SC_CLK_TCK")

    def said(self) -> str:
        """All that it has printed so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def last_lines(self) -> str:
        """The last two lines that it has printed."""
        return " | ".join(self.said().strip().splitlines()[-2:])

    def wait(self) -> int:
        """Wait for its end and return its exit status."""
        return self.process.wait()

    def kill(self, number: signal.Signals) -> bool:
        """Kill its process group; whether it was still at work and did not end well.

        Returns when no process of the group is left; what outlives `PATIENCE_S` is killed by -9.
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
    """What a campaign did and found; `problems` says where."""

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
        """Write a report, if a file is named; `began`: of the monotonic clock, s."""
        if path:
            hours = (time.monotonic() - began) / 3600
            report = {"machine": machine(), **more, "hours": hours, **vars(self)}
            Path(path).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def not_made(project: signac.Project) -> list[str]:
    """Products that are not there, or not of the present data."""
    return [
        str(product.path(jobs[0], "json"))
        for product in PRODUCTS
        for jobs in product.groups(project)
        if not product.is_made(*jobs)
    ]


def examine(space: Path, counts: Counts) -> None:
    """Count every row of a data space whose jobs must all be done; name what is left aside."""
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
    """Every sample's step must be there, once."""
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
            counts.problems.append(f"{job.id}: {name}'s displacements are not its path")
    counts.paths_checked += 1
