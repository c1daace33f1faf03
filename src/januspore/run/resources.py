"""What a job asks of a scheduler: threads, GPUs, memory and walltime, from its size.

Pure functions of the state point and of a few settings; no scheduler and no workflow engine is
named here. A simulation checkpoints and goes on, so a walltime that is too short costs another
submission, no data; one that is too long waits in the queue. Hence the cap.
"""

import math
from dataclasses import dataclass

from ..schema import StatePoint
from ..settings import Scheduling

#: Atoms times steps a second of one CPU thread: of the slowest cell measured (docs/engines.md), the
#: paper's, less a tenth, for those figures are of a wider Ewald tolerance than the default. That of
#: GROMACS is of the small cell: 4.8 ms of processor time a step, and what a run costs beside them.
CPU_RATE = {"openmm": 84_000.0, "hoomd": 51_000.0, "gromacs": 530_000.0}
#: Threads t run t to this power times as fast. Two threads took 17.7 ms where one took 30; beyond
#: two it is an assumption.
THREAD_POWER = 0.75
#: Atoms that keep one more CPU thread busy, and the most threads asked for.
ATOMS_PER_THREAD, MOST_THREADS = 2_000, 8
#: On a GPU nothing has been measured. Assumed, on the slow side: this rate, and no step faster than
#: this; JANUSPORE_ATOM_STEPS_PER_S says better.
GPU_RATE = 5_000_000.0
GPU_STEP_S = 0.5e-3
#: Walltime over the estimate, and what building, minimising and starting take.
MARGIN, START_HOURS = 1.5, 0.25
#: Memory in GB of a process on a CPU, and of each of its atoms (the paper's cell was measured at
#: 0.23 in all); assumed, beside a GPU; of an analysis, and of each of its record's rows; of a
#: product, and of each of its jobs.
CPU_GB, ATOM_GB, GPU_GB = 1.0, 2e-5, 4.0
ANALYSIS_GB, ROW_GB = 1.0, 4e-6
PRODUCT_GB, JOB_GB = 2.0, 0.02
#: Walltime of an analysis, of each million rows; of a product, and of each of its jobs.
ANALYSIS_HOURS, MEGAROW_HOURS = 0.5, 1.0
PRODUCT_HOURS, JOB_HOURS = 0.5, 0.005


@dataclass(frozen=True)
class Request:
    """What one process asks for; a GPU that it shares counts as one."""

    threads: int = 1
    gpus: int = 0
    memory_GB: float = 1.0
    walltime_hours: float = 1.0


def simulation(point: StatePoint, snapshots: int, settings: Scheduling) -> Request:
    """Return what simulating a job takes, from nothing to its end or to the cap.

    Args:
        point: the job's state point.
        snapshots: how many an equilibration keeps; of no effect on others.
        settings: engine, GPU sharing, and what overrides the estimates.
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

    HOOMD-blue, and a process whose work is on a GPU, run on one.
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
        # As if sharing gained nothing: the slowest case.
        return settings.jobs_per_gpu * max(n_atoms / GPU_RATE, GPU_STEP_S)
    return n_atoms / (CPU_RATE[settings.engine] * threads**THREAD_POWER)


def analysis(point: StatePoint, snapshots: int) -> Request:
    """Return what reducing a job's record takes."""
    rows = point.protocol.simulated_ps(snapshots) / point.protocol.recording.sample_interval_ps
    return Request(
        memory_GB=math.ceil(ANALYSIS_GB + rows * ROW_GB),
        walltime_hours=_whole_minutes(ANALYSIS_HOURS + rows * 1e-6 * MEGAROW_HOURS),
    )


def product(jobs: int) -> Request:
    """Return what a product of so many jobs takes."""
    return Request(
        memory_GB=math.ceil(PRODUCT_GB + jobs * JOB_GB),
        walltime_hours=_whole_minutes(PRODUCT_HOURS + jobs * JOB_HOURS),
    )


def memory_GB(n_atoms: int) -> int:
    """Return the memory of a simulation on a CPU."""
    return math.ceil(CPU_GB + n_atoms * ATOM_GB)


def atoms(point: StatePoint) -> int:
    """Return a job's number of atoms."""
    # Imported here: `project.py status` does not need it.
    from ..model.system import count

    return count(point).atoms


def _whole_minutes(hours: float) -> float:
    return math.ceil(round(hours * 60, 6)) / 60
