"""The workflow as signac-flow runs it: which function of `januspore` runs on which jobs, and when.

Everything here is a name, a condition and a request for resources; the work is in `src/`.
"""

import sys
from pathlib import Path
from typing import Any

from flow import FlowProject, aggregator

from januspore import operations
from januspore.aggregates import PRODUCTS
from januspore.aggregates.product import ensemble_key
from januspore.dataspace import open_project
from januspore.errors import InputError

ROOT = Path(__file__).resolve().parent
SIMULATION = {"np": operations.THREADS}


class Project(FlowProject):
    """KCl driven through a pore in a Janus membrane."""


def relaxes(job: Any) -> bool:
    """Whether a job is an equilibration, which other jobs start from."""
    return bool(job.cached_statepoint["protocol"]["name"] == "equilibrate")


def is_driven(job: Any) -> bool:
    """Whether a job is simulated under a field programme."""
    return job.cached_statepoint["protocol"]["name"] in operations.SIMULATED


@Project.pre(relaxes)
@Project.post(operations.is_equilibrated)
@Project.operation(directives=SIMULATION)
def equilibrate(job: Any) -> None:
    """Build, minimise and relax; keep the snapshots that other jobs start from."""
    operations.simulate(job)


@Project.pre(is_driven)
@Project.pre(operations.is_ready)
@Project.post(operations.is_recorded)
@Project.operation(directives=SIMULATION)
def simulate(job: Any) -> None:
    """Drive a relaxed system by the protocol's field programme."""
    operations.simulate(job)


@Project.pre(operations.is_recorded)
@Project.post(operations.is_analysed)
@Project.operation
def analyse(job: Any) -> None:
    """Reduce the record to sums and a summary."""
    operations.analyse(job)


for product in PRODUCTS:
    ensemble = aggregator.groupby(ensemble_key, select=product.concerns)
    operation = Project.operation(product.run, name=product.name, aggregator=ensemble)
    Project.pre(product.is_ready)(operation)
    Project.post(product.is_made)(operation)


if __name__ == "__main__":
    open_project(ROOT)
    try:
        Project.get_project(str(ROOT)).main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
