"""Observables recovered from trajectories with known currents, crossings and order."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from helpers import free_model
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import i0, i1

from januspore.engines.step_by_step import sample_of
from januspore.engines.stretch import Observed
from januspore.model.state import State
from januspore.model.system import water_geometry
from januspore.protocols import Recording
from januspore.simulate.observables import (
    crossings,
    dipole_orientation,
    in_pore,
    reservoir_index,
    slab_displacement,
    wrap,
)
from januspore.simulate.record import HELD
from januspore.simulate.recorder import Recorder
from januspore.units import BOLTZMANN, E_PER_PS

EDGE, GATE, HALF = 4.0, 0.3, 0.35
coordinates = st.floats(-40, 40)


@given(coordinates, st.floats(0.5, 9))
def test_wrapping_moves_by_whole_edges_into_the_half_open_cell(x, edge):
    wrapped = wrap(np.array([x]), edge)[0]
    assert -edge / 2 <= wrapped <= edge / 2  # the upper face is reached only by rounding
    assert (x - wrapped) / edge == pytest.approx(round((x - wrapped) / edge), abs=1e-9)


# --- the pore slab -----------------------------------------------------------------------------


@given(coordinates, st.lists(st.floats(-1.9, 1.9), min_size=1, max_size=30))
def test_slab_displacements_depend_on_the_ends_of_the_path_only(start, steps):
    """For any path between the same ends; a full passage adds the length of the slab."""
    x = start + np.concatenate([[0.0], np.cumsum(steps)])
    parts = slab_displacement(x[:-1], np.diff(x), EDGE, HALF)

    def passed(at):
        image = np.floor(at / EDGE + 0.5)
        return 2 * HALF * image + np.clip(at - EDGE * image, -HALF, HALF)

    assert parts.sum() == pytest.approx(passed(x[-1]) - passed(x[0]), abs=1e-9)


@given(coordinates, st.floats(-1.9, 1.9))
def test_slab_displacement_is_odd_bounded_and_the_same_in_every_image(x, dx):
    def part(a, b):
        return slab_displacement(np.array([a]), np.array([b]), EDGE, HALF)[0]

    assert part(x, dx) * dx >= -1e-12
    assert abs(part(x, dx)) <= min(abs(dx), 2 * HALF) + 1e-12
    assert part(x + dx, -dx) == pytest.approx(-part(x, dx), abs=1e-9)
    assert part(x + 3 * EDGE, dx) == pytest.approx(part(x, dx), abs=1e-9)


def test_a_slab_as_wide_as_the_box_is_the_whole_cell():
    rng = np.random.default_rng(0)
    x, dx = rng.uniform(-20, 20, 1000), rng.uniform(-1.9, 1.9, 1000)
    assert slab_displacement(x, dx, EDGE, EDGE / 2) == pytest.approx(dx, abs=1e-12)


# --- crossings ---------------------------------------------------------------------------------


def counted(path):
    """Crossings (forward, backward) along one ion's unwrapped path."""
    reservoir = reservoir_index(np.array(path[:1]), EDGE, GATE, np.array([np.nan]))
    total = np.zeros(2, dtype=int)
    for x in path[1:]:
        following = reservoir_index(np.array([x]), EDGE, GATE, reservoir)
        total += crossings(reservoir, following)
        reservoir = following
    return tuple(total.tolist())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([-1.0, -0.2, 0.2, 1.0], (1, 0)),
        ([1.0, 0.2, -0.2, -1.0], (0, 1)),
        ([-1.0, -0.2, 0.1, -0.2, -1.0], (0, 0)),  # enters and turns back
        ([-1.0, -0.2, 0.2, 0.31, 0.29, 0.31, 0.1, 0.5], (1, 0)),  # recrosses the far gate
        ([-1.0, -0.31, -0.29, -0.31, -0.29, 0.0, 1.0], (1, 0)),  # recrosses the near gate
        ([-1.0, 1.0, -1.0, 1.0], (2, 1)),  # forward, back and forward, at coarse samples
        ([0.0, 0.5], (0, 0)),  # starts in the pore, so it has not crossed before
        ([0.0, 0.5, 0.0, -0.5], (0, 1)),
        ([1.0, 1.9, 2.1, 3.0, 1.5], (0, 0)),  # wraps through the box's face and back
        ([1.0, 2.0, 3.0, 3.9, 4.1, 5.0], (1, 0)),  # passes the box's face, then an image
        ([1.0, -1.0, -2.1, -3.9, -4.2, -5.0, -9.0], (0, 3)),
    ],
)
def test_crossings_of_given_paths_are_counted(path, expected):
    assert counted(path) == expected
    assert counted([x + 7 * EDGE for x in path]) == expected
    assert counted([-x for x in path]) == expected[::-1]


@given(coordinates, st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=60))
def test_net_crossings_equal_the_membranes_between_first_and_last_reservoir(start, steps):
    path = [start, *(start + np.cumsum(steps))]
    visited = [np.floor(x / EDGE) for x in path if abs(wrap(np.array([x]), EDGE)[0]) > GATE]
    forward, backward = counted(path)
    net = visited[-1] - visited[0] if visited else 0
    assert forward - backward == net


def test_a_pair_of_crossings_in_one_sample_is_two():
    assert crossings(np.array([0.0, 1.0]), np.array([2.0, np.nan])) == (2, 0)


# --- regions and angles ------------------------------------------------------------------------


def test_the_pore_is_a_cylinder_about_the_axis_in_every_image():
    box = np.array([4.0, 3.0, 3.5])
    rng = np.random.default_rng(1)
    inside = np.column_stack(
        [rng.uniform(-0.29, 0.29, 500), *(rng.uniform(-0.31, 0.31, 500) for _ in range(2))]
    )
    images = rng.integers(-3, 4, (500, 3)) * box
    assert in_pore(inside + images, box, 0.3, 0.45).all()
    for outside in ([0.31, 0, 0], [-0.31, 0, 0], [0, 0.46, 0], [0, 0.33, -0.33], [2.0, 0, 0]):
        assert not in_pore(np.array([outside]) + images, box, 0.3, 0.45).any()
    # The fraction of the cylinder in the square prism around it is pi / 4.
    square = rng.uniform(-0.45, 0.45, (40_000, 3))
    part = in_pore(square, box, 0.45, 0.45).mean()
    assert part == pytest.approx(np.pi / 4, abs=5 * np.sqrt(np.pi / 4 * (1 - np.pi / 4) / 40_000))


def water_along(directions):
    """Oxygens and hydrogens of SPC/E waters whose dipoles point along unit vectors."""
    rng = np.random.default_rng(2)
    x = directions / np.linalg.norm(directions, axis=1)[:, None]
    y = np.cross(x, rng.normal(size=x.shape))
    y /= np.linalg.norm(y, axis=1)[:, None]
    axes = np.stack([x, y, np.cross(x, y)], axis=-1)
    atoms = np.einsum("nij,kj->nki", axes, water_geometry())
    place = rng.normal(scale=10.0, size=(len(x), 1, 3))
    return (atoms + place)[:, 0], (atoms + place)[:, 1:]


@given(st.floats(-np.pi + 1e-6, np.pi), st.floats(0.01, 1.0))
def test_theta_is_the_projected_dipole_s_angle_to_x(theta, planar):
    direction = np.array([[np.cos(theta), np.sin(theta), 0.0]]) * planar
    direction[0, 2] = np.sqrt(1 - planar**2)
    angle, cosine = dipole_orientation(*water_along(direction))
    assert np.cos(angle[0] - theta) == pytest.approx(1.0, abs=1e-9)
    assert cosine[0] == pytest.approx(planar * np.cos(theta), abs=1e-9)


@pytest.mark.parametrize(("mu", "kappa"), [(0.0, 4.0), (np.pi, 1.5), (-2.0, 20.0)])
def test_a_planted_von_mises_distribution_is_recovered(mu, kappa):
    n = 20_000
    theta = np.random.default_rng(3).vonmises(mu, kappa, n)
    z = np.random.default_rng(4).normal(size=n)
    measured, _ = dipole_orientation(
        *water_along(np.column_stack([np.cos(theta), np.sin(theta), z]))
    )
    ratio = i1(kappa) / i0(kappa)
    # The means of cos(theta - mu) and sin(theta - mu) within five standard errors.
    cosine, sine = np.cos(measured - mu), np.sin(measured - mu)
    assert cosine.mean() == pytest.approx(ratio, abs=5 * cosine.std() / np.sqrt(n))
    assert sine.mean() == pytest.approx(0.0, abs=5 * sine.std() / np.sqrt(n))


# --- the recorder with a given trajectory ------------------------------------------------------


@dataclass
class Player:
    """An engine that returns given positions and velocities, one frame per step."""

    frames: list
    steps_per_frame: int = 50
    at: int = 0
    energies: list = field(default_factory=list)

    @property
    def step(self):
        return self.at * self.steps_per_frame

    def observe(self, energies):
        now = self.frames[self.at]
        if not energies:
            return Observed(now)
        self.energies.append(self.step)
        return Observed(now, np.full_like(now, 0.1), -float(self.step))


def record(model, frames, recording=None, restart_at=(), held=None):
    """Rows of a given trajectory; at the frames `restart_at` the recorder is restarted."""
    recording = recording or Recording(
        sample_interval_ps=0.1, energy_interval_ps=0.3, slab_half_width_nm=HALF
    )
    player = Player(frames)
    zero = np.zeros_like(frames[0])
    recorder, rows = Recorder(model, recording, 0.002, held), []
    recorder.begin(State(frames[0], zero, model.box))
    for player.at in range(1, len(frames)):
        recorder.sample(sample_of(player, 0.5, recorder.energy_steps))
        if player.at in restart_at:
            rows.append(recorder.drain())
            state = State(frames[player.at], zero, model.box, player.step, carry=recorder.carry())
            recorder = Recorder(model, recording, 0.002, held)
            recorder.begin(state)
    rows.append(recorder.drain())
    names = rows[0].columns
    return {name: np.concatenate([r[name] for r in rows]) for name in names}


def drifting(model, speed_K, speed_Cl, noise, samples, seed=0):
    """Ions that drift along x at given speeds (nm per sample), with Gaussian noise."""
    rng = np.random.default_rng(seed)
    steps = np.zeros((samples, model.n_atoms, 3))
    for name, speed in (("K", speed_K), ("Cl", speed_Cl)):
        ions = model.indices(name)
        steps[:, ions] = rng.normal(scale=noise, size=(samples, len(ions), 3))
        steps[:, ions, 0] += speed
    start = rng.uniform(-0.5, 0.5, (model.n_atoms, 3)) * model.box
    return list(start + np.concatenate([np.zeros((1, *start.shape)), steps.cumsum(axis=0)]))


IONS = free_model(20, 0, (EDGE, 3.0, 3.0))


def test_planted_currents_are_recovered_from_the_whole_cell_and_from_the_slab():
    speed_K, speed_Cl, noise, samples, dt = 0.010, -0.006, 0.02, 1500, 0.1
    rows = record(IONS, drifting(IONS, speed_K, speed_Cl, noise, samples))
    for name, q, speed in (("K", 1, speed_K), ("Cl", -1, speed_Cl)):
        true = q * 20 * speed / (EDGE * dt) * E_PER_PS  # nA
        cell = rows[f"{name}_cell_e_nm"] / (EDGE * dt) * E_PER_PS
        error = 20**0.5 * noise / (EDGE * dt) * E_PER_PS / samples**0.5
        assert cell.mean() == pytest.approx(true, abs=5 * error)
        slab = rows[f"{name}_slab_e_nm"] / (2 * HALF * dt) * E_PER_PS
        # The slab counts passages, which differ from the drift by a fraction of a passage of each
        # ion at either end, sqrt(20) x 2 w in all, and by the noise of the path.
        ends = 20**0.5 * 2 * HALF / (2 * HALF * dt) * E_PER_PS / samples
        assert slab.mean() == pytest.approx(true, abs=5 * np.hypot(error, ends))
        assert slab.std() > 1.5 * cell.std()  # only ions in the slab count


def test_crossings_over_a_long_drift_are_the_membranes_passed():
    frames = drifting(IONS, 0.04, -0.04, 0.05, 1200)
    rows = record(IONS, frames)
    for name in ("K", "Cl"):
        x = np.array([f[IONS.indices(name), 0] for f in frames])
        clear = np.abs(wrap(x, EDGE)) > GATE
        image = np.floor(x / EDGE)
        first = [image[np.argmax(c), i] for i, c in enumerate(clear.T)]
        last = [image[len(c) - 1 - np.argmax(c[::-1]), i] for i, c in enumerate(clear.T)]
        net = int(rows[f"{name}_forward"].sum() - rows[f"{name}_backward"].sum())
        assert net == int(np.subtract(last, first).sum())
        assert abs(net) > 100
    assert rows["K_forward"].sum() > rows["K_backward"].sum()


def test_whole_cell_charge_depends_on_the_ends_of_the_path_only():
    frames = drifting(IONS, 0.3, 0.3, 0.1, 200)
    rows = record(IONS, frames)
    for name, q in (("K", 1), ("Cl", -1)):
        ions = IONS.indices(name)
        moved = q * (frames[-1][ions, 0] - frames[0][ions, 0]).sum()
        assert rows[f"{name}_cell_e_nm"].sum() == pytest.approx(moved, rel=1e-12)


def test_a_restart_in_the_middle_of_a_crossing_changes_no_row():
    frames = drifting(IONS, 0.05, -0.05, 0.05, 300)
    straight = record(IONS, frames)
    stopped = record(IONS, frames, restart_at=range(1, 300, 3))
    assert straight["K_forward"].sum() > 10
    for name, column in straight.items():
        assert np.array_equal(stopped[name], column, equal_nan=True), name


def test_rows_have_steps_times_fields_and_energies_at_their_intervals():
    rows = record(IONS, drifting(IONS, 0, 0, 0.01, 12))
    assert rows["step"].tolist() == [50 * k for k in range(1, 13)]
    assert rows["time_ps"] == pytest.approx(0.1 * np.arange(1, 13))
    assert (rows["field_V_per_nm"] == 0.5).all()
    taken = np.isfinite(rows["potential_kJ_per_mol"])
    assert rows["step"][taken].tolist() == [150, 300, 450, 600]
    assert (rows["potential_kJ_per_mol"][taken] == -rows["step"][taken]).all()
    for name in ("T_trans_K", "T_rot_K"):
        assert np.isfinite(rows[name]).tolist() == taken.tolist()
    heat = (IONS.mass[IONS.ions] * 3 * 0.1**2).mean() / (3 * BOLTZMANN)
    assert rows["T_trans_K"][taken] == pytest.approx(heat)


def test_velocities_and_energies_are_read_at_their_interval_only():
    """On a GPU a transfer or a force evaluation costs more than the rest of a sample."""
    player = Player(drifting(IONS, 0, 0, 0.01, 12))
    recorder = Recorder(IONS, Recording(sample_interval_ps=0.1, energy_interval_ps=0.3), 0.002)
    recorder.begin(State(player.frames[0], np.zeros_like(player.frames[0]), IONS.box))
    for player.at in range(1, 13):
        recorder.sample(sample_of(player, 0.5, recorder.energy_steps))
    assert player.energies == [150, 300, 450, 600]


def test_waters_in_the_pore_give_one_angle_each_in_order():
    model = free_model(0, 60, (EDGE, 3.0, 3.0))
    rng = np.random.default_rng(6)
    frames, planted = [], []
    for _ in range(30):
        directions = rng.normal(size=(60, 3))
        oxygen, hydrogens = water_along(directions)
        target = rng.uniform(-0.5, 0.5, (60, 3)) * [EDGE, 1.0, 1.0]
        atoms = np.concatenate([oxygen[:, None], hydrogens], axis=1)
        atoms += (target - oxygen)[:, None]
        frames.append(atoms.reshape(-1, 3))
        inside = (np.abs(target[:, 0]) < 0.3) & (np.hypot(target[:, 1], target[:, 2]) < 0.45)
        planted.append(np.arctan2(directions[inside, 1], directions[inside, 0]))
        middle = (np.abs(target[:, 0]) > EDGE / 2 - 0.4).sum()
        planted[-1] = (planted[-1], middle)
    rows = record(model, frames)
    assert rows["water_in_pore"].tolist() == [len(p) for p, _ in planted[1:]]
    assert rows["water_in_bulk"].tolist() == [m for _, m in planted[1:]]
    assert len(rows["theta_rad"]) == len(rows["cos_dipole"]) == rows["water_in_pore"].sum() > 50
    # Angles are stored in single precision.
    assert rows["theta_rad"] == pytest.approx(np.concatenate([p for p, _ in planted[1:]]), abs=1e-6)


def test_ions_in_the_pore_are_counted_where_they_are():
    model = free_model(3, 0, (EDGE, 3.0, 3.0))
    places = np.array(
        [[0, 0, 0], [0.2, 0.1, 3.0], [0.4, 0, 0], [4.0, 0, 0], [0, 0.5, 0], [2, 0, 0]]
    )
    rows = record(model, [places.astype(float)] * 2)
    assert (rows["K_in_pore"].tolist(), rows["Cl_in_pore"].tolist()) == ([2], [1])


class Steered:
    """A held ion with the attributes that the recorder uses."""

    def __init__(self, model):
        self.atom = int(model.indices("Cl")[0])

    def begin(self, state):
        pass

    def carry(self):
        return {}

    def columns(self, positions, *_):
        return dict.fromkeys(HELD, 0)


def test_a_held_ion_is_in_no_current_crossing_or_count():
    frames = drifting(IONS, 0.02, -0.02, 0.03, 600)
    held = Steered(IONS)
    # The tether moves its ion through the pore and back four times.
    there = np.interp(np.arange(601) % 150, [0, 75, 150], [-0.7, 0.7, -0.7])
    for frame, x in zip(frames, there, strict=True):
        frame[held.atom] = [x, 0.0, 0.0]
    steered = record(IONS, frames, held=held)
    away = [frame.copy() for frame in frames]
    for frame in away:
        frame[held.atom] = [EDGE / 2, 0.0, 0.0]
    alone = record(IONS, away)
    assert record(IONS, frames)["Cl_forward"].sum() == alone["Cl_forward"].sum() + 4
    for name, column in alone.items():
        assert np.array_equal(steered[name], column, equal_nan=True), name


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_that_are_not_finite_are_never_recorded(value):
    frames = drifting(IONS, 0, 0, 0.01, 3)
    frames[2][7, 1] = value
    with pytest.raises(FloatingPointError, match="step 100"):
        record(IONS, frames)
