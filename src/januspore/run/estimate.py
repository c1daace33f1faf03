"""Estimate of how long the jobs of a plan take on this machine, from a few seconds of dynamics.

The time of a step is nearly proportional to the number of atoms, so a small cell is measured where
the study's own would take minutes to build and minimise. Where the small cell is fast, as on a GPU,
which it does not fill, the study's own cell is measured instead.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .. import engines
from ..engines import Resources
from ..errors import InputError
from ..model.builder import build_state
from ..model.system import build_model
from ..model.velocities import thermal_velocities
from ..schema import StatePoint, state_point
from ..settings import Scheduling
from .resources import atoms, simulation_threads

#: Size of the largest cell that is measured on a slow machine.
SMALL = {"repeats_y": 8, "repeats_z": 5, "reservoir_nm": 2.0}
#: Seconds of dynamics that are timed, and steps between readings of the clock.
TIMED_S, CHUNK = 3.0, 10
#: The study's own cell is measured if this many of its steps take no longer than `TIMED_S`.
AFFORDABLE_STEPS = 1000


@dataclass(frozen=True)
class Rate:
    """Measured number of atoms times steps per second; `measured` describes the measurement."""

    atom_steps_per_s: float
    measured: str

    def hours(self, jobs: Iterable[tuple[StatePoint, int]]) -> float:
        """Time of jobs run one after the other; each is given with the snapshots that it keeps."""
        total = 0.0
        for point, snapshots in jobs:
            timestep_ps = point.protocol.dynamics.timestep_ps
            total += atoms(point) * point.protocol.simulated_ps(snapshots) / timestep_ps
        return total / self.atom_steps_per_s / 3600


def in_words(hours: float) -> str:
    """Return a time in the unit that suits it."""
    scales = ((2.0, 60.0, "min"), (72.0, 1.0, "h"), (float("inf"), 1 / 24, "days"))
    return next(f"{hours * by:,.1f} {unit}" for below, by, unit in scales if hours < below)


def calibrate(point: StatePoint) -> Rate:
    """Measure this machine's engine at a state point's dynamics.

    Raises:
        InputError: the engine or platform that the environment asks for is not here.
    """
    small = _in_small_cell(point)
    rate = _measured(small)
    affordable = rate.atom_steps_per_s * TIMED_S / atoms(point) >= AFFORDABLE_STEPS
    return _measured(point) if small != point and affordable else rate


def _in_small_cell(point: StatePoint) -> StatePoint:
    """The state point in the small cell; unchanged if its own is no larger or keys do not fit."""
    data = point.model_dump(mode="json")
    data["protocol"]["cell"] |= SMALL
    try:
        small = state_point(data)
    except InputError:
        return point
    return small if atoms(small) < atoms(point) else point


def _measured(point: StatePoint) -> Rate:
    model, dynamics = build_model(point), point.protocol.dynamics
    rng = np.random.default_rng(0)
    threads = simulation_threads(point, Scheduling.from_environment())
    resources = Resources.from_environment(threads)
    state = engines.minimise(model, build_state(model, rng), resources)
    velocities = thermal_velocities(model, state.positions, dynamics.temperature_K, rng)
    engine = engines.create(model, state.restarted(velocities), dynamics, resources)
    engine.advance(CHUNK)  # lets the engine tune and compile
    engine.positions()
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < TIMED_S:
        engine.advance(CHUNK)
        engine.positions()  # waits until a GPU has finished
        steps += CHUNK
    per_s = steps / (time.perf_counter() - started)
    about = engine.provenance()
    ns_per_day = per_s * dynamics.timestep_fs * 1e-6 * 86400
    return Rate(
        per_s * model.n_atoms,
        f"{ns_per_day:.3g} ns/day with {model.n_atoms:,} atoms, {about['name']} on "
        f"{about['platform']}",
    )
