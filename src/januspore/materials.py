"""Species, monolayers and salts: the tables of `materials.toml`, read once.

A new one needs an entry there and no code: its charge set, its cell, its record and every product
follow from that entry.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

#: Material of a charge set that stands for no membrane: a bulk liquid.
NO_MEMBRANE = "none"


@dataclass(frozen=True)
class Species:
    """One type of atom.

    Attributes:
        mass: amu.
        sigma_nm: Lennard-Jones sigma.
        epsilon_kJ_per_mol: Lennard-Jones epsilon.
        source: of sigma and epsilon.
        radius_nm: of its sphere in pictures.
        color: of its sphere in pictures.
        charge_e: fixed charge; None where a charge set gives it.
        generic: whether the Lennard-Jones parameters are of a general force field for all elements.
        first_shell_nm: of an ion, the radius at which its first shell of water oxygens ends: near
            the first minimum of the ion-oxygen g(r) in SPC/E.
    """

    mass: float
    sigma_nm: float
    epsilon_kJ_per_mol: float
    source: str
    radius_nm: float
    color: str
    charge_e: float | None = None
    generic: bool = False
    first_shell_nm: float | None = None


@dataclass(frozen=True)
class Plane:
    """A plane of chalcogens: which, and its height over the metal's plane, nm."""

    species: str
    x_nm: float


@dataclass(frozen=True)
class Material:
    """A 2H monolayer of one metal between two planes of chalcogens.

    Attributes:
        metal: its species.
        lattice_nm: in-plane lattice constant.
        top: the chalcogens that face +x.
        bottom: those that face -x.
        source: of the lengths.
    """

    metal: str
    lattice_nm: float
    top: Plane
    bottom: Plane
    source: str

    @property
    def elements(self) -> tuple[str, ...]:
        """Species that a charge set names, the metal first, each once."""
        return tuple(dict.fromkeys((self.metal, self.top.species, self.bottom.species)))

    @property
    def cell_nm(self) -> tuple[float, float]:
        """Edges (y, z) of the orthorhombic cell of two formula units, nm."""
        return self.lattice_nm, self.lattice_nm * math.sqrt(3.0)

    @property
    def formula_unit(self) -> tuple[str, ...]:
        """Species of one formula unit."""
        return self.metal, self.top.species, self.bottom.species


@dataclass(frozen=True)
class Salt:
    """A salt of a monovalent cation and a monovalent anion.

    Attributes:
        cation: its species.
        anion: its species.
        water_per_nm3: water molecules in bulk solution of 1 mol/L.
        source: of the number of waters.
        conductivity_S_per_m: of that solution; None where it is not known.
    """

    cation: str
    anion: str
    water_per_nm3: float
    source: str
    conductivity_S_per_m: float | None = None

    @property
    def charges(self) -> dict[str, float]:
        """Charge of each ion, e, the cation first."""
        return {ion: charge_of(ion) for ion in (self.cation, self.anion)}


def charge_of(ion: str) -> float:
    """Return the fixed charge of a species, e.

    Raises:
        ValueError: it is an element of a monolayer, whose charge a charge set gives.
    """
    charge = SPECIES[ion].charge_e
    if charge is None:
        raise ValueError(f"materials.toml: species.{ion} has no charge_e")
    return charge


def label_of(species: str) -> str:
    """Return the name of a species in figures; ions of a salt have their sign, such as "Na+"."""
    charge = ION_CHARGES.get(species, 0.0)
    return species + ("+" if charge > 0 else "-" if charge < 0 else "")


def _read() -> Mapping[str, Mapping[str, Any]]:
    text = files(__package__).joinpath("materials.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


_TABLES = _read()
#: Species by name, in the order of the types in every frame.
SPECIES = {name: Species(**own) for name, own in _TABLES["species"].items()}
MATERIALS = {
    name: Material(**own | {side: Plane(**own[side]) for side in ("top", "bottom")})
    for name, own in _TABLES["materials"].items()
}
SALTS = {name: Salt(**own) for name, own in _TABLES["salts"].items()}
#: Charge of each ion of any salt, e.
ION_CHARGES = {ion: charge for salt in SALTS.values() for ion, charge in salt.charges.items()}
