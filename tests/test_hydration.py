"""Hydration: planted shells and profiles, g(r) = 1 of an ideal gas, an empty pore."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import copy_studies, free_model
from planted import plant, planted_rows

from januspore.analysis.frames import frame_sums, kept_frames
from januspore.analysis.hydration import (
    BULK_FROM_NM,
    PROFILES,
    R_CENTRES,
    REGIONS,
    WINDOWS,
    bulk_oxygen_density,
    first_shell_nm,
    hydration_sums,
    pair_counts,
    profile_edges,
    regions,
    shell_counts,
    shell_volumes,
)
from januspore.analysis.store import write_arrays
from januspore.errors import InputError
from januspore.model.builder import build_state
from januspore.model.state import write_state
from januspore.model.system import build_model, water_geometry
from januspore.products import PRODUCTS
from januspore.products.hydration import coordination, density, pooled
from januspore.products.results import findings, product_table
from januspore.protocols import Recording
from januspore.run.initialise import init_command
from januspore.simulate.layout import trajectory
from januspore.space.dataspace import open_project, point_of

BOX = np.array([4.2, 1.6, 2.4])
OCTAHEDRON = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])
SHELL_NM = 0.28


def place(model, ions, oxygens):
    """Positions of a model with given sites; waters keep their shape."""
    positions = np.zeros((model.n_atoms, 3))
    positions[model.ions] = ions
    for k, oxygen in enumerate(oxygens):
        positions[model.waters[k]] = oxygen + water_geometry()
    return positions


def shells(ions):
    return np.concatenate([ion + SHELL_NM * OCTAHEDRON for ion in ions])


def test_a_planted_shell_of_six_is_six_in_every_region_and_across_faces():
    # K+ in the bulk at the box's corner and Cl- in the pore, each with six waters.
    ions = np.array([[2.09, 0.79, -1.19], [0.1, 0.0, 0.1]])
    model = free_model(1, 12, tuple(BOX))
    positions = place(model, ions, shells(ions))
    for shift in (0.0, BOX * [3, -2, 1]):  # unwrapped positions are the same
        frames = [(0.9, positions + shift), (-0.1, positions + shift)]
        sums = hydration_sums(frames, 1.2, model, Recording())
        assert sums["frames"].tolist() == [1, 0, 1]
        expected = np.zeros((2, len(REGIONS), WINDOWS))
        expected[0, REGIONS.index("bulk")] = expected[1, REGIONS.index("pore")] = [1, 0, 1]
        assert np.array_equal(sums["ions"], expected)
        assert np.array_equal(sums["shell"], 6 * expected)
        # Only the ion in the bulk enters g(r): six pairs in the bin of 0.28 nm, in each frame.
        assert sums["pairs"].sum(axis=1).tolist() == [12, 0]
        assert abs(R_CENTRES[np.argmax(sums["pairs"][0])] - SHELL_NM) < 0.011


def test_shells_agree_with_a_direct_search():
    rng = np.random.default_rng(0)
    ions, oxygen = rng.uniform(-6, 6, (20, 3)), rng.uniform(-6, 6, (300, 3))
    apart = ions[:, None] - oxygen
    apart -= BOX * np.round(apart / BOX)
    direct = (np.linalg.norm(apart, axis=2) < 0.39).sum(axis=1)
    assert np.array_equal(shell_counts(ions, oxygen, BOX, 0.39), direct)
    assert shell_counts(np.zeros((0, 3)), oxygen, BOX, 0.39).shape == (0,)
    assert pair_counts(np.zeros((0, 3)), oxygen, BOX).sum() == 0


def test_an_ideal_gas_has_g_of_one():
    rng, pairs, ideal = np.random.default_rng(1), 0.0, 0.0
    for _ in range(40):
        oxygen = rng.uniform(-0.5, 0.5, (500, 3)) * BOX
        ions = rng.uniform(-0.5, 0.5, (50, 3)) * BOX
        pairs = pairs + pair_counts(ions, oxygen, BOX)
        ideal = ideal + len(ions) * bulk_oxygen_density(oxygen, BOX) * shell_volumes()
    far = R_CENTRES > 0.3
    # At least 700 pairs in each of 30 bins have an error of 3.8 %, and the density one of 0.7 %.
    assert ideal[far].min() > 700
    assert (pairs / ideal)[far] == pytest.approx(1.0, abs=0.15)
    assert pairs[far].sum() / ideal[far].sum() == pytest.approx(1.0, abs=0.02)


def test_a_region_without_volume_has_no_density():
    assert np.isnan(bulk_oxygen_density(np.zeros((3, 3)), np.array([2 * BULK_FROM_NM, 2, 2])))


def test_regions_do_not_overlap():
    rng = np.random.default_rng(2)
    masks = regions(rng.uniform(-5, 5, (5000, 3)), BOX, Recording())
    assert masks.sum(axis=0).max() == 1 and masks.any(axis=1).all()
    at = np.array([[0.29, 0, 0], [0.31, 0, 0], [0.61, 0, 0], [1.1, 0, 0], [0.29, 0.5, 0]])
    where = regions(at, BOX, Recording())
    assert where.argmax(axis=0)[[0, 1, 3]].tolist() == [2, 1, 0]
    assert not where[:, [2, 4]].any()


def test_a_planted_density_profile_is_recovered():
    """Water has 30 /nm^3 for |x| > 0.5 and 0 elsewhere; K+ is at x > 0 only, Cl- at x < 0 only."""
    rng, seeds, frames = np.random.default_rng(3), 5, 8
    waters, ions = round(30 * (BOX[0] - 1.0) * BOX[1] * BOX[2]), 40
    model = free_model(ions, waters, tuple(BOX))
    parts = []
    for _ in range(seeds):
        shown = []
        for _ in range(frames):
            oxygen = rng.uniform(-0.5, 0.5, (waters, 3)) * BOX
            oxygen[:, 0] = rng.uniform(0.5, BOX[0] / 2, waters) * rng.choice([-1, 1], waters)
            both = rng.uniform(-0.5, 0.5, (2 * ions, 3)) * BOX
            both[:, 0] = rng.uniform(0, BOX[0] / 2, 2 * ions) * np.repeat([1, -1], ions)
            shown.append((0.0, place(model, both, oxygen)))
        parts.append(hydration_sums(shown, 1.2, model, Recording()))
    profile = np.stack([part["profile"] for part in parts])
    assert profile[:, 1:].sum() == 0  # all frames are at low field
    edges = profile_edges(BOX)
    centres = (edges[1:] + edges[:-1]) / 2
    counted = np.stack([part["profile_frames"] for part in parts])[:, 0]
    inside = (np.abs(centres) > 0.5 + edges[1] - edges[0]).nonzero()[0]
    water = density(profile[:, 0, 0], counted, edges, BOX)
    # Some 230 molecules in each of 66 bins have an error of 6.6 %.
    assert water.value[inside] == pytest.approx(30, rel=0.25)
    assert water.value[inside].mean() == pytest.approx(30, rel=0.03)
    assert (water.value[np.abs(centres) < 0.45] == 0).all()
    covered = (water.low[inside] <= 30) & (water.high[inside] >= 30)
    assert covered.mean() > 0.85
    K, Cl = (density(profile[:, 0, i], counted, edges, BOX).value for i in (1, 2))
    truth = ions / (BOX[0] / 2 * BOX[1] * BOX[2])
    assert K[centres > 0].mean() == pytest.approx(truth) and K[centres < 0].sum() == 0
    assert Cl[centres < 0].mean() == pytest.approx(truth) and Cl[centres > 0].sum() == 0


def test_the_interval_of_the_coordination_covers_a_planted_mean():
    """Ions have 6 or 7 waters in the first shell, on average 6.3."""
    covered, repeats = 0, 200
    for k in range(repeats):
        rng = np.random.default_rng(k)
        ions = np.zeros((5, 2, len(REGIONS), WINDOWS))
        ions[:, 0, 0] = rng.integers(5, 15, (5, WINDOWS))
        shell = 6 * ions + rng.binomial(ions.astype(int), 0.3)
        tables = pooled({"ions": ions, "shell": shell, "frames": np.ones((5, WINDOWS))})
        found = coordination(tables)
        covered += bool(found.low[0, 0, -1] <= 6.3 <= found.high[0, 0, -1])
        assert np.isnan(found.value[1, 2, -1])
    assert 0.91 <= covered / repeats <= 0.99


# --- frames and the product --------------------------------------------------------------------


def planted_space(space, ions_at=None, frames=3, arguments=()):
    """A data space whose sine jobs have frames of random positions with the first ions fixed."""
    copy_studies(space)
    init_command(list(arguments), space)
    project = open_project(space)
    for job in project.find_jobs({"protocol.name": "sine"}):
        point = point_of(job)
        rng, model = np.random.default_rng(job.statepoint["seed"]), build_model(point)
        rows = planted_rows(point, lambda e, r: 0.0, lambda e: 1.0, rng)
        plant(job, rows)
        (trajectory(job) / "frames").mkdir()
        for k in range(frames):
            state = build_state(model, rng)
            if ions_at is not None:
                state.positions[model.indices("K")[0]] = ions_at
            path = trajectory(job) / "frames" / f"{k * 2500:015d}.gsd"
            write_state(path, model, replace(state, step=k * 2500), job.id)
        write_arrays(Path(job.fn("hydration.h5")), frame_sums(job, point, model), {})
    return project


def make(project):
    jobs = list(project.find_jobs({"protocol.name": "sine"}))
    next(p for p in PRODUCTS if p.name == "hydration").run(*jobs)
    return product_table(project, "hydration"), findings(project)[-1][2]


def test_an_empty_pore_is_stated_with_a_bound(tmp_path):
    table, found = make(planted_space(tmp_path))
    assert "no K in the pore in 12 frames" in found["verdict"]
    assert found["waters about Cl, pore"] == "no Cl in the pore in 12 frames"
    rows = table[(table.region == "pore") & (table.quantity == "first-shell waters of an ion")]
    assert rows.value.isna().all() and rows.low.isna().all()
    any_field = rows[rows.field_high_V_per_nm - rows.field_low_V_per_nm > 1]
    assert any_field.statement.str.match("no (K|Cl) in the pore in 12 frames").all()
    ions = table[(table.region == "pore") & (table.quantity == "ions in the region")]
    # 3.689 is the 95 % Poisson bound of a zero count.
    assert ions.high.min() == pytest.approx(3.689 / 12, rel=1e-3) and (ions.low == 0).all()
    water = table[(table.quantity == "density along x") & (table.species == "water")]
    assert water.value.max() > 20
    figure = next(Path(tmp_path, "results", "hydration").rglob("hydration.png"))
    assert figure.stat().st_size > 10_000


def test_an_ion_in_the_pore_is_compared_with_the_bulk(tmp_path):
    found = make(planted_space(tmp_path, ions_at=(0.0, 0.0, 0.0)))[1]
    value, low, high = found["waters about K, pore"]
    assert low <= value <= high
    assert "fewer waters in the pore than in the bulk" in found["verdict"]
    assert "no Cl in the pore in 12 frames" in found["verdict"]


def test_missing_frames_and_a_single_seed_are_stated(tmp_path):
    found = make(planted_space(tmp_path / "a", frames=0))[1]
    assert "no K in the bulk in 0 frames" in found["verdict"]
    found = make(planted_space(tmp_path / "b", arguments=("--seeds", "0")))[1]
    assert "one seed gives no interval" in found["verdict"]


def test_frames_have_their_field_and_damaged_ones_are_left_out(tmp_path):
    project = planted_space(tmp_path, arguments=("--seeds", "0"))
    (job,) = project.find_jobs({"protocol.name": "sine"})
    point = point_of(job)
    fields = [field for field, _ in kept_frames(job, point)]
    omega = 2 * np.pi * point.protocol.frequency_GHz * 1e-3
    times = np.arange(3) * 2500 * point.protocol.dynamics.timestep_fs * 1e-3
    assert fields == pytest.approx(1.2 * np.sin(omega * times), abs=1e-9)
    path = sorted((trajectory(job) / "frames").iterdir())[1]
    path.write_bytes(path.read_bytes()[:-5000])
    assert len(list(kept_frames(job, point))) == 2


@pytest.mark.parametrize(("field", "which"), [(0.1, "low"), (-0.1, "low"), (1.0, "+"), (-1.0, "-")])
def test_profiles_are_separate_for_each_sign_of_the_field(field, which):
    model = free_model(1, 0, tuple(BOX))
    positions = np.array([[1.5, 0.0, 0.0], [-1.5, 0.0, 0.0]])  # K towards +x, Cl towards -x
    sums = hydration_sums([(field, positions)], 1.2, model, Recording())
    k = PROFILES.index(which)
    assert sums["profile_frames"].tolist() == [float(i == k) for i in range(len(PROFILES))]
    edges = profile_edges(model.box)
    for i, x in ((1, 1.5), (2, -1.5)):
        (bin_,) = np.flatnonzero(sums["profile"][k, i])
        assert edges[bin_] <= x <= edges[bin_ + 1]


@pytest.mark.parametrize(("ion", "inside", "outside"), [("K", 0.35, 0.37), ("Cl", 0.38, 0.40)])
def test_an_ion_s_first_shell_ends_at_its_own_radius(ion, inside, outside):
    """K+ has a smaller shell than Cl-: 0.36 and 0.39 nm (minima of the ion-O g(r), SPC/E)."""
    model = free_model(1, 2, tuple(BOX))
    positions = np.zeros((model.n_atoms, 3))
    positions[model.ions] = [2.5, 1.5, 1.5]  # both at the same position, with the same waters
    for molecule, r in zip(model.waters, (inside, outside), strict=True):
        positions[molecule] = [2.5 + r, 1.5, 1.5] + water_geometry()
    sums = hydration_sums([(0.0, positions)], 1.2, model, Recording())
    assert sums["shell"][list(model.ion_charges).index(ion)].sum() == 1


# --- known answers -----------------------------------------------------------------------------


def test_without_water_there_is_no_shell_and_a_species_without_a_radius_is_named():
    ions, none = np.zeros((2, 3)), np.zeros((0, 3))
    assert shell_counts(ions, none, BOX, 0.3).tolist() == [0, 0]
    assert pair_counts(ions, none, BOX).tolist() == [0.0] * 60
    with pytest.raises(InputError, match=r"species\.O has no first_shell_nm"):
        first_shell_nm("O")


def test_bins_of_g_and_of_profiles_by_hand():
    assert len(R_CENTRES) == 60 and R_CENTRES[0] == pytest.approx(0.005)
    assert shell_volumes().sum() == pytest.approx(4 / 3 * np.pi * 0.6**3)
    assert shell_volumes()[10] == pytest.approx(4 / 3 * np.pi * (0.11**3 - 0.10**3))
    at = profile_edges(np.array([4.2, 1.6, 2.4]))  # 21 bins of 0.2 nm, each of four
    assert len(at) == 85 and (at[0], at[-1]) == (-2.1, 2.1)
    assert np.diff(at) == pytest.approx(np.full(84, 0.05))


def test_the_bulk_s_density_is_its_molecules_over_its_volume():
    """4.2 nm long: 2.2 of it are farther than 1 nm from the metal."""
    oxygen = np.array([[1.01, 0, 0], [-1.01, 0, 0], [2.0, 0.5, 0], [0.99, 0, 0], [3.3, 0, 0]])
    assert bulk_oxygen_density(oxygen, BOX) == pytest.approx(3 / (2.2 * 1.6 * 2.4))


@pytest.mark.parametrize(
    ("field", "window"), [(0.0, 0), (0.39, 0), (-0.41, 1), (0.79, 1), (-0.81, 2)]
)
def test_frames_are_sorted_by_thirds_of_the_amplitude(field, window):
    model = free_model(1, 1, tuple(BOX))
    positions = np.full((model.n_atoms, 3), 1.5)
    sums = hydration_sums([(field, positions), (1.2, positions)], 1.2, model, Recording())
    wanted = [0.0, 0.0, 1.0]
    wanted[window] += 1
    assert sums["frames"].tolist() == wanted
    assert sums["ions"].sum(axis=(0, 1)).tolist() == [2 * n for n in wanted]


def test_what_uniform_water_would_give_is_counted_with_the_ions_in_the_bulk():
    """Two K+ in the bulk and one in the pore; each frame has its own density."""
    model = free_model(3, 5, tuple(BOX))
    ions = [[1.5, 0, 0], [-1.5, 0, 0], [0, 0, 0], [1.2, 0.5, 0], [0.7, 0.7, 0.7], [0.7, 0.7, -1]]
    frames = []
    for bulk in (4, 2):  # oxygens in the bulk
        oxygens = [[2.0, 0.1 * k, 0] for k in range(bulk)] + [[0.5, 0, 0]] * (5 - bulk)
        frames.append((0.0, place(model, np.array(ions), np.array(oxygens))))
    sums = hydration_sums(frames, 1.2, model, Recording())
    density = np.array([4, 2]).sum() / (2.2 * 1.6 * 2.4)
    assert sums["ideal"][0] == pytest.approx(2 * density * shell_volumes())
    assert sums["ideal"][1] == pytest.approx(1 * density * shell_volumes())
    assert sums["profile"][0, :, :].sum(axis=-1).tolist() == [10, 6, 6]


def test_a_mouth_is_never_shorter_than_the_pore_and_bulk_is_beyond_both():
    at = np.array([[0.55, 0, 0], [0.65, 0, 0], [0.55, 0.46, 0], [0.99, 0, 0], [1.01, 0, 0]])
    usual = regions(at, BOX, Recording())
    assert usual.T.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    long = regions(at, BOX, Recording(pore_half_length_nm=0.7))
    assert long.T.tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_waters_at_an_ion_s_own_place_and_across_faces_are_pairs():
    ions, oxygen = np.array([[2.0, 0.7, 0.0]]), np.array([[2.0, 0.7, 0.0], [-2.0, -0.7, 0.0]])
    assert shell_counts(ions, oxygen, BOX, 0.3).tolist() == [2]  # 0.2 and 0.2 nm across two faces
    found = pair_counts(ions, oxygen, BOX)
    assert found.sum() == 2 and found[0] == 1 and found[int(np.hypot(0.2, 0.2) / 0.01)] == 1
