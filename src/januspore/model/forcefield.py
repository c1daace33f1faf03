"""Lennard-Jones parameters, masses and charges of a state point's species (`materials.toml`).

Mixing is Lorentz-Berthelot and the LJ cut-off a plain truncation without tail correction, as in
the paper.
"""

from dataclasses import dataclass

from .. import materials
from ..protocols import ForceField
from ..schema import BaseChargeSet

#: Species in the order that every frame, model and engine keeps.
SPECIES = tuple(materials.SPECIES)
#: Those of the membranes.
MEMBRANE = tuple(
    dict.fromkeys(name for own in materials.MATERIALS.values() for name in own.elements)
)

#: SPC/E (Berendsen, Grigera, Straatsma 1987): r_OH in nm, H-O-H angle in degrees.
WATER_R_OH_NM = 0.1
WATER_ANGLE_DEG = 109.47


@dataclass(frozen=True)
class Species:
    """One atom type: mass (amu), LJ sigma (nm) and epsilon (kJ/mol), charge (e)."""

    mass: float
    sigma: float
    epsilon: float
    charge: float
    source: str


def species(force_field: ForceField, charge_set: BaseChargeSet) -> dict[str, Species]:
    """All species by name, with the membrane's charges taken from the charge set.

    An element that the membrane does not have has no charge.
    """
    own = {"Se": (force_field.Se_sigma_nm, force_field.Se_epsilon_kJ_per_mol)}
    table = {}
    for name, kept in materials.SPECIES.items():
        sigma, epsilon = own.get(name, (kept.sigma_nm, kept.epsilon_kJ_per_mol))
        charge = charge_set.charges.get(name, 0.0) if kept.charge_e is None else kept.charge_e
        table[name] = Species(kept.mass, sigma, epsilon, charge, kept.source)
    return table
