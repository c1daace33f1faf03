"""Lennard-Jones parameters, masses and charges, with their sources.

Mixing is Lorentz-Berthelot and the LJ cut-off a plain truncation without tail correction, as in
the paper.
"""

from dataclasses import dataclass

from ..schema import ForceField, MoS2, MoSSe

#: Species in the order that every frame, model and engine keeps.
SPECIES = ("Mo", "S", "Se", "K", "Cl", "O", "H")
MEMBRANE = ("Mo", "S", "Se")

#: SPC/E (Berendsen, Grigera, Straatsma 1987): r_OH in nm, H-O-H angle in degrees.
WATER_R_OH_NM = 0.1
WATER_ANGLE_DEG = 109.47


@dataclass(frozen=True)
class Species:
    """One atom type: mass (amu), LJ sigma (nm) and epsilon (kJ/mol), fixed charge (e) or None."""

    mass: float
    sigma: float
    epsilon: float
    charge: float | None
    source: str


_FIXED = {
    # Liang et al. give 0.00058595 eV for Mo and 0.02 eV for S; times 96.48533 kJ/mol per eV.
    "Mo": Species(95.95, 0.420, 0.05654, None, "Liang, Phillpot, Sinnott 2009"),
    "S": Species(32.06, 0.313, 1.9297, None, "Liang, Phillpot, Sinnott 2009"),
    "K": Species(39.0983, 0.283840, 1.797887, +1.0, "Joung, Cheatham 2008 (SPC/E)"),
    "Cl": Species(35.453, 0.483045, 0.053492, -1.0, "Joung, Cheatham 2008 (SPC/E)"),
    "O": Species(15.9994, 0.316557, 0.650194, -0.8476, "SPC/E, Berendsen 1987"),
    "H": Species(1.008, 0.0, 0.0, +0.4238, "SPC/E, Berendsen 1987"),
}


def species(force_field: ForceField, charge_set: MoSSe | MoS2) -> dict[str, Species]:
    """All species by name, with the membrane's charges taken from the charge set."""
    table = dict(_FIXED)
    table["Se"] = Species(
        78.971,
        force_field.Se_sigma_nm,
        force_field.Se_epsilon_kJ_per_mol,
        None,
        "CHARMM CGenFF 4.6 SEGD1 unless changed in the state point",
    )
    charges = {name: getattr(charge_set, name, 0.0) for name in MEMBRANE}
    for name, charge in charges.items():
        old = table[name]
        table[name] = Species(old.mass, old.sigma, old.epsilon, charge, old.source)
    return table
