"""The jobs of a data space in order, their titles in words, and those that a question asks for."""

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

#: Membranes that the page of jobs offers to show alone.
MEMBRANES = 40
#: The beginning of a job's id.
_ID = re.compile(r"[0-9a-f]{4,32}")


@dataclass(frozen=True)
class Kind:
    """What the jobs of one ensemble share, in words.

    Attributes:
        membrane: its name, short.
        charges: material and charges.
        protocol: name, and what tells it from others of its name.
        rank: sorts it among the others.
    """

    membrane: str
    charges: str
    protocol: str
    rank: tuple[Any, ...]

    @property
    def title(self) -> str:
        """All of it, short."""
        return f"{self.membrane}, {self.protocol}"


class Listing:
    """The jobs of a data space, listed again when one comes or goes."""

    def __init__(self, project: signac.Project) -> None:
        self._project = project
        self._stamp: int | None = None
        self._jobs: list[Any] = []
        self._kinds: dict[str, Kind] = {}
        self._listing = threading.RLock()
        self._answer = lru_cache(maxsize=64)(self._find)

    def jobs(self) -> list[Any]:
        """Return all jobs: by membrane, protocol and seed."""
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
        """Return what changes when a job comes or goes."""
        try:
            return Path(self._project.workspace).stat().st_mtime_ns
        except OSError:
            return 0

    def kind(self, job: Any) -> Kind:
        """Return what a job's ensemble is, in words."""
        ensemble = ensemble_of(job)
        kind = self._kinds.get(ensemble)  # another thread may be listing the jobs again
        if kind is None:
            kind = self._kinds[ensemble] = _kind(self._project, job)
        return kind

    def title(self, job: Any) -> str:
        """A job in words, such as "MoSSe, sine, seed 3"."""
        return f"{self.kind(job).title}, seed {seed_of(job)}"

    def search(self, question: str) -> list[Any]:
        """Return the jobs that a question asks for: KEY=VALUE words, as `results` takes them.

        The beginning of a job's id, of at least four characters, asks for that job.

        Raises:
            InputError: it is no such question, or no job has such a key.
        """
        self.jobs()
        return self._answer(question.strip())

    def _find(self, question: str) -> list[Any]:
        if _ID.fullmatch(question):
            return [job for job in self._jobs if job.id.startswith(question)]
        if "$where" in question:  # signac would run it
            raise InputError(
                "$where: runs code, and is not answered here; python -m januspore "
                "results answers it"
            )
        found = {job.id for job in find_jobs(self._project, parse_filter(_split(question)))}
        return [job for job in self._jobs if job.id in found]

    def questions(self) -> list[tuple[str, str]]:
        """Return name and question of each protocol and of the first membranes that there are."""
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
        """Return some jobs by ensemble, in order."""
        grouped: dict[str, list[Any]] = {}
        for job in jobs:
            grouped.setdefault(ensemble_of(job), []).append(job)
        return grouped

    def _rank(self, job: Any) -> tuple[Any, ...]:
        return (*self.kind(job).rank, seed_of(job))


def _split(question: str) -> list[str]:
    """KEY=VALUE words, whose values may hold spaces; quotes that a shell wants are taken off."""
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
    """What tells a protocol from others of its name, each key in words with its unit."""
    always = [getattr(protocol, key) for key in ("mode", "ion") if hasattr(protocol, key)]
    varies = varying(project, name)
    own = varies.columns(protocol)
    keys = [key for key in varies.telling if key not in ("mode", "ion")]
    return always + [
        " ".join(words.measure(key.rpartition(".")[2], own[f"protocol.{key}"])) for key in keys
    ]
