"""OpenMM behind the engine interface: the engine that the package installs by default.

Rigid water by constraints (SETTLE), the membrane frozen by zero mass, particle-mesh Ewald, a
Nose-Hoover chain, and the applied field as a force q E on every mobile charge. There is no remover
of centre-of-mass motion: the frozen membrane takes up momentum. Only the `openmm_*` modules here
name an OpenMM type.
"""

import re
from typing import Any

import numpy as np
import openmm as mm
from numpy.typing import NDArray

from ..model.forcefield import WATER_ANGLE_DEG, WATER_R_OH_NM
from ..model.state import State
from ..model.system import Model
from ..protocols import Dynamics
from ..settings import Resources
from ..units import VOLT_PER_NM
from .base import Maker, Tether, ewald_parameters
from .openmm_platform import devices as devices
from .openmm_platform import make_context
from .step_by_step import StepByStep
from .stretch import Observed

#: Force groups whose energies do not belong to the potential energy, which is group 0.
_FIELD_GROUP, _TETHER_GROUP = 1, 2
#: OpenMM gives its thermostat's variables only in a serialised state; none before the first step.
_CHAIN = re.compile(r"<IntegratorParameters[^>]*?(/>|>.*</IntegratorParameters>)", re.S)


class OpenMMEngine(StepByStep):
    """See :class:`januspore.engines.base.Engine`."""

    name = "openmm"

    def __init__(
        self,
        model: Model,
        dynamics: Dynamics,
        resources: Resources,
        tether: Tether | None = None,
    ) -> None:
        self._model = model
        self._tether = tether
        self._mobile = ~model.frozen
        # tau is the chain's own time: Q = g k T tau^2, as in HOOMD-blue.
        self._integrator = mm.NoseHooverIntegrator(
            dynamics.temperature_K, 1.0 / dynamics.thermostat_tau_ps, dynamics.timestep_ps
        )
        self._integrator.setConstraintTolerance(1e-7)
        system = make_system(model)
        if tether is not None:
            system.addForce(_tether_force(model, tether))
        self._context = make_context(system, self._integrator, resources)

    @property
    def step(self) -> int:
        """Steps done since step 0 of the programme."""
        return int(self._context.getStepCount())

    def provenance(self) -> dict[str, Any]:
        """Engine, version, platform, precision and device, as plain JSON values."""
        platform = self._context.getPlatform()
        names = platform.getPropertyNames()
        values = {key: platform.getPropertyValue(self._context, key) for key in names}
        return {
            "name": self.name,
            "version": mm.version.full_version,
            "platform": platform.getName(),
            "precision": values.get(
                "Precision", "mixed" if platform.getName() == "CPU" else "double"
            ),
            "device": values.get("DeviceName", "CPU"),
            "threads": int(values.get("Threads", 1)),
        }

    def load(self, state: State) -> None:
        """Continue from a state, with the thermostat's chain where this engine wrote it."""
        context = self._context
        context.setPositions(state.positions)
        context.setVelocities(state.velocities)
        context.setStepCount(state.step)
        context.setTime(state.step * self._integrator.getStepSize()._value)
        beads = state.native.get("chain") if state.engine == self.name else None
        self._set_chain(np.zeros((3, 2)) if beads is None else beads)

    def save(self) -> State:
        """Return the present state with the thermostat's chain."""
        now = self._context.getState(positions=True, velocities=True)
        return State(
            positions=_values(now.getPositions(asNumpy=True)),
            velocities=_values(now.getVelocities(asNumpy=True)),
            box=self._model.box.copy(),
            step=self.step,
            engine=self.name,
            native={"chain": self._chain()},
        )

    def set_field(self, field_V_per_nm: float) -> None:
        """Set the uniform field along x that acts from the next step on."""
        self._context.setParameter("field", field_V_per_nm * VOLT_PER_NM)

    def set_tether(self, x_nm: float, radius_nm: float) -> None:
        """Set where the tether pulls to, and its cylinder's radius, from the next step on."""
        assert self._tether is not None
        self._context.setParameter("tether_x", x_nm)
        self._context.setParameter("tether_r", radius_nm)
        self._context.setParameter("tether_k", self._tether.stiffness_kJ_per_mol_nm2)

    def advance(self, steps: int) -> None:
        """Integrate; raises FloatingPointError if the system blew up."""
        try:
            self._integrator.step(steps)
        except mm.OpenMMException as error:
            if "NaN" in str(error):
                raise FloatingPointError(f"the system blew up: {error}") from None
            raise

    def observe(self, energies: bool) -> Observed:
        """Read positions and, with `energies`, velocities and the potential energy, at once."""
        now = self._context.getState(positions=True, velocities=energies)
        positions = _values(now.getPositions(asNumpy=True))
        if not energies:
            return Observed(positions)
        return Observed(
            positions, _values(now.getVelocities(asNumpy=True)), self.potential_energy()
        )

    def positions(self) -> NDArray[np.float64]:
        """Unwrapped positions, nm, shape (N, 3)."""
        return self.observe(energies=False).positions

    def velocities(self) -> NDArray[np.float64]:
        """Velocities, nm/ps, shape (N, 3)."""
        return _values(self._context.getState(velocities=True).getVelocities(asNumpy=True))

    def forces(self) -> NDArray[np.float64]:
        """Forces, kJ/mol/nm, shape (N, 3), the applied field's and the tether's included."""
        return _values(self._context.getState(forces=True).getForces(asNumpy=True))

    def potential_energy(self) -> float:
        """Potential energy without the applied field and the tether, kJ/mol."""
        state = self._context.getState(energy=True, groups={0})
        return float(state.getPotentialEnergy()._value)

    def _chain(self) -> NDArray[np.float64]:
        xml = mm.XmlSerializer.serialize(self._context.getState(integratorParameters=True))
        beads = re.findall(r'<Bead position="([^"]*)" velocity="([^"]*)"', xml)
        return np.array(beads, dtype=float).reshape(-1, 2)

    def _set_chain(self, beads: NDArray) -> None:
        rows = "".join(f'<Bead position="{p!r}" velocity="{v!r}"/>' for p, v in beads.tolist())
        chain = f'<IntegratorParameters version="1"><Chain>{rows}</Chain></IntegratorParameters>'
        xml = mm.XmlSerializer.serialize(self._context.getState(integratorParameters=True))
        self._context.setState(mm.XmlSerializer.deserialize(_CHAIN.sub(chain, xml)))


def _values(quantity: Any) -> NDArray[np.float64]:
    """Return the array of an OpenMM State, in nm, ps and kJ/mol; it is not shared."""
    array: NDArray[np.float64] = quantity._value
    return array


def make_system(model: Model) -> mm.System:
    """Build the OpenMM system: masses, constraints, nonbonded forces and the applied field."""
    system = mm.System()
    system.setDefaultPeriodicBoxVectors(*np.diag(model.box))
    for mass in np.where(model.frozen, 0.0, model.mass):
        system.addParticle(float(mass))
    hydrogens = 2 * WATER_R_OH_NM * np.sin(np.radians(WATER_ANGLE_DEG) / 2)
    for o, h1, h2 in model.waters.tolist():
        for i, j, length in ((o, h1, WATER_R_OH_NM), (o, h2, WATER_R_OH_NM), (h1, h2, hydrogens)):
            system.addConstraint(i, j, float(length))
    nonbonded = empty_nonbonded(model)
    for charge, sigma, epsilon in zip(model.charge, model.sigma, model.epsilon, strict=True):
        nonbonded.addParticle(float(charge), float(sigma), float(epsilon))
    system.addForce(nonbonded)
    system.addForce(_applied_field(model))
    return system


def empty_nonbonded(model: Model) -> mm.NonbondedForce:
    """Make a nonbonded force with cut-off, PME and waters' exclusions, but no particles yet."""
    nonbonded = mm.NonbondedForce()
    nonbonded.setNonbondedMethod(mm.NonbondedForce.PME)
    nonbonded.setCutoffDistance(model.cutoff_nm)
    nonbonded.setUseDispersionCorrection(False)
    ewald = ewald_parameters(model)
    nonbonded.setPMEParameters(ewald.alpha, *ewald.mesh)
    for o, h1, h2 in model.waters.tolist():
        for i, j in ((o, h1), (o, h2), (h1, h2)):
            nonbonded.addException(i, j, 0.0, 1.0, 0.0)
    return nonbonded


def _applied_field(model: Model) -> mm.CustomExternalForce:
    force = mm.CustomExternalForce("-q*field*x")
    force.addPerParticleParameter("q")
    force.addGlobalParameter("field", 0.0)
    for i in np.flatnonzero(~model.frozen & (model.charge != 0)).tolist():
        force.addParticle(i, [float(model.charge[i])])
    force.setForceGroup(_FIELD_GROUP)
    return force


def _tether_force(model: Model, tether: Tether) -> mm.CustomExternalForce:
    # On a GPU positions are wrapped, so nearest images are taken; by floor, as the derivative of
    # `periodicdistance` is undefined on the axis. The outer max serves a radius of 0 there.
    x, y, z = (
        f"({d} - {edge!r}*floor(({d})/{edge!r} + 0.5))"
        for d, edge in zip(("x - tether_x", "y", "z"), model.box.tolist(), strict=True)
    )
    force = mm.CustomExternalForce(
        "0.5*tether_k*(along^2 + (sqrt(max(max(square, tether_r^2), 1e-20)) - tether_r)^2);"
        f"along = {x}; square = {y}^2 + {z}^2"
    )
    for name in ("tether_k", "tether_x", "tether_r"):  # no force before the tether is set
        force.addGlobalParameter(name, 0.0)
    force.addParticle(tether.atom, [])
    force.setForceGroup(_TETHER_GROUP)
    return force


create: Maker = OpenMMEngine
