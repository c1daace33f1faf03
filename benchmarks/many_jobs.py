"""Time the commands of a large data space, compared with a bare signac-flow project.

    python benchmarks/many_jobs.py --jobs 15000 --output many-jobs.json

`init.py` makes the paper's protocols and seeds for as many charge sets as needed in a temporary
directory; nothing is simulated. The bare project (`bare_project.py`) has the same state points and
as many operations and conditions, each the existence of a file. The commands of both are timed in
turn as whole processes: wall time, and processor time, which other work on the machine disturbs
less. Prints medians and ratios.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import signac
from space import ROOT, copy_project, environment

from januspore.analysis import VERSION
from januspore.check.machine import machine
from januspore.products import PRODUCTS
from januspore.schema import state_point
from januspore.stamps import stamp

#: Jobs of one charge set in the paper's study.
PER_SET = 632


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=15_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", help="JSON file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = Path(folder, "ours"), Path(folder, "bare")
        rows = _measure(ours, bare, max(1, round(options.jobs / PER_SET)), options.repeats)
        jobs = sum(1 for _ in (ours / "workspace").iterdir())
    report = {"machine": machine(), "jobs": jobs, "repeats": options.repeats, "rows": rows}
    if options.output:
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _measure(ours: Path, bare: Path, charge_sets: int, repeats: int) -> list[dict[str, Any]]:
    copy_project(ours)
    bare.mkdir()
    shutil.copy(ROOT / "benchmarks" / "bare_project.py", bare / "project.py")
    (bare / "products.json").write_text(json.dumps([asdict(p) for p in PRODUCTS]))
    init = init_of(charge_sets)
    # Both need the state points, which are made once in a separate place and listed.
    apart = ours.with_name("apart")
    copy_project(apart)
    run(apart, init)
    points = [dict(job.statepoint()) for job in signac.get_project(str(apart), search=False)]
    (bare / "points.json").write_text(json.dumps(points))
    rows = [_pair("init.py, first", (ours, init), (bare, ["project.py", "init"]), 1)]
    rows.append(_pair("init.py, again", (ours, init), (bare, ["project.py", "init"]), repeats))
    for state in ("new", "recorded and analysed"):
        if state != "new":
            plant(ours)
            plant(bare)
        for name, command in COMMANDS.items():
            its = ["project.py", "table"] if name == "januspore results" else command
            rows.append(_pair(f"{name}, {state}", (ours, command), (bare, its), repeats))
    return rows


def init_of(charge_sets: int) -> list[str]:
    """The command that makes the paper's jobs for a number of neutral charge sets."""
    init = ["init.py", "--study", "paper"]
    for k in range(charge_sets):
        init += ["--charges", f"Mo=1.06,S={-0.3 - 0.01 * k:.2f},Se={-0.76 + 0.01 * k:.2f}"]
    return init


COMMANDS = {
    "project.py status": ["project.py", "status"],
    "project.py next ie_curve": ["project.py", "next", "ie_curve"],
    "signac find": ["-m", "signac", "find", '{"protocol.name": "sine", "charge_set.S": -0.3}'],
    "januspore results": ["-m", "januspore", "results", "protocol.name=sine", "--json"],
}


def _pair(
    name: str, one: tuple[Path, list[str]], other: tuple[Path, list[str]], repeats: int
) -> dict[str, Any]:
    """Run both in turn; return (wall, processor) times in seconds."""
    times: list[list[tuple[float, float]]] = [[], []]
    for _ in range(repeats):
        for kept, (folder, command) in zip(times, (one, other), strict=True):
            kept.append(_timed(folder, command))
    wall, processor = (
        [statistics.median(pair[k] for pair in kept) for kept in times] for k in (0, 1)
    )
    shown = [f"{a:7.2f} s, bare {b:7.2f} s, ratio {a / b:.2f}" for a, b in (wall, processor)]
    print(f"{name:46s} wall {shown[0]}; processor {shown[1]}", flush=True)
    return {
        "what": name,
        "ours_s": wall[0],
        "bare_s": wall[1],
        "ratio": wall[0] / wall[1],
        "ours_processor_s": processor[0],
        "bare_processor_s": processor[1],
        "processor_ratio": processor[0] / processor[1],
    }


def _timed(folder: Path, command: list[str]) -> tuple[float, float]:
    os.sync()  # so that no command waits for the writes of an earlier one
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run(folder, command)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def run(folder: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{command[:3]}: status {done.returncode}\n{done.stderr[-2000:]}")


def plant(folder: Path) -> None:
    """Write the files by which every job counts as recorded and analysed, with any content.

    Frames are among them, as a driven job checks that its first frame exists.
    """
    from januspore.simulate.layout import frame

    project = signac.get_project(str(folder), search=False)
    for job in project:
        frames = Path(job.path, "trajectory", "frames")
        frames.mkdir(parents=True)
        protocol = job.cached_statepoint["protocol"]
        folders = [f"branches/{k:03d}" for k in range(len(protocol.get("delays_ps", ())))]
        for place in ("", *folders):
            Path(job.path, "trajectory", place).mkdir(parents=True, exist_ok=True)
            Path(job.path, "trajectory", place, "record.h5").touch()
        if protocol["name"] == "equilibrate":
            kept = state_point(dict(job.statepoint())).protocol.snapshots
            for step in kept.steps(15) if kept else ():
                frame(job, step).touch()
        Path(job.fn("analysis.h5")).touch()
        summary = {
            "analysis_version": VERSION,
            "rows": 1000,
            **{f"x{i}": 0.5 for i in range(40)},
            "record": stamp(Path(job.path, "trajectory", "record.h5")),
            "inputs": "0" * 64,
            "files": {"analysis.h5": stamp(Path(job.fn("analysis.h5")))},
        }
        Path(job.fn("summary.json")).write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    sys.exit(main())
