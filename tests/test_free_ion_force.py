"""The product of free ions: planted forces are recovered, bins without visits stay empty."""

import numpy as np
import pytest
from helpers import tiny_point
from planted import jobs_of

from januspore.analysis.free_ions import EDGES_NM, RADIUS_NM, free_ion_sums
from januspore.engines.base import PARTS
from januspore.model.system import build_model
from januspore.products.ensemble import Ensemble
from januspore.products.free_ion_force import LEAST_VISITS, make
from januspore.protocols.field import held_fields

WELL = 20.0


class Planted:
    """A hill of the PMF at the Mo plane, and noise."""

    def __init__(self, rng):
        self.rng = rng

    def along_x(self, positions, atoms, field):
        x = positions[atoms, 0]
        parts = {name: np.zeros(len(atoms)) for name in PARTS}
        parts["water_electrostatic"] = WELL * x / 0.3**2 * np.exp(-((x / 0.3) ** 2) / 2)
        parts["ions"] = self.rng.normal(0, 20, len(atoms))
        return parts


def planted(point, model, seed, frames=600):
    """Ions at all positions except between -0.15 and -0.05 nm."""
    rng, fields, ions = (
        np.random.default_rng(seed),
        held_fields(point.protocol.programme()),
        np.arange(3),
    )
    places = np.zeros((frames, 3, 3))
    places[..., 0] = rng.uniform(-1, 1, (frames, 3))
    hole = (places[..., 0] > -0.15) & (places[..., 0] < -0.05)
    places[..., 0] = np.where(hole, 0.5, places[..., 0])
    places[..., 1] = rng.uniform(0, 0.9 * RADIUS_NM, (frames, 3))
    held = ((float(fields[k % len(fields)]), where) for k, where in enumerate(places))
    sums = free_ion_sums(held, fields, EDGES_NM, RADIUS_NM, ions, model.box, Planted(rng))
    return {f"{ion}_{name}": v for ion in ("K", "Cl") for name, v in sums.items()}


@pytest.fixture(scope="module")
def made():
    point = tiny_point("staircase", holds_V_per_nm=[0.3, 0.7], hold_ps=10.0)
    model = build_model(point)
    every = [planted(point, model, seed) for seed in range(2)]

    class Stacked(Ensemble):
        def each_seed(self, file="analysis.h5"):
            assert file == "free_ions.h5"
            return {name: np.stack([one[name] for one in every]) for name in every[0]}

    return make(Stacked(jobs_of(2), point, model))


def test_planted_forces_are_recovered_and_empty_bins_stay_empty(made):
    rows = made.table[(made.table.quantity == "mean force") & (made.table.part == "sum")]
    known = rows.dropna(subset="value")
    empty = rows[rows.value.isna()]
    assert (empty.visited_frames < LEAST_VISITS).all() and (rows.x_nm == -0.1).sum() == 4
    assert set(empty.x_nm.round(6)) == {-0.1}
    truth = WELL * known.x_nm / 0.3**2 * np.exp(-((known.x_nm / 0.3) ** 2) / 2)
    inside = (known.low <= truth) & (truth <= known.high)
    # At least 66 of 80 intervals of 95 %, which allows for a bias by the width of the bins.
    assert inside.sum() >= 66 and len(known) == 80


def test_the_pmf_is_not_interpolated_over_an_empty_bin(made):
    pmf = made.table[(made.table.quantity == "PMF") & (made.table.ion == "Cl")]
    assert pmf.x_nm.min() == pytest.approx(0.0)
    # On the path of K+, towards +x, the PMF only falls, so there is no barrier.
    assert "no barrier found" in made.findings["K at 0.3 V/nm"]
    assert "kJ/mol from x = 1.00" in made.findings["Cl at 0.3 V/nm"]
    height = float(made.findings["Cl at 0.3 V/nm"].split(" nm ")[1].split()[0])
    assert height == pytest.approx(WELL, abs=4)


def test_the_verdict_says_how_much_of_the_pore_was_sampled(made):
    assert "Cl 80%" in made.findings["verdict"]
