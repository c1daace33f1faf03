"""Requests of a job to a scheduler: threads, GPUs, memory and walltime, from its size.

These are functions of the state point and of a few settings, independent of the scheduler and the
workflow engine. A walltime that is too short costs another submission but no data, as a simulation
continues from its checkpoint; one that is too long waits in the queue. Walltimes are therefore
capped.
"""

import math
from dataclasses import dataclass

from ..schema import StatePoint
from ..settings import Scheduling

#: Atoms times steps per second of one CPU thread. Those of OpenMM and HOOMD-blue were measured in
#: the paper's cell, the slowest one (docs/engines.md), and reduced by a tenth, as they were
#: measured with a wider Ewald tolerance than the default. That of GROMACS was measured in the small
#: cell: 4.8 ms of processor time per step, and the overhead of its runs.
CPU_RATE = {"openmm": 84_000.0, "hoomd": 51_000.0, "gromacs": 530_000.0}
#: The speed-up of t threads is t to this power. Two threads took 17.7 ms where one took 30; for
#: more threads it is an assumption.
THREAD_POWER = 0.75
#: Atoms for each CPU thread, and the largest number of threads that is requested.
ATOMS_PER_THREAD, MOST_THREADS = 2_000, 8
#: Nothing has been measured on a GPU. This rate, and the shortest time of a step, are cautious
#: assumptions; JANUSPORE_ATOM_STEPS_PER_S overrides them.
GPU_RATE = 5_000_000.0
GPU_STEP_S = 0.5e-3
#: Factor on the estimated walltime, and hours for building, minimising and starting.
MARGIN, START_HOURS = 1.5, 0.25
#: Memory in GB of a process on a CPU, and for each of its atoms (the paper's cell took 0.23 in
#: all); of a process with a GPU (assumed); of an analysis, and for each row of its record; of a
#: product, and for each of its jobs.
CPU_GB, ATOM_GB, GPU_GB = 1.0, 2e-5, 4.0
ANALYSIS_GB, ROW_GB = 1.0, 4e-6
PRODUCT_GB, JOB_GB = 2.0, 0.02
#: Walltime of an analysis, and for each million rows; of a product, and for each of its jobs.
ANALYSIS_HOURS, MEGAROW_HOURS = 0.5, 1.0
PRODUCT_HOURS, JOB_HOURS = 0.5, 0.005


@dataclass(frozen=True)
class Request:
    """The request of one process; a GPU that it shares counts as one."""

    threads: int = 1
    gpus: int = 0
    memory_GB: float = 1.0
    walltime_hours: float = 1.0


def simulation(point: StatePoint, snapshots: int, settings: Scheduling) -> Request:
    """Return the request for simulating a job from its start to its end, or to the cap.

    Args:
        point: the job's state point.
        snapshots: how many an equilibration keeps; of no effect on others.
        settings: engine, GPU sharing, and values that override the estimates.
    """
    n_atoms = atoms(point)
    threads = simulation_threads(point, settings)
    dynamics = point.protocol.dynamics
    steps = point.protocol.simulated_ps(snapshots) / dynamics.timestep_ps
    hours = MARGIN * steps * _step_s(n_atoms, threads, settings) / 3600 + START_HOURS
    gpu = bool(settings.jobs_per_gpu)
    return Request(
        threads=threads,
        gpus=int(gpu),
        memory_GB=GPU_GB if gpu else memory_GB(n_atoms),
        walltime_hours=_whole_minutes(min(hours, settings.most_hours)),
    )


def simulation_threads(point: StatePoint, settings: Scheduling) -> int:
    """Return the CPU threads of a simulation: what is set, else 2 to 8 by the number of atoms.

    HOOMD-blue, and a process that computes on a GPU, use one thread.
    """
    if settings.threads is not None:
        return settings.threads
    if settings.jobs_per_gpu or settings.engine == "hoomd":
        return 1
    return min(MOST_THREADS, max(2, atoms(point) // ATOMS_PER_THREAD))


def _step_s(n_atoms: int, threads: int, settings: Scheduling) -> float:
    if settings.atom_steps_per_s is not None:
        return n_atoms / settings.atom_steps_per_s
    if settings.jobs_per_gpu:
        # The slowest case: sharing a GPU does not raise its total speed.
        return settings.jobs_per_gpu * max(n_atoms / GPU_RATE, GPU_STEP_S)
    return n_atoms / (CPU_RATE[settings.engine] * threads**THREAD_POWER)


def analysis(point: StatePoint, snapshots: int) -> Request:
    """Return the request for analysing a job's record."""
    rows = point.protocol.simulated_ps(snapshots) / point.protocol.recording.sample_interval_ps
    return Request(
        memory_GB=math.ceil(ANALYSIS_GB + rows * ROW_GB),
        walltime_hours=_whole_minutes(ANALYSIS_HOURS + rows * 1e-6 * MEGAROW_HOURS),
    )


def product(jobs: int) -> Request:
    """Return the request for a product of a number of jobs."""
    return Request(
        memory_GB=math.ceil(PRODUCT_GB + jobs * JOB_GB),
        walltime_hours=_whole_minutes(PRODUCT_HOURS + jobs * JOB_HOURS),
    )


def memory_GB(n_atoms: int) -> int:
    """Return the memory of a simulation on a CPU."""
    return math.ceil(CPU_GB + n_atoms * ATOM_GB)


def atoms(point: StatePoint) -> int:
    """Return a job's number of atoms."""
    # Imported here, as `project.py status` does not need it.
    from ..model.system import count

    return count(point).atoms


def _whole_minutes(hours: float) -> float:
    return math.ceil(round(hours * 60, 6)) / 60
