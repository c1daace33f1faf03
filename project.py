"""The workflow as signac-flow runs it: which function of `januspore` runs on which jobs, and when.

Everything here is a name, a condition and a request for resources; the work is in `src/`.
"""

from januspore.quiet import QuietImports

with QuietImports():
    import sys
    from functools import partial
    from pathlib import Path
    from typing import Any

    from flow import aggregator

    from januspore.products import PRODUCTS
    from januspore.products.product import Product
    from januspore.run.cluster import (
        analysis_directives,
        product_directives,
        simulation_directives,
        simulation_request,
    )
    from januspore.run.flow_project import PatientProject, main
    from januspore.space import conditions

ROOT = Path(__file__).resolve().parent


class Project(PatientProject):
    """KCl driven through a pore in a Janus membrane."""


for name, label in conditions.LABELS.items():
    Project.label(name)(label)


# The functions' own modules are imported when they run: `status` needs none of them.


@Project.pre(conditions.relaxes)
@Project.post(conditions.is_equilibrated)
@Project.operation(directives=simulation_directives())
def equilibrate(job: Any) -> None:
    """Build, minimise and relax; keep the snapshots that other jobs start from."""
    from januspore.run import operations

    operations.simulate(job, simulation_request(job).threads)


@Project.pre(conditions.is_ready)
@Project.post(conditions.is_recorded)
@Project.operation(directives=simulation_directives())
def simulate(job: Any) -> None:
    """Drive a relaxed system by the protocol's field programme."""
    from januspore.run import operations

    operations.simulate(job, simulation_request(job).threads)


@Project.pre(conditions.is_recorded)
@Project.post(conditions.is_analysed)
@Project.operation(directives=analysis_directives())
def analyse(job: Any) -> None:
    """Reduce the record to sums and a summary."""
    from januspore.run import operations

    operations.analyse(job)


def add_product(product: Product) -> None:
    """Make an aggregate operation of a product: one run for each charge set and protocol."""
    # flow marks the functions that it is given, which bound methods do not allow.
    run, is_ready, is_made = map(partial, (product.run, product.is_ready, product.is_made))
    ensemble = aggregator.groupby(product.key, select=product.concerns)
    operation = Project.operation(
        run, name=product.name, aggregator=ensemble, directives=product_directives()
    )
    Project.pre(is_ready, tag=f"{product.name} is ready")(operation)
    Project.post(is_made, tag=f"{product.name} is made")(operation)


for each in PRODUCTS:
    add_product(each)


if __name__ == "__main__":
    sys.exit(main(Project, ROOT))
