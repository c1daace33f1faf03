"""Lag of the pore's water behind a periodic field.

If the mean cosine c follows the field by dc/dt = (c_eq(E) - c) / tau, with any c_eq, its
fundamental lags by the phase atan(omega tau): the forward and reverse branches then differ although
tau is the only memory. The lag is given as the time tan(phase) / omega, which equals tau in this
case. Hysteresis beyond linear relaxation shows as a lag longer than the tau of repeated steps.
"""

import numpy as np
from numpy.typing import NDArray

from ..protocols.views import Cycle
from .cycle import fundamental
from .orientation import mean_cosine
from .statistics import Interval, bootstrap_ratio


def components(tables: dict[str, NDArray], cycle: Cycle, sample_ps: float) -> NDArray[np.float64]:
    """Fundamental of the mean cosine to +x: (a quarter of a cycle behind, in phase), shape (n, 2).

    Args:
        tables: `cosine` and `waters` by phase, shape (n, PHASES).
        cycle: gives the phase.
        sample_ps: time between rows; a sample is taken at the end of its interval.
    """
    late = sample_ps / 2 * cycle.frequency_GHz * 1e-3
    found = fundamental(mean_cosine(tables), late)
    return np.stack([-found[:, 1], found[:, 0]], axis=1)


def lag(sums: dict[str, NDArray], cycle: Cycle, sample_ps: float) -> Interval:
    """Lag of the mean cosine behind the field, ps; NaN where the response is not significant.

    Args:
        sums: of the record by phase, shape (n, PHASES).
        cycle: gives the frequency.
        sample_ps: time between rows.
    """
    tables = {name: sums[name] for name in ("cosine", "waters")}
    tangent = bootstrap_ratio(tables, lambda t: components(t, cycle, sample_ps))
    return tangent.scaled(1000 / (2 * np.pi * cycle.frequency_GHz))
