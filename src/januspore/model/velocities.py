"""Thermal velocities of ions and rigid waters, for any engine."""

import numpy as np
from numpy.typing import NDArray

from ..units import BOLTZMANN
from .system import Model


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
    """Translational (ions and molecules' centres) and rotational (waters) temperature, K."""
    ions = model.ions
    translation = (model.mass[ions, None] * velocities[ions] ** 2).sum()
    freedom, rotation, waters = 3 * len(ions), 0.0, len(model.waters)
    if waters:
        mass, relative, total = rigid_frame(model, positions)
        atoms = velocities[model.waters]
        centre = np.einsum("i,nij->nj", mass, atoms) / total
        momentum = np.einsum("i,nij->nj", mass, np.cross(relative, atoms - centre[:, None]))
        spin = np.linalg.solve(inertia(mass, relative), momentum[..., None])[..., 0]
        translation += total * (centre**2).sum()
        rotation = (spin * momentum).sum()
        freedom += 3 * waters
    return (
        float(translation / (max(freedom, 1) * BOLTZMANN)),
        float(rotation / (max(3 * waters, 1) * BOLTZMANN)),
    )


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
