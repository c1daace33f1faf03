"""The sine protocol: everything summed by the phase of the cycle, forward and reverse apart."""

import numpy as np
from numpy.typing import NDArray

from ..schema import Sine
from ..simulate.record import Rows
from .orientation import histogram

#: Phase bins of one cycle: a multiple of 4, so that a bin belongs to one branch.
PHASES = 40
#: Branch of each quarter of the cycle: forward while |E| rises, reverse while it falls.
BRANCHES = ("forward +", "reverse +", "forward -", "reverse -")

#: Columns of the record that are summed by phase.
_SUMMED = tuple(
    f"{ion}_{what}"
    for ion in ("K", "Cl")
    for what in ("cell_e_nm", "slab_e_nm", "forward", "backward")
)


def by_phase(rows: Rows, protocol: Sine) -> dict[str, NDArray]:
    """Sum a record by phase, over all cycles.

    Returns:
        `time_ps`, `field_ps` (field times time), charge displacements and crossings, shape
        (PHASES,); `theta`, histograms of the pore's waters, shape (PHASES, BINS); `cosine`, sum of
        cos of the dipole to +x, and `waters`, their number, shape (PHASES,).
    """
    sample = protocol.recording.sample_interval_ps
    middle = rows["time_ps"] - sample / 2
    phase = np.mod(middle * protocol.frequency_GHz * 1e-3, 1.0)
    group = np.minimum((phase * PHASES).astype(int), PHASES - 1)

    def total(weights: NDArray) -> NDArray:
        return np.bincount(group, weights=weights, minlength=PHASES)

    water_group = np.repeat(group, rows["water_in_pore"])
    return {
        "time_ps": total(np.full(len(rows), sample)),
        "field_ps": total(rows["field_V_per_nm"] * sample),
        **{name: total(rows[name]) for name in _SUMMED},
        "theta": histogram(rows["theta_rad"], water_group, PHASES),
        "cosine": np.bincount(water_group, weights=rows["cos_dipole"], minlength=PHASES),
        "waters": np.bincount(water_group, minlength=PHASES),
    }


def branch_of_phase() -> NDArray[np.int64]:
    """Index into `BRANCHES` of each phase bin, shape (PHASES,)."""
    return np.arange(PHASES) * 4 // PHASES
