"""The operations as commands on directories, for row (https://row.readthedocs.io).

`python -m januspore row` writes `workflow.toml` from the protocols, products and actions.
`python -m januspore.run.row simulate DIRECTORY ...` does for these jobs what `project.py run -o
simulate` does. row judges completion by file names in the job's folder itself, so a finished
simulation leaves an empty file there (`MARKS`), which signac-flow does not use.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..products import PRODUCTS
from ..products.product import Product
from ..protocols import names_with
from ..space import conditions
from ..space.dataspace import open_project
from .command import carry_out

#: Conditions of each action by name: whether a job is ready for it, whether it is done.
ACTIONS: dict[str, tuple[Callable[[Any], bool], Callable[[Any], bool]]] = {
    "equilibrate": (conditions.relaxes, conditions.is_equilibrated),
    "simulate": (conditions.is_ready, conditions.is_recorded),
    "analyse": (conditions.is_recorded, conditions.is_analysed),
}
MARKS = {"equilibrate": "equilibrated", "simulate": "simulated"}


#: Head of workflow.toml.
_HEAD = """\
# The operations of project.py for row, the successor of signac-flow: https://row.readthedocs.io.
# `python -m januspore row` writes this file: do not edit it. It follows row's documentation (0.3 to
# 1.0); row itself was not at hand and has not run it.
#
# row orders actions within one directory. A driven job starts from another job's equilibration, so
# submit `equilibrate` first and `simulate` when it is done: one that comes too early says so and
# stays eligible. A simulation that met its walltime goes on when it is submitted again. row cannot
# see that an analysis or a product is of an older version: `python project.py run` can.

[workspace]
value_file = "signac_statepoint.json"
"""
_SIMULATION = """\
threads_per_process = 8
walltime.per_submission = "24:00:00"
[action.group]
maximum_size = 1
"""
_ANALYSIS = """\
threads_per_process = 1
walltime.per_directory = "01:00:00"
[action.group]
maximum_size = 16
"""
_PRODUCT = """\
threads_per_process = 1
walltime.per_submission = "02:00:00"
[action.group]
"""


def workflow() -> str:
    """Return the text of workflow.toml: an action for each operation and each product."""
    one, many = "{directory}", "{directories}"
    made = ["analysis.h5", "summary.json"]
    actions = [
        _action("equilibrate", one, _makes([MARKS["equilibrate"]]), _SIMULATION, "snapshots"),
        _action("simulate", one, _makes([MARKS["simulate"]]), _SIMULATION, "starts_from", "bulk"),
        _action("analyse", many, _makes(made), _ANALYSIS),
    ]
    after = 'previous_actions = ["analyse"]\n'
    actions += [_action(p.name, many, after, _PRODUCT, p.needs) for p in PRODUCTS]
    return "\n".join([_HEAD, *actions])


def _makes(files: list[str]) -> str:
    return f"products = {json.dumps(files)}\n"


def _action(name: str, directories: str, more: str, resources: str, *needs: str) -> str:
    """Text of one action for the jobs whose protocol has one of its capabilities."""
    command = f"python -m januspore.run.row {name} {directories}"
    text = f'[[action]]\nname = "{name}"\ncommand = "{command}"\n{more}'
    text += f"[action.resources]\n{resources}"
    for protocol in (name for one in needs for name in names_with(one)):
        text += f'[[action.group.include]]\ncondition = ["/protocol/name", "==", "{protocol}"]\n'
    return text


def act(name: str, job: Any) -> bool:
    """Carry out an action on a job unless it is done; return whether it is done now.

    Raises:
        InputError: the job is not ready for it.
    """
    ready, done = ACTIONS[name]
    if not done(job):
        if not ready(job):
            raise InputError(
                f"job {job.id}: not ready for action {name!r}; what it needs comes first"
            )
        _run(name, job)
    if not done(job):
        return False
    if name in MARKS:
        Path(job.fn(MARKS[name])).touch()
    return True


def _run(name: str, job: Any) -> None:
    from . import operations
    from .cluster import simulation_request

    if name == "analyse":
        operations.analyse(job)
    else:
        operations.simulate(job, simulation_request(job).threads)


def make(product: Product, jobs: list[Any]) -> None:
    """Make a product of each ensemble that these jobs belong to, where it is not up to date."""
    asked = {job.id for job in jobs}
    for ensemble in product.groups(jobs[0].project if jobs else []):
        if asked.isdisjoint(job.id for job in ensemble):
            continue
        if product.is_ready(*ensemble) and not product.is_made(*ensemble):
            product.run(*ensemble)


def main(arguments: list[str] | None = None) -> int:
    """Carry out one action on directories; returns the exit status."""
    products = {product.name: product for product in PRODUCTS}
    parser = argparse.ArgumentParser(prog="python -m januspore.run.row", description=__doc__)
    parser.add_argument("action", choices=[*ACTIONS, *products])
    parser.add_argument("directories", nargs="+", help="names of job folders in workspace/")
    options = parser.parse_args(arguments)

    def command() -> int:
        jobs = [_job(name) for name in options.directories]
        if options.action in products:
            make(products[options.action], jobs)
            return 0
        # All are tried: one that cannot be done yet must not stop the others.
        return max(_status(options.action, job) for job in jobs)

    return carry_out(command)


def _status(name: str, job: Any) -> int:
    try:
        return 0 if act(name, job) else 1
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _job(directory: str) -> Any:
    try:
        return open_project(Path.cwd()).open_job(id=Path(directory).name)
    except LookupError:
        raise InputError(f"directory {directory!r}: no job of the data space here") from None


if __name__ == "__main__":
    sys.exit(main())
