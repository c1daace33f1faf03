"""Thermal velocities of ions and rigid waters, for any engine."""

import numpy as np
from numpy.typing import NDArray

from ..units import BOLTZMANN
from .system import Model, water_geometry


def thermal_velocities(
    model: Model, positions: NDArray, temperature_K: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw Maxwell-Boltzmann velocities, nm/ps, shape (N, 3); frozen atoms get zero.

    Waters get a velocity of their centre of mass and an angular velocity about their principal
    axes, so the rigid-body constraints hold exactly and both have `temperature_K`.

    Args:
        model: masses and molecules.
        positions: nm, shape (N, 3); molecules whole.
        temperature_K: temperature.
        rng: source of randomness.
    """
    thermal = BOLTZMANN * temperature_K
    velocities = np.zeros((model.n_atoms, 3))
    ions = model.ions
    velocities[ions] = (
        rng.normal(size=(len(ions), 3)) * np.sqrt(thermal / model.mass[ions])[:, None]
    )
    if len(model.waters) == 0:
        return velocities
    mass, relative, total = rigid_frame(model, positions)
    centre = rng.normal(size=(len(relative), 3)) * np.sqrt(thermal / total)
    moments, axes = np.linalg.eigh(inertia(mass, relative))
    spin = rng.normal(size=moments.shape) * np.sqrt(thermal / moments)
    omega = np.einsum("nij,nj->ni", axes, spin)
    velocities[model.waters] = centre[:, None] + np.cross(omega[:, None], relative)
    return velocities


def temperatures(model: Model, positions: NDArray, velocities: NDArray) -> tuple[float, float]:
    """Translational (ions and molecules' centres) and rotational (waters) temperature, K.

    Args:
        model: masses and molecules.
        positions: nm, shape (N, 3); molecules whole and rigid.
        velocities: nm/ps, shape (N, 3).
    """
    ions = model.ions
    translation = (model.mass[ions, None] * velocities[ions] ** 2).sum()
    freedom, rotation, waters = 3 * len(ions), 0.0, len(model.waters)
    if waters:
        oxygen, first, second = velocities.take(model.waters.T, axis=0)
        mass_O, mass_H = model.mass[model.waters[0, :2]]
        centre = mass_O * oxygen + mass_H * (first + second)
        translation += (centre**2).sum() / (mass_O + 2 * mass_H)
        rotation = _rotation(model, positions, first + second - 2 * oxygen, first - second)
        freedom += 3 * waters
    return (
        float(translation / (max(freedom, 1) * BOLTZMANN)),
        float(rotation / (max(3 * waters, 1) * BOLTZMANN)),
    )


def _rotation(model: Model, positions: NDArray, along: NDArray, across: NDArray) -> float:
    """Sum of L^2 / I over the waters' principal axes, amu (nm/ps)^2: twice their energy.

    The axes follow from three positions and the moments from the rigid geometry, so that no tensor
    is inverted, as this takes the largest share of the time of a sample.

    Args:
        model: masses and molecules.
        positions: nm, shape (N, 3).
        along: velocities H1 + H2 - 2 O, shape (n, 3), from which the centre's motion cancels.
        across: velocities H1 - H2, shape (n, 3).
    """
    mass_O, mass_H = model.mass[model.waters[0, :2]]
    _, (height, half, _), _ = water_geometry()
    reach = height * mass_O / (mass_O + 2 * mass_H)  # of the hydrogens' middle from the centre
    inertia_x = 2 * mass_H * half**2
    inertia_y = 2 * mass_H * reach * height
    oxygen, first, second = positions.take(model.waters.T, axis=0)
    x = (first + second - 2 * oxygen) / (2 * height)  # the dipole
    y = (first - second) / (2 * half)
    z = np.cross(x, y)
    # L = x cross (mass_H reach along) + y cross (mass_H half across)
    about_x = mass_H * half * _dot(across, z)
    about_y = -mass_H * reach * _dot(along, z)
    about_z = mass_H * (reach * _dot(along, y) - half * _dot(across, x))
    return float(
        (about_x**2).sum() / inertia_x
        + (about_y**2).sum() / inertia_y
        + (about_z**2).sum() / (inertia_x + inertia_y)
    )


def _dot(a: NDArray, b: NDArray) -> NDArray:
    return np.einsum("ij,ij->i", a, b)


def rigid_frame(model: Model, positions: NDArray) -> tuple[NDArray, NDArray, float]:
    """Masses (3,), positions relative to each water's centre of mass (n, 3, 3), total mass."""
    mass = model.mass[model.waters[0]]
    atoms = positions[model.waters]
    total = float(mass.sum())
    centre = np.einsum("i,nij->nj", mass, atoms) / total
    return mass, atoms - centre[:, None], total


def inertia(mass: NDArray, relative: NDArray) -> NDArray:
    """Inertia tensors, amu nm^2, shape (n, 3, 3)."""
    square = np.einsum("i,nij,nij->n", mass, relative, relative)
    outer = np.einsum("i,nij,nik->njk", mass, relative, relative)
    return square[:, None, None] * np.eye(3) - outer
