"""Kill every command of a data space, fill its disk, run it from two hosts, and check it.

    python benchmarks/space_campaign.py --kills 200 --fills 24 --pairs 4 --output space.json

A data space is completed once and copied for each stage. `init.py`, `run`, `run --parallel`,
analyses, products and the report are each started, killed at a random moment (SIGKILL, SIGTERM or
SIGINT to the whole process group) and started again, as often as their share of the kills, and then
run to the end. A full disk is a small tmpfs with a ballast, which is removed before the command is
started again (as root only). Two hosts are two UTS namespaces with different names. At the end of
each stage `verify` reads the whole data space, and every row is counted. Prints what was lost,
doubled, unusable or out of date, and every traceback.
"""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import signac
from campaign import Command, Counts, examine, not_made
from space import ROOT, copy_project

from januspore.space.dataspace import open_project


@dataclass(frozen=True)
class Stage:
    """A command that is killed.

    Attributes:
        name: name of the stage.
        words: the command.
        share: number of kills out of 200.
        begins: the data space at the start: "begun", with its jobs only, or "done".
        again: files that are removed before each start, so that there is work.
    """

    name: str
    words: tuple[str, ...]
    share: int
    begins: str
    again: tuple[str, ...] = ()


RUN = ("project.py", "run")
INIT = Stage("init.py", ("init.py", "--study", "paper"), 30, "")
STAGES = (
    Stage("run", (*RUN, "-o", "equilibrate", "simulate"), 45, "begun"),
    Stage(
        "run --parallel",
        (*RUN, "--parallel", "2"),
        40,
        "done",
        ("workspace/*/trajectory/branches/001/*.h5", "workspace/*/summary.json"),
    ),
    Stage("analyse", (*RUN, "-o", "analyse"), 30, "done", ("workspace/*/summary.json",)),
    Stage("products", RUN, 30, "done", ("results/*/*/*.png",)),
    Stage("report", ("-m", "januspore", "report"), 25, "done", ("results/report.*",)),
)
#: A command that does little but start, and after how many times its processor time another one,
#: whose work is not the same each time, is killed at the latest.
START, ALIVE = ("init.py", "--study", "quick", "--dry-run"), 6.0


@dataclass
class Found(Counts):
    """Counts of the campaign.

    `fills_told`: full disks that stopped a command with its message; the others had enough space.
    `interrupted_starts`: SIGINT before the first line of a script, which Python reports itself.
    """

    fills: int = 0
    fills_told: int = 0
    two_hosts: int = 0
    jobs_lost: int = 0
    bricked: int = 0
    stale: int = 0
    tracebacks: int = 0
    interrupted_starts: int = 0
    skipped: list[str] = field(default_factory=list)


class Space:
    """A data space of the campaign, in which commands are started."""

    def __init__(self, folder: Path, found: Found, template: Path | None = None) -> None:
        self.folder, self.found = folder, found
        if template is None:
            copy_project(folder)
        else:
            shutil.copytree(template, folder, symlinks=True)

    def start(self, words: Sequence[str], host: str = "") -> Command:
        """Start a command, on another host if one is given."""
        own = {"JANUSPORE_CHECKPOINT_SECONDS": "0.3", "JANUSPORE_THREADS": "1"}
        return Command(self.folder, words, host, JANUSPORE_PLATFORM="CPU", **own)

    def ended(self, command: Command, stage: str) -> int:
        """Wait for a command's end; count a traceback, whoever ended it; return its status."""
        status = command.wait()
        said = command.said()
        if _begins_no_script(said):
            self.found.interrupted_starts += 1
        elif "Traceback (most recent call last)" in said:
            self.found.tracebacks += 1
            self.problem(f"{stage}: traceback: {said[said.index('Traceback') :]}")
        return status

    def to_the_end(self, stage: str, words: Sequence[str]) -> None:
        """Run a command that must succeed; if it fails, the data space counts as unusable."""
        command = self.start(words)
        status = self.ended(command, stage)
        if status:
            self.found.bricked += 1
            self.problem(f"{stage}: bricked, status {status}: {command.last_lines()}")

    def problem(self, what: str) -> None:
        """Record a problem and its place."""
        self.found.problems.append(f"{self.folder.name}: {what}")

    def clear(self, patterns: Sequence[str]) -> None:
        """Remove the files that a stage makes, so that it has work again."""
        for pattern in patterns:
            for path in self.folder.glob(pattern):
                path.unlink()

    def finish(self, stage: Stage) -> None:
        """Run a stage's command and all remaining work to the end, then check the data space."""
        self.to_the_end(stage.name, stage.words)
        self.to_the_end("run", RUN)
        self.to_the_end("verify", ("-m", "januspore", "verify"))
        examine(self.folder, self.found)
        stale = not_made(signac.get_project(str(self.folder), search=False))
        self.found.stale += len(stale)
        for path in stale:
            self.problem(f"stale: {path}")
        self.found.spaces += 1


def main() -> int:
    options = _options()
    # A shell's background processes ignore SIGINT, and their children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found, dice, began = Found(), random.Random(options.seed), time.monotonic()
    more = {"study": Path(options.study).stem}
    kept = Path(tempfile.mkdtemp(prefix="space_campaign."))
    folder = Path(options.templates or kept)
    templates = _templates(folder, str(Path(options.study).resolve()), found)
    while found.kills < options.kills and not found.problems:
        for stage in (INIT, *STAGES):
            share = max(1, round(stage.share * options.kills / 200))
            most = found.kills + min(share, options.kills - found.kills)
            folder = kept / f"{stage.name.replace(' ', '')}{found.kills}"
            if stage is INIT:
                _kill_init(Space(folder, found), most, dice)
            else:
                _kill_stage(folder, stage, templates, found, most, dice)
            print(_line(found), flush=True)
            found.write(options.output, began, **more)  # keeps the results if it is stopped
            if found.problems:
                break
    if options.fills and not found.problems:
        _fill(kept / "full", templates, options.fills, found, dice)
    for number in range(0 if found.problems else options.pairs):
        _two_hosts(kept / f"hosts{number}", templates, STAGES[number % 2], found)
    print(_line(found))
    for problem in [*found.problems, *(f"skipped: {what}" for what in found.skipped)]:
        print(problem)
    found.write(options.output, began, **more)
    if found.problems:
        print(f"kept for a look: {kept}")
        return 1
    shutil.rmtree(kept)
    return 0


def _begins_no_script(said: str) -> bool:
    """Whether Python was interrupted before the script began: no frame is of its file."""
    files = re.findall(r'File "([^"]+)"', said)
    python = (sys.prefix, sys.base_prefix, "<")
    own = [name for name in files if not name.startswith(python)]
    return "KeyboardInterrupt" in said and not own


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--fills", type=int, default=24, help="times that the disk fills")
    parser.add_argument("--pairs", type=int, default=4, help="times that two hosts run one space")
    parser.add_argument("--study", default=str(ROOT / "tests" / "studies" / "smallest.toml"))
    parser.add_argument("--templates", help="folder that keeps the first data spaces")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="JSON file to write")
    return parser.parse_args()


def _templates(folder: Path, study: str, found: Found) -> dict[str, Path]:
    """A data space with jobs only and a finished one; existing ones are used."""
    templates = {name: folder / name for name in ("begun", "done")}
    if not templates["begun"].exists():
        Space(templates["begun"], found).to_the_end("init.py", ("init.py", "--study", study))
    if not templates["done"].exists():
        aside = Space(folder / "making", found, templates["begun"])
        aside.to_the_end("run", RUN)
        aside.to_the_end("report", ("-m", "januspore", "report"))
        aside.folder.rename(templates["done"])
    return templates


def _kill_init(space: Space, most: int, dice: random.Random) -> None:
    """Kill `init.py` while it makes the thousands of jobs of the paper's study."""
    found = space.found
    alive = ALIVE / 2 * _time(space, START)
    while found.kills < most and not found.problems:
        if not _kill(space, INIT, alive, dice):
            shutil.rmtree(space.folder / "workspace")  # begin again
    space.to_the_end(INIT.name, INIT.words)
    space.to_the_end("verify", ("-m", "januspore", "verify"))
    jobs = len(open_project(space.folder))
    again = space.start((*INIT.words, "--dry-run"))
    space.ended(again, INIT.name)
    if f" 0 new, {jobs} existing jobs" not in again.said():
        found.jobs_lost += 1
        space.problem(f"{jobs} jobs are not all: {again.said().splitlines()[:1]}")
    found.spaces += 1
    if not found.problems:
        shutil.rmtree(space.folder)


def _kill_stage(
    folder: Path,
    stage: Stage,
    templates: dict[str, Path],
    found: Found,
    most: int,
    dice: random.Random,
) -> None:
    """Kill a stage's command until a number of kills is reached, in as many copies as needed."""
    while found.kills < most and not found.problems:
        space = Space(folder, found, templates[stage.begins])
        space.clear(stage.again)
        # The processor time of the command, if it always has the same work.
        alive = _time(space, stage.words) if stage.again else ALIVE * _time(space, START)
        while found.kills < most and not found.problems:
            space.clear(stage.again)
            if not _kill(space, stage, alive, dice) and not stage.again:
                break  # its work is done
        space.finish(stage)
        if not found.problems:
            shutil.rmtree(folder)


def _time(space: Space, words: Sequence[str]) -> float:
    """Processor time of a command, s."""
    began = _worked_s()
    space.to_the_end(words[0], words)
    return _worked_s() - began


def _worked_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _kill(space: Space, stage: Stage, alive_s: float, dice: random.Random) -> bool:
    """Start a command and kill it at a random moment; return whether it was still running."""
    command = space.start(stage.words)
    number = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    end = dice.uniform(0.0, alive_s)
    while command.lives() and command.worked_s() < end:
        time.sleep(0.1)
    killed = command.kill(number)
    if killed:
        space.found.killed(number, stage.name)
    status = space.ended(command, stage.name)
    if status in (1, 2) and not _begins_no_script(command.said()):
        space.problem(f"{stage.name}: failed by itself, status {status}: {command.last_lines()}")
    return killed


def _fill(
    mount: Path, templates: dict[str, Path], fills: int, found: Found, dice: random.Random
) -> None:
    """Let the disk become full at random moments, free it, and run the command again."""
    mount.mkdir()
    size = ["-o", "size=400m", "tmpfs", str(mount)]
    if subprocess.run(["mount", "-t", "tmpfs", *size], capture_output=True).returncode:
        found.skipped.append("the disk that fills: no tmpfs can be mounted here")
        return
    try:
        stages = (INIT, *STAGES)
        for number, stage in enumerate(stages):
            template = templates.get(stage.begins)
            space = Space(mount / f"full{number}", found, template)
            for _ in range(max(1, fills // len(stages))):
                space.clear(stage.again)
                _filled(space, mount, stage, dice)
            if stage is INIT:
                space.to_the_end(stage.name, stage.words)
                space.to_the_end("verify", ("-m", "januspore", "verify"))
            else:
                space.finish(stage)
            if found.problems:
                shutil.copytree(space.folder, mount.parent / "looked_at", symlinks=True)
                return
            shutil.rmtree(space.folder)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def _filled(space: Space, mount: Path, stage: Stage, dice: random.Random) -> None:
    ballast = mount / "ballast"
    left = dice.choice((0, 8, 24, 64, 200, 600)) * 1024
    free = shutil.disk_usage(mount).free
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - left))
    command = space.start(stage.words)
    status = space.ended(command, f"{stage.name}, disk full")
    told = bool(re.search("No space left|disk is full", command.said()))
    if status not in (0, 1, 2):
        space.problem(f"{stage.name}, disk full: status {status}")
    elif status and not told:
        space.problem(f"{stage.name}, disk full: does not say so: {command.last_lines()}")
    space.found.fills += 1
    space.found.fills_told += bool(status)
    ballast.unlink()


def _two_hosts(folder: Path, templates: dict[str, Path], stage: Stage, found: Found) -> None:
    """Run the remaining work of a stage from two hosts at once, to its end."""
    if shutil.which("unshare") is None:
        found.skipped.append("two hosts: no unshare here")
        return
    space = Space(folder, found, templates[stage.begins])
    space.clear(stage.again)
    for command in [space.start(RUN, host) for host in ("one", "two")]:
        if status := space.ended(command, "two hosts"):
            space.problem(f"two hosts: status {status}: {command.last_lines()}")
    space.finish(stage)
    found.two_hosts += 1
    if not found.problems:
        shutil.rmtree(folder)


def _line(found: Found) -> str:
    lost = f"{found.rows_lost} rows and {found.jobs_lost} jobs lost, {found.rows_doubled} doubled"
    return (
        f"{found.kills} kills {dict(found.stages)}, {found.fills} full disks of which "
        f"{found.fills_told} stopped a command, {found.two_hosts} times two hosts, {found.spaces} "
        f"data spaces, {found.rows} rows: {lost}, {found.bricked} bricked, {found.stale} stale, "
        f"{found.tracebacks} tracebacks"
    )


if __name__ == "__main__":
    sys.exit(main())
