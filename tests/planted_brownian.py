"""Brownian ions in three dimensions that pass a hole in a soft wall; their flux is counted.

A planted pore without molecules: ions do not interact, the field is uniform and D is constant. It
tests what the one-dimensional equation assumes of the flow in front of a pore.
"""

from dataclasses import dataclass

import numpy as np

from januspore.analysis.nernst_planck import END_HALF_NM, share_in_cylinder, steady_flux
from januspore.units import BOLTZMANN

KT = BOLTZMANN * 300.0
#: Half the wall's thickness, and the ends of the windows, nm; the wall's stiffness, kJ/mol/nm^2.
HALF_NM, ENDS_NM, STIFF = 0.3, 1.0, 1500.0
EDGE_NM, LENGTH_NM = 2.6, 3.67
#: nm^2 a step; with D = 1 nm^2/ps a time step in ps.
STEP = 1.5e-4


@dataclass(frozen=True)
class Counted:
    """Flux through the box, ions/ps, and concentrations at the ends of the windows, 1/nm^3."""

    flux: float
    ends: np.ndarray


def depth_into_wall(x, r, pore_nm):
    """Depth of positions in the wall, from its nearest face or from the hole, nm."""
    return np.clip(np.minimum(HALF_NM - np.abs(x), r - pore_nm), 0.0, None)


def _force(places, pore_nm, push):
    x, y, z = places
    r = np.hypot(y, z)
    depth = depth_into_wall(x, r, pore_nm)
    face = HALF_NM - np.abs(x) < r - pore_nm
    out = np.where(face, 0.0, -STIFF * depth / np.maximum(r, 1e-9))
    return np.stack([push + np.where(face, STIFF * depth * np.sign(x), 0.0), out * y, out * z])


def counted(pore_nm, push, walkers, steps, seed=0):
    """Simulate ions with D = 1 and a hole of a given radius; the first third is not counted."""
    rng = np.random.default_rng(seed)
    box = np.array([[LENGTH_NM], [EDGE_NM], [EDGE_NM]])
    places = (rng.random((3, walkers)) - 0.5) * box
    inside = depth_into_wall(places[0], np.hypot(*places[1:]), pore_nm) > 0
    places[0, inside] = np.sign(places[0, inside]) * (HALF_NM + 0.3)
    moved, seen, looks = 0.0, np.zeros(2), 0
    for k in range(steps):
        step = STEP / KT * _force(places, pore_nm, push)
        step += np.sqrt(2 * STEP) * rng.normal(size=places.shape)
        places += step
        places -= box * np.round(places / box)
        if k >= steps // 3:
            moved += step[0].sum()
            if k % 20 == 0:
                looks += 1
                away = np.abs(places[0] - np.array([[-ENDS_NM], [ENDS_NM]]))
                seen += (away < END_HALF_NM).sum(axis=1)
    time = STEP * (steps - steps // 3)
    return Counted(moved / time / LENGTH_NM, seen / looks / (2 * END_HALF_NM * EDGE_NM**2))


def by_equation(pore_nm, push, radius_nm, ends, spreads=True):
    """Flux by the equation, from the exact mean force on an ion in a cylinder."""
    x = np.linspace(-ENDS_NM, ENDS_NM, 201)
    r = (np.arange(1000) + 0.5) / 1000 * radius_nm
    weight = np.exp(-STIFF * depth_into_wall(x[:, None], r, pore_nm) ** 2 / (2 * KT))
    w = -KT * np.log(weight @ r)
    area = np.pi * radius_nm**2
    force = push - np.gradient(w, x)

    def share(at):
        return share_in_cylinder(at, radius_nm, HALF_NM, area / EDGE_NM**2)

    more = {"share": share} if spreads else {}
    return float(steady_flux(x, force[None], np.ones((1, 201)), ends[None] * area, KT, **more)[0])
