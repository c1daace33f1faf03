"""The tether as HOOMD-blue's wall forces, which act on a particle type of its own.

A wall with a Gaussian potential that is very wide and has a negative epsilon is a spring: its force
is -k d exp(-d^2 / 2 sigma^2) at the distance d from the wall, on the side that the wall faces. Two
planes, back to back, are the spring along x, and a cylinder that faces outwards is the radial one.
HOOMD-blue has no other force that is a spring along x alone.

Walls have no periodic images. HOOMD-blue's positions lie in the box, so the cylinder about its axis
acts on the nearest image without more; along x, images of the plane are placed one box away, and
each plane acts up to half a box.
"""

import math
from typing import Any

from numpy.typing import NDArray

from ..model.forcefield import SPECIES
from .base import Tether

#: Type of the tethered particle, which otherwise equals its species.
HELD = "held"
#: Width of the Gaussian: at d = 3 nm the force is 5e-6 less than the spring's.
_SIGMA_NM = 1000.0


class WallTether:
    """The forces of one simulation; they are zero before :meth:`set`."""

    def __init__(self, hoomd: Any, tether: Tether, box: NDArray, others: str) -> None:
        """Make the forces.

        Args:
            hoomd: the library.
            tether: stiffness.
            box: edges, nm, shape (3,).
            others: HOOMD-blue's type that is not a species of the model.
        """
        self._wall = hoomd.wall
        self._edge = float(box[0])
        self._epsilon = -tether.stiffness_kJ_per_mol_nm2 * _SIGMA_NM**2
        gaussian = hoomd.md.external.wall.Gaussian
        self._planes = gaussian(walls=self._planes_at(0.0))
        self._cylinder = gaussian(walls=[self._cylinder_of(0.0)])
        for force in self.forces:
            for name in (*SPECIES, others):
                force.params[name] = {"epsilon": 0.0, "sigma": _SIGMA_NM, "r_cut": 0.0}
        self._stiffen(False)

    @property
    def forces(self) -> list[Any]:
        """HOOMD-blue's force objects: along x, and about the axis."""
        return [self._planes, self._cylinder]

    def set(self, x_nm: float, radius_nm: float) -> None:
        """Set where the spring along x is at rest, and the cylinder's radius; at x = inf, none."""
        stiff = math.isfinite(x_nm)
        if stiff != self._stiff:
            self._stiffen(stiff)
        if not stiff:
            return
        # Walls are replaced one by one: a new list fails after the first step (hoomd-blue #1879).
        for i, plane in enumerate(self._planes_at(x_nm)):
            self._planes.walls[i] = plane
        self._cylinder.walls[0] = self._cylinder_of(radius_nm)

    def _stiffen(self, stiff: bool) -> None:
        self._stiff = stiff
        epsilon = self._epsilon if stiff else 0.0
        reaches = (0.5 * self._edge, _SIGMA_NM)
        for force, reach in zip(self.forces, reaches, strict=True):
            force.params[HELD] = {"epsilon": epsilon, "sigma": _SIGMA_NM, "r_cut": reach}

    def _planes_at(self, x_nm: float) -> list[Any]:
        """The plane in the box, facing both ways, and its two images, facing the box."""
        inside = x_nm - self._edge * math.floor(x_nm / self._edge + 0.5)
        places = (
            (inside, 1.0),
            (inside, -1.0),
            (inside - self._edge, 1.0),
            (inside + self._edge, -1.0),
        )
        return [
            self._wall.Plane(origin=(x, 0.0, 0.0), normal=(facing, 0.0, 0.0))
            for x, facing in places
        ]

    def _cylinder_of(self, radius_nm: float) -> Any:
        return self._wall.Cylinder(radius=radius_nm, axis=(1.0, 0.0, 0.0), inside=False)
