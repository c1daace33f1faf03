"""A product: its input jobs, whether it is up to date, and where its files lie.

This module imports nothing heavy, as `project.py status` checks every product. The module that
computes a product (see `januspore.products.ensemble`) is imported only to run it.
"""

import hashlib
import importlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis import VERSION
from ..errors import told_in_one_line
from ..files import clear_litter
from ..space.conditions import has, inputs_digest, is_analysed
from ..space.dataspace import as_text, ensemble_of, protocol_of
from ..space.lock import Busy, locked
from ..space.varying import varying
from .kept import FORMAT, head

if TYPE_CHECKING:
    from .ensemble import Content, Ensemble

#: Sections of a protocol in which the jobs of a product with something `beside` it agree.
CONDITIONS = ("cell", "force_field", "dynamics")


@dataclass(frozen=True)
class Product:
    """A product; its name is also that of its module, its folder and its files.

    It is made of the jobs whose protocol has the capability that it `needs`, whatever the protocol;
    of all jobs if it needs none, "".

    Its jobs share all of their state points but the seed and, if it goes `across` charge sets, the
    charge set. If it has something `beside` it, a second capability, its jobs are those of one
    membrane in one cell with either capability, whatever else their protocols say. A product of one
    ensemble waits for all of its seeds. One of several ensembles shows those that are finished, so
    that one slow membrane does not hide the others, and is made again as each of the rest is.
    """

    name: str
    needs: str
    across: bool = False
    beside: str = ""

    def concerns(self, job: Any) -> bool:
        """Whether a job is an input of this product."""
        return self.leads(job) or bool(self.beside and has(job, self.beside))

    def leads(self, job: Any) -> bool:
        """Whether a job has what the product needs, and is not only shown beside it."""
        return not self.needs or has(job, self.needs)

    def key(self, job: Any) -> str:
        """Text that is equal for all jobs that go into the same product."""
        ensemble = ensemble_of(job)
        if self.beside:
            return same_conditions(job)
        return as_text(job.cached_statepoint, "protocol") if self.across else ensemble

    def groups(self, jobs: Iterable[Any]) -> list[list[Any]]:
        """Group the input jobs among some jobs by product."""
        found: dict[str, list[Any]] = {}
        for job in jobs:
            if self.concerns(job):
                found.setdefault(self.key(job), []).append(job)
        return [group for group in found.values() if any(map(self.leads, group))]

    @property
    def _several(self) -> bool:
        """Whether it is made of several ensembles."""
        return self.across or bool(self.beside)

    def is_ready(self, *jobs: Any) -> bool:
        """Whether every input is analysed; of several ensembles, all of a leading one."""
        if not self._several:
            return _all_analysed(jobs)
        return any(self.leads(group[0]) for group in self._finished(jobs))

    def is_made(self, *jobs: Any) -> bool:
        """Whether the product was made from its present inputs, and all of its files are whole."""
        path = self.path(jobs[0], "json")
        kept = head(path)
        if kept is None:
            return False
        inputs = [job for group in self._finished(jobs) for job in group] if self._several else jobs
        return bool(kept.digest == digest(inputs)) and kept.is_whole(path.parent)

    def run(self, *jobs: Any) -> None:
        """Make `results/<name>/<label>/<name>.csv`, `.png` and `.json`.

        A product that another process is making is skipped.
        """
        folder = self.path(jobs[0], "json").parent
        try:
            with told_in_one_line(str(folder)), locked(folder):
                clear_litter(folder)
                self._make(jobs)
        except Busy as error:
            print(f"{folder} passed over: {error}", file=sys.stderr)

    def _make(self, jobs: Sequence[Any]) -> None:
        from .ensemble import write

        files = {kind: self.path(jobs[0], kind) for kind in ("csv", "png", "json")}
        ensembles, content = self.content(jobs)
        about = {
            "product": self.name,
            "digest": digest([job for ensemble in ensembles for job in ensemble.jobs]),
            "analysis_version": VERSION,
            "format": FORMAT,
        }
        write(files, about, ensembles, content)

    def content(self, jobs: Sequence[Any]) -> "tuple[list[Ensemble], Content]":
        """Compute the product: the ensembles that it is of, and its table, figure and findings."""
        from .ensemble import Ensemble

        module = importlib.import_module(f".{self.name}", __package__)
        groups = self._finished(jobs) if self._several else [list(jobs)]
        ensembles = [Ensemble.of(group) for group in groups]
        return ensembles, module.make(ensembles if self._several else ensembles[0])

    def path(self, job: Any, kind: str) -> Path:
        """File of the product that this job belongs to: kind is "csv", "json" or "png"."""
        folder = Path(job.project.path) / "results" / self.name / self._label(job)
        return folder / f"{self.name}.{kind}"

    def _label(self, job: Any) -> str:
        """Folder name: charges, protocol, and a hash of the rest of the key."""
        point = job.cached_statepoint
        charges = {} if self.across else dict(point["charge_set"])
        parts = [charges.pop("material")] if charges else []
        parts += [f"{k}{v:+g}" for k, v in charges.items()]
        parts += [] if self.beside else [point["protocol"]["name"]]
        rest = hashlib.sha256(self.key(job).encode()).hexdigest()
        return "_".join([*parts, rest[:6]])

    def _finished(self, jobs: Sequence[Any]) -> list[list[Any]]:
        """Jobs of each ensemble whose every seed is analysed, the leading ones first."""
        groups: dict[str, list[Any]] = {}
        for job in jobs:
            groups.setdefault(ensemble_of(job), []).append(job)
        done = [group for group in groups.values() if _all_analysed(group)]
        return sorted(done, key=lambda group: not self.leads(group[0]))


def same_conditions(job: Any) -> str:
    """What jobs of one membrane in one cell, under the same conditions, share, as one string."""
    point = job.cached_statepoint
    same = [point["charge_set"], *(point["protocol"].get(part) for part in CONDITIONS)]
    return json.dumps(same, sort_keys=True)


def digest(jobs: Sequence[Any]) -> str:
    """Digest of a product's inputs: analyses, versions, and the keys in its legend."""
    inputs = sorted((job.id, inputs_digest(job)) for job in jobs)
    parts = [VERSION, FORMAT, inputs, *legend_of(jobs)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def legend_of(jobs: Sequence[Any]) -> list[str]:
    """Keys of the protocol in a product's figure and table; none if nothing varies.

    Every product names each key that varies, so all are made again when another key begins to.
    """
    protocols = {as_text(job.cached_statepoint, "protocol"): protocol_of(job) for job in jobs}
    found = []
    for protocol in protocols.values():
        varies = varying(jobs[0].project, protocol.name)
        found += [json.dumps(varies.columns(protocol))] if varies.values else []
    return sorted(found)


def _all_analysed(jobs: Sequence[Any]) -> bool:
    return all(is_analysed(job) for job in jobs)
