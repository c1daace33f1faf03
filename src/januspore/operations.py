"""What is done with one job: plain functions of a signac job, each judged by the files it leaves.

No workflow engine is named here. `project.py` gives these functions to signac-flow; another runner
needs only the pairs (operation, condition) below.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import engines, provenance
from .analysis import VERSION
from .analysis.job import analyse_record, write_json
from .dataspace import parent_job, point_of
from .engines import Engine, Resources
from .errors import InputError
from .field import programme_of
from .model.builder import build_state
from .model.state import State, StateFileError, read_state
from .model.system import Model, build_model
from .model.velocities import thermal_velocities
from .schema import AnyProtocol, Equilibrate, StatePoint, snapshot_of
from .simulate.driver import Run, drive
from .simulate.record import read_record

#: CPU threads that a simulation asks for; JANUSPORE_THREADS overrides it.
THREADS = 2

#: Protocols that `simulate` runs as one field programme, besides `equilibrate`.
SIMULATED = ("sine", "staircase", "pulse_train")


def is_equilibrated(job: Any) -> bool:
    """Whether every snapshot that other jobs start from is there, and the record is whole."""
    protocol = point_of(job).protocol
    steps = _snapshot_steps(protocol, job.doc.get("snapshots", 1))
    return is_recorded(job) and all(_frame(job, step).exists() for step in steps)


def is_ready(job: Any) -> bool:
    """Whether the snapshot that a driven job starts from is there."""
    return _start_frame(job, point_of(job)).exists()


def simulate(job: Any) -> None:
    """Simulate a job of any protocol that is a field programme, from its last checkpoint if any.

    Leaves `trajectory/record.h5` and `trajectory/frames/`; the engine is written to the job
    document before the first step.

    Raises:
        InputError: the job was begun with another engine.
    """
    point = point_of(job)
    model = build_model(point)
    resources = Resources.from_environment(THREADS)
    _lock_engine(job, engines.choose(resources.engine))
    snapshots = job.doc.get("snapshots", 1)
    run = Run(
        folder=Path(job.path) / "trajectory",
        owner=job.id,
        model=model,
        protocol=point.protocol,
        programme=programme_of(point.protocol, snapshots),
        frame_steps=_frame_steps(point, snapshots),
        attributes=lambda: provenance.of_job(job, point),
    )

    def make_engine(state: State) -> Engine:
        engine = engines.create(model, state, point.protocol.dynamics, resources)
        job.doc["engine"] = engine.provenance()
        return engine

    drive(run, lambda: _initial(job, point, model, resources), make_engine)


def is_recorded(job: Any) -> bool:
    """Whether a job's record is whole."""
    folder = Path(job.path) / "trajectory"
    return (folder / "record.h5").exists() and not (folder / "parts").exists()


def _lock_engine(job: Any, name: str) -> None:
    locked = job.doc.get("engine", {}).get("name", name)
    if locked != name:
        raise InputError(
            f"job {job.id}: begun with engine {locked!r}, asked to go on with {name!r}; one "
            f"trajectory never mixes engines (JANUSPORE_ENGINE={locked} goes on)"
        )


def _initial(job: Any, point: StatePoint, model: Model, resources: Resources) -> State:
    if isinstance(point.protocol, Equilibrate):
        return _relaxed_build(point, model, resources)
    path = _start_frame(job, point)
    parent = parent_job(job, point)
    try:
        state = read_state(path, parent.id)
    except StateFileError as error:
        raise InputError(f"job {job.id}: cannot start from its equilibration: {error}") from None
    if snapshot_of(point) == 0:
        # The first seeds go on with their equilibration's own velocities and thermostat.
        return replace(state, step=0, carry={})
    temperature = point.protocol.dynamics.temperature_K
    rng = _random(point, "velocities")
    return state.restarted(thermal_velocities(model, state.positions, temperature, rng))


def _relaxed_build(point: StatePoint, model: Model, resources: Resources) -> State:
    dynamics = point.protocol.dynamics
    engine = engines.create(model, build_state(model, _random(point, "build")), dynamics, resources)
    engine.minimise()
    state = engine.save()
    rng = _random(point, "velocities")
    return state.restarted(thermal_velocities(model, state.positions, dynamics.temperature_K, rng))


def _random(point: StatePoint, purpose: str) -> np.random.Generator:
    """Random numbers of a seed, independent between purposes; the same on every machine."""
    return np.random.default_rng([point.seed, *purpose.encode()])


def _frame_steps(point: StatePoint, snapshots: int) -> frozenset[int]:
    protocol = point.protocol
    if isinstance(protocol, Equilibrate):
        return frozenset(_snapshot_steps(protocol, snapshots))
    dt = protocol.dynamics.timestep_fs * 1e-3
    total = round(programme_of(protocol).duration_ps / dt)
    return frozenset(range(0, total + 1, round(protocol.recording.frame_interval_ps / dt)))


def _snapshot_steps(protocol: AnyProtocol, snapshots: int) -> list[int]:
    if not isinstance(protocol, Equilibrate):
        raise TypeError(f"{protocol.name} keeps no snapshots")
    dt = protocol.dynamics.timestep_fs * 1e-3
    every = protocol.snapshot_interval_ps
    return [round((protocol.relax_ps + k * every) / dt) for k in range(snapshots)]


def _start_frame(job: Any, point: StatePoint) -> Path:
    parent = parent_job(job, point)
    protocol = point_of(parent).protocol
    index = snapshot_of(point)
    return _frame(parent, _snapshot_steps(protocol, index + 1)[index])


def _frame(job: Any, step: int) -> Path:
    return Path(job.path) / "trajectory" / "frames" / f"{step:015d}.gsd"


def analyse(job: Any) -> None:
    """Reduce a job's record to `analysis.json` and `summary.json`."""
    point = point_of(job)
    folder = Path(job.path)
    rows, attributes = read_record(folder / "trajectory" / "record.h5")
    sums, summary = analyse_record(rows, point, build_model(point))
    origin = {"record": attributes, "code": provenance.code()}
    write_json(folder / "analysis.json", {"sums": sums, "provenance": origin})
    # The summary is written last: it is what says that the analysis is done.
    write_json(folder / "summary.json", summary)


def is_analysed(job: Any) -> bool:
    """Whether a summary is there, of this version of the analysis and not older than the record."""
    folder = Path(job.path)
    record, summary = folder / "trajectory" / "record.h5", read_summary(job)
    if summary is None or not record.exists():
        return False
    fresh = (folder / "summary.json").stat().st_mtime >= record.stat().st_mtime
    return fresh and summary.get("analysis_version") == VERSION


def read_summary(job: Any) -> dict[str, Any] | None:
    """Return a job's summary, None where there is none that can be read."""
    try:
        summary = json.loads((Path(job.path) / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None
