"""Mean force on free ions from frames: planted forces, counts, selection of frames and ions."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import free_model, thermal_state, tiny_point

from januspore.analysis.free_ions import (
    EDGES_NM,
    conditional_means,
    free_ion_sums,
    free_ions,
    held_field,
    held_frames,
    job_sums,
)
from januspore.engines import Resources
from januspore.engines.force_parts import PARTS, ForceParts
from januspore.model.state import write_state
from januspore.protocols.field import held_fields
from januspore.simulate import layout
from januspore.units import VOLT_PER_NM

BOX = np.array([4.0, 2.0, 2.0])
EDGES = np.linspace(-1.0, 1.0, 5)
FIELDS = np.array([0.3, 0.7])
IONS = np.array([2, 3])
FIELD_PART = PARTS.index("field")


class Planted:
    """Forces that are known functions of x, with noise that cancels between two parts."""

    def __init__(self, noise=0.0):
        self.rng = np.random.default_rng(0)
        self.noise = noise
        self.calls = 0

    def along_x(self, positions, atoms, field):
        self.calls += 1
        x = positions[atoms, 0]
        common, own = self.rng.normal(size=(2, len(atoms)))
        parts = {name: np.zeros(len(atoms)) for name in PARTS}
        parts["water_electrostatic"] = 100 * x + self.noise * common
        parts["membrane_electrostatic"] = -50 * x - self.noise * common
        parts["ions"] = 0.1 * self.noise * own
        parts["field"] = np.full(len(atoms), field)
        return parts


def frame(*places):
    """Two atoms that are no ions, then ions at these places."""
    return np.array([(0.1, 0.0, 0.0), (0.1, 0.0, 0.0), *places], dtype=float)


def summed(frames, forces=None, radius=0.4, ions=IONS):
    return free_ion_sums(frames, FIELDS, EDGES, radius, ions, BOX, forces or Planted())


# --- forces ------------------------------------------------------------------------------------


def test_a_planted_force_is_found_within_its_error_and_parts_sum_to_the_total():
    rng = np.random.default_rng(3)
    frames = [(0.7, frame((rng.uniform(-1, 1), 0.1, 0), (1.9, 0, 0))) for _ in range(2000)]
    means = conditional_means(summed(frames, Planted(noise=200.0)), 10)
    centres = (EDGES[1:] + EDGES[:-1]) / 2
    force, error = means["force"][1], means["force_error"][1]
    expected = np.zeros((4, len(PARTS)))
    expected[:, PARTS.index("water_electrostatic")] = 100 * centres
    expected[:, PARTS.index("membrane_electrostatic")] = -50 * centres
    expected[:, FIELD_PART] = 0.7
    assert (np.abs(force - expected) <= 4 * error + 1e-9).all()
    assert means["total"][1] == pytest.approx(force.sum(axis=-1))
    # The noise of 200 is in two parts and cancels in their sum except for a tenth.
    assert error[:, PARTS.index("water_electrostatic")] == pytest.approx(9.0, rel=0.2)
    assert means["total_error"][1] == pytest.approx(1.0, rel=0.2)
    assert np.isnan(means["total"][0]).all()


def test_a_field_alone_on_real_ions_is_q_e():
    model = free_model(3, 0, (1.3, 1.3, 1.3))
    model = replace(model, charge=model.charge * 1e-9, epsilon=np.zeros(model.n_atoms))
    forces = ForceParts(model, Resources("openmm", "Reference"))
    frames = [(0.7, thermal_state(model, seed).positions) for seed in range(5)]
    edges, potassium = np.array([-0.65, 0.65]), model.indices("K")
    sums = free_ion_sums(frames, FIELDS, edges, 2.0, potassium, model.box, forces)
    assert sums["visits"][1] == [15]
    found = conditional_means(sums, 2)["total"][1]
    assert found == pytest.approx([0.7e-9 * VOLT_PER_NM], rel=1e-6)


# --- what is counted ---------------------------------------------------------------------------


def test_visits_of_the_chosen_ions_within_the_cylinder_are_counted_by_bin():
    frames = [
        (0.3, frame((-0.9, 0, 0), (-0.6, 0.3, 0.2))),  # both in the first bin
        (0.3, frame((0.0, 0.3, 0.3), (0.1, 0, 0.39))),  # one outside the cylinder
        (0.3, frame((1.0, 0, 0), (-1.01, 0, 0))),  # both beyond the bins
        (0.3, frame((0.1 + 4.0, 2.0, -4.0), (3.4, 0, 0))),  # images: 0.1 and -0.6
        (0.5, frame((0.1, 0, 0), (0.1, 0, 0))),  # a field not asked for
    ]
    forces = Planted()
    sums = summed(frames, forces)
    assert sums["frames"].tolist() == [4, 0]
    assert sums["visits"][0].tolist() == [3, 0, 2, 0]
    assert sums["visited_frames"][0].tolist() == [2, 0, 2, 0]
    assert not sums["visits"][1].any()
    assert sums["force"][0, :, FIELD_PART] == pytest.approx([0.9, 0.0, 0.6, 0.0])
    assert sums["square"][0, :, FIELD_PART] == pytest.approx([0.27, 0.0, 0.18, 0.0])
    # Forces are not evaluated for frames without a visit.
    assert forces.calls == 3
    assert summed(frames, ions=IONS[1:])["visits"][0].tolist() == [2, 0, 1, 0]


def test_bins_with_too_few_visits_are_empty_and_others_are_not():
    inside, elsewhere = (-0.9, 0, 0), (1.9, 0, 0)
    frames = [(0.3, frame(inside, inside))] * 4 + [(0.3, frame((0.1, 0, 0), elsewhere))] * 5
    sums = summed(frames)
    means = conditional_means(sums, 5)
    # There are eight visits, but only in four frames.
    assert sums["visits"][0].tolist() == [8, 0, 5, 0]
    assert np.isfinite(means["total"][0]).tolist() == [False, False, True, False]
    assert np.isfinite(means["total_error"][0]).tolist() == [False, False, True, False]
    assert np.isnan(means["force"][0, [0, 1, 3]]).all()
    # One visit gives no error, so it gives no mean either.
    assert np.isnan(conditional_means(summed(frames[-1:]), 1)["total"]).all()


def test_sums_of_jobs_add():
    rng = np.random.default_rng(1)
    frames = [(0.3, frame(*rng.uniform(-1, 1, (2, 3)))) for _ in range(20)]
    whole, one, other = summed(frames), summed(frames[:7]), summed(frames[7:])
    for key, values in whole.items():
        assert one[key] + other[key] == pytest.approx(values)


# --- which frames and ions ---------------------------------------------------------------------


def test_a_field_counts_as_held_after_the_settling_time():
    protocol = tiny_point("staircase", holds_V_per_nm=[0.1, 0.5], hold_ps=10.0).protocol
    programme = protocol.programme()
    told = {t: held_field(programme, t, 4.0) for t in (0.0, 3.9, 4.0, 10.0, 13.0, 14.0, 20.0, 40.0)}
    expected = [None, None, 0.1, 0.1, None, 0.5, 0.5, 0.1]
    assert list(told.values()) == expected
    assert held_field(programme, 0.0, 0.0) is None
    assert held_fields(programme).tolist() == [0.1, 0.5]
    # A sine's field is never held.
    assert held_field(tiny_point("sine").protocol.programme(), 50.0, 0.0) is None


def test_the_held_ion_of_a_barrier_is_left_out():
    model = free_model(3, 0, (1.3, 1.3, 1.3))
    barrier, staircase = tiny_point("barrier").protocol, tiny_point("staircase").protocol
    assert free_ions(barrier, model, "Cl").tolist() == [4, 5]
    assert free_ions(barrier, model, "K").tolist() == [0, 1, 2]
    assert free_ions(staircase, model, "Cl").tolist() == [3, 4, 5]
    assert held_fields(barrier.programme()).tolist() == [0.3, 0.5]


def job_with_frames(path, model, state, times_ps):
    """A job, 2 fs a step, with a frame of one configuration at each time."""
    job = SimpleNamespace(id="j", path=str(path), fn=lambda name: str(path / name))
    layout.frame(job, 0).parent.mkdir(parents=True)
    for time_ps in times_ps:
        step = round(time_ps / 0.002)
        write_state(layout.frame(job, step), model, replace(state, step=step), "j")
    return job


def test_a_job_s_frames_come_with_the_field_they_were_held_at(tmp_path):
    point = tiny_point("staircase", holds_V_per_nm=[0.1, 0.5], hold_ps=10.0)
    model = free_model(1, 0, (1.3, 1.3, 1.3))
    state = thermal_state(model)
    job = job_with_frames(tmp_path, model, state, (0.0, 2.0, 10.0, 18.0))
    found = list(held_frames(job, point, 5.0))
    assert [field for field, _ in found] == [0.1, 0.5]
    assert np.array_equal(found[0][1], state.positions)


# --- known answers -----------------------------------------------------------------------------


def test_means_and_errors_of_three_visits_by_hand():
    """Forces of 1, 2 and 6 kJ/mol/nm: spread of the visits over the independent frames but one."""
    shape = 1, 1, len(PARTS)
    force, square = np.zeros(shape), np.zeros(shape)
    force[..., 0], square[..., 0] = 9.0, 41.0
    force[..., 1], square[..., 1] = 3.0, 3.0
    sums = {
        "visits": np.full((1, 1), 3.0),
        "visited_frames": np.full((1, 1), 3.0),
        "force": force,
        "square": square,
        "total_square": np.full((1, 1), 4.0 + 9.0 + 49.0),
    }
    found = conditional_means(sums, 2)
    assert found["force"][0, 0, :3] == pytest.approx([3.0, 1.0, 0.0])
    assert found["force_error"][0, 0, :3] == pytest.approx([np.std([1, 2, 6]) / 2**0.5, 0.0, 0.0])
    assert found["total"] == pytest.approx(4.0)
    assert found["total_error"] == pytest.approx(np.std([2, 3, 7]) / 2**0.5)
    # Ions that are there together count as one.
    together = conditional_means(sums | {"visited_frames": np.full((1, 1), 2.0)}, 2)
    assert together["total"] == pytest.approx(4.0)
    assert together["total_error"] == pytest.approx(np.std([2, 3, 7]))


@pytest.mark.parametrize(
    ("visited", "least", "known"), [(1, 1, 0), (2, 1, 1), (4, 5, 0), (5, 5, 1)]
)
def test_a_mean_needs_as_many_frames_as_asked_for_and_two(visited, least, known):
    one = np.ones((1, 1))
    sums = {name: 9 * one for name in ("visits", "total_square")}
    sums |= {
        "visited_frames": visited * one,
        "force": np.ones((1, 1, 1)),
        "square": np.ones((1, 1, 1)),
    }
    found = conditional_means(sums, least)
    assert all(np.isfinite(values).all() == bool(known) for values in found.values())


def test_the_edges_of_a_bin_belong_to_the_bin_above():
    frames = [(0.7, frame((-1.0, 0, 0), (0.5, 0, 0))), (0.7, frame((0.999, 0, 0), (-1.001, 0, 0)))]
    sums = summed(frames)
    assert sums["visits"].tolist() == [[0, 0, 0, 0], [1, 0, 0, 2]]
    parts = Planted().along_x(np.array([(-1.0, 0, 0)]), np.array([0]), 0.7)
    whole = sum(parts.values())[0]
    assert sums["total_square"][1, 0] == pytest.approx(whole**2)


def test_a_job_s_sums_are_those_of_the_second_half_of_its_holds(tmp_path):
    """Two ions of each species in the cylinder; frames 4, 6 and 10 ps into a hold of 10 ps."""
    point = tiny_point("staircase", holds_V_per_nm=[0.1, 0.5], hold_ps=10.0)
    model = free_model(2, 0, (3.0, 3.0, 3.0))
    state = thermal_state(model)
    state.positions[:] = [[-1.04, 0, 0.29], [1.04, 0.29, 0], [0, 0, 0], [0.96, 0, 0.31]]
    job = job_with_frames(tmp_path, model, state, (4.0, 6.0, 10.0, 14.0, 16.0, 34.0, 36.0))
    found = job_sums(job, point, model, Planted())
    for ion in ("K", "Cl"):
        assert found[f"{ion}_frames"].tolist() == [3, 1]  # 6, 10, 36 and 16 ps
    assert pytest.approx(-1.05 + 0.1 * np.arange(22)) == EDGES_NM
    visits = np.zeros((2, 2, 21))
    visits[0][:, [0, 20]], visits[1][:, 10] = [[3], [1]], [3, 1]
    assert (found["K_visits"] == visits[0]).all() and (found["Cl_visits"] == visits[1]).all()
    assert found["K_force"][0, 0, PARTS.index("water_electrostatic")] == pytest.approx(-3 * 104.0)
