"""The table of materials and salts: its numbers, their sources, and the models built from it."""

import numpy as np
import pytest
from helpers import CHARGE_SETS, TINY, raw_point

from januspore.errors import InputError
from januspore.materials import MATERIALS, SALTS, SPECIES
from januspore.model.forcefield import SPECIES as NAMES
from januspore.model.system import build_model
from januspore.schema import state_point
from januspore.space.study import parse_charges

#: Half of Rmin in A and epsilon in kcal/mol: Joung and Cheatham 2008, SPC/E.
JOUNG_CHEATHAM = {
    "Li": (0.791, 0.3367344),
    "Na": (1.212, 0.3526418),
    "K": (1.593, 0.4297054),
    "Cl": (2.711, 0.0127850),
}
#: A neutral charge set of each material.
CHARGES = {
    "MoSSe": {"Mo": 1.06, "S": -0.61, "Se": -0.45},
    "MoS2": {"Mo": 1.18, "S": -0.59},
    "WSSe": {"W": 1.06, "S": -0.61, "Se": -0.45},
    "WS2": {"W": 1.18, "S": -0.59},
    "MoSe2": {"Mo": 0.9, "Se": -0.45},
}


def point_of(material, generic=True, **cell):
    raw = raw_point("sine")
    raw["charge_set"] = {"material": material, **CHARGES[material]}
    raw["protocol"] |= {"cell": TINY["cell"] | cell, "dynamics": TINY["dynamics"]}
    if generic:
        raw["protocol"]["force_field"] = {"generic_lennard_jones": True}
    return state_point(raw)


@pytest.mark.parametrize("ion", JOUNG_CHEATHAM)
def test_ions_are_those_of_joung_and_cheatham(ion):
    half_rmin, kcal = JOUNG_CHEATHAM[ion]
    assert SPECIES[ion].sigma_nm == pytest.approx(0.1 * 2 * half_rmin / 2 ** (1 / 6), abs=1e-6)
    assert SPECIES[ion].epsilon_kJ_per_mol == pytest.approx(kcal * 4.184, abs=1e-6)


def test_tungsten_has_uff_parameters_and_is_marked_as_generic():
    tungsten = SPECIES["W"]
    assert tungsten.sigma_nm == pytest.approx(0.3069 / 2 ** (1 / 6), abs=1e-6)
    assert tungsten.epsilon_kJ_per_mol == pytest.approx(0.067 * 4.184, abs=1e-6)
    assert tungsten.generic and "UFF" in tungsten.source
    with pytest.raises(InputError, match=r"parameters of W .*generic_lennard_jones = true .*UFF"):
        point_of("WSSe", generic=False)


def test_every_number_has_a_source():
    for table in (SPECIES, MATERIALS, SALTS):
        assert all(own.source for own in table.values())
    assert set(MATERIALS) >= {"MoSSe", "MoS2", "WSSe", "WS2", "MoSe2"}
    assert set(SALTS) >= {"KCl", "NaCl", "LiCl"}


@pytest.mark.parametrize("material", MATERIALS)
def test_bonds_of_a_material_have_one_length_to_each_chalcogen(material):
    own = MATERIALS[material]
    for plane in (own.top, own.bottom):
        bond = np.hypot(plane.x_nm, own.lattice_nm / np.sqrt(3))
        # Mo-S and W-S are 0.240 to 0.243 nm, Mo-Se and W-Se 0.252 to 0.255 nm.
        assert bond == pytest.approx({"S": 0.2415, "Se": 0.2535}[plane.species], abs=0.0015)


@pytest.mark.parametrize("material", MATERIALS)
def test_a_material_has_its_elements_and_is_neutral(material):
    model = build_model(point_of(material))
    names = {NAMES[i] for i in model.type_id[model.frozen]}
    assert names == set(MATERIALS[material].elements)
    assert model.charge[model.frozen].sum() == pytest.approx(0.0, abs=1e-9)
    assert {NAMES[i] for i in model.type_id[~model.frozen]} == {"K", "Cl", "O", "H"}
    for name, charge in CHARGES[material].items():
        assert (model.charge[model.indices(name)] == charge).all()


@pytest.mark.parametrize("material", MATERIALS)
def test_charges_on_the_command_line_determine_the_material(material):
    text = ",".join(f"{name}={charge}" for name, charge in CHARGES[material].items())
    assert parse_charges(text).material == material


def test_a_missing_element_is_named():
    with pytest.raises(InputError, match="W: Field required"):
        state_point(raw_point() | {"charge_set": {"material": "WS2", "S": -0.5}})
    with pytest.raises(InputError, match=r"one formula unit must sum to 0 e .*W=\+1"):
        parse_charges("W=1.0,S=-0.4")


def test_the_generic_key_is_left_out_at_its_default():
    raw = raw_point() | {"charge_set": CHARGE_SETS["janus"]}
    assert "generic_lennard_jones" not in state_point(raw).model_dump()["protocol"]["force_field"]
