"""The model: force field, membrane, counts of molecules, and the geometry of water."""

import numpy as np
import pytest
from helpers import CHARGE_SETS, raw_point, tiny_point
from scipy import constants
from scipy.spatial import cKDTree

from januspore import units
from januspore.errors import InputError
from januspore.materials import SALTS
from januspore.model.forcefield import SPECIES, species
from januspore.model.pore import Pore
from januspore.model.system import (
    MEMBRANE_LENGTH_NM,
    PURE_WATER_PER_NM3,
    build_membrane,
    build_model,
    bulk_water_density,
    count,
    water_geometry,
)
from januspore.schema import state_point
from januspore.units import MOL_PER_LITRE

TINY_MODEL = build_model(tiny_point())


def paper_model(charge_set="janus"):
    return build_model(state_point(raw_point(charge_set=charge_set)))


def bond_lengths(model, one, other):
    a, b = (
        model.membrane_positions[model.type_id[model.frozen] == SPECIES.index(n)]
        for n in (one, other)
    )
    edge = model.box
    pairs = cKDTree(a % edge % edge, boxsize=edge)
    near = pairs.query(b % edge % edge, k=3, distance_upper_bound=0.28)[0]
    return near[np.isfinite(near)]


def test_constants_follow_from_si_constants():
    e, n = constants.e, constants.N_A
    assert pytest.approx(constants.k * n * 1e-3, rel=1e-9) == units.BOLTZMANN
    assert pytest.approx(e * 1e9 * n * 1e-12, rel=1e-9) == units.VOLT_PER_NM  # N to kJ/mol/nm
    assert pytest.approx(e / 1e-12 * 1e9, rel=1e-9) == units.E_PER_PS  # A to nA
    assert pytest.approx(n * 1e3 * 1e-27, rel=1e-9) == units.MOL_PER_LITRE
    coulomb = n * e**2 / (4 * np.pi * constants.epsilon_0) * 1e9 * 1e-3
    assert pytest.approx(coulomb, rel=1e-7) == units.COULOMB


# --- the force field against its sources, in their own units -----------------------------------

EV, KCAL = units.VOLT_PER_NM, 4.184  # kJ/mol
RMIN_HALF = 2 / 2 ** (1 / 6) / 10  # AMBER's and CHARMM's Rmin/2 in A to sigma in nm

#: Species: sigma (nm), epsilon (kJ/mol) from the source's numbers; relative rounding of the table.
SOURCES = {
    # Liang, Phillpot, Sinnott, Phys. Rev. B 79, 245110 (2009): sigma in A, epsilon in eV.
    "Mo": (4.20 / 10, 0.00058595 * EV, 1e-4),
    "S": (3.13 / 10, 0.02 * EV, 1e-5),
    # CGenFF 4.6, SEGD1: Rmin/2 in A, epsilon in kcal/mol.
    "Se": (2.175 * RMIN_HALF, 0.623 * KCAL, 1e-6),
    # Joung, Cheatham, J. Phys. Chem. B 112, 9020 (2008), SPC/E: Rmin/2 in A, epsilon in kcal/mol.
    "K": (1.593 * RMIN_HALF, 0.4297054 * KCAL, 2e-6),
    "Cl": (2.711 * RMIN_HALF, 0.0127850 * KCAL, 1e-5),
    # Berendsen, Grigera, Straatsma, J. Phys. Chem. 91, 6269 (1987): A = 0.37122 nm
    # (kJ/mol)^(1/6), B = 0.3428 nm (kJ/mol)^(1/12), V = -(A/r)^6 + (B/r)^12.
    "O": (0.3428**2 / 0.37122, (0.37122 / 0.3428) ** 12 / 4, 5e-5),
}


@pytest.mark.parametrize("name", SOURCES)
def test_lennard_jones_numbers_are_those_of_their_sources(name):
    point = tiny_point()
    found = species(point.protocol.force_field, point.charge_set)[name]
    sigma, epsilon, rounding = SOURCES[name]
    assert found.sigma == pytest.approx(sigma, rel=rounding)
    assert found.epsilon == pytest.approx(epsilon, rel=rounding)


# --- the membrane and the counts -------------------------------------------------------------


@pytest.mark.parametrize("name", CHARGE_SETS)
def test_the_paper_s_cell_has_the_paper_s_counts_and_is_neutral(name):
    model = paper_model(name)
    assert (model.type_id[model.frozen] == 0).sum() == 288 - model.pore.formula_units
    assert model.frozen.sum() == 3 * (288 - model.pore.formula_units)
    reservoir = model.box[1] * model.box[2] * 6.0
    assert len(model.indices("K")) == len(model.indices("Cl")) == round(MOL_PER_LITRE * reservoir)
    in_pore = len(model.waters) - SALTS["KCl"].water_per_nm3 * reservoir
    assert in_pore == pytest.approx(10, abs=1)  # counted in simulations, see docs/model.md
    assert abs(model.charge.sum()) < 1e-9
    assert abs(model.charge[model.frozen].sum()) < 1e-9


def test_the_paper_s_cell_is_5_2_by_5_07_nm():
    assert paper_model().box == pytest.approx([6.0 + MEMBRANE_LENGTH_NM, 5.200, 5.066], abs=5e-4)


@pytest.mark.parametrize(
    ("charge_set", "chalcogen", "height", "length"),
    [
        ("janus", "S", 0.153, 0.242),
        ("janus", "Se", -0.170, 0.253),
        ("MoS2", "S", 0.157, 0.241),
    ],
)
def test_planes_have_their_heights_and_bonds_their_lengths(charge_set, chalcogen, height, length):
    model = paper_model(charge_set)
    kind = model.type_id[model.frozen]
    assert (model.membrane_positions[kind == 0, 0] == 0).all()
    x = model.membrane_positions[kind == SPECIES.index(chalcogen), 0]
    if charge_set == "MoS2":
        assert sorted(set(x)) == [-height, height]
    else:
        assert set(x) == {height}
    bonds = bond_lengths(model, "Mo", chalcogen)
    # The specified lengths are rounded to 0.001 nm.
    assert bonds == pytest.approx(np.full(len(bonds), length), abs=1e-3)
    assert np.ptp(bonds) < 1e-9


def test_every_chalcogen_far_from_the_pore_has_three_metals():
    model = paper_model()
    kind, at = model.type_id[model.frozen], model.membrane_positions
    tree = cKDTree(at[kind == 0] % model.box % model.box, boxsize=model.box)
    far = (kind != 0) & (np.hypot(at[:, 1], at[:, 2]) > 1.0)
    neighbours = tree.query_ball_point(at[far] % model.box % model.box, 0.28, return_length=True)
    assert (neighbours == 3).all()


def test_atoms_are_ordered_membrane_ions_then_whole_waters():
    kind = TINY_MODEL.type_id
    names = np.array(SPECIES)[kind]
    first_water = TINY_MODEL.waters[0, 0]
    assert TINY_MODEL.frozen[: TINY_MODEL.frozen.sum()].all()
    assert (np.diff(kind[:first_water]) >= 0).all()
    assert (names[TINY_MODEL.waters] == ["O", "H", "H"]).all()
    assert (TINY_MODEL.waters.ravel() == np.arange(first_water, TINY_MODEL.n_atoms)).all()
    mobile = 3 * len(TINY_MODEL.ions) + 6 * len(TINY_MODEL.waters)
    assert TINY_MODEL.degrees_of_freedom == mobile


def test_water_is_spc_e():
    oxygen, *hydrogens = water_geometry()
    arms = [h - oxygen for h in hydrogens]
    assert [np.linalg.norm(a) for a in arms] == pytest.approx([0.1, 0.1], abs=1e-12)
    angle = np.degrees(np.arccos(arms[0] @ arms[1] / 0.01))
    assert angle == pytest.approx(109.47, abs=1e-9)
    o, h = (TINY_MODEL.charge[TINY_MODEL.waters[0, k]] for k in (0, 1))
    assert (o, h) == (-0.8476, 0.4238)
    # The model's published dipole moment is 2.351 D; 1 e nm = 48.0320 D.
    dipole = h * np.linalg.norm(arms[0] + arms[1]) * 48.0320
    assert dipole == pytest.approx(2.351, abs=2e-3)


# --- known answers: counts, tables and arrays by hand --------------------------------------------


def test_a_count_is_that_of_the_cell_s_volumes():
    """The tiny cell: 6 x 4 cells of two units, 1.5 nm a side, 1 mol/L; a pore's share of water."""
    cell = {"repeats_y": 6, "repeats_z": 4, "reservoir_nm": 1.5, "salt_mol_per_L": 0.5}
    found = count(tiny_point(cell=cell))
    area = 6 * 0.325 * 4 * 0.325 * 3**0.5
    radius = found.pore.diameter_nm / 2 - 0.05
    assert found.pairs == round(0.5 * 0.602214 * area * 3.0)
    density = 33.3 + (SALTS["KCl"].water_per_nm3 - 33.3) * 0.5
    assert found.waters == round(density * (area * 3.0 + np.pi * radius**2 * 0.67))
    assert found.units == 48 - found.pore.formula_units
    assert found.atoms == 3 * found.units + 2 * found.pairs + 3 * found.waters
    assert build_model(tiny_point(cell=cell)).n_atoms == found.atoms


def test_the_water_s_density_is_linear_in_the_salt_and_beyond():
    one = SALTS["KCl"].water_per_nm3
    assert bulk_water_density(0.0) == PURE_WATER_PER_NM3 == 33.3
    assert bulk_water_density(1.0) == pytest.approx(one) and one == pytest.approx(32.4, abs=0.1)
    assert bulk_water_density(3.0) == pytest.approx(33.3 - 3 * (33.3 - one))
    assert bulk_water_density(1.0, "NaCl") == pytest.approx(SALTS["NaCl"].water_per_nm3)


@pytest.mark.parametrize(("density", "waters"), [(None, 266), (10.0, 80)])
def test_a_bulk_box_holds_what_its_volume_does(density, waters):
    cell = {"edge_nm": 2.0, "salt_mol_per_L": 0.0, "water_per_nm3": density}
    protocol = {"name": "bulk", "cell": cell, "dynamics": {"cutoff_nm": 0.9}}
    point = state_point({"charge_set": {"material": "none"}, "protocol": protocol, "seed": 0})
    found, model = count(point), build_model(point)
    assert (found.units, found.pairs, found.waters) == (0, 0, waters)
    assert model.box.tolist() == [2.0] * 3 and not model.frozen.any()
    assert model.membrane_positions.shape == (0, 3) and model.pore == Pore((0.0, 0.0), 0.0, 0, "")
    salty = {"charge_set": {"material": "none"}, "seed": 0}
    salty["protocol"] = protocol | {"cell": cell | {"salt_mol_per_L": 2.0}}
    salty = state_point(salty)
    assert count(salty).pairs == round(2 * 0.602214 * 8)
    assert (count(salty).waters < waters) == (density is None)


def test_a_barrier_without_an_ion_to_hold_is_refused():
    cell = {"repeats_y": 6, "repeats_z": 4, "reservoir_nm": 1.5, "salt_mol_per_L": 0.01}
    with pytest.raises(InputError, match=r"salt_mol_per_L = 0\.01: leaves no ion"):
        count(tiny_point("barrier", cell=cell))
    assert count(tiny_point(cell=cell)).pairs == 0


def test_every_atom_has_the_numbers_of_its_species():
    point = tiny_point(force_field={"Se_sigma_nm": 0.4, "Se_epsilon_kJ_per_mol": 1.5})
    model, table = build_model(point), species(point.protocol.force_field, point.charge_set)
    assert (table["Se"].sigma, table["Se"].epsilon) == (0.4, 1.5) and table["W"].charge == 0.0
    assert (table["Mo"].charge, table["S"].charge, table["Se"].charge) == (1.06, -0.61, -0.45)
    assert (table["K"].charge, table["Cl"].charge) == (1.0, -1.0)
    for name in ("Mo", "S", "Se", "K", "Cl", "O", "H"):
        own = model.indices(name)
        assert len(own) and (model.type_id[own] == SPECIES.index(name)).all()
        for what in ("mass", "charge", "sigma", "epsilon"):
            assert (getattr(model, what)[own] == getattr(table[name], what)).all()
    assert model.cutoff_nm == 0.9 and model.salt == "KCl"
    ions = [*model.indices("K"), *model.indices("Cl")]
    assert model.ions.tolist() == ions and model.ion_charges == {"K": 1.0, "Cl": -1.0}


def test_the_membrane_s_planes_are_cut_to_the_same_columns():
    """Both chalcogens of a column stand above each other; metals in the other sites."""
    types, positions, box, _ = build_membrane(tiny_point())
    s, se, mo = (positions[types == SPECIES.index(n), 1:] for n in ("S", "Se", "Mo"))
    assert (s == se).all() and len(s) == len(mo)
    assert (np.diff(types) >= 0).all()
    assert box == pytest.approx([6 * 0.325, 4 * 0.325 * 3**0.5])
    tree = cKDTree(s % box % box, boxsize=box)
    near = tree.query(mo % box % box)[0]
    assert near == pytest.approx(np.full(len(mo), 0.325 / 3**0.5))
