"""The pore: neutral for every charge set, with its stated width, and nearest to its target."""

import numpy as np
import pytest
from helpers import CHARGE_SETS, raw_point
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from januspore.errors import InputError
from januspore.model.forcefield import MEMBRANE
from januspore.model.lattice import columns, unit_cell
from januspore.model.pore import TOLERANCE_NM, _circumcircles, _encloses, cut, find_pore
from januspore.model.system import build_membrane
from januspore.schema import state_point

# In steps of 0.01 nm: the search is cached, so repeats cost nothing.
diameters = st.integers(45, 150).map(lambda n: n / 100)
materials = st.sampled_from(["MoSSe", "MoS2"])


def sheet_after_cut(material, pore, repeats=(12, 8)):
    """Remaining sites of a sheet, relative to the pore's centre, and numbers of removed atoms."""
    yz, metal = columns(material, *repeats)
    box = unit_cell(material) * repeats
    stays = cut(yz, box, np.array(pore.centre_nm), pore.diameter_nm)
    delta = yz - pore.centre_nm
    delta -= box * np.round(delta / box)
    return delta[stays], int((~stays & metal).sum()), int((~stays & ~metal).sum())


def clear_radius(sites, centres):
    """Distance from each centre to the nearest site."""
    return np.linalg.norm(sites[None] - np.atleast_2d(centres)[:, None], axis=-1).min(axis=1)


def test_the_paper_s_pore_is_866_pm_wide_and_takes_five_formula_units():
    pore = find_pore("MoSSe", 0.85)
    assert pore.diameter_nm == pytest.approx(0.8656, abs=0.001)
    assert pore.formula_units == 5
    _, metals, pairs = sheet_after_cut("MoSSe", pore)
    assert (metals, pairs) == (5, 5)


@settings(max_examples=30)
@given(materials, diameters)
def test_no_site_is_left_inside_the_circle_and_the_cut_is_stoichiometric(material, diameter):
    pore = find_pore(material, diameter)
    sites, metals, pairs = sheet_after_cut(material, pore)
    # The definition allows edge sites to differ by the search's own tolerance.
    assert clear_radius(sites, (0.0, 0.0))[0] >= pore.diameter_nm / 2 - TOLERANCE_NM
    assert clear_radius(sites, (0.0, 0.0))[0] <= pore.diameter_nm / 2 + TOLERANCE_NM
    assert metals == pairs == pore.formula_units > 0


@settings(max_examples=30)
@given(materials, diameters, st.integers(0, 8))
def test_the_inscribed_circle_cannot_grow_by_moving(material, diameter, index):
    try:
        pore = find_pore(material, diameter, index)
    except InputError:
        assume(False)
    sites, *_ = sheet_after_cut(material, pore)
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    rings = np.repeat([0.002, 0.01, 0.03], 180)
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    moved = rings[:, None] * np.tile(around, (3, 1))
    assert clear_radius(sites, moved).max() <= pore.diameter_nm / 2 + TOLERANCE_NM


def brute_force_diameters(material, target, window):
    """Diameters of the neutral cuts near a target, found without the search's geometry.

    From every centre on a grid, sites are removed in order of their distance. Where equal numbers
    of metals and columns are removed, the circle is moved until it grows no more; it counts if
    exactly the removed sites are inside.
    """
    edge = unit_cell(material)
    yz, metal = columns(material, 9, 7)
    yz = yz - edge * [4, 3]
    axes = [np.linspace(0, e, n, endpoint=False) for e, n in zip(edge, (22, 38), strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    distance = np.linalg.norm(grid[:, None] - yz[None], axis=-1)
    order = np.argsort(distance, axis=1)[:, :60]
    radius = np.take_along_axis(distance, order, axis=1)
    balance = np.where(metal, 1, -1)[order].cumsum(axis=1)
    # A hole seems smaller away from its best centre, so the margin below the target is larger.
    near = (2 * radius > target - window - 0.06) & (2 * radius < target + window)
    best = {}
    for i, n in np.argwhere((balance == 0)[:, :-1] & near[:, 1:]):
        gone = frozenset(order[i, : n + 1].tolist())
        best[gone] = max(best.get(gone, (0.0, 0)), (radius[i, n + 1], i))
    found = []
    for gone, (_, i) in best.items():
        left = np.delete(yz, list(gone), axis=0)
        hole = minimize(
            lambda c, left=left: -clear_radius(left, c)[0],
            grid[i],
            method="Nelder-Mead",
            options={"initial_simplex": grid[i] + 0.004 * np.array([[0, 0], [1, 0], [0, 1]])},
        )
        inside = np.flatnonzero(np.linalg.norm(yz - hole.x, axis=1) < -hole.fun - TOLERANCE_NM)
        if set(inside.tolist()) == gone:
            found.append(-2 * hole.fun)
    return np.array(found)


@pytest.mark.parametrize("material", ["MoSSe", "MoS2"])
@pytest.mark.parametrize("target", [0.6, 0.85, 1.0])
def test_a_brute_force_search_finds_no_neutral_cut_nearer_to_the_target(material, target):
    chosen = find_pore(material, target).diameter_nm
    found = brute_force_diameters(material, target, abs(chosen - target) + 0.01)
    # Nelder-Mead stops some 1e-4 nm short of the optimum.
    assert np.abs(found - target).min() == pytest.approx(abs(chosen - target), abs=5e-4)


@pytest.mark.parametrize("charge_set", CHARGE_SETS)
@pytest.mark.parametrize("diameter", [0.6, 0.85, 1.0, 1.5])
def test_the_membrane_is_neutral_for_the_paper_s_charge_sets(charge_set, diameter):
    raw = raw_point(charge_set=charge_set)
    raw["protocol"]["cell"] = {"pore_diameter_nm": diameter}
    point = state_point(raw)
    types, positions, _, _ = build_membrane(point)
    charges = np.array([getattr(point.charge_set, name, 0.0) for name in MEMBRANE])
    assert abs(charges[types].sum()) < 1e-9
    tops, bottoms = (positions[:, 0] > 0.1).sum(), (positions[:, 0] < -0.1).sum()
    assert tops == bottoms == (types == 0).sum()


@settings(max_examples=20)
@given(materials, diameters, st.integers(6, 9), st.integers(4, 6))
def test_the_pore_stands_at_the_cell_s_centre_whatever_the_cell(material, diameter, n_y, n_z):
    name = "janus" if material == "MoSSe" else "MoS2"
    raw = raw_point(charge_set=name)
    raw["protocol"]["cell"] = {"repeats_y": n_y, "repeats_z": n_z, "pore_diameter_nm": diameter}
    raw["protocol"]["dynamics"] = {"cutoff_nm": 0.9}
    try:
        point = state_point(raw)
    except InputError:
        assume(False)
    _, positions, box, pore = build_membrane(point)
    assert len(positions) == 3 * (2 * n_y * n_z - pore.formula_units)
    yz = positions[:, 1:]
    assert (np.abs(yz) <= box / 2 + 1e-12).all()
    r = np.hypot(*yz.T)
    assert r.min() == pytest.approx(pore.diameter_nm / 2, abs=TOLERANCE_NM)


def test_cuts_are_ranked_and_distinct_and_the_list_ends_with_one_clear_line():
    seen = [find_pore("MoSSe", 0.85, i) for i in range(11)]
    gaps = [abs(p.diameter_nm - 0.85) for p in seen]
    assert np.all(np.diff(gaps) > -1e-5)
    assert len({(round(p.diameter_nm, 4), p.edge, p.formula_units) for p in seen}) == len(seen)
    with pytest.raises(InputError, match="pore_cut = 99"):
        find_pore("MoSSe", 0.85, 99)


def test_the_smallest_target_is_within_reach():
    with pytest.raises(InputError, match="pore_cut = 99: "):
        find_pore("MoSSe", 0.4, 99)


@pytest.mark.parametrize("diameter", [0.1, 0.39, 3.1, 50.0])
def test_targets_out_of_reach_are_refused(diameter):
    with pytest.raises(InputError, match="pore_diameter_nm"):
        find_pore("MoSSe", diameter)


# --- known answers -----------------------------------------------------------------------------


def test_circles_through_three_sites_by_hand():
    triples = np.array(
        [
            [[0, 0], [2, 0], [0, 2]],  # right-angled: the centre lies on a side
            [[1, 1], [4, 1], [2.5, 1 + 1.5 * 3**0.5]],  # equilateral
            [[0, 0], [4, 0], [2, 0.5]],  # obtuse: the circle could grow
            [[0, 0], [1, 1], [3, 3]],  # no circle
        ]
    ).astype(float)
    centre, radius = _circumcircles(triples)
    assert centre[0] == pytest.approx([1, 1]) and radius[0] == pytest.approx(2**0.5)
    assert centre[1] == pytest.approx([2.5, 1 + 3**0.5 / 2]) and radius[1] == pytest.approx(3**0.5)
    for k in range(3):
        assert np.linalg.norm(triples[k] - centre[k], axis=1) == pytest.approx([radius[k]] * 3)
    assert np.isinf(radius[3])
    assert _encloses(triples[:3], centre[:3]).tolist() == [True, True, False]


def test_a_cut_takes_the_sites_within_the_circle_in_a_periodic_sheet():
    yz = np.array([[0.1, 0.0], [1.9, 1.9], [0.499, 0.1], [0.62, 0.1], [0.1, 1.61], [1.0, 1.0]])
    stays = cut(yz, np.array([2.0, 2.0]), np.array([0.1, 0.1]), 1.0)
    # About (0.1, 0.1), radius 0.5 less the tolerance: the fifth is 0.49 away across a face.
    assert stays.tolist() == [False, False, False, True, False, True]
    at_edge = np.array([[0.6 - 0.0005, 0.1], [0.6 - 0.0015, 0.1]])
    assert cut(at_edge, np.array([2.0, 2.0]), np.array([0.1, 0.1]), 1.0).tolist() == [True, False]


@pytest.mark.parametrize("material", ["MoSSe", "MoS2"])
def test_every_cut_within_the_window_is_listed_whatever_the_target(material):
    """Cuts seen from targets on either side are those of the target between them."""

    def listed(target):
        found = []
        while True:
            try:
                found.append(find_pore(material, target, len(found)))
            except InputError as error:
                assert f"has {len(found)} neutral cuts within 0.15 nm" in str(error)
                return {(round(p.diameter_nm, 4), p.formula_units, p.edge) for p in found}

    here, below, above = (listed(target) for target in (0.85, 0.75, 0.95))
    assert all(abs(d - 0.85) < 0.15 for d, _, _ in here)
    assert {p for p in below | above if abs(p[0] - 0.85) < 0.149} == {
        p for p in here if abs(p[0] - 0.85) < 0.149
    }
    assert find_pore(material, 0.85) == find_pore(material, 0.85, 0)


def test_an_edge_names_the_sites_that_the_circle_touches():
    for index in range(6):
        pore = find_pore("MoSSe", 0.85, index)
        yz, metal = columns("MoSSe", 12, 8)
        box = unit_cell("MoSSe") * [12, 8]
        delta = yz - pore.centre_nm
        distance = np.hypot(*(delta - box * np.round(delta / box)).T)
        touched = np.abs(distance - pore.diameter_nm / 2) <= TOLERANCE_NM
        metals, pairs = (touched & metal).sum(), (touched & ~metal).sum()
        assert pore.edge == f"{metals}Mo+{pairs}X" and metals + pairs >= 2
        centre = np.array(pore.centre_nm)
        assert (centre > -1e-9).all() and (centre < unit_cell("MoSSe")).all()
