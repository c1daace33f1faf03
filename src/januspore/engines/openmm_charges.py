"""Coulomb forces between groups of charges, by OpenMM, for `force_parts`.

They come from a context beside the engine's own, with the same PME and without Lennard-Jones.
Global parameters (offsets) switch the charges of water and membrane on and off, so that the context
need not be built again.
"""

import numpy as np
import openmm as mm
from numpy.typing import NDArray

from ..model.system import Model
from ..settings import Resources
from .openmm_engine import empty_nonbonded
from .openmm_platform import make_context

#: Groups of charges that can be switched off; the ions' are always on.
SWITCHED = ("water", "membrane")


class SwitchedCharges:
    """Coulomb forces of a model in which the charges of each of `SWITCHED` are on or off."""

    def __init__(self, model: Model, resources: Resources) -> None:
        system = mm.System()
        system.setDefaultPeriodicBoxVectors(*np.diag(model.box))
        for _ in range(model.n_atoms):
            system.addParticle(1.0)
        system.addForce(_coulomb(model))
        self._context = make_context(system, mm.VerletIntegrator(1e-3), resources)

    @property
    def platform(self) -> str:
        """OpenMM's platform that computes."""
        return str(self._context.getPlatform().getName())

    def place(self, positions: NDArray) -> None:
        """Set the positions, nm, shape (N, 3)."""
        self._context.setPositions(positions)

    def coulomb(self, positions: NDArray) -> tuple[float, NDArray[np.float64]]:
        """Coulomb energy, kJ/mol, and forces, kJ/mol/nm, shape (N, 3), of all charges."""
        self.place(positions)
        for name in SWITCHED:
            self._context.setParameter(name, 1.0)
        state = self._context.getState(energy=True, forces=True)
        energy = float(state.getPotentialEnergy()._value)
        return energy, np.array(state.getForces(asNumpy=True)._value)

    def forces(self, *on: str) -> NDArray[np.float64]:
        """Coulomb forces, kJ/mol/nm, shape (N, 3), with the ions' charges and those of `on`."""
        for name in SWITCHED:
            self._context.setParameter(name, float(name in on))
        return np.array(self._context.getState(forces=True).getForces(asNumpy=True)._value)


def _coulomb(model: Model) -> mm.NonbondedForce:
    force = empty_nonbonded(model)
    members = {"water": model.waters.ravel(), "membrane": np.flatnonzero(model.frozen)}
    always = np.zeros(model.n_atoms)
    always[model.ions] = model.charge[model.ions]
    for charge in always.tolist():
        force.addParticle(charge, 1.0, 0.0)
    for name in SWITCHED:
        force.addGlobalParameter(name, 1.0)
        for i in members[name].tolist():
            if model.charge[i]:
                force.addParticleParameterOffset(name, i, float(model.charge[i]), 0.0, 0.0)
    return force
