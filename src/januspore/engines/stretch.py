"""A stretch: a part of a run that an engine integrates in one call, and its samples.

The driver cuts a field programme into stretches, within which the field is one segment and the
tether moves in a straight line. An engine that runs as a program of its own runs it once for each
stretch; one that is called step by step inherits `step_by_step.StepByStep`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..protocols.field import Programme, mean


@dataclass(frozen=True)
class Stretch:
    """A part of a run, from the engine's present step on.

    Attributes:
        programme: the applied field as a function of time.
        timestep_ps: time step; step 0 is at time 0 of the programme.
        end_step: where the stretch ends at the latest: a whole number of samples away, and no
            later than the end of the programme's segment.
        sample_steps: steps between two samples.
        energy_steps: samples at multiples of it have velocities and the potential energy; 0: none.
        over: whether the stretch is to end at the next sample; engines call it repeatedly.
        seconds: expected wall time until `over` holds.
        tether: where the tether stands, (x, radius) in nm, at a time in ps; linear in time over
            the stretch.
    """

    programme: Programme
    timestep_ps: float
    end_step: int
    sample_steps: int
    energy_steps: int
    over: Callable[[], bool] = lambda: False
    seconds: float = float("inf")
    tether: Callable[[float], tuple[float, float]] | None = None

    def mean_field(self, end_step: int) -> float:
        """Mean field over the sample interval that ends at a step, V/nm."""
        end = end_step * self.timestep_ps
        return mean(self.programme, end - self.sample_steps * self.timestep_ps, end)


@dataclass(frozen=True)
class Observed:
    """Positions, and at some samples velocities and energy, of one instant.

    Attributes:
        positions: unwrapped, nm, shape (N, 3).
        velocities: nm/ps, shape (N, 3); None if they were not asked for.
        potential_energy: kJ/mol, as `Engine.potential_energy`; None if it was not asked for.
    """

    positions: NDArray[np.float64]
    velocities: NDArray[np.float64] | None = None
    potential_energy: float | None = None


@dataclass(frozen=True)
class Sample:
    """The end of a sample interval: its step, the interval's mean field, and what is read there."""

    step: int
    field_V_per_nm: float
    observed: Observed


def has_energies(step: int, energy_steps: int) -> bool:
    """Whether the sample at a step has velocities and the potential energy."""
    return bool(energy_steps) and step % energy_steps == 0
