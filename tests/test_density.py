"""After equilibration the middle of the reservoirs has the density of bulk 1 M KCl."""

import numpy as np
import pytest
from helpers import tiny_point

from januspore import engines
from januspore.analysis.statistics import run_mean
from januspore.engines import Resources
from januspore.materials import SALTS
from januspore.model.builder import build_state
from januspore.model.system import build_model
from januspore.model.velocities import thermal_velocities
from januspore.simulate.observables import wrap


@pytest.mark.slow
@pytest.mark.parametrize("charge_set", ["janus", "neutral"])
def test_reservoir_density_is_that_of_the_bulk(charge_set):
    point = tiny_point("equilibrate", charge_set)
    model, rng = build_model(point), np.random.default_rng(3)
    resources = Resources.from_environment(2)
    state = engines.minimise(model, build_state(model, rng), resources)
    state = state.restarted(thermal_velocities(model, state.positions, 300.0, rng))
    engine = engines.create(model, state, point.protocol.dynamics, resources)
    engine.advance(10_000)  # 20 ps
    counts, half = [], 0.4
    for _ in range(400):  # 100 ps
        engine.advance(125)
        x = wrap(engine.positions()[model.waters[:, 0], 0], model.box[0])
        counts.append((np.abs(x) > model.box[0] / 2 - half).sum())
    density = run_mean(np.array(counts) / (2 * half * model.box[1] * model.box[2]))
    bulk = SALTS["KCl"].water_per_nm3
    print(f"{charge_set}: {density.value:.2f} [{density.low:.2f}, {density.high:.2f}] per nm^3")
    assert density.high - density.low < 0.06 * bulk, "too short to tell"
    assert abs(density.value - bulk) < 0.015 * bulk or density.low < bulk < density.high
