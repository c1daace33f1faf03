"""Planning the jobs of a study's state points, and creating them."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import signac
from signac.job import calc_id

from ..schema import StatePoint, snapshot_of
from .dataspace import (
    ENSEMBLE,
    as_text,
    dump,
    ensemble_of,
    parent_in,
    seed_of,
    snapshots_of,
)
from .making import alone, as_written, has_state_point, make_job
from .study import check_seeds


@dataclass(frozen=True)
class Plan:
    """The jobs that `init.py` would create.

    Attributes:
        points: state points by job id.
        data: the same as signac stores them.
        snapshots: number of snapshots that equilibrations must keep, by job id.
        new: ids of the jobs that do not exist yet.
        torn: ids of jobs whose folder exists without a state point file, for instance after a kill
            or a full disk.
    """

    points: dict[str, StatePoint]
    data: dict[str, dict[str, Any]]
    snapshots: dict[str, int]
    new: frozenset[str]
    torn: frozenset[str] = frozenset()

    def simulated_ps(self) -> float:
        """Simulated time of the new jobs."""
        return sum(self.points[i].protocol.simulated_ps(self.snapshots.get(i, 1)) for i in self.new)


def plan(project: signac.Project, points: list[StatePoint]) -> Plan:
    """Plan the jobs and equilibrations of state points without writing anything.

    Raises:
        InputError: two seeds of one sweep, existing jobs included, are equal to an engine.
    """
    by_id: dict[str, StatePoint] = {}
    kept: dict[str, dict[str, Any]] = {}
    seeds: dict[str, dict[str, int]] = {}
    snapshots: Counter[str] = Counter()
    texts: dict[str, bytes] = {}
    for point, data, ensemble, text in _dumped(points):
        if (eq := point.protocol.starts_from) is not None:
            seed = point.seed % eq.count
            start, parent = parent_in(ensemble, seed)
            if start not in by_id:
                by_id[start], kept[start] = parent, dump(parent)
                seeds.setdefault(as_text(kept[start], *ENSEMBLE), {})[start] = parent.seed
            snapshots[start] = max(snapshots[start], snapshot_of(point) + 1)
        own = str(calc_id(data))
        by_id[own], kept[own], texts[own] = point, data, text
        seeds.setdefault(ensemble, {})[own] = point.seed
    there = by_id.keys() & set(os.listdir(project.workspace))
    texts |= {i: as_written(kept[i]) for i in kept.keys() - texts.keys()}
    torn = {i for i in there if not has_state_point(f"{project.workspace}/{i}", i, texts[i])}
    new = by_id.keys() - there
    if new:
        _check_seed_width(project, seeds)
    return Plan(by_id, kept, dict(snapshots), frozenset(new), frozenset(torn))


def _dumped(points: list[StatePoint]) -> Iterator[tuple[StatePoint, dict[str, Any], str, bytes]]:
    """State points, their data as signac stores them, their texts without the seed, their files.

    Thousands of seeds share a few charge sets and protocols, each of which is converted once.
    """
    shared: dict[tuple[int, int], tuple[dict[str, Any], str, bytes]] = {}
    for point in points:
        # Keyed by identity: the points keep both objects alive, and equal copies only cost time.
        parts = (id(point.charge_set), id(point.protocol))
        if parts not in shared:
            data = dump(point)
            before = as_written(data).removesuffix(b"%d}" % point.seed)  # the last key is the seed
            shared[parts] = data, as_text(data, *ENSEMBLE), before
        data, ensemble, before = shared[parts]
        yield point, {**data, "seed": point.seed}, ensemble, before + b"%d}" % point.seed


def carry_out(project: signac.Project, todo: Plan) -> None:
    """Create the planned jobs; existing jobs keep their id and all their data.

    Raises:
        StoppedError: the disk is full; every job is whole or absent, and another call continues.
        InputError: another process is creating jobs here.
    """
    relaxing = [i for i, point in todo.points.items() if point.protocol.snapshots]
    wanted = {i: todo.snapshots.get(i, 1) for i in relaxing}
    there = {i: project.open_job(todo.data[i]) for i in relaxing if i not in todo.new}
    extended = [i for i, job in there.items() if snapshots_of(job) < wanted[i]]
    if not (todo.new or todo.torn or extended):
        return
    with alone(project):
        for job_id in todo.points:
            if job_id in todo.new or job_id in todo.torn:
                document = {"snapshots": wanted[job_id]} if job_id in wanted else {}
                make_job(project, job_id, todo.data[job_id], document)
        for job_id in extended:
            there[job_id].doc["snapshots"] = wanted[job_id]


def _check_seed_width(project: signac.Project, planned: dict[str, dict[str, int]]) -> None:
    """Check the seeds of each sweep, by job id, together with those of existing jobs."""
    for job in project:
        sweep = planned.get(ensemble_of(job))
        if sweep is not None:
            sweep[job.id] = seed_of(job)
    for seeds in planned.values():
        check_seeds(list(seeds.values()), "seed")
