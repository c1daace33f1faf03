"""Distributions of the dipoles' angle: histograms, widths, the direction of the field."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from januspore.analysis.orientation import (
    BINS,
    CENTRES,
    along_field,
    circular_std,
    density,
    gaussian,
    gaussian_fit,
    gaussian_std,
    histogram,
    mean_cosine,
    order,
    resultant,
    turned,
)

WIDTH = 2 * np.pi / BINS


def wrapped_normal(mu, sigma):
    """Counts of a normal distribution about mu, wrapped to the circle: 10^6 angles."""
    edges = np.arange(BINS + 1) * WIDTH - np.pi
    turns = 2 * np.pi * np.arange(-3, 4)[:, None]
    return 1e6 * np.diff(norm.cdf(edges + turns, mu, sigma), axis=1).sum(axis=0)


def test_angles_fall_into_equal_bins_from_minus_pi_to_pi():
    assert CENTRES[0] == pytest.approx(-np.pi + WIDTH / 2)
    assert np.diff(CENTRES) == pytest.approx(np.full(BINS - 1, WIDTH))
    assert CENTRES.sum() == pytest.approx(0.0, abs=1e-9)
    theta = np.concatenate([CENTRES, CENTRES - 0.4 * WIDTH, CENTRES + 0.4 * WIDTH])
    group = np.repeat([0, 2, 2], BINS)
    found = histogram(theta, group, 4)
    assert found.tolist() == np.outer([1, 0, 2, 0], np.ones(BINS)).tolist()
    # +pi is -pi.
    ends = histogram(np.array([-np.pi, np.pi, np.pi - 1e-9]), np.zeros(3, dtype=int), 1)[0]
    assert ends[0] == 2 and ends[-1] == 1


def test_turned_histograms_are_those_of_the_angle_from_minus_x():
    theta = np.random.default_rng(0).uniform(-np.pi, np.pi, 500)
    none = np.zeros(500, dtype=int)
    back = np.mod(theta - np.pi + np.pi, 2 * np.pi) - np.pi
    found = turned(histogram(theta, none, 1))
    assert (found == histogram(back, none, 1)).all()
    assert (turned(found) == histogram(theta, none, 1)).all()


@given(st.floats(-3.0, 3.0), st.floats(0.15, 1.5))
def test_width_and_mean_of_a_wrapped_normal_are_its_own(mu, sigma):
    counts = wrapped_normal(mu, sigma)
    # Bins of 5 degrees shrink R by 1 part in 3000.
    assert abs(resultant(counts)) == pytest.approx(np.exp(-(sigma**2) / 2), rel=1e-3)
    assert np.angle(resultant(counts)) == pytest.approx(mu, abs=1e-3)
    assert circular_std(counts) == pytest.approx(sigma, rel=2e-2)


def test_one_direction_has_no_width_and_no_waters_have_none_known():
    counts = np.zeros((3, BINS))
    counts[0, 10], counts[1, [10, 10 + BINS // 2]] = 5, 3
    assert resultant(counts[0]) == pytest.approx(np.exp(1j * CENTRES[10]))
    assert circular_std(counts)[0] == pytest.approx(0.0, abs=1e-7)
    assert abs(resultant(counts[1])) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(resultant(counts[2])) and np.isnan(circular_std(counts)[2])


@pytest.mark.parametrize("mu", [0.0, 0.7, -2.0, np.pi - 0.02, -np.pi + 0.2])
@pytest.mark.parametrize("sigma", [0.2, 0.6])
def test_the_fitted_gaussian_is_the_planted_one_wherever_it_points(mu, sigma):
    counts = wrapped_normal(mu, sigma)
    found = gaussian_fit(np.stack([counts, 0 * counts]))
    assert found.shape == (2, 2) and np.isnan(found[1]).all()
    assert np.mod(found[0, 0] - mu + 1, 2 * np.pi) - 1 == pytest.approx(0.0, abs=0.01)
    assert -np.pi <= found[0, 0] <= np.pi
    assert found[0, 1] == pytest.approx(sigma, rel=0.02)
    assert gaussian_std(counts) == found[0, 1]


def test_fewer_waters_than_a_quarter_of_the_bins_are_not_fitted():
    counts = np.zeros(BINS)
    counts[BINS // 2 - 2 : BINS // 2 + 2] = [3, 6, 6, 3]  # 18
    assert np.isfinite(gaussian_fit(counts)).all()
    counts[BINS // 2] = 5
    assert np.isnan(gaussian_fit(counts)).all()


def test_a_narrow_peak_on_a_broad_background_has_two_widths():
    """The fit describes the peak only and the model-free width everything, so both are given."""
    counts = wrapped_normal(0.3, 0.3) + 0.5 * wrapped_normal(0.3, 1.5)
    assert gaussian_std(counts) < 0.5 < 0.7 < circular_std(counts)


def test_densities_integrate_to_one():
    counts = np.stack([wrapped_normal(0.5, 0.4), np.arange(BINS) * 1.0, np.zeros(BINS)])
    assert density(counts).sum(axis=-1) * WIDTH == pytest.approx([1.0, 1.0, 0.0])
    theta = np.linspace(-3, 3, 2001)
    assert gaussian(theta, 0.2, 0.4) == pytest.approx(norm.pdf(theta, 0.2, 0.4))
    assert gaussian(theta, 0.2, -0.4) == pytest.approx(norm.pdf(theta, 0.2, 0.4))


def test_order_is_relative_to_the_field():
    """Dipoles along +x: with a field along +x, against one along -x."""
    counts = np.stack([wrapped_normal(0.0, 0.5)] * 3)
    sums = {"cosine": np.array([[8.0, 4.0, 2.0]]), "waters": np.array([[10, 10, 0]])}
    found = along_field(sums | {"theta": counts[None]}, np.array([0.5, -0.5, 0.0]))
    assert found["cosine"].tolist() == [[8.0, -4.0, 2.0]]
    assert (found["waters"] == sums["waters"]).all()
    assert np.angle(resultant(found["theta"][0, ::2])) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert abs(np.angle(resultant(found["theta"][0, 1]))) == pytest.approx(np.pi)
    cosine = mean_cosine(found)
    assert cosine[0, :2] == pytest.approx([0.8, -0.4]) and not np.isfinite(cosine[0, 2])
    assert order(found, "mean cosine")[0, 0] == cosine[0, 0]
    assert order(found, "sigma_theta")[0] == pytest.approx(np.full(3, 0.5), rel=1e-2)
