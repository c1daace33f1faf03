"""The tether as a HOOMD-blue force.

No force that HOOMD-blue brings is a spring along x alone: its bonds know distances only, its walls
repel or bind with tails, and an external field is uniform or a sine. So this is its `Custom` force,
in Python, exact, called once a step for one atom (docs/engines.md has what it costs).
"""

import math
from typing import Any

from numpy.typing import NDArray

from .base import Tether, tether_force


def make_tether(hoomd: Any, tether: Tether, tag: int, box: NDArray) -> Any:
    """Make the force of one simulation; its `target`, (x0, R) in nm, may change; at x0 = inf, none.

    Args:
        hoomd: the library.
        tether: stiffness.
        tag: HOOMD-blue's tag of the tethered atom.
        box: edges, nm, shape (3,).
    """

    class TetherForce(hoomd.md.force.Custom):
        target = (math.inf, math.inf)

        def set_forces(self, timestep: int) -> None:
            # HOOMD-blue has zeroed the arrays. A GPU's arrays are copied for this.
            if math.isinf(self.target[0]):
                return
            with self._state.cpu_local_snapshot as data, self.cpu_local_force_arrays as arrays:
                index = int(data.particles.rtag[tag])
                position = data.particles.position[index]
                arrays.force[index] = tether_force(
                    position, *self.target, tether.stiffness_kJ_per_mol_nm2, box
                )

    return TetherForce()
