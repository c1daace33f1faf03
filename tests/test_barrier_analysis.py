"""Analysis of barriers, from record to product: planted forces, parts, seeds and gaps."""

from pathlib import Path

import numpy as np
import pytest
from barrier_ensembles import FORCES, NOTHING, ensemble_of, planted, point, profiles_of, rows_of
from planted_barrier import held_rows, window_sums
from scipy import stats

from januspore.analysis.barrier import SERIES, by_window, over_seeds, summary, way_of
from januspore.engines.base import PARTS
from januspore.products.barrier import make
from januspore.simulate.record import Rows
from januspore.units import VOLT_PER_NM


@pytest.fixture(scope="module")
def four_seeds():
    return make(ensemble_of(point(), 4))


def test_planted_barriers_and_parts_lie_in_their_intervals(four_seeds):
    table = four_seeds.table
    for field in (0.3, 0.7):
        heights = {p: h for p, h in planted(0.0, field).items() if not p.startswith("membrane")}
        heights["total_without_field"] = 25 + 60 * field
        for part, height in heights.items():
            row = rows_of(table, "barrier", part, field, "without field").iloc[0]
            # Twice the length of a 95 % interval contains all ten values with a probability of 99.9
            # %.
            assert abs(row.value - height) < 2 * (row.high - row.value)
        assert row.to_nm == pytest.approx(0.0, abs=0.051)


def test_parts_sum_to_the_whole_in_every_row(four_seeds):
    table = four_seeds.table
    for quantity in ("mean force", "PMF"):
        for field in (0.3, 0.7):
            parts = [rows_of(table, quantity, p, field).value.to_numpy() for p in PARTS]
            whole = rows_of(table, quantity, "sum", field).value.to_numpy()
            assert np.sum(parts, axis=0) == pytest.approx(whole, abs=1e-9)
    barrier = table[(table.quantity == "barrier") & (table.profile == "whole")]
    first = barrier[barrier.field_V_per_nm == 0.3].set_index("part").value
    shown = first[["water_vdw", "water_electrostatic", "membrane", "ions", "field"]]
    assert shown.sum() == pytest.approx(first["sum"])


def test_the_field_s_part_is_its_work_between_minimum_and_maximum(four_seeds):
    table = four_seeds.table
    row = rows_of(table, "barrier", "field", 0.3, "whole").iloc[0]
    # A positive field drives Cl- towards -x, so its own potential falls along the path.
    assert row.value == pytest.approx(-VOLT_PER_NM * 0.3 * (row.x_nm - row.to_nm))
    total, free = (
        rows_of(table, "barrier", part, 0.3, "whole").value.iloc[0]
        for part in ("total", "total_without_field")
    )
    assert free - total == pytest.approx(-row.value)


def test_the_work_along_all_windows_and_the_force_at_the_plane_are_reported(four_seeds):
    table, found = four_seeds.table, four_seeds.findings
    for field in (0.3, 0.7):
        rise = found[f"E = {field:g} V/nm, PMF from first to last window (kJ/mol)"]
        # From end to end the membrane's own barrier adds nothing to w, and the field adds its work.
        rows = rows_of(table, "PMF", "total", field)
        assert rise[0] == pytest.approx(rows.value.iloc[-1])
        assert rise[1:] == pytest.approx([rows.low.iloc[-1], rows.high.iloc[-1]])
        force = found[f"E = {field:g} V/nm, mean force at the metal plane (kJ/mol/nm)"]
        middle = rows_of(table, "mean force", "total", field)
        row = middle.iloc[int(middle.x_nm.abs().argmin())]
        assert force == pytest.approx([row.value, row.low, row.high])


def test_both_estimators_agree_where_they_should(four_seeds):
    gap = four_seeds.findings["tether less sum of parts, root mean square in standard errors"]
    assert 0.6 < gap < 1.5  # 50 windows


def test_the_waters_part_rises_with_field_and_the_rest_does_not(four_seeds):
    table = four_seeds.table
    slopes = table[(table.quantity == "slope") & table.profile.str.endswith("common way")]
    slopes = slopes.set_index("part")
    row = slopes.loc["water_electrostatic"]
    assert row.low < 60 < row.high and row.low > 0
    assert slopes.loc["water_vdw"].low < 0 < slopes.loc["water_vdw"].high
    verdict = four_seeds.findings["verdict"]
    assert "electrostatic part rises with field" in verdict
    assert "van der Waals part does not change beyond its interval" in verdict


def test_water_order_is_tabulated_with_the_barrier(four_seeds):
    table = four_seeds.table
    for field in (0.3, 0.7):
        row = rows_of(table, "order", "cosine", field, "whole").iloc[0]
        assert row.value == pytest.approx(0.5 * field, abs=0.01)


def test_a_negative_field_drives_the_ion_the_other_way():
    mirrored = make(ensemble_of(point(fields_V_per_nm=[-0.3]), 1)).table
    row = rows_of(mirrored, "barrier", "total", -0.3, "whole").iloc[0]
    assert row.x_nm < row.to_nm
    assert [way_of("Cl", 0.3), way_of("Cl", -0.3), way_of("K", 0.3), way_of("Cl", 0.0)] == [
        -1,
        1,
        1,
        -1,
    ]


def test_a_downhill_profile_has_a_bound_and_no_barrier():
    flat = make(ensemble_of(point(fields_V_per_nm=[0.0, 0.7]), 4, NOTHING))
    stated = flat.findings["E = 0 V/nm, barrier"]
    assert stated.startswith("no barrier found, below ")
    row = rows_of(flat.table, "barrier", "total", 0.0, "whole").iloc[0]
    assert np.isnan(row.value) and 0 < row.high < 20
    # With a slope of -67 kJ/mol/nm everywhere, noise of 6 kJ/mol/nm makes no rise.
    assert "falls all the way" in flat.findings["E = 0.7 V/nm, barrier"]
    # The water's part is still compared between two windows, for which no barrier is needed.
    assert (
        "common way" in flat.findings["verdict"] and "not change beyond" in flat.findings["verdict"]
    )


def test_one_seed_has_within_run_intervals_and_says_so():
    alone = make(ensemble_of(point(), 1))
    assert alone.findings["intervals"] == "within the run"
    rows = alone.table[alone.table.quantity == "mean force"]
    assert rows.low.notna().all() and rows.se_seeds.isna().all()


def test_seeds_that_differ_by_more_than_errors_within_runs_widen_the_intervals():
    state_point = point()
    every = []
    for seed, shift in enumerate((-30.0, 30.0)):
        rows = held_rows(state_point, FORCES, np.random.default_rng(seed), shift=shift)
        every.append(by_window(rows, state_point.protocol.windows))
    sums = {name: np.stack([one[name] for one in every]) for name in every[0]}
    assert over_seeds(sums, "tether").excess > 2
    assert 0.7 < over_seeds(sums, "water_vdw").excess < 1.4


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_several_seeds_give_intervals_of_their_own_spread(seeds):
    made = ensemble_of(point(fields_V_per_nm=[0.3]), seeds)
    profiles = profiles_of(made.point, made.each_seed())
    found = profiles.means["total"].estimate(profiles.weights(0))
    assert profiles.means["total"].interval_from == "over seeds"
    factor = stats.t.ppf(0.975, seeds - 1)
    assert found.high - found.value == pytest.approx(factor * found.se_seeds, rel=1e-9)


def test_seeds_of_one_equilibration_count_as_one():
    state_point = point(fields_V_per_nm=[0.3])
    sums = window_sums(state_point.protocol, FORCES, 6, np.random.default_rng(0))
    profiles = profiles_of(state_point, sums, [0, 1, 2, 0, 1, 0])
    total = profiles.means["total"]
    assert total.interval_from == "over equilibrations" and len(total.each) == 3
    assert total.each[0] == pytest.approx(sums["tether"][[0, 3, 5]].mean(axis=0))
    # Each equilibration has weight 1/3, so seeds weigh 1/9, 1/6 and 1/3 where it has 3, 2 and 1.
    weight = np.array([1 / 9, 1 / 6, 1 / 3, 1 / 9, 1 / 6, 1 / 9])
    variance = np.tensordot(weight**2, sums["tether_variance"], axes=1)
    assert total.variance == pytest.approx(variance)
    fourth = np.tensordot(weight**4, sums["tether_variance"] ** 2 / 4.0, axes=1)
    assert total.freedom == pytest.approx(variance**2 / fourth)


def test_a_window_that_was_not_sampled_stays_empty():
    state_point = point(fields_V_per_nm=[0.3])
    rows = held_rows(state_point, FORCES, np.random.default_rng(0))
    window = np.where(rows["window"] == 5, -1, rows["window"])
    sums = by_window(Rows(rows.columns | {"window": window}), state_point.protocol.windows)
    assert sums["samples"][0, 5] == 0
    assert all(np.isnan(sums[name][0, 5]) for name in SERIES)
    assert np.isfinite(np.delete(sums["tether"][0], 5)).all()

    def hole(every):
        for name, values in every.items():
            if name not in ("samples", "theta"):
                values[:, :, 5] = np.nan

    table = make(ensemble_of(state_point, 2, edit=hole)).table
    pmf = rows_of(table, "PMF", "total", 0.3)
    # The longest range of windows is behind the gap, so only that range is integrated.
    assert pmf.value.isna().tolist() == [True] * 6 + [False] * 19
    assert pmf.value.iloc[6] == 0.0


def test_rows_while_the_ion_is_moved_do_not_count():
    state_point = point(fields_V_per_nm=[0.3])
    rows = held_rows(state_point, NOTHING, np.random.default_rng(1))
    assert (rows["window"] < 0).any()
    sums = by_window(rows, state_point.protocol.windows)
    assert np.abs(sums["tether"]).max() < 200
    samples = round(10.0 / state_point.protocol.recording.sample_interval_ps)
    assert (sums["samples"] == samples).all()
    said = summary(sums)
    assert said["windows_sampled"] == said["windows"] == 25


def test_the_figure_is_drawn(four_seeds, tmp_path):
    path = Path(tmp_path, "barrier.png")
    four_seeds.figure.savefig(path)
    assert path.stat().st_size > 30_000
