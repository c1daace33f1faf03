"""The inputs of an ensemble, and writing a product's files with their provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..analysis.statistics import Interval, by_cluster
from ..analysis.store import plain, read_arrays, write_json
from ..files import written_aside
from ..model.dipole import membrane_step
from ..model.system import Model, build_model
from ..schema import StatePoint, equilibration_of
from ..space import provenance
from ..space.conditions import read_summary
from ..space.dataspace import as_text, engine_of, names_of, point_of
from ..space.paper import short_name
from ..space.varying import Varying, varying
from .drawing import save, why_empty
from .kept import NO_FIGURE, sealed


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

    @property
    def title(self) -> str:
        """Short name of the charges, conditions not the paper's, and what tells it from others."""
        charges = {"charge_set": self.point.charge_set.model_dump()}
        given = names_of(self.jobs[0].project).get(as_text(charges, "charge_set"), "")
        name = short_name(charges["charge_set"], given)
        return ", ".join(filter(None, [name, self.varies.legend(self.point.protocol)]))

    @property
    def varies(self) -> Varying:
        """Keys that distinguish this ensemble from others of the same protocol."""
        return varying(self.jobs[0].project, self.point.protocol.name)

    @property
    def seeds(self) -> str:
        """Number of seeds for a figure's title, and of equilibrations if there are fewer."""
        return in_numbers(len(self.jobs), len(set(self.equilibrations)))

    @property
    def equilibrations(self) -> list[int]:
        """Number of the equilibration that each job started from."""
        return [
            equilibration_of(self.point.protocol, int(job.statepoint["seed"])) for job in self.jobs
        ]

    def each_seed(self, file: str = "analysis.h5") -> dict[str, NDArray]:
        """Arrays of each job's analysis, stacked: shape (n_seeds, ...) by name."""
        each = [read_arrays(Path(job.fn(file)), job.id) for job in self.jobs]
        return {name: np.stack([one[name] for one in each]).astype(float) for name in each[0]}

    def sums(self, file: str = "analysis.h5") -> dict[str, NDArray]:
        """Sums by equilibration, over its seeds: shape (n_equilibrations, ...) by name.

        Seeds of one equilibration are not independent, as they share its polarisation. Intervals
        are therefore those over equilibrations (a bootstrap of clusters).
        """
        return by_cluster(self.each_seed(file), self.equilibrations)


@dataclass
class Content:
    """Result of a product: one table, one figure, and scalars or verdicts for the JSON.

    A figure that has no panel to show is not written (`drawing.why_empty`).
    """

    table: pd.DataFrame
    figure: Figure
    findings: dict[str, Any] = field(default_factory=dict)


def in_numbers(seeds: int, equilibrations: int) -> str:
    """Give the number of seeds in words, and that of equilibrations if there are fewer."""
    text = f"{seeds} seed" + "s" * (seeds != 1)
    return (
        text
        if equilibrations == seeds
        else f"{text} of {equilibrations} equilibration" + "s" * (equilibrations != 1)
    )


def current_rows(
    ensemble: "Ensemble",
    time_ps: NDArray,
    field_ps: NDArray,
    estimator: str,
    species: str,
    interval: Interval,
) -> pd.DataFrame:
    """Table of a current by bin: field, voltage, current and its interval, shape (bins,) each.

    Args:
        ensemble: the ensemble of the current.
        time_ps: time of every bin over all seeds.
        field_ps: field times time of every bin, V/nm ps.
        estimator: as in `analysis.current.ESTIMATORS`, or "crossings".
        species: an ion, or "total".
        interval: the current, nA.
    """
    with np.errstate(invalid="ignore"):
        field = field_ps / time_ps
    return pd.DataFrame(
        {
            "field_V_per_nm": field,
            # In steady state the pore carries the whole voltage of the cell.
            "voltage_V": field * ensemble.model.box[0],
            "estimator": estimator,
            "species": species,
            "current_nA": interval.value,
            "low_nA": interval.low,
            "high_nA": interval.high,
            "time_ps": time_ps,
            "seeds": len(ensemble.jobs),
        }
    )


def write(
    files: Mapping[str, Path],
    head: Mapping[str, Any],
    ensembles: Sequence[Ensemble],
    content: Content,
) -> None:
    """Write a product's CSV, PNG and JSON, each whole or not at all.

    Where the figure would show nothing there is no PNG, and the findings say why (`NO_FIGURE`).

    Args:
        files: paths by kind.
        head: name, digest and analysis version, which show whether the product is up to date.
        ensembles: what it was made of, the leading one first.
        content: what was computed.
    """
    for key, value in reversed(shared_columns(ensembles).items()):
        content.table.insert(0, key, [value] * len(content.table))
    with written_aside(files["csv"]) as aside:
        content.table.to_csv(aside, index=False)
    others = {kind: path for kind, path in files.items() if kind != "json"}
    if why := why_empty(content.figure):
        content.findings[NO_FIGURE] = why
        others.pop("png").unlink(missing_ok=True)
    else:
        with written_aside(files["png"]) as aside:
            save(content.figure, aside, "png")
    # The JSON is written last, as its digest marks the product as made.
    write_json(files["json"], sealed(plain(dict(head) | _record(ensembles, content)), others))


def shared_columns(ensembles: Sequence[Ensemble]) -> dict[str, Any]:
    """Return the columns of what varies in the data space and is the same in all ensembles."""
    varies = ensembles[0].varies
    each = [varies.columns(ensemble.point.protocol) for ensemble in ensembles]
    return {key: own for key, own in each[0].items() if all(one[key] == own for one in each)}


def _record(ensembles: Sequence[Ensemble], content: Content) -> dict[str, Any]:
    return {
        "membranes": [_membrane(own) for own in by_membrane(ensembles)],
        "protocol": ensembles[0].point.protocol.model_dump(),
        "boundary": "periodic in three dimensions, tin foil, uniform applied field along x",
        "code": provenance.code(),
        "findings": content.findings,
        "table": content.table.to_dict(orient="records"),
    }


def by_membrane(ensembles: Sequence[Ensemble]) -> list[list[Ensemble]]:
    """Return the ensembles of each charge set, in the order in which these come."""
    found: dict[str, list[Ensemble]] = {}
    for ensemble in ensembles:
        found.setdefault(ensemble.point.charge_set.model_dump_json(), []).append(ensemble)
    return list(found.values())


def _membrane(ensembles: Sequence[Ensemble]) -> dict[str, Any]:
    model = ensembles[0].model
    return {
        "charge_set": ensembles[0].point.charge_set.model_dump(),
        "pore_diameter_nm": model.pore.diameter_nm,
        "box_nm": model.box.tolist(),
        "dipole_step_V": membrane_step(model),
        "jobs": [_job(job) for ensemble in ensembles for job in ensemble.jobs],
    }


def _job(job: Any) -> dict[str, Any]:
    return {
        "id": job.id,
        "seed": job.statepoint["seed"],
        "simulated_ps": (read_summary(job) or {}).get("simulated_ps"),
        "engine": engine_of(job),
    }
