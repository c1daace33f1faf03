"""Sums of a record by phase, segment and step; each row and its waters count in one group."""

import numpy as np
import pytest
from helpers import tiny_point
from hypothesis import given
from hypothesis import strategies as st

from januspore.analysis.cycle import BRANCHES, PHASES, branch_of_phase, by_phase
from januspore.analysis.orientation import histogram
from januspore.analysis.steps import by_step, log_bins, step_times
from januspore.analysis.sums import by_segment, grouped, time_bins
from januspore.protocols.field import mean
from januspore.protocols.views import RepeatedSteps
from januspore.simulate.record import Rows, columns_of

IONS = ("K", "Cl")
SUMMED = [
    f"{ion}_{what}" for ion in IONS for what in ("cell_e_nm", "slab_e_nm", "forward", "backward")
]


def random_rows(n, sample_ps, programme=None, seed=0):
    """Rows with all numbers different and 0 to 4 waters in the pore."""
    rng = np.random.default_rng(seed)
    columns = {name: np.zeros(n, dtype=kind) for name, kind in columns_of(IONS).items()}
    time = (np.arange(n) + 1) * sample_ps
    columns["step"], columns["time_ps"] = np.arange(1, n + 1), time
    if programme:
        columns["field_V_per_nm"] = np.array([mean(programme, t - sample_ps, t) for t in time])
    for name in SUMMED:
        columns[name] = rng.integers(-9, 10, n).astype(columns[name].dtype)
    columns["water_in_pore"] = rng.integers(0, 5, n)
    waters = columns["water_in_pore"].sum()
    columns["theta_rad"] = rng.uniform(-np.pi, np.pi, waters)
    columns["cos_dipole"] = rng.uniform(-1, 1, waters)
    return Rows(columns)


def expected(rows, chosen, sample_ps):
    """The result of `grouped` for one group, summed row by row."""
    water = np.repeat(chosen, rows["water_in_pore"])
    theta = rows["theta_rad"][water]
    return {
        "time_ps": chosen.sum() * sample_ps,
        "field_ps": rows["field_V_per_nm"][chosen].sum() * sample_ps,
        **{name: rows[name][chosen].sum() for name in SUMMED},
        "theta": histogram(theta, np.zeros(len(theta), dtype=int), 1)[0],
        "cosine": rows["cos_dipole"][water].sum(),
        "waters": water.sum(),
    }


def assert_sums(found, index, rows, chosen, sample_ps):
    for name, value in expected(rows, chosen, sample_ps).items():
        assert found[name][index] == pytest.approx(value), name


def test_sums_of_a_group_are_those_of_its_rows_and_of_the_waters_seen_in_them():
    rows = random_rows(60, 0.1, tiny_point("sine", frequency_GHz=100.0).protocol.programme())
    group = np.random.default_rng(1).integers(0, 4, 60)
    found = grouped(rows, group, 6, 0.1)
    assert set(found) == {"time_ps", "field_ps", *SUMMED, "theta", "cosine", "waters"}
    for k in range(6):  # the last two are empty
        assert_sums(found, k, rows, group == k, 0.1)


def test_a_row_belongs_to_the_phase_of_its_interval_s_middle():
    protocol = tiny_point("sine", frequency_GHz=125.0, cycles=3).protocol  # two rows a phase
    rows = random_rows(240, 0.1, protocol.programme())
    found = by_phase(rows, protocol.cycle, 0.1)
    phase = np.arange(240) // 2 % PHASES
    for k in range(PHASES):
        assert_sums(found, k, rows, phase == k, 0.1)


def test_the_branches_of_the_phases_follow_the_field():
    branch = branch_of_phase()
    assert len(branch) == PHASES and PHASES % 4 == 0
    field = np.sin(2 * np.pi * (np.arange(PHASES) + 0.5) / PHASES)
    rises = np.cos(2 * np.pi * (np.arange(PHASES) + 0.5) / PHASES) * np.sign(field) > 0
    for k, name in enumerate(BRANCHES):
        way, sign = name.split()
        own = (rises == (way == "forward")) & ((field > 0) == (sign == "+"))
        assert ((branch == k) == own).all()


@pytest.mark.parametrize("bins", [1, 4])
def test_sums_by_segment_and_time_within_it(bins):
    programme = tiny_point(
        "staircase", holds_V_per_nm=[0.1, -0.5], hold_ps=2.0
    ).protocol.programme()
    rows = random_rows(80, 0.1, programme)
    found = by_segment(rows, programme, 0.1, bins)
    starts = [start for start, _ in programme.leaves()]
    assert found["time_ps"].shape == (4, bins) and found["theta"].shape[:2] == (4, bins)
    row = np.arange(80)
    for segment in range(4):
        assert starts[segment] == pytest.approx(2.0 * segment)
        for k in range(bins):
            chosen = (row // 20 == segment) & (row % 20 // (20 // bins) == k)
            assert_sums(found, (segment, k), rows, chosen, 0.1)


@pytest.mark.parametrize(
    ("duration", "most", "bins"),
    [(50.0, 50, 50), (5.1, 50, 17), (5.3, 50, 1), (5.3, 53, 53), (0.1, 50, 1), (9.8, 50, 49)],
)
def test_a_hold_has_the_most_equal_bins_of_whole_samples(duration, most, bins):
    assert time_bins(duration, 0.1, most) == bins
    assert time_bins(5.0, 0.1) == 50 and time_bins(10.2, 0.1) == 34


# --- repeated steps ----------------------------------------------------------------------------


def test_bins_of_a_step_are_single_samples_and_then_ten_a_decade():
    assert log_bins(30).tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25]
    assert log_bins(1).tolist() == [0] and log_bins(0).tolist() == [0]


@given(st.integers(1, 3000))
def test_bins_of_a_step_hold_every_sample(samples):
    first = log_bins(samples)
    assert first[0] == 0 and (np.diff(first) > 0).all() and first[-1] < samples
    later = first[first >= 10]
    if len(later) > 1:
        assert (later[1:] / later[:-1]).max() < 1.4 and (later[1:] / later[:-1]).min() > 1.1


def test_sums_by_the_time_since_a_step_are_those_of_its_samples():
    steps = RepeatedSteps(0.0, 1.2, 1.5, 2.5, 3, 0.1)
    lengths = {"up": 15, "down": 25}
    for way, n in lengths.items():
        assert step_times(steps, way) == pytest.approx(0.1 * (np.arange(n) + 1))
    rows = random_rows(25 + 3 * 40, 0.1)
    rows.columns["field_V_per_nm"] = np.random.default_rng(2).normal(size=len(rows))
    found = by_step(rows, steps)
    row = np.arange(len(rows))
    for way, start in (("up", 25), ("down", 40)):
        first = log_bins(lengths[way])
        ends = np.append(first[1:], lengths[way])
        assert found[f"{way}_cosine"].shape == (3, len(first))
        for repeat in range(3):
            for k, (low, high) in enumerate(zip(first, ends, strict=True)):
                at = start + 40 * repeat
                sums = expected(rows, (row >= at + low) & (row < at + high), 0.1)
                for name in ("time_ps", "field_ps", "cosine", "waters", "theta"):
                    assert found[f"{way}_{name}"][repeat, k] == pytest.approx(sums[name]), name
