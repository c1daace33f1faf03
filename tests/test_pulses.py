"""Staircases, paired pulses and trains: planted memory is recovered, and its absence."""

from pathlib import Path

import numpy as np
import pytest
from helpers import CHARGE_SETS, TINY, tiny_point
from planted import plant, planted_rows

from januspore.analysis.current import current_interval, pooled_rate
from januspore.analysis.pulses import Memory, by_estimator, pulse_segments
from januspore.analysis.relaxation import fit_exponential
from januspore.analysis.statistics import bootstrap, ratio_of_means
from januspore.model.system import build_model
from januspore.products import PRODUCTS
from januspore.products.ensemble import Ensemble
from januspore.products.paired_pulse import make as make_pairs
from januspore.products.pulse_train import make as make_train
from januspore.products.relaxation import make as make_relaxation
from januspore.schema import state_point
from januspore.space.dataspace import dump, open_project, point_of
from januspore.units import E_PER_PS

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
    """Jobs of a protocol with planted records; `rows_of(point, rng)` returns (trunk, branches)."""
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
        trunk = pulse_rows(point, rng, point.protocol.programme(), [1.0])
        branches = [
            pulse_rows(point, rng, b.programme, [1.0, ratio_of_delay(d)], 4.0 + 5.0 + d)
            for d, b in zip(delays, point.protocol.branches(), strict=True)
        ]
        return trunk, branches

    return protocol, rows


def test_planted_facilitation_is_recovered(tmp_path):
    def truth(delay):
        return 1.2 + 1.9 * np.exp(-delay / TAU_PS)

    content = make_pairs(ensemble_of(tmp_path, *pairs(truth)))
    table = content.table[content.table.estimator == "pore slab"]
    planted = truth(table.delay_ps)
    # Fewer than six of eight intervals of 95 % contain the value with a probability of 0.6 %.
    assert ((table.ratio_low <= planted) & (planted <= table.ratio_high)).sum() >= 6
    first = content.findings["pore slab, I0_nA"]
    assert first[1] <= 400.0 <= first[2] and first == list(
        content.table[["I0_nA", "I0_nA_low", "I0_nA_high"]].iloc[0]
    )
    row = table.iloc[0]
    told = content.findings[f"pore slab, I1 over I0 after {row.delay_ps:g} ps"]
    assert told == [row.ratio, row.ratio_low, row.ratio_high]
    tau, low, high = content.findings["pore slab tau_ps"]
    assert low < TAU_PS < high and tau == pytest.approx(TAU_PS, rel=0.4)
    assert "memory of the first pulse" in content.findings["verdict"]


def test_pulses_without_memory_have_ratios_of_one(tmp_path):
    content = make_pairs(ensemble_of(tmp_path, *pairs(lambda delay: 1.0)))
    table = content.table[content.table.estimator == "pore slab"]
    assert ((table.ratio_low <= 1) & (table.ratio_high >= 1)).sum() >= 6
    assert "pore slab tau_ps" not in content.findings


def pulse_sums(rng, ratios, seeds=8, noise=0.15, crossings=100):
    """Sums by seed and pulse; the first current is some 30 errors, the others have given ratios."""
    share = rng.normal(np.concatenate([[1.0], ratios]), noise, (seeds, 1 + len(ratios)))
    return {
        "K_slab_e_nm": share,
        "Cl_slab_e_nm": 0 * share,
        "K_cell_e_nm": 5 * share,
        "Cl_cell_e_nm": 0 * share,
        "time_ps": np.full(share.shape, 5.0),
        "field_ps": np.full(share.shape, 3.5),
        "K_forward": np.full(share.shape, crossings),
        **{name: 0 * share for name in ("K_backward", "Cl_forward", "Cl_backward")},
    }


def test_intervals_of_ratios_have_their_nominal_coverage():
    """The ratio 1.0 means no memory: its intervals contain 1 at the nominal rate."""
    point = tiny_point("pulse_train")
    recording, model = point.protocol.recording, build_model(point)
    rng, repeats, truth = np.random.default_rng(3), 400, np.array([1.0, 3.0, 0.3])
    covered = np.zeros(3)
    for _ in range(repeats):
        ratio = by_estimator(pulse_sums(rng, truth), recording, model)["pore slab"].ratio
        covered += (ratio.low <= truth) & (truth <= ratio.high)
    # 95 % nominal; 400 repetitions have a standard error of 1.1 %.
    assert ((covered >= 0.91 * repeats) & (covered <= 0.98 * repeats)).all(), covered / repeats


def test_the_current_of_all_pulses_covers_where_that_of_each_is_unknown():
    point = tiny_point("pulse_train")
    recording, model = point.protocol.recording, build_model(point)
    rng, ratios, covered, known = np.random.default_rng(5), np.array([1.2, 0.8]), 0, 0
    truth = E_PER_PS / (recording.slab_length_nm * 5.0)
    for _ in range(300):
        sums = pulse_sums(rng, ratios, seeds=4, noise=0.7)
        pulses = by_estimator(sums, recording, model)["pore slab"]
        found = current_interval(pulses.tables, pooled_rate)
        covered += bool(found.low[0] <= truth <= found.high[0])
        known += bool((pulses.currents.low > 0).all())
    # 95 % nominal; 300 repetitions have a standard error of 1.3 %.
    assert 0.91 <= covered / 300 <= 0.985 and known / 300 < 0.5


@pytest.mark.parametrize("amplitude", [1.9, -0.7])
def test_the_time_of_planted_facilitation_and_depression_is_covered(amplitude):
    delays = np.array([1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 40.0])
    truth = 1.2 + amplitude * np.exp(-delays / 8.0)
    rng, repeats, covered = np.random.default_rng(4), 300, 0

    def fit(tables):
        return fit_exponential(delays, (tables["q"] / tables["t"])[:, 1:])

    for k in range(repeats):
        share = rng.normal(np.concatenate([[1.0], truth]), 0.1, (12, 11))
        found = bootstrap({"q": share, "t": np.ones_like(share)}, fit, repeats=150, seed=k)
        covered += bool(found.low[0] <= np.log(8.0) <= found.high[0])
    assert 0.91 <= covered / repeats <= 0.98


def test_one_seed_gives_neither_ratio_nor_time(tmp_path):
    one = make_pairs(ensemble_of(tmp_path, *pairs(lambda delay: 3.0), seeds=1))
    assert one.table.ratio.isna().all() and one.table.I0_nA.notna().all()
    assert "one seed gives no interval" in one.findings["verdict"]


def test_a_first_pulse_without_current_gives_no_ratio(tmp_path):
    protocol, rows = pairs(lambda delay: 1.0)

    def silent(point, rng):
        trunk, branches = rows(point, rng)
        for piece in (trunk, *branches):
            for ion in ("K", "Cl"):
                for what in ("slab_e_nm", "forward", "backward"):
                    piece.columns[f"{ion}_{what}"][:] = 0
        return trunk, branches

    content = make_pairs(ensemble_of(tmp_path, protocol, silent))
    table = content.table[content.table.estimator == "pore slab"]
    assert table.ratio.isna().all() and table.flag.str.contains("no significant first").all()
    assert not any("pore slab, I1 over I0" in key for key in content.findings)
    assert (table.I0_nA_high > 0).all()  # the bound of a zero count


def test_no_ratio_is_given_where_the_first_current_is_noise(tmp_path):
    protocol, _ = pairs(lambda delay: 1.0)

    def noise(point, rng):
        trunk = pulse_rows(point, rng, point.protocol.programme(), [0.0])
        return trunk, [
            pulse_rows(point, rng, b.programme, [0.0, 0.0], b.leaves_ps)
            for b in point.protocol.branches()
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
            lambda p, rng: (pulse_rows(p, rng, p.protocol.programme(), ratios), []),
        )
    )
    table = content.table[content.table.estimator == "pore slab"]
    planted = 400.0 * ratios
    assert ((table.low_nA <= planted) & (planted <= table.high_nA)).sum() >= 6
    # All ratios share the error of the first pulse; 1.6 half widths are exceeded in 1 of 600 cases.
    half = (table.ratio_high - table.ratio_low) / 2
    assert (abs(table.ratio - ratios)[1:] < 1.6 * half[1:]).all()
    assert word in content.findings["pore slab"]
    value, low, high = content.findings["pore slab, mean pulse current_nA"]
    assert abs(value - planted.mean()) < high - low < 0.2 * value
    charge = content.findings["pore slab, charge a pulse_e"][0]
    assert charge == pytest.approx(value * PULSED["pulse_ps"] / E_PER_PS)
    assert f"pulses carry {value:.3g}" in content.findings["verdict"]


def staircase_rows(point, rng, up_ps, down_ps):
    """Rows whose sigma_theta falls from 1.5 to 0.9 after each step up and rises after each down."""
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
    table = table[table.observable == "mean cosine"]
    assert (table.verdict == "resolved").sum() >= 4
    # The reverse sweep begins at the last field of the forward one, so its first hold has no step.
    first = table[table.direction == "reverse"].iloc[0]
    assert first.verdict.startswith("no step") and np.isnan(first.tau_ps)
    for direction, truth in (("forward", 3.0), ("reverse", 7.0)):
        rows = table[(table.direction == direction) & (table.verdict == "resolved")]
        assert ((rows.tau_ps_low <= truth) & (truth <= rows.tau_ps_high)).sum() >= len(rows) - 1
    _, low, high = content.findings["mean cosine, tau_reverse_over_forward"]
    assert low < 7 / 3 < high and "slower" in content.findings["verdict"]


def test_a_staircase_of_one_seed_and_an_empty_pore_have_no_time(tmp_path):
    protocol = {"name": "staircase", "holds_V_per_nm": [0.3, 1.2], "hold_ps": 30.0}
    one = make_relaxation(
        ensemble_of(tmp_path, protocol, lambda p, rng: staircase_rows(p, rng, 3.0, 7.0), 1)
    )

    def empty(point, rng):
        still = {"current_at": lambda t: 0.0, "spread_at": lambda t: 1.0}
        return planted_rows(point, None, None, rng, waters=0, **still), []

    dry = make_relaxation(ensemble_of(tmp_path, protocol | {"hold_ps": 20.0}, empty, 3))
    for content in (one, dry):
        assert content.table.tau_ps.isna().all() and (content.table.verdict != "resolved").all()
        assert "not enough data" in content.findings["verdict"]


def test_water_that_does_not_respond_has_no_time(tmp_path):
    protocol = {"name": "staircase", "holds_V_per_nm": [0.3, 1.2], "hold_ps": 30.0}

    def flat(point, rng):
        rows = planted_rows(
            point, None, None, rng, current_at=lambda t: 0.0, spread_at=lambda t: 1.0
        )
        return rows, []

    content = make_relaxation(ensemble_of(tmp_path, protocol, flat, 6))
    # Each of four steps has a 5 % chance of a false relaxation.
    assert (content.table.verdict != "resolved").sum() >= 3
    assert content.table.tau_ps[content.table.verdict != "resolved"].isna().all()


def test_every_product_has_a_module_with_make():
    folder = Path(__file__).parent.parent / "src" / "januspore" / "products"
    for product in PRODUCTS:
        assert "def make(" in (folder / f"{product.name}.py").read_text()


# --- known answers -----------------------------------------------------------------------------


def pulses_of(sums):
    point = tiny_point("pulse_train")
    return by_estimator(sums, point.protocol.recording, build_model(point))


@pytest.mark.parametrize("correlation", [0.0, 0.8, -0.8])
def test_a_ratio_of_pulses_has_fieller_s_interval_with_what_seeds_share(correlation):
    """Seeds that carry more in every pulse: the ratio is known better than either current."""
    rng, seeds = np.random.default_rng(1), 12
    both = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], seeds)
    share = np.array([1.0, 2.0]) + 0.2 * both
    sums = pulse_sums(rng, np.array([2.0]), seeds=seeds)
    sums["K_slab_e_nm"], sums["K_cell_e_nm"] = share, 3 * share
    spread = np.cov(share, rowvar=False) / seeds
    bottom, top = share.mean(axis=0)
    exact = ratio_of_means(
        (np.array(top), np.array(bottom)), (spread[1, 1], spread[0, 0]), spread[0, 1], seeds
    )
    for pulses in pulses_of(sums).values():
        assert (pulses.missing, pulses.flag) == (None, "")
        assert pulses.ratio.value == pytest.approx([top / bottom])
        found = pulses.ratio.at(0)
        assert found.high - found.value == pytest.approx(exact.high - exact.value, rel=0.2)
        assert found.value - found.low == pytest.approx(exact.value - exact.low, rel=0.2)


def test_why_there_is_no_ratio():
    rng = np.random.default_rng(0)
    two = pulses_of(pulse_sums(rng, np.array([2.0, 3.0]), seeds=2, noise=1e-3))["pore slab"]
    assert two.missing is None and np.isfinite(two.ratio.high).all()
    one = pulses_of(pulse_sums(rng, np.array([2.0, 3.0]), seeds=1))["pore slab"]
    assert one.missing is Memory.ONE_SEED and one.flag == "one seed gives no interval"
    assert one.ratio.value.shape == (2,) and np.isnan(one.ratio.value).all()
    for sign in (1, -1):  # two seeds whose first currents differ in sign, and later ones do not
        sums = pulse_sums(rng, np.array([2.0]), seeds=4, noise=0.0)
        sums["K_slab_e_nm"][:, 0] = sign * np.array([1.0, -0.5, 1.0, -0.5])
        none = pulses_of(sums)["pore slab"]
        assert none.missing is Memory.NO_FIRST_CURRENT
        assert none.flag == f"no significant first current: I0 = {none.currents.at(0).shown()} nA"
        assert np.isnan(none.ratio.value).all()
    # Significant at 95 %, and still within 97.5 % of zero.
    sums = pulse_sums(rng, np.array([2.0]), seeds=4, noise=0.0)
    sums["K_slab_e_nm"][:, 0] = 1.0 + 0.53 * np.array([1.0, -1.0, 1.0, -1.0])
    near = pulses_of(sums)["pore slab"]
    assert near.currents.low[0] > 0 and near.missing is Memory.NO_FIRST_CURRENT
    assert near.flag.startswith("first current too uncertain for a ratio: I0 = ")
    sums["K_slab_e_nm"] *= -1.0  # both pulses along -x
    assert pulses_of(sums)["pore slab"].currents.high[0] < 0


def test_pulses_are_the_segments_that_are_labelled_so():
    train = tiny_point("pulse_train").protocol.programme()
    labels = [leaf.label for _, leaf in train.leaves()]
    found = pulse_segments(train)
    assert [labels[k] for k in found] == ["pulse"] * 7 == [x for x in labels if x == "pulse"]
    assert (np.diff(found) == 2).all()
