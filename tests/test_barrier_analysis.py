"""From a barrier's record to its product: planted forces, parts, seeds, gaps and verdicts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny_point
from planted import jobs_of
from planted_barrier import held_rows

from januspore.aggregates.barrier import Profiles, make
from januspore.aggregates.ensemble import Ensemble
from januspore.analysis.barrier import SERIES, by_window, over_seeds, summary, way_of
from januspore.engines.base import PARTS
from januspore.model.system import build_model
from januspore.paper import MEMBRANES
from januspore.report.claims import CLAIMS
from januspore.report.collect import Made
from januspore.report.comparison import comparison
from januspore.simulate.record import Rows
from januspore.units import VOLT_PER_NM

POSITIONS = [round(float(x), 3) for x in np.linspace(-0.6, 0.6, 25)]
WIDTH = 0.15


def hill(height, x):
    """Force of a Gaussian hill of the PMF at the Mo plane."""
    return height * x / WIDTH**2 * np.exp(-((x / WIDTH) ** 2) / 2)


def planted(x, field):
    """Heights of the parts' hills, kJ/mol, by part: their sum is 25 + 60 E."""
    return {
        "water_vdw": 5.0,
        "water_electrostatic": 90 + 60 * abs(field),
        "membrane_vdw": 10.0,
        "membrane_electrostatic": -80.0,
        "ions": 0.0,
    }


FORCES = {
    part: (lambda x, field, part=part: hill(planted(x, field)[part], x))
    for part in PARTS
    if part != "field"
}
NOTHING = {part: (lambda x, field: 0.0 * x) for part in PARTS if part != "field"}


def point(**keys):
    windows = {
        "fields_V_per_nm": [0.3, 0.7],
        "positions_nm": POSITIONS,
        "approach_ps": 1.0,
        "settle_ps": 1.0,
        "window_ps": 10.0,
    }
    return tiny_point("barrier", **(windows | keys))


def ensemble_of(state_point, seeds, forces=FORCES, edit=None, **options):
    """An ensemble whose jobs' sums are those of planted records."""
    every = []
    for seed in range(seeds):
        rows = held_rows(state_point, forces, np.random.default_rng(seed), **options)
        every.append(by_window(rows, state_point.protocol))
    sums = {name: np.stack([one[name] for one in every]).astype(float) for name in every[0]}
    if edit is not None:
        edit(sums)

    class Planted(Ensemble):
        def each_seed(self, file="analysis.h5"):
            return sums

    return Planted(jobs_of(seeds), state_point, build_model(state_point))


def rows_of(table, quantity, part, field, profile=None):
    rows = table[(table.quantity == quantity) & (table.part == part)]
    rows = rows[rows.field_V_per_nm == field]
    return rows if profile is None else rows[rows.profile == profile]


@pytest.fixture(scope="module")
def two_seeds():
    return make(ensemble_of(point(), 2))


def test_planted_barriers_and_parts_lie_in_their_intervals(two_seeds):
    table = two_seeds.table
    for field in (0.3, 0.7):
        heights = {p: h for p, h in planted(0.0, field).items() if not p.startswith("membrane")}
        heights["total_without_field"] = 25 + 60 * field
        for part, height in heights.items():
            row = rows_of(table, "barrier", part, field, "without field").iloc[0]
            # Ten intervals of 95 %: twice their length has all of them, but for a chance of 1e-3.
            assert abs(row.value - height) < 2 * (row.high - row.value)
        assert row.to_nm == pytest.approx(0.0, abs=0.051)


def test_parts_sum_to_the_whole_in_every_row(two_seeds):
    table = two_seeds.table
    for quantity in ("mean force", "PMF"):
        for field in (0.3, 0.7):
            parts = [rows_of(table, quantity, p, field).value.to_numpy() for p in PARTS]
            whole = rows_of(table, quantity, "sum", field).value.to_numpy()
            assert np.sum(parts, axis=0) == pytest.approx(whole, abs=1e-9)
    barrier = table[(table.quantity == "barrier") & (table.profile == "whole")]
    first = barrier[barrier.field_V_per_nm == 0.3].set_index("part").value
    shown = first[["water_vdw", "water_electrostatic", "membrane", "ions", "field"]]
    assert shown.sum() == pytest.approx(first["sum"])


def test_the_fields_share_is_its_work_on_the_way(two_seeds):
    table = two_seeds.table
    row = rows_of(table, "barrier", "field", 0.3, "whole").iloc[0]
    # Cl- goes towards -x at a positive field: downhill.
    assert row.value == pytest.approx(-VOLT_PER_NM * 0.3 * (row.x_nm - row.to_nm))
    total, free = (
        rows_of(table, "barrier", part, 0.3, "whole").value.iloc[0]
        for part in ("total", "total_without_field")
    )
    assert free - total == pytest.approx(-row.value)


def test_both_estimators_agree_where_they_should(two_seeds):
    gap = two_seeds.findings["tether less sum of parts, root mean square in standard errors"]
    assert 0.6 < gap < 1.5  # 50 windows


def test_the_waters_part_rises_with_field_and_the_rest_does_not(two_seeds):
    table = two_seeds.table
    slopes = table[(table.quantity == "slope") & table.profile.str.endswith("common way")]
    slopes = slopes.set_index("part")
    row = slopes.loc["water_electrostatic"]
    assert row.low < 60 < row.high and row.low > 0
    assert slopes.loc["water_vdw"].low < 0 < slopes.loc["water_vdw"].high
    verdict = two_seeds.findings["verdict"]
    assert "electrostatic part rises with field" in verdict
    assert "van der Waals part not told from unchanged" in verdict


def test_order_stands_beside_the_barrier(two_seeds):
    table = two_seeds.table
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


def test_downhill_says_so_with_a_bound():
    flat = make(ensemble_of(point(fields_V_per_nm=[0.0, 0.7]), 2, NOTHING))
    stated = flat.findings["E = 0 V/nm, barrier"]
    assert stated.startswith("no barrier found, below ")
    row = rows_of(flat.table, "barrier", "total", 0.0, "whole").iloc[0]
    assert np.isnan(row.value) and 0 < row.high < 20
    # At 67 kJ/mol/nm downhill everywhere, noise of 6 makes no rise at all.
    assert "falls all the way" in flat.findings["E = 0.7 V/nm, barrier"]
    # The water's part is still compared, on a way that needs no barrier.
    assert "common way" in flat.findings["verdict"] and "unchanged" in flat.findings["verdict"]


def test_one_seed_has_within_run_intervals_and_says_so():
    alone = make(ensemble_of(point(), 1))
    assert alone.findings["intervals"] == "within the run"
    rows = alone.table[alone.table.quantity == "mean force"]
    assert rows.low.notna().all() and rows.se_seeds.isna().all()


def test_seeds_that_differ_more_than_their_runs_say_widen_the_intervals():
    state_point = point()
    every = []
    for seed, shift in enumerate((-30.0, 30.0)):
        rows = held_rows(state_point, FORCES, np.random.default_rng(seed), shift=shift)
        every.append(by_window(rows, state_point.protocol))
    sums = {name: np.stack([one[name] for one in every]) for name in every[0]}
    means = over_seeds(sums, "tether")
    assert means.factor > 2
    assert over_seeds(sums, "water_vdw").factor < 1.4
    assert means.interval_from == "within runs, widened by seeds"


def test_many_seeds_give_intervals_of_their_own_spread():
    made = ensemble_of(point(fields_V_per_nm=[0.3]), 4)
    profiles = Profiles(made.point.protocol, made.each_seed())
    found = profiles.means["total"].estimate(profiles.weights(0))
    assert profiles.means["total"].interval_from == "over seeds"
    assert found.high - found.value == pytest.approx(3.1824 * found.se_seeds, rel=1e-3)


def test_a_window_that_was_not_sampled_stays_empty():
    state_point = point(fields_V_per_nm=[0.3])
    rows = held_rows(state_point, FORCES, np.random.default_rng(0))
    window = np.where(rows["window"] == 5, -1, rows["window"])
    sums = by_window(Rows(rows.columns | {"window": window}), state_point.protocol)
    assert sums["samples"][0, 5] == 0
    assert all(np.isnan(sums[name][0, 5]) for name in SERIES)
    assert np.isfinite(np.delete(sums["tether"][0], 5)).all()

    def hole(every):
        for name, values in every.items():
            if name not in ("samples", "theta"):
                values[:, :, 5] = np.nan

    table = make(ensemble_of(state_point, 2, edit=hole)).table
    pmf = rows_of(table, "PMF", "total", 0.3)
    # The longest stretch is behind the gap: it is integrated, nothing before it is.
    assert pmf.value.isna().tolist() == [True] * 6 + [False] * 19
    assert pmf.value.iloc[6] == 0.0


def test_rows_while_the_ion_is_moved_do_not_count():
    state_point = point(fields_V_per_nm=[0.3])
    rows = held_rows(state_point, NOTHING, np.random.default_rng(1))
    assert (rows["window"] < 0).any()
    sums = by_window(rows, state_point.protocol)
    assert np.abs(sums["tether"]).max() < 200
    samples = round(10.0 / state_point.protocol.recording.sample_interval_ps)
    assert (sums["samples"] == samples).all()
    said = summary(sums)
    assert said["windows_sampled"] == said["windows"] == 25


def test_the_figure_is_drawn(two_seeds, tmp_path):
    path = Path(tmp_path, "barrier.png")
    two_seeds.figure.savefig(path)
    assert path.stat().st_size > 30_000


def made_of(content, state_point, seeds=2, caution=""):
    return Made(
        product="barrier",
        charge_sets=(state_point.charge_set.model_dump(),),
        protocol=state_point.protocol.model_dump(),
        findings=content.findings | {"caution": caution},
        table=content.table,
        figure=Path("barrier.png"),
        jobs=tuple({"seed": k, "engine": {}, "simulated_ps": 1.0} for k in range(seeds)),
    )


def test_the_report_reads_table_1(two_seeds):
    rows = {row.quantity: row for row in comparison([made_of(two_seeds, point())])}

    def verdict(name):
        return rows[name].reading.verdict

    # Planted: 5 kJ/mol of water's van der Waals part, which is the paper's, and a total of 29.
    assert verdict("Cl- barrier at 0.7 V/nm, water's van der Waals part") == "agrees"
    assert verdict("Cl- barrier at 0.3 V/nm, total") == "disagrees"
    assert verdict("Cl- barrier at 0.5 V/nm, total") == "missing: this field was not held"
    assert verdict("water's electrostatic part of the Cl- barrier with field") == "agrees"
    assert verdict("water's van der Waals part of the Cl- barrier with field").startswith("not en")


def test_the_report_says_where_there_is_no_barrier():
    flat_point = point(fields_V_per_nm=[0.3, 0.7])
    made = made_of(make(ensemble_of(flat_point, 1, NOTHING)), flat_point, 1)
    rows = {row.quantity: row for row in comparison([made])}
    total = rows["Cl- barrier at 0.7 V/nm, total"].reading
    assert total.value.startswith("no barrier found") and total.verdict == "disagrees"
    part = rows["Cl- barrier at 0.7 V/nm, membrane's part"].reading
    assert part.verdict.startswith("not enough data")


def test_short_windows_in_few_seeds_get_no_verdict(two_seeds):
    caution = two_seeds.findings["caution"]
    assert "windows of 10 ps do not tell" in caution and "4 seeds" in caution
    assert two_seeds.findings["verdict"].endswith(f"; but {caution}")
    made = made_of(two_seeds, point(), caution=caution)
    verdicts = [row.reading.verdict for row in comparison([made]) if row.panel == "Table 1"]
    assert len(verdicts) == 14
    assert not any(v.startswith(("agrees", "disagrees")) for v in verdicts)
    assert any(caution in v for v in verdicts)


def test_long_windows_or_several_seeds_need_no_caution():
    long = point(window_ps=160.0, positions_nm=POSITIONS[::12])
    assert make(ensemble_of(long, 1, NOTHING)).findings["caution"] == ""
    short = point(positions_nm=POSITIONS[::12])
    assert make(ensemble_of(short, 4, NOTHING)).findings["caution"] == ""


def test_table_1_is_of_one_membrane_and_one_ion(two_seeds):
    made = made_of(two_seeds, point())
    other = replace(made, charge_sets=(MEMBRANES["neutral"],))
    potassium = replace(made, protocol=made.protocol | {"ion": "K"})
    totals = [c for c in CLAIMS if c.quantity == "Cl- barrier at 0.3 V/nm, total"]
    assert [totals[0].concerns(m) for m in (made, other, potassium)] == [True, False, False]


@pytest.mark.parametrize(("seeds", "extra"), [(1, 0.0), (2, 0.0), (2, 1.0), (3, 1.0), (4, 1.0)])
def test_intervals_of_a_sum_over_windows_cover(seeds, extra):
    """`extra`: how much seeds differ beyond their runs' own errors, window by window."""
    rng, repeats, shape = np.random.default_rng(0), 400, (seeds, 1, 25)
    inside = 0
    for _ in range(repeats):
        batches = rng.normal(0, np.sqrt(5), (5, *shape))
        sums = {
            "tether": batches.mean(axis=0) + extra * rng.normal(size=shape),
            "tether_variance": batches.var(axis=0, ddof=1) / 5,
            "tether_freedom": np.full(shape, 4.0),
        }
        found = over_seeds(sums, "tether").estimate(np.full(shape[1:], 0.05))
        inside += bool(found.low <= 0 <= found.high)
    assert 0.91 <= inside / repeats <= 0.98


def test_windows_too_far_apart_widen_the_intervals():
    coarse = point(positions_nm=[-0.6, -0.3, -0.1, 0.15, 0.3, 0.6])
    rows = make(ensemble_of(coarse, 2)).table
    row = rows_of(rows, "barrier", "total_without_field", 0.3, "without field").iloc[0]
    # The error of the few windows themselves is far smaller than what lies between them.
    assert row.high - row.value > 2 * 2.5 * row.se_runs
    assert row.low < 25 + 60 * 0.3 < row.high
