"""A small complete data space with planted records, and the kinds of damage it is tested with."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from helpers import STUDIES, thermal_state
from planted import planted_rows

from januspore.model.state import write_state
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.run import operations
from januspore.run.initialise import init_command
from januspore.simulate.layout import trajectory
from januspore.simulate.record import write_record
from januspore.space.conditions import relaxes
from januspore.space.dataspace import dump, open_project, point_of, snapshots_of

STATE_POINT, DOCUMENT = "signac_statepoint.json", "signac_job_document.json"


def small_space(space: Path) -> None:
    """Two seeds of a sine and their equilibrations, recorded, analysed, with one product."""
    studies = space / "studies"
    studies.mkdir(parents=True)
    text = (STUDIES / "smallest.toml").read_text()
    study = text[: text.rindex("[[protocols]]")].replace(
        "frame_interval_ps = 1.0", "frame_interval_ps = 2.0"
    )
    (studies / "quick.toml").write_text(study)
    init_command([], space)
    project = open_project(space)
    for job in project:
        plant_whole(job)
        operations.analyse(job)
    (product,) = (p for p in PRODUCTS if p.name == "ie_curve")
    for jobs in product.groups(project):
        product.run(*jobs)


def plant_whole(job) -> None:
    """Write all files of a finished simulation: document, record, checkpoint, frames."""
    point, model = point_of(job), build_model(point_of(job))
    snapshots = snapshots_of(job)
    job.doc["engine"] = {"name": "openmm", "version": "0", "platform": "CPU"}
    folder = trajectory(job)
    (folder / "frames").mkdir(parents=True)
    rng = np.random.default_rng(point.seed + relaxes(job))
    programme = point.protocol.programme(snapshots)
    rows = planted_rows(point, lambda e, r: 9 * e, lambda e: 1.0, rng, programme=programme)
    about = {"job_id": job.id, "state_point": dump(point), "engine": dict(job.doc["engine"])}
    write_record(folder / "record.h5", rows, about)
    state = thermal_state(model)
    last = int(rows["step"][-1])
    places = {
        step: folder / "frames" / f"{step:015d}.gsd"
        for step in point.protocol.frame_steps(snapshots)
    }
    for step, path in [*places.items(), (last, folder / "checkpoint.gsd")]:
        write_state(path, model, at_step(state, step), job.id)


def at_step(state, step):
    from dataclasses import replace

    return replace(state, step=step, engine="openmm")


@dataclass(frozen=True)
class Damage:
    """A kind of damage to a data space, and the message that commands must give.

    Attributes:
        name: name of the case.
        do: function that damages the data space.
        names: text that the message must contain; empty if the damage causes no fault.
        stops: whether no command can continue.
    """

    name: str
    do: Callable[[Path], None]
    names: str = ""
    stops: bool = False


def sines(space: Path) -> list[Path]:
    """Folders of the driven jobs, by seed."""
    found = [
        (json.loads((p / STATE_POINT).read_text())["seed"], p)
        for p in (space / "workspace").iterdir()
        if "sine" in (p / STATE_POINT).read_text()
    ]
    return [path for _, path in sorted(found)]


def relaxing(space: Path) -> Path:
    """Folder of an equilibration."""
    return next(
        p
        for p in sorted((space / "workspace").iterdir())
        if "relax_ps" in (p / STATE_POINT).read_text() and p not in sines(space)
    )


def written(where: Callable[[Path], Path], content: bytes | None) -> Callable[[Path], None]:
    """Damage that gives a file new content, or removes it for None."""

    def do(space: Path) -> None:
        path = where(space)
        if content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return do


def cut(where: Callable[[Path], Path]) -> Callable[[Path], None]:
    """Damage that truncates a file to its first half."""
    return lambda space: where(space).write_bytes(
        where(space).read_bytes()[: where(space).stat().st_size // 2]
    )


def replaced_by_file(where: Callable[[Path], Path]) -> Callable[[Path], None]:
    """Damage that replaces a folder by a file."""

    def do(space: Path) -> None:
        shutil.rmtree(where(space), ignore_errors=True)
        where(space).write_text("a file")

    return do


def state_point(space: Path) -> Path:
    return sines(space)[0] / STATE_POINT


def product(kind: str) -> Callable[[Path], Path]:
    return lambda space: next((space / "results").rglob(f"ie_curve.{kind}"))


def swapped(space: Path) -> None:
    one, other = sines(space)
    shutil.copy(other / STATE_POINT, one / STATE_POINT)


def rc(space: Path) -> Path:
    return space / "signac.rc"


def project_document(space: Path) -> Path:
    return space / "signac_project_document.json"


def cache(space: Path) -> Path:
    return space / ".signac" / "statepoint_cache.json.gz"


NO_JOB = "0123456789abcdef0123456789abcdef"

#: Damage that makes one job unusable and does not affect the others.
JOBS = [
    *(
        Damage(f"state point {name}", written(state_point, content), STATE_POINT)
        for name, content in {
            "empty": b"",
            "null": b"null",
            "list": b"[1]",
            "number": b"3",
            "NaN": b'{"seed": NaN}',
            "table": b"{}",
            "bytes": b"\xff\x00",
            "deleted": None,
            "deep": b"[" * 9999,
        }.items()
    ),
    Damage("state point cut", cut(state_point), STATE_POINT),
    Damage("state point of another job", swapped, STATE_POINT),
    Damage("no job", lambda s: (s / "workspace" / NO_JOB).mkdir(), NO_JOB),
    Damage("file named like a job", written(lambda s: s / "workspace" / NO_JOB, b""), NO_JOB),
    *(
        Damage(f"document {name}", written(lambda s: relaxing(s) / DOCUMENT, content), DOCUMENT)
        for name, content in {"cut": b'{"snap', "list": b"[]", "empty": b""}.items()
    ),
    Damage(
        "snapshots text",
        written(lambda s: relaxing(s) / DOCUMENT, b'{"snapshots": "two"}'),
        "snapshots",
    ),
]
#: Damage after which the data space cannot be opened.
SPACE = [
    *(
        Damage(f"signac.rc {name}", written(rc, content), "signac.rc", True)
        for name, content in {
            "empty": b"",
            "rubbish": b"\x00\xff[[",
            "of schema 99": b"schema_version = 99\n",
            "of schema abc": b"schema_version = abc\n",
            "words": b"hello\n",
        }.items()
    ),
    Damage("workspace is a file", replaced_by_file(lambda s: s / "workspace"), "workspace", True),
]
#: Files that some commands do not read.
OTHERS = [
    *(
        Damage(f"project document {name}", written(project_document, content), "project_document")
        for name, content in {"cut": b'{"stu', "list": b"[]", "null": b"null"}.items()
    ),
    *(
        Damage(f"product {kind} {name}", written(product(kind), content), f"ie_curve.{kind}")
        for kind, name, content in [
            ("json", "no product", b"{}"),
            ("json", "list", b"[]"),
            ("json", "empty", b""),
            ("csv", "lost", None),
            ("csv", "empty", b""),
            ("png", "lost", None),
        ]
    ),
    Damage("results is a file", replaced_by_file(lambda s: s / "results"), "results"),
    Damage(
        "trajectory is a file", replaced_by_file(lambda s: sines(s)[0] / "trajectory"), "trajectory"
    ),
    Damage("record cut", cut(lambda s: sines(s)[0] / "trajectory" / "record.h5"), "record.h5"),
    Damage("summary rubbish", written(lambda s: sines(s)[0] / "summary.json", b"{"), ""),
    Damage("cache rubbish", written(cache, b"rubbish"), ""),
    Damage("cache cut", written(cache, gzip.compress(b"{}" * 99)[:20]), ""),
    Damage(
        "cache of nulls",
        lambda s: cache(s).write_bytes(
            gzip.compress(json.dumps({p.name: None for p in sines(s)}).encode())
        ),
        "",
    ),
]
