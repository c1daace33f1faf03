"""Operations on one job: functions of a signac job whose completion is judged by the files they
leave.

This module does not depend on a workflow engine. `project.py` passes these functions to
signac-flow; another runner needs only them and the conditions of `januspore.space.conditions`.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import engines
from ..analysis.bulk import bulk_sums
from ..analysis.frames import end_sums, frame_sums
from ..analysis.free_ions import job_sums
from ..analysis.job import analyse_record
from ..analysis.store import write_analysis
from ..engines import Engine, Resources
from ..errors import InputError, told_in_one_line
from ..files import check_fences, clear_litter
from ..model.builder import build_state
from ..model.state import State, StateFileError, read_state
from ..model.system import Model, build_model
from ..model.velocities import thermal_velocities
from ..protocols import AnyProtocol
from ..schema import StatePoint, snapshot_of
from ..settings import Limits, quiet
from ..simulate.driver import Run, drive
from ..simulate.held import HeldIon, exchange
from ..simulate.layout import RECORD, branch, frame, trajectory
from ..simulate.record import read_record
from ..space import provenance
from ..space.conditions import start_frame
from ..space.dataspace import (
    engine_of,
    parent_job,
    point_of,
    snapshots_of,
)
from ..space.lock import Busy, locked


def simulate(job: Any, threads: int = 1) -> None:
    """Simulate a job of any protocol that is a field programme, from its last checkpoint if any.

    Leaves `trajectory/record.h5` and `trajectory/frames/`; the engine is written to the job
    document before the first step. A job that another process is simulating is skipped.

    Args:
        job: signac job.
        threads: CPU threads to use; JANUSPORE_THREADS overrides it.

    Raises:
        InputError: the job was begun with another engine, or its files are damaged.
        StoppedError: the disk is full, or the system blew up.
    """
    _alone(job, partial(_simulate, job, threads))


def _alone(job: Any, work: Callable[[], None]) -> None:
    try:
        with told_in_one_line(f"job {job.id}"), locked(trajectory(job)):
            work()
    except Busy as error:
        print(f"job {job.id[:8]} passed over: {error}", file=sys.stderr)


def _simulate(job: Any, threads: int) -> None:
    point = point_of(job)
    model = build_model(point)
    resources, limits = Resources.from_environment(threads), Limits.from_environment()
    resources = replace(
        resources, engine=_engine_to_use(job, resources.engine), scratch=trajectory(job)
    )
    snapshots = snapshots_of(job)
    run = Run(
        folder=trajectory(job),
        owner=job.id,
        model=model,
        protocol=point.protocol,
        programme=point.protocol.programme(snapshots),
        frame_steps=point.protocol.frame_steps(snapshots),
        needed=_needed(job, point, snapshots),
        held=_held_ion(point, model, resources),
        attributes=lambda: provenance.of_job(job, point),
    )

    def make_engine(state: State) -> Engine:
        tether = run.held.tether if run.held else None
        engine = engines.create(model, state, point.protocol.dynamics, resources, tether)
        check_fences()  # building and minimising may have taken longer than a lock lasts
        job.doc["engine"] = engine.provenance()
        return engine

    drive(run, lambda: _initial(job, point, model, resources), make_engine, limits)
    _drive_branches(job, point.protocol, run, make_engine, limits)
    _print_saved(job, point.protocol)


def _held_ion(point: StatePoint, model: Model, resources: Resources) -> HeldIon | None:
    windows = point.protocol.windows
    if windows is None:
        return None
    # Imported here: it loads OpenMM, which other protocols do not need where HOOMD-blue runs.
    from ..engines.force_parts import ForceParts

    return HeldIon(model, windows, ForceParts(model, resources))


def _drive_branches(
    job: Any,
    protocol: AnyProtocol,
    trunk: Run,
    make_engine: Callable[[State], Engine],
    limits: Limits,
) -> None:
    """Simulate every branch, each from the trunk's frame at the step where it leaves."""
    for k, own in enumerate(protocol.branches()):
        leaves = round(own.leaves_ps / trunk.timestep_ps)
        run = replace(
            trunk,
            folder=branch(job, k),
            programme=own.programme,
            frame_steps=frozenset[int](),
            needed=frozenset[int](),
            first_step=leaves,
        )
        drive(run, partial(_left_trunk, job, leaves), make_engine, limits)


def _left_trunk(job: Any, step: int) -> State:
    try:
        return read_state(frame(job, step), job.id)
    except StateFileError as error:
        raise InputError(
            f"job {job.id}: a branch cannot leave its trunk: {error}; move the job's trajectory "
            "folder away, and the next run simulates it again"
        ) from None


def _print_saved(job: Any, protocol: AnyProtocol) -> None:
    """Print the simulated time that was saved against separate runs, if any."""
    if not protocol.saved_by:
        return
    done = protocol.simulated_ps()
    saved = protocol.separate_ps() - done
    print(f"{job.id[:8]}: {done:g} ps simulated, {saved:g} ps saved by {protocol.saved_by}")


def _engine_to_use(job: Any, wanted: str | None) -> str:
    """Name of the engine that a job has begun with, or of the one to begin with.

    Raises:
        InputError: another engine is asked for than the job has begun with, or it is not installed.
    """
    begun = engine_of(job).get("name")
    if wanted is None and begun in engines.available():
        return str(begun)
    name = engines.choose(wanted)
    if begun not in (None, name):
        raise InputError(
            f"job {job.id}: begun with engine {begun!r}, asked to go on with {name!r}; one "
            f"trajectory never mixes engines (JANUSPORE_ENGINE={begun} goes on)"
        )
    return name


def _initial(job: Any, point: StatePoint, model: Model, resources: Resources) -> State:
    if point.protocol.starts_from is None:
        return _relaxed_build(point, model, resources)
    path = start_frame(job)
    parent = parent_job(job, point)
    try:
        state = read_state(path, parent.id)
    except StateFileError as error:
        raise InputError(
            f"job {job.id}: cannot start from its equilibration: {error}; move that file away, and "
            "the next run makes it again"
        ) from None
    if point.protocol.windows is not None:
        state = exchange(model, point.protocol.windows, state)
    if snapshot_of(point) == 0:
        # The first seeds continue with the velocities and thermostat of their equilibration.
        return replace(state, step=0, carry={})
    temperature = point.protocol.dynamics.temperature_K
    rng = _random(point, "velocities")
    return state.restarted(thermal_velocities(model, state.positions, temperature, rng))


def _relaxed_build(point: StatePoint, model: Model, resources: Resources) -> State:
    if not quiet():  # in the paper's cell this takes a minute before the first step
        print(f"building and minimising {model.n_atoms:,} atoms", file=sys.stderr)
    state = engines.minimise(model, build_state(model, _random(point, "build")), resources)
    temperature = point.protocol.dynamics.temperature_K
    rng = _random(point, "velocities")
    return state.restarted(thermal_velocities(model, state.positions, temperature, rng))


def _random(point: StatePoint, purpose: str) -> np.random.Generator:
    """Random numbers of a seed, independent for each purpose and the same on every machine."""
    return np.random.default_rng([point.seed, *purpose.encode()])


def _needed(job: Any, point: StatePoint, snapshots: int) -> frozenset[int]:
    """Steps of the frames that driven jobs, or branches that are not simulated yet, start from."""
    kept, dt = point.protocol.snapshots, point.protocol.dynamics.timestep_ps
    leaving = {
        round(own.leaves_ps / dt)
        for k, own in enumerate(point.protocol.branches())
        if not (branch(job, k) / RECORD).exists()
    }
    return frozenset(leaving if kept is None else kept.steps(snapshots))


def analyse(job: Any) -> None:
    """Reduce a job's record to `analysis.h5` and `summary.json`.

    The frames of a periodic field give `hydration.h5`, those of holds `free_ions.h5`, those of a
    held ion `ends.h5`, those of a bulk liquid `bulk.h5`. A job whose lock another process holds is
    skipped.
    """
    _alone(job, partial(_analyse, job))


def _analyse(job: Any) -> None:
    clear_litter(Path(job.path))
    point = point_of(job)
    trunk, attributes = read_record(trajectory(job) / RECORD, job.id)
    count = len(point.protocol.branches())
    branches = [read_record(branch(job, k) / RECORD, job.id)[0] for k in range(count)]
    model = build_model(point)
    sums, summary = analyse_record(trunk, branches, point, model)
    origin = {"record": attributes, "code": provenance.code()}
    files = {"analysis.h5": sums}
    if point.protocol.cycle is not None:
        files["hydration.h5"] = frame_sums(job, point, model)
    if point.protocol.bulk is not None:
        from ..engines import openmm_resources
        from ..engines.openmm_charges import SwitchedCharges

        charges = SwitchedCharges(model, openmm_resources(Resources.from_environment()))
        files["bulk.h5"] = bulk_sums(job, point, model, charges)
    if point.protocol.holds is not None:
        from ..engines.force_parts import ForceParts

        forces = ForceParts(model, Resources.from_environment())
        files["free_ions.h5"] = job_sums(job, point, model, forces)
    if point.protocol.windows is not None:
        files["ends.h5"] = end_sums(job, point, model)
    write_analysis(job, files, summary, origin)
