"""The interface that every engine implements, and the Ewald parameters that all derive alike."""

import math
import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..model.state import State
from ..model.system import Model


class Engine(Protocol):
    """Molecular dynamics of one model: NVT with rigid waters, frozen membrane, a field along x.

    Arrays are float64 in the model's atom order. Positions are unwrapped: an atom that leaves
    through a face goes on beyond it.
    """

    name: str
    step: int

    def provenance(self) -> dict[str, Any]:
        """Engine, version, platform, precision and device, as plain JSON values."""
        ...

    def load(self, state: State) -> None:
        """Continue from a state, with its own variables where this engine wrote them."""
        ...

    def save(self) -> State:
        """Return the present state with this engine's own variables."""
        ...

    def minimise(self) -> None:
        """Move to a nearby energy minimum and set velocities to zero; waters stay rigid."""
        ...

    def set_field(self, field_V_per_nm: float) -> None:
        """Set the uniform field along x that acts from the next step on."""
        ...

    def advance(self, steps: int) -> None:
        """Integrate; raises FloatingPointError if the system blew up."""
        ...

    def positions(self) -> NDArray[np.float64]:
        """Unwrapped positions, nm, shape (N, 3)."""
        ...

    def velocities(self) -> NDArray[np.float64]:
        """Velocities, nm/ps, shape (N, 3)."""
        ...

    def forces(self) -> NDArray[np.float64]:
        """Forces, kJ/mol/nm, shape (N, 3), the applied field's included."""
        ...

    def potential_energy(self) -> float:
        """Potential energy without the applied field (whose energy means nothing), kJ/mol."""
        ...


@dataclass(frozen=True)
class Resources:
    """What a run may use, apart from the physics: engine, platform, precision, CPU threads."""

    engine: str | None = None
    platform: str | None = None
    precision: str | None = None
    threads: int = 1

    @classmethod
    def from_environment(cls, threads: int | None = None) -> "Resources":
        """Read JANUSPORE_ENGINE, JANUSPORE_PLATFORM, JANUSPORE_PRECISION, JANUSPORE_THREADS.

        Threads default to what the operation asks for, bounded by the CPUs this process may use.

        Raises:
            InputError: JANUSPORE_THREADS is not a positive whole number.
        """
        env = os.environ
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        given = env.get("JANUSPORE_THREADS", "")
        if given and not (given.isdigit() and int(given) > 0):
            raise InputError(f"JANUSPORE_THREADS = {given!r}: must be a positive whole number")
        return cls(
            engine=env.get("JANUSPORE_ENGINE") or None,
            platform=env.get("JANUSPORE_PLATFORM") or None,
            precision=env.get("JANUSPORE_PRECISION") or None,
            threads=int(given) if given else max(1, min(threads or 1, cpus or 1)),
        )


@dataclass(frozen=True)
class Ewald:
    """Ewald splitting parameter, 1/nm, and mesh points along x, y, z (order-5 splines)."""

    alpha: float
    mesh: tuple[int, int, int]


def ewald_parameters(model: Model) -> Ewald:
    """Choose the splitting so that real and reciprocal space err alike.

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
