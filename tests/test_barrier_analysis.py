"""From a barrier's record to its product: planted forces, parts, seeds, gaps and verdicts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny_point
from planted import jobs_of
from planted_barrier import held_rows, neighbours, window_sums
from scipy import stats

from januspore.analysis.barrier import SERIES, by_window, over_seeds, summary, way_of
from januspore.analysis.pmf import largest_rise, trapezoid_weights
from januspore.engines.base import PARTS
from januspore.model.system import build_model
from januspore.products.barrier import make
from januspore.products.barrier_profiles import Profiles
from januspore.products.ensemble import Ensemble
from januspore.report.claims import CLAIMS
from januspore.report.collect import Made
from januspore.report.comparison import comparison
from januspore.simulate.record import Rows
from januspore.space.paper import MEMBRANES
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
#: A hill of 12 kJ/mol in the water's part.
LOW = NOTHING | {"water_electrostatic": lambda x, field: hill(12.0, x)}


def point(**keys):
    windows = {
        "fields_V_per_nm": [0.3, 0.7],
        "positions_nm": POSITIONS,
        "approach_ps": 1.0,
        "charging_ps": 45.0,  # of 1.5 nm a side
        "settle_ps": 1.0,
        "window_ps": 10.0,
    }
    return tiny_point("barrier", **(windows | keys))


def ensemble_of(state_point, seeds, forces=FORCES, edit=None, **options):
    """An ensemble whose jobs' sums are those of planted records."""
    every = []
    for seed in range(seeds):
        rows = held_rows(state_point, forces, np.random.default_rng(seed), **options)
        every.append(by_window(rows, state_point.protocol.windows))
    sums = {name: np.stack([one[name] for one in every]).astype(float) for name in every[0]}
    if edit is not None:
        edit(sums)

    return ensemble_with(state_point, sums)


def ensemble_with(state_point, sums):
    """An ensemble whose jobs have kept these sums."""

    class Planted(Ensemble):
        def each_seed(self, file="analysis.h5"):
            return sums

    return Planted(jobs_of(len(sums["samples"])), state_point, build_model(state_point))


def profiles_of(state_point, sums, equilibrations=None):
    seeds = len(sums["samples"])
    return Profiles(state_point.protocol.windows, sums, equilibrations or list(range(seeds)))


def rows_of(table, quantity, part, field, profile=None):
    rows = table[(table.quantity == quantity) & (table.part == part)]
    rows = rows[rows.field_V_per_nm == field]
    return rows if profile is None else rows[rows.profile == profile]


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
            # Ten intervals of 95 %: twice their length has all of them, but for a chance of 1e-3.
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


def test_the_fields_share_is_its_work_on_the_way(four_seeds):
    table = four_seeds.table
    row = rows_of(table, "barrier", "field", 0.3, "whole").iloc[0]
    # Cl- goes towards -x at a positive field: downhill.
    assert row.value == pytest.approx(-VOLT_PER_NM * 0.3 * (row.x_nm - row.to_nm))
    total, free = (
        rows_of(table, "barrier", part, 0.3, "whole").value.iloc[0]
        for part in ("total", "total_without_field")
    )
    assert free - total == pytest.approx(-row.value)


def test_the_work_along_all_windows_and_the_force_at_the_plane_are_told(four_seeds):
    table, found = four_seeds.table, four_seeds.findings
    for field in (0.3, 0.7):
        rise = found[f"E = {field:g} V/nm, PMF from first to last window (kJ/mol)"]
        # Cl- from end to end: the membrane's own barrier gives nothing, the field its work.
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
    assert "van der Waals part not told from unchanged" in verdict


def test_order_stands_beside_the_barrier(four_seeds):
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


def test_downhill_says_so_with_a_bound():
    flat = make(ensemble_of(point(fields_V_per_nm=[0.0, 0.7]), 4, NOTHING))
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
    # A seed of three weighs a ninth, of two a sixth, alone a third.
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
    # The longest stretch is behind the gap: it is integrated, nothing before it is.
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


def test_the_report_reads_table_1():
    state_point = point()
    sums = window_sums(state_point.protocol, FORCES, 8, np.random.default_rng(0), noise=8.0)
    made = made_of(make(ensemble_with(state_point, sums)), state_point, 8)
    rows = {row.quantity: row for row in comparison([made])}

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


@pytest.mark.parametrize("seeds", [2, 12])
def test_windows_sampled_while_the_reservoirs_charge_get_no_verdict(seeds):
    """However many seeds: they charge in all of them alike, while the ion goes along x."""
    medium = point(charging_ps=0.0, approach_ps=4.0, settle_ps=2.0, window_ps=4.0)
    sums = window_sums(medium.protocol, FORCES, seeds, np.random.default_rng(0), noise=2.0)
    content = make(ensemble_with(medium, sums))
    caution = content.findings["caution"]
    assert "from 2 ps after a change of field on" in caution and "45 ps would do" in caution
    assert content.findings["verdict"].endswith(f"; but {caution}")
    made = made_of(content, medium, seeds, caution)
    verdicts = [row.reading.verdict for row in comparison([made]) if row.panel == "Table 1"]
    assert len(verdicts) == 14
    assert not any(v.startswith(("agrees", "disagrees")) for v in verdicts)
    assert any(caution in v for v in verdicts)


def test_charged_reservoirs_and_four_seeds_need_no_caution():
    def caution(seeds, **keys):
        few = point(positions_nm=POSITIONS[::12], **keys)
        sums = window_sums(few.protocol, NOTHING, seeds, np.random.default_rng(0))
        return make(ensemble_with(few, sums)).findings["caution"]

    assert caution(2) == ""
    assert "one seed" in caution(1)
    # One field alone charges from the approach on.
    assert caution(2, fields_V_per_nm=[0.3], charging_ps=0.0, approach_ps=44.0) == ""
    assert caution(2, fields_V_per_nm=[0.3, 0.7], charging_ps=0.0, approach_ps=44.0) != ""


def test_table_1_is_of_one_membrane_and_one_ion(four_seeds):
    made = made_of(four_seeds, point())
    other = replace(made, charge_sets=(MEMBRANES["neutral"],))
    potassium = replace(made, protocol=made.protocol | {"ion": "K"})
    totals = [c for c in CLAIMS if c.quantity == "Cl- barrier at 0.3 V/nm, total"]
    assert [totals[0].concerns(m) for m in (made, other, potassium)] == [True, True, False]
    # Another membrane's numbers are shown, and judged by nobody.
    assert not totals[0].is_said_of(made) and "MoSSe alone" in totals[0].is_said_of(other)


@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("shift", "rho"), [(0.0, 0.0), (1.0, 0.0), (0.0, 0.8)])
def test_intervals_of_a_sum_over_windows_cover(seeds, shift, rho):
    """Whatever windows share, but for one seed, which cannot know and gets no verdict."""
    if seeds == 1 and (shift or rho):
        pytest.skip("one seed cannot know what its windows share")
    rng, repeats, shape = np.random.default_rng(0), 400, (seeds, 1, 25)
    inside = 0
    for _ in range(repeats):
        batches = rng.normal(0, np.sqrt(5), (5, *shape))
        shared = shift * rng.normal(size=(seeds, 1, 1)) + neighbours(rng, shape, rho) * (rho > 0)
        sums = {
            "tether": batches.mean(axis=0) + shared,
            "tether_variance": batches.var(axis=0, ddof=1) / 5,
            "tether_freedom": np.full(shape, 4.0),
        }
        found = over_seeds(sums, "tether").estimate(np.full(shape[1:], 0.05))
        inside += bool(found.low <= 0 <= found.high)
    assert 0.92 <= inside / repeats <= 0.98


def heights(state_point, forces, seeds, repeats, **options):
    """Barriers found in planted sums, and the highest rise of the planted PMF, kJ/mol."""
    rng, found = np.random.default_rng(seeds), []
    protocol = state_point.protocol
    for _ in range(repeats):
        profiles = profiles_of(state_point, window_sums(protocol, forces, seeds, rng, **options))
        found.append(profiles.barriers["whole", 0])
    exact = window_sums(protocol, forces, 1, rng, noise=0.0)["tether"][0]
    truth = largest_rise(exact @ trapezoid_weights(np.array(POSITIONS)).T, profiles.way(0))[0][0]
    return found, truth


@pytest.fixture
def fewer_draws(monkeypatch):
    monkeypatch.setattr("januspore.analysis.pmf.DRAWS", 400)


@pytest.mark.parametrize(("seeds", "options"), [(6, {"shift": 25.0}), (12, {"rho": 0.8})])
def test_what_windows_share_is_not_called_a_barrier(seeds, options, fewer_draws):
    """Flat truth; with errors of windows as if they were independent, 25 to 29 % with the shift."""
    flat = point(fields_V_per_nm=[0.0])
    found, truth = heights(flat, NOTHING, seeds, 200, noise=20.0, **options)
    assert truth == 0
    # 5 %, and two standard errors of 200; benchmarks/coverage.py has more repeats and seeds.
    assert np.mean([b.found for b in found]) <= 0.08


@pytest.mark.parametrize(("seeds", "shift"), [(4, 25.0), (12, 0.0)])
def test_the_interval_of_a_barrier_covers_found_or_not(seeds, shift, fewer_draws):
    state_point = point(fields_V_per_nm=[0.0])
    found, truth = heights(state_point, LOW, seeds, 200, shift=shift)
    inside = [b.height.low <= truth <= b.height.high for b in found]
    assert np.mean(inside) >= 0.92
    # "below X" where none is found.
    below = [b.height.high >= truth for b in found if not b.found]
    assert np.sum(below) >= len(below) - 0.07 * len(found)


def test_a_barrier_near_its_error_gets_an_interval_and_no_value(fewer_draws):
    """Truth 12 kJ/mol, windows known to 40 kJ/mol/nm: those that are found are twice as high."""
    found, truth = heights(point(fields_V_per_nm=[0.0]), LOW, 6, 300, noise=98.0)
    assert truth == pytest.approx(12, abs=0.2)
    called = [b for b in found if b.found]
    assert len(called) > 10
    assert np.median([float(b.height.value) for b in called]) > 1.5 * truth
    assert np.mean([b.resolved for b in found]) <= 0.02
    assert np.mean([b.height.low <= truth <= b.height.high for b in found]) >= 0.93
    text = next(b for b in called if not b.resolved)
    assert text.in_words(text.height).startswith("a barrier between ")


def test_a_barrier_without_a_value_has_no_parts_in_the_table():
    state_point = point(fields_V_per_nm=[0.0])
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sums = window_sums(state_point.protocol, LOW, 6, rng, noise=98.0)
        near = profiles_of(state_point, sums).barriers["whole", 0]
        if near.found and not near.resolved:
            break
    table = make(ensemble_with(state_point, sums)).table
    rows = table[(table.quantity == "barrier") & (table.profile == "whole")]
    assert rows.part.tolist() == ["total"] and rows.value.isna().all()
    assert rows.low.iloc[0] >= 0 and rows.statement.iloc[0].startswith("a barrier between ")


def test_windows_too_far_apart_widen_the_intervals():
    coarse = point(positions_nm=[-0.6, -0.3, -0.1, 0.15, 0.3, 0.6])
    sums = window_sums(coarse.protocol, FORCES, 4, np.random.default_rng(0), noise=4.0)
    rows = make(ensemble_with(coarse, sums)).table
    row = rows_of(rows, "barrier", "total_without_field", 0.7, "without field").iloc[0]
    # The error of the few windows themselves is far smaller than what lies between them.
    assert row.high - row.value > 2 * 3.2 * row.se_seeds
