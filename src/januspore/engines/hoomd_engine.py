"""HOOMD-blue behind the engine interface: the engine for machines with a GPU.

Waters are rigid bodies of a centre and three sites, the membrane is not integrated, electrostatics
is PPPM, and translation and rotation have separate Nose-Hoover thermostats. HOOMD-blue is imported
only when it is used, and only the `hoomd_*` modules use its types.

A field or a tether that is set at step t acts from the forces of step t + 1 on; before the first
step after a load it acts at once.
"""

import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model.forcefield import MEMBRANE
from ..model.state import State
from ..model.system import Model
from ..protocols import Dynamics
from ..settings import Resources
from ..units import BOLTZMANN, VOLT_PER_NM
from .base import Maker, Tether, tether_force
from .hoomd_bodies import (
    Bodies,
    WaterFrame,
    atom_velocities,
    bodies_from_atoms,
)
from .hoomd_forces import (
    CENTRE,
    CHARGE_UNIT,
    ORDER,
    TYPES,
    Splitting,
    frozen_pairs,
    make_forces,
    make_mesh,
    set_field,
    splitting,
    within_waters,
)
from .hoomd_library import device, library, precision
from .hoomd_library import devices as devices
from .hoomd_method import METHODS
from .hoomd_tether import HELD, WallTether
from .step_by_step import StepByStep
from .stretch import Observed

#: Messages of HOOMD-blue that mean that the system blew up.
_BLOWN_UP = ("NaN", "no longer in the simulation box", "out of bounds", "overflow")


class HoomdEngine(StepByStep):
    """See :class:`januspore.engines.base.Engine`."""

    name = "hoomd"

    def __init__(
        self,
        model: Model,
        dynamics: Dynamics,
        resources: Resources,
        tether: Tether | None = None,
    ) -> None:
        self._hoomd = library()
        self._model = model
        self._dynamics = dynamics
        self._device = device(self._hoomd, resources)
        self._method = METHODS["gpu" if self._on_gpu() else "cpu"]
        self._frame = WaterFrame.of(model)
        self._tags = _tags(model)
        self._centres = np.arange(len(model.waters)) + model.n_atoms - model.waters.size
        self._split = self._with_kappa(splitting(model))
        self._frozen = frozen_pairs(model, self._split)
        self._tether = tether
        self._field, self._target = 0.0, _NOWHERE
        self._acting: tuple[float, tuple[float, float]] | None = None
        self._started = False

    @property
    def step(self) -> int:
        """Steps done since step 0 of the programme."""
        return int(self._simulation.timestep)

    def provenance(self) -> dict[str, Any]:
        """Engine, version, platform, precision and device, as plain JSON values."""
        hoomd, split, gpu = self._hoomd, self._split, self._on_gpu()
        return {
            "name": self.name,
            "version": hoomd.version.version,
            "platform": "gpu" if gpu else "cpu",
            "precision": precision(hoomd),
            "device": self._device.device if gpu else "CPU",
            "threads": 1,
            "pppm_order": ORDER,
            "pppm_mesh": "x".join(str(points) for points in split.mesh),
            "pppm_cutoff_nm": split.cutoff_nm,
            "pppm_kappa_per_nm": split.kappa,
            "real_space": "table" if self._method.tabulated else "ewald",
        }

    def load(self, state: State) -> None:
        """Continue from a state, with bodies and thermostats where this engine wrote them."""
        own = state.native if state.engine == self.name else {}
        bodies = self._bodies(state, own)
        xi, eta, xi_rotation, eta_rotation = own.get("thermostat", np.zeros(4)).tolist()
        thermostat = self._hoomd.md.methods.thermostats.MTTK(
            kT=BOLTZMANN * self._dynamics.temperature_K, tau=self._dynamics.thermostat_tau_ps
        )
        thermostat.translational_dof = (xi, eta)
        thermostat.rotational_dof = (xi_rotation, eta_rotation)
        method = self._hoomd.md.methods.ConstantVolume(self._mobile(), thermostat=thermostat)
        held = self._tether.atom if self._tether else None
        self._thermostat = thermostat
        self._forces = make_forces(self._hoomd, self._model, self._split, self._method, held)
        self._walls = self._make_walls()
        integrator = self._hoomd.md.Integrator(
            dt=self._dynamics.timestep_ps,
            integrate_rotational_dof=True,
            forces=[*self._forces.everything(), *(self._walls.forces if self._walls else [])],
            methods=[method],
            rigid=self._rigid(),
        )
        self._simulation = self._new_simulation(state, bodies, integrator)
        self._started, self._acting = False, None
        wanted = self._field, self._target
        self._field, self._target = 0.0, _NOWHERE  # as the new forces are made
        if own and np.isfinite(own["field"][0]):
            # The first half of the next step still has the field and tether that the last step had.
            x, radius = own.get("tether", np.array(_NOWHERE)).tolist()
            self._set(float(own["field"][0]), (x, radius))
            self._start()
        self._set(*wanted)

    def save(self) -> State:
        """Return the present state with bodies, thermostats, the field and the tether."""
        field, target = self._acting or (np.nan, _NOWHERE)
        bodies = self._present_bodies()
        thermostat = [*self._thermostat.translational_dof, *self._thermostat.rotational_dof]
        return State(
            positions=self.positions(),
            velocities=self.velocities(),
            box=self._model.box.copy(),
            step=self.step,
            engine=self.name,
            native={
                "centre": bodies.centre,
                "velocity": bodies.velocity,
                "orientation": bodies.orientation,
                "momentum": bodies.momentum,
                "thermostat": np.array(thermostat, dtype=np.float64),
                "field": np.array([field]),
                **({"tether": np.array(target)} if self._tether else {}),
            },
        )

    def set_field(self, field_V_per_nm: float) -> None:
        """Set the uniform field along x that acts from the next step on."""
        self._set(field_V_per_nm, self._target)

    def set_tether(self, x_nm: float, radius_nm: float) -> None:
        """Set where the tether pulls to, and its cylinder's radius, from the next step on."""
        assert self._tether is not None
        self._set(self._field, (x_nm, radius_nm))

    def advance(self, steps: int) -> None:
        """Integrate; raises FloatingPointError if the system blew up."""
        self._start()
        self._run(steps)
        self._acting = self._field, self._target

    def observe(self, energies: bool) -> Observed:
        """Read positions and, with `energies`, velocities and the potential energy."""
        if not energies:
            return Observed(self.positions())
        return Observed(self.positions(), self.velocities(), self.potential_energy())

    def positions(self) -> NDArray[np.float64]:
        """Unwrapped positions, nm, shape (N, 3)."""
        position, image = self._particles(self._tags, "position", "image")
        return position + image * self._model.box

    def velocities(self) -> NDArray[np.float64]:
        """Velocities, nm/ps, shape (N, 3), the waters' from their rigid motion."""
        (velocities,) = self._particles(self._tags, "velocity")
        velocities[self._model.waters] = atom_velocities(self._frame, self._present_bodies())
        velocities[self._model.frozen] = 0.0
        return velocities

    def forces(self) -> NDArray[np.float64]:
        """Forces, kJ/mol/nm, shape (N, 3), the applied field's and the tether's included.

        HOOMD-blue's forces on single sites include the mesh's part of the Coulomb forces between
        the sites of one water. It is subtracted here, so that the forces equal those of the other
        engines.
        """
        self._start()
        model = self._model
        forces = sum(part.forces for part in self._forces.conservative())[self._tags]
        forces += self._frozen.forces - within_waters(model, self._split, self.positions())
        mobile = ~model.frozen
        forces[mobile, 0] += model.charge[mobile] * (self._field * VOLT_PER_NM)
        if self._tether and self._target != _NOWHERE:
            atom, stiffness = self._tether.atom, self._tether.stiffness_kJ_per_mol_nm2
            where = self.positions()[atom]
            forces[atom] += tether_force(where, *self._target, stiffness, model.box)
        return forces

    def energies(self) -> dict[str, float]:
        """Terms of the potential energy, kJ/mol: LJ, Coulomb in real space and on the mesh."""
        self._start()
        forces = self._forces
        return {
            "lj": float(forces.lj.energy) + self._frozen.lj,
            "coulomb_real": float(forces.real.energy) + self._frozen.coulomb,
            "coulomb_mesh": float(forces.mesh.energy),
        }

    def potential_energy(self) -> float:
        """Potential energy without the applied field and the tether, kJ/mol."""
        return sum(self.energies().values())

    def thermostat_energy(self) -> float:
        """Energy of the thermostats in the conserved energy, kJ/mol."""
        self._start()
        return float(self._thermostat.energy)

    def _start(self) -> None:
        """Compute forces (and, right after a load, accelerations) at the present step."""
        if not self._started:
            self._prepare(self._simulation)
            self._started, self._acting = True, (self._field, self._target)

    def _set(self, field_V_per_nm: float, target: tuple[float, float]) -> None:
        # Each call takes much of a millisecond, as long as some steps on a GPU.
        if field_V_per_nm != self._field:
            set_field(self._forces, field_V_per_nm)
        if self._walls and target != self._target:
            self._walls.set(*target)
        self._field, self._target = field_V_per_nm, target

    def _prepare(self, simulation: Any) -> None:
        """Compute forces for the first time, without PPPM's warning of an error above 0.1.

        PPPM compares its error with 0.1 whatever the units; here these are kJ/mol/nm, and forces
        are of the order of a thousand. Two runs of no steps are needed, as HOOMD-blue computes the
        forces of the first one again when the second one begins.
        """
        self._device.message_filename = os.devnull
        try:
            simulation.run(0)
            simulation.run(0)
        finally:
            self._device.message_filename = None

    def _run(self, steps: int) -> None:
        try:
            self._simulation.run(steps)
        except RuntimeError as error:
            if any(sign in str(error) for sign in _BLOWN_UP):
                raise FloatingPointError(f"the system blew up: {error}") from None
            raise
        if not np.isfinite(self._particles(self._tags, "velocity")).all():
            raise FloatingPointError("the system blew up: a velocity is not finite")

    def _on_gpu(self) -> bool:
        return isinstance(self._device, self._hoomd.device.GPU)

    def _make_walls(self) -> WallTether | None:
        if self._tether is None:
            return None
        return WallTether(self._hoomd, self._tether, self._model.box, others=CENTRE)

    def _mobile(self) -> Any:
        return self._hoomd.filter.Type([t for t in TYPES if t not in (*MEMBRANE, "O", "H")])

    def _rigid(self) -> Any:
        rigid = self._hoomd.md.constrain.Rigid()
        rigid.body[CENTRE] = {
            "constituent_types": ["O", "H", "H"],
            "positions": [tuple(site) for site in self._frame.sites.tolist()],
            "orientations": [(1.0, 0.0, 0.0, 0.0)] * 3,
        }
        return rigid

    def _new_simulation(self, state: State, bodies: Bodies, integrator: Any) -> Any:
        simulation = self._hoomd.Simulation(device=self._device, seed=0)
        simulation.timestep = state.step
        simulation.create_state_from_snapshot(self._snapshot(state, bodies))
        if not self._method.sorted:
            simulation.operations.tuners.clear()
        simulation.operations.integrator = integrator
        return simulation

    def _snapshot(self, state: State, bodies: Bodies) -> Any:
        """All particles in HOOMD-blue's order: free atoms, waters' centres, waters' sites."""
        model, centres, tags = self._model, self._centres, self._tags
        snapshot = self._hoomd.Snapshot()
        snapshot.configuration.box = [*model.box.tolist(), 0.0, 0.0, 0.0]
        particles = snapshot.particles
        particles.types = list(TYPES)
        particles.N = model.n_atoms + len(centres)
        _fill(particles.typeid, tags, model.type_id, centres, TYPES.index(CENTRE))
        if self._tether:
            particles.typeid[tags[self._tether.atom]] = TYPES.index(HELD)
        _fill(particles.mass, tags, model.mass, centres, self._frame.mass.sum())
        _fill(particles.charge, tags, model.charge * CHARGE_UNIT, centres, 0.0)
        _fill(particles.velocity, tags, state.velocities, centres, bodies.velocity)
        where = np.zeros((particles.N, 3))
        _fill(where, tags, state.positions, centres, bodies.centre)
        # Wrapped into the half-open range that HOOMD-blue uses.
        image = np.floor(where / model.box + 0.5)
        particles.image[:] = image.astype(np.int32)
        particles.position[:] = where - image * model.box
        particles.orientation[:] = [1.0, 0.0, 0.0, 0.0]
        particles.orientation[centres] = bodies.orientation
        particles.angmom[centres] = bodies.momentum
        particles.moment_inertia[centres] = self._frame.moments
        particles.body[:] = -1
        particles.body[centres] = centres
        particles.body[tags[model.waters]] = centres[:, None]
        return snapshot

    def _bodies(self, state: State, own: dict[str, NDArray]) -> Bodies:
        if own:
            keys = ("centre", "velocity", "orientation", "momentum")
            return Bodies(*(own[key] for key in keys))
        waters = self._model.waters
        return bodies_from_atoms(self._frame, state.positions[waters], state.velocities[waters])

    def _present_bodies(self) -> Bodies:
        position, image, *motion = self._particles(
            self._centres, "position", "image", "velocity", "orientation", "angmom"
        )
        return Bodies(position + image * self._model.box, *motion)

    def _particles(self, tags: NDArray, *names: str) -> list[NDArray[Any]]:
        """Read properties of particles, in the order of their tags."""
        with self._simulation.state.cpu_local_snapshot as data:
            order = np.array(data.particles.rtag)[tags]
            return [np.array(getattr(data.particles, name))[order] for name in names]

    def _with_kappa(self, split: Splitting) -> Splitting:
        """Ask HOOMD-blue for the kappa that it uses with this mesh, at any positions."""
        hoomd, model = self._hoomd, self._model
        simulation = hoomd.Simulation(device=self._device, seed=0)
        snapshot = hoomd.Snapshot()
        snapshot.configuration.box = [*model.box.tolist(), 0.0, 0.0, 0.0]
        snapshot.particles.types = [CENTRE]
        snapshot.particles.N = model.n_atoms + len(self._centres)
        snapshot.particles.charge[: model.n_atoms] = model.charge * CHARGE_UNIT
        simulation.create_state_from_snapshot(snapshot)
        neighbours = self._method.neighbours(hoomd, 0.01, ("body",))
        mesh, stock = make_mesh(hoomd, split, neighbours)
        simulation.operations.integrator = hoomd.md.Integrator(dt=0.0, forces=[mesh])
        self._prepare(simulation)
        return replace(split, kappa=float(stock.params[(CENTRE, CENTRE)]["kappa"]))


#: Target of a tether that is not set: no force.
_NOWHERE = (math.inf, math.inf)


def _fill(target: NDArray, tags: NDArray, atoms: Any, centres: NDArray, bodies: Any) -> None:
    target[tags], target[centres] = atoms, bodies


def _tags(model: Model) -> NDArray[np.int64]:
    """HOOMD-blue's tag of each atom, shape (N,): a body's centre must come before its sites."""
    free = np.ones(model.n_atoms, dtype=bool)
    free[model.waters] = False
    tags = np.empty(model.n_atoms, dtype=np.int64)
    tags[free] = np.arange(free.sum())
    after = free.sum() + len(model.waters)
    tags[model.waters.ravel()] = np.arange(model.waters.size) + after
    return tags


#: What `engines.create` calls.
create: Maker = HoomdEngine
