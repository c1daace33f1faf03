"""The sine protocol: everything summed by the phase of the cycle, forward and reverse apart."""

import numpy as np
from numpy.typing import NDArray

from ..schema import Sine
from ..simulate.record import Rows
from .sums import grouped

#: Phase bins of one cycle: a multiple of 4, so that a bin belongs to one branch.
PHASES = 40
#: Branch of each quarter of the cycle: forward while |E| rises, reverse while it falls.
BRANCHES = ("forward +", "reverse +", "forward -", "reverse -")


def by_phase(rows: Rows, protocol: Sine) -> dict[str, NDArray]:
    """Sum a record by phase, over all cycles.

    Returns:
        What `sums.grouped` does, by phase: shape (PHASES, ...).
    """
    sample = protocol.recording.sample_interval_ps
    middle = rows["time_ps"] - sample / 2
    phase = np.mod(middle * protocol.frequency_GHz * 1e-3, 1.0)
    group = np.minimum((phase * PHASES).astype(int), PHASES - 1)
    return grouped(rows, group, PHASES, sample)


def branch_of_phase() -> NDArray[np.int64]:
    """Index into `BRANCHES` of each phase bin, shape (PHASES,)."""
    return np.arange(PHASES) * 4 // PHASES
