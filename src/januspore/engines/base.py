"""The interface of all engines, and the Ewald parameters that all of them use."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..model.state import State
from ..model.system import Model
from ..protocols import Dynamics
from ..settings import Resources
from .stretch import Observed, Sample, Stretch

#: Parts of the force on an ion along x (`force_parts`); their sum is the whole force.
PARTS = (
    "water_vdw",
    "water_electrostatic",
    "membrane_vdw",
    "membrane_electrostatic",
    "ions",
    "field",
)


class Engine(Protocol):
    """Molecular dynamics of one model: NVT with rigid waters, frozen membrane, a field along x.

    Arrays are float64 in the model's atom order. Positions are unwrapped: the coordinates of an
    atom that crosses a face of the box stay continuous.
    """

    name: str

    @property
    def step(self) -> int:
        """Steps done since step 0 of the programme."""
        ...

    def provenance(self) -> dict[str, Any]:
        """Engine, version, platform, precision and device, as plain JSON values."""
        ...

    def load(self, state: State) -> None:
        """Continue from a state, with its own variables where this engine wrote them."""
        ...

    def save(self) -> State:
        """Return the present state with this engine's own variables."""
        ...

    def set_field(self, field_V_per_nm: float) -> None:
        """Set the uniform field along x that acts from the next step on."""
        ...

    def set_tether(self, x_nm: float, radius_nm: float) -> None:
        """Set where the tether pulls to, and its cylinder's radius, from the next step on.

        Only for an engine that was created with a :class:`Tether`, which acts from the first call
        on. A state does not hold the tether's position, so set it again after a load.
        """
        ...

    def advance(self, steps: int) -> None:
        """Integrate a number of steps.

        Raises:
            FloatingPointError: the system blew up.
        """
        ...

    def follow(self, stretch: Stretch) -> Iterator[Sample]:
        """Go along a stretch of the programme and hand over every sample on the way, in order.

        The iteration ends at the stretch's last step or at an earlier sample: soon after
        `stretch.over` holds, or at any sample that the engine chooses. After it the engine is at
        the last sample's step and `save` returns the state there; during it the engine may be ahead
        of the sample.

        Raises:
            FloatingPointError: the system blew up.
        """
        ...

    def observe(self, energies: bool) -> Observed:
        """Read positions and, with `energies`, velocities and the potential energy, in one fetch.

        The arrays are the caller's own: no later step changes them.
        """
        ...

    def positions(self) -> NDArray[np.float64]:
        """Unwrapped positions, nm, shape (N, 3)."""
        ...

    def velocities(self) -> NDArray[np.float64]:
        """Velocities, nm/ps, shape (N, 3)."""
        ...

    def forces(self) -> NDArray[np.float64]:
        """Forces, kJ/mol/nm, shape (N, 3), the applied field's and the tether's included."""
        ...

    def potential_energy(self) -> float:
        """Potential energy, kJ/mol, without the tether and the field (its energy means nothing)."""
        ...


@dataclass(frozen=True)
class Tether:
    """A restraint of one atom: a spring along x, and a cylinder about the pore's axis, free inside.

    V = k/2 (x - x0)^2, and k/2 (r - R)^2 where r > R, with r^2 = y^2 + z^2 (minimum image).
    """

    atom: int
    stiffness_kJ_per_mol_nm2: float


#: The constructor of an engine, which its module names `create`.
Maker = Callable[[Model, Dynamics, Resources, Tether | None], Engine]


def tether_force(
    position: NDArray,
    x_nm: float,
    radius_nm: float,
    stiffness_kJ_per_mol_nm2: float,
    box: NDArray,
) -> NDArray[np.float64]:
    """Force of a :class:`Tether` on its atom, kJ/mol/nm, shape (3,).

    Args:
        position: the atom's, nm, shape (3,), wrapped or not.
        x_nm: where the spring along x is at rest; the nearest image of it pulls.
        radius_nm: of the cylinder.
        stiffness_kJ_per_mol_nm2: of both.
        box: edges, nm, shape (3,).
    """
    delta = np.asarray(position, dtype=np.float64) - [x_nm, 0.0, 0.0]
    delta -= box * np.floor(delta / box + 0.5)
    r = math.hypot(delta[1], delta[2])
    outside = 1.0 - radius_nm / r if r > radius_nm else 0.0
    return -stiffness_kJ_per_mol_nm2 * delta * [1.0, outside, outside]


@dataclass(frozen=True)
class Device:
    """Where an engine can run.

    Attributes:
        platform: what JANUSPORE_PLATFORM calls it.
        name: the device's name, from its driver.
        is_gpu: whether it is a GPU.
        settings: properties that make the engine use this device or another of the same driver.
    """

    platform: str
    name: str
    is_gpu: bool = False
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Ewald:
    """Ewald splitting parameter, 1/nm, and mesh points along x, y, z (order-5 splines)."""

    alpha: float
    mesh: tuple[int, int, int]


def ewald_parameters(model: Model) -> Ewald:
    """Choose the splitting so that real and reciprocal space have the same error.

    With tolerance d and cut-off r: alpha = sqrt(-ln 2d) / r, and 2 alpha L / (3 d^(1/5)) mesh
    points, OpenMM's rule, rounded up to products of 2, 3, 5. `ewald_tolerance` = 5e-5, the
    default, keeps ions and waters (net force) within 5e-4 of a direct Ewald sum, relative RMS
    (docs/engines.md; tests compare).
    """
    d = model.ewald_tolerance
    alpha = math.sqrt(-math.log(2 * d)) / model.cutoff_nm
    points = [2 * alpha * edge / (3 * d**0.2) for edge in model.box]
    return Ewald(alpha, (_smooth(points[0]), _smooth(points[1]), _smooth(points[2])))


def _smooth(least: float) -> int:
    n = max(math.ceil(least), 6)
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1
