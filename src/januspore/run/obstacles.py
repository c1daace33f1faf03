"""Reasons why unfinished jobs cannot begin, so that a run does not only say "nothing to do"."""

from collections import defaultdict
from collections.abc import Iterator

import signac

from ..space.conditions import (
    is_driven,
    is_equilibrated,
    is_ready,
    is_recorded,
    start_of,
)

_INIT = "python init.py, with the options that made these jobs,"


def obstacles(project: signac.Project) -> Iterator[str]:
    """Yield a line for each equilibration that driven jobs wait for and that no run will make.

    An equilibration that is still to be simulated, or that failed, is not listed: the next run
    continues it.
    """
    jobs = {job.id: job for job in project}
    waiting: dict[str, list[int]] = defaultdict(list)
    for job in jobs.values():
        if is_driven(job) and not is_recorded(job) and not is_ready(job):
            parent, snapshot = start_of(job)
            waiting[parent].append(snapshot)
    for parent, snapshots in sorted(waiting.items()):
        wait = f"{len(snapshots)} jobs wait for it" if len(snapshots) > 1 else "a job waits for it"
        if parent not in jobs:
            yield f"job {parent}: this equilibration is not here; {wait}; {_INIT} makes it again"
        elif is_equilibrated(jobs[parent]):
            yield (
                f"job {parent}: this equilibration does not keep snapshot {max(snapshots)}, and "
                f"{wait}; {_INIT} asks it for more"
            )
