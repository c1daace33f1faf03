"""Electrostatic potential along x from the charges of kept frames, averaged over the plane.

Poisson's equation in one dimension, exact for the charges where they stand: for each bin of x the
charge and its first moment are kept, so that a sheet of charge within a bin is not moved to its
middle. The cell is periodic with a tin-foil boundary, so the charges' own potential is periodic;
the applied field adds -E x.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..model.system import Model
from ..protocols import AnyProtocol
from ..protocols.field import held_fields
from ..simulate.observables import wrap
from ..units import PER_VACUUM_PERMITTIVITY

#: What the charges are of; their potentials add up.
PARTS = ("membrane", "water", "ions")
#: Width of a bin, nm, about.
_BIN_NM = 0.02
#: Share of a held field's time, from its beginning, whose frames are left out.
SETTLED = 0.5
#: Windows of a field that is never held: near 0, and above, along +x and along -x.
_LOW = 1.0 / 3.0


def edges(model: Model) -> NDArray[np.float64]:
    """Where the potential is given, nm, from one face of the box to the other."""
    half, bins = model.box[0] / 2, round(float(model.box[0]) / _BIN_NM)
    return np.linspace(-half, half, bins + 1)


def classes(protocol: AnyProtocol) -> NDArray[np.float64]:
    """Fields that frames are sorted by, V/nm: those held, else 0 and both extremes."""
    held = held_fields(protocol.programme())
    if len(held):
        return held
    peak = protocol.cycle.amplitude_V_per_nm if protocol.cycle else 0.0
    return np.array([-peak, 0.0, peak])


def class_of(protocol: AnyProtocol, time_ps: float) -> tuple[int, float] | None:
    """Index into `classes` of a frame, and its field, V/nm.

    None for a frame too near to a change of a field that is held.
    """
    programme, fields = protocol.programme(), classes(protocol)
    for start, leaf in programme.leaves():
        if not start < time_ps <= start + leaf.duration_ps + 1e-9:
            continue
        if leaf.held_V_per_nm is not None:
            settled = time_ps - start >= SETTLED * leaf.duration_ps - 1e-9
            nearest = int(np.argmin(np.abs(fields - leaf.held_V_per_nm)))
            return (nearest, leaf.held_V_per_nm) if settled else None
        value = programme.value(time_ps)
        return int(np.searchsorted([-_LOW * fields[-1], _LOW * fields[-1]], value)), value
    return None


def charge_sums(frames: Iterable[NDArray], model: Model) -> dict[str, NDArray]:
    """Sum charges by part and bin of x.

    Args:
        frames: positions, nm, shape (N, 3) each.
        model: charges, parts and box.

    Returns:
        `charge`, e, and `moment`, e nm, shape (PARTS, bins); `frames`, how many there were.
    """
    at = edges(model)
    members = (np.flatnonzero(model.frozen), model.waters.ravel(), model.ions)
    shape = len(PARTS), len(at) - 1
    sums = {"charge": np.zeros(shape), "moment": np.zeros(shape), "frames": np.asarray(0.0)}
    for positions in frames:
        sums["frames"] = sums["frames"] + 1
        x = wrap(positions[:, 0], model.box[0])
        bins = np.clip(np.searchsorted(at, x, side="right") - 1, 0, shape[1] - 1)
        for k, atoms in enumerate(members):
            weights = model.charge[atoms]
            sums["charge"][k] += np.bincount(bins[atoms], weights, shape[1])
            sums["moment"][k] += np.bincount(bins[atoms], weights * x[atoms], shape[1])
    return sums


def potential(charge: NDArray, moment: NDArray, model: Model) -> NDArray[np.float64]:
    """Potential at `edges`, V, periodic and 0 at the box's faces, shape (..., bins + 1).

    Args:
        charge: mean charge by bin, e, shape (..., bins).
        moment: mean first moment by bin, e nm, same shape.
        model: gives the box.
    """
    at, area = edges(model), float(np.prod(model.box[1:]))
    before = np.concatenate([np.zeros((*charge.shape[:-1], 1)), np.cumsum(charge, -1)], axis=-1)
    lever = np.concatenate([np.zeros((*charge.shape[:-1], 1)), np.cumsum(moment, -1)], axis=-1)
    # Sum of q_i (x - x_i) over the charges before x.
    free = -PER_VACUUM_PERMITTIVITY / area * (before * at - lever)
    # A part that is not neutral is neutralised by a uniform background, as by the Ewald sum.
    net, length = before[..., -1:], float(model.box[0])
    along = at + length / 2
    free = free + PER_VACUUM_PERMITTIVITY / area * net * along**2 / (2 * length)
    return np.asarray(free - free[..., -1:] * along / length)
