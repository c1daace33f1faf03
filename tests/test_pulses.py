"""Staircases, paired pulses and trains: planted memory recovered, no memory told as such."""

from pathlib import Path

import numpy as np
import pytest
from helpers import CHARGE_SETS, TINY
from planted import plant, planted_rows

from januspore.aggregates import PRODUCTS
from januspore.aggregates.ensemble import Ensemble
from januspore.aggregates.paired_pulse import make as make_pairs
from januspore.aggregates.pulse_train import make as make_train
from januspore.aggregates.relaxation import make as make_relaxation
from januspore.dataspace import dump, open_project, point_of
from januspore.field import branches_of, programme_of
from januspore.schema import state_point

PULSED = {
    "mode": "facilitation",
    "preparation_V_per_nm": 2.0,
    "preparation_ps": 4.0,
    "pulse_V_per_nm": 0.7,
    "pulse_ps": 5.0,
    "rest_V_per_nm": 0.5,
}
TAU_PS = 6.0


def ensemble_of(space, protocol, rows_of, seeds=8):
    """Jobs of a protocol with planted records; `rows_of(point, rng)` gives (trunk, branches)."""
    project, jobs = open_project(space), []
    for seed in range(seeds):
        point = state_point(
            {"charge_set": CHARGE_SETS["janus"], "protocol": protocol | TINY, "seed": seed}
        )
        job = project.open_job(dump(point)).init()
        plant(job, *rows_of(point_of(job), np.random.default_rng([seed, 11])))
        jobs.append(job)
    return Ensemble.of(jobs)


def pulse_rows(point, rng, programme, ratios, start_ps=0.0):
    """Rows whose n-th pulse carries 400 nA times ratios[n]."""
    labels = [(s, leaf) for s, leaf in programme.leaves() if leaf.label == "pulse"]

    def current(time):
        for n, (start, leaf) in enumerate(labels):
            if start <= time < start + leaf.duration_ps:
                return 400.0 * ratios[n]
        return 0.0

    return planted_rows(
        point,
        None,
        lambda e: 1.0,
        rng,
        programme=programme,
        current_at=current,
        start_ps=start_ps,
        noise_e_nm=0.01,
    )


def pairs(ratio_of_delay):
    delays = [1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 18.0, 26.0]
    protocol = {"name": "paired_pulse", **PULSED, "delays_ps": delays}

    def rows(point, rng):
        trunk = pulse_rows(point, rng, programme_of(point.protocol), [1.0])
        branches = [
            pulse_rows(point, rng, whole, [1.0, ratio_of_delay(d)], 4.0 + 5.0 + d)
            for d, whole in branches_of(point.protocol).items()
        ]
        return trunk, branches

    return protocol, rows


def test_planted_facilitation_is_recovered(tmp_path):
    def truth(delay):
        return 1.2 + 1.9 * np.exp(-delay / TAU_PS)

    content = make_pairs(ensemble_of(tmp_path, *pairs(truth)))
    table = content.table[content.table.estimator == "pore slab"]
    planted = truth(table.delay_ps)
    # Eight intervals of 95 %: fewer than six inside has a chance below 0.6 %.
    assert ((table.ratio_low <= planted) & (planted <= table.ratio_high)).sum() >= 6
    tau, low, high = content.findings["pore slab tau_ps"]
    assert low < TAU_PS < high and tau == pytest.approx(TAU_PS, rel=0.4)
    assert "memory of the first pulse" in content.findings["verdict"]


def test_pulses_without_memory_have_ratios_of_one(tmp_path):
    content = make_pairs(ensemble_of(tmp_path, *pairs(lambda delay: 1.0)))
    table = content.table[content.table.estimator == "pore slab"]
    assert ((table.ratio_low <= 1) & (table.ratio_high >= 1)).sum() >= 6
    assert "pore slab tau_ps" not in content.findings


def test_a_first_pulse_without_current_gives_no_ratio(tmp_path):
    protocol, rows = pairs(lambda delay: 1.0)

    def silent(point, rng):
        trunk, branches = rows(point, rng)
        for piece in (trunk, *branches):
            for ion in ("K", "Cl"):
                piece.columns[f"{ion}_slab_e_nm"][:] = 0.0
        return trunk, branches

    content = make_pairs(ensemble_of(tmp_path, protocol, silent))
    table = content.table[content.table.estimator == "pore slab"]
    assert table.ratio.isna().all() and table.flag.str.contains("no ion in the slab").all()


def test_noise_is_never_divided_by_noise(tmp_path):
    protocol, _ = pairs(lambda delay: 1.0)

    def noise(point, rng):
        trunk = pulse_rows(point, rng, programme_of(point.protocol), [0.0])
        return trunk, [
            pulse_rows(point, rng, whole, [0.0, 0.0], 9.0 + d)
            for d, whole in branches_of(point.protocol).items()
        ]

    content = make_pairs(ensemble_of(tmp_path, protocol, noise))
    assert content.table.ratio.isna().all()
    assert content.table.flag.str.contains("no significant first current").all()


@pytest.mark.parametrize(("last", "word"), [(0.1, "depression"), (3.0, "facilitation")])
def test_planted_trains_are_recovered(tmp_path, last, word):
    protocol = {"name": "pulse_train", **PULSED, "delay_ps": 5.0, "pulses": 8}
    ratios = np.linspace(1.0, last, 8)
    content = make_train(
        ensemble_of(
            tmp_path,
            protocol,
            lambda p, rng: (pulse_rows(p, rng, programme_of(p.protocol), ratios), []),
        )
    )
    table = content.table[content.table.estimator == "pore slab"]
    planted = 400.0 * ratios
    assert ((table.low_nA <= planted) & (planted <= table.high_nA)).sum() >= 6
    # All ratios share the first pulse's error, so they miss together: 1 of 600 at 1.6 half widths.
    half = (table.ratio_high - table.ratio_low) / 2
    assert (abs(table.ratio - ratios)[1:] < 1.6 * half[1:]).all()
    assert word in content.findings["pore slab"]


def staircase_rows(point, rng, up_ps, down_ps):
    """sigma_theta falls from 1.5 to 0.9 after each step up, and rises again after each down."""
    protocol = point.protocol
    n, hold = len(protocol.holds_V_per_nm), protocol.hold_ps

    def width(time):
        step, since = int(time // hold), time % hold
        if step < n:
            return 0.9 + 0.6 * np.exp(-since / up_ps)
        return 1.5 - 0.6 * np.exp(-since / down_ps)

    return planted_rows(
        point, None, None, rng, waters=40, current_at=lambda t: 0.0, spread_at=width
    ), []


def test_planted_times_of_a_staircase_are_recovered(tmp_path):
    protocol = {"name": "staircase", "holds_V_per_nm": [0.3, 0.6, 1.2], "hold_ps": 30.0}
    content = make_relaxation(
        ensemble_of(tmp_path, protocol, lambda p, rng: staircase_rows(p, rng, 3.0, 7.0), 6)
    )
    table = content.table
    assert (table.verdict == "resolved").sum() >= 5
    for direction, truth in (("forward", 3.0), ("reverse", 7.0)):
        rows = table[(table.direction == direction) & (table.verdict == "resolved")]
        assert ((rows.tau_ps_low <= truth) & (truth <= rows.tau_ps_high)).sum() >= len(rows) - 1
    _, low, high = content.findings["tau_reverse_over_forward"]
    assert low < 7 / 3 < high and "slower" in content.findings["verdict"]


def test_water_that_does_not_respond_has_no_time(tmp_path):
    protocol = {"name": "staircase", "holds_V_per_nm": [0.3, 1.2], "hold_ps": 30.0}

    def flat(point, rng):
        rows = planted_rows(
            point, None, None, rng, current_at=lambda t: 0.0, spread_at=lambda t: 1.0
        )
        return rows, []

    content = make_relaxation(ensemble_of(tmp_path, protocol, flat, 6))
    # Each of four steps has a 5 % chance to look like one.
    assert (content.table.verdict != "resolved").sum() >= 3
    assert content.table.tau_ps[content.table.verdict != "resolved"].isna().all()


def test_every_product_has_a_module_with_make():
    folder = Path(__file__).parent.parent / "src" / "januspore" / "aggregates"
    for product in PRODUCTS:
        assert "def make(" in (folder / f"{product.name}.py").read_text()
