"""Planted ensembles of a device with known s_inf, tau and I."""

from types import SimpleNamespace

import numpy as np
from helpers import tiny_point
from planted import jobs_of

from januspore.analysis.cycle import PHASES
from januspore.analysis.steps import WAYS, log_bins
from januspore.device.model import Device, Table
from januspore.model.system import build_model
from januspore.units import E_PER_PS

FIELDS = (0.0, 0.6, 1.2)
POINT = tiny_point("staircase", holds_V_per_nm=[0.6, 1.2], hold_ps=20.0)
MODEL = build_model(POINT)
LENGTH = float(MODEL.box[0])


def truth(memory_nS=-60.0, back_ps=4.0):
    """A device whose conductance falls with order, and whose order grows faster than it decays."""
    order = Table(FIELDS, (0.1, 0.45, 0.75)).mirrored(-1.0)
    forward, back = Table((0.0,), (2.0,)), Table((0.0,), (back_ps,))
    conductance = Table((0.6, 1.2), (60.0, 40.0)).mirrored()
    return Device(LENGTH, order, forward, back, conductance, memory_nS)


def bins(device, programme, sample_ps, rng, waters, noise, current_noise):
    """Sums of every sample of one seed: order with noise, charge through the slab, crossings."""
    n = round(programme.duration_ps / sample_ps)
    middle = (np.arange(n) + 0.5) * sample_ps
    field = np.array([programme.value(t) for t in middle])
    s = device.solve(programme, middle)
    nA = device.current(field, s) + rng.normal(0, current_noise, n)
    per_ion = nA * sample_ps / E_PER_PS * 2 * POINT.protocol.recording.slab_half_width_nm / 2
    passed = np.diff(np.floor(np.cumsum(np.abs(nA) * sample_ps / E_PER_PS / 2)), prepend=0)
    along = field >= 0
    one = {
        "cosine": waters * (s + rng.normal(0, noise, n)),
        "waters": np.full(n, float(waters)),
        "time_ps": np.full(n, sample_ps),
        "field_ps": field * sample_ps,
        "theta": np.zeros((n, 1)),
    }
    for ion, charge in MODEL.ion_charges.items():
        to, back = ("forward", "backward") if charge > 0 else ("backward", "forward")
        one |= {f"{ion}_{what}_e_nm": per_ion for what in ("slab", "cell")}
        one |= {f"{ion}_{to}": np.where(along, passed, 0)}
        one |= {f"{ion}_{back}": np.where(along, 0, passed)}
    return middle, one


def planted(device, point, seeds=6, noise=0.15, current_noise=40.0, waters=8):
    """An ensemble of a protocol, reduced to what a device reads of it."""
    protocol, sums = point.protocol, []
    sample = protocol.recording.sample_interval_ps
    for seed in range(seeds):
        rng = np.random.default_rng([seed, *protocol.name.encode()])
        noises = (rng, waters, noise, current_noise)
        if protocol.pairs is not None:
            sums.append(_pairs(device, protocol, sample, noises))
            continue
        programme = protocol.programme()
        middle, one = bins(device, programme, sample, *noises)
        sums.append(_grouped(protocol, programme, middle, one))
    stacked = {name: np.stack([own[name] for own in sums]) for name in sums[0]}
    return SimpleNamespace(
        point=point,
        model=MODEL,
        jobs=jobs_of(seeds),
        equilibrations=list(range(seeds)),
        sums=lambda: stacked,
    )


def _add(one, group, groups):
    kept = group >= 0
    return {
        name: np.bincount(group[kept], v[kept], groups) if v.ndim == 1 else np.zeros((groups, 1))
        for name, v in one.items()
    }


def _pairs(device, protocol, sample, noises):
    programmes = [protocol.programme(), *(branch.programme for branch in protocol.branches())]
    found = []
    for k, programme in enumerate(programmes):
        middle, one = bins(device, programme, sample, *noises)
        pulses = [(t, leaf) for t, leaf in programme.leaves() if leaf.label == "pulse"]
        start, leaf = pulses[0 if k == 0 else 1]
        inside = (middle > start) & (middle < start + leaf.duration_ps)
        found.append(_add(one, np.where(inside, 0, -1), 1))
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


def _grouped(protocol, programme, middle, one):
    if protocol.cycle is not None:
        phase = protocol.cycle.phase(middle)
        return _add(one, np.minimum((phase * PHASES).astype(int), PHASES - 1), PHASES)
    starts = np.array([start for start, _ in programme.leaves()])
    leaf = np.searchsorted(starts, middle, side="right") - 1
    if protocol.steps is not None:
        found = {}
        for way, first in zip(WAYS, (1, 2), strict=True):
            length = round({"up": protocol.up_ps, "down": protocol.down_ps}[way] * 10)
            edges, mine = log_bins(length), leaf % 2 == first % 2
            mine &= leaf > 0
            within = np.round((middle - starts[leaf]) * 10 - 0.5).astype(int)
            bin_of = np.searchsorted(edges, within, side="right") - 1
            repeat = (leaf - 1) // 2
            groups = protocol.repeats * len(edges)
            own = _add(one, np.where(mine, repeat * len(edges) + bin_of, -1), groups)
            found |= {f"{way}_{k}": v.reshape(protocol.repeats, -1) for k, v in own.items()}
        return found
    per = 50 if protocol.holds is not None else 1
    lengths = np.array([own.duration_ps for _, own in programme.leaves()])
    part = ((middle - starts[leaf]) / lengths[leaf] * per).astype(int)
    own = _add(one, leaf * per + np.minimum(part, per - 1), len(starts) * per)
    return {k: v.reshape(len(starts), per, *v.shape[1:]) for k, v in own.items()}
