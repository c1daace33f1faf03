"""What a sweep can be made of: products of single ensembles, and what jobs tell of themselves."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import signac
from numpy.typing import NDArray

from ..analysis.statistics import bootstrap
from ..analysis.store import NOTED
from ..errors import InputError
from ..protocols import Protocol
from ..schema import equilibration_of, parse
from ..space.conditions import inputs_digest, is_analysed, read_summary
from ..space.dataspace import ensemble_of, point_of, seed_of
from ..space.varying import flat
from . import PRODUCTS
from .kept import head, read_product

#: In the place of a product's name: the means over seeds of what stands in the jobs' summaries.
JOBS = "jobs"
#: Columns of a table, and numbers of a summary, that are ends of an interval.
END = re.compile("^(low|high)(_|$)|_(low|high)$")


@dataclass(frozen=True)
class Made:
    """What is known of one ensemble, with its whole state point but the seed, flattened.

    Attributes:
        product: a product's name, or `JOBS`.
        ensemble: a short name of the ensemble.
        path: the product's JSON; None for `JOBS`.
        made_of: digests of the product, or of the jobs, by path in the data space or job id.
        state: the state point.
        findings: numbers and whatever else, by name.
        seeds: how many.
    """

    product: str
    ensemble: str
    path: Path | None
    made_of: Mapping[str, str]
    state: Mapping[str, Any]
    findings: Mapping[str, Any]
    seeds: int

    @cached_property
    def table(self) -> pd.DataFrame:
        """The product's table; jobs have none."""
        return pd.DataFrame() if self.path is None else pd.read_csv(self.path.with_suffix(".csv"))


def made(project: signac.Project, only: str = "") -> Iterator[Made]:
    """Yield all that a sweep can be made of, or that of one name.

    Raises:
        InputError: there is nothing of that name.
    """
    names = [*(product.name for product in PRODUCTS if not product.across), JOBS]
    if only and only not in names:
        raise InputError(f"--product = {only!r}: must be one of {', '.join(names)}")
    for name in names if not only else [only]:
        yield from _of_jobs(project) if name == JOBS else _of_product(project, name)


def is_made_of(project: signac.Project, place: str, digest: str) -> bool:
    """Whether a product, or a job, by its place in `Made.made_of`, still is what it was."""
    if "/" in place:
        now = head(Path(project.path, place))
        return now is not None and bool(now.digest == digest)
    try:
        return inputs_digest(project.open_job(id=place)) == digest
    except LookupError:
        return False


def _of_product(project: signac.Project, name: str) -> Iterator[Made]:
    for path in sorted(Path(project.path, "results", name).glob(f"*/{name}.json")):
        data = read_product(path)
        if data is None:
            continue
        protocol, own = parse(Protocol, data["protocol"], str(path)), data["membranes"][0]
        yield Made(
            product=name,
            ensemble=path.parent.name,
            path=path,
            made_of={path.relative_to(project.path).as_posix(): data["digest"]},
            state=_state(own["charge_set"], protocol),
            findings=data["findings"],
            seeds=len(own["jobs"]),
        )


def _of_jobs(project: signac.Project) -> Iterator[Made]:
    """Means over seeds of every number of the summaries, of ensembles that are analysed whole."""
    ensembles: dict[str, list[Any]] = {}
    for job in project:
        ensembles.setdefault(ensemble_of(job), []).append(job)
    for jobs in ensembles.values():
        if not all(map(is_analysed, jobs)):
            continue
        point = point_of(jobs[0])
        runs = np.array([equilibration_of(point.protocol, seed_of(job)) for job in jobs])
        summaries = [read_summary(job) or {} for job in jobs]
        yield Made(
            product=JOBS,
            ensemble=f"{point.protocol.name} {jobs[0].id[:8]}",
            path=None,
            made_of={job.id: inputs_digest(job) for job in jobs},
            state=_state(point.charge_set.model_dump(), point.protocol),
            findings=_means(summaries, runs),
            seeds=len(jobs),
        )


def _means(summaries: list[dict[str, Any]], runs: NDArray) -> dict[str, list[float]]:
    """Mean and interval of each number; seeds of one equilibration count as one."""
    found = {}
    for name in summaries[0]:
        values = [one.get(name) for one in summaries]
        if name in NOTED or END.search(name) or not all(isinstance(v, int | float) for v in values):
            continue
        clusters = [np.mean(np.array(values, dtype=float)[runs == k]) for k in np.unique(runs)]
        tables = {"value": np.array(clusters)[:, None], "runs": np.ones((len(clusters), 1))}
        interval = bootstrap(tables, lambda t: t["value"] / t["runs"])
        found[name] = interval.at(0).triple()
    return found


def _state(charge_set: Mapping[str, Any], protocol: Any) -> dict[str, Any]:
    charges = {f"charge_set.{key}": value for key, value in charge_set.items()}
    return charges | {f"protocol.{key}": value for key, value in flat(protocol)}
