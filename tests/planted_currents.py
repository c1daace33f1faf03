"""Planted currents with a known mean, of ions that cross the pore or only dip into its mouth."""

import numpy as np

from januspore.analysis.cycle import PHASES
from januspore.units import E_PER_PS

#: Depth that a dipping ion reaches in the slab, as a fraction of the slab: 0.08 of 0.70 nm.
DIP = 0.08 / 0.70


def crossing_tables(rng, seeds, expected, bin_ps, back=0.0, dipping=2, amplitude=1.2):
    """Tables of `januspore.analysis.current` by phase of a sine.

    Each crossing carries one charge through the slab. Each dipping ion is at the end of a seed's
    run between the slab's face and `DIP`, which contributes to the sums but carries no mean
    current.

    Args:
        rng: source of randomness.
        seeds: number of seeds.
        expected: crossings along +x by bin, expected of all seeds together, shape (PHASES,).
        bin_ps: time of each bin and seed.
        back: the same for crossings along -x.
        dipping: ions at the mouths of each seed.
        amplitude: amplitude of the field, V/nm.

    Returns:
        Tables, shape (seeds, PHASES).
    """
    shape = seeds, PHASES
    plus = rng.poisson(np.broadcast_to(np.asarray(expected) / seeds, shape))
    minus = rng.poisson(np.broadcast_to(np.asarray(back) / seeds, shape))
    charge = (plus - minus).astype(float)
    for _ in range(dipping):
        where = rng.integers(0, PHASES, seeds)
        charge[np.arange(seeds), where] += rng.uniform(0, DIP, seeds)
    phase = 2 * np.pi * (np.arange(PHASES) + 0.5) / PHASES
    return {
        "charge": E_PER_PS * charge,
        "time": np.full(shape, bin_ps),
        "field": np.tile(amplitude * np.sin(phase) * bin_ps, (seeds, 1)),
        "plus": plus.astype(float),
        "minus": minus.astype(float),
    }


def dip(rows, rng, width_nm, ions=2):
    """Let ions enter the slab's mouth at random times and stay there to the record's end."""
    for _ in range(ions):
        at = rng.integers(0, len(rows))
        rows.columns["K_slab_e_nm"][at] += rng.uniform(0, DIP) * width_nm


def cross(rows, rng, width_nm, expected, transit_ps=2.0, ion="K"):
    """Let ions cross along the field at random times, their number Poisson with mean `expected`."""
    time = rows["time_ps"]
    step = time[1] - time[0]
    samples = max(round(transit_ps / step), 1)
    for at in rng.integers(0, len(rows) - samples, rng.poisson(expected)):
        turn = np.sign(rows["field_V_per_nm"][at + samples - 1])
        for part in ("slab", "cell"):
            rows.columns[f"{ion}_{part}_e_nm"][at : at + samples] += turn * width_nm / samples
        way = "forward" if (turn > 0) == (ion == "K") else "backward"
        rows.columns[f"{ion}_{way}"][at + samples - 1] += 1
