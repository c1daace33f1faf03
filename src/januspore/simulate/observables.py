"""Array functions of one configuration or of one displacement.

All positions are in nm with the membrane's metal at x = 0 and the pore's axis at y = z = 0.
"""

import numpy as np
from numpy.typing import NDArray


def wrap(x: NDArray, edge: float | NDArray) -> NDArray:
    """Move coordinates into [-edge/2, edge/2)."""
    return x - edge * np.floor(x / edge + 0.5)


def slab_displacement(x: NDArray, dx: NDArray, edge: float, half_width: float) -> NDArray:
    """Part of each displacement that lies within the slab |x| < half_width, nm, shape (n,).

    With I = sum q dx / (2 w dt) this is the current through the pore's slab, without the
    displacement current of the reservoirs (Aksimentiev and Schulten 2005, restricted to a slab).

    Args:
        x: positions before the displacement, unwrapped, shape (n,).
        dx: displacements, much shorter than the box, shape (n,).
        edge: box edge along x.
        half_width: w.
    """
    start = wrap(x, edge)
    ends = np.stack([start, start + dx])
    # A displacement across the box's face may reach the slab's next image.
    images = np.array([-edge, 0.0, edge])[:, None, None]
    inside = np.minimum(np.maximum(ends - images, -half_width), half_width)  # shape (3, 2, n)
    passed: NDArray[np.float64] = (inside[:, 1] - inside[:, 0]).sum(axis=0)
    return passed


def reservoir_index(x: NDArray, edge: float, gate: float, previous: NDArray) -> NDArray:
    """Which periodic image of the reservoir each ion was last in, shape (n,), float.

    Reservoir k spans k L + gate < x < (k + 1) L - gate in unwrapped x. An ion within the gate of a
    membrane keeps its previous index (NaN if it has been in no reservoir yet), so an ion that
    enters the pore and returns, or recrosses the gate, is not counted. A change of index is a
    completed crossing, towards +x if the index grows, however often the ion wraps around the box.
    """
    inside = np.abs(wrap(x, edge)) <= gate
    return np.where(inside, previous, np.floor(x / edge))


def crossings(previous: NDArray, current: NDArray) -> tuple[int, int]:
    """Completed crossings towards +x and towards -x between two sets of reservoir indices."""
    change = current - previous  # NaN (no reservoir yet) compares false below, so is not counted
    return int(change[change > 0].sum()), int(-change[change < 0].sum())


def in_pore(positions: NDArray, box: NDArray, half_length: float, radius: float) -> NDArray:
    """Mask of positions with |x| < half_length and within radius of the pore's axis, shape (n,)."""
    wrapped = wrap(positions, box)
    r2 = wrapped[:, 1] ** 2 + wrapped[:, 2] ** 2
    return (np.abs(wrapped[:, 0]) < half_length) & (r2 < radius**2)


def dipole_orientation(oxygen: NDArray, hydrogens: NDArray) -> tuple[NDArray, NDArray]:
    """Orientation of water dipoles.

    Args:
        oxygen: positions, shape (n, 3).
        hydrogens: positions, shape (n, 2, 3), molecules whole.

    Returns:
        (theta, cosine): the angle in the x-y plane between the projected dipole and +x, rad in
        (-pi, pi] (paper, Fig. 2A), and the cosine of the full dipole to +x; shape (n,) each.
    """
    dipole = hydrogens.mean(axis=1) - oxygen
    theta = np.arctan2(dipole[:, 1], dipole[:, 0])
    return theta, dipole[:, 0] / np.linalg.norm(dipole, axis=1)
