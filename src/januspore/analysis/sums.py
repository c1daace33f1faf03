"""Sums of a record over groups of its rows: phases of a cycle, segments of a programme."""

import numpy as np
from numpy.typing import NDArray

from ..protocols.field import Programme
from ..simulate.record import Rows
from .orientation import histogram

#: Columns of each ion that are summed.
_SUMMED = ("cell_e_nm", "slab_e_nm", "forward", "backward")


def grouped(rows: Rows, group: NDArray, groups: int, sample_ps: float) -> dict[str, NDArray]:
    """Sum a record by group of rows.

    Args:
        rows: the record.
        group: index of each row's group, shape (n,).
        groups: number of groups.
        sample_ps: time between rows.

    Returns:
        `time_ps`, `field_ps` (field times time), charge displacements and crossings, shape
        (groups,); `theta`, histograms of the pore's waters, shape (groups, BINS); `cosine`, sum of
        cos of the dipole to +x, and `waters`, their number, shape (groups,).
    """

    def total(weights: NDArray) -> NDArray:
        return np.bincount(group, weights=weights, minlength=groups)

    water_group = np.repeat(group, rows["water_in_pore"])
    return {
        "time_ps": total(np.full(len(rows), sample_ps)),
        "field_ps": total(rows["field_V_per_nm"] * sample_ps),
        **{f"{ion}_{what}": total(rows[f"{ion}_{what}"]) for ion in rows.ions for what in _SUMMED},
        "theta": histogram(rows["theta_rad"], water_group, groups),
        "cosine": np.bincount(water_group, weights=rows["cos_dipole"], minlength=groups),
        "waters": np.bincount(water_group, minlength=groups),
    }


def by_segment(
    rows: Rows, programme: Programme, sample_ps: float, bins: int = 1
) -> dict[str, NDArray]:
    """Sum a record by segment of its programme, and by equal bins of time within each.

    Returns:
        What `grouped` does, the group axis split in (segments, bins).
    """
    starts = np.array([start for start, _ in programme.leaves()])
    lengths = np.array([leaf.duration_ps for _, leaf in programme.leaves()])
    middle = rows["time_ps"] - sample_ps / 2
    segment = np.searchsorted(starts, middle, side="right") - 1
    part = ((middle - starts[segment]) / lengths[segment] * bins).astype(int)
    group = segment * bins + np.minimum(part, bins - 1)
    sums = grouped(rows, group, len(starts) * bins, sample_ps)
    return {name: v.reshape(len(starts), bins, *v.shape[1:]) for name, v in sums.items()}


def time_bins(duration_ps: float, sample_ps: float, most: int = 50) -> int:
    """Number of equal bins of a hold: the largest up to `most` that divides its samples."""
    samples = round(duration_ps / sample_ps)
    return max(n for n in range(1, most + 1) if samples % n == 0)
