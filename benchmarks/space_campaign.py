"""Kill every command of a data space, fill its disk, run it from two hosts; then read it all.

    python benchmarks/space_campaign.py --kills 200 --fills 20 --output space.json

`init.py`, `run`, `run --parallel`, analyses, products and the report are each typed, killed at a
random moment (SIGKILL, SIGTERM or SIGINT to the whole process group), and typed again, as often as
their share of the kills; then once more to the end. A disk that fills is a small tmpfs with a
ballast in it, taken away before the command is typed again (root; skipped elsewhere). Two hosts are
two UTS namespaces with names of their own. At the end of each data space `verify` reads it from end
to end, and every record is counted. Prints what was lost, doubled, bricked, stale, and every
traceback.
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
from typing import Any

import signac
from januspore.dataspace import open_project
from kill_campaign import Tally as Rows
from kill_campaign import _not_made, _verify_job
from space import ROOT, copy_project, environment

from januspore.check.machine import machine

#: So that there is work again: two trajectories' ends and all that was made of them.
AGAIN = ("workspace/*/trajectory/branches/001/*.h5", "workspace/*/summary.json")
#: Stages in order: name, the command, what is removed before each typing so that there is work.
STAGES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("init.py", ("init.py", "--study", "STUDY"), ()),
    ("run", ("project.py", "run", "-o", "equilibrate", "simulate"), ()),
    ("run --parallel", ("project.py", "run", "--parallel", "2"), AGAIN),
    ("analyse", ("project.py", "run", "-o", "analyse"), ("workspace/*/summary.json",)),
    ("products", ("project.py", "run"), ("results/*/*/*.png",)),
    ("report", ("-m", "januspore", "report"), ("results/report.*",)),
)
#: How the kills are shared out among the stages, and how long a command of each is let live, s.
SHARE = {"init.py": 20, "run": 16, "run --parallel": 12, "analyse": 16, "products": 16,
         "report": 16}  # fmt: skip
ALIVE_S = {"init.py": 4.0, "run": 6.0, "run --parallel": 6.0, "analyse": 3.0, "products": 8.0,
           "report": 3.0}  # fmt: skip


@dataclass
class Found:
    """What the campaign counts; `problems` says where."""

    kills: int = 0
    fills: int = 0
    spaces: int = 0
    two_hosts: int = 0
    lost: int = 0
    doubled: int = 0
    bricked: int = 0
    stale: int = 0
    tracebacks: int = 0
    rows: int = 0
    records: int = 0
    signals: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Space:
    """A data space under the campaign, and how commands are typed in it."""

    def __init__(self, folder: Path, study: str, found: Found) -> None:
        self.folder, self.study, self.found = folder, study, found
        copy_project(folder)

    def start(self, command: tuple[str, ...], host: str = "") -> "subprocess.Popen[str]":
        """Start a command in a process group of its own, on another host if one is named."""
        words = [sys.executable, *(self.study if word == "STUDY" else word for word in command)]
        if host:
            inner = " ".join(f"'{word}'" for word in words)
            words = ["unshare", "--uts", "sh", "-c", f"hostname {host}; exec {inner}"]
        settings = environment(
            JANUSPORE_CHECKPOINT_SECONDS="0.3",
            JANUSPORE_QUIET="1",
            JANUSPORE_THREADS="1",
            OMP_NUM_THREADS="1",
            JANUSPORE_PLATFORM="CPU",
        )
        settings["PATH"] += os.pathsep + os.environ["PATH"] if host else ""
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def ended(self, process: "subprocess.Popen[str]", stage: str) -> str:
        """Wait for a command's end; count a traceback, whoever ended it."""
        said, _ = process.communicate()
        if "Traceback (most recent call last)" in said:
            self.found.tracebacks += 1
            self.found.problems.append(f"{stage}: traceback: {said.strip().splitlines()[-1]}")
        return said

    def to_the_end(self, stage: str, command: tuple[str, ...]) -> None:
        """Type a command that must come to a good end; it is bricked if it does not."""
        process = self.start(command)
        said = self.ended(process, stage)
        if process.returncode:
            self.found.bricked += 1
            last = " | ".join(said.strip().splitlines()[-2:])
            self.found.problems.append(f"{stage}: bricked, status {process.returncode}: {last}")

    def clear(self, patterns: tuple[str, ...]) -> None:
        """Remove what a stage makes, so that it has work again."""
        for pattern in patterns:
            for path in self.folder.glob(pattern):
                path.unlink()


def main() -> int:
    options = _options()
    found, dice, begun = Found(), random.Random(options.seed), time.monotonic()
    study = str(Path(options.study).resolve())
    kept = Path(tempfile.mkdtemp(prefix="space_campaign."))
    while found.kills < options.kills and not found.problems:
        _kill_init(Space(kept / f"paper{found.spaces}", "paper", found), options.kills, dice)
        space = Space(kept / f"kills{found.spaces}", study, found)
        for name, command, removed in STAGES:
            for _ in range(min(SHARE[name], options.kills - found.kills)):
                space.clear(removed)
                _kill(space, name, command, dice)
            space.to_the_end(name, command)
        _examine(space)
        print(_line(found), flush=True)
        _write(options, study, found, begun)  # what is stopped has told what it found so far
    if options.fills and not found.problems:
        _fill(kept / "filled", study, options.fills, found, dice)
    if options.hosts and not found.problems:
        _two_hosts(Space(kept / "hosts", study, found))
    print(_line(found))
    for problem in [*found.problems, *(f"skipped: {what}" for what in found.skipped)]:
        print(problem)
    _write(options, study, found, begun)
    if found.problems:
        print(f"kept for a look: {kept}")
        return 1
    shutil.rmtree(kept)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--fills", type=int, default=20, help="times that the disk fills")
    parser.add_argument("--hosts", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--study", default=str(ROOT / "tests" / "studies" / "smallest.toml"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="JSON file to write")
    return parser.parse_args()


def _write(options: argparse.Namespace, study: str, found: Found, begun: float) -> None:
    if options.output:
        hours = (time.monotonic() - begun) / 3600
        report = {"machine": machine(), "study": Path(study).stem, "hours": hours, **vars(found)}
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _kill_init(space: Space, most: int, dice: Any) -> None:
    """Kill `init.py` while it makes the thousands of jobs of the paper's study."""
    name, command, _ = STAGES[0]
    for _ in range(SHARE[name]):
        if space.found.kills >= most:
            break
        if not _kill(space, name, command, dice):
            shutil.rmtree(space.folder / "workspace")  # it was done: all is to be made again
    space.to_the_end(name, command)
    space.to_the_end("verify", ("-m", "januspore", "verify"))
    jobs = len(open_project(space.folder))
    said = space.ended(space.start((*command, "--dry-run")), name)
    if f" 0 new, {jobs} existing jobs" not in said:
        space.found.lost += 1
        space.found.problems.append(f"init.py: {jobs} jobs are not all: {said.splitlines()[:1]}")
    shutil.rmtree(space.folder)


def _kill(space: Space, stage: str, command: tuple[str, ...], dice: Any) -> bool:
    """Start a command and kill it at a random moment, unless it ends before; whether it was."""
    process = space.start(command)
    number = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    try:
        process.wait(dice.uniform(0.0, ALIVE_S[stage]))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, number)
        space.found.kills += 1
        space.found.signals[number.name] += 1
        space.found.stages[stage] += 1
    space.ended(process, stage)
    if process.returncode in (1, 2):
        space.found.problems.append(f"{stage}: failed by itself, status {process.returncode}")
    return process.returncode != 0


def _examine(space: Space) -> None:
    """Read the data space from end to end and count every row."""
    found, rows = space.found, Rows()
    project = open_project(space.folder)
    for job in project:
        _verify_job(job, rows)
    found.lost += rows.rows_lost
    found.doubled += rows.rows_doubled
    found.rows += rows.rows
    found.records += rows.records
    found.problems += rows.problems
    stale = _not_made(signac.get_project(str(space.folder), search=False))
    found.stale += len(stale)
    found.problems += [f"stale: {path}" for path in stale]
    space.to_the_end("verify", ("-m", "januspore", "verify"))
    litter = [str(p) for p in space.folder.rglob("*.tmp")]
    found.problems += [f"left aside: {path}" for path in litter]
    found.spaces += 1


def _fill(mount: Path, study: str, fills: int, found: Found, dice: Any) -> None:
    """Let the disk fill at random moments, free it, and type the command again."""
    mount.mkdir()
    size = ["-o", "size=400m", "tmpfs", str(mount)]
    if subprocess.run(["mount", "-t", "tmpfs", *size], capture_output=True).returncode:
        found.skipped.append("the disk that fills: no tmpfs can be mounted here")
        return
    try:
        space = Space(mount / "space", study, found)
        for name, command, removed in STAGES:
            for _ in range(max(1, fills // len(STAGES))):
                space.clear(removed)
                _filled(space, mount, name, command, dice)
            space.to_the_end(name, command)
        _examine(space)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def _filled(space: Space, mount: Path, stage: str, command: tuple[str, ...], dice: Any) -> None:
    ballast = mount / "ballast"
    left = dice.choice((0, 8, 24, 64, 200, 600)) * 1024
    free = shutil.disk_usage(mount).free
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - left))
    process = space.start(command)
    said = space.ended(process, f"{stage}, disk full")
    if process.returncode not in (0, 1, 2):
        space.found.problems.append(f"{stage}, disk full: status {process.returncode}")
    elif process.returncode and not re.search("No space left|disk is full", said):
        last = " | ".join(said.strip().splitlines()[-2:])
        space.found.problems.append(f"{stage}, disk full: does not say so: {last}")
    space.found.fills += 1
    ballast.unlink()


def _two_hosts(space: Space) -> None:
    """Run one data space from two hosts at once, to its end."""
    space.to_the_end("init.py", STAGES[0][1])
    command = ("project.py", "run")
    try:
        pair = [space.start(command, host) for host in ("one", "two")]
    except FileNotFoundError:
        space.found.skipped.append("two hosts: no unshare here")
        return
    for process in pair:
        said = space.ended(process, "two hosts")
        if process.returncode:
            last = " | ".join(said.strip().splitlines()[-2:])
            space.found.problems.append(f"two hosts: status {process.returncode}: {last}")
    space.to_the_end("run", command)
    space.found.two_hosts += 1
    _examine(space)


def _line(found: Found) -> str:
    return (
        f"{found.kills} kills {dict(found.stages)}, {found.fills} full disks, {found.two_hosts} "
        f"times two hosts, {found.spaces} data spaces, {found.rows} rows: {found.lost} lost, "
        f"{found.doubled} doubled, {found.bricked} bricked, {found.stale} stale, "
        f"{found.tracebacks} tracebacks"
    )


if __name__ == "__main__":
    sys.exit(main())
