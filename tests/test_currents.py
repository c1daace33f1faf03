"""Coverage of the intervals of currents, from no crossing to hundreds, and of pulse ratios."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import copy_studies, tiny_point
from planted import plant, planted_rows
from planted_currents import DIP, cross, crossing_tables, dip
from test_loop import RISE
from test_pulses import pulse_sums

from januspore.analysis.current import (
    ESTIMATORS,
    crossing_current,
    crossings,
    current,
    current_interval,
    current_tables,
    rate,
    species_of,
)
from januspore.analysis.cycle import PHASES
from januspore.analysis.loop import bins_of, mean_current
from januspore.analysis.ndr import find_ndr
from januspore.analysis.pulses import by_estimator
from januspore.analysis.statistics import bootstrap, difference, poisson, poisson_sum
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.products.results import product_table
from januspore.report.collect import products_made
from januspore.report.comparison import comparison
from januspore.run.initialise import init_command
from januspore.space.dataspace import open_project, point_of
from januspore.units import E_PER_PS

BRANCH = bins_of("forward", "+")


def forward_current(tables):
    found = mean_current(tables, "forward", "+")
    return float(found.value), float(found.low), float(found.high)


# --- no ion crossed ----------------------------------------------------------------------------


@pytest.mark.parametrize(("seeds", "run_ps"), [(4, 8.0), (10, 100.0), (8, 200.0)])
def test_ions_that_dip_into_the_mouth_do_not_narrow_a_bound(seeds, run_ps):
    """Two ions dip 0 to 0.08 nm into the slab. None passes, so the true current is 0."""
    bin_ps, rng, covered, halves = run_ps / PHASES, np.random.default_rng(1), 0, []
    for _ in range(200):
        tables = crossing_tables(rng, seeds, 0.0, bin_ps)
        _, low, high = forward_current(tables)
        covered += low <= 0 <= high
        halves.append((high - low) / 2)
    bound = 3.689 * E_PER_PS / (seeds * bin_ps * len(BRANCH))
    assert covered / 200 >= 0.93
    assert min(halves) >= bound * (1 - 1e-3)  # the number that may cross although none did


def sine_space(space, seeds, change):
    """A data space of one sine with planted records that a function changes; makes its products."""
    copy_studies(space)
    init_command(["--seeds", f"0:{seeds}"], space)
    project = open_project(space)
    jobs = list(project.find_jobs({"protocol.name": "sine"}))
    for job in jobs:
        rng = np.random.default_rng([job.statepoint["seed"], 5])
        point = point_of(job)
        still = {"noise_e_nm": 0.0, "waters": 2}
        rows = planted_rows(point, lambda e, r: 0.0, lambda e: 1.0, rng, **still)
        change(rows, rng, 2 * point.protocol.recording.slab_half_width_nm)
        plant(job, replace(rows))
    for product in PRODUCTS:
        if product.name in ("ie_curve", "ndr"):
            product.run(*jobs)
    return project


def test_dipping_ions_do_not_remove_the_bound_of_any_product(tmp_path):
    project = sine_space(tmp_path, 4, lambda rows, rng, width: dip(rows, rng, width, ions=60))
    table = product_table(project, "ie_curve")
    rows = table[(table.estimator == "pore slab") & (table.species == "total")]
    bound = 3.689 * E_PER_PS / rows.time_ps
    assert (rows.current_nA != 0).all()
    assert ((rows.high_nA - rows.low_nA) / 2 >= bound * (1 - 1e-3)).all()
    assert ((rows.low_nA < 0) & (rows.high_nA > 0)).all()
    found = {row.quantity: row.reading.verdict for row in comparison(products_made(project))}
    for claim in ("NDR onset, E > 0", "reverse current below forward, E > 0"):
        assert found[claim].startswith("not enough data")
    loops = product_table(project, "ndr")
    mean = loops[(loops.estimator == "pore slab") & (loops.quantity == "mean current")]
    assert mean.statement.str.contains("no significant current: bound").all()


def test_ions_that_cross_are_a_current_in_every_product(tmp_path):
    def driven(rows, rng, width):
        cross(rows, rng, width, 40.0)
        dip(rows, rng, width)

    project = sine_space(tmp_path, 6, driven)
    loops = product_table(project, "ndr")
    chosen = (loops.estimator == "pore slab") & (loops.species == "total")
    mean = loops[chosen & (loops.quantity == "mean current")]
    truth = 40.0 * E_PER_PS / 20.0  # 40 charges a seed, along the field, in 20 ps
    # Fewer than three of four 95 % intervals contain the value with a probability of 1.4 %.
    assert ((mean.low <= truth) & (truth <= mean.high)).sum() >= 3 and (mean.low > 0).all()


# --- from none to hundreds ---------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [2, 4, 8, 12])
@pytest.mark.parametrize("expected", [0.3, 3.0, 20.0, 60.0, 300.0])
def test_intervals_of_currents_cover_from_no_crossing_to_hundreds(seeds, expected):
    rng, repeats, covered = np.random.default_rng([seeds, int(expected * 10)]), 250, 0
    by_bin = np.zeros(PHASES)
    by_bin[BRANCH] = expected / len(BRANCH)
    for _ in range(repeats):
        _, low, high = forward_current(crossing_tables(rng, seeds, by_bin, 2.0, back=by_bin / 4))
        truth = 0.75 * expected * E_PER_PS / (2.0 * len(BRANCH) * seeds)
        covered += low <= truth <= high
    # Nominal coverage is 95 %, with a standard error of 1.4 % for 250 repeats. Counts are whole
    # numbers, so with few expected crossings the coverage is close to 100 %.
    assert covered / repeats >= 0.91
    assert expected < 20 or covered / repeats <= 0.99


@pytest.mark.parametrize(("crossings", "known"), [(0, True), (3, False)])
def test_one_seed_gives_a_bound_only_where_no_ion_crossed(crossings, known):
    tables = crossing_tables(np.random.default_rng(1), 1, 0.0, 2.0)
    tables["plus"][0, BRANCH[:crossings]] += 1
    tables["charge"][0, BRANCH[:crossings]] += 1
    _, low, high = forward_current(tables)
    assert np.isfinite([low, high]).all() == known
    assert not known or low < 0 < high


def test_equal_weights_give_garwoods_interval_and_unequal_ones_cover():
    counts = np.array([2.0, 0.0, 3.0])
    same, exact = poisson_sum(counts, np.full((3, 1), 0.5)), poisson(np.array([5.0]))
    assert same.low == pytest.approx(exact.low / 2) and same.high == pytest.approx(exact.high / 2)
    none = poisson_sum(np.zeros(2), np.array([[1.0], [0.2]]))
    assert none.low[0] == 0 and none.high[0] == pytest.approx(3.689, abs=1e-3)
    rng, weights, means = np.random.default_rng(0), np.array([0.2, 1.0, 0.5]), np.array([4, 1, 3])
    covered = 0
    for _ in range(400):
        found = poisson_sum(rng.poisson(means).astype(float), weights[:, None])
        covered += bool(found.low[0] <= means @ weights <= found.high[0])
    assert covered / 400 >= 0.93


def test_the_interval_of_a_difference_of_counts_covers():
    rng, means = np.random.default_rng(0), np.array([6.0, 3.0])
    for truth in (means, means * 10, means / 10):
        net = difference(*(poisson(rng.poisson(m, 2000)) for m in truth))
        inside = (net.low <= truth[0] - truth[1]) & (truth[0] - truth[1] <= net.high)
        assert inside.mean() >= 0.935


@pytest.mark.parametrize("expected", [0.5, 3.0, 30.0])
def test_few_crossings_are_rarely_taken_for_ndr(expected):
    """The current is constant, but by chance some windows have more ions than later ones."""
    false = 0
    for k in range(150):
        tables = crossing_tables(np.random.default_rng([k, 3]), 8, expected, 2.0)
        false += find_ndr(tables, "forward", "+", RISE).found
    assert false / 150 <= 0.09  # 5 %, plus 2.3 standard errors


# --- pulses ------------------------------------------------------------------------------------


def test_pulses_in_which_ions_only_dip_carry_no_current():
    point = tiny_point("pulse_train")
    recording, model = point.protocol.recording, build_model(point)
    rng, told = np.random.default_rng(2), 0
    for _ in range(60):
        sums = pulse_sums(rng, np.zeros(5), crossings=0)
        sums["K_slab_e_nm"] = rng.uniform(0, DIP, (8, 6)) * 2 * recording.slab_half_width_nm
        found = by_estimator(sums, recording, model)["pore slab"]
        told += found.flag == "" or not (found.currents.low < 0).all()
    assert told == 0


@pytest.mark.parametrize("errors", [2.0, 5.0, 15.0])
def test_intervals_of_ratios_cover_for_any_error_of_the_first_current(errors):
    """`errors` is the first current in standard errors; the true ratio is 1.7."""
    point = tiny_point("pulse_train")
    recording, model = point.protocol.recording, build_model(point)
    rng, given, covered = np.random.default_rng(3), 0, 0
    for _ in range(300):
        sums = pulse_sums(rng, np.array([1.7]), noise=np.sqrt(8) / errors)
        ratio = by_estimator(sums, recording, model)["pore slab"].ratio
        given += bool(np.isfinite(ratio.value[0]))
        covered += bool(ratio.low[0] <= 1.7 <= ratio.high[0])
    assert 0.90 <= covered / given <= 0.985
    assert given / 300 > (0.25 if errors < 3 else 0.9)


# --- known answers -----------------------------------------------------------------------------


def test_tables_of_every_current_are_those_of_its_ions():
    """Charge over the length it moved in; + goes to +x with a cation there or an anion away."""
    point = tiny_point("pulse_train")
    recording, model = point.protocol.recording, build_model(point)
    rng, shape = np.random.default_rng(0), (3, 4)
    sums = {"time_ps": rng.uniform(1, 9, shape), "field_ps": rng.normal(size=shape)}
    for ion in ("K", "Cl"):
        for part in ("slab_e_nm", "cell_e_nm"):
            sums[f"{ion}_{part}"] = rng.normal(size=shape)
        for way in ("forward", "backward"):
            sums[f"{ion}_{way}"] = rng.integers(0, 9, shape)
    found = current_tables(sums, recording, model)
    assert set(found) == {(e, s) for e in ESTIMATORS for s in ("total", "K", "Cl")}
    lengths = {"pore slab": 2 * recording.slab_half_width_nm, "whole cell": model.box[0]}
    for (estimator, species), tables in found.items():
        part = {"pore slab": "slab_e_nm", "whole cell": "cell_e_nm"}[estimator]
        ions = ("K", "Cl") if species == "total" else (species,)
        moved = sum(sums[f"{ion}_{part}"] for ion in ions)
        assert tables["charge"] == pytest.approx(E_PER_PS * moved / lengths[estimator])
        assert (tables["time"] == sums["time_ps"]).all()
        assert (tables["field"] == sums["field_ps"]).all()
        along = {"K": "K_forward", "Cl": "Cl_backward"}
        against = {"K": "K_backward", "Cl": "Cl_forward"}
        assert (tables["plus"] == sum(sums[along[ion]] for ion in ions)).all()
        assert (tables["minus"] == sum(sums[against[ion]] for ion in ions)).all()
        assert crossings(tables) == tables["plus"].sum() + tables["minus"].sum()
        assert rate(tables) == pytest.approx(tables["charge"] / tables["time"])


def test_a_current_is_charge_over_length_and_time_and_none_is_known_without_time():
    found = current(np.array([2.0, 1.0, 0.0]), 0.5, np.array([4.0, 0.0, 0.0]))
    assert (
        found[0] == pytest.approx(E_PER_PS * 2.0 / (0.5 * 4.0)) and not np.isfinite(found[1:]).any()
    )
    assert np.isnan(rate({"charge": np.zeros((1, 1)), "time": np.zeros((1, 1))})).all()


def few(plus, minus=0, seeds=5, bins=2, time=3.0, noise=0.0):
    """Tables of so many crossings in all of one bin, and the charge that they carry."""
    rng, shape = np.random.default_rng(0), (seeds, bins)
    tables = {name: np.zeros(shape) for name in ("charge", "plus", "minus")}
    tables["time"], tables["field"] = np.full(shape, time), np.full(shape, time)
    tables["plus"][0, 0], tables["minus"][1, 0] = plus, minus
    tables["charge"] = E_PER_PS * (tables["plus"] - tables["minus"]) + rng.normal(0, noise, shape)
    return tables


@pytest.mark.parametrize(("plus", "minus"), [(0, 0), (3, 0), (0, 3), (4, 7)])
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_few_crossings_have_no_less_than_the_interval_of_their_counts(plus, minus, level):
    tables = few(plus, minus)
    tables["charge"] *= 0.0  # no spread between the seeds at all
    found = current_interval(tables, rate, level)
    factor = E_PER_PS / (5 * 3.0)
    counts = difference(*(poisson(np.array(float(n)), level) for n in (plus, minus)))
    assert found.value[0] == 0.0
    assert found.high[0] == pytest.approx((counts.high - counts.value) * factor)
    assert found.low[0] == pytest.approx(-(counts.value - counts.low) * factor)
    none = poisson(np.array(0.0), level).high
    assert found.high[1] == pytest.approx(none * factor)
    assert found.low[1] == pytest.approx(-none * factor)


@pytest.mark.parametrize(("crossed", "by_counts"), [(19, True), (20, False)])
def test_from_twenty_crossings_on_the_seeds_alone_tell(crossed, by_counts):
    tables = few(crossed, noise=1e-3)
    tables["charge"] = np.full((5, 2), E_PER_PS * crossed / 5) + 1e-3 * np.arange(5)[:, None]
    found, seeds = current_interval(tables, rate), bootstrap(tables, rate)
    wide = found.high[0] - found.value[0] > 10 * (seeds.high[0] - seeds.value[0])
    assert wide == by_counts
    if not by_counts:
        assert found.at(0).triple() == pytest.approx(seeds.at(0).triple())
    # Where the seeds spread more than the counts, theirs is the interval.
    tables = few(3, noise=1e4)
    assert current_interval(tables, rate).high == pytest.approx(bootstrap(tables, rate).high)


def test_a_difference_of_two_bins_counts_the_crossings_of_both():
    """Crossings of either bin, weighed with its sign; those of a third bin do not count."""
    tables = few(2, 1, bins=3)
    tables["plus"][2, 1], tables["plus"][3, 2] = 3, 500
    tables["charge"] *= 0.0

    def change(t):
        return rate(t)[:, [0]] - rate(t)[:, [1]]

    found = current_interval(tables, change)
    plus = poisson_sum(np.array([2.0, 0.0]), np.ones((2, 1)))
    minus = poisson_sum(np.array([3.0, 1.0]), np.ones((2, 1)))
    counts, factor = difference(plus, minus), E_PER_PS / (5 * 3.0)
    assert found.high == pytest.approx((counts.high - counts.value) * factor)
    assert found.low == pytest.approx((counts.low - counts.value) * factor)


@pytest.mark.parametrize(("ion", "charge", "way"), [("K", 1.0, 1), ("Cl", -1.0, -1)])
def test_crossings_by_count_have_a_poisson_interval_in_the_ion_s_own_direction(ion, charge, way):
    counts = {f"{ion}_forward": np.array(6.0), f"{ion}_backward": np.array(1.0)}
    found = crossing_current(counts | {"time_ps": np.array(50.0)}, ion, charge)
    net = difference(poisson(np.array(6.0)), poisson(np.array(1.0)))
    ends = sorted(way * end * E_PER_PS / 50.0 for end in (net.low, net.high))
    assert found.triple() == pytest.approx([way * 5 * E_PER_PS / 50.0, *ends])
    double = crossing_current(counts | {"time_ps": np.array(50.0)}, ion, 2 * charge)
    assert double.triple() == pytest.approx([2 * end for end in found.triple()])


def test_the_species_of_a_current_are_all_ions_and_each_alone():
    found = species_of(build_model(tiny_point()))
    assert found == {"total": {"K": 1.0, "Cl": -1.0}, "K": {"K": 1.0}, "Cl": {"Cl": -1.0}}
