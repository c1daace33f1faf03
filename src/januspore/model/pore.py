"""The stoichiometric pore: the neutral cut whose inscribed circle is nearest a target diameter.

A cut removes every site inside a circle. It keeps the membrane neutral for every charge set only
if it takes as many metal sites as chalcogen columns. Its diameter is that of the largest circle
that fits between the sites left at its edge, measured centre to centre as in the paper. Such
circles touch at least three sites that surround their centre, so all candidates can be listed.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..materials import MATERIALS
from .lattice import columns, unit_cell

#: Sites this close to the circle lie on it, nm. Without a tolerance, edge sites that differ in the
#: last digits are cut away as if they were inside (7 formula units go instead of 5).
TOLERANCE_NM = 1e-3


@dataclass(frozen=True)
class Pore:
    """A neutral cut: centre (y, z) in nm within the unit cell, diameter in nm, what it removes."""

    centre_nm: tuple[float, float]
    diameter_nm: float
    formula_units: int
    #: Sites that the inscribed circle touches, such as "2Mo+2X" (X: a column of chalcogens).
    edge: str


#: What a bulk liquid has for a pore.
NO_PORE = Pore((0.0, 0.0), 0.0, 0, "")


def find_pore(material: str, diameter_nm: float, cut_index: int = 0) -> Pore:
    """Return the neutral cut nearest the target diameter, or a less near one.

    Args:
        material: one of `materials.MATERIALS`.
        diameter_nm: target centre-to-centre diameter.
        cut_index: 0 for the nearest cut; 1 for the next one with another diameter or edge; ...

    Raises:
        InputError: the target is out of reach, or fewer neutral cuts lie within 0.15 nm of it.

    >>> pore = find_pore("MoSSe", 0.85)
    >>> round(pore.diameter_nm, 3), pore.formula_units, pore.edge
    (0.866, 5, '2Mo+2X')
    """
    if not 0.4 <= diameter_nm <= 3.0:
        raise InputError(f"pore_diameter_nm = {diameter_nm:g}: must be between 0.4 and 3 nm")
    ranked = _ranked_cuts(material, round(diameter_nm, 6))
    if cut_index >= len(ranked):
        raise InputError(
            f"pore_cut = {cut_index}: {material} has {len(ranked)} neutral cuts within "
            f"{_WINDOW_NM} nm of pore_diameter_nm = {diameter_nm:g} (0 to {len(ranked) - 1})"
        )
    return ranked[cut_index]


def cut(yz: NDArray, box_yz: NDArray, centre: NDArray, diameter_nm: float) -> NDArray:
    """Mask of the sites that stay, shape (n,), for a circle about `centre` in a periodic sheet."""
    delta = yz - centre
    delta -= box_yz * np.round(delta / box_yz)
    return np.hypot(delta[:, 0], delta[:, 1]) > diameter_nm / 2 - TOLERANCE_NM


_WINDOW_NM = 0.15


@lru_cache(maxsize=64)
def _ranked_cuts(material: str, target_nm: float) -> tuple[Pore, ...]:
    edge = unit_cell(material)
    reach = target_nm / 2 + _WINDOW_NM
    n_y, n_z = (2 * int(np.ceil((reach + edge.max()) / e)) + 1 for e in edge)
    yz, metal = columns(material, n_y, n_z)
    yz = yz - edge * [n_y // 2, n_z // 2]
    found: dict[tuple[float, int, str], Pore] = {}
    for centre, radius in _empty_circles(yz, edge, target_nm):
        distance = np.hypot(*(yz - centre).T)
        inside = distance < radius - TOLERANCE_NM
        if metal[inside].sum() * 2 != inside.sum() or not inside.any():
            continue
        touching = metal[np.abs(distance - radius) <= TOLERANCE_NM]
        pore = Pore(
            centre_nm=(float(centre[0]), float(centre[1])),
            diameter_nm=float(2 * radius),
            formula_units=int(inside.sum() // 2),
            edge=f"{touching.sum()}{MATERIALS[material].metal}+{(~touching).sum()}X",
        )
        # Mirror images and lattice translations are one cut: keep the first centre of each.
        key = (round(pore.diameter_nm, 4), pore.formula_units, pore.edge)
        found[key] = min(
            found.get(key, pore), pore, key=lambda p: np.round(p.centre_nm, 6).tolist()
        )
    return tuple(
        sorted(found.values(), key=lambda p: (round(abs(p.diameter_nm - target_nm), 5), p.edge))
    )


def _empty_circles(yz: NDArray, edge: NDArray, target_nm: float) -> list[tuple[NDArray, float]]:
    """Circles through three sites that enclose their centre, centred in the unit cell."""
    low, high = target_nm / 2 - _WINDOW_NM / 2, target_nm / 2 + _WINDOW_NM / 2
    middle = edge / 2
    near = yz[np.hypot(*(yz - middle).T) < high + np.hypot(*middle)]
    near = near[np.hypot(*(near - middle).T) > max(low - np.hypot(*middle), 0.0)]
    triples = near[np.array(list(combinations(range(len(near)), 3)))]
    centre, radius = _circumcircles(triples)
    good = (radius > max(low, 0.0)) & (radius < high)
    good &= np.all((centre > -1e-9) & (centre < edge - 1e-9), axis=1)
    good &= _encloses(triples, centre)
    return list(zip(centre[good], radius[good], strict=True))


def _circumcircles(triples: NDArray) -> tuple[NDArray, NDArray]:
    a, b, c = np.moveaxis(triples, 1, 0)
    ba, ca = b - a, c - a
    cross = 2.0 * (ba[:, 0] * ca[:, 1] - ba[:, 1] * ca[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        bb, cc = (ba**2).sum(1), (ca**2).sum(1)
        offset = np.stack([ca[:, 1] * bb - ba[:, 1] * cc, ba[:, 0] * cc - ca[:, 0] * bb], 1)
        offset /= cross[:, None]
    offset[~np.isfinite(offset).all(1)] = np.inf
    return a + offset, np.hypot(offset[:, 0], offset[:, 1])


def _encloses(triples: NDArray, centre: NDArray) -> NDArray:
    """Whether each triangle contains its circumcentre: the circle cannot grow by moving."""
    sides = np.stack([((triples[:, i] - triples[:, (i + 1) % 3]) ** 2).sum(1) for i in range(3)], 1)
    return 2 * sides.max(1) <= sides.sum(1) + 1e-9
