"""The membrane's own electrostatic potential along its normal, averaged over its plane, in V.

Faces of different charge or height make a dipole, and a dipole layer makes a step of potential
across the sheet: sum q x / (eps0 A). The potential follows from Poisson's equation in one
dimension, for the sheet in vacuum with no field outside; water and ions are not included.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import MATERIALS
from ..units import PER_VACUUM_PERMITTIVITY
from .lattice import unit_cell
from .system import Model


def potential(x: NDArray, planes_nm: NDArray, charges: NDArray, area_nm2: float) -> NDArray:
    """Potential averaged over the plane, V, 0 far on the -x side.

    Args:
        x: where, nm, shape (m,).
        planes_nm: positions of the charges along x, shape (n,).
        charges: e, shape (n,), neutral together.
        area_nm2: area that they are spread over.

    Returns:
        Shape (m,): linear between the charges' planes and constant outside of them.
    """
    beyond = np.maximum(x[:, None] - planes_nm, 0.0)
    return np.asarray(beyond @ charges * (-PER_VACUUM_PERMITTIVITY / area_nm2) + 0.0)


def sheet_potential(charge_set: Mapping[str, Any]) -> dict[str, float]:
    """Potential of the uncut sheet at its planes, V, by element, from the -x plane to the +x one.

    It is 0 at the -x plane and beyond, and the step at the +x plane and beyond.
    """
    material = charge_set["material"]
    own = MATERIALS[material]
    planes = np.array([own.bottom.x_nm, 0.0, own.top.x_nm])
    names = own.bottom.species, own.metal, own.top.species
    charges = np.array([charge_set[name] for name in names])
    area = float(np.prod(unit_cell(material))) / 2  # of two formula units
    at = potential(planes, planes, charges, area).tolist()
    return dict(zip((f"{names[0]} (-x)", names[1], f"{names[2]} (+x)"), at, strict=True))


def membrane_step(model: Model) -> float:
    """Step of potential across the membrane with its pore, V, averaged over the whole cell."""
    x, charges = model.membrane_positions[:, 0], model.charge[model.frozen]
    return float(PER_VACUUM_PERMITTIVITY * (charges @ x) / np.prod(model.box[1:]))
