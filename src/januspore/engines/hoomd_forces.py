"""The forces of a model as HOOMD-blue's force objects, and the terms that HOOMD-blue leaves out.

Units are nm, ps, amu, kJ/mol; charges are multiplied by the square root of the Coulomb constant,
and a field is divided by it. HOOMD-blue does not sum over pairs of frozen atoms, which move no
atom; they are summed once here, so that energies and forces are those of the whole system.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import erf, erfc

from ..model.forcefield import MEMBRANE, SPECIES
from ..model.system import Model
from ..units import COULOMB, VOLT_PER_NM
from .base import _smooth
from .hoomd_method import Method
from .hoomd_tether import HELD

#: HOOMD-blue's unit of charge in e is 1 / this.
CHARGE_UNIT = math.sqrt(COULOMB)
#: Type of the particle at a water's centre of mass: it is integrated but has no interactions.
CENTRE = "water"
#: All types, in HOOMD-blue's order.
TYPES = (*SPECIES, CENTRE, HELD)
#: Order of the charge assignment, and the coefficients of its error (Deserno and Holm 1998,
#: J. Chem. Phys. 109, 7694, table I), by which HOOMD-blue balances the two halves.
ORDER = 5
_DESERNO_HOLM = (
    1 / 23232,
    7601 / 13628160,
    143 / 69120,
    517231 / 106536960,
    106640677 / 11737571328,
)
#: Cut-off of real-space Coulomb, unless the model's is shorter; the mesh is fine enough for the
#: same error. The neighbour list of the longer LJ cut-off then holds heavy atoms only. This was the
#: fastest of 0.6 to 1.2 nm on a CPU.
REAL_CUTOFF_NM = 0.7
#: The tolerance is divided by this, so that differences to another engine are that engine's errors.
_SPARE = 0.5
#: Points of the real-space tables (linear interpolation), and where they begin, nm.
TABLE_POINTS = 4000
_TABLE_START_NM = 0.05


@dataclass(frozen=True)
class Splitting:
    """Real-space cut-off in nm, mesh points along x, y, z; kappa, 1/nm, as HOOMD-blue chose it."""

    cutoff_nm: float
    mesh: tuple[int, int, int]
    kappa: float = 0.0


@dataclass(frozen=True)
class Forces:
    """HOOMD-blue's force objects: Lennard-Jones, real-space Coulomb, mesh, applied field."""

    lj: Any
    real: Any
    mesh: Any
    field: Any

    def conservative(self) -> list[Any]:
        """All forces except the applied field."""
        return [self.lj, self.real, self.mesh]

    def everything(self) -> list[Any]:
        """All forces, in the order in which HOOMD-blue sums them."""
        return [*self.conservative(), self.field]


def splitting(model: Model) -> Splitting:
    """Choose cut-off and mesh so that both parts of the Ewald sum meet the model's tolerance.

    The real-space error follows from alpha r, as :func:`.base.ewald_parameters` has it; the mesh is
    the coarsest whose estimated error (Deserno and Holm 1998) is no larger.
    """
    cutoff = min(REAL_CUTOFF_NM, model.cutoff_nm)
    reach = math.sqrt(-math.log(2 * _SPARE * model.ewald_tolerance))
    spacing = _spacing(reach) * cutoff / reach
    x, y, z = (_smooth(edge / spacing) for edge in model.box)
    return Splitting(cutoff, (x, y, z))


def _spacing(reach: float) -> float:
    """Mesh spacing times alpha with equal errors of both parts; reach is alpha times cut-off."""

    def excess(x: float) -> float:
        series = sum(a * x ** (2 * m) for m, a in enumerate(_DESERNO_HOLM))
        mesh = x**ORDER * math.sqrt(reach * math.sqrt(2 * math.pi) * series)
        return mesh - 2 * math.exp(-(reach**2))

    return float(brentq(excess, 1e-6, 10.0))


def make_mesh(hoomd: Any, split: Splitting, neighbours: Any) -> tuple[Any, Any]:
    """Return PPPM and the pair force that it passes kappa to, which is never attached."""
    stock, mesh = hoomd.md.long_range.pppm.make_pppm_coulomb_forces(
        nlist=neighbours, resolution=split.mesh, order=ORDER, r_cut=split.cutoff_nm
    )
    return mesh, stock


def make_forces(
    hoomd: Any, model: Model, split: Splitting, method: Method, held: int | None = None
) -> Forces:
    """Make the forces of one simulation.

    Args:
        hoomd: the library.
        model: the atoms.
        split: with kappa known.
        method: the device's.
        held: the atom that has the type `HELD`, if any.
    """
    heavy = method.neighbours(hoomd, _buffer(model, model.cutoff_nm, method), ())
    charged = method.neighbours(hoomd, _buffer(model, split.cutoff_nm, method), ("body",))
    field = hoomd.md.external.field.Electric()
    field.E.default = (0.0, 0.0, 0.0)
    pairs = list(_pairs(model, held))
    make_real = _tabulated if method.tabulated else _evaluated
    return Forces(
        lj=_lennard_jones(hoomd, model, pairs, heavy),
        real=make_real(hoomd, model, pairs, split, charged),
        mesh=make_mesh(hoomd, split, charged)[0],
        field=field,
    )


def set_field(forces: Forces, field_V_per_nm: float) -> None:
    """Apply the field along x to the mobile species, not to the membrane."""
    value = field_V_per_nm * VOLT_PER_NM / CHARGE_UNIT
    for name in (*SPECIES, HELD):
        if name not in MEMBRANE:
            forces.field.E[name] = (value, 0.0, 0.0)


def _buffer(model: Model, cutoff: float, method: Method) -> float:
    # HOOMD-blue needs every edge above twice the sum of cut-off and buffer.
    return min(method.buffer_nm, 0.99 * (float(model.box.min()) / 2 - cutoff))


#: Two types' names, and an atom's index of each.
_Pair = tuple[str, str, int, int]


def _lennard_jones(hoomd: Any, model: Model, pairs: list[_Pair], neighbours: Any) -> Any:
    lj = hoomd.md.pair.LJ(nlist=neighbours, default_r_cut=0.0)
    lj.params.default = {"epsilon": 0.0, "sigma": 1.0}
    for a, b, i, j in pairs:
        epsilon = math.sqrt(model.epsilon[i] * model.epsilon[j])
        if epsilon > 0:
            sigma = 0.5 * (model.sigma[i] + model.sigma[j])
            lj.params[(a, b)] = {"epsilon": epsilon, "sigma": float(sigma)}
            lj.r_cut[(a, b)] = model.cutoff_nm
    return lj


def _evaluated(
    hoomd: Any, model: Model, pairs: list[_Pair], split: Splitting, neighbours: Any
) -> Any:
    """Real-space Coulomb by HOOMD-blue's own Ewald force.

    It is not the one that PPPM is created with, which acts on frozen pairs too.
    """
    ewald = hoomd.md.pair.Ewald(nlist=neighbours, default_r_cut=0.0)
    ewald.params.default = {"kappa": split.kappa, "alpha": 0.0}
    for a, b, i, j in pairs:
        if model.charge[i] * model.charge[j] != 0:
            ewald.r_cut[(a, b)] = split.cutoff_nm
    return ewald


def _tabulated(
    hoomd: Any, model: Model, pairs: list[_Pair], split: Splitting, neighbours: Any
) -> Any:
    """Real-space Coulomb by a table for each pair of types."""
    table = hoomd.md.pair.Table(nlist=neighbours, default_r_cut=0.0)
    # Set for each pair, as HOOMD-blue before 7.1 accepts no default that contains arrays.
    for n, a in enumerate(names := TYPES):
        for b in names[n:]:
            table.params[(a, b)] = {"r_min": 0.0, "U": np.zeros(1), "F": np.zeros(1)}
    r = np.linspace(_TABLE_START_NM, split.cutoff_nm, TABLE_POINTS, endpoint=False)
    energy, force = real_space(r, split.kappa)
    for a, b, i, j in pairs:
        charges = COULOMB * model.charge[i] * model.charge[j]
        if charges != 0:
            u, f = charges * energy, charges * force
            table.params[(a, b)] = {"r_min": _TABLE_START_NM, "U": u, "F": f}
            table.r_cut[(a, b)] = split.cutoff_nm
    return table


def _pairs(model: Model, held: int | None) -> Iterator[_Pair]:
    """Pairs of types that are present, except pairs of frozen types."""
    first = {name: int(k[0]) for name in SPECIES if len(k := model.indices(name))}
    if held is not None:
        first[HELD] = held
    names = list(first)
    for n, a in enumerate(names):
        for b in names[n:]:
            if not (a in MEMBRANE and b in MEMBRANE):
                yield a, b, first[a], first[b]


def real_space(r: NDArray, kappa: float) -> tuple[NDArray, NDArray]:
    """Energy erfc(kappa r) / r and its force -d/dr, per q_i q_j / (4 pi epsilon_0)."""
    energy = erfc(kappa * r) / r
    return energy, energy / r + _gauss(r, kappa)


def long_range(r: NDArray, kappa: float) -> tuple[NDArray, NDArray]:
    """Energy erf(kappa r) / r and its force -d/dr, per q_i q_j / (4 pi epsilon_0)."""
    energy = erf(kappa * r) / r
    return energy, energy / r - _gauss(r, kappa)


def _gauss(r: NDArray, kappa: float) -> NDArray:
    return 2.0 * kappa / math.sqrt(math.pi) * np.exp(-((kappa * r) ** 2)) / r


@dataclass(frozen=True)
class FrozenPairs:
    """Energies and forces of pairs of frozen atoms within the cut-offs, constants of the model.

    Attributes:
        lj: Lennard-Jones energy, kJ/mol.
        coulomb: real-space Coulomb energy, kJ/mol.
        forces: kJ/mol/nm, shape (N, 3).
    """

    lj: float
    coulomb: float
    forces: NDArray[np.float64]


def frozen_pairs(model: Model, split: Splitting) -> FrozenPairs:
    """Sum over pairs of frozen atoms within the cut-offs; `split.kappa` must be known."""
    forces = np.zeros((model.n_atoms, 3))
    frozen = np.flatnonzero(model.frozen)
    energy = np.zeros(2)
    for n, i in enumerate(frozen[:-1]):
        j = frozen[n + 1 :]
        delta = model.membrane_positions[n] - model.membrane_positions[n + 1 :]
        delta -= model.box * np.round(delta / model.box)
        r = np.sqrt((delta**2).sum(axis=1))
        lj, coulomb, push = _pair_terms(model, split, int(i), j, r)
        energy += lj.sum(), coulomb.sum()
        vector = (push / r)[:, None] * delta
        forces[i] += vector.sum(axis=0)
        forces[j] -= vector
    return FrozenPairs(float(energy[0]), float(energy[1]), forces)


def _pair_terms(
    model: Model, split: Splitting, i: int, j: NDArray, r: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """LJ energies, real-space Coulomb energies and forces of pairs of atom i with atoms j."""
    charges = COULOMB * model.charge[i] * model.charge[j] * (r < split.cutoff_nm)
    coulomb, push = (charges * part for part in real_space(r, split.kappa))
    epsilon = np.sqrt(model.epsilon[i] * model.epsilon[j]) * (r < model.cutoff_nm)
    six = (0.5 * (model.sigma[i] + model.sigma[j]) / r) ** 6
    lj = 4.0 * epsilon * (six**2 - six)
    return lj, coulomb, push + 24.0 * epsilon * (2.0 * six**2 - six) / r


def within_waters(model: Model, split: Splitting, positions: NDArray) -> NDArray[np.float64]:
    """Forces of the mesh between the sites of one water, kJ/mol/nm, shape (N, 3).

    HOOMD-blue does not subtract them, as they do not move a rigid body; engines that exclude the
    pairs have no such forces.
    """
    forces = np.zeros((model.n_atoms, 3))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        i, j = model.waters[:, a], model.waters[:, b]
        delta = positions[i] - positions[j]
        r = np.sqrt((delta**2).sum(axis=1))
        size = COULOMB * model.charge[i] * model.charge[j] * long_range(r, split.kappa)[1] / r
        forces[i] += size[:, None] * delta
        forces[j] -= size[:, None] * delta
    return forces
