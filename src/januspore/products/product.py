"""A product: which jobs it is made of, whether it is made of all of them, where its files lie.

Imports nothing heavy: `project.py status` asks every product whether it is made. The module that
makes it (see `januspore.products.ensemble`) is only imported to run it.
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


@dataclass(frozen=True)
class Product:
    """A product; its name is also that of its module, its folder and its files.

    It is made of the jobs whose protocol has the capability that it `needs`, whatever the protocol.

    Its jobs share all of their state points but the seed and, if it goes `across` charge sets, the
    charge set. A product of one ensemble waits for all of its seeds. One across charge sets shows
    those that are finished, so that one slow membrane does not hide the others, and is made again
    as each of the rest is.
    """

    name: str
    needs: str
    across: bool = False

    def concerns(self, job: Any) -> bool:
        """Whether a job is an input of this product."""
        return has(job, self.needs)

    def key(self, job: Any) -> str:
        """What a job shares with the others that go into the same product, as one string."""
        ensemble = ensemble_of(job)
        return as_text(job.cached_statepoint, "protocol") if self.across else ensemble

    def groups(self, jobs: Iterable[Any]) -> list[list[Any]]:
        """Those of some jobs that it concerns, by what goes into one product."""
        found: dict[str, list[Any]] = {}
        for job in jobs:
            if self.concerns(job):
                found.setdefault(self.key(job), []).append(job)
        return list(found.values())

    def is_ready(self, *jobs: Any) -> bool:
        """Whether every input is analysed; across charge sets, those of one set at least."""
        return bool(self._finished(jobs)) if self.across else _all_analysed(jobs)

    def is_made(self, *jobs: Any) -> bool:
        """Whether the product is of its present inputs, and all of its files are whole."""
        path = self.path(jobs[0], "json")
        kept = head(path)
        if kept is None:
            return False
        inputs = [job for group in self._finished(jobs) for job in group] if self.across else jobs
        return bool(kept.digest == digest(inputs)) and kept.is_whole(path.parent)

    def run(self, *jobs: Any) -> None:
        """Make `results/<name>/<label>/<name>.csv`, `.png` and `.json`.

        A product that another process is making is passed over.
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
        groups = self._finished(jobs) if self.across else [list(jobs)]
        ensembles = [Ensemble.of(group) for group in groups]
        return ensembles, module.make(ensembles if self.across else ensembles[0])

    def path(self, job: Any, kind: str) -> Path:
        """File of the product that this job belongs to: kind is "csv", "json" or "png"."""
        folder = Path(job.project.path) / "results" / self.name / self._label(job)
        return folder / f"{self.name}.{kind}"

    def _label(self, job: Any) -> str:
        """Folder name: charges, protocol, and a hash of all that they leave out."""
        point = job.cached_statepoint
        charges = {} if self.across else dict(point["charge_set"])
        parts = [charges.pop("material")] if charges else []
        parts += [f"{k}{v:+g}" for k, v in charges.items()] + [point["protocol"]["name"]]
        rest = hashlib.sha256(self.key(job).encode()).hexdigest()
        return "_".join([*parts, rest[:6]])

    def _finished(self, jobs: Sequence[Any]) -> list[list[Any]]:
        """Jobs of each charge set whose every seed is analysed."""
        groups: dict[str, list[Any]] = {}
        for job in jobs:
            groups.setdefault(as_text(job.cached_statepoint, "charge_set"), []).append(job)
        return [group for group in groups.values() if _all_analysed(group)]


def digest(jobs: Sequence[Any]) -> str:
    """Digest of what a product is made of: analyses, versions, and what tells it apart."""
    inputs = sorted((job.id, inputs_digest(job)) for job in jobs)
    parts = [VERSION, FORMAT, inputs, *legend_of(jobs)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def legend_of(jobs: Sequence[Any]) -> list[str]:
    """What a product's figure and table say of the protocol; nothing if it is the only one.

    A key that begins to vary is named by every product, so those made before are made again.
    """
    if not jobs:
        return []
    protocol = protocol_of(jobs[0])
    varies = varying(jobs[0].project, protocol.name)
    return [json.dumps(varies.columns(protocol))] if varies.values else []


def _all_analysed(jobs: Sequence[Any]) -> bool:
    return all(is_analysed(job) for job in jobs)
