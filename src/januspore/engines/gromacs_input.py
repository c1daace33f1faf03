"""Input files of GROMACS as texts: topology, configuration, groups of atoms, run parameters."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from ..model.forcefield import SPECIES, WATER_ANGLE_DEG, WATER_R_OH_NM
from ..model.system import Model
from ..protocols import Dynamics
from ..protocols.field import (
    Constant,
    Programme,
    Ramp,
    SineWave,
)
from .base import Tether, ewald_parameters

_WATER = ("O", "H")
#: Steps between two actions of the thermostat, whose oscillation takes 0.4 to 0.6 ps at the default
#: tau: five steps of 2 fs are a fiftieth of it. An action at every step makes mdrun 1.5 % slower.
_THERMOSTAT_STEPS = 5
#: Names of the groups of atoms in the run parameters.
_ALL, _FROZEN, _HELD = "All", "Frozen", "Held"
#: Order of the mesh's splines, as in the other engines.
_PME_ORDER = 5
#: A ramp is given as the middle of a sine up to this angle: the curvature is then 8e-6 of its
#: largest field, comparable to rounding in single precision.
_RAMP_ANGLE = 7e-3


def topology(model: Model) -> str:
    """Topology: each ion and membrane atom is a molecule; waters are rigid by SETTLE."""
    lines = ["[ defaults ]", "1 2 no 1.0 1.0", "[ atomtypes ]"]
    first = {name: int(model.indices(name)[0]) for name in SPECIES if len(model.indices(name))}
    for name, i in first.items():
        lines.append(
            f"{name} {model.mass[i]:.12g} 0 A {model.sigma[i]:.15g} {model.epsilon[i]:.15g}"
        )
    for name, i in first.items():
        if name not in _WATER:
            lines += ["[ moleculetype ]", f"{name} 0", "[ atoms ]", _atom(model, 1, name, i)]
    if len(model.waters):
        lines += _water(model)
    lines += ["[ system ]", "januspore", "[ molecules ]"]
    # In the order of the model's atoms, which is not that of the species: Na comes before Cl.
    names = [SPECIES[i] for i in np.delete(model.type_id, model.waters.ravel()).tolist()]
    lines += [f"{name} {len(list(atoms))}" for name, atoms in groupby(names)]
    if len(model.waters):
        lines.append(f"SOL {len(model.waters)}")
    return "\n".join([*lines, ""])


def _atom(model: Model, number: int, name: str, i: int) -> str:
    residue = "SOL" if name in _WATER else name
    return f"{number} {name} 1 {residue} {name} 1 {model.charge[i]:.15g} {model.mass[i]:.12g}"


def _water(model: Model) -> list[str]:
    oxygen, *hydrogens = model.waters[0].tolist()
    between = 2 * WATER_R_OH_NM * math.sin(math.radians(WATER_ANGLE_DEG) / 2)
    return [
        *("[ moleculetype ]", "SOL 0", "[ atoms ]"),
        _atom(model, 1, "O", oxygen),
        *(_atom(model, k + 2, "H", i) for k, i in enumerate(hydrogens)),
        *("[ settles ]", f"1 1 {WATER_R_OH_NM:.15g} {between:.15g}"),
        *("[ exclusions ]", "1 2 3", "2 1 3", "3 1 2"),
    ]


def configuration(model: Model, positions: NDArray, velocities: NDArray) -> str:
    """A .gro file with 12 decimals, all of which GROMACS reads; molecules whole and in the box.

    Args:
        model: gives names and box.
        positions: nm, unwrapped, shape (N, 3).
        velocities: nm/ps, shape (N, 3).
    """
    shift = np.floor(positions / model.box)
    shift[model.waters] = shift[model.waters[:, :1]]
    rows = np.hstack([positions - shift * model.box, velocities]).tolist()
    names = [SPECIES[i] for i in model.type_id.tolist()]
    # GROMACS derives the decimals from the width: decimals + 5, one decimal more for velocities.
    numbers = "%17.12f" * 3 + "%17.13f" * 3
    lines = [
        f"{n % 100000:5d}{'SOL' if name in _WATER else name:5s}{name:>5s}{n % 100000:5d}"
        + numbers % tuple(row)
        for n, (name, row) in enumerate(zip(names, rows, strict=True), 1)
    ]
    edges = " ".join(f"{edge:.12f}" for edge in model.box)
    return "\n".join(["januspore", str(model.n_atoms), *lines, edges, ""])


def groups(model: Model, tether: Tether | None) -> str:
    """An index file of all atoms, the frozen ones, and the held one."""
    named = {_ALL: np.arange(model.n_atoms), _FROZEN: np.flatnonzero(model.frozen)}
    if tether:
        named[_HELD] = np.array([tether.atom])
    return "".join(
        f"[ {name} ]\n" + "\n".join(map(str, (atoms + 1).tolist())) + "\n"
        for name, atoms in named.items()
        if len(atoms)
    )


@dataclass(frozen=True)
class Wave:
    """An applied field A cos(omega t), V/nm, with GROMACS's time t = 0 at `start_ps`."""

    amplitude_V_per_nm: float
    omega_per_ps: float
    start_ps: float


def wave(programme: Programme, begin_ps: float, end_ps: float, timestep_ps: float) -> Wave:
    """Return the field of a stretch of a programme that lies within one of its segments.

    Each step has the field at its middle, so the impulse over any number of steps is the
    programme's integral within a relative error of (omega dt)^2 / 24. A ramp is given as the nearly
    straight part of a slow sine of large amplitude.

    Args:
        programme: the field, V/nm, as a function of time.
        begin_ps: start of the stretch.
        end_ps: its end.
        timestep_ps: time step.

    Raises:
        ValueError: the stretch goes across the end of a segment.
    """
    for start, leaf in programme.leaves():
        if start <= begin_ps + 1e-6 and end_ps - 1e-6 <= start + leaf.duration_ps:
            if isinstance(leaf, Constant):
                return Wave(leaf.field_V_per_nm, 0.0, 0.0)
            if isinstance(leaf, Ramp) and leaf.first_V_per_nm == leaf.last_V_per_nm:
                return Wave(leaf.first_V_per_nm, 0.0, 0.0)
            amplitude, omega, phase = _sine(leaf)
            # sin(w t + phase) = cos(w (t + (phase - pi/2) / w)); GROMACS ignores its
            # own time shift unless the field is a pulse.
            shift = (phase - 0.5 * math.pi) / omega
            return Wave(amplitude, omega, start - 0.5 * timestep_ps - shift)
    raise ValueError(f"no segment of the programme holds {begin_ps:g} to {end_ps:g} ps")


def _sine(leaf: Ramp | SineWave) -> tuple[float, float, float]:
    """Amplitude, V/nm, angular frequency, 1/ps, and phase at the segment's start."""
    if isinstance(leaf, SineWave):
        return leaf.amplitude_V_per_nm, 2e-3 * math.pi * leaf.frequency_GHz, leaf.phase
    rate = (leaf.last_V_per_nm - leaf.first_V_per_nm) / leaf.duration_ps
    largest = max(abs(leaf.first_V_per_nm), abs(leaf.last_V_per_nm))
    amplitude = math.copysign(largest / _RAMP_ANGLE, rate)
    return amplitude, rate / amplitude, leaf.first_V_per_nm / amplitude


@dataclass(frozen=True)
class Pull:
    """A tether that moves in a straight line: (x, radius) in nm at two times in ps."""

    begin_ps: float
    begin_nm: tuple[float, float]
    end_ps: float
    end_nm: tuple[float, float]


@dataclass(frozen=True)
class Output:
    """Steps between frames of the trajectory, between energies (0: none), and of forces."""

    frames: int
    energies: int = 0
    forces: int = 0


def parameters(
    model: Model,
    dynamics: Dynamics,
    end_step: int,
    zero_ps: float,
    field: Wave,
    output: Output,
    neighbour_steps: int,
    pull: Mapping[str, object],
) -> str:
    """Run parameters (.mdp) of a run that ends at `end_step`.

    Args:
        model: cut-off and Ewald parameters.
        dynamics: time step and thermostat.
        end_step: GROMACS's number of the last step.
        zero_ps: the programme's time at GROMACS's step 0.
        field: the applied field.
        output: what is written, and how often.
        neighbour_steps: steps between two neighbour lists.
        pull: parameters of a tether (`tether_parameters`).
    """
    ewald = ewald_parameters(model)
    mesh = dict(zip(("nx", "ny", "nz"), ewald.mesh, strict=True))
    values: dict[str, object] = {
        "integrator": "md",
        "dt": dynamics.timestep_ps,
        "nsteps": end_step,
        "tinit": zero_ps - field.start_ps,
        "comm-mode": "none",  # momentum is not conserved: the frozen membrane takes it up
        "nstxout": output.frames,
        "nstvout": output.frames,
        "nstfout": output.forces,
        "nstenergy": output.energies,
        "nstcalcenergy": output.energies or 100,
        "nstlog": 0,
        "cutoff-scheme": "Verlet",
        "nstlist": neighbour_steps,
        "rlist": model.cutoff_nm,  # GROMACS adds the buffer that its own tolerance needs
        "vdwtype": "Cut-off",
        "vdw-modifier": "None",
        "rvdw": model.cutoff_nm,
        "DispCorr": "no",
        "coulombtype": "PME",
        "coulomb-modifier": "None",
        "rcoulomb": model.cutoff_nm,
        "ewald-rtol": float(erfc(ewald.alpha * model.cutoff_nm)),
        **{f"fourier-{axis}": points for axis, points in mesh.items()},
        "pme-order": _PME_ORDER,
        "tcoupl": "nose-hoover",
        "nsttcouple": _THERMOSTAT_STEPS,
        "nh-chain-length": 1,  # GROMACS allows no longer chain with leap-frog
        "tc-grps": _ALL,
        # GROMACS's tau-t is the period of the thermostat's oscillation.
        "tau-t": 2 * math.pi * dynamics.thermostat_tau_ps,
        "ref-t": dynamics.temperature_K,
        "pcoupl": "no",
        "gen-vel": "no",
        "continuation": "yes",  # the configuration already satisfies the constraints
        "electric-field-x": f"{field.amplitude_V_per_nm!r} {field.omega_per_ps!r} 0 0",
        **pull,
    }
    if model.frozen.any():
        values |= {"freezegrps": _FROZEN, "freezedim": "Y Y Y"}
    return "".join(f"{key} = {value}\n" for key, value in values.items())


def tether_parameters(tether: Tether, pull: Pull, zero_ps: float = 0.0) -> dict[str, object]:
    """Run parameters of a tether: a spring along x, and a cylinder about the axis, free inside.

    Both are pull coordinates from a fixed point, whose reference values move at constant rates.

    Args:
        tether: the atom and the stiffness.
        pull: where it stands, when.
        zero_ps: the programme's time at GROMACS's time 0.
    """
    x, radius = pull.begin_nm
    lasts = pull.end_ps - pull.begin_ps
    rates = [
        (b - a) / lasts if lasts else 0.0 for a, b in zip(pull.begin_nm, pull.end_nm, strict=True)
    ]
    # GROMACS takes the initial reference value as that at time 0, also if the run starts later.
    along, across = (
        v - rate * (pull.begin_ps - zero_ps) for v, rate in zip((0.0, radius), rates, strict=True)
    )
    common = {"groups": "0 1", "k": tether.stiffness_kJ_per_mol_nm2, "start": "no"}
    coordinates: list[dict[str, object]] = [
        {
            "type": "umbrella",
            "geometry": "direction",
            "vec": "1 0 0",
            "dim": "Y N N",
            "origin": f"{float(x)!r} 0 0",
            "init": along,
            "rate": rates[0],
        },
        {
            "type": "flat-bottom",
            "geometry": "distance",
            "dim": "N Y Y",
            "origin": "0 0 0",
            "init": across,
            "rate": rates[1],
        },
    ]
    return {
        "pull": "yes",
        "pull-nstxout": 0,
        "pull-nstfout": 0,
        "pull-ngroups": 1,
        "pull-group1-name": _HELD,
        "pull-ncoords": len(coordinates),
        **{
            f"pull-coord{k}-{key}": value
            for k, coordinate in enumerate(coordinates, 1)
            for key, value in (common | coordinate).items()
        },
    }
