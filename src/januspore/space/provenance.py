"""Provenance of results: versions, engine, machine class, and the commit of the code."""

import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import __version__
from ..schema import StatePoint
from .dataspace import engine_of

_PACKAGES = ("numpy", "scipy", "signac", "signac-flow", "gsd", "freud-analysis")


@lru_cache(maxsize=1)
def code() -> dict[str, Any]:
    """Versions of this package and of its dependencies, and the git commit."""
    return {
        "januspore": __version__,
        "commit": _commit(),
        **{name: version(name) for name in _PACKAGES},
    }


def of_job(job: Any, point: StatePoint) -> dict[str, Any]:
    """Provenance stored with a job's record: its id, state point, engine and code."""
    return {
        "job_id": job.id,
        "state_point": point.model_dump(mode="json"),
        "engine": engine_of(job),
        "code": code(),
    }


def _commit() -> str:
    """Commit of the checkout this package is imported from, "+" for uncommitted changes."""
    here = Path(__file__).resolve().parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        return head + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
