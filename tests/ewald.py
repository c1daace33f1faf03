"""Direct Ewald sum in double precision, the reference for the engines' electrostatics."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from januspore.units import COULOMB


def direct_ewald(
    positions: NDArray,
    charges: NDArray,
    box: NDArray,
    tolerance: float = 1e-12,
    excluded_pairs: NDArray | None = None,
) -> tuple[float, NDArray]:
    """Coulomb energy and forces of point charges in a periodic box, tin-foil boundary.

    Every reciprocal vector is summed explicitly, no mesh. A box with a net charge is neutralised by
    a uniform background (which acts on the energy only).

    Args:
        positions: nm, shape (N, 3), wrapped or not.
        charges: e, shape (N,).
        box: orthorhombic edges, nm, shape (3,).
        tolerance: where both sums are cut off, relative to a pair's bare interaction.
        excluded_pairs: pairs whose nearest images do not interact, shape (M, 2).

    Returns:
        (energy in kJ/mol, forces in kJ/mol/nm of shape (N, 3)).
    """
    positions = np.asarray(positions, dtype=np.float64)
    charges = np.asarray(charges, dtype=np.float64)
    box = np.asarray(box, dtype=np.float64)
    reach = np.sqrt(-np.log(tolerance))
    cutoff = box.min() / 2
    alpha = reach / cutoff
    energy, forces = _real_space(positions, charges, box, alpha, cutoff)
    wave_energy, wave_forces = _wave_space(positions, charges, box, alpha, 2 * alpha * reach)
    energy += wave_energy - alpha / np.sqrt(np.pi) * np.square(charges).sum()
    energy -= np.pi * charges.sum() ** 2 / (2 * np.prod(box) * alpha**2)
    forces += wave_forces
    if excluded_pairs is not None and len(excluded_pairs):
        i, j = np.asarray(excluded_pairs).T
        r = _nearest(positions[i] - positions[j], box)
        length = np.linalg.norm(r, axis=1)
        qq = charges[i] * charges[j]
        energy -= (qq / length).sum()
        pull = (qq / length**3)[:, None] * r
        np.add.at(forces, i, -pull)
        np.add.at(forces, j, pull)
    return float(COULOMB * energy), COULOMB * forces


def _nearest(r: NDArray, box: NDArray) -> NDArray:
    return r - box * np.round(r / box)


def _real_space(
    positions: NDArray, charges: NDArray, box: NDArray, alpha: float, cutoff: float
) -> tuple[float, NDArray]:
    energy, forces = 0.0, np.zeros_like(positions)
    for i in range(len(positions) - 1):
        r = _nearest(positions[i] - positions[i + 1 :], box)
        length = np.sqrt(np.square(r).sum(axis=1))
        near = np.flatnonzero(length < cutoff)
        r, length = r[near], length[near]
        qq = charges[i] * charges[i + 1 + near]
        pair = qq * erfc(alpha * length) / length
        gauss = qq * 2 * alpha / np.sqrt(np.pi) * np.exp(-np.square(alpha * length))
        push = ((pair + gauss) / length**2)[:, None] * r
        energy += pair.sum()
        forces[i] += push.sum(axis=0)
        forces[i + 1 + near] -= push
    return energy, forces


def _wave_space(
    positions: NDArray, charges: NDArray, box: NDArray, alpha: float, largest: float
) -> tuple[float, NDArray]:
    unit = 2 * np.pi / box
    axes = [np.arange(-n, n + 1) for n in np.floor(largest / unit).astype(int)]
    m = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    m = m[len(m) // 2 + 1 :]  # one of each pair k, -k; with tin foil k = 0 contributes nothing
    k = m * unit
    k = k[np.square(k).sum(axis=1) <= largest**2]
    weight = np.exp(-np.square(k).sum(axis=1) / (4 * alpha**2)) / np.square(k).sum(axis=1)
    weight *= 2 * 2 * np.pi / np.prod(box)
    energy, forces = 0.0, np.zeros_like(positions)
    for block in np.array_split(np.arange(len(k)), max(1, len(k) * len(charges) // 2_000_000)):
        phase = np.exp(1j * (positions @ k[block].T))
        structure = charges @ phase
        energy += (weight[block] * np.abs(structure) ** 2).sum()
        slope = 2 * weight[block] * (phase * structure.conj()).imag
        forces += charges[:, None] * (slope @ k[block])
    return energy, forces
