"""What every product has in common: its inputs, its digest, its files under `results/`."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .. import provenance
from ..analysis import VERSION
from ..analysis.job import write_json
from ..dataspace import point_of
from ..model.system import Model, build_model
from ..operations import read_summary
from ..schema import StatePoint


@dataclass(frozen=True)
class Ensemble:
    """The jobs of one charge set and protocol, by seed, with the state point of the first."""

    jobs: tuple[Any, ...]
    point: StatePoint
    model: Model

    @classmethod
    def of(cls, jobs: Sequence[Any]) -> "Ensemble":
        """Gather jobs, which must differ in nothing but their seed."""
        ordered = tuple(sorted(jobs, key=lambda job: job.statepoint["seed"]))
        point = point_of(ordered[0])
        return cls(ordered, point, build_model(point))

    def sums(self) -> dict[str, NDArray]:
        """The sums that each job's analysis keeps, stacked: shape (n_seeds, ...) by name."""
        each = [json.loads(Path(job.fn("analysis.json")).read_text())["sums"] for job in self.jobs]
        return {name: np.array([one[name] for one in each], dtype=float) for name in each[0]}


@dataclass
class Content:
    """What a product computes: one table, one figure, and verdicts or scalars for the JSON."""

    table: pd.DataFrame
    figure: Figure
    findings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """A product: its name, which protocol it is made of, how it is made, and what it waits for."""

    name: str
    protocol: str
    make: Callable[[Ensemble], Content]
    ready: Callable[[Any], bool]

    def concerns(self, job: Any) -> bool:
        """Whether a job is an input of this product."""
        return bool(job.cached_statepoint["protocol"]["name"] == self.protocol)

    def is_ready(self, *jobs: Any) -> bool:
        """Whether every input is there."""
        return all(self.ready(job) for job in jobs)

    def is_made(self, *jobs: Any) -> bool:
        """Whether the product's recorded digest is that of its present inputs."""
        try:
            kept = json.loads(self.path(jobs[0], "json").read_text())
        except (OSError, ValueError):
            return False
        return bool(kept.get("digest") == digest(jobs))

    def run(self, *jobs: Any) -> None:
        """Make the product: `results/<name>/<ensemble>/<name>.csv`, `.png`, `.json`."""
        ensemble = Ensemble.of(jobs)
        content = self.make(ensemble)
        csv, png, last = (self.path(jobs[0], kind) for kind in ("csv", "png", "json"))
        csv.parent.mkdir(parents=True, exist_ok=True)
        for path, write in (
            (csv, lambda p: content.table.to_csv(p, index=False)),
            (png, lambda p: content.figure.savefig(p, dpi=160)),
        ):
            aside = path.with_name(f".{path.name}.tmp{path.suffix}")
            write(aside)
            aside.replace(path)
        # The JSON carries the digest, so it comes last.
        write_json(last, self._record(ensemble, content))

    def path(self, job: Any, kind: str) -> Path:
        """File of the product that this job belongs to: kind is "csv", "json" or "png"."""
        return (
            Path(job.project.path) / "results" / self.name / label(job.cached_statepoint)
        ) / f"{self.name}.{kind}"

    def _record(self, ensemble: Ensemble, content: Content) -> dict[str, Any]:
        return {
            "product": self.name,
            "digest": digest(ensemble.jobs),
            "analysis_version": VERSION,
            "charge_set": ensemble.point.charge_set.model_dump(),
            "protocol": ensemble.point.protocol.model_dump(),
            "pore_diameter_nm": ensemble.model.pore.diameter_nm,
            "box_nm": ensemble.model.box.tolist(),
            "boundary": "periodic in three dimensions, tin foil, uniform applied field along x",
            "jobs": [
                {
                    "id": job.id,
                    "seed": job.statepoint["seed"],
                    "simulated_ps": (read_summary(job) or {}).get("simulated_ps"),
                    "engine": dict(job.doc.get("engine", {})),
                }
                for job in ensemble.jobs
            ],
            "code": provenance.code(),
            "findings": content.findings,
            "table": content.table.to_dict(orient="records"),
        }


def ensemble_key(job: Any) -> str:
    """Everything of a state point but its seed, as one string; equal for one ensemble's jobs."""
    data = job.cached_statepoint
    return json.dumps(_plain({k: data[k] for k in ("charge_set", "protocol")}), sort_keys=True)


def label(statepoint: Mapping[str, Any]) -> str:
    """Folder name of an ensemble: charges, protocol, and a hash of all that they leave out."""
    data = _plain(statepoint)
    charges = dict(data["charge_set"])
    parts = [charges.pop("material"), *(f"{k}{v:+g}" for k, v in charges.items())]
    parts.append(data["protocol"]["name"])
    rest = json.dumps([data["charge_set"], data["protocol"]], sort_keys=True)
    return "_".join([*parts, hashlib.sha256(rest.encode()).hexdigest()[:6]])


def digest(jobs: Sequence[Any]) -> str:
    """Digest of a product's inputs: job ids, data lengths, analysis version."""
    inputs = sorted((job.id, (read_summary(job) or {}).get("rows", 0)) for job in jobs)
    return hashlib.sha256(json.dumps([VERSION, inputs]).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
