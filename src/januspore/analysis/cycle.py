"""Sums of a record by the phase of a periodic field's cycle."""

import numpy as np
from numpy.typing import NDArray

from ..protocols.views import Cycle
from ..simulate.record import Rows
from .sums import grouped

#: Phase bins of one cycle: a multiple of 4, so that a bin belongs to one branch.
PHASES = 40
#: Branch of each quarter of the cycle: forward while |E| rises, reverse while it falls.
BRANCHES = ("forward +", "reverse +", "forward -", "reverse -")


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
