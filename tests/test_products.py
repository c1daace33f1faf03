"""Products recover planted results, and are made again exactly when their inputs change."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import copy_studies
from planted import plant, planted_rows

from januspore.analysis.orientation import (
    CENTRES,
    circular_std,
    density,
    gaussian_fit,
    gaussian_std,
    histogram,
    turned,
)
from januspore.errors import InputError
from januspore.products import PRODUCTS
from januspore.products.ensemble import Ensemble
from januspore.products.results import findings, product_table, results
from januspore.report.collect import products_made
from januspore.run.initialise import init_command
from januspore.space.conditions import is_analysed
from januspore.space.dataspace import open_project, point_of


@pytest.fixture
def space(tmp_path):
    copy_studies(tmp_path)
    return tmp_path


def loop(field, rising):
    """A pinched loop: the forward branch carries twice the reverse branch's current."""
    return 400.0 * field * (1.0 if rising > 0 else 0.5)


def narrowing(field):
    return 1.2 - 0.6 * field


def planted_space(space, *arguments, current=loop, spread=narrowing, protocol="sine", **options):
    init_command(list(arguments), space)
    project = open_project(space)
    for job in project.find_jobs({"protocol.name": protocol}):
        if not is_analysed(job):
            rng = np.random.default_rng(job.statepoint["seed"])
            plant(job, planted_rows(point_of(job), current, spread, rng, **options))
    return project


def ensembles(project, product):
    groups = {}
    for job in project:
        if product.concerns(job):
            groups.setdefault(product.key(job), []).append(job)
    return list(groups.values())


def make_all(project, names=("ie_curve", "water_order")):
    """Make missing products; return (product, charge of S) of each that was made."""
    made = []
    for product in PRODUCTS:
        if product.name in names:
            for jobs in ensembles(project, product):
                if product.is_ready(*jobs) and not product.is_made(*jobs):
                    product.run(*jobs)
                    made.append((product.name, jobs[0].statepoint["charge_set"]["S"]))
    return made


def test_a_planted_loop_is_recovered_within_its_intervals(space):
    project = planted_space(space)
    make_all(project, ("ie_curve",))
    table = product_table(project, "ie_curve", {"charge_set.Se": -0.45})
    rows = table[(table.estimator == "pore slab") & (table.species == "total")]
    rising = np.where(rows.branch.str.startswith("forward"), 1, -1)
    truth = [loop(e, r) for e, r in zip(rows.field_V_per_nm, rising, strict=True)]
    inside = (rows.low_nA <= truth) & (truth <= rows.high_nA)
    # Fewer than 33 of 40 intervals of 95 % contain the value with a probability of 1e-4.
    assert inside.sum() >= 33
    half = table[(table.estimator == "pore slab") & (table.species == "K")]
    assert half.current_nA.to_numpy() == pytest.approx(rows.current_nA.to_numpy() / 2, abs=40)
    assert rows.voltage_V.to_numpy() == pytest.approx(
        rows.field_V_per_nm.to_numpy() * 3.67, rel=0.1
    )


def test_a_pore_that_no_ion_entered_has_a_bound_instead_of_zero(space):
    project = planted_space(space, current=lambda e, r: 0.0, noise_e_nm=0.0)
    make_all(project, ("ie_curve",))
    table = product_table(project, "ie_curve")
    slab = table[table.estimator == "pore slab"]
    assert (slab.current_nA == 0).all()
    # The bound is 3.689 elementary charges in the time of each bin, in either direction.
    assert slab.high_nA.to_numpy() == pytest.approx(3.689 * 160.2177 / slab.time_ps, rel=1e-3)
    assert (slab.low_nA == -slab.high_nA).all()


def test_seeds_of_one_equilibration_count_as_one_in_every_product(space):
    """With sixteen seeds of four different equilibrations, intervals are those of four samples."""
    init_command(["--seeds", "0:16"], space)
    project = open_project(space)
    for job in project.find_jobs({"protocol.name": "sine"}):
        seed = job.statepoint["seed"]
        rng = np.random.default_rng(seed)
        own = 1.0 + 0.3 * (seed % 4)  # differs between equilibrations
        plant(
            job, planted_rows(point_of(job), lambda e, r, own=own: own * loop(e, r), narrowing, rng)
        )
    ensemble = Ensemble.of(project.find_jobs({"protocol.name": "sine"}))
    assert ensemble.seeds == "16 seeds of 4 equilibrations"
    sums = ensemble.sums()
    assert all(len(values) == 4 for values in sums.values())
    whole = {name: values.sum(axis=0) for name, values in ensemble.each_seed().items()}
    assert all(sums[name].sum(axis=0) == pytest.approx(whole[name]) for name in sums)
    make_all(project, ("ndr",))
    (made,) = products_made(project)
    assert made.equilibrations == 4 and "16 seeds of 4 equilibrations" in made.provenance
    value, low, high = made.findings["pore slab, E > 0, loop area (nA V/nm)"]
    # Areas are in the ratio 1, 1.3, 1.6, 1.9; the interval has Student's factor for four samples.
    spread = np.std([1.0, 1.3, 1.6, 1.9], ddof=1) / 1.45 / 2
    assert (high - low) / 2 / value == pytest.approx(3.182 * spread, rel=0.15)


def test_planted_widths_are_recovered_and_the_verdict_follows_from_the_interval(space):
    project = planted_space(space)
    make_all(project, ("water_order",))
    table = product_table(project, "water_order")
    rows = table[(table.branch == "both") & (table.sign == "+")]
    truth = narrowing(rows.field_V_per_nm)
    # Each window has some 1,300 angles, so a width of 1.2 rad has an error of about 0.03 rad.
    assert rows.sigma_theta_rad.to_numpy() == pytest.approx(truth.to_numpy(), abs=0.1)
    assert rows.sigma_fit_rad.to_numpy() == pytest.approx(truth.to_numpy(), abs=0.2)
    found = dict((p, f) for _, p, f in findings(project))["water_order"]
    # The direction of the field is 0.
    assert rows.mu_fit_rad.to_numpy() == pytest.approx(0, abs=0.1)
    value, low, high = found["fall of sigma_theta with field, E > 0"]
    assert low < truth.iloc[0] - truth.iloc[-1] < high
    assert value == pytest.approx(truth.iloc[0] - truth.iloc[-1], abs=0.1)
    assert "rises with field beyond its interval" in found["verdict"]


def test_water_that_does_not_respond_to_the_field_gets_no_verdict_of_order(space):
    project = planted_space(space, spread=lambda e: 1.0)
    make_all(project, ("water_order",))
    found = findings(project)[0][2]
    assert "not enough data" in found["verdict"]


def test_one_seed_says_that_it_gives_no_interval(space):
    project = planted_space(space, "--seeds", "0")
    make_all(project)
    assert "one seed gives no interval" in findings(project)[-1][2]["verdict"]


def test_extending_a_sweep_makes_exactly_the_touched_products_again(space):
    project = planted_space(space)
    both = {("ie_curve", -0.61), ("water_order", -0.61)}
    assert set(make_all(project)) == both
    assert make_all(project) == []
    project = planted_space(space, "--charges", "Mo=1.06,S=-0.53,Se=-0.53")
    assert set(make_all(project)) == {("ie_curve", -0.53), ("water_order", -0.53)}
    project = planted_space(space, "--seeds", "4:5")
    assert set(make_all(project)) == both
    assert make_all(project) == []


def test_membranes_side_by_side_are_those_that_are_finished(space):
    """Each has the results that it has alone; an unfinished one does not hide the others."""
    own = "Mo=1.06,S=-0.66,Se=-0.40"
    planted_space(space)
    project = planted_space(
        space, "--charges", own, current=lambda e, r: 3 * loop(e, r), spread=lambda e: 1.0
    )
    init_command(["--charges", "Mo=1.18,S=-0.59"], space)  # jobs without records
    make_all(project, ("membranes", "ndr"))
    table = product_table(project, "membranes")
    assert set(table.membrane) == {"MoSSe", "own"}
    facts = table[(table.sign == "+") & (table.branch == "both") & (table.estimator == "pore slab")]
    areas = facts.set_index("membrane").value
    # The integral of 200 nA nm/V times the field up to 1.2 V/nm.
    assert areas["MoSSe"] == pytest.approx(144, rel=0.1)
    assert areas["own"] == pytest.approx(432, rel=0.1)
    alone = product_table(project, "ndr", {"charge_set.Se": -0.40})
    same = alone[(alone.sign == "+") & (alone.quantity == "forward minus reverse area")]
    assert areas["own"] == same[same.estimator == "pore slab"].value.iloc[0]
    widths = table[(table.quantity == "fall of sigma_theta with field") & (table.sign == "+")]
    widths = widths.set_index("membrane")
    assert widths.low["MoSSe"] > 0 and widths.low["own"] < 0 < widths.high["own"]
    assert set(product_table(project, "membranes", {"charge_set.Se": -0.40}).membrane) == {"own"}
    assert make_all(project, ("membranes",)) == []
    planted_space(space, "--charges", "Mo=1.18,S=-0.59", current=lambda e, r: 0.0)
    assert len(make_all(project, ("membranes",))) == 1
    assert set(product_table(project, "membranes").membrane) == {"MoSSe", "MoS2", "own"}


def test_a_product_waits_for_every_seed(space):
    project = planted_space(space)
    make_all(project)
    init_command(["--seeds", "4:5"], space)
    assert make_all(open_project(space)) == []


def test_products_contain_their_provenance(space):
    project = planted_space(space)
    make_all(project, ("ie_curve",))
    path = next(Path(project.path, "results").rglob("ie_curve.json"))
    kept = json.loads(path.read_text())
    (membrane,) = kept["membranes"]
    assert {j["seed"] for j in membrane["jobs"]} == {0, 1, 2, 3}
    assert membrane["charge_set"]["Se"] == -0.45
    assert {"digest", "code", "protocol", "boundary"} <= kept.keys()
    assert path.with_suffix(".png").stat().st_size > 10_000


def test_results_by_state_point(space):
    project = planted_space(space)
    table = results(project, {"charge_set.Se": -0.45, "protocol.name": "sine"})
    assert isinstance(table, pd.DataFrame) and list(table.seed) == [0, 1, 2, 3]
    assert (table.simulated_ps == 20).all() and table.analysed.all()
    assert results(project, {"protocol.name": "equilibrate"}).analysed.sum() == 0
    with pytest.raises(InputError, match=r"charge_set\.Sb"):
        results(project, {"charge_set.Sb": 1})


def test_results_on_the_command_line(space):
    planted_space(space)

    def ask(*words):
        command = [sys.executable, "-m", "januspore", "--project", str(space), *words]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")

    table = ask("results", "charge_set.Se=-0.45", "protocol.name=sine")
    assert table.returncode == 0 and len(table.stdout.strip().splitlines()) == 5
    assert len(json.loads(ask("results", "seed=2", "--json").stdout)) == 2
    assert ask("results", "--csv").stdout.startswith("job,")
    bad = ask("results", "seed")
    assert bad.returncode == 2 and len(bad.stderr.strip().splitlines()) == 1


def test_widths_of_a_known_distribution():
    rng = np.random.default_rng(0)
    for mu, sigma in ((0.0, 0.4), (3.0, 0.7)):  # the second one extends over +-pi
        theta = np.mod(rng.normal(mu, sigma, 50_000) + np.pi, 2 * np.pi) - np.pi
        counts = histogram(theta, np.zeros(len(theta), dtype=int), 1)
        assert counts.sum() == len(theta)
        assert circular_std(counts)[0] == pytest.approx(sigma, abs=0.01)
        assert gaussian_std(counts)[0] == pytest.approx(sigma, abs=0.02)
        assert gaussian_fit(counts)[0, 0] == pytest.approx(mu, abs=0.02)
        assert density(counts).sum() * 2 * np.pi / len(CENTRES) == pytest.approx(1)


def test_turning_a_histogram_moves_angles_by_pi():
    counts = histogram(np.array([0.1, 0.1, -3.0]), np.zeros(3, dtype=int), 1)[0]
    before, after = counts @ np.exp(1j * CENTRES), turned(counts) @ np.exp(1j * CENTRES)
    assert after == pytest.approx(-before)


def test_an_empty_pore_has_no_width():
    counts = np.zeros((1, len(CENTRES)))
    assert np.isnan(circular_std(counts)[0]) and np.isnan(gaussian_std(counts)[0])
