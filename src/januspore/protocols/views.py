"""Views of a protocol: what an analysis or a product needs to know about it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .field import Programme


@dataclass(frozen=True)
class Branch:
    """A run that goes on from a job's trajectory.

    Attributes:
        leaves_ps: when it leaves the trajectory; before that it is the trajectory itself.
        programme: its whole programme from the trajectory's time 0 on.
    """

    leaves_ps: float
    programme: Programme


@dataclass(frozen=True)
class Snapshots:
    """States kept for other jobs: at the end of the relaxation, then at intervals."""

    relax_ps: float
    interval_ps: float
    timestep_ps: float

    def steps(self, count: int) -> list[int]:
        """Steps of the first snapshots."""
        times = (self.relax_ps + k * self.interval_ps for k in range(count))
        return [round(t / self.timestep_ps) for t in times]


@dataclass(frozen=True)
class Solution:
    """A bulk liquid in a cubic box, in a field that is held.

    Attributes:
        edge_nm: edge of the box.
        water_per_nm3: number density of the water; None for the model's own.
        field_V_per_nm: the field along x.
        relax_ps: time at the beginning that is left out of the analysis.
    """

    edge_nm: float
    water_per_nm3: float | None
    field_V_per_nm: float
    relax_ps: float


@dataclass(frozen=True)
class Cycle:
    """A periodic field.

    In the first quarter of a cycle E rises from 0 to the amplitude, in the second it falls back in
    the same way, mirrored in time; the second half is the first with E reversed.

    Attributes:
        programme: the field from the start of a cycle on.
        amplitude_V_per_nm: its largest value.
        frequency_GHz: cycles per ns.
    """

    programme: Programme
    amplitude_V_per_nm: float
    frequency_GHz: float

    @property
    def title(self) -> str:
        """The cycle in a figure's title."""
        return f"f = {self.frequency_GHz:g} GHz"

    def phase(self, t_ps: NDArray) -> NDArray[np.float64]:
        """Fraction of the cycle that has passed at each time, from 0 to 1."""
        return np.mod(t_ps * self.frequency_GHz * 1e-3, 1.0)

    def quarter_edges(self, parts: int) -> NDArray[np.float64]:
        """E at the edges of equal parts of the first quarter, V/nm, shape (parts + 1,)."""
        quarter_ps = 250.0 / self.frequency_GHz
        times = quarter_ps * np.arange(parts + 1) / parts
        return np.array([self.programme.value(t) for t in times])


@dataclass(frozen=True)
class Holds:
    """Fields held for equal times, forward and then back through the same fields.

    Attributes:
        forward_V_per_nm: fields of the forward branch, in order.
        hold_ps: length of each hold.
    """

    forward_V_per_nm: tuple[float, ...]
    hold_ps: float


@dataclass(frozen=True)
class RepeatedSteps:
    """Steps between two fields: `down_ps` at the lower one, then up and down, `repeats` times.

    Attributes:
        low_V_per_nm: the lower field.
        high_V_per_nm: the higher field, on the same side of 0.
        up_ps: time at the higher field.
        down_ps: time at the lower field.
        repeats: number of steps up, and of steps down.
        sample_ps: time between two rows of the record.
    """

    low_V_per_nm: float
    high_V_per_nm: float
    up_ps: float
    down_ps: float
    repeats: int
    sample_ps: float


@dataclass(frozen=True)
class Pairs:
    """Pairs of pulses: the first in the job's trajectory, the second in a branch for each delay."""

    mode: str
    delays_ps: tuple[float, ...]


@dataclass(frozen=True)
class Train:
    """A train of equal pulses, labelled "pulse" in the programme."""

    mode: str
