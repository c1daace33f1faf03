"""Parts of the force on an ion along x, for one configuration of any engine.

Coulomb forces are bilinear in the charges, so the force of the water on an ion is the difference
between evaluations with and without the water's charges, long-range part included. Three
evaluations by OpenMM give the parts for all ions at once, and the parts sum to the whole force. The
net charge of a part of the system is neutralised by a uniform background, which has no force.
Lennard-Jones forces are sums over pairs.
"""

import numpy as np
from numpy.typing import NDArray

from ..model.system import Model
from ..settings import Resources
from ..units import VOLT_PER_NM
from . import openmm_resources
from .base import PARTS as PARTS
from .openmm_charges import SwitchedCharges


class ForceParts:
    """Forces on ions by origin; create it once for a model, as that takes a second."""

    def __init__(self, model: Model, resources: Resources | None = None) -> None:
        """Prepare for a model.

        Args:
            model: the atoms.
            resources: what the run may use; OpenMM chooses its own platform and precision where
                they are those of another engine.
        """
        resources = openmm_resources(resources or Resources.from_environment())
        self._model = model
        self._charges = SwitchedCharges(model, resources)
        self._heavy = {
            "water_vdw": model.waters[:, 0],
            "membrane_vdw": np.flatnonzero(model.frozen),
            "ions": model.ions,
        }

    @property
    def platform(self) -> str:
        """Name of the OpenMM platform that computes: a GPU's where the engine has one."""
        return self._charges.platform

    def along_x(
        self, positions: NDArray, atoms: NDArray, field_V_per_nm: float
    ) -> dict[str, NDArray[np.float64]]:
        """Forces along x on some ions, by origin.

        Args:
            positions: of all atoms, nm, shape (N, 3), waters whole.
            atoms: indices of the ions asked for, shape (n,).
            field_V_per_nm: the field that acts.

        Returns:
            kJ/mol/nm, shape (n,), for each of `PARTS`. `ions` is van der Waals and electrostatics
            from all other ions, and the ion's own periodic images. A tether is in none of them.
        """
        self._charges.place(positions)
        ions = self._charges.forces()[atoms, 0]
        switched = {
            f"{name}_electrostatic": self._charges.forces(name)[atoms, 0] - ions
            for name in ("water", "membrane")
        }
        vdw = {
            name: lennard_jones_x(self._model, positions, atoms, others)
            for name, others in self._heavy.items()
        }
        found = {
            **switched,
            **vdw,
            "ions": ions + vdw["ions"],
            "field": self._model.charge[atoms] * (field_V_per_nm * VOLT_PER_NM),
        }
        return {name: found[name] for name in PARTS}


def lennard_jones_x(
    model: Model, positions: NDArray, atoms: NDArray, others: NDArray
) -> NDArray[np.float64]:
    """Lennard-Jones forces along x on atoms from others within the cut-off, but not themselves.

    Args:
        model: parameters (Lorentz-Berthelot), box and cut-off (plain truncation).
        positions: nm, shape (N, 3).
        atoms: indices, shape (n,).
        others: indices, shape (m,).

    Returns:
        kJ/mol/nm, shape (n,).
    """
    delta = positions[atoms][:, None] - positions[others]
    delta -= model.box * np.round(delta / model.box)
    square = np.einsum("ijk,ijk->ij", delta, delta)
    i, j = np.nonzero((square < model.cutoff_nm**2) & (atoms[:, None] != others))
    a, b, square, x = atoms[i], others[j], square[i, j], delta[i, j, 0]
    six = ((0.5 * (model.sigma[a] + model.sigma[b])) ** 2 / square) ** 3
    epsilon = np.sqrt(model.epsilon[a] * model.epsilon[b])
    force = 24.0 * epsilon * (2.0 * six**2 - six) / square * x
    return np.bincount(i, force, minlength=len(atoms)).astype(np.float64)
