"""Rigid waters as HOOMD-blue keeps them: centres, orientations, quaternion angular momenta.

Pure array functions; nothing here needs HOOMD-blue. The body frame has its origin at the centre of
mass, x along the dipole and y from the second hydrogen to the first: these are principal axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..model.system import Model, water_geometry


@dataclass(frozen=True)
class WaterFrame:
    """A water in its body frame.

    Attributes:
        mass: amu, of O, H, H, shape (3,).
        sites: positions of O, H, H, nm, shape (3, 3).
        moments: principal moments of inertia, amu nm^2, shape (3,).
    """

    mass: NDArray[np.float64]
    sites: NDArray[np.float64]
    moments: NDArray[np.float64]

    @classmethod
    def of(cls, model: Model) -> "WaterFrame":
        """Return the frame of a model's waters; without waters, an unused placeholder."""
        mass = model.mass[model.waters[0]] if len(model.waters) else np.ones(3)
        shape = water_geometry()
        sites = shape - mass @ shape / mass.sum()
        square = (mass[:, None] * sites**2).sum(axis=0)
        return cls(mass, sites, square.sum() - square)


@dataclass(frozen=True)
class Bodies:
    """State of n rigid waters.

    Attributes:
        centre: of mass, unwrapped, nm, shape (n, 3).
        velocity: of the centre, nm/ps, shape (n, 3).
        orientation: quaternions (scalar first) from body to space, shape (n, 4).
        momentum: HOOMD-blue's quaternion momenta, 2 q (0, L) with L in the body frame in
            amu nm^2/ps, shape (n, 4).
    """

    centre: NDArray[np.float64]
    velocity: NDArray[np.float64]
    orientation: NDArray[np.float64]
    momentum: NDArray[np.float64]


def bodies_from_atoms(frame: WaterFrame, atoms: NDArray, velocities: NDArray) -> Bodies:
    """Find the bodies' state from whole molecules.

    Args:
        frame: the water's body frame.
        atoms: positions of O, H, H, nm, shape (n, 3, 3), each molecule whole.
        velocities: of O, H, H, nm/ps, shape (n, 3, 3); only their rigid motion is used.
    """
    total = frame.mass.sum()
    centre = np.einsum("i,nij->nj", frame.mass, atoms) / total
    velocity = np.einsum("i,nij->nj", frame.mass, velocities) / total
    turns = _turns(atoms)
    relative, swirl = atoms - centre[:, None], velocities - velocity[:, None]
    spin = np.einsum("i,nij->nj", frame.mass, np.cross(relative, swirl))
    quaternion = _quaternions(turns)
    momentum = 2.0 * _times_vector(quaternion, np.einsum("nji,nj->ni", turns, spin))
    return Bodies(centre, velocity, quaternion, momentum)


def atom_velocities(frame: WaterFrame, bodies: Bodies) -> NDArray[np.float64]:
    """Velocities of O, H, H, nm/ps, shape (n, 3, 3), from the bodies' rigid motion."""
    omega = angular_momenta(bodies) / frame.moments
    swirl = np.cross(omega[:, None], frame.sites)
    turned = np.einsum("nij,nkj->nki", rotation_matrices(bodies), swirl)
    return bodies.velocity[:, None] + turned


def angular_momenta(bodies: Bodies) -> NDArray[np.float64]:
    """Angular momenta in the body frame, amu nm^2/ps, shape (n, 3)."""
    q, p = bodies.orientation, bodies.momentum
    scalar, vector = q[:, :1], -q[:, 1:]
    return 0.5 * (scalar * p[:, 1:] + p[:, :1] * vector + np.cross(vector, p[:, 1:]))


def rotation_matrices(bodies: Bodies) -> NDArray[np.float64]:
    """Matrices that turn body into space coordinates, shape (n, 3, 3)."""
    if len(bodies.orientation) == 0:
        return np.zeros((0, 3, 3))
    return Rotation.from_quat(np.roll(bodies.orientation, -1, axis=1)).as_matrix()


def _turns(atoms: NDArray) -> NDArray:
    """Rotation matrices whose columns are the bodies' axes."""
    x = atoms[:, 1] + atoms[:, 2] - 2.0 * atoms[:, 0]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = atoms[:, 1] - atoms[:, 2]
    y -= (x * y).sum(axis=1, keepdims=True) * x
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=2)


def _quaternions(turns: NDArray) -> NDArray:
    if len(turns) == 0:
        return np.zeros((0, 4))
    return np.roll(Rotation.from_matrix(turns).as_quat(), 1, axis=1)


def _times_vector(q: NDArray, vector: NDArray) -> NDArray:
    """Quaternion products q (0, vector), shape (n, 4)."""
    scalar = -(q[:, 1:] * vector).sum(axis=1, keepdims=True)
    return np.concatenate([scalar, q[:, :1] * vector + np.cross(q[:, 1:], vector)], axis=1)
