"""The signac data space: opening it, making jobs of state points, and finding a job's parent."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import signac
from signac.errors import JobsCorruptedError
from signac.job import calc_id

from .errors import InputError
from .field import simulated_ps
from .schema import (
    SEED_END,
    Equilibrate,
    StatePoint,
    parent_of,
    snapshot_of,
    state_point,
    with_seed,
)
from .study import check_seeds

#: What the jobs of one ensemble share.
_ENSEMBLE = ("charge_set", "protocol")
_CONFIG = (
    "# signac's project configuration; .signac/config is a link to this file.\nschema_version = 2\n"
)


def open_project(root: Path) -> signac.Project:
    """Open the data space at `root`, making its configuration if a copy of it lost the link."""
    config, link = root / "signac.rc", root / ".signac" / "config"
    if not config.exists():
        config.write_text(_CONFIG)
    if not link.exists():
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(Path("..") / "signac.rc")
    return signac.get_project(str(root), search=False)


def point_of(job: Any) -> StatePoint:
    """Return a job's validated state point.

    Raises:
        InputError: the job's state point is not of this package's schema.
    """
    data = _statepoint(job)
    if data.keys() == StatePoint.model_fields.keys():
        return with_seed(_recipe(ensemble_of(job)), data["seed"], f"job {job.id}")
    return state_point(dict(data), f"job {job.id}")


def protocol_name(job: Any) -> str:
    """Return the name of a job's protocol; the rest of its state point is not looked at.

    Raises:
        InputError: it has none.
    """
    try:
        return str(_statepoint(job)["protocol"]["name"])
    except (KeyError, TypeError):
        return point_of(job).protocol.name


#: By job id, the state point's own digest: every condition asks, and writing it out is slow.
_ensembles: dict[str, str] = {}


def ensemble_of(job: Any) -> str:
    """Everything of a state point but its seed, as one string; equal for one ensemble's jobs.

    Raises:
        InputError: the job's state point is not of this package's schema.
    """
    if job.id in _ensembles:
        return _ensembles[job.id]
    data = _statepoint(job)
    try:
        ensemble = as_text(data, *_ENSEMBLE)
        _recipe(ensemble)
    except (InputError, KeyError, TypeError):
        state_point(dict(data), f"job {job.id}")  # says which job and key are wrong
        raise
    _ensembles[job.id] = ensemble
    return ensemble


def seed_of(job: Any) -> int:
    """Return a job's seed.

    Raises:
        InputError: it has none, or none that is a seed.
    """
    seed = _statepoint(job).get("seed")
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < SEED_END:
        return seed
    return point_of(job).seed


def as_text(statepoint: Mapping[str, Any], *keys: str) -> str:
    """Parts of a state point as one string, equal where they are equal."""
    return json.dumps({k: statepoint[k] for k in keys}, sort_keys=True, default=_builtin)


def _statepoint(job: Any) -> Mapping[str, Any]:
    try:
        data: Mapping[str, Any] = job.cached_statepoint
    except (JobsCorruptedError, OSError, ValueError, TypeError):
        raise InputError(f"job {job.id}: its {job.FN_STATE_POINT} is damaged") from None
    return data


def _builtin(value: Any) -> Any:
    """signac's mappings and lists are not JSON's own."""
    return dict(value) if isinstance(value, Mapping) else list(value)


# Thousands of jobs share a few recipes and parents, and every status asks for all of them.
@cache
def _recipe(ensemble: str) -> StatePoint:
    return state_point(json.loads(ensemble) | {"seed": 0})


def recipes_of(project: signac.Project) -> list[StatePoint]:
    """Return one state point, of seed 0, of each ensemble of a data space."""
    return [_recipe(ensemble) for ensemble in sorted({ensemble_of(job) for job in project})]


def equilibrations(ensemble: str) -> int:
    """Return how many equilibrations the driven jobs of an ensemble start from."""
    protocol = _recipe(ensemble).protocol
    assert not isinstance(protocol, Equilibrate)
    return protocol.equilibration.count


@cache
def parent_in(ensemble: str, seed: int) -> tuple[str, StatePoint]:
    """Return job id and state point of the equilibration that a driven job starts from.

    Args:
        ensemble: the driven job's, see `ensemble_of`.
        seed: the equilibration's.
    """
    parent = parent_of(with_seed(_recipe(ensemble), seed))
    assert parent is not None
    return str(calc_id(dump(parent))), parent


def snapshots_of(job: Any) -> int:
    """Return how many snapshots an equilibration keeps, as `init.py` wrote to its document.

    Raises:
        InputError: the document cannot be read, or says something else.
    """
    number = _document(job).get("snapshots", 1)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**31:
        raise InputError(
            f"job {job.id}: snapshots = {number!r} in its document: must be a whole number from 1"
        )
    return number


def engine_of(job: Any) -> dict[str, Any]:
    """Return what a job's document says of its engine, empty before it is begun.

    Raises:
        InputError: the document cannot be read, or says something else.
    """
    engine = _document(job).get("engine", {})
    if not isinstance(engine, dict) or (engine and not isinstance(engine.get("name"), str)):
        raise InputError(f"job {job.id}: engine = {engine!r} in its document: no engine's record")
    return engine


def _document(job: Any) -> dict[str, Any]:
    try:
        document = job.doc()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"job {job.id}: its {job.FN_DOCUMENT} is damaged: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"job {job.id}: its {job.FN_DOCUMENT} is damaged: not a table")
    return document


def dump(point: StatePoint) -> dict[str, Any]:
    """Return a state point as signac keeps it."""
    return point.model_dump(mode="json")


def parent_job(job: Any, point: StatePoint) -> Any:
    """Return the equilibrate job that a driven job starts from, None for an equilibrate job."""
    parent = parent_of(point)
    return None if parent is None else job.project.open_job(dump(parent))


@dataclass(frozen=True)
class Plan:
    """What an initialisation would do.

    Attributes:
        points: state points by job id.
        data: the same as signac keeps them.
        snapshots: asked of equilibrations, by job id.
        new: ids of the jobs that are not there yet.
    """

    points: dict[str, StatePoint]
    data: dict[str, dict[str, Any]]
    snapshots: dict[str, int]
    new: frozenset[str]

    def simulated_ps(self) -> float:
        """Simulated time of the new jobs."""
        return sum(
            simulated_ps(self.points[i].protocol, self.snapshots.get(i, 1)) for i in self.new
        )


def plan(project: signac.Project, points: list[StatePoint]) -> Plan:
    """Work out jobs and parents of state points without writing anything.

    Raises:
        InputError: with the jobs already there, two seeds of one sweep would be one to an engine.
    """
    by_id: dict[str, StatePoint] = {}
    kept: dict[str, dict[str, Any]] = {}
    seeds: dict[str, dict[str, int]] = {}
    snapshots: Counter[str] = Counter()
    for point, data, ensemble in _dumped(points):
        if not isinstance(point.protocol, Equilibrate):
            seed = point.seed % point.protocol.equilibration.count
            start, parent = parent_in(ensemble, seed)
            if start not in by_id:
                by_id[start], kept[start] = parent, dump(parent)
                seeds.setdefault(as_text(kept[start], *_ENSEMBLE), {})[start] = parent.seed
            snapshots[start] = max(snapshots[start], snapshot_of(point) + 1)
        own = str(calc_id(data))
        by_id[own], kept[own] = point, data
        seeds.setdefault(ensemble, {})[own] = point.seed
    new = frozenset(by_id.keys() - {job.id for job in project})
    if new:
        _check_seed_width(project, seeds)
    return Plan(by_id, kept, dict(snapshots), new)


def _dumped(points: list[StatePoint]) -> Iterator[tuple[StatePoint, dict[str, Any], str]]:
    """State points, the same as signac keeps them, and what they share but for the seed.

    Thousands of seeds share a few charge sets and protocols, which are written out once.
    """
    shared: dict[tuple[int, int], tuple[dict[str, Any], str]] = {}
    for point in points:
        # By identity, as the points keep both alive; equal ones that are not shared only cost time.
        parts = (id(point.charge_set), id(point.protocol))
        if parts not in shared:
            data = dump(point)
            shared[parts] = data, as_text(data, *_ENSEMBLE)
        data, ensemble = shared[parts]
        yield point, {**data, "seed": point.seed}, ensemble


def carry_out(project: signac.Project, todo: Plan) -> None:
    """Make the planned jobs; jobs already there keep their id and all their data."""
    for job_id, point in todo.points.items():
        relaxes = isinstance(point.protocol, Equilibrate)
        if job_id not in todo.new and not relaxes:
            continue
        job = project.open_job(todo.data[job_id]).init()
        wanted = todo.snapshots.get(job_id, 1)
        if relaxes and (job_id in todo.new or snapshots_of(job) < wanted):
            job.doc["snapshots"] = wanted


def _check_seed_width(project: signac.Project, planned: dict[str, dict[str, int]]) -> None:
    """Check the seeds of each sweep, by job id, with those of the jobs that are there."""
    for job in project:
        sweep = planned.get(ensemble_of(job))
        if sweep is not None:
            sweep[job.id] = seed_of(job)
    for seeds in planned.values():
        check_seeds(list(seeds.values()), "seed")
