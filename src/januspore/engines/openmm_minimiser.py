"""Energy minimisation, by OpenMM for every engine; the result is only a start configuration."""

from typing import Any

import numpy as np
import openmm as mm

from ..model.state import State
from ..model.system import Model
from ..settings import Resources
from .openmm_engine import make_system
from .openmm_platform import make_context

#: Root mean square force at which the minimiser stops, kJ/mol/nm, and its largest number of
#: iterations.
_FORCE, _ITERATIONS = 50.0, 500
_CONSTRAINT_TOLERANCE = 1e-7


def minimise(model: Model, state: State, resources: Resources) -> State:
    """Move to a nearby energy minimum without field or tether; waters stay rigid.

    Args:
        model: the atoms; frozen ones stay where they are.
        state: where to begin.
        resources: what OpenMM may use.

    Returns:
        The minimum, with zero velocities and without an engine's variables, at the same step.
    """
    context = make_context(make_system(model), mm.VerletIntegrator(1e-3), resources)
    context.setPositions(state.positions)
    mm.LocalEnergyMinimizer.minimize(context, _FORCE, _ITERATIONS, _Interruptible())
    context.applyConstraints(_CONSTRAINT_TOLERANCE)
    positions = np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)
    return State(positions, np.zeros_like(positions), model.box.copy(), step=state.step)


class _Interruptible(mm.MinimizationReporter):
    """Reporter that lets Python handle signals between iterations."""

    def report(self, *_about: Any) -> bool:
        """Continue; an exception of a signal's handler raised here ends the minimisation."""
        return False
