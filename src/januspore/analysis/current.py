"""Currents: from charge displacement (whole cell, pore slab) and from completed crossings."""

import numpy as np
from numpy.typing import NDArray

from ..units import E_PER_PS
from .statistics import Interval, poisson


def current(displacement_e_nm: NDArray, length_nm: float, time_ps: NDArray) -> NDArray:
    """I = sum q dx / (L t), nA (Aksimentiev and Schulten 2005); NaN where no time was recorded.

    Args:
        displacement_e_nm: sum q dx, any shape.
        length_nm: L: the box for the whole cell, twice the half width for the pore's slab.
        time_ps: time over which it was summed, same shape.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return E_PER_PS * displacement_e_nm / (length_nm * time_ps)


def crossing_current(
    forward: NDArray, backward: NDArray, charge: float, time_ps: NDArray
) -> Interval:
    """Current of completed crossings, nA, with a Poisson bound even where there is none.

    Args:
        forward: crossings towards +x, any shape.
        backward: crossings towards -x, same shape.
        charge: of the ion, e.
        time_ps: time over which they were counted, same shape.
    """
    f, b = poisson(forward), poisson(backward)
    with np.errstate(invalid="ignore", divide="ignore"):
        to_current = E_PER_PS * charge / time_ps
        ends = np.stack([(f.low - b.high) * to_current, (f.high - b.low) * to_current])
        value = (f.value - b.value) * to_current
    return Interval(value, ends.min(axis=0), ends.max(axis=0))
