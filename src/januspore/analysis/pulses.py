"""Paired pulses and pulse trains: what was carried in each pulse (paper, Fig. 5)."""

import numpy as np
from numpy.typing import NDArray

from ..field import Programme, branches_of, programme_of
from ..schema import PairedPulse, PulseTrain
from ..simulate.record import Rows
from .sums import by_segment


def pulse_segments(programme: Programme) -> NDArray[np.int64]:
    """Indices of the programme's segments that are pulses."""
    labels = [leaf.label for _, leaf in programme.leaves()]
    return np.array([i for i, label in enumerate(labels) if label == "pulse"], dtype=np.int64)


def pulse_pairs(trunk: Rows, branches: list[Rows], protocol: PairedPulse) -> dict[str, NDArray]:
    """Sums over the first pulse, then over the second pulse of each delay.

    Returns:
        What `sums.grouped` does, shape (1 + number of delays, ...).
    """
    sample = protocol.recording.sample_interval_ps
    programme = programme_of(protocol)
    first = by_segment(trunk, programme, sample)
    parts = [{k: v[pulse_segments(programme)[0]] for k, v in first.items()}]
    for rows, whole in zip(branches, branches_of(protocol).values(), strict=True):
        second = by_segment(rows, whole, sample)
        parts.append({k: v[pulse_segments(whole)[1]] for k, v in second.items()})
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def train_pulses(protocol: PulseTrain) -> NDArray[np.int64]:
    """Indices of the pulses among the train's segments, shape (pulses,)."""
    return pulse_segments(programme_of(protocol))
