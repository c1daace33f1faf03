"""Hydration of the ions, and density profiles, from the frames of a trajectory (by freud).

The sums of one job are by ion (cation, anion), region (`REGIONS`) and window of |field| at the
frame (`WINDOWS` equal windows up to the amplitude).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..materials import SPECIES
from ..model.system import Model
from ..protocols import Recording
from ..simulate.observables import in_pore, wrap

#: Range and bins of g(r). freud needs a range below half of the shortest edge. Every edge is above
#: 1.2 nm, as the cut-off is at least 0.6 nm.
R_MAX_NM, R_BINS = 0.6, 60
R_EDGES = np.linspace(0.0, R_MAX_NM, R_BINS + 1)
R_CENTRES = (R_EDGES[1:] + R_EDGES[:-1]) / 2

#: Bulk is farther than this from the metal's plane: a sphere of radius `R_MAX_NM` then holds only
#: solution.
BULK_FROM_NM = 1.0
#: The mouths reach from the pore to here: K+ stays at 0.40 to 0.55 nm for tens of ps.
MOUTH_TO_NM = 0.6
REGIONS = ("bulk", "mouth", "pore")

#: Equal windows of |field| up to the amplitude.
WINDOWS = 3
#: Density profiles: frames of the lowest window, and those above it with field along +x and -x.
PROFILES = ("low", "+", "-")


def profile_species(model: Model) -> tuple[str, ...]:
    """Species that have density profiles."""
    return ("water", *model.ion_charges)


def first_shell_nm(ion: str) -> float:
    """Radius of an ion's first shell of water oxygens, nm.

    The product's figure shows it in the g(r) of the bulk.
    """
    radius = SPECIES[ion].first_shell_nm
    if radius is None:
        raise InputError(f"materials.toml: species.{ion} has no first_shell_nm")
    return radius


#: Bins of the water's profile that are merged into one for the ions, of which there are few, and
#: the approximate width of a merged bin, nm.
MERGED = 4
_MERGED_BIN_NM = 0.2


def profile_edges(box: NDArray) -> NDArray:
    """Edges of a profile's bins along x, nm, from one face of the box to the other."""
    bins = round(box[0] / _MERGED_BIN_NM) * MERGED
    return np.linspace(-box[0] / 2, box[0] / 2, bins + 1)


def hydration_sums(
    frames: Iterable[tuple[float, NDArray]], amplitude: float, model: Model, recording: Recording
) -> dict[str, NDArray]:
    """Sum over the frames of one job.

    Args:
        frames: (field along x in V/nm, positions in nm of shape (N, 3)) of each frame.
        amplitude: of the field, V/nm.
        model: species and box.
        recording: gives the pore's region.

    Returns:
        `frames` (WINDOWS,); `ions` and `shell`, ions and waters in
        their first shells, (ions, REGIONS, WINDOWS); `pairs` and `ideal`,
        ion-O pairs by distance about ions in the bulk and what uniform water would give, (ions,
        R_BINS); `profile`, molecules, (PROFILES, species, bins along x);
        `profile_frames` (PROFILES,).
    """
    edges = profile_edges(model.box)
    names = tuple(model.ion_charges)
    shape = (len(names), len(REGIONS), WINDOWS)
    sums = {
        "frames": np.zeros(WINDOWS),
        "ions": np.zeros(shape),
        "shell": np.zeros(shape),
        "pairs": np.zeros((len(names), R_BINS)),
        "ideal": np.zeros((len(names), R_BINS)),
        "profile": np.zeros((len(PROFILES), 1 + len(names), len(edges) - 1)),
        "profile_frames": np.zeros(len(PROFILES)),
    }
    for field, positions in frames:
        window = min(int(abs(field) / amplitude * WINDOWS), WINDOWS - 1)
        wrapped = wrap(positions, model.box)
        oxygen = wrapped[model.waters[:, 0]]
        sums["frames"][window] += 1
        for i, name in enumerate(names):
            ions = wrapped[model.indices(name)]
            masks = regions(ions, model.box, recording)
            counts = shell_counts(ions, oxygen, model.box, first_shell_nm(name))
            sums["ions"][i, :, window] += masks.sum(axis=1)
            sums["shell"][i, :, window] += masks @ counts
            sums["pairs"][i] += pair_counts(ions[masks[0]], oxygen, model.box)
            density = bulk_oxygen_density(oxygen, model.box)
            sums["ideal"][i] += masks[0].sum() * density * shell_volumes()
        which = 0 if window == 0 else (1 if field > 0 else 2)
        sums["profile_frames"][which] += 1
        for i, atoms in enumerate((oxygen, *(wrapped[model.indices(name)] for name in names))):
            sums["profile"][which, i] += np.histogram(atoms[:, 0], edges)[0]
    return sums


def regions(positions: NDArray, box: NDArray, recording: Recording) -> NDArray[np.bool_]:
    """Masks of the positions in each of `REGIONS`, shape (len(REGIONS), n), without overlap."""
    radius, half = recording.pore_radius_nm, recording.pore_half_length_nm
    pore = in_pore(positions, box, half, radius)
    mouth = in_pore(positions, box, max(MOUTH_TO_NM, half), radius) & ~pore
    bulk = (np.abs(wrap(positions, box)[:, 0]) > BULK_FROM_NM) & ~mouth & ~pore
    return np.stack([bulk, mouth, pore])


def shell_counts(ions: NDArray, oxygen: NDArray, box: NDArray, radius: float) -> NDArray[np.int64]:
    """Oxygens within a radius of each ion, minimum image, shape (n_ions,).

    Args:
        ions: positions, nm, shape (n_ions, 3).
        oxygen: positions, nm, shape (n_waters, 3).
        box: edges, nm, shape (3,).
        radius: nm, below half of the shortest edge.
    """
    import freud  # imports pyplot, which takes seconds that other operations do not need

    if len(ions) == 0 or len(oxygen) == 0:
        return np.zeros(len(ions), dtype=np.int64)
    query = freud.locality.AABBQuery(freud.box.Box(*box), wrap(oxygen, box))
    asked = {"mode": "ball", "r_max": radius, "exclude_ii": False}
    neighbours = query.query(wrap(ions, box), asked).toNeighborList()
    return np.bincount(neighbours.query_point_indices, minlength=len(ions))


def pair_counts(ions: NDArray, oxygen: NDArray, box: NDArray) -> NDArray[np.float64]:
    """Ion-oxygen pairs by distance, shape (R_BINS,).

    freud normalises by the density in the whole box, but the membrane holds no water, so only its
    counts are used.
    """
    import freud

    if len(ions) == 0 or len(oxygen) == 0:
        return np.zeros(R_BINS)
    rdf = freud.density.RDF(R_BINS, R_MAX_NM)
    system = (freud.box.Box(*box), wrap(oxygen, box))
    asked = {"mode": "ball", "r_max": R_MAX_NM, "exclude_ii": False}
    rdf.compute(system, query_points=wrap(ions, box), neighbors=asked)
    return np.asarray(rdf.bin_counts, dtype=float)


def shell_volumes() -> NDArray[np.float64]:
    """Volumes of the shells of g(r), nm^3, shape (R_BINS,)."""
    return 4.0 / 3.0 * np.pi * np.diff(R_EDGES**3)


def bulk_oxygen_density(oxygen: NDArray, box: NDArray) -> float:
    """Oxygens per nm^3 farther than `BULK_FROM_NM` from the metal; NaN in a shorter box."""
    length = box[0] - 2 * BULK_FROM_NM
    if length <= 0:
        return float("nan")
    inside = np.abs(wrap(oxygen, box)[:, 0]) > BULK_FROM_NM
    return float(inside.sum() / (length * box[1] * box[2]))
