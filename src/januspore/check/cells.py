"""The three cells that machines are measured in, with configurations to begin from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines import Resources, create, minimise
from ..model.builder import build_state
from ..model.state import State
from ..model.system import Model, build_model
from ..model.velocities import thermal_velocities
from ..schema import StatePoint, state_point
from .machine import cpus

#: Keys in which each cell differs from the paper's protocol.
CELLS: dict[str, dict[str, Any]] = {
    "tiny": {
        "cell": {"repeats_y": 6, "repeats_z": 4, "reservoir_nm": 1.5},
        "dynamics": {"timestep_fs": 2.0, "cutoff_nm": 0.9},
    },
    "small": {
        "cell": {"repeats_y": 8, "repeats_z": 5, "reservoir_nm": 2.0},
        "dynamics": {"timestep_fs": 2.0},
    },
    "paper": {"dynamics": {"timestep_fs": 2.0}},
}
CHARGES = {"material": "MoSSe", "Mo": 1.06, "S": -0.61, "Se": -0.45}
SAMPLE_PS = 0.1
FIELD_V_PER_NM = 0.5
#: Steps at 300 K after the minimisation.
_WARM_UP_STEPS = 250


@dataclass(frozen=True)
class Case:
    """A cell with a relaxed configuration."""

    name: str
    point: StatePoint
    model: Model
    state: State


def cell_point(name: str) -> StatePoint:
    """Return the state point of a cell of `CELLS`."""
    protocol = {"name": "equilibrate", **CELLS[name]}
    return state_point({"charge_set": CHARGES, "protocol": protocol, "seed": 0})


def relaxed(name: str, resources: Resources | None = None) -> Case:
    """Build a cell, minimise it and run it for half a picosecond at 300 K, by OpenMM.

    Args:
        name: of `CELLS`.
        resources: what OpenMM may use; by default its own choice, on all CPUs.
    """
    resources = resources or Resources("openmm", threads=cpus())
    point = cell_point(name)
    model, rng = build_model(point), np.random.default_rng(0)
    dynamics = point.protocol.dynamics
    state = minimise(model, build_state(model, rng), resources)
    velocities = thermal_velocities(model, state.positions, dynamics.temperature_K, rng)
    engine = create(model, state.restarted(velocities), dynamics, resources)
    engine.advance(_WARM_UP_STEPS)
    state = engine.save()
    return Case(name, point, model, state.restarted(state.velocities))
