"""A bulk liquid from the frames kept of a run: structure, paths, dipole and pressure.

Sums of one job, combined over seeds by the products `bulk_structure` and `bulk_transport`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..model.system import Model
from ..schema import StatePoint
from ..simulate.observables import wrap
from ..units import BOLTZMANN, PER_VACUUM_PERMITTIVITY, VOLT_PER_NM
from .diffusion import square_displacements
from .frames import kept_frames
from .hydration import first_shell_nm, shell_counts
from .pressure import pressure

if TYPE_CHECKING:
    from ..engines.openmm_charges import SwitchedCharges

#: Range of g(r), nm, and as a share of the box's edge, whichever is less; its bins.
_R_MAX_NM, _R_SHARE, R_BINS = 1.0, 0.48, 200
#: A cation and an anion nearer than this touch, nm: the first minimum of the K-Cl g(r) here.
CONTACT_NM = 0.41
#: Most configurations of a job whose pressure is computed: each takes tens of ms.
_PRESSURES = 1000
#: Temperatures, K, at which properties of water at 298 K (viscosity, compressibility) are used.
AMBIENT_K = (285.0, 315.0)


def is_ambient(temperature_K: float) -> bool:
    """Whether a liquid's temperature lies within `AMBIENT_K`."""
    return AMBIENT_K[0] <= temperature_K <= AMBIENT_K[1]


def pairs_of(model: Model) -> tuple[tuple[str, str], ...]:
    """Pairs of species whose g(r) is taken: O-O, then each ion with O and with the other ion."""
    if not len(model.ions):
        return (("O", "O"),)
    cation, anion = model.ion_charges
    return (("O", "O"), (cation, "O"), (anion, "O"), (cation, anion))


def species_of(model: Model) -> tuple[str, ...]:
    """What mean square displacements are of: water, and ions where there are any."""
    return ("water", *(model.ion_charges if len(model.ions) else ()))


def r_edges(box: NDArray) -> NDArray[np.float64]:
    """Edges of the bins of g(r), nm, shape (R_BINS + 1,)."""
    return np.linspace(0.0, min(_R_MAX_NM, _R_SHARE * float(box.min())), R_BINS + 1)


def bulk_sums(
    job: Any, point: StatePoint, model: Model, charges: "SwitchedCharges"
) -> dict[str, NDArray]:
    """Read a job's frames; see `sums_of`."""
    states = [state for _, state in kept_frames(job, point)]
    if not states:
        raise InputError(f"job {job.id}: no frame can be read, and a bulk liquid is read from them")
    whole = _longest_run(np.array([state.step for state in states]))
    positions = np.stack([states[k].positions for k in whole])
    temperature = point.protocol.dynamics.temperature_K
    chosen = positions[:: max(1, -(-len(whole) // _PRESSURES))]
    bars = [pressure(model, one, temperature, charges) for one in chosen]
    lags = len(point.protocol.frame_steps()) // 2 + 1
    return {
        **{k: _padded(k, v, lags) for k, v in sums_of(positions, model).items()},
        "pressure_bar": np.asarray(np.mean(bars)),
        "lag_ps": point.protocol.recording.frame_interval_ps * np.arange(lags),
        "drift_ps": np.asarray(point.protocol.recording.frame_interval_ps * (len(whole) - 1)),
    }


#: Arrays whose second last axis is the lag.
_BY_LAG = ("squares", "charge")


def _padded(name: str, values: NDArray, lags: int) -> NDArray[np.float64]:
    """Values with as many lags as the protocol keeps frames for; NaN where frames are torn."""
    if name not in _BY_LAG:
        return values
    missing = [(0, 0)] * values.ndim
    missing[-2] = (0, lags - values.shape[-2])
    return np.pad(values, missing, constant_values=np.nan)


def _longest_run(steps: NDArray) -> NDArray[np.int64]:
    """Indices of the longest run of frames at equal intervals: torn ones leave gaps."""
    if len(steps) < 3:
        return np.arange(len(steps))
    spacing = np.diff(steps)
    breaks = np.flatnonzero(spacing != spacing.min())
    ends = np.concatenate([[-1], breaks, [len(steps) - 1]])
    longest = int(np.argmax(np.diff(ends)))
    return np.arange(ends[longest] + 1, ends[longest + 1] + 1)


def sums_of(positions: NDArray, model: Model) -> dict[str, NDArray]:
    """Sum what configurations at equal intervals show.

    Args:
        positions: unwrapped, waters whole, nm, shape (times, N, 3).
        model: species, charges and box.

    Returns:
        `g` and `around`, g(r) and the particles within each r of one, (pairs, R_BINS); `shell`,
        waters in each ion's first shell, (ions,); `contact`, share of the cations that touch an
        anion; `squares`, mean square displacements of molecules and ions relative to the centre of
        mass of all, nm^2, (species, lags, 3); `charge`, that of sum q r of all ions, e^2 nm^2,
        (lags, 3); `drift`, mean way of each kind of ion from the first to the last configuration
        relative to the centre of mass of all, nm, (ions, 3); `dipole_square`, of the waters' total
        dipole, e^2 nm^2, (3,).
    """
    mass = model.mass / model.mass.sum()
    centred = positions - np.einsum("i,tij->tj", mass, positions)[:, None]
    oxygen = model.waters[:, 0]
    members = [oxygen if n == "water" else model.indices(n) for n in species_of(model)]
    ions = model.ions
    moved = np.einsum("i,tij->tj", model.charge[ions], positions[:, ions])
    dipole = _dipoles(positions, model)
    way = centred[-1] - centred[0]
    drift = [way[own].mean(axis=0) for own in members[1:]]
    return {
        **_structure(positions, model),
        "squares": np.stack([square_displacements(centred[:, own]) for own in members]),
        "charge": square_displacements(moved[:, None]),
        "drift": np.reshape(drift, (-1, 3)),
        "dipole_square": np.square(dipole).mean(axis=0),
    }


def _dipoles(positions: NDArray, model: Model) -> NDArray[np.float64]:
    """Total dipole of the waters, e nm, shape (times, 3)."""
    charge = model.charge[model.waters]
    return np.asarray(np.einsum("wa,twaj->tj", charge, positions[:, model.waters]))


def _structure(positions: NDArray, model: Model) -> dict[str, NDArray]:
    import freud  # which brings pyplot: seconds that other operations need not wait

    pairs, edges = pairs_of(model), r_edges(model.box)
    found = {pair: freud.density.RDF(R_BINS, edges[-1]) for pair in pairs}
    box, names = freud.box.Box(*model.box), tuple(model.ion_charges)
    shell, contact = np.zeros(len(names)), 0.0
    for frame in positions:
        wrapped = wrap(frame, model.box)
        oxygen = wrapped[model.waters[:, 0]]
        where = {"O": oxygen} | {name: wrapped[model.indices(name)] for name in names}
        for (a, b), rdf in found.items():
            asked = {"mode": "ball", "r_max": edges[-1], "exclude_ii": a == b}
            rdf.compute((box, where[b]), where[a], neighbors=asked, reset=False)
        if not len(model.ions):
            continue
        cation, anion = names
        for k, name in enumerate(names):
            near = shell_counts(where[name], oxygen, model.box, first_shell_nm(name))
            shell[k] += near.mean() / len(positions)
        touching = shell_counts(where[cation], where[anion], model.box, CONTACT_NM)
        contact += float((touching > 0).mean()) / len(positions)
    return {
        "g": np.stack([rdf.rdf for rdf in found.values()]).astype(float),
        "around": np.stack([rdf.n_r for rdf in found.values()]).astype(float),
        "shell": shell,
        "contact": np.asarray(contact),
    }


def dielectric_constant(
    dipole_square_e2_nm2: NDArray, volume_nm3: float, temperature_K: float
) -> NDArray[np.float64]:
    """Dielectric constant of the fluctuations of the dipole, with a tin-foil boundary.

    eps = 1 + <M^2> / (3 eps0 V kT), with <M> = 0 (Neumann 1983, Mol. Phys. 50, 841).

    Args:
        dipole_square_e2_nm2: <M^2> over all three directions together, any shape.
        volume_nm3: of the box.
        temperature_K: temperature.
    """
    volts = BOLTZMANN * temperature_K / VOLT_PER_NM  # kT in e V
    return np.asarray(
        1.0 + PER_VACUUM_PERMITTIVITY * dipole_square_e2_nm2 / (3 * volume_nm3 * volts)
    )
