"""The paper's own membranes: their charge sets, and the panels that show them."""

from collections.abc import Mapping
from typing import Any

from ..materials import MATERIALS, NO_MEMBRANE
from ..model.pore import find_pore
from ..protocols import AnyProtocol
from ..schema import CHARGE_SETS


def _kept(material: str, **charges: float) -> dict[str, Any]:
    return CHARGE_SETS[material](**charges).model_dump()


#: Charge set by name (Figs 1 and 4).
MEMBRANES = {
    "MoSSe": _kept("MoSSe", Mo=1.06, S=-0.61, Se=-0.45),
    "symmetric": _kept("MoSSe", Mo=1.06, S=-0.53, Se=-0.53),
    "high asymmetry": _kept("MoSSe", Mo=1.06, S=-0.71, Se=-0.35),
    "neutral": _kept("MoSSe", Mo=0.0, S=0.0, Se=0.0),
    "MoS2": _kept("MoS2", Mo=1.18, S=-0.59),
}

#: Panel of each membrane's I-E curve.
PANELS = {
    "MoSSe": "Fig. 1B",
    "symmetric": "Fig. 4A",
    "high asymmetry": "Fig. 4B",
    "neutral": "Fig. 4C",
    "MoS2": "Fig. 4D",
}


#: Temperature and salt, and the target of the pore's diameter (Methods; Fig. 1A).
_TEMPERATURE_K, _SALT_MOL_PER_L, _PORE_NM = 300.0, 1.0, 0.85


def departures(material: str, protocol: AnyProtocol) -> str:
    """Say in which conditions of pore and solution a simulation differs from the paper's.

    Cell size, frequency and time step are not compared, as every run shorter than the paper's own
    differs in them; they are given beside every number instead.

    Returns:
        A description, empty if there is no difference.
    """
    if protocol.bulk:
        return "no membrane"
    cell, temperature = protocol.cell, protocol.dynamics.temperature_K
    pore, own = (
        find_pore(material, *target)
        for target in ((cell.pore_diameter_nm, cell.pore_cut), (_PORE_NM, 0))
    )
    apart = []
    if pore != own:
        apart.append(f"pore {pore.diameter_nm:.3g} nm, not {own.diameter_nm:.3g} nm")
    if cell.salt_mol_per_L != _SALT_MOL_PER_L:
        apart.append(f"{cell.salt_mol_per_L:g} mol/L, not {_SALT_MOL_PER_L:g}")
    if temperature != _TEMPERATURE_K:
        apart.append(f"{temperature:g} K, not {_TEMPERATURE_K:g}")
    if protocol.force_field != type(protocol.force_field)():
        apart.append("another force field")
    return ", ".join(apart)


def name_of(charge_set: Mapping[str, Any]) -> str:
    """The paper's name of a charge set, "" if it is not the paper's."""
    return next((name for name, own in MEMBRANES.items() if own == dict(charge_set)), "")


def in_words(charge_set: Mapping[str, Any]) -> str:
    """A charge set in words, such as "MoSSe (Mo +1.06, S -0.61, Se -0.45 e)"."""
    if charge_set["material"] == NO_MEMBRANE:
        return "bulk, no membrane"
    charges = [f"{k} {v:+g}" if v else f"{k} 0" for k, v in charge_set.items() if k != "material"]
    return f"{charge_set['material']} ({', '.join(charges)} e)"


def short_name(charge_set: Mapping[str, Any], given: str = "") -> str:
    """The paper's name of a charge set, else the study's, else material and charges."""
    if charge_set["material"] == NO_MEMBRANE:
        return "bulk"
    charges = "/".join(
        f"{v:+g}"
        for k, v in charge_set.items()
        if k not in ("material", MATERIALS[charge_set["material"]].metal)
    )
    return name_of(charge_set) or given or f"{charge_set['material']} {charges}"


def order(charge_set: Mapping[str, Any]) -> tuple[int, str]:
    """Key that sorts charge sets: the paper's in its order, then others."""
    name = name_of(charge_set)
    rank = list(MEMBRANES).index(name) if name else len(MEMBRANES)
    return rank, in_words(charge_set)
