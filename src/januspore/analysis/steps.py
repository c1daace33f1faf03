"""Repeated steps of the field: the order of the pore's water by the time since each step.

Bins of time are single samples at first, where the relaxation is fast, then ten per decade.
"""

import numpy as np
from numpy.typing import NDArray

from ..protocols.views import RepeatedSteps
from ..simulate.record import Rows
from .sums import grouped

#: Directions of a step, and the sums that are kept of each.
WAYS = ("up", "down")
_KEPT = ("time_ps", "field_ps", "cosine", "waters", "theta")
_PER_DECADE = 10


def step_times(steps: RepeatedSteps, way: str) -> NDArray[np.float64]:
    """Times since a step of its samples, ps, each at the end of its sample interval."""
    length = {"up": steps.up_ps, "down": steps.down_ps}[way]
    return np.linspace(steps.sample_ps, length, round(length / steps.sample_ps))


def log_bins(samples: int) -> NDArray[np.int64]:
    """First sample of each bin, shape (bins,); the last bin ends with the last sample."""
    decades = np.log10(max(samples, 1))
    edges = np.round(10 ** np.arange(0, decades, 1 / _PER_DECADE)).astype(np.int64)
    return np.unique(np.concatenate([[0], edges[edges < samples]]))


def by_step(rows: Rows, steps: RepeatedSteps) -> dict[str, NDArray]:
    """Sum a record by the time since each step.

    Returns:
        `sums.grouped`'s time, field, cosine, waters and theta, as `up_cosine` and so on, shape
        (repeats, bins, ...) with the bins of `log_bins`.
    """
    lengths = {way: len(step_times(steps, way)) for way in WAYS}
    since = np.arange(len(rows)) - lengths["down"]  # of the first step up
    repeat, within = np.divmod(since, sum(lengths.values()))
    sums = {}
    for way, start in (("up", 0), ("down", lengths["up"])):
        first = log_bins(lengths[way])
        bins = np.searchsorted(first, within - start, side="right") - 1
        inside = (since >= 0) & (within >= start) & (within < start + lengths[way])
        groups = steps.repeats * len(first)
        # All other samples go into a last group, which is dropped.
        group = np.where(inside, repeat * len(first) + bins, groups)
        found = grouped(rows, group, groups + 1, steps.sample_ps)
        for name in _KEPT:
            values = found[name][:groups]
            sums[f"{way}_{name}"] = values.reshape(steps.repeats, len(first), *values.shape[1:])
    return sums
