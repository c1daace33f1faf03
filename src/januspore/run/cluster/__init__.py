"""Operations on a cluster: SLURM for signac-flow, and the requests of each job as directives.

`templates/script.sh` is the script that `project.py submit` submits, for every scheduler that flow
knows; a file of that name in the `templates/` of a data space overrides it.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from flow.environment import DefaultSlurmEnvironment, registered_environments
from flow.scheduling.slurm import SlurmScheduler

from ...errors import InputError
from ...settings import Scheduling
from ...space.dataspace import point_of, snapshots_of
from .. import resources


class Scheduler(SlurmScheduler):
    """SLURM, whose commands may be installed although no controller answers."""

    def jobs(self) -> Iterator[Any]:
        """Yield the user's jobs; none, with a warning, where SLURM does not answer."""
        try:
            yield from super().jobs()
        except subprocess.CalledProcessError:
            print("SLURM does not answer: what is queued is not known", file=sys.stderr)


class JanusporeSlurm(DefaultSlurmEnvironment):
    """A SLURM cluster that flow does not know by name: any partition may have GPUs.

    flow's own environment assumes that partitions have no GPUs, and refuses bundles whose processes
    ask for different numbers of CPUs.
    """

    scheduler_type = Scheduler

    @classmethod
    def is_present(cls) -> bool:
        """Whether SLURM is installed and flow does not know this cluster by its name."""
        known = [each for each in registered_environments() if each.hostname_pattern]
        return super().is_present() and not any(each.is_present() for each in known)

    @classmethod
    def _get_scheduler_values(cls, context: dict[str, Any]) -> dict[str, Any]:
        return {}  # the script counts CPUs itself


def simulation_directives() -> dict[str, Callable[..., Any]]:
    """Return flow's directives of a simulation; callables, asked for eligible jobs only."""
    return _directives(simulation_request) | {"jobs_per_gpu": _jobs_per_gpu}


def analysis_directives() -> dict[str, Callable[..., Any]]:
    """Return flow's directives of an analysis."""
    return _directives(_analysis)


def product_directives() -> dict[str, Callable[..., Any]]:
    """Return flow's directives of a product, which is made of many jobs."""
    return _directives(lambda *jobs: resources.product(len(jobs)))


def _directives(request: Callable[..., resources.Request]) -> dict[str, Callable[..., Any]]:
    return {
        "np": lambda *jobs: request(*jobs).threads,
        "ngpu": lambda *jobs: request(*jobs).gpus,
        "memory": lambda *jobs: request(*jobs).memory_GB,
        "walltime": lambda *jobs: request(*jobs).walltime_hours,
    }


@lru_cache(maxsize=16)  # flow evaluates one directive after the other
def simulation_request(job: Any) -> resources.Request:
    """Return the request for simulating a job in this environment.

    It is the smallest one where no model can be built; the operation then reports the error for
    that job alone.
    """
    settings = Scheduling.from_environment()
    try:
        return resources.simulation(point_of(job), snapshots_of(job), settings)
    except InputError:
        return resources.Request()


@lru_cache(maxsize=16)
def _analysis(job: Any) -> resources.Request:
    try:
        return resources.analysis(point_of(job), snapshots_of(job))
    except InputError:
        return resources.Request()


def _jobs_per_gpu(job: Any) -> int:
    return Scheduling.from_environment().jobs_per_gpu
