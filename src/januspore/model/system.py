"""The model: everything about the atoms except their positions, independent of any engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..materials import MATERIALS, SALTS
from ..protocols.views import Solution
from ..schema import StatePoint
from ..units import MOL_PER_LITRE
from . import lattice
from .forcefield import (
    MEMBRANE,
    SPECIES,
    WATER_ANGLE_DEG,
    WATER_R_OH_NM,
    Species,
    species,
)
from .pore import NO_PORE, Pore, cut, find_pore

#: Water molecules per nm^3 in pure SPC/E at 300 K and 1 bar; in solutions: `materials.SALTS`.
PURE_WATER_PER_NM3 = 33.3

#: Length of the box that the membrane takes from the water, nm. Measured, see docs/model.md; the
#: water count and the box length follow from it.
MEMBRANE_LENGTH_NM = 0.67
#: What the atoms at a pore's edge take from its centre-to-centre radius, nm. Measured in the same
#: way: a pore of 0.866 nm holds 10 waters, more than 2 % of all waters in the tiny cell.
_PORE_EDGE_NM = 0.05


@dataclass(frozen=True)
class Model:
    """Atoms and interactions.

    Arrays of length N share one order: membrane, cations, anions, then O H H of each water.

    Attributes:
        type_id: index into `forcefield.SPECIES`, shape (N,).
        mass: amu, shape (N,).
        charge: e, shape (N,).
        sigma: nm, shape (N,).
        epsilon: kJ/mol, shape (N,).
        waters: indices of O, H, H, shape (n_waters, 3).
        box: edges along x, y, z in nm, shape (3,); periodic in all three.
        membrane_positions: where the frozen atoms stand, nm, shape (n_membrane, 3); none in a bulk
            liquid.
        pore: the cut, its centre moved to y = z = 0; `NO_PORE` in a bulk liquid.
        cutoff_nm: cut-off of LJ and of real-space Coulomb.
        ewald_tolerance: accuracy that the engines derive their Ewald parameters from.
        salt: one of `materials.SALTS`.
    """

    type_id: NDArray[np.int64]
    mass: NDArray[np.float64]
    charge: NDArray[np.float64]
    sigma: NDArray[np.float64]
    epsilon: NDArray[np.float64]
    waters: NDArray[np.int64]
    box: NDArray[np.float64]
    membrane_positions: NDArray[np.float64]
    pore: Pore
    cutoff_nm: float
    ewald_tolerance: float
    salt: str = "KCl"

    @property
    def ion_charges(self) -> dict[str, float]:
        """Charges of the ions by species, e, the cation first."""
        return SALTS[self.salt].charges

    @property
    def n_atoms(self) -> int:
        """Number of atoms, frozen ones included."""
        return len(self.type_id)

    @cached_property
    def frozen(self) -> NDArray[np.bool_]:
        """Mask of the membrane's atoms, shape (N,)."""
        return np.isin(self.type_id, [SPECIES.index(name) for name in MEMBRANE])

    def indices(self, name: str) -> NDArray[np.int64]:
        """Indices of all atoms of a species, such as "K"."""
        return self._indices[name]

    @cached_property
    def _indices(self) -> dict[str, NDArray[np.int64]]:
        return {name: np.flatnonzero(self.type_id == i) for i, name in enumerate(SPECIES)}

    @property
    def ions(self) -> NDArray[np.int64]:
        """Indices of the cations, then of the anions."""
        return np.concatenate([self.indices(name) for name in self.ion_charges])

    @property
    def degrees_of_freedom(self) -> int:
        """Translations of ions, translations and rotations of waters; no momentum is conserved."""
        return 3 * len(self.ions) + 6 * len(self.waters)


@dataclass(frozen=True)
class Count:
    """How many atoms a model has: formula units of the membrane, ion pairs, water molecules."""

    pore: Pore
    units: int
    pairs: int
    waters: int

    @property
    def atoms(self) -> int:
        """Number of atoms, frozen ones included."""
        return 3 * self.units + 2 * self.pairs + 3 * self.waters


def count(point: StatePoint) -> Count:
    """Count the atoms of a model without building it, in the same time for a cell of any size.

    Raises:
        InputError: no model can be built: no neutral cut is near the pore's target diameter, or
            there is no ion for a barrier to hold.
    """
    cell, material = point.protocol.cell, point.charge_set.material
    if point.protocol.bulk:
        return _count_bulk(point.protocol.bulk, cell.salt, cell.salt_mol_per_L)
    pore = find_pore(material, cell.pore_diameter_nm, cell.pore_cut)
    box_yz = lattice.unit_cell(material) * [cell.repeats_y, cell.repeats_z]
    reservoir_nm3 = float(np.prod(box_yz)) * 2 * cell.reservoir_nm
    pairs = round(cell.salt_mol_per_L * MOL_PER_LITRE * reservoir_nm3)
    if point.protocol.windows and not pairs:
        raise InputError(
            f"salt_mol_per_L = {cell.salt_mol_per_L:g}: leaves no ion in this cell for the barrier "
            "to hold; one pair takes 1 / (0.602 x reservoir volume in nm^3)"
        )
    pore_nm3 = np.pi * (pore.diameter_nm / 2 - _PORE_EDGE_NM) ** 2 * MEMBRANE_LENGTH_NM
    waters = round(bulk_water_density(cell.salt_mol_per_L, cell.salt) * (reservoir_nm3 + pore_nm3))
    units = 2 * cell.repeats_y * cell.repeats_z - pore.formula_units
    return Count(pore, units, pairs, waters)


def _count_bulk(bulk: Solution, salt: str, salt_mol_per_L: float) -> Count:
    volume = bulk.edge_nm**3
    density = bulk.water_per_nm3 or bulk_water_density(salt_mol_per_L, salt)
    pairs = round(salt_mol_per_L * MOL_PER_LITRE * volume)
    return Count(NO_PORE, 0, pairs, round(density * volume))


def build_model(point: StatePoint) -> Model:
    """Return the model of a state point; a pure function of it, so it is never stored.

    Raises:
        InputError: see `count`.

    >>> from januspore.schema import state_point
    >>> charges = {"material": "MoSSe", "Mo": 1.06, "S": -0.61, "Se": -0.45}
    >>> point = state_point({"charge_set": charges, "protocol": {"name": "sine"}, "seed": 0})
    >>> model = build_model(point)
    >>> model.n_atoms, [round(edge, 2) for edge in model.box.tolist()]
    (16432, [6.67, 5.2, 5.07])
    """
    protocol, charge_set = point.protocol, point.charge_set
    cell, inside = protocol.cell, count(point)
    membrane_type, membrane_positions, box, pore = _shell(point)
    pairs, waters = inside.pairs, inside.waters
    ids = {name: i for i, name in enumerate(SPECIES)}
    type_id = np.concatenate(
        [
            membrane_type,
            *(np.full(pairs, ids[name]) for name in SALTS[cell.salt].charges),
            np.tile([ids["O"], ids["H"], ids["H"]], waters),
        ]
    )
    table = species(protocol.force_field, charge_set)
    first_water = len(membrane_type) + 2 * pairs
    return Model(
        type_id=type_id,
        **atoms(type_id, table),
        waters=np.arange(first_water, len(type_id)).reshape(-1, 3),
        box=box,
        membrane_positions=membrane_positions,
        pore=pore,
        cutoff_nm=protocol.dynamics.cutoff_nm,
        ewald_tolerance=protocol.dynamics.ewald_tolerance,
        salt=cell.salt,
    )


def _shell(point: StatePoint) -> tuple[NDArray, NDArray, NDArray, Pore]:
    """What the solution stands in: the membrane's type ids and positions, the box, the pore."""
    if point.protocol.bulk:
        nothing = np.zeros(0, dtype=np.int64), np.zeros((0, 3))
        return *nothing, np.full(3, point.protocol.bulk.edge_nm), NO_PORE
    types, positions, box_yz, pore = build_membrane(point)
    length = 2 * point.protocol.cell.reservoir_nm + MEMBRANE_LENGTH_NM
    return types, positions, np.array([length, *box_yz]), pore


def atoms(type_id: NDArray[np.int64], table: Mapping[str, Species]) -> dict[str, NDArray]:
    """Return mass, charge, sigma and epsilon of atoms (see `Model`) by their types."""
    rows = [table[name] for name in SPECIES]
    names = ("mass", "charge", "sigma", "epsilon")
    return {n: np.array([getattr(r, n) for r in rows], dtype=float)[type_id] for n in names}


def build_membrane(point: StatePoint) -> tuple[NDArray, NDArray, NDArray, Pore]:
    """Cut the pore and centre it: (type ids, positions in nm, box (y, z) in nm, pore)."""
    cell, material = point.protocol.cell, point.charge_set.material
    yz, metal = lattice.columns(material, cell.repeats_y, cell.repeats_z)
    box_yz = lattice.unit_cell(material) * [cell.repeats_y, cell.repeats_z]
    pore = find_pore(material, cell.pore_diameter_nm, cell.pore_cut)
    centre = np.array(pore.centre_nm)
    stays = cut(yz, box_yz, centre, pore.diameter_nm)
    yz, metal = yz[stays] - centre, metal[stays]
    yz -= box_yz * np.round(yz / box_yz)
    own = MATERIALS[material]
    layers = [(own.metal, 0.0, yz[metal])]
    layers += [(plane.species, plane.x_nm, yz[~metal]) for plane in (own.top, own.bottom)]
    types = np.concatenate([np.full(len(p), SPECIES.index(name)) for name, _, p in layers])
    positions = np.concatenate([np.column_stack([np.full(len(p), x), p]) for _, x, p in layers])
    order = np.argsort(types, kind="stable")
    return types[order], positions[order], box_yz, Pore((0.0, 0.0), *_rest(pore))


def _rest(pore: Pore) -> tuple[float, int, str]:
    return pore.diameter_nm, pore.formula_units, pore.edge


def bulk_water_density(salt_mol_per_L: float, salt: str = "KCl") -> float:
    """Water molecules per nm^3 in the bulk: linear between pure SPC/E and 1 mol/L, and beyond."""
    pure, one = PURE_WATER_PER_NM3, SALTS[salt].water_per_nm3
    return pure + (one - pure) * salt_mol_per_L


def water_geometry() -> NDArray[np.float64]:
    """O, H, H of a rigid SPC/E molecule relative to O, nm, shape (3, 3); the dipole is along +x."""
    half = np.radians(WATER_ANGLE_DEG) / 2
    c, s = WATER_R_OH_NM * np.cos(half), WATER_R_OH_NM * np.sin(half)
    return np.array([[0.0, 0.0, 0.0], [c, s, 0.0], [c, -s, 0.0]])
