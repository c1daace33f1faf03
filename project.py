"""The workflow as signac-flow runs it: which function of `januspore` runs on which jobs, and when.

Everything here is a name, a condition and a request for resources; the work is in `src/`.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from flow import FlowProject, aggregator
from flow.errors import NoSchedulerError, SubmitError, UserConditionError, UserOperationError

from januspore import conditions, faults
from januspore.aggregates import PRODUCTS
from januspore.aggregates.product import Product
from januspore.cluster import (
    analysis_directives,
    product_directives,
    simulation_directives,
    simulation_request,
)
from januspore.dataspace import SoundProject, open_project, project_document
from januspore.errors import InputError
from januspore.workers import Stopped, cause_of, comes_back, end_workers_when_told

ROOT = Path(__file__).resolve().parent


class Project(SoundProject, FlowProject):
    """KCl driven through a pore in a Janus membrane."""


# The functions' own modules are imported when they run: `status` needs none of them.


@Project.pre(conditions.relaxes)
@Project.post(conditions.is_equilibrated)
@Project.operation(directives=simulation_directives())
@comes_back
def equilibrate(job: Any) -> None:
    """Build, minimise and relax; keep the snapshots that other jobs start from."""
    from januspore import operations

    operations.simulate(job, simulation_request(job).threads)


@Project.pre(conditions.is_ready)
@Project.post(conditions.is_recorded)
@Project.operation(directives=simulation_directives())
@comes_back
def simulate(job: Any) -> None:
    """Drive a relaxed system by the protocol's field programme."""
    from januspore import operations

    operations.simulate(job, simulation_request(job).threads)


@Project.pre(conditions.is_recorded)
@Project.post(conditions.is_analysed)
@Project.operation(directives=analysis_directives())
@comes_back
def analyse(job: Any) -> None:
    """Reduce the record to sums and a summary."""
    from januspore import operations

    operations.analyse(job)


def add_product(product: Product) -> None:
    """Make an aggregate operation of a product: one run for each charge set and protocol."""
    # flow marks the functions that it is given, which bound methods do not allow.
    is_ready, is_made = map(partial, (product.is_ready, product.is_made))
    ensemble = aggregator.groupby(product.key, select=product.concerns)
    operation = Project.operation(
        comes_back(product.run),
        name=product.name,
        aggregator=ensemble,
        directives=product_directives(),
    )
    Project.pre(is_ready, tag=f"{product.name} is ready")(operation)
    Project.post(is_made, tag=f"{product.name} is made")(operation)


for each in PRODUCTS:
    add_product(each)


def command_line() -> argparse.ArgumentParser:
    """signac-flow's own command line, with the engine as an option in front."""

    class SetEngine(argparse.Action):
        def __call__(self, parser: Any, options: Any, value: Any, name: Any = None) -> None:
            os.environ["JANUSPORE_ENGINE"] = value

    parser = argparse.ArgumentParser(prog="project.py", description=Project.__doc__)
    parser.add_argument(
        "--engine",
        action=SetEngine,
        default=argparse.SUPPRESS,  # flow hands every option it finds to its own commands
        metavar="openmm|hoomd",
        help="sets JANUSPORE_ENGINE",
    )
    return parser


def main() -> int:
    """Run signac-flow's command line; errors that a user can mend are one line, status 2."""
    end_workers_when_told()
    try:
        project = open_project(ROOT, Project)
        project_document(project)  # flow keeps notes in it
        project.main(command_line())
    except KeyboardInterrupt:
        return 130  # what was running has said that its checkpoint is written
    except NoSchedulerError:
        told: Any = "no scheduler found here; python project.py run works anywhere"
    except SubmitError as error:
        told = " ".join(str(error).split())
    except InputError as error:
        told = error
    except (UserOperationError, UserConditionError) as error:
        cause = cause_of(error)
        if cause is None:
            raise
        if isinstance(cause, Stopped):  # it has said so itself
            return cause.status
        told = cause
    else:
        return faults.status()
    print(f"error: {told}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
