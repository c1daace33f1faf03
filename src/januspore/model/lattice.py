"""The 2H monolayer MX2: one plane of metal atoms between two planes of chalcogens, normal x."""

import numpy as np
from numpy.typing import NDArray

from ..materials import MATERIALS


def unit_cell(material: str) -> NDArray[np.float64]:
    """Edges (y, z) of the orthorhombic cell of two formula units, nm, shape (2,)."""
    return np.array(MATERIALS[material].cell_nm)


def columns(material: str, repeats_y: int, repeats_z: int) -> tuple[NDArray, NDArray]:
    """In-plane sites of a sheet: metal sites, and the columns that hold one chalcogen each way.

    Returns:
        (yz, metal): positions in nm, shape (4 * repeats_y * repeats_z, 2), and a boolean mask of
        the metal sites, shape (4 * repeats_y * repeats_z,).
    """
    edge = unit_cell(material)
    metal = np.array([[0.0, 0.0], [0.5, 0.5]]) * edge
    # In 2H both chalcogens are at the same hollow site of the metal's triangular lattice.
    hollow = metal + np.array([0.0, edge[0] / np.sqrt(3.0)])
    shifts = np.stack(np.meshgrid(np.arange(repeats_y), np.arange(repeats_z), indexing="ij"), -1)
    cell = np.concatenate([metal, hollow])
    yz = (shifts.reshape(-1, 1, 2) * edge + cell).reshape(-1, 2)
    return yz, np.tile([True, True, False, False], repeats_y * repeats_z)
