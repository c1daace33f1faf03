"""Kill the workflow many times at random moments, and count what is lost or doubled.

    python benchmarks/kill_campaign.py --kills 200 --output kills.json

In a new data space, `project.py run` is started, killed with its whole process group at a random
moment (SIGKILL or SIGTERM; after some processor time, or right after a file of some stage appears)
and started again, until all is done. Then every record and product is checked, and another data
space is begun, until the number of kills is reached. `--runners 2` keeps two runs active in one
data space; JANUSPORE_ENGINE chooses the engine. Exit status 1 if a row is lost or doubled, a
product is missing, or a run fails that was not killed.
"""

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import signac
from campaign import Command, Counts, examine, not_made
from space import copy_project, environment

from januspore.space.conditions import is_analysed, is_recorded

#: Files at whose creation, at the end of a stage, some of the kills happen.
EVENTS = (
    "workspace/*/trajectory/checkpoint.gsd",
    "workspace/*/trajectory/record.h5",
    "workspace/*/trajectory/branches/*/record.h5",
    "workspace/*/summary.json",
    "results/*/*/*.json",
)


@dataclass
class Tally(Counts):
    """Counts of the campaign.

    `resumes`: jobs with a checkpoint that a run continued after a kill. `engines`: number of
    records by the engine that made them.
    """

    resumes: int = 0
    products: int = 0
    engines: Counter[str] = field(default_factory=Counter)


def main() -> int:
    options = _options()
    tally, dice = Tally(), random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="kill_campaign."))
    began = time.monotonic()
    more = {
        "study": Path(options.study).stem,
        "runners": options.runners,
        "checkpoint_s": options.checkpoint_seconds,
    }
    tell = partial(tally.write, options.output, began, **more)
    while tally.kills < options.kills and not tally.problems:
        space = folder / f"space{tally.spaces}"
        copy_project(space)
        command = [sys.executable, "init.py", "--study", options.study]
        subprocess.run(command, cwd=space, env=environment(), check=True)
        jobs = {p.name: (p / "signac_statepoint.json").read_bytes() for p in _jobs(space)}
        _to_the_end(space, options, tally, dice, tell)
        tally.spaces += 1
        _verify(space, jobs, tally)
        print(_line(tally), flush=True)
        tell()
        if not tally.problems:
            shutil.rmtree(space)
    for problem in tally.problems:
        print(f"problem: {problem}")
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
    parser.add_argument("--longest", type=float, default=20.0, help="work before a kill, s")
    parser.add_argument("--checkpoint-seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="JSON file to write")
    options = parser.parse_args()
    if options.study.endswith(".toml"):
        options.study = str(Path(options.study).resolve())
    return options


def _to_the_end(
    space: Path,
    options: argparse.Namespace,
    tally: Tally,
    dice: Any,
    tell: Callable[[], None],
) -> None:
    """Run and kill until the number of kills is reached, then run until all is done.

    `tell` writes the results so far, in case the campaign itself is stopped.
    """
    runners: list[Command] = []
    words = ("project.py", "-v", "run")
    while not (_is_done(space) and not runners):
        while len(runners) < options.runners:
            tally.resumes += _half_done(space) if tally.kills else 0
            every = str(options.checkpoint_seconds)
            runners.append(Command(space, words, JANUSPORE_CHECKPOINT_SECONDS=every))
        if tally.kills < options.kills:
            _wait(space, options.longest, runners, dice)
            victim = dice.choice(runners)
            stage = _stage(victim)
            number = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
            if victim.kill(number):
                tally.killed(number, stage)
                tell()
                runners.remove(victim)
        else:
            time.sleep(1.0)
        for runner in [r for r in runners if not r.lives()]:
            runners.remove(runner)
            if runner.process.returncode:
                status = runner.process.returncode
                tally.problems.append(f"status {status}: {runner.last_lines()}")
        if tally.problems:
            for runner in runners:
                runner.kill(signal.SIGKILL)
            return


def _stage(runner: Command) -> str:
    """Name of the present or last operation of a run."""
    begun = re.findall(r"Execute operation '(\w+)\(", runner.said())
    return str(begun[-1]) if begun else "start-up"


def _wait(space: Path, longest: float, runners: list[Command], dice: Any) -> None:
    """Wait for the moment of a kill: after some processor time, or after the end of a stage."""
    pattern = dice.choice((None, None, None, *EVENTS))
    # A stage that does not end soon is killed in its middle.
    end = dice.uniform(0.0, longest) if pattern is None else longest
    before, begun = _stamps(space, pattern), sum(runner.worked_s() for runner in runners)
    while all(runner.lives() for runner in runners):
        if sum(runner.worked_s() for runner in runners) - begun > end:
            return
        if pattern and _stamps(space, pattern) != before:
            time.sleep(dice.uniform(0.0, 0.3))
            return
        time.sleep(0.1)


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
    """Jobs that will continue from a checkpoint."""
    folders = [p / "trajectory" for p in _jobs(space)]
    return sum((f / "parts").exists() and (f / "checkpoint.gsd").exists() for f in folders)


def _is_done(space: Path) -> bool:
    project = signac.get_project(str(space), search=False)
    whole = all(is_recorded(job) and is_analysed(job) for job in project)
    return whole and not not_made(project)


def _verify(space: Path, jobs: dict[str, bytes], tally: Tally) -> None:
    project = signac.get_project(str(space), search=False)
    found = {p.name: (p / "signac_statepoint.json").read_bytes() for p in _jobs(space)}
    if found != jobs:
        tally.problems.append("the jobs are not those that init.py made")
    if tally.problems:
        return
    tally.problems += [f"not made: {path}" for path in not_made(project)]
    examine(space, tally)
    tally.engines.update(job.doc["engine"]["name"] for job in project)
    tally.products += len(list(space.glob("results/*/*/*.json")))


def _line(tally: Tally) -> str:
    return (
        f"{tally.kills} kills, {tally.resumes} resumes, {tally.rows_lost} rows lost, "
        f"{tally.rows_doubled} rows doubled, of {tally.rows} rows in {tally.records} records; "
        f"{tally.products} products; killed in {dict(tally.stages)}"
    )


if __name__ == "__main__":
    sys.exit(main())
