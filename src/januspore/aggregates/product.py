"""A product: which jobs it is made of, whether it is made of all of them, where its files lie.

Imports nothing heavy: `project.py status` asks every product whether it is made. The module that
makes it (see `januspore.aggregates.ensemble`) is only imported to run it.
"""

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..analysis import VERSION
from ..conditions import is_analysed, read_summary


@dataclass(frozen=True)
class Product:
    """A product; its name is also that of its module, its folder and its files."""

    name: str
    protocol: str

    def concerns(self, job: Any) -> bool:
        """Whether a job is an input of this product."""
        return bool(job.cached_statepoint["protocol"]["name"] == self.protocol)

    def is_ready(self, *jobs: Any) -> bool:
        """Whether every input is analysed."""
        return all(is_analysed(job) for job in jobs)

    def is_made(self, *jobs: Any) -> bool:
        """Whether the product's recorded digest is that of its present inputs."""
        try:
            kept = json.loads(self.path(jobs[0], "json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(kept, dict) and kept.get("digest") == digest(jobs)

    def run(self, *jobs: Any) -> None:
        """Make `results/<name>/<ensemble>/<name>.csv`, `.png` and `.json`."""
        from .ensemble import Ensemble, write

        module = importlib.import_module(f".{self.name}", __package__)
        ensemble = Ensemble.of(jobs)
        files = {kind: self.path(jobs[0], kind) for kind in ("csv", "png", "json")}
        head = {"product": self.name, "digest": digest(jobs), "analysis_version": VERSION}
        write(files, head, ensemble, module.make(ensemble))

    def path(self, job: Any, kind: str) -> Path:
        """File of the product that this job belongs to: kind is "csv", "json" or "png"."""
        folder = Path(job.project.path) / "results" / self.name / label(job.cached_statepoint)
        return folder / f"{self.name}.{kind}"


def ensemble_key(job: Any) -> str:
    """Everything of a state point but its seed, as one string; equal for one ensemble's jobs."""
    return _without_seed(job.cached_statepoint)


def label(statepoint: Mapping[str, Any]) -> str:
    """Folder name of an ensemble: charges, protocol, and a hash of all that they leave out."""
    charges = dict(statepoint["charge_set"])
    parts = [charges.pop("material"), *(f"{k}{v:+g}" for k, v in charges.items())]
    parts.append(statepoint["protocol"]["name"])
    rest = hashlib.sha256(_without_seed(statepoint).encode()).hexdigest()
    return "_".join([*parts, rest[:6]])


def digest(jobs: Sequence[Any]) -> str:
    """Digest of a product's inputs: job ids, data lengths, analysis version."""
    inputs = sorted((job.id, (read_summary(job) or {}).get("rows", 0)) for job in jobs)
    return hashlib.sha256(json.dumps([VERSION, inputs]).encode()).hexdigest()


def _without_seed(statepoint: Mapping[str, Any]) -> str:
    kept = {key: statepoint[key] for key in ("charge_set", "protocol")}
    return json.dumps(kept, sort_keys=True, default=_builtin)


def _builtin(value: Any) -> Any:
    """signac's mappings and lists are not JSON's own."""
    return dict(value) if isinstance(value, Mapping) else list(value)
