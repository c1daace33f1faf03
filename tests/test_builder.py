"""Starting configurations: complete, at a distance from the membrane, reproducible, unpolarised."""

import numpy as np
import pytest
from helpers import CHARGE_SETS, free_model, raw_point, tiny_point
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from januspore.model.builder import _CLEARANCE_NM, build_state, polarisation
from januspore.model.system import (
    build_model,
    water_geometry,
)
from januspore.schema import state_point

TINY_MODEL = build_model(tiny_point())


# --- starting configurations -----------------------------------------------------------------


def start(point, seed=0):
    model = build_model(point)
    return model, build_state(model, np.random.default_rng(seed))


@settings(max_examples=15)
@given(
    st.sampled_from(sorted(CHARGE_SETS)),
    st.integers(5, 9),
    st.integers(4, 6),
    st.floats(0.9, 2.0),
    st.floats(0, 3),
    st.integers(0, 1000),
)
def test_a_start_is_complete_clear_of_the_membrane_and_has_whole_waters(
    charge_set, n_y, n_z, depth, salt, seed
):
    raw = raw_point("equilibrate", charge_set)
    raw["protocol"]["cell"] = {
        "repeats_y": n_y,
        "repeats_z": n_z,
        "reservoir_nm": depth,
        "salt_mol_per_L": salt,
    }
    raw["protocol"]["dynamics"] = {"cutoff_nm": 0.7}
    model, state = start(state_point(raw), seed)
    assert state.positions.shape == (model.n_atoms, 3)
    assert (state.positions[model.frozen] == model.membrane_positions).all()
    assert state.step == 0
    assert not state.velocities.any()
    sites = state.positions[np.concatenate([model.ions, model.waters[:, 0]])]
    # Oxygens and ions keep a distance from the membrane, and no two have the same position.
    tree = cKDTree(model.membrane_positions % model.box % model.box, boxsize=model.box)
    assert tree.query(sites % model.box % model.box)[0].min() > _CLEARANCE_NM
    own = cKDTree(sites % model.box % model.box, boxsize=model.box)
    assert own.query(sites % model.box % model.box, k=2)[0][:, 1].min() > 0.15
    arms = state.positions[model.waters] - state.positions[model.waters[:, :1]]
    inner = np.einsum("nij,nkj->nik", arms, arms)
    shape = water_geometry()
    assert np.allclose(inner, shape @ shape.T, atol=1e-12)


def test_sites_a_rounding_error_outside_the_box_do_not_stop_the_builder():
    raw = raw_point("equilibrate", "MoS2")
    raw["protocol"]["cell"] = {"repeats_y": 7, "repeats_z": 5, "reservoir_nm": 1.0}
    raw["protocol"]["cell"] |= {"pore_diameter_nm": 1.05, "pore_cut": 1}
    raw["protocol"]["dynamics"] = {"cutoff_nm": 0.9}
    model = build_model(state_point(raw))
    at_face = model.membrane_positions % model.box == model.box
    assert at_face.any(), "this cell no longer has a site just below zero: choose another"
    build_state(model, np.random.default_rng(0))


def test_ions_start_outside_the_pore_and_half_a_nanometre_apart_where_there_is_room():
    raw = raw_point("equilibrate")
    raw["protocol"]["cell"] = {"reservoir_nm": 3.0}
    model, state = start(state_point(raw))
    ions = state.positions[model.ions]
    assert np.abs(ions[:, 0]).min() > 0.7
    tree = cKDTree(ions % model.box % model.box, boxsize=model.box)
    nearest = tree.query(ions % model.box % model.box, k=2)[0][:, 1]
    assert 0.5 < nearest.min() < 0.75


def test_a_start_is_repeatable_and_another_seed_is_another_start():
    _, one = start(tiny_point(), 1)
    _, same = start(tiny_point(), 1)
    _, other = start(tiny_point(), 2)
    assert (one.positions == same.positions).all()
    assert (one.positions != other.positions).any()


def test_a_start_has_no_charge_separated_across_the_membrane():
    """At random positions 0.9 e would be separated, which does not relax within picoseconds."""
    for seed in range(10):
        model, state = start(tiny_point(), seed)
        x = state.positions[:, 0] / model.box[0]
        held = sum(q * x[model.indices(name)].sum() for name, q in (("K", 1), ("Cl", -1)))
        # Sites are in eleven planes; for an odd sum of their numbers a difference of 1/11 remains.
        assert abs(held) < 0.1
        assert polarisation(model, state.positions) == pytest.approx(held)
    # An ion beyond the box's face counts at its periodic image inside the box.
    moved = state.positions + model.box
    assert polarisation(model, moved) == pytest.approx(held)


def test_starting_orientations_are_isotropic():
    model, state = start(tiny_point())
    dipoles = state.positions[model.waters[:, 1:]].mean(axis=1)
    dipoles -= state.positions[model.waters[:, 0]]
    dipoles /= np.linalg.norm(dipoles, axis=1)[:, None]
    # Each component of an isotropic unit vector has variance 1/3: five standard errors.
    assert np.abs(dipoles.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / len(dipoles))
    assert np.mean(dipoles**2, axis=0) == pytest.approx(
        [1 / 3] * 3, abs=5 * np.sqrt(4 / 45 / len(dipoles))
    )


def test_ions_start_outside_the_pore_also_of_a_short_box():
    """0.7 nm from the metal, and in a box of 2.07 nm 0.3 of its length."""
    for depth, least in ((3.0, 0.7), (0.7, 0.3 * (2 * 0.7 + 0.67))):
        raw = raw_point("equilibrate")
        raw["protocol"]["cell"] = {"reservoir_nm": depth, "repeats_y": 8, "repeats_z": 5}
        raw["protocol"]["dynamics"] = {"cutoff_nm": 0.6}
        model = build_model(state_point(raw))
        nearest = [
            np.abs(build_state(model, np.random.default_rng(seed)).positions[model.ions, 0]).min()
            for seed in range(4)
        ]
        assert least < min(nearest) < least + 0.33  # the next plane of the grid


def test_a_bulk_liquid_is_filled_evenly_and_its_ions_are_anywhere():
    model = free_model(12, 240, (2.0, 2.0, 2.0))
    state = build_state(model, np.random.default_rng(0))
    ions = state.positions[model.ions]
    assert np.abs(ions[:, 0]).min() < 0.3  # nothing keeps them from the middle
    apart = ions[:, None] - ions
    apart -= model.box * np.round(apart / model.box)
    nearest = np.linalg.norm(apart, axis=-1)[~np.eye(len(ions), dtype=bool)].min()
    assert nearest >= 0.4
    oxygen = state.positions[model.waters[:, 0]]
    assert (np.abs(oxygen) <= 1.01).all()
    for axis in range(3):
        halves = np.histogram(oxygen[:, axis], [-1.02, 0, 1.02])[0]
        assert abs(halves[0] - 120) < 5 * np.sqrt(60)


def test_as_many_molecules_as_fit_are_placed_and_more_are_refused():
    """The finest grid has a site every 0.205 nm: 6^3 in 1.3 nm."""
    full = free_model(0, 216, (1.3, 1.3, 1.3))
    state = build_state(full, np.random.default_rng(0))
    sites = state.positions[full.waters[:, 0]]
    assert len(np.unique(np.round(sites * 6 / 1.3 - 0.5), axis=0)) == 216
    with pytest.raises(RuntimeError, match="no room for 217 molecules"):
        build_state(free_model(0, 217, (1.3, 1.3, 1.3)), np.random.default_rng(0))
    # Ions that cannot be 0.5 nm apart are nearer, and all are placed.
    crowded = free_model(40, 10, (1.3, 1.3, 1.3))
    ions = build_state(crowded, np.random.default_rng(0)).positions[crowded.ions]
    assert len(np.unique(np.round(ions, 6), axis=0)) == 80


def test_sites_are_those_of_the_coarsest_grid_that_holds_them_jittered_by_a_hundredth():
    model = free_model(0, 60, (1.3, 1.3, 1.3))  # 4^3 sites, every 0.325 nm
    oxygen = build_state(model, np.random.default_rng(0)).positions[model.waters[:, 0]]
    grid = oxygen / 1.3 * 4 - 0.5
    off = (grid - np.round(grid)) * 1.3 / 4
    assert 0.005 < np.abs(off).max() <= 0.01
    assert np.round(grid).min() == -2 and np.round(grid).max() == 1


@pytest.mark.parametrize(("pairs", "apart"), [(8, 0.5), (24, 0.4)])
def test_ions_are_as_far_apart_as_there_is_room(pairs, apart):
    model = free_model(pairs, 10, (2.0, 2.0, 2.0))
    for seed in range(3):
        ions = build_state(model, np.random.default_rng(seed)).positions[model.ions]
        between = ions[:, None] - ions
        between -= model.box * np.round(between / model.box)
        nearest = np.linalg.norm(between, axis=-1)[~np.eye(len(ions), dtype=bool)].min()
        assert apart <= nearest < apart + 0.1


def test_of_a_short_box_ions_leave_three_tenths_about_the_membrane_free():
    """Planes of the grid every 0.25 nm: of 2 nm the first beyond 0.6 nm is at 0.625 nm."""
    model = free_model(3, 140, (2.0, 1.2, 1.3), membrane=(("Mo", 0.0, 0.0, 0.0),))
    nearest = [
        np.abs(build_state(model, np.random.default_rng(seed)).positions[model.ions, 0]).min()
        for seed in range(8)
    ]
    assert 0.614 < min(nearest) < 0.636 and max(nearest) < 1.0
