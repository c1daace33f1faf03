"""Sums of a record by the phase of a periodic field's cycle, and their fundamental."""

import numpy as np
from numpy.typing import NDArray

from ..protocols.views import Cycle
from ..simulate.record import Rows
from .sums import grouped

#: Phase bins of one cycle: a multiple of 4, so that a bin belongs to one branch.
PHASES = 40
#: Branch of each quarter of the cycle: forward while |E| rises, reverse while it falls.
BRANCHES = ("forward +", "reverse +", "forward -", "reverse -")
#: The sign of the field in words.
SIGNS = {"+": "E > 0", "-": "E < 0"}


def by_phase(rows: Rows, cycle: Cycle, sample_ps: float) -> dict[str, NDArray]:
    """Sum a record by phase, over all cycles.

    Args:
        rows: the record.
        cycle: gives the phase.
        sample_ps: time between rows.

    Returns:
        The sums of `sums.grouped`, by phase: shape (PHASES, ...).
    """
    phase = cycle.phase(rows["time_ps"] - sample_ps / 2)
    group = np.minimum((phase * PHASES).astype(int), PHASES - 1)
    return grouped(rows, group, PHASES, sample_ps)


def branch_of_phase() -> NDArray[np.int64]:
    """Index into `BRANCHES` of each phase bin, shape (PHASES,)."""
    return np.arange(PHASES) * 4 // PHASES


def fundamental(values: NDArray, late: float = 0.0) -> NDArray[np.float64]:
    """Amplitudes of the first harmonic: in phase with the field, and a quarter of a cycle ahead.

    values = a sin(phase) + b cos(phase) + mean + higher harmonics; returns (a, b). The field itself
    is in phase. Averaging over bins lowers amplitudes by 0.1 %, as it does the field's.

    Args:
        values: by phase, shape (n, PHASES).
        late: by how much of a cycle they are taken after the middle of their bins.

    Returns:
        Shape (n, 2).
    """
    return np.asarray(values @ _waves(late).T * 2 / PHASES)


def harmonic(amplitudes: NDArray) -> NDArray[np.float64]:
    """Return the first harmonic of given `fundamental` amplitudes, by phase: shape (n, PHASES)."""
    return np.asarray(amplitudes @ _waves())


def _waves(late: float = 0.0) -> NDArray[np.float64]:
    """Sine and cosine of the phase at the middle of each bin, or later, shape (2, PHASES)."""
    phase = 2 * np.pi * ((np.arange(PHASES) + 0.5) / PHASES + late)
    return np.stack([np.sin(phase), np.cos(phase)])
