"""The held ion of a barrier: brought to the first window, steered, and what acts on it recorded."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..engines.base import Tether, tether_force
from ..model.state import State
from ..model.system import Model
from ..protocols.windows import Path, Windows
from .observables import wrap

if TYPE_CHECKING:
    from ..engines.force_parts import ForceParts


#: Of the membrane's shorter edge: farther from the axis an ion is held only where no other is.
#: GROMACS measures no distance across the axis beyond 0.49 of it.
REACH = 0.45


def exchange(model: Model, windows: Windows, state: State) -> State:
    """Give the held ion's number to the ion nearest to the first window, within `REACH` if any is.

    Ions of one species are identical, so exchanging two numbers does not change the physics. The
    held ion is also moved by whole boxes to the image nearest to the window.
    """
    ions = model.indices(windows.ion)
    held = ions[0]
    target = np.array([windows.positions_nm[0], 0.0, 0.0])
    apart = wrap(state.positions[ions] - target, model.box)
    far = np.hypot(apart[:, 1], apart[:, 2]) > REACH * model.box[1:].min()
    order = np.arange(model.n_atoms)
    nearest = ions[np.lexsort((np.linalg.norm(apart, axis=1), far))[0]]
    order[[held, nearest]] = order[[nearest, held]]
    positions, velocities = state.positions[order], state.velocities[order]
    positions[held] = target + wrap(positions[held] - target, model.box)
    return replace(state, positions=positions, velocities=velocities)


class HeldIon:
    """Says where the tether stands, and reads the forces at every sample."""

    def __init__(self, model: Model, windows: Windows, parts: "ForceParts") -> None:
        self._model = model
        self._parts = parts
        self._windows = windows
        self.atom = int(model.indices(windows.ion)[0])
        self._path = Path(windows, (0.0, 0.0))

    @property
    def tether(self) -> Tether:
        """The tether that the engine is made with."""
        return Tether(self.atom, self._windows.stiffness_kJ_per_mol_nm2)

    def begin(self, state: State) -> None:
        """Start, or go on after a restart, from a state and what it carried over."""
        x, y, z = state.positions[self.atom]
        start = state.carry.get("held_start_nm", np.array([x, np.hypot(*self._across(y, z))]))
        self._path = Path(self._windows, (float(start[0]), float(start[1])))

    def carry(self) -> dict[str, NDArray]:
        """Values that a checkpoint must keep for `begin`."""
        return {"held_start_nm": np.array(self._path.start_nm)}

    def target(self, t_ps: float) -> tuple[float, float]:
        """Where the tether pulls to, and its cylinder's radius, nm, at a time."""
        return self._path.at(t_ps)

    def corners_ps(self) -> list[float]:
        """Times between which the tether moves in a straight line."""
        return self._path.corners_ps()

    def columns(
        self, positions: NDArray, field_V_per_nm: float, t0_ps: float, t1_ps: float
    ) -> dict[str, float]:
        """Columns of the interval from t0 to t1, at whose end the positions are (`HELD`)."""
        where = positions[self.atom]
        x0, radius = self._path.at(t1_ps)
        stiffness = self._windows.stiffness_kJ_per_mol_nm2
        pull = tether_force(where, x0, radius, stiffness, self._model.box)
        parts = self._parts.along_x(positions, np.array([self.atom]), field_V_per_nm)
        return {
            "held_x_nm": float(where[0]),
            "held_r_nm": float(np.hypot(*self._across(where[1], where[2]))),
            "tether_x_nm": x0,
            "tether_force_kJ_per_mol_nm": float(pull[0]),
            "window": self._path.sampled(t0_ps, t1_ps),
            **{f"force_{name}_kJ_per_mol_nm": float(f[0]) for name, f in parts.items()},
        }

    def _across(self, y: float, z: float) -> NDArray:
        return wrap(np.array([y, z]), self._model.box[1:])
