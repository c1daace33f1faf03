"""A pore in a continuum: limits of the formula, and Laplace's equation in a cylinder."""

import numpy as np
import pytest
from helpers import tiny_point
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from januspore.analysis.hall import cell_conductance, continuum, hall_conductance
from januspore.model.system import build_model

length = st.floats(0.1, 10.0)


@given(length, length, st.floats(0.1, 30.0))
def test_a_long_pore_has_its_own_resistance_and_a_short_one_that_of_access(d, long, sigma):
    assert hall_conductance(sigma, d, 1e6) == pytest.approx(sigma * np.pi * d**2 / 4e6, rel=1e-4)
    assert hall_conductance(sigma, d, 0.0) == pytest.approx(sigma * d)
    assert hall_conductance(sigma, d, long) < min(sigma * d, sigma * np.pi * d**2 / 4 / long)


@given(length, length)
def test_a_wide_cell_without_reservoirs_is_hall_s(d, long):
    assert cell_conductance(10.0, d, long, 1e12, 0.0) == pytest.approx(
        hall_conductance(10.0, d, long), rel=1e-4
    )


@given(st.floats(0.3, 2.0), st.floats(9.0, 100.0), st.floats(0.0, 10.0))
def test_narrower_cells_have_less_access_resistance_and_longer_reservoirs_more(d, area, reservoirs):
    here = cell_conductance(10.0, d, 0.67, area, reservoirs)
    assert cell_conductance(10.0, d, 0.67, area, reservoirs + 1) < here
    series = reservoirs / (10.0 * area)
    without = 1 / (1 / here - series)
    assert without >= hall_conductance(10.0, d, 0.67) * (1 - 1e-9)


def test_a_pore_as_wide_as_the_cell_is_refused():
    with pytest.raises(ValueError, match="a pore of 4 nm in a cell of 9 nm"):
        cell_conductance(10.0, 4.0, 0.67, 9.0, 3.0)
    with pytest.raises(ValueError, match="a pore of 2 nm"):
        cell_conductance(10.0, 2.0, 0.67, np.pi, 3.0)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.7])
def test_the_narrowing_is_the_published_series(ratio):
    """A cell of radius 1 nm and no length: 1 / (2 sigma a) on both sides together."""
    found = 1 / cell_conductance(3.0, 2 * ratio, 0.0, np.pi, 0.0) * 3.0 * 2 * ratio
    series = np.polynomial.Polynomial([1, -1.40925, 0, 0.29591, 0, 0.05254, 0, 0.02105])
    assert found == pytest.approx(series(ratio), rel=1e-9)


@pytest.mark.parametrize(("radius", "membrane"), [(0.5, 0.7), (1.0, 0.7), (1.0, 0.0)])
def test_the_formula_agrees_with_laplace_s_equation(radius, membrane):
    """Finite volumes in a cylinder of radius 2 with a membrane in the middle and sigma = 1."""
    wall, reservoir, n = 2.0, 4.0, 40
    found = laplace_conductance(wall, reservoir, radius, membrane, n)
    told = cell_conductance(1.0, 2 * radius, membrane, np.pi * wall**2, 2 * reservoir)
    # The formula treats the mouth as an equipotential, which is accurate to 2 %.
    assert told == pytest.approx(found, rel=0.03)


def laplace_conductance(wall, reservoir, radius, membrane, n):
    """Current per volt between the ends; cells have the size wall / n in both directions."""
    h = wall / n
    half = round((reservoir + membrane / 2) / h)
    z = (np.arange(half) + 0.5) * h  # the middle of the pore is an equipotential by symmetry
    r = (np.arange(n) + 0.5) * h
    open_ = (z[:, None] > membrane / 2) | (r[None, :] < radius)
    number = np.where(open_, np.cumsum(open_.ravel()).reshape(open_.shape) - 1, -1)
    area = np.pi * (((np.arange(n) + 1) * h) ** 2 - (np.arange(n) * h) ** 2)
    rows, columns, values = [], [], []
    diagonal, source = np.zeros(open_.sum()), np.zeros(open_.sum())

    def link(a, b, conductance):
        both = (a >= 0) & (b >= 0)
        a, b, g = a[both], b[both], np.broadcast_to(conductance, both.shape)[both]
        rows.extend([a, b])
        columns.extend([b, a])
        values.extend([-g, -g])
        np.add.at(diagonal, a, g)
        np.add.at(diagonal, b, g)

    link(number[:-1], number[1:], area[None, :] / h)
    link(number[:, :-1], number[:, 1:], 2 * np.pi * (np.arange(1, n) * h)[None, :])
    # The potential is 0 at the membrane's middle plane and 1/2 at the reservoir's end, each half a
    # cell beyond the outermost cells.
    middle = number[0]
    # A membrane without thickness is a wall in its plane, except at the mouth.
    mouth = (middle >= 0) & (r < radius)
    np.add.at(diagonal, middle[mouth], 2 * area[mouth] / h)
    np.add.at(diagonal, number[-1], 2 * area / h)
    source[number[-1]] += 0.5 * 2 * area / h
    size = len(diagonal)
    rows.append(np.arange(size))
    columns.append(np.arange(size))
    values.append(diagonal)
    matrix = coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (size, size)
    )
    potential = spsolve(matrix.tocsr(), source)
    return float((2 * area * (0.5 - potential[number[-1]]) / h).sum())


def test_a_model_s_continuum_is_that_of_its_open_pore_salt_and_cell():
    model = build_model(tiny_point())
    found = continuum(model, 1.0)
    diameter = model.pore.diameter_nm - 0.32
    assert found["hall_nS"] == pytest.approx(hall_conductance(11.2, diameter, 0.67))
    area = model.box[1] * model.box[2]
    assert found["continuum_nS"] == pytest.approx(cell_conductance(11.2, diameter, 0.67, area, 3.0))
    assert continuum(model, 2.0)["hall_nS"] == pytest.approx(2 * found["hall_nS"])


def test_without_salt_or_its_conductivity_there_is_no_continuum():
    raw = tiny_point().model_dump()["protocol"]["cell"]
    assert continuum(build_model(tiny_point(cell=raw | {"salt_mol_per_L": 0.0})), 0.0) == {}
    assert continuum(build_model(tiny_point(cell=raw | {"salt": "NaCl"})), 1.0) == {}
