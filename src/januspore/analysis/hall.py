"""Conductance of a pore in a continuum of electrolyte: Hall's formula, and in a periodic cell.

Hall (1975, J. Gen. Physiol. 66, 531) adds the resistance of a cylinder and that of access to its
two mouths from half spaces. In a periodic cell the reservoirs are as wide as the cell is: the
current spreads less far, and flows through their length besides.
"""

import numpy as np

from ..materials import SALTS
from ..model.system import MEMBRANE_LENGTH_NM, Model

#: What the sites at a pore's edge take from its centre-to-centre radius, nm, for ions: half of
#: sulphur's Lennard-Jones sigma, the usual way of giving a pore its open diameter.
EDGE_NM = 0.16


def continuum(model: Model, salt_mol_per_L: float) -> dict[str, float]:
    """What a continuum of electrolyte would conduct in a model's pore, nS.

    The salt's conductivity is taken in proportion to its concentration, the length is what the
    membrane takes from the water (`MEMBRANE_LENGTH_NM`).

    Returns:
        `hall_nS`, between half spaces, and `continuum_nS`, in the model's own periodic cell; empty
        where the salt's conductivity is not known or the pore is not open.
    """
    known = SALTS[model.salt].conductivity_S_per_m
    diameter = model.pore.diameter_nm - 2 * EDGE_NM
    if known is None or diameter <= 0:
        return {}
    sigma, area = known * salt_mol_per_L, float(np.prod(model.box[1:]))
    if sigma == 0:
        return {}
    reservoirs = float(model.box[0]) - MEMBRANE_LENGTH_NM
    in_cell = cell_conductance(sigma, diameter, MEMBRANE_LENGTH_NM, area, reservoirs)
    return {
        "hall_nS": hall_conductance(sigma, diameter, MEMBRANE_LENGTH_NM),
        "continuum_nS": in_cell,
    }


def hall_conductance(conductivity_S_per_m: float, diameter_nm: float, length_nm: float) -> float:
    """Conductance of a cylindrical pore between half spaces, nS: sigma / (4 L / pi d^2 + 1 / d).

    Args:
        conductivity_S_per_m: of the bulk electrolyte; 1 S/m is 1 nS/nm.
        diameter_nm: d, of the cylinder that is open to ions.
        length_nm: L, of the cylinder.
    """
    return 1.0 / (
        _cylinder(conductivity_S_per_m, diameter_nm, length_nm)
        + 1.0 / (conductivity_S_per_m * diameter_nm)
    )


def cell_conductance(
    conductivity_S_per_m: float,
    diameter_nm: float,
    length_nm: float,
    area_nm2: float,
    reservoirs_nm: float,
) -> float:
    """Conductance of a cylindrical pore in a periodic cell of electrolyte, nS.

    In series: the reservoirs' whole length at the cell's cross-section, the current's narrowing
    towards either mouth, and the cylinder. The narrowing is that of a disc at the end of a coaxial
    cylinder of the cell's area: 1 / (4 sigma a) a side times 1 - 1.40925 e + 0.29591 e^3 +
    0.05254 e^5 + 0.02105 e^7, e = a / b the ratio of the radii, a series that is known from thermal
    contacts. Laplace's equation, solved in a test, gives it within 0.6 %, and the whole sum within
    2.5 %: the mouths are no equipotentials. Without walls, e = 0, it is Hall's access resistance.

    Args:
        conductivity_S_per_m: of the bulk electrolyte.
        diameter_nm: of the cylinder that is open to ions.
        length_nm: of the cylinder.
        area_nm2: cross-section of the cell.
        reservoirs_nm: length of both reservoirs together.

    Raises:
        ValueError: the pore is as wide as the cell.
    """
    ratio = 0.5 * diameter_nm / np.sqrt(area_nm2 / np.pi)
    if ratio >= 1:
        raise ValueError(f"a pore of {diameter_nm:g} nm in a cell of {area_nm2:g} nm^2")
    spread = 1 - 1.40925 * ratio + 0.29591 * ratio**3 + 0.05254 * ratio**5 + 0.02105 * ratio**7
    series = reservoirs_nm / (conductivity_S_per_m * area_nm2)
    access = spread / (conductivity_S_per_m * diameter_nm)
    return float(1.0 / (_cylinder(conductivity_S_per_m, diameter_nm, length_nm) + access + series))


def _cylinder(conductivity_S_per_m: float, diameter_nm: float, length_nm: float) -> float:
    return 4 * length_nm / (np.pi * diameter_nm**2 * conductivity_S_per_m)
