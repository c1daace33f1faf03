"""The potential along x: planes of charge, the voltage of a cell, selection of frames."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import free_model, raw_point, tiny_point
from hypothesis import given
from hypothesis import strategies as st

from januspore.analysis.potential import (
    PARTS,
    charge_sums,
    class_of,
    classes,
    edges,
    potential,
)
from januspore.model.state import State, write_state
from januspore.model.system import build_model
from januspore.products import potential as product
from januspore.products.potential import ALL, make
from januspore.schema import state_point
from januspore.simulate.layout import frame
from januspore.units import PER_VACUUM_PERMITTIVITY


def planes(first, second, charge, box=(4.0, 2.0, 3.0)):
    """Two planes of charge, made of frozen atoms in a box."""
    rng = np.random.default_rng(0)
    yz = rng.uniform(-1, 1, (10, 2))
    atoms = [("Mo", first, y, z) for y, z in yz] + [("Mo", second, y, z) for y, z in yz]
    model = free_model(0, 0, box, membrane=tuple(atoms))
    return replace(model, charge=np.repeat([charge / 10, -charge / 10], 10))


def solved(model, positions=None):
    where = model.membrane_positions if positions is None else positions
    sums = charge_sums([where], model)
    return potential(sums["charge"].sum(axis=0), sums["moment"].sum(axis=0), model)


@given(st.floats(-1.4, -0.3), st.floats(0.1, 1.4), st.floats(-3.0, 3.0))
def test_two_planes_are_a_capacitor_in_a_periodic_box(first, second, charge):
    model = planes(first, second, charge)
    at, found = edges(model), solved(model)
    per_area = charge / 6.0 * PER_VACUUM_PERMITTIVITY
    length, gap = 4.0, second - first
    # The field in the gap is that of the planes minus the mean over the period.
    inside, outside = per_area * (1 - gap / length), -per_area * gap / length
    expected = -np.where(
        at < first,
        outside * (at + 2),
        np.where(
            at < second,
            outside * (first + 2) + inside * (at - first),
            outside * (first + 2) + inside * gap + outside * (at - second),
        ),
    )
    assert found == pytest.approx(expected, abs=1e-9 + 1e-9 * abs(charge))
    assert found[0] == found[-1] == 0.0


def test_a_part_that_is_not_neutral_has_a_uniform_background():
    model = planes(0.5, 1.0, 1.0)
    model = replace(model, charge=np.repeat([0.1, 0.0], 10))  # one plane of 1 e at 0.5
    at, found = edges(model), solved(model)
    x = np.abs(at - 0.5 - 4.0 * np.round((at - 0.5) / 4.0))  # distance to the nearest image
    expected = PER_VACUUM_PERMITTIVITY / 6.0 * (x**2 / 8.0 - x / 2)
    assert found == pytest.approx(expected - expected[0], abs=1e-9)


def test_the_potential_does_not_depend_on_periodic_images():
    model = planes(-0.5, 0.7, 1.0)
    moved = model.membrane_positions + [8.0, -2.0, 3.0]
    assert solved(model, moved) == pytest.approx(solved(model), abs=1e-9)


def test_parts_add_up_to_the_whole():
    model = build_model(tiny_point())
    rng = np.random.default_rng(1)
    positions = rng.uniform(-0.5, 0.5, (model.n_atoms, 3)) * model.box
    positions[model.frozen] = model.membrane_positions
    sums = charge_sums([positions], model)
    parts = potential(sums["charge"], sums["moment"], model)
    assert parts.shape == (len(PARTS), len(edges(model)))
    assert parts.sum(axis=0) == pytest.approx(solved(model, positions), abs=1e-6)
    assert sums["charge"].sum() == pytest.approx(0.0, abs=1e-9)


def test_frames_of_a_hold_count_in_its_second_half_and_those_of_a_sine_by_the_sign_of_the_field():
    stairs = tiny_point("staircase", holds_V_per_nm=[0.6, 1.2], hold_ps=10.0).protocol
    assert classes(stairs).tolist() == [0.6, 1.2]
    told = [class_of(stairs, t) for t in (0.0, 2.0, 5.0, 10.0, 12.0, 20.0, 29.0, 40.0, 41.0)]
    low, high = (0, 0.6), (1, 1.2)
    assert told == [None, None, low, low, None, high, high, low, None]
    sine = state_point(raw_point("sine")).protocol  # 5 ns a cycle
    assert classes(sine).tolist() == [-1.2, 0.0, 1.2]
    found = [class_of(sine, t) for t in (1250.0, 2500.0, 3750.0, 625.0)]
    assert [k for k, _ in found] == [2, 1, 0, 2]
    assert [field for _, field in found] == pytest.approx([1.2, 0.0, -1.2, 1.2 / 2**0.5], abs=1e-9)


POINT = tiny_point("staircase", holds_V_per_nm=[0.0, 1.0], hold_ps=10.0)


def ensemble_of(folder, seeds, charges, point=POINT):
    """An ensemble of frames in which the ions have the dipole moment charges(field), e nm."""
    model = build_model(point)
    jobs = []
    for seed in range(seeds):
        job = SimpleNamespace(
            id=f"job{seed}", path=str(folder / f"job{seed}"), statepoint={"seed": seed}
        )
        jobs.append(job)
        rng = np.random.default_rng(seed)
        for time in (1.0, 8.0, 18.0, 28.0, 38.0):
            field = point.protocol.programme().value(time - 0.5)
            positions = np.zeros((model.n_atoms, 3))
            positions[model.frozen] = model.membrane_positions
            # Waters without a dipole: all atoms of a molecule are at the same position.
            place = rng.uniform(-0.5, 0.5, (len(model.waters), 3)) * model.box
            positions[model.waters] = place[:, None]
            k, cl = model.indices("K"), model.indices("Cl")
            apart = charges(field) / len(k)
            # Cations at x = 1 and anions behind them: sum q x = charges(field), e nm.
            positions[k, 0], positions[cl, 0] = 1.0, 1.0 - apart
            state = State(positions, np.zeros_like(positions), model.box, step=round(time / 0.002))
            path = frame(job, state.step)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_state(path, model, state, job.id)
    return SimpleNamespace(
        jobs=tuple(jobs),
        point=point,
        model=model,
        equilibrations=list(range(seeds)),
        title="planted",
        seeds=f"{seeds} seeds",
    )


def test_the_product_has_the_voltage_across_the_membrane(tmp_path):
    planted = 0.5  # e nm at 1 V/nm, and 0 without a field
    ensemble = ensemble_of(tmp_path, 3, lambda field: planted * field)
    content = make(ensemble)
    model = build_model(POINT)
    table, found = content.table, content.findings
    assert sorted(table.field_V_per_nm.unique()) == [0.0, 1.0]
    assert set(table["of"]) == {ALL, *PARTS}
    # Half of each hold, forward and back: times 8, 38 at 0 V/nm, 18, 28 at 1 V/nm, of three seeds.
    assert set(table.frames) == {6}
    whole = table[table["of"] == ALL]
    for field, own in whole.groupby("field_V_per_nm"):
        total = own.total_V.to_numpy()
        # The potential of the charges is periodic, so only the applied field contributes.
        assert total[0] - total[-1] == pytest.approx(field * model.box[0])
    length, area = model.box[0], model.box[1] * model.box[2]
    # The dipole layer at x = 1 makes a step, which is compensated linearly over the period.
    step = PER_VACUUM_PERMITTIVITY * planted / area
    change = [
        found[f"across membrane_V at {field:g} V/nm"][0] - field * 1.2 for field in (0.0, 1.0)
    ]
    assert change[1] - change[0] == pytest.approx(step * 1.2 / length, rel=0.05)
    assert "V of 3.67 V fall between" in found["verdict"]
    # Without a field its part is nothing to show.
    still = product._figure(ensemble, table[table.field_V_per_nm == 0.0])
    assert len(content.figure.axes) == 3 and len(still.axes) == 2
    assert still.get_supxlabel().startswith("No field was held")


def test_the_field_of_a_sine_s_frames_is_their_mean(tmp_path):
    sine = tiny_point("sine", frequency_GHz=25.0, cycles=1)  # 40 ps
    content = make(ensemble_of(tmp_path, 2, lambda _: 0.0, sine))
    value = sine.protocol.programme().value
    table = content.table
    low = [t for t in (1.0, 8.0, 18.0, 28.0, 38.0) if abs(value(t)) < 0.4]
    high = [t for t in (1.0, 8.0, 18.0, 28.0, 38.0) if value(t) > 0.4]
    against = [t for t in (1.0, 8.0, 18.0, 28.0, 38.0) if value(t) < -0.4]
    means = [np.mean([value(t) for t in times]) for times in (against, low, high)]
    assert sorted(table.field_V_per_nm.unique()) == pytest.approx(means, abs=1e-9)
    for field, own in table[table["of"] == ALL].groupby("field_V_per_nm"):
        across = own.total_V.iloc[0] - own.total_V.iloc[-1]
        assert across == pytest.approx(field * build_model(sine).box[0], rel=1e-9)


def test_without_frames_it_says_so(tmp_path):
    ensemble = ensemble_of(tmp_path, 1, lambda _: 0.0)
    for path in (tmp_path / "job0").rglob("*.gsd"):
        path.unlink()
    content = make(ensemble)
    assert content.table.empty
    assert content.findings["verdict"] == "no frame of a field that was held can be read"


# --- known answers -----------------------------------------------------------------------------


def test_bins_are_some_20_pm_wide_and_end_at_the_box_s_faces():
    for length, bins in ((4.0, 200), (3.67, 184), (3.671, 184), (0.05, 2)):
        at = edges(SimpleNamespace(box=np.array([length, 2.0, 2.0])))
        assert len(at) == bins + 1 and (at[0], at[-1]) == (-length / 2, length / 2)
        assert np.diff(at) == pytest.approx(np.full(bins, length / bins))


def test_charges_and_their_first_moments_are_summed_by_part_and_bin():
    model = free_model(2, 2, (1.0, 2.0, 2.0), membrane=(("Mo", 0.013, 0, 0), ("S", 0.153, 0, 0)))
    rng = np.random.default_rng(0)
    frames = [rng.uniform(-3, 3, (model.n_atoms, 3)) for _ in range(3)]
    found = charge_sums(frames, model)
    at = edges(model)
    assert found["frames"] == 3 and found["charge"].shape == (3, 50)
    parts = np.zeros(model.n_atoms, dtype=int)
    parts[model.waters], parts[model.ions] = 1, 2
    charge, moment = np.zeros((3, 50)), np.zeros((3, 50))
    for positions in frames:
        for part, q, x in zip(parts, model.charge, positions[:, 0], strict=True):
            inside = (x + 0.5) % 1.0 - 0.5
            k = np.searchsorted(at, inside, side="right") - 1
            charge[part, k] += q
            moment[part, k] += q * inside
    assert found["charge"] == pytest.approx(charge) and found["moment"] == pytest.approx(moment)


def test_a_field_that_is_never_held_is_told_by_thirds_of_its_amplitude():
    """Below a third of 1.2 V/nm it is low; above, it is along +x or along -x."""
    sine = tiny_point("sine", frequency_GHz=25.0, cycles=1).protocol  # 40 ps
    for field, which in ((0.39, 1), (-0.39, 1), (0.41, 2), (-0.41, 0), (1.19, 2), (-1.19, 0)):
        time = 40.0 * np.arcsin(field / 1.2) / (2 * np.pi) % 40.0
        found = class_of(sine, time)
        assert found[0] == which and found[1] == pytest.approx(field)
    assert class_of(sine, 0.0) is None and class_of(sine, 40.1) is None


def test_a_frame_of_a_hold_counts_from_its_half_on():
    stairs = tiny_point("staircase", holds_V_per_nm=[0.6, 1.2], hold_ps=10.0).protocol
    assert class_of(stairs, 4.99) is None and class_of(stairs, 14.99) is None
    assert class_of(stairs, 5.0) == (0, 0.6) and class_of(stairs, 15.01) == (1, 1.2)
    bulk = tiny_point("equilibrate").protocol
    assert classes(bulk).tolist() == [0.0] and class_of(bulk, 19.0) == (0, 0.0)
