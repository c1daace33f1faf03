"""The signac data space: opening it, and reading the state points and documents of its jobs.

Over years, files of a data space are lost or damaged. A project that is opened here leaves out
folders that are not usable jobs, reports each of them once with a remedy, and works with the rest.
"""

import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import signac
from signac.errors import ConfigError, IncompatibleSchemaVersion, JobsCorruptedError
from signac.job import Job, calc_id

from ..errors import InputError, told_in_one_line
from ..files import put_aside
from ..protocols import AnyProtocol, capabilities_of, required
from ..schema import StatePoint, parent_of, state_point, with_seed
from ..settings import KEY, prefer
from ..values import SEED_END
from . import faults

#: Keys of a state point that the jobs of one ensemble share.
ENSEMBLE = ("charge_set", "protocol")
_CONFIG = (
    "# signac's project configuration; .signac/config is a link to this file.\nschema_version = 2\n"
)
_REPAIR = "python -m januspore verify --repair writes it again"
#: signac logs faults that this module reports itself, with the remedy.
logging.getLogger("signac").setLevel(logging.CRITICAL)


class SoundProject(signac.Project):
    """A signac project of the usable jobs; every other folder is reported once.

    Iteration, length, searches and signac-flow's aggregates leave out every folder that is named
    like a job but does not hold a state point of this package.
    """

    def __init__(self, path: str | None = None) -> None:
        self._sound: set[str] = (
            set()
        )  # set first, as the constructor of signac-flow's projects lists jobs
        super().__init__(path)

    def _job_dirs(self) -> Iterator[str]:
        # Every listing of signac and signac-flow calls this method.
        for job_id in super()._job_dirs():
            if job_id in self._sound:
                yield job_id
                continue
            fault = self._fault(job_id)
            if fault is None:
                self._sound.add(job_id)
                yield job_id
            else:
                faults.tell(fault)

    def _fault(self, job_id: str) -> str | None:
        fault = fault_of(Job(self, id_=job_id, directory_known=True))
        if fault is not None and job_id in self._sp_cache:
            # signac's cache may be wrong although the job's own file is correct.
            del self._sp_cache[job_id]
            with suppress(OSError):
                Path(self.fn(self.FN_CACHE)).unlink(missing_ok=True)
            fault = fault_of(Job(self, id_=job_id, directory_known=True))
        return fault

    def _read_cache(self) -> dict[str, Any]:
        """signac's cache of state points; it is deleted if it cannot be read."""
        with suppress(OSError, EOFError, ValueError, zlib.error):
            cache = super()._read_cache()
            if isinstance(cache, dict):
                return cache
        with suppress(OSError):
            Path(self.fn(self.FN_CACHE)).unlink(missing_ok=True)
        return {}


def fault_of(job: Any) -> str | None:
    """Return why a folder of the workspace is not a usable job, None if it is one."""
    try:
        _statepoint(job)
        try:
            ensemble_of(job)
            seed_of(job)
        except InputError as error:
            raise InputError(f"{error}; no job of this kind: move it out of workspace/") from None
        if "snapshots" in capabilities_of(protocol_name(job)):
            snapshots_of(job)
    except InputError as error:
        return str(error)
    return None


def open_project(root: Path, kind: type[SoundProject] = SoundProject) -> SoundProject:
    """Open the data space at `root`; create its configuration link if a copy has lost it.

    Args:
        root: folder of `signac.rc`.
        kind: class of the project.

    Raises:
        InputError: its configuration is damaged, or a file is in the place of a folder.
    """
    config, link = root / "signac.rc", root / ".signac" / "config"
    remedy = "move it away, and the next command writes it again"
    try:
        if not config.exists():
            config.write_text(_CONFIG)
        if not link.exists():
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(Path("..") / "signac.rc")
        project = kind.get_project(str(root), search=False)
        with suppress(InputError):  # reported by the functions that need the document
            prefer(project_document(project).get(KEY))
        return project
    except IncompatibleSchemaVersion:
        found = "schema_version is not 2"
    except (ConfigError, LookupError, ValueError):
        found = "not a configuration of signac's"
    except FileExistsError as error:
        raise InputError(f"{error.filename}: a file where a folder must be; move it away") from None
    except OSError as error:
        raise InputError(f"{root}: the data space cannot be opened: {error}") from None
    raise InputError(f"{config}: {found}; {remedy}")


def find_project(root: Path, kind: type[SoundProject] = SoundProject) -> SoundProject:
    """Open the data space at `root`, if there is one.

    Args:
        root: folder of `signac.rc`.
        kind: class of the project.

    Raises:
        InputError: there is none, or it cannot be opened.
    """
    if not (root / "signac.rc").exists() and not (root / ".signac" / "config").exists():
        raise InputError(f"--project = {root}: no data space here")
    return open_project(root, kind)


def project_document(project: signac.Project) -> dict[str, Any]:
    """Return the data space's document: the study that `init.py` made last, and flow's notes.

    Raises:
        InputError: it cannot be read.
    """
    path = Path(project.fn(project.FN_DOCUMENT))
    with suppress(FileNotFoundError):
        document = _read_json(path)
        if isinstance(document, dict):
            return document
        raise InputError(
            f"{path}: damaged: not a table; python init.py --study NAME puts it aside and writes "
            "it again"
        )
    return {}


def mend_document(project: signac.Project) -> None:
    """Rename a project document that cannot be read, with a message, as signac-flow needs it.

    Raises:
        InputError: it cannot be renamed.
    """
    try:
        project_document(project)
    except InputError:
        path = Path(project.fn(project.FN_DOCUMENT))
        with told_in_one_line(str(path)):
            aside = put_aside(path)
        faults.tell(
            f"{path}: damaged: not a table; put aside as {aside.name}: python init.py --study NAME "
            "notes down the study again, python -m januspore check the engine"
        )


def names_of(project: signac.Project) -> dict[str, str]:
    """Return the names that studies gave to charge sets, by the text of `as_text`.

    `init.py` writes them to the project document, for charge sets that the paper does not name.
    """
    with suppress(InputError, TypeError, ValueError):
        return {str(text): str(name) for text, name in project_document(project).get("names", [])}
    return {}


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
    """Return the name of a job's protocol without validating its state point.

    Raises:
        InputError: the state point has no such name.
    """
    try:
        return str(_statepoint(job)["protocol"]["name"])
    except (KeyError, TypeError):
        return point_of(job).protocol.name


def protocol_of(job: Any) -> AnyProtocol:
    """Return a job's protocol, the same object for all jobs of an ensemble.

    Raises:
        InputError: the job's state point is not of this package's schema.
    """
    return _recipe(ensemble_of(job)).protocol


#: By job id: every condition needs this text, and writing it is slow.
_ensembles: dict[str, str] = {}


def ensemble_of(job: Any) -> str:
    """Text of a state point without its seed; equal for the jobs of one ensemble.

    Raises:
        InputError: the job's state point is not of this package's schema.
    """
    if job.id in _ensembles:
        return _ensembles[job.id]
    data = _statepoint(job)
    try:
        ensemble = as_text(data, *ENSEMBLE)
        _recipe(ensemble)
    except (InputError, KeyError, TypeError):
        state_point(dict(data), f"job {job.id}")  # raises an error that names the job and the key
        raise
    _ensembles[job.id] = ensemble
    return ensemble


def seed_of(job: Any) -> int:
    """Return a job's seed.

    Raises:
        InputError: it has none, or it is not a valid seed.
    """
    seed = _statepoint(job).get("seed")
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < SEED_END:
        return seed
    return point_of(job).seed


def as_text(statepoint: Mapping[str, Any], *keys: str) -> str:
    """Parts of a state point as text; equal parts have equal texts."""
    return json.dumps({k: statepoint[k] for k in keys}, sort_keys=True, default=_builtin)


def _statepoint(job: Any) -> Mapping[str, Any]:
    try:
        data: Mapping[str, Any] = job.cached_statepoint
    except (JobsCorruptedError, OSError, LookupError, ValueError, TypeError, RecursionError):
        raise InputError(
            f"job {job.id}: its {job.FN_STATE_POINT} {_damage(job)}; move that file away, and the "
            "init.py that made the job writes it again (what is no job must leave workspace/)"
        ) from None
    return data


def _damage(job: Any) -> str:
    """Describe what is wrong with a state point file."""
    try:
        data = _read_json(Path(job.fn(job.FN_STATE_POINT)))
    except OSError as error:
        return "is missing" if isinstance(error, FileNotFoundError) else str(error.strerror)
    if data is None:
        return "is damaged: empty, cut or no JSON"
    return f"is damaged: it is that of {calc_id(data)}" if isinstance(data, dict) else "is damaged"


def _read_json(path: Path) -> Any:
    """Content of a JSON file, None if it is not JSON."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def _builtin(value: Any) -> Any:
    """Convert signac's mappings and lists, which `json` does not accept."""
    return dict(value) if isinstance(value, Mapping) else list(value)


# Thousands of jobs share a few protocols and parents, and `status` needs them for every job.
@cache
def _recipe(ensemble: str) -> StatePoint:
    return state_point(json.loads(ensemble) | {"seed": 0})


def recipes_of(project: signac.Project) -> list[StatePoint]:
    """Return one state point, of seed 0, of each ensemble of a data space."""
    return [_recipe(ensemble) for ensemble in sorted({ensemble_of(job) for job in project})]


def equilibrations(ensemble: str) -> int:
    """Return how many equilibrations the driven jobs of an ensemble start from."""
    return required(_recipe(ensemble).protocol.starts_from, "starts_from").count


@cache
def parent_in(ensemble: str, seed: int) -> tuple[str, StatePoint]:
    """Return job id and state point of the equilibration that a driven job starts from.

    Args:
        ensemble: the driven job's, see `ensemble_of`.
        seed: the equilibration's.
    """
    parent = required(parent_of(with_seed(_recipe(ensemble), seed)), "starts_from")
    return str(calc_id(dump(parent))), parent


def snapshots_of(job: Any) -> int:
    """Return how many snapshots an equilibration keeps, as `init.py` wrote to its document.

    Raises:
        InputError: the document cannot be read, or says something else.
    """
    number = document_of(job).get("snapshots", 1)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**31:
        raise InputError(
            f"job {job.id}: snapshots = {repr(number)[:40]} in its {job.FN_DOCUMENT}: must be a "
            f"whole number from 1; {_REPAIR}"
        )
    return number


def engine_of(job: Any) -> dict[str, Any]:
    """Return the engine in a job's document, empty before the job has begun.

    Raises:
        InputError: the document cannot be read, or says something else.
    """
    engine = document_of(job).get("engine", {})
    if not isinstance(engine, dict) or (engine and not isinstance(engine.get("name"), str)):
        raise InputError(
            f"job {job.id}: engine = {repr(engine)[:40]} in its {job.FN_DOCUMENT}: no engine's "
            f"record; {_REPAIR}"
        )
    return engine


def document_of(job: Any) -> dict[str, Any]:
    """Return a job's document, empty where it has none; it changes nothing.

    Raises:
        InputError: it cannot be read.
    """
    # Read without signac, which would create the folder of a job that does not exist.
    path = Path(job.path, job.FN_DOCUMENT)
    try:
        document = _read_json(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"job {job.id}: its {job.FN_DOCUMENT}: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"job {job.id}: its {job.FN_DOCUMENT} is damaged: not a table; {_REPAIR}")
    return document


def dump(point: StatePoint) -> dict[str, Any]:
    """Return a state point as signac keeps it."""
    return point.model_dump(mode="json")


def parent_job(job: Any, point: StatePoint) -> Any:
    """Return the equilibrate job that a driven job starts from, None for an equilibrate job."""
    parent = parent_of(point)
    return None if parent is None else job.project.open_job(dump(parent))
