"""The direct Ewald sum, compared with known constants and with the gradient of its energy."""

import numpy as np
import pytest
from ewald import direct_ewald

from januspore.units import COULOMB


def test_rock_salt_has_its_madelung_constant():
    sites = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    charges = 1.0 - 2.0 * (sites.sum(axis=1) % 2)
    energy, forces = direct_ewald(sites * 0.3, charges, np.full(3, 1.2))
    madelung = -energy / (COULOMB * len(sites) / 2 / 0.3)
    assert madelung == pytest.approx(1.747564594633182, abs=1e-11)
    assert np.abs(forces).max() < 1e-11 * COULOMB / 0.3**2


def test_two_sheets_feel_the_field_of_a_capacitor_under_tin_foil():
    # Smeared into planes, +q and -q at a distance d have a capacitor's field minus its mean:
    # E = -(sigma / eps0) (1 - d / L), where 1 / eps0 = 4 pi COULOMB.
    side, length, gap, n = 1.0, 4.0, 1.0, 12
    yz = np.stack(np.meshgrid(*[np.arange(n) / n * side] * 2, indexing="ij"), -1).reshape(-1, 2)
    sheets = [np.column_stack([np.full(n * n, x), yz]) for x in (0.0, gap)]
    charges = np.repeat([1.0, -1.0], n * n) / (n * n)
    box = np.array([length, side, side])
    _, forces = direct_ewald(np.concatenate(sheets), charges, box)
    sigma = 1.0 / side**2
    # On each sheet act half of the field of the sheets and all of the mean field's correction.
    expected = 4 * np.pi * COULOMB * sigma * (0.5 - gap / length)
    assert forces[: n * n, 0].sum() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("net", [0.0, 1.0])
def test_forces_are_the_energy_s_gradient_and_exclusions_are_bare_coulomb(net):
    rng = np.random.default_rng(1)
    box = np.array([1.3, 1.0, 1.7])
    positions = rng.uniform(-1, 1, (9, 3)) * box
    charges = rng.normal(size=9)
    charges += (net - charges.sum()) / 9
    pairs = np.array([[0, 1], [0, 2]])
    _, forces = direct_ewald(positions, charges, box, excluded_pairs=pairs)
    step = 1e-5
    for atom, axis in [(0, 0), (1, 1), (5, 2)]:
        shift = np.zeros_like(positions)
        shift[atom, axis] = step
        up, down = (
            direct_ewald(positions + s, charges, box, excluded_pairs=pairs)[0]
            for s in (shift, -shift)
        )
        # Central difference: error of order step^2 and of the energy's 1e-12 / step.
        assert (down - up) / (2 * step) == pytest.approx(forces[atom, axis], rel=1e-6, abs=1e-3)


def test_the_sum_does_not_depend_on_the_splitting_or_the_images():
    rng = np.random.default_rng(2)
    box = np.array([1.3, 1.0, 1.7])
    positions, charges = rng.uniform(size=(8, 3)) * box, np.tile([1.0, -1.0], 4)
    energy, forces = direct_ewald(positions, charges, box)
    moved = positions + box * rng.integers(-3, 4, (8, 3))
    for other in (direct_ewald(positions, charges, box, 1e-10), direct_ewald(moved, charges, box)):
        assert other[0] == pytest.approx(energy, abs=1e-6)
        assert np.allclose(other[1], forces, atol=1e-5)
