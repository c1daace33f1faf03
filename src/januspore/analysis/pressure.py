"""Pressure of a bulk liquid of rigid molecules, from configurations alone, so for any engine.

The molecular virial: p V = n kT + (W_LJ + U_C - sum F_i . (r_i - R_i)) / 3, with n the molecules
and ions, W_LJ = sum r . F over Lennard-Jones pairs, U_C the Coulomb energy (its virial: the energy
is homogeneous of degree -1 in all lengths), F_i the forces on atoms without constraints and R_i
the centre of mass of an atom's molecule (Allen and Tildesley 2017, section 2.4). The forces are
those that the engines integrate: truncated, so without the jump of the potential at the cut-off.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..model.system import Model
from ..simulate.observables import wrap
from ..units import BOLTZMANN

if TYPE_CHECKING:
    from ..engines.openmm_charges import SwitchedCharges

#: bar of one kJ/mol/nm^3.
BAR = 16.6053907


def pressure(
    model: Model, positions: NDArray, temperature_K: float, charges: "SwitchedCharges"
) -> float:
    """Instantaneous pressure, bar, with the kinetic part of its mean at a temperature.

    Args:
        model: a bulk liquid: nothing frozen.
        positions: nm, shape (N, 3), waters whole.
        temperature_K: of the thermostat.
        charges: gives Coulomb forces and energy.
    """
    coulomb, forces = charges.coulomb(positions)
    virial, pair_forces = lennard_jones(model, positions)
    forces = forces + pair_forces
    water = positions[model.waters]
    mass = model.mass[model.waters]
    centre = (mass[:, :, None] * water).sum(axis=1) / mass.sum(axis=1)[:, None]
    within = float((forces[model.waters] * (water - centre[:, None])).sum())
    molecules = len(model.ions) + len(model.waters)
    thermal = molecules * BOLTZMANN * temperature_K
    return float((thermal + (virial + coulomb - within) / 3) / np.prod(model.box) * BAR)


def lennard_jones(model: Model, positions: NDArray) -> tuple[float, NDArray[np.float64]]:
    """Virial sum r . F of the Lennard-Jones pairs, kJ/mol, and the forces, kJ/mol/nm, (N, 3)."""
    import freud

    heavy = np.flatnonzero(model.epsilon > 0)
    forces = np.zeros((model.n_atoms, 3))
    if len(heavy) < 2:
        return 0.0, forces
    where = wrap(positions[heavy], model.box)
    query = freud.locality.AABBQuery(freud.box.Box(*model.box), where)
    asked = {"mode": "ball", "r_max": model.cutoff_nm, "exclude_ii": True}
    found = query.query(where, asked).toNeighborList()
    i, j = found.query_point_indices, found.point_indices  # each pair twice
    delta = where[i] - where[j]
    delta -= model.box * np.round(delta / model.box)
    square = np.einsum("ij,ij->i", delta, delta)
    a, b = heavy[i], heavy[j]
    six = ((0.5 * (model.sigma[a] + model.sigma[b])) ** 2 / square) ** 3
    epsilon = np.sqrt(model.epsilon[a] * model.epsilon[b])
    radial = 24.0 * epsilon * (2.0 * six**2 - six)  # r . F of a pair
    for axis in range(3):
        pull = radial / square * delta[:, axis]
        forces[heavy, axis] = np.bincount(i, pull, minlength=len(heavy))
    return 0.5 * float(radial.sum()), forces


def tail(model: Model) -> float:
    """Pressure that the attraction beyond the cut-off would add, bar: negative.

    As if g(r) were 1 there (Allen and Tildesley 2017, section 2.8). The engines leave it out, as
    the paper does; most published densities have it in.
    """
    volume, cutoff = float(np.prod(model.box)), model.cutoff_nm
    kinds, counts = np.unique(model.type_id[model.epsilon > 0], return_counts=True)
    first = [int(np.flatnonzero(model.type_id == kind)[0]) for kind in kinds]
    total = 0.0
    for n, a in zip(counts, first, strict=True):
        for m, b in zip(counts, first, strict=True):
            sigma = 0.5 * (model.sigma[a] + model.sigma[b])
            epsilon = np.sqrt(model.epsilon[a] * model.epsilon[b])
            ratio = (sigma / cutoff) ** 3
            part = 2.0 / 3.0 * ratio**3 - ratio
            total += 16.0 / 3.0 * np.pi * n * m / volume**2 * epsilon * sigma**3 * part
    return float(total * BAR)
