"""A signac-flow project with as many operations and conditions as `project.py`, for comparison.

`many_jobs.py` compares with it. Every condition is the existence of a file, and `init` makes the
jobs of a list of state points.
"""

import json
import sys
from functools import partial
from pathlib import Path

import signac
from flow import FlowProject, aggregator

#: Aggregate operations: name, the protocol whose jobs each combines, whether across charge sets.
PRODUCTS = json.loads(Path("products.json").read_text(encoding="utf-8"))
DRIVEN = ("sine", "staircase", "steps", "paired_pulse", "pulse_train", "barrier")


class Project(FlowProject):
    """Three operations of a job, and one of an ensemble for each product."""


@Project.pre(lambda job: job.cached_statepoint["protocol"]["name"] == "equilibrate")
@Project.post.isfile("trajectory/record.h5")
@Project.operation
def equilibrate(job):
    """Never run."""


@Project.pre(lambda job: job.cached_statepoint["protocol"]["name"] in DRIVEN)
@Project.post.isfile("trajectory/record.h5")
@Project.operation
def simulate(job):
    """Never run."""


@Project.pre.isfile("trajectory/record.h5")
@Project.post.isfile("summary.json")
@Project.operation
def analyse(job):
    """Never run."""


def add(name, protocol, across=False):
    def key(job):
        kept = ("protocol",) if across else ("charge_set", "protocol")
        return json.dumps({k: job.cached_statepoint[k] for k in kept})

    def concerns(job):
        return job.cached_statepoint["protocol"]["name"] == protocol

    def run(*jobs):
        pass

    def is_ready(*jobs):
        return all(job.isfile("summary.json") for job in jobs)

    def is_made(*jobs):
        return jobs[0].isfile(f"{name}.json")

    grouped = aggregator.groupby(key, select=concerns)
    operation = Project.operation(run, name=name, aggregator=grouped)
    Project.pre(partial(is_ready), tag=f"{name} is ready")(operation)
    Project.post(partial(is_made), tag=f"{name} is made")(operation)


for product in PRODUCTS:
    add(**product)


def init():
    project = signac.init_project()
    for statepoint in json.loads(Path("points.json").read_text(encoding="utf-8")):
        project.open_job(statepoint).init()


def table():
    """State points and summaries of the sines, as one table."""
    import pandas as pd

    rows = []
    for job in signac.get_project().find_jobs({"protocol.name": "sine"}):
        done = job.isfile("summary.json")
        summary = json.loads(Path(job.fn("summary.json")).read_text()) if done else {}
        rows.append({"job": job.id, "seed": job.cached_statepoint["seed"], **summary})
    print(pd.DataFrame(rows).to_json(orient="records"))


if __name__ == "__main__":
    own = {"init": init, "table": table}
    own.get(sys.argv[-1], lambda: Project().main())()
