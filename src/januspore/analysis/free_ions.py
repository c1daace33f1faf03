"""Mean force on free ions by their position: the paper's own estimator of a barrier.

From the frames kept of a job in which the field is held: the force along x, taken apart, on every
ion within a cylinder about the pore's axis, averaged in bins of x. Free ions seldom are where the
force opposes them, so the bins at a barrier are visited least: those with too few visits have no
mean.

In the frames of a `barrier` job the held ion is left out of the average, but its force on the other
ions is in it. The frames of a staircase have no held ion.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..engines.base import PARTS
from ..model.system import Model
from ..protocols import AnyProtocol, required
from ..protocols.field import Programme, held_fields
from ..schema import StatePoint
from ..simulate.observables import wrap
from .frames import kept_frames

#: Fraction of a hold, at its beginning, whose frames are left out as the water still relaxes.
SETTLED = 0.5
#: Bins along x of a staircase's frames, nm.
EDGES_NM = np.round(np.linspace(-1.05, 1.05, 22), 9)
#: Radius about the axis within which an ion counts, nm: that of a barrier's cylinder by default.
RADIUS_NM = 0.3


class Evaluator(Protocol):
    """What takes forces apart, such as :class:`januspore.engines.force_parts.ForceParts`."""

    def along_x(
        self, positions: NDArray, atoms: NDArray, field_V_per_nm: float
    ) -> Mapping[str, NDArray]:
        """Forces along x on some atoms, kJ/mol/nm, shape (n,), for each of `PARTS`."""
        ...


def free_ions(protocol: AnyProtocol, model: Model, ion: str) -> NDArray[np.int64]:
    """Indices of a species' ions that nothing holds."""
    ions = model.indices(ion)
    return ions[1:] if protocol.windows and protocol.windows.ion == ion else ions


def held_frames(job: Any, point: StatePoint, settle_ps: float) -> Iterator[tuple[float, NDArray]]:
    """Yield (field, positions) of the frames whose field had been held for at least a given time.

    Args:
        job: a job whose protocol holds fields.
        point: its state point.
        settle_ps: that time; frames nearer to a change of field are left out.
    """
    programme = point.protocol.programme()
    for _, state in kept_frames(job, point):
        time_ps = state.step * point.protocol.dynamics.timestep_ps
        field = held_field(programme, time_ps, settle_ps)
        if field is not None:
            yield field, state.positions


def held_field(programme: Programme, time_ps: float, settle_ps: float) -> float | None:
    """Field up to a time if it was held for `settle_ps` before it, else None."""
    for start, leaf in programme.leaves():
        # A frame at the end of a hold belongs to that hold, not to the next one.
        if start < time_ps <= start + leaf.duration_ps + 1e-9:
            return leaf.held_V_per_nm if start <= time_ps - settle_ps + 1e-9 else None
    return None


def job_sums(
    job: Any, point: StatePoint, model: Model, forces: Evaluator
) -> dict[str, NDArray[np.float64]]:
    """Sums over the frames of the last part of each hold, forward and reverse together.

    Args:
        job: signac job of a protocol with holds.
        point: its state point.
        model: its model.
        forces: takes forces apart.

    Returns:
        The sums of :func:`free_ion_sums` for each species, under names such as "Cl_visits".
    """
    holds = required(point.protocol.holds, "holds")
    frames = list(held_frames(job, point, SETTLED * holds.hold_ps))
    fields = held_fields(point.protocol.programme())
    found: dict[str, NDArray] = {}
    for ion in model.ion_charges:
        ions = free_ions(point.protocol, model, ion)
        sums = free_ion_sums(frames, fields, EDGES_NM, RADIUS_NM, ions, model.box, forces)
        found |= {f"{ion}_{name}": values for name, values in sums.items()}
    return found


def free_ion_sums(
    frames: Iterable[tuple[float, NDArray]],
    fields: NDArray,
    edges_nm: NDArray,
    radius_nm: float,
    ions: NDArray,
    box: NDArray,
    forces: Evaluator,
) -> dict[str, NDArray]:
    """Sum forces on ions near the pore's axis by field and bin of x; sums of jobs may be added.

    Args:
        frames: (field in V/nm, positions in nm of shape (N, 3)); frames of a field that is not in
            `fields` are ignored.
        fields: the fields to sum for, V/nm, shape (F,).
        edges_nm: of the bins along x, rising, within the box, shape (B + 1,).
        radius_nm: of the cylinder about the axis within which an ion counts.
        ions: indices of the ions to look at, shape (n,).
        box: edges, nm, shape (3,).
        forces: takes the force apart.

    Returns:
        `frames`, their number at each field, (F,); `visits`, ions found in a bin, and
        `visited_frames`, frames with at least one, (F, B); `force` and `square`, sums over visits
        of each of `PARTS` and of its square, kJ/mol/nm, (F, B, len(PARTS)); `total_square`, of the
        square of the parts' sum, (F, B).
    """
    shape = len(fields), len(edges_nm) - 1
    sums = {
        "frames": np.zeros(len(fields)),
        "visits": np.zeros(shape),
        "visited_frames": np.zeros(shape),
        "force": np.zeros((*shape, len(PARTS))),
        "square": np.zeros((*shape, len(PARTS))),
        "total_square": np.zeros(shape),
    }
    for field, positions in frames:
        same = np.flatnonzero(np.isclose(fields, field, rtol=0, atol=1e-9))
        if not len(same):
            continue
        k = same[0]
        sums["frames"][k] += 1
        x, y, z = wrap(positions[ions], box).T
        bins = np.searchsorted(edges_nm, x, side="right") - 1
        near = (np.hypot(y, z) < radius_nm) & (bins >= 0) & (bins < shape[1])
        if not near.any():
            continue
        bins = bins[near]
        parts = forces.along_x(positions, ions[near], field)
        force = np.stack([parts[name] for name in PARTS], axis=1)
        np.add.at(sums["visits"][k], bins, 1)
        sums["visited_frames"][k, np.unique(bins)] += 1
        np.add.at(sums["force"][k], bins, force)
        np.add.at(sums["square"][k], bins, force**2)
        np.add.at(sums["total_square"][k], bins, force.sum(axis=1) ** 2)
    return sums


def conditional_means(sums: Mapping[str, NDArray], least_visits: int) -> dict[str, NDArray]:
    """Mean forces on ions given where they are, with standard errors.

    Errors count all visits in one frame as one and take frames as independent, so frames should be
    farther apart in time than an ion stays in a bin.

    Args:
        sums: of :func:`free_ion_sums`, of one job or added over jobs.
        least_visits: a bin visited in fewer frames is NaN.

    Returns:
        `force` and `force_error`, kJ/mol/nm, (F, B, len(PARTS)); `total` and `total_error` of the
        sum of all parts, (F, B).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        n = np.where(sums["visited_frames"] >= max(least_visits, 2), sums["visits"], np.nan)
        independent = sums["visited_frames"] - 1
        force = sums["force"] / n[..., None]
        spread = np.maximum(sums["square"] / n[..., None] - force**2, 0.0)
        total = sums["force"].sum(axis=-1) / n
        total_spread = np.maximum(sums["total_square"] / n - total**2, 0.0)
        return {
            "force": force,
            "force_error": np.sqrt(spread / independent[..., None]),
            "total": total,
            "total_error": np.sqrt(total_spread / independent),
        }
