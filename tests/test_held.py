"""The held ion: chosen, moved and recorded; a stopped run continues to the same record."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import free_model, raw_point, thermal_state

from januspore.engines import Resources, create, minimise
from januspore.engines.base import PARTS
from januspore.engines.force_parts import ForceParts
from januspore.protocols import Barrier
from januspore.schema import state_point
from januspore.settings import Limits
from januspore.simulate.driver import Run, drive
from januspore.simulate.held import HeldIon, exchange
from januspore.simulate.record import read_record

SLOW_AND_EXACT = Resources("openmm", "Reference")


@pytest.fixture(scope="module")
def protocol() -> Barrier:
    raw = raw_point("barrier")
    raw["protocol"] |= {
        "positions_nm": [-0.1, 0.0, 0.1],
        "fields_V_per_nm": [0.3, -0.5],
        "approach_ps": 0.1,
        "settle_ps": 0.06,
        "window_ps": 0.04,
        "dynamics": {"timestep_fs": 2.0, "cutoff_nm": 0.6},
        "recording": {
            "sample_interval_ps": 0.02,
            "energy_interval_ps": 0.1,
            "frame_interval_ps": 0.1,
        },
    }
    point = state_point(raw)
    assert isinstance(point.protocol, Barrier)
    return point.protocol


@pytest.fixture(scope="module")
def model():
    frozen = (("Mo", -0.4, 0.35, 0.35), ("S", 0.15, 0.6, 0.0))
    return free_model(2, 8, (1.3, 1.3, 1.4), ewald_tolerance=5e-3, membrane=frozen)


@pytest.fixture(scope="module")
def start(model, protocol):
    state = minimise(model, thermal_state(model), SLOW_AND_EXACT)
    velocities = thermal_state(model, 3).velocities
    return exchange(model, protocol.windows, state.restarted(velocities))


def run_in(folder, model, protocol):
    held = HeldIon(model, protocol.windows, ForceParts(model, SLOW_AND_EXACT))
    return Run(folder, "held", model, protocol, protocol.programme(), frozenset(), held=held)


def driven(folder, model, protocol, start, stop_at=None):
    run = run_in(folder, model, protocol)

    def make(state):
        engine = create(model, state, protocol.dynamics, SLOW_AND_EXACT, run.held.tether)
        if stop_at is not None:
            whole = engine.advance

            def advance(steps):
                if engine.step >= stop_at:
                    raise InterruptedError
                whole(steps)

            engine.advance = advance
        return engine

    drive(run, lambda: start, make, Limits(0.0))
    return read_record(folder / "record.h5")[0]


@pytest.fixture(scope="module")
def record(tmp_path_factory, model, protocol, start):
    return driven(tmp_path_factory.mktemp("whole"), model, protocol, start)


def test_the_nearest_ion_becomes_the_held_one_and_nothing_else_changes(model, protocol):
    state = thermal_state(model, 5)
    swapped = exchange(model, protocol.windows, state)
    chlorides = model.indices("Cl")
    target = np.array([-0.1, 0.0, 0.0])

    def distances(positions):
        delta = positions[chlorides] - target
        return np.linalg.norm(delta - model.box * np.round(delta / model.box), axis=1)

    assert distances(swapped.positions)[0] == pytest.approx(distances(state.positions).min())
    # Without minimum images, as the held ion is in the image at the window.
    assert np.linalg.norm(swapped.positions[chlorides[0]] - target) == pytest.approx(
        distances(state.positions).min()
    )
    others = np.setdiff1d(np.arange(model.n_atoms), chlorides)
    assert (swapped.positions[others] == state.positions[others]).all()
    assert {tuple(v) for v in swapped.velocities} == {tuple(v) for v in state.velocities}


def test_an_ion_in_the_cells_corner_is_held_only_where_no_other_is(model, protocol):
    state = thermal_state(model, 5)
    chlorides, positions = model.indices("Cl"), state.positions.copy()
    positions[chlorides] = [-0.1, 0.46, 0.46]
    held = exchange(model, protocol.windows, replace(state, positions=positions)).positions
    # GROMACS cannot use a distance this long.
    assert np.hypot(*held[chlorides[0], 1:]) > 0.49 * model.box[1:].min()
    # An ion nearer to the axis is preferred, although it is farther from the window.
    positions[chlorides[-1]] = [0.5, 0.0, 0.3]
    held = exchange(model, protocol.windows, replace(state, positions=positions)).positions
    assert held[chlorides[0]] == pytest.approx([0.5, 0.0, 0.3])


def test_every_window_of_every_field_is_sampled_where_it_should_be(record, protocol):
    sampled = record["window"] >= 0
    for window in range(6):
        rows = record["window"] == window
        assert rows.sum() == 2
        assert record["tether_x_nm"][rows] == pytest.approx(
            [protocol.positions_nm[window % 3]] * 2, abs=1e-9
        )
        assert (record["field_V_per_nm"][rows] == protocol.fields_V_per_nm[window // 3]).all()
    assert sampled.sum() == 12
    pull = -protocol.stiffness_kJ_per_mol_nm2 * (record["held_x_nm"] - record["tether_x_nm"])
    assert record["tether_force_kJ_per_mol_nm"] == pytest.approx(pull)


def test_the_parts_and_the_tether_are_the_engine_s_whole_force(
    tmp_path, record, model, protocol, start
):
    run = run_in(tmp_path, model, protocol)
    engine = create(model, start, protocol.dynamics, SLOW_AND_EXACT, run.held.tether)
    run.held.begin(start)
    engine.set_field(0.3)
    engine.set_tether(*run.held.target(0.02))
    engine.advance(10)
    row = run.held.columns(engine.positions(), 0.3, 0.0, 0.02)
    parts = [row[f"force_{part}_kJ_per_mol_nm"] for part in PARTS]
    whole = engine.forces()[run.held.atom, 0]
    assert sum(parts) + row["tether_force_kJ_per_mol_nm"] == pytest.approx(whole, rel=1e-6)
    for part, value in zip(PARTS, parts, strict=True):
        first = record[f"force_{part}_kJ_per_mol_nm"][0]
        assert first == pytest.approx(value, rel=1e-6, abs=1e-6)
        assert record[f"force_{part}_kJ_per_mol_nm"].any()


@pytest.mark.parametrize("stop_at", [20, 170])
def test_a_barrier_stopped_on_the_way_goes_on_to_the_same_record(
    tmp_path, record, model, protocol, start, stop_at
):
    with pytest.raises(InterruptedError):
        driven(tmp_path, model, protocol, start, stop_at)
    again = driven(tmp_path, model, protocol, None)
    for name, column in record.columns.items():
        assert np.array_equal(again[name], column, equal_nan=True), name


def test_a_spring_across_the_box_s_face_pulls_to_the_nearest_image(model, protocol, start):
    held = HeldIon(model, protocol.windows, ForceParts(model, SLOW_AND_EXACT))
    far = start.positions.copy()
    far[held.atom] = [model.box[0] + 0.01, 0.0, 0.0]
    held.begin(replace(start, carry={"held_start_nm": np.array([0.0, 0.0])}))
    row = held.columns(far, 0.0, 0.18, 0.2)
    assert abs(row["tether_force_kJ_per_mol_nm"]) < 20_000 * 0.2
