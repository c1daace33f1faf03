"""Sums of a bulk liquid's frames by hand: which frames, which bins, whose shells."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import free_model, thermal_state

from januspore.analysis import bulk
from januspore.analysis.bulk import (
    R_BINS,
    _longest_run,
    _padded,
    _structure,
    bulk_sums,
    pairs_of,
    r_edges,
    species_of,
    sums_of,
)
from januspore.analysis.diffusion import square_displacements
from januspore.errors import InputError
from januspore.model.state import write_state
from januspore.model.system import build_model, water_geometry
from januspore.schema import state_point
from januspore.simulate.layout import frame

POINT = state_point(
    {
        "charge_set": {"material": "none"},
        "protocol": {
            "name": "bulk",
            "cell": {"edge_nm": 2.0, "salt_mol_per_L": 0.4, "water_per_nm3": 2.0},
            "dynamics": {"timestep_fs": 2.0, "cutoff_nm": 0.9},
            "recording": {"frame_interval_ps": 5.0},
            "relax_ps": 5.0,
            "run_ps": 50.0,
        },
        "seed": 0,
    }
)


def test_g_reaches_one_nm_or_nearly_half_the_edge():
    for edge, end in ((2.0, 0.96), (3.0, 1.0), (2.5, 1.0)):
        at = r_edges(np.array([edge, 3.0, 4.0]))
        assert len(at) == R_BINS + 1 == 201 and (at[0], at[-1]) == pytest.approx((0.0, end))


def test_pairs_and_species_are_those_that_are_there():
    salty, pure = free_model(1, 2, (2.0, 2.0, 2.0)), free_model(0, 2, (2.0, 2.0, 2.0))
    assert pairs_of(salty) == (("O", "O"), ("K", "O"), ("Cl", "O"), ("K", "Cl"))
    assert species_of(salty) == ("water", "K", "Cl") and species_of(pure) == ("water",)


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([5, 10, 15], [0, 1, 2]),
        ([5, 10, 20, 25, 30, 35], [2, 3, 4, 5]),
        ([5, 10, 15, 25, 30], [0, 1, 2]),
        ([5, 10, 20, 25], [0, 1]),
        ([5, 15], [0, 1]),
        ([7], [0]),
    ],
)
def test_of_torn_frames_the_longest_run_at_equal_intervals_is_used(steps, kept):
    assert _longest_run(np.array(steps)).tolist() == kept


@pytest.mark.parametrize(("apart", "contact"), [(0.40, 1.0), (0.42, 0.0)])
def test_ions_touch_within_the_first_minimum_of_their_g(apart, contact):
    model = free_model(1, 2, (3.0, 3.0, 3.0))
    positions = np.tile(np.linspace(1.0, 1.4, model.n_atoms)[:, None], (2, 1, 3))
    positions[:, model.ions] = [[0, 0, 0], [0, apart, 0]]
    assert _structure(positions, model)["contact"] == contact


def test_lags_that_a_torn_run_lacks_are_unknown():
    squares = np.arange(12.0).reshape(2, 2, 3)
    found = _padded("squares", squares, 4)
    assert found.shape == (2, 4, 3) and (found[:, :2] == squares).all()
    assert np.isnan(found[:, 2:]).all()
    assert (_padded("g", squares, 9) == squares).all()


def planted_job(folder, model, states):
    job = SimpleNamespace(id="j", path=str(folder), fn=lambda name: str(folder / name))
    for state in states:
        path = frame(job, state.step)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_state(path, model, state, "j")
    return job


def test_a_job_s_sums_come_from_its_longest_run_of_frames_and_their_mean_pressure(
    tmp_path, monkeypatch
):
    model = build_model(POINT)
    steps = sorted(POINT.protocol.frame_steps())
    assert len(steps) == 11
    states = [
        replace(thermal_state(model, seed), step=step)
        for seed, step in enumerate(steps)
        if step != steps[3]  # torn: seven frames are left behind the gap
    ]
    job = planted_job(tmp_path, model, states)
    seen = []

    def told(_, positions, temperature_K, charges):
        seen.append(positions)
        assert (temperature_K, charges) == (300.0, "charges")
        return 10.0 * len(seen)

    monkeypatch.setattr(bulk, "pressure", told)
    found = bulk_sums(job, POINT, model, "charges")
    positions = np.stack([state.positions for state in states[3:]])
    assert len(seen) == len(positions) == 7
    assert found["pressure_bar"] == pytest.approx(40.0)
    assert found["lag_ps"].tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
    own = sums_of(positions, model)
    assert found["squares"][:, :4] == pytest.approx(own["squares"])
    assert np.isnan(found["squares"][:, 4:]).all() and np.isnan(found["charge"][4:]).all()
    assert found["dipole_square"] == pytest.approx(own["dipole_square"])
    # Of many frames only so many have their pressure taken, spread over the whole run.
    seen.clear()
    monkeypatch.setattr(bulk, "_PRESSURES", 3)
    bulk_sums(job, POINT, model, "charges")
    assert [np.array_equal(a, b) for a, b in zip(seen, positions[::3], strict=True)] == [True] * 3


def test_a_job_without_a_frame_is_named(tmp_path):
    with pytest.raises(InputError, match="job j: no frame can be read"):
        bulk_sums(planted_job(tmp_path, None, []), POINT, None, None)


def test_sums_are_relative_to_the_centre_of_mass_and_by_species():
    model, rng = free_model(2, 3, (3.0, 3.0, 3.0)), np.random.default_rng(5)
    paths = np.cumsum(rng.normal(0, 0.05, (9, model.n_atoms, 3)), axis=0)
    found = sums_of(paths, model)
    mass = model.mass / model.mass.sum()
    centred = paths - np.tensordot(mass, paths, axes=(0, 1))[:, None]
    for k, atoms in enumerate((model.waters[:, 0], model.indices("K"), model.indices("Cl"))):
        assert found["squares"][k] == pytest.approx(square_displacements(centred[:, atoms]))
    k, cl = model.indices("K"), model.indices("Cl")
    moved = paths[:, k].sum(axis=1) - paths[:, cl].sum(axis=1)
    for lag in range(5):
        pairs = [moved[n + lag] - moved[n] for n in range(9 - lag)]
        assert found["charge"][lag] == pytest.approx(np.mean(np.square(pairs), axis=0))
    water = paths[:, model.waters]
    dipole = 0.4238 * (water[:, :, 1] + water[:, :, 2] - 2 * water[:, :, 0]).sum(axis=1)
    assert found["dipole_square"] == pytest.approx(np.mean(dipole**2, axis=0))


def test_each_ion_s_shell_and_pairs_are_its_own():
    """K+ with two waters at 0.28 nm, Cl- with one at 0.32; they stand 0.9 nm apart."""
    model = free_model(1, 3, (4.0, 4.0, 4.0))
    positions = np.zeros((model.n_atoms, 3))
    positions[model.indices("Cl")] = [0, 0, 0.9]
    at = np.array([[0, 0.28, 0], [0, -0.28, 0], [0.32, 0, 0.9]])
    positions[model.waters] = at[:, None] + water_geometry()
    found = sums_of(np.repeat(positions[None], 3, axis=0), model)
    assert found["shell"].tolist() == pytest.approx([2.0, 1.0]) and found["contact"] == 0.0
    edges = r_edges(model.box)
    centres = (edges[1:] + edges[:-1]) / 2
    for pair, r in (("K-O", 0.28), ("Cl-O", 0.32), ("K-Cl", 0.9)):
        k = ["O-O", "K-O", "Cl-O", "K-Cl"].index(pair)
        assert abs(centres[np.flatnonzero(found["g"][k])[0]] - r) < 0.006
    # Waters within each r of a K+, anions within each r of a K+.
    assert np.interp([0.27, 0.3], centres, found["around"][1]) == pytest.approx([0, 2], abs=0.01)
    assert found["around"][3, -1] == pytest.approx(1.0)
