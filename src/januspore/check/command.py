"""The command: runs every trial in a process of its own, within a limit of time."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import signac

from .. import engines
from ..errors import InputError
from ..settings import KEY, quiet
from ..space import provenance
from . import advice, studies, table
from .advice import Trial
from .beside import mps
from .bounds import faults_of
from .cells import CELLS
from .kernel import kernel_width
from .machine import cpus, machine

#: Function that carries out a task of `trial` within a number of seconds.
Ask = Callable[[dict[str, Any], float], dict[str, Any]]
#: Longest wall time of a trial of correctness, compilation by OpenCL included.
PATIENCE_S = 240.0
#: Shortest and longest wall time of one timing.
SHORTEST_S, LONGEST_S = 1.0, 4.0
#: Fraction of the time that is reserved for simulations side by side.
FOR_BESIDE = 0.25
#: Load average per CPU above which timings are not trusted.
BUSY = 1.0
COUNTS_ON_A_GPU = (1, 2, 4, 8)
_IN_THE_TASK = {f"JANUSPORE_{key}" for key in ("ENGINE", "PLATFORM", "PRECISION", "THREADS")}


@dataclass
class Clock:
    """The wall time left for timings, counted from the first of them."""

    seconds: float
    _end: float | None = None

    def left(self) -> float:
        """Seconds that are left."""
        if self._end is None:
            self._end = time.monotonic() + self.seconds
        return self._end - time.monotonic()


def check(
    project: signac.Project,
    seconds: float,
    as_json: bool = False,
    keep: bool = True,
    ask: Ask | None = None,
) -> int:
    """Try every engine and platform, time them, and say what to use here.

    Args:
        project: the data space, which gets the fastest engines as its preference.
        seconds: wall time for timings, all together.
        as_json: print JSON instead of the table.
        keep: write the preference down.
        ask: function that carries out a task; by default in a process of its own.

    The preference is written down only if nothing is wrong, the machine was not busy with other
    work, and the small cell was timed on each, as the tiny one does not represent larger ones.

    Returns:
        1 if something is wrong, 0 otherwise.

    Raises:
        InputError: `seconds` is not a positive, finite time.
    """
    if not 0 <= seconds <= 86_400:
        raise InputError(f"--seconds = {seconds:g}: must be from 0 to 86400")
    with tempfile.TemporaryDirectory(prefix="januspore-check.") as folder:
        report, trials = _measured(ask or isolated, folder, Clock(seconds), project)
    faults = report["faults"]
    trusted = not report["busy"] and all("small" in t.speed for t in trials if t.speed)
    report["written_down"] = bool(keep and report["preferred"] and trusted and not faults)
    if report["written_down"]:
        project.doc[KEY] = report["preferred"]
    print(json.dumps(report, indent=1) if as_json else table.text(report, trials))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return int(bool(faults))


def _measured(
    ask: Ask, folder: str, clock: Clock, project: signac.Project
) -> tuple[dict[str, Any], list[Trial]]:
    busy = _busy()
    found, faults = _found(ask, folder)
    trials = _targets(found)
    faults += _correctness(ask, folder, trials)
    sound = [trial for trial in trials if trial.is_candidate and not trial.faults]
    notes = _speeds(ask, folder, sound, clock)
    best = advice.fastest(trials)
    report = {
        "machine": machine(),
        "busy": busy,
        "code": provenance.code(),
        "engines": found,
        "openmm_cpu_kernel_width": kernel_width(),
        "trials": [asdict(trial) for trial in trials],
        "recommended": advice.settings(best) if best else {},
        "side_by_side": best.side_by_side if best else None,
        "preferred": advice.by_kind(trials),
        "studies": _studies(ask, folder, best, project) if best else {},
        "notes": notes,
        "faults": faults,
    }
    return report, trials


def _found(ask: Ask, folder: str) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Devices of every installed engine, and the engines that could not be loaded."""
    found, faults = {}, []
    for name in engines.available():
        told = ask(_task("devices", folder, name, None), PATIENCE_S)
        found[name] = told.get("devices", [])
        if "fault" in told:
            faults.append(f"{name}: {told['fault']}")
    return found, faults


def _targets(found: dict[str, list[dict[str, Any]]]) -> list[Trial]:
    """One trial for each engine, platform and kind of device, without the reference platform."""
    trials: dict[tuple[str, str, bool], Trial] = {}
    for engine, devices in found.items():
        for rank, device in enumerate(devices):
            about = (engine, device["platform"], device["name"], device["is_gpu"])
            if device["platform"] != "Reference":
                trials.setdefault((*about[:2], about[3]), Trial(*about, by_itself=rank == 0))
    return list(trials.values())


def _correctness(ask: Ask, folder: str, trials: list[Trial]) -> list[str]:
    """Compare forces and run 1 ps on each; return the faults."""
    _say("relaxing the tiny cell")
    begun = _prepared(ask, folder, "tiny", PATIENCE_S)
    begun |= ask(_task("yardstick", folder, "openmm", "Reference"), PATIENCE_S)
    if "fault" in begun:
        return [f"openmm: the tiny cell cannot be made: {begun['fault']}"]
    faults = []
    for trial in trials:
        _say(f"trying {trial.engine} on {trial.platform}")
        for what in ("forces", "motion"):
            trial.numbers |= ask(_task(what, folder, trial.engine, trial.platform), PATIENCE_S)
        trial.about = trial.numbers.pop("engine", {})
        trial.faults = faults_of(trial.numbers)
        faults += [f"{trial.engine} on {trial.platform}: {fault}" for fault in trial.faults]
    return faults


def _speeds(ask: Ask, folder: str, trials: list[Trial], clock: Clock) -> list[str]:
    """Time trials without faults in every cell, then side by side; return what was skipped."""
    notes, reserve, prepared_s = [], FOR_BESIDE * clock.left(), 0.0
    for cell in CELLS:
        if cell != "tiny":
            # Each cell takes some six times as long to relax as the one before it.
            if 6 * prepared_s > clock.left() - reserve:
                notes.append(f"the {cell} cell was not timed: no time was left to relax it")
                break
            _say(f"relaxing the {cell} cell")
            begun = _prepared(ask, folder, cell, max(clock.left() - reserve, 1.0))
            if "fault" in begun:
                notes.append(f"the {cell} cell was not timed: {begun['fault']}")
                break
            prepared_s = begun["seconds"]
        for trial in trials:
            _say(f"timing {trial.engine} on {trial.platform} in the {cell} cell")
            told = _timed(ask, folder, trial, clock, reserve, {"cell": cell})
            if "fault" in told:
                notes.append(f"{trial.engine} on {trial.platform}, {cell} cell: {told['fault']}")
            else:
                trial.speed[cell] = told
    for trial in trials:
        notes += _beside(ask, folder, trial, clock)
    return notes


def _timed(
    ask: Ask, folder: str, trial: Trial, clock: Clock, reserve: float, own: dict[str, Any]
) -> dict[str, Any]:
    left = clock.left() - reserve
    if left < 4 * SHORTEST_S:
        return {"fault": "not timed, as no time was left"}
    seconds = min(max(left / 20, SHORTEST_S), LONGEST_S)
    task = _task("speed", folder, trial.engine, trial.platform)
    return ask({**task, **own, "seconds": seconds}, left + 10 * seconds)


def _beside(ask: Ask, folder: str, trial: Trial, clock: Clock) -> list[str]:
    """Run 1, 2, 4 and 8 side by side on a GPU; on CPUs 1 and as many as there are CPUs."""
    cell = "small" if trial.is_gpu and "small" in trial.speed else "tiny"
    counts = COUNTS_ON_A_GPU if trial.is_gpu else tuple(sorted({1, cpus()}))
    about = f"{trial.engine} on {trial.platform}"
    with mps() if trial.is_gpu else contextlib.nullcontext():
        for count in counts:
            if clock.left() < 2 * SHORTEST_S:
                return [f"{about}: {count} side by side not timed, as no time was left"]
            _say(f"timing {count} of {about} side by side")
            task = _task("side_by_side", folder, trial.engine, trial.platform)
            own = {"cell": cell, "count": count, "seconds": 2.0}
            told = ask({**task, **own}, clock.left() + PATIENCE_S / 4)
            if "fault" in told:
                return [f"{about}: {count} side by side: {told['fault']}"]
            trial.beside.append(told)
    return []


def _studies(
    ask: Ask, folder: str, best: Trial, project: signac.Project
) -> dict[str, dict[str, Any]]:
    """Hours of each study as recommended, and the cell that they are estimated from.

    For a cell that was not timed, the time is scaled by atoms from the largest one that was.
    """
    found = {}
    for load in studies.loads(project):
        cell = load.cell if load.cell in best.speed else list(best.speed)[-1]
        speed = best.speed[cell]
        if load.dynamics and cell == load.cell:
            _say(f"timing {best.engine} on {best.platform} as study {load.name} runs it")
            task = _task("speed", folder, best.engine, best.platform)
            own = {"cell": cell, "dynamics": load.dynamics, "seconds": 2 * SHORTEST_S}
            told = ask({**task, **own}, PATIENCE_S)
            speed = speed if "fault" in told else told
        hours = advice.hours(load.jobs, speed, best)
        found[load.name] = {"hours": hours, "timed_cell": cell, "own_cell": load.cell}
    return found


def _prepared(ask: Ask, folder: str, cell: str, limit_s: float) -> dict[str, Any]:
    """Relax a cell on OpenMM's default platform, or on the CPU if that fails."""
    told: dict[str, Any] = {}
    for platform in (None, "CPU"):
        task = _task("prepare", folder, "openmm", platform, threads=cpus())
        told = ask({**task, "cell": cell}, limit_s)
        if "fault" not in told:
            break
    return told


def _task(
    do: str, folder: str, engine: str, platform: str | None, threads: int = 1
) -> dict[str, Any]:
    resources = {"engine": engine, "platform": platform, "threads": threads}
    return {"do": do, "folder": folder, "resources": resources}


def isolated(task: dict[str, Any], limit_s: float) -> dict[str, Any]:
    """Carry out a task in a process of its own; an error is returned as {"fault": line}."""
    command = [sys.executable, "-m", "januspore.check.trial"]
    # The task names its device. Threads of numpy are limited, as they would distort timings.
    stock = {k: v for k, v in os.environ.items() if k not in _IN_THE_TASK}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**stock, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # ends it together with its child processes
    )
    try:
        out, err = process.communicate(json.dumps(task), timeout=limit_s)
    except subprocess.TimeoutExpired:
        return {"fault": f"no answer within {limit_s:.0f} s"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0 or not out.strip():
        lines = err.strip().splitlines()
        return {"fault": f"ended with status {process.returncode}: {lines[-1] if lines else ''}"}
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answer


def _busy() -> bool:
    """Whether other work uses the CPUs, so that timings do not represent the machine."""
    return os.getloadavg()[0] > BUSY * cpus()


def _say(what: str) -> None:
    if not quiet():
        print(f"check: {what}", file=sys.stderr, flush=True)
