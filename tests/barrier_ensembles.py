"""Ensembles of a barrier with planted forces and a known PMF."""

import numpy as np
from helpers import tiny_point
from planted import jobs_of
from planted_barrier import held_rows

from januspore.analysis.barrier import by_window
from januspore.engines.base import PARTS
from januspore.model.system import build_model
from januspore.products.barrier_profiles import Profiles
from januspore.products.ensemble import Ensemble

POSITIONS = [round(float(x), 3) for x in np.linspace(-0.6, 0.6, 25)]
WIDTH = 0.15


def hill(height, x):
    """Force of a Gaussian hill of the PMF at the Mo plane."""
    return height * x / WIDTH**2 * np.exp(-((x / WIDTH) ** 2) / 2)


def planted(x, field):
    """Heights of the hills of the PMF by part, kJ/mol; their sum is 25 + 60 E."""
    return {
        "water_vdw": 5.0,
        "water_electrostatic": 90 + 60 * abs(field),
        "membrane_vdw": 10.0,
        "membrane_electrostatic": -80.0,
        "ions": 0.0,
    }


FORCES = {
    part: (lambda x, field, part=part: hill(planted(x, field)[part], x))
    for part in PARTS
    if part != "field"
}
NOTHING = {part: (lambda x, field: 0.0 * x) for part in PARTS if part != "field"}
#: Forces with a hill of 12 kJ/mol in the water's part only.
LOW = NOTHING | {"water_electrostatic": lambda x, field: hill(12.0, x)}


def point(**keys):
    windows = {
        "fields_V_per_nm": [0.3, 0.7],
        "positions_nm": POSITIONS,
        "approach_ps": 1.0,
        "charging_ps": 45.0,  # of 1.5 nm a side
        "settle_ps": 1.0,
        "window_ps": 10.0,
    }
    return tiny_point("barrier", **(windows | keys))


def ensemble_of(state_point, seeds, forces=FORCES, edit=None, **options):
    """An ensemble whose jobs' sums are those of planted records."""
    every = []
    for seed in range(seeds):
        rows = held_rows(state_point, forces, np.random.default_rng(seed), **options)
        every.append(by_window(rows, state_point.protocol.windows))
    sums = {name: np.stack([one[name] for one in every]).astype(float) for name in every[0]}
    if edit is not None:
        edit(sums)

    return ensemble_with(state_point, sums)


def ensemble_with(state_point, sums):
    """An ensemble whose jobs have the given sums."""

    class Planted(Ensemble):
        def each_seed(self, file="analysis.h5"):
            return sums

    return Planted(jobs_of(len(sums["samples"])), state_point, build_model(state_point))


def profiles_of(state_point, sums, equilibrations=None):
    seeds = len(sums["samples"])
    return Profiles(state_point.protocol.windows, sums, equilibrations or list(range(seeds)))


def rows_of(table, quantity, part, field, profile=None):
    rows = table[(table.quantity == quantity) & (table.part == part)]
    rows = rows[rows.field_V_per_nm == field]
    return rows if profile is None else rows[rows.profile == profile]
