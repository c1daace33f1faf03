"""Loops: planted peaks, valleys, areas and pinches; loops without current and capacitive ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import copy_studies
from planted import plant, planted_rows
from planted_currents import crossing_tables

from januspore.analysis.cycle import PHASES, branch_of_phase
from januspore.analysis.loop import (
    QUARTER,
    WINDOWS,
    area,
    at_zero_field,
    bins_of,
    curve,
    find_pinch,
    mean_current,
    window_edges,
)
from januspore.analysis.ndr import chance_of_fall, find_ndr
from januspore.analysis.statistics import bootstrap
from januspore.products import PRODUCTS
from januspore.products.ndr import features, find_loop, hysteresis, verdict
from januspore.products.results import findings, product_table
from januspore.report.collect import products_made
from januspore.report.comparison import comparison
from januspore.run.initialise import init_command
from januspore.space.dataspace import open_project, point_of
from januspore.units import E_PER_PS

AMPLITUDE, BIN_PS = 1.2, 1250.0
#: |E| at the edges of the phase bins of a quarter cycle, and at those of the windows.
RISE = AMPLITUDE * np.sin(np.arange(QUARTER + 1) / QUARTER * np.pi / 2)
EDGES = window_edges(RISE)
TRUE_PEAK, TRUE_VALLEY = 0.5, 1.0


def ndr_curve(field):
    """Rises to 4 nA at 0.5 V/nm, falls to 1 nA at 1.0 V/nm, rises again."""
    return np.interp(np.abs(field), [0, TRUE_PEAK, TRUE_VALLEY, 1.2], [0, 4, 1, 2]) * np.sign(field)


def ohmic(field):
    return 3.0 * field


def tables(current, seeds=8, noise=0.4, rng=None, capacity=0.0):
    """Sums by phase; `current(field, forward)`, and noise of each bin and seed in nA."""
    rng = rng or np.random.default_rng(1)
    phase = 2 * np.pi * (np.arange(PHASES * 50) + 0.5) / (PHASES * 50)
    forward = np.repeat(branch_of_phase() % 2 == 0, 50)
    fine = current(AMPLITUDE * np.sin(phase), forward) + capacity * np.cos(phase)
    mean = fine.reshape(PHASES, 50).mean(axis=1)
    field = (AMPLITUDE * np.sin(phase)).reshape(PHASES, 50).mean(axis=1)
    time = np.full((seeds, PHASES), BIN_PS)
    charge = (mean + rng.normal(0, noise, (seeds, PHASES))) * time
    crossed = np.round(np.abs(charge) / E_PER_PS)  # many: Poisson errors are small
    return {
        "charge": charge,
        "time": time,
        "field": np.tile(field * BIN_PS, (seeds, 1)),
        "plus": crossed,
        "minus": 0 * crossed,
    }


def both_branches(function, reverse=1.0):
    return lambda field, forward: function(field) * np.where(forward, 1.0, reverse)


def total(table):
    return {k: v.sum(axis=0, keepdims=True) for k, v in table.items()}


# --- branches and windows ----------------------------------------------------------------------


def test_bins_of_a_branch_rise_with_field_and_each_bin_belongs_to_one():
    every = [bins_of(b, s) for b in ("forward", "reverse") for s in "+-"]
    assert sorted(np.concatenate(every)) == list(range(PHASES))
    table = total(tables(both_branches(ohmic), noise=0))
    for branch in ("forward", "reverse"):
        for sign in "+-":
            field, current = curve(table, branch, sign)
            assert np.all(np.diff(field[0]) > 0) and field.shape == (1, WINDOWS)
            assert np.all((field[0] > EDGES[:-1]) & (field[0] < EDGES[1:]))
            assert current[0] == pytest.approx(ohmic(field[0]))


def test_area_of_a_known_loop_is_exact_for_a_step_in_every_bin():
    def step(field, forward):
        return np.where(forward, 2.0, 0.5) * np.sign(field)

    for sign in "+-":
        assert area(total(tables(step, noise=0)), sign, RISE)[0, 0] == pytest.approx(1.5 * 1.2)


def test_current_at_zero_field_of_lines_and_diodes():
    def offset(field, forward):
        return np.where(field > 0, 5.0, 1.0) * field + 0.7  # a diode, and a constant current

    assert at_zero_field(total(tables(offset, noise=0)))[0] == pytest.approx([0.7, 0.7])
    capacitive = at_zero_field(total(tables(both_branches(ohmic), noise=0, capacity=2.0)))[0]
    assert capacitive == pytest.approx([2.0, -2.0], rel=0.02)


# --- NDR ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", "+-")
def test_planted_peak_valley_and_ratio_are_within_their_intervals(sign):
    inside = np.zeros(3)
    for k in range(40):
        rng = np.random.default_rng(k)
        found = find_ndr(tables(both_branches(ndr_curve), rng=rng), "forward", sign, RISE)
        assert found.found and found.probability > 0.95 and "NDR beyond" in found.statement
        truth = curve(total(tables(both_branches(ndr_curve), noise=0)), "forward", sign)[1][0]
        answers = (TRUE_PEAK, TRUE_VALLEY, truth[2] / truth[truth.size - 2 :].min())
        for i, interval in enumerate((found.peak_V_per_nm, found.valley_V_per_nm, found.ratio)):
            inside[i] += interval.low <= answers[i] <= interval.high
    # Fewer than 34 of 40 intervals of 95 % contain the value with a probability of 2 %.
    assert np.all(inside >= 34)


def test_a_peak_beside_a_steep_fall_is_within_its_interval():
    """Within 0.03 V/nm of a window's edge, the neighbouring window has a mean as large."""

    def steep(field):
        return np.interp(field, [-1.2, -1.0, 0, 0.5, 1.0, 1.2], [-1.5, -4, 0, 4, 1, 2])

    inside = found = 0
    for k in range(60):
        rng = np.random.default_rng(k)
        one = find_ndr(tables(both_branches(steep), rng=rng), "forward", "-", RISE)
        found += one.found
        inside += one.found and bool(one.peak_V_per_nm.low <= 1.0 <= one.peak_V_per_nm.high)
    assert found > 50 and inside >= 0.93 * found


def test_a_current_that_only_rises_is_rarely_taken_for_ndr():
    """Nominally in 5 % of cases: an ohmic current, and a constant one with a peak by noise."""
    for shape in (ohmic, lambda field: 2.0 * np.sign(field)):
        false = 0
        for k in range(200):
            rng = np.random.default_rng(k)
            table = tables(both_branches(shape), seeds=5, noise=0.8, rng=rng)
            false += find_ndr(table, "forward", "+", RISE).found
        assert false / 200 <= 0.09  # 5 %, plus 2.5 standard errors


def falling(part):
    """A current that rises to 3 nA at 0.6 V/nm and falls by a fraction to the highest field."""

    def current(field):
        ends = [0, 3, 3 * (1 - part)]
        return np.interp(np.abs(field), [0, 0.6, 1.2], ends) * np.sign(field)

    return current


@pytest.mark.parametrize(("shape", "least", "most"), [(0.0, 0.9, 1), (0.3, 0, 0.09), (0.7, 0, 0)])
def test_falls_are_excluded_only_where_there_is_none(shape, least, most):
    """A fall by more than a quarter of the largest current is excluded in at most 5 % of cases."""
    excluded = 0
    for k in range(100):
        rng = np.random.default_rng([k, 9])
        table = tables(both_branches(falling(shape)), seeds=10, noise=0.15, rng=rng)
        found = find_ndr(table, "forward", "+", RISE)
        excluded += found.outcome == "excluded"
        assert found.outcome != "excluded" or found.p <= 0.05
    assert least <= excluded / 100 <= most


def test_few_crossings_exclude_no_fall():
    for k in range(30):
        table = crossing_tables(np.random.default_rng(k), 8, 2.0, 2.0)
        assert find_ndr(table, "forward", "+", RISE).outcome != "excluded"


def test_the_slopes_probability_on_a_rising_current_is_small():
    found = find_ndr(tables(both_branches(ohmic)), "forward", "+", RISE)
    assert not found.found and found.probability < 0.05 and found.chance > 0.05
    assert np.isnan(found.peak_V_per_nm.value) and np.isnan(found.ratio.value)
    assert found.outcome == "excluded" and "excluded" in found.statement


def test_a_valley_without_current_bounds_the_ratio_from_below():
    def to_zero(field):
        return np.interp(np.abs(field), [0, 0.5, 0.8, 1.2], [0, 4, 0, 0]) * np.sign(field)

    found = find_ndr(tables(both_branches(to_zero)), "forward", "+", RISE)
    assert found.found and np.isnan(found.ratio.value) and np.isnan(found.ratio.high)
    assert found.ratio.low > 5


def test_the_chance_of_a_fall_includes_the_bound_of_an_empty_window():
    curves = np.random.default_rng(0).normal([0, 4, 0], 0.1, (500, 3))
    current = np.array([0.0, 4.0, 0.0])
    assert chance_of_fall(current, curves, np.zeros(3)) < 0.01
    assert chance_of_fall(current, curves, np.array([0, 0, 3.95])) > 0.2


def test_data_without_or_with_little_current_give_no_number_and_say_so():
    nothing = tables(lambda e, f: 0 * e, noise=0)
    bound = mean_current(nothing, "forward", "+")
    assert bound.high == pytest.approx(3.689 * 160.2177 / (8 * 10 * BIN_PS), rel=1e-3)
    for table, said in (
        (nothing, "no significant current: bound"),
        (tables(lambda e, f: 0 * e, noise=1.0), "no significant current: bound"),
        (tables(both_branches(ndr_curve), seeds=1), "one seed gives no interval"),
    ):
        found = find_ndr(table, "forward", "+", RISE)
        assert said in found.statement and not found.found
        numbers = (found.peak_V_per_nm, found.valley_V_per_nm, found.ratio, found.slope)
        assert all(np.isnan(i.value) for i in numbers) and np.isnan(found.chance)
    none = find_loop(nothing, RISE).area["+"]
    assert none.low < 0 < none.high and hysteresis(none) == "no loop beyond its interval"


def test_noise_is_rarely_a_significant_current():
    seen = 0
    for k in range(300):
        table = tables(lambda e, f: 0 * e, seeds=4, noise=1.0, rng=np.random.default_rng(k))
        seen += find_ndr(table, "forward", "+", RISE).significant
    assert seen / 300 <= 0.08


# --- area and pinch ----------------------------------------------------------------------------


def test_the_interval_of_a_planted_area_has_its_nominal_coverage():
    def lobe(field, forward):
        return ndr_curve(field) * np.where(forward, 1.0, 0.4)

    truth = 0.6 * (0.5 * 4 / 2 + 0.5 * (4 + 1) / 2 + 0.2 * (1 + 2) / 2)
    covered = 0
    for k in range(300):
        table = tables(lobe, seeds=5, noise=1.0, rng=np.random.default_rng(k))
        found = bootstrap(table, lambda t: area(t, "+", RISE), repeats=300, seed=k)
        covered += bool(found.low[0] <= truth <= found.high[0])
    assert 0.91 <= covered / 300 <= 0.98
    assert hysteresis(find_loop(table, RISE).area["+"]) == "reverse below forward"
    turned = {**table, "charge": -table["charge"]}
    assert hysteresis(find_loop(turned, RISE).area["+"]) == "reverse above forward"


def test_pinched_and_open_loops_are_told_apart():
    pinched = find_loop(tables(both_branches(ndr_curve, 0.4), noise=0.2), RISE).pinch
    assert pinched.outcome == "pinched" and "pinched: below" in pinched.statement
    opened = find_loop(tables(both_branches(ohmic), noise=0.2, capacity=1.0), RISE).pinch
    assert (
        opened.outcome == "not pinched" and opened.rising_nA.low > 0 and opened.falling_nA.high < 0
    )
    thin = find_loop(tables(both_branches(ohmic), seeds=4, noise=4.0), RISE).pinch
    assert thin.outcome == "not told"
    assert find_pinch(tables(both_branches(ohmic), seeds=1), 3.0, True).outcome == "one seed"


def test_a_pinched_loop_is_rarely_called_open():
    opened = 0
    for k in range(200):
        table = tables(both_branches(ohmic, 0.5), seeds=5, rng=np.random.default_rng(k))
        opened += find_pinch(table, 3.6, True).outcome == "not pinched"
    assert opened / 200 <= 0.09


# --- charging ----------------------------------------------------------------------------------


def test_a_capacitive_loop_of_the_whole_cell_is_recognised_as_charging():
    slab = find_loop(tables(lambda e, f: 0 * e, noise=0.2), RISE)
    cell = find_loop(tables(lambda e, f: 0 * e, noise=0.2, capacity=5.0), RISE)
    assert not any(features(slab).values()) and all(features(cell).values())
    # The integral of C cos(phase) over E = A sin(phase), half a cycle: C A pi / 2.
    assert cell.area["+"].value == pytest.approx(5.0 * AMPLITUDE * np.pi / 2, rel=0.05)
    said = verdict(slab, cell)
    assert "reservoir charging alone could make it" in said
    assert "NDR at E > 0" in said and "no branch of the pore-slab current is significant" in said


def test_features_of_the_pore_itself_are_not_called_charging():
    slab = find_loop(tables(both_branches(ndr_curve, 0.4), noise=0.2), RISE)
    said = verdict(slab, slab)
    assert "the pore-slab current shows NDR at E > 0, NDR at E < 0" in said
    assert "charging" not in said


# --- the product -------------------------------------------------------------------------------


def made(space, current, *arguments, charging_e_nm=0.0, **options):
    """Plant a data space and make the product; returns (table of all currents, findings)."""
    copy_studies(space)
    init_command(list(arguments), space)
    project = open_project(space)
    jobs = list(project.find_jobs({"protocol.name": "sine"}))
    for job in jobs:
        rng = np.random.default_rng(job.statepoint["seed"])
        rows = planted_rows(point_of(job), current, lambda e: 1.0, rng, **options)
        phase = 2 * np.pi * np.arange(len(rows)) / len(rows)
        for ion in ("K", "Cl"):
            rows.columns[f"{ion}_cell_e_nm"] = rows.columns[f"{ion}_slab_e_nm"] + (
                charging_e_nm * np.cos(phase)
            )
        plant(job, replace(rows))
    next(p for p in PRODUCTS if p.name == "ndr").run(*jobs)
    return product_table(project, "ndr"), findings(project)[-1][2]


def test_product_of_a_planted_loop(tmp_path):
    table, found = made(tmp_path, lambda e, r: 400 * ndr_curve(e) * (1.0 if r > 0 else 0.5))
    assert set(table.estimator) == {"pore slab", "whole cell", "whole cell minus pore slab"}
    assert set(table.species) == {"total", "K", "Cl"}
    chosen = table[(table.estimator == "pore slab") & (table.species == "total")]
    peak = chosen[(chosen.quantity == "peak field") & (chosen.branch == "forward")]
    assert ((peak.low <= TRUE_PEAK) & (peak.high >= TRUE_PEAK)).all() and len(peak) == 2
    assert "NDR at E > 0" in found["verdict"] and "reverse below forward" in found["verdict"]
    assert "charging" not in found["verdict"]
    figure = next(Path(tmp_path, "results", "ndr").rglob("ndr.png"))
    assert figure.stat().st_size > 10_000


def test_a_loop_the_other_way_round_is_told(tmp_path):
    _, found = made(tmp_path, lambda e, r: 400 * e * (0.5 if r > 0 and e > 0 else 1.0))
    told = "; its reverse branch is above forward at E > 0"
    assert found["verdict"].endswith(told) and "less current in the reverse" in found["verdict"]


def test_a_current_that_is_known_not_to_fall_disagrees_with_the_paper_s_ndr(tmp_path):
    made(tmp_path, lambda e, r: 4000 * e, "--seeds", "0:10")
    found = {row.quantity: row.reading for row in comparison(products_made(open_project(tmp_path)))}
    for side in ("E > 0", "E < 0"):
        reading = found[f"NDR onset, {side}"]
        assert reading.code == "disagrees" and "largest current is excluded" in reading.why


def test_product_of_a_pore_without_current_in_a_cell_that_charges(tmp_path):
    table, found = made(tmp_path, lambda e, r: 0.0, charging_e_nm=0.3, noise_e_nm=0.001, waters=1)
    slab = table[(table.estimator == "pore slab") & (table.quantity == "peak field")]
    assert slab.value.isna().all()
    assert "charging alone could make it" in found["verdict"]
    assert "no significant current: bound" in found["pore slab, E > 0, forward"]
    apart = table[(table.estimator == "whole cell minus pore slab") & (table.species == "total")]
    # 2 x 0.3 e nm in each sample of 0.1 ps, over a box of 3.67 nm: the area is I A pi / 2.
    truth = 0.6 / 0.1 * 160.2177 / 3.67 * AMPLITUDE * np.pi / 2
    assert apart.value.to_numpy() == pytest.approx(truth, rel=0.05) and len(apart) == 2


def test_product_of_one_seed_gives_no_interval(tmp_path):
    table, found = made(tmp_path, lambda e, r: 400 * e, "--seeds", "0")
    assert found["verdict"] == "not enough data: one seed gives no interval"
    assert table.low.isna().all()


@pytest.mark.parametrize("noise", [0.05, 0.4, 3.0])
@pytest.mark.parametrize("function", [ndr_curve, ohmic])
def test_the_p_value_is_below_the_level_exactly_where_the_interval_decides(function, noise):
    for seed in range(5):
        table = tables(both_branches(function), noise=noise, rng=np.random.default_rng(seed))
        one = find_ndr(table, "forward", "+", RISE)
        if one.significant:
            assert (one.p < 0.05) == (one.outcome in ("found", "excluded"))
        pinch = find_pinch(table, 4.0, True)
        assert (pinch.p < 0.05) == (pinch.outcome in ("pinched", "not pinched"))
