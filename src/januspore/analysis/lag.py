"""Lag of the pore's water behind a sine.

Water that follows the field by dc/dt = (c_eq(E) - c) / tau, whatever c_eq, has a mean cosine whose
fundamental lags by atan(omega tau): its forward and reverse branches differ without any memory but
tau. The lag, as the time tan(phase) / omega, is that tau; hysteresis beyond it is a longer lag than
the tau that steps show.
"""

import numpy as np
from numpy.typing import NDArray

from ..schema import Sine
from .orientation import mean_cosine
from .sine import PHASES
from .statistics import Interval, bootstrap_ratio


def fundamental(tables: dict[str, NDArray], protocol: Sine) -> NDArray[np.float64]:
    """Fundamental of the mean cosine to +x: (-quadrature, in phase), shape (n, 2).

    Args:
        tables: `cosine` and `waters` by phase, shape (n, PHASES).
        protocol: gives the phase of a sample, which is taken at the end of its interval.
    """
    late = protocol.recording.sample_interval_ps / 2 * protocol.frequency_GHz * 1e-3
    phase = 2 * np.pi * ((np.arange(PHASES) + 0.5) / PHASES + late)
    cosine = mean_cosine(tables)
    return np.stack([-cosine @ np.cos(phase), cosine @ np.sin(phase)], axis=1) * 2 / PHASES


def lag(sums: dict[str, NDArray], protocol: Sine) -> Interval:
    """Lag of the mean cosine behind the field, ps; no interval where it hardly follows the field.

    Args:
        sums: of the record by phase, shape (n, PHASES).
        protocol: gives the frequency.
    """
    tables = {name: sums[name] for name in ("cosine", "waters")}
    tangent = bootstrap_ratio(tables, lambda t: fundamental(t, protocol))
    return tangent.scaled(1000 / (2 * np.pi * protocol.frequency_GHz))
