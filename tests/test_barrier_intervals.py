"""Coverage of the intervals of barriers, and how often noise is reported as a barrier."""

import numpy as np
import pytest
from barrier_ensembles import (
    FORCES,
    LOW,
    NOTHING,
    POSITIONS,
    ensemble_with,
    point,
    profiles_of,
    rows_of,
)
from planted_barrier import neighbours, window_sums

from januspore.analysis.barrier import over_seeds
from januspore.analysis.pmf import largest_rise, trapezoid_weights
from januspore.products.barrier import make


@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("shift", "rho"), [(0.0, 0.0), (1.0, 0.0), (0.0, 0.8)])
def test_intervals_of_a_sum_over_windows_cover(seeds, shift, rho):
    """For any noise that windows share; a single seed cannot measure it and gets no verdict."""
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
def test_noise_shared_by_windows_is_not_called_a_barrier(seeds, options, fewer_draws):
    """The true PMF is flat. With windows taken as independent, 25 to 29 % would be barriers."""
    flat = point(fields_V_per_nm=[0.0])
    found, truth = heights(flat, NOTHING, seeds, 200, noise=20.0, **options)
    assert truth == 0
    # 5 %, plus two standard errors of 200 repeats; benchmarks/coverage.py has more of them.
    assert np.mean([b.found for b in found]) <= 0.08


@pytest.mark.parametrize(("seeds", "shift"), [(4, 25.0), (12, 0.0)])
def test_the_interval_of_a_barrier_covers_found_or_not(seeds, shift, fewer_draws):
    state_point = point(fields_V_per_nm=[0.0])
    found, truth = heights(state_point, LOW, seeds, 200, shift=shift)
    inside = [b.height.low <= truth <= b.height.high for b in found]
    assert np.mean(inside) >= 0.92
    # Where no barrier is found the interval is a bound.
    below = [b.height.high >= truth for b in found if not b.found]
    assert np.sum(below) >= len(below) - 0.07 * len(found)


def test_a_barrier_near_its_error_has_an_interval_and_no_value(fewer_draws):
    """The true height is 12 kJ/mol with errors of 40 kJ/mol/nm: found ones are twice as high."""
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
    # The errors of the few windows are far smaller than the variation between them.
    assert row.high - row.value > 2 * 3.2 * row.se_seeds
