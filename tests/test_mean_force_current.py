"""The product `mean_force_current`: planted ions in a wide pore, verdicts and cautions."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import tiny_point
from matplotlib.figure import Figure
from planted import jobs_of, plant, planted_rows
from planted_barrier import held_rows
from test_nernst_planck import held_x

from januspore.analysis.flux import Held, current
from januspore.analysis.job import analyse_record
from januspore.analysis.statistics import Interval
from januspore.analysis.store import write_arrays
from januspore.engines.base import PARTS
from januspore.model.system import MEMBRANE_LENGTH_NM, build_model
from januspore.products import PRODUCTS
from januspore.products.mean_force_current import _currents, make, verdict
from januspore.products.results import product_table
from januspore.schema import with_seed
from januspore.space.dataspace import dump, open_project, point_of
from januspore.units import BOLTZMANN, VOLT_PER_NM

KT = BOLTZMANN * 300.0
FIELD, STIFFNESS = 0.6, 20_000.0
POSITIONS = [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0]
KEYS = {
    "positions_nm": POSITIONS,
    "fields_V_per_nm": [FIELD],
    "approach_ps": 2.0,
    "charging_ps": 45.0,
    "settle_ps": 1.0,
    "window_ps": 20.0,
    "radius_nm": 0.3,
}
DIFFUSION = {"K": 5e-4, "Cl": 4e-4}
SEEN = 300.0  # free ions at an end, a density far above 1 mol/L so that many pass in a test


def barrier_sums(point, seed, height=8.0):
    """Sums of the analysis for a held ion with planted diffusion and barrier."""
    ion, rng = point.protocol.ion, np.random.default_rng([seed, *point.protocol.ion.encode()])

    def push(x, field):
        # The reservoirs screen most of the field, and the pore has a barrier.
        bump = height * 2 * np.pi / 1.6 * np.sin(2 * np.pi * np.clip(x, -0.8, 0.8) / 1.6)
        sign = 1.0 if ion == "K" else -1.0
        return bump - 0.8 * sign * VOLT_PER_NM * field

    parts = {part: lambda x, e: 0.0 * x for part in PARTS}
    parts["water_electrostatic"] = push
    rows = held_rows(point, parts, rng, noise=5.0)
    sign = 1.0 if ion == "K" else -1.0
    force = push(rows["tether_x_nm"], FIELD) + sign * VOLT_PER_NM * FIELD
    away = force / STIFFNESS + held_x(rng, len(rows), 0.1, DIFFUSION[ion])
    rows.columns["held_x_nm"] = rows["tether_x_nm"] + away
    sums, _ = analyse_record(rows, [], point, build_model(point))
    counts = {"end_frames": np.full((1, 2), 40.0), "end_ions": rng.poisson(40 * SEEN, (1, 2))}
    return rows, sums, counts


def truth(point, height):
    """The planted current of one species, nA, from its forces on a fine grid."""
    model, ion = build_model(point), point.protocol.ion
    x = np.linspace(-1, 1, 401)
    sign = 1.0 if ion == "K" else -1.0
    bump = height * 2 * np.pi / 1.6 * np.sin(2 * np.pi * np.clip(x, -0.8, 0.8) / 1.6)
    force = bump + 0.2 * sign * VOLT_PER_NM * FIELD
    area = float(np.prod(model.box[1:]))
    ions = len(model.indices(ion))
    held = Held(sign, 300.0, 0.3, STIFFNESS, area, ions, MEMBRANE_LENGTH_NM / 2)
    spread, slow = KT / STIFFNESS, 2 * (KT / STIFFNESS) ** 2 / DIFFUSION[ion]
    tables = {
        "tether": force[None],
        "x_nm_spread": np.full((1, 401), spread),
        "x_nm_slow": np.full((1, 401), slow),
        "end_frames": np.ones((1, 2)),
        "end_ions": np.full((1, 2), SEEN),
        "seeds": np.ones((1, 1)),
        "batch_ps": np.full((1, 1), 1e9),
    }
    return float(current(tables, held, x)[0, 0])


def ensemble(point, sums, counts=None, seeds=6):
    """An ensemble, reduced to what the product reads of it."""
    stacked = {name: np.stack([one[name] for one in sums]).astype(float) for name in sums[0]}
    ends = {n: np.stack([one[n] for one in counts]) for n in counts[0]} if counts else {}
    return SimpleNamespace(
        point=point,
        model=build_model(point),
        jobs=jobs_of(seeds),
        equilibrations=list(range(seeds)),
        each_seed=lambda file="analysis.h5": ends if file == "ends.h5" else stacked,
        sums=lambda: stacked,
        title="planted",
        seeds=f"{seeds} seeds",
    )


def held_ensemble(ion, height=8.0, seeds=6, **keys):
    point = tiny_point("barrier", ion=ion, **(KEYS | keys))
    each = [barrier_sums(point, seed, height) for seed in range(seeds)]
    return ensemble(point, [one[1] for one in each], [one[2] for one in each], seeds)


def staircase(current_nA, seeds=6, noise_e_nm=0.002):
    point = tiny_point("staircase", holds_V_per_nm=[FIELD], hold_ps=40.0)
    model = build_model(point)
    sums = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rows = planted_rows(
            point, lambda e, r: current_nA, lambda e: 1.0, rng, noise_e_nm=noise_e_nm
        )
        sums.append(analyse_record(rows, [], point, model)[0])
    return ensemble(point, sums, seeds=seeds)


@pytest.fixture(scope="module")
def both():
    return [held_ensemble("K"), held_ensemble("Cl")]


def shown(content, quantity, ion):
    table = content.table
    row = table[(table.quantity == quantity) & (table.ion == ion)].iloc[0]
    return row


def test_the_planted_currents_and_their_total_lie_in_their_intervals(both):
    content = make(both)
    whole = 0.0
    for one in both:
        ion, true = one.point.protocol.ion, truth(one.point, 8.0)
        row = shown(content, "current", ion)
        assert row.low <= true <= row.high and row.value == pytest.approx(true, rel=0.4)
        assert true > 0 and row.unit == "nA" and row.statement == ""
        whole += true
    total = shown(content, "current", "total")
    assert total.low <= whole <= total.high
    D = content.table[(content.table.quantity == "diffusion") & (content.table.ion == "K")]
    assert np.exp(np.log(D.value).mean()) == pytest.approx(DIFFUSION["K"], rel=0.2)
    assert (D.low > 0).all()
    assert D.x_nm.to_numpy() == pytest.approx(POSITIONS, abs=0.01)
    assert "one ion at a time" in content.findings["limits"]


@pytest.mark.parametrize(("factor", "word"), [(1.0, "agrees"), (12.0, "disagrees")])
def test_the_current_is_compared_with_the_direct_one(both, factor, word):
    passing = factor * sum(truth(one.point, 8.0) for one in both)
    content = make([*both, staircase(passing, noise_e_nm=0.0005)])
    direct = shown(content, "direct current", "total")
    assert direct.value == pytest.approx(passing, rel=0.1)
    assert shown(content, "verdict", "total").statement.startswith(word)


def test_a_pore_that_no_ion_passed_has_a_bound_that_is_compared_with_the_mean_force():
    content = make([held_ensemble("Cl", height=40.0), staircase(0.0)])
    found = shown(content, "current", "Cl")
    assert 0 < found.high < 1e-3 < 1.0 < shown(content, "direct current", "Cl").high
    assert shown(content, "verdict", "Cl").statement.startswith("within the direct current's bound")
    assert "K was not held" in content.findings["no total"]


def test_without_a_staircase_at_this_field_it_says_so(both):
    assert "no staircase holds this field" in make(both).findings["verdict"]


def test_disjoint_windows_and_ends_without_ions_are_reported():
    one = held_ensemble("K", seeds=2)
    gaps = {k: v.copy() for k, v in one.each_seed().items()}
    gaps["tether"][:, :, 1::2] = np.nan
    ends = one.each_seed("ends.h5")
    broken = SimpleNamespace(**vars(one))
    broken.each_seed = lambda file="analysis.h5": ends if file == "ends.h5" else gaps
    text = shown(make([broken]), "current", "K").statement
    assert "windows do not join" in text and "init.py --protocol barrier" in text
    none = {name: np.zeros_like(v) for name, v in ends.items()}
    whole = one.each_seed()
    broken.each_seed = lambda file="analysis.h5": none if file == "ends.h5" else whole
    content = make([broken])
    assert "frame_interval_ps" in shown(content, "current", "K").statement
    assert "frame_interval_ps" in content.findings["verdict"]
    # Free energy and diffusion coefficient do not need the density.
    assert {"PMF", "diffusion"} <= set(content.table.quantity)


def test_reasons_to_doubt_a_current_are_given():
    one = held_ensemble("K", seeds=2, charging_ps=0.0)
    assert "reservoirs still charge" in shown(make([one]), "current", "K").statement


def interval(*ends):
    return Interval(*(np.asarray(v) for v in ends))


def test_agreement_of_wide_intervals_is_called_weak_evidence():
    told = verdict(interval(5.0, 1.0, 25.0), interval(4.0, 3.5, 4.5))
    assert told.startswith("agrees, within intervals of a factor 25, which says little")
    assert verdict(interval(5, 4, 6), interval(0.1, -1, 1)).startswith("outside the direct")
    assert "two seeds" in verdict(interval(5.0, np.nan, np.nan), interval(4.0, 3.5, 4.5))


def test_the_product_combines_both_ions_and_the_staircase_of_one_cell(tmp_path):
    """Three ensembles make one product, in any order of their jobs; another cell makes another."""
    project = open_project(tmp_path)
    (product,) = (p for p in PRODUCTS if p.name == "mean_force_current")
    jobs = []
    for ion in ("K", "Cl"):
        point = tiny_point("barrier", ion=ion, **KEYS)
        for seed in range(2):
            job = project.open_job(dump(with_seed(point, seed, "planted"))).init()
            rows, _, counts = barrier_sums(point_of(job), seed)
            plant(job, rows)
            write_arrays(Path(job.fn("ends.h5")), counts, {})
            jobs.append(job)
    for keys in ({}, {"cell": {"repeats_y": 7, "repeats_z": 4, "reservoir_nm": 1.5}}):
        point = tiny_point("staircase", holds_V_per_nm=[FIELD], hold_ps=20.0, **keys)
        job = project.open_job(dump(point)).init()
        rng = np.random.default_rng(0)
        plant(job, planted_rows(point, lambda e, r: 1.0, lambda e: 1.0, rng))
        jobs.append(job)
    (group,) = product.groups(jobs)
    assert len(group) == 5 and product.is_ready(*group) and not product.is_made(*group)
    product.run(*group)
    assert product.is_made(*reversed(group))
    assert product.path(group[0], "json") == product.path(group[-1], "json")
    made = json.loads(product.path(group[0], "json").read_text())
    assert made["protocol"]["name"] == "barrier" and len(made["membranes"]) == 1
    assert len(made["membranes"][0]["jobs"]) == 5
    table = product_table(project, "mean_force_current")
    assert {"K", "Cl", "total"} <= set(table.ion)
    assert "protocol.ion" not in table  # the column "ion" has it


def test_short_and_distant_windows_are_reported_with_what_would_suffice():
    positions = [-1.0, -0.5, 0.0, 0.5, 1.0]
    one = held_ensemble("K", seeds=2, window_ps=8.0, positions_nm=positions)
    text = shown(make([one]), "current", "K").statement
    assert "positions_nm every 0.2 nm" in text and "window_ps = 15" in text


def test_the_figure_tells_currents_apart_that_span_decades():
    rows = [
        ("current", "K", 18.0, 0.2, 1700.0),
        ("current", "Cl", 19.0, 1.3, 300.0),
        ("direct current", "K", 9.8, -9.3, 29.0),
        ("direct current", "Cl", 7.1, -1.2, 18.0),
    ]
    table = pd.DataFrame(rows, columns=["quantity", "ion", "value", "low", "high"])
    axis = Figure().subplots()
    _currents(axis, table.assign(field_V_per_nm=1.2))
    drawn = [line[0].get_xdata()[0] for line in axis.containers]
    assert len(set(drawn)) == len(rows) and np.mean(drawn) == pytest.approx(1.2)
    heights = axis.transAxes.inverted().transform(axis.transData.transform([(1.2, 7.1), (1.2, 19)]))
    assert heights[1, 1] - heights[0, 1] > 0.05  # on a linear axis 0.007 of its height
    assert axis.get_ylim()[0] < -9.3
