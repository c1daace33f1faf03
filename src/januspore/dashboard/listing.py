"""The jobs of a data space in order, their titles in words, and the search for jobs."""

import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import signac

from ..errors import InputError
from ..products.results import find_jobs, parse_filter
from ..protocols import AnyProtocol
from ..space.dataspace import as_text, ensemble_of, names_of, protocol_name, protocol_of, seed_of
from ..space.paper import in_words, order, short_name
from ..space.varying import look_again, varying
from . import words

#: Most membranes for which the page of jobs offers a search.
MEMBRANES = 40
#: The beginning of a job's id.
_ID = re.compile(r"[0-9a-f]{4,32}")


@dataclass(frozen=True)
class Kind:
    """The membrane and the protocol of the jobs of one ensemble, in words.

    Attributes:
        membrane: short name of the membrane.
        charges: material and charges.
        protocol: its name, and the keys in which it differs from others of its name.
        rank: the key that ensembles are sorted by.
    """

    membrane: str
    charges: str
    protocol: str
    rank: tuple[Any, ...]

    @property
    def title(self) -> str:
        """Membrane and protocol."""
        return f"{self.membrane}, {self.protocol}"


class Listing:
    """The jobs of a data space, listed again when one is created or deleted."""

    def __init__(self, project: signac.Project) -> None:
        self._project = project
        self._stamp: int | None = None
        self._jobs: list[Any] = []
        self._kinds: dict[str, Kind] = {}
        self._listing = threading.RLock()
        self._answer = lru_cache(maxsize=64)(self._find)

    def jobs(self) -> list[Any]:
        """Return all jobs, sorted by membrane, protocol and seed."""
        stamp = self.stamp()
        with self._listing:
            if stamp != self._stamp:
                look_again(self._project)
                self._kinds.clear()
                self._answer.cache_clear()
                self._jobs = sorted(self._project, key=self._rank)
                self._stamp = stamp
        return self._jobs

    def stamp(self) -> int:
        """Return the time of the workspace, which changes when a job is created or deleted."""
        try:
            return Path(self._project.workspace).stat().st_mtime_ns
        except OSError:
            return 0

    def kind(self, job: Any) -> Kind:
        """Return the membrane and the protocol of a job's ensemble, in words."""
        ensemble = ensemble_of(job)
        # `get`, as another thread may clear the dictionary at any time.
        kind = self._kinds.get(ensemble)
        if kind is None:
            kind = self._kinds[ensemble] = _kind(self._project, job)
        return kind

    def title(self, job: Any) -> str:
        """Return a job's title, such as "MoSSe, sine, seed 3"."""
        return f"{self.kind(job).title}, seed {seed_of(job)}"

    def search(self, question: str) -> list[Any]:
        """Return the jobs of a search: KEY=VALUE words, as for the command `results`.

        At least four characters from the beginning of a job's id find that job.

        Raises:
            InputError: the search is not valid, or no job has such a key.
        """
        self.jobs()
        return self._answer(question.strip())

    def _find(self, question: str) -> list[Any]:
        if _ID.fullmatch(question):
            return [job for job in self._jobs if job.id.startswith(question)]
        if "$where" in question:  # signac would run its value as Python code
            raise InputError(
                "$where: runs code, which is not allowed here; use python -m januspore results"
            )
        found = {job.id for job in find_jobs(self._project, parse_filter(_split(question)))}
        return [job for job in self._jobs if job.id in found]

    def questions(self) -> list[tuple[str, str]]:
        """Return names and searches of the first `MEMBRANES` membranes and of all protocols."""
        found: dict[str, str] = {}
        for job in self.jobs():
            membrane = self.kind(job).membrane
            if membrane not in found:
                charge_set = job.cached_statepoint["charge_set"]
                found[membrane] = " ".join(f"charge_set.{k}={v}" for k, v in charge_set.items())
        names = sorted({protocol_name(job) for job in self.jobs()})
        return [
            *islice(found.items(), MEMBRANES),
            *((name.replace("_", " "), f"protocol.name={name}") for name in names),
        ]

    def ensembles(self, jobs: list[Any]) -> dict[str, list[Any]]:
        """Group jobs by ensemble, keeping their order."""
        grouped: dict[str, list[Any]] = {}
        for job in jobs:
            grouped.setdefault(ensemble_of(job), []).append(job)
        return grouped

    def _rank(self, job: Any) -> tuple[Any, ...]:
        return (*self.kind(job).rank, seed_of(job))


def _split(question: str) -> list[str]:
    """Split a search into KEY=VALUE words; values may contain spaces, or shell quotes to remove."""
    words = re.split(r"\s+(?=[\w.]+=)", question) if question else []
    return [re.sub(r"^([\w.]+)='(.*)'$", r"\1=\2", word) for word in words]


def _kind(project: signac.Project, job: Any) -> Kind:
    charge_set = dict(job.cached_statepoint["charge_set"])
    given = names_of(project).get(as_text(job.cached_statepoint, "charge_set"), "")
    name = protocol_name(job)
    kind = [name.replace("_", " "), *_told_apart(project, name, protocol_of(job))]
    return Kind(
        membrane=short_name(charge_set, given),
        charges=in_words(charge_set),
        protocol=", ".join(kind),
        rank=(*order(charge_set), name, kind, ensemble_of(job)),
    )


def _told_apart(project: signac.Project, name: str, protocol: AnyProtocol) -> list[str]:
    """Return the keys in which a protocol differs from others of its name, with units."""
    always = [getattr(protocol, key) for key in ("mode", "ion") if hasattr(protocol, key)]
    varies = varying(project, name)
    own = varies.columns(protocol)
    keys = [key for key in varies.telling if key not in ("mode", "ion")]
    return always + [
        " ".join(words.measure(key.rpartition(".")[2], own[f"protocol.{key}"])) for key in keys
    ]
