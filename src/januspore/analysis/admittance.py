"""Admittance of a pore at the frequency of a periodic field, from the current's first harmonic.

It combines all phases, and can therefore be significant where the current of no single phase is.
The part in phase with the voltage is a conductance. The part a quarter of a cycle ahead is a
susceptance: positive where charge is stored, as in the reservoirs, and negative where ions lag
behind the field. Higher harmonics, which a current that is not proportional to the field also has,
are left out. The first cycle also contains the transient of the start: where ions
follow with a time tau, the part out of phase is underestimated by up to the fraction 2 tau / T,
where T is the time of all cycles.
"""

import numpy as np
from numpy.typing import NDArray

from .current import Tables, rate
from .cycle import fundamental


def in_and_out_of_phase(tables: Tables) -> NDArray[np.float64]:
    """Amplitudes of the current in phase with the field and a quarter cycle ahead, nA, (n, 2).

    Args:
        tables: of `analysis.current`, by phase: shape (n, PHASES).
    """
    return fundamental(rate(tables))


def admittance(tables: Tables, length_nm: float) -> NDArray[np.float64]:
    """Conductance and susceptance, nS, shape (n, 2); linear in the charge.

    Args:
        tables: of `analysis.current`, by phase: shape (n, PHASES).
        length_nm: of the box along the field: voltage over field.
    """
    field = fundamental(rate(tables | {"charge": tables["field"]}))[:, :1]
    return in_and_out_of_phase(tables) / (field * length_nm)
