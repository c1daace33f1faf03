"""Output of GROMACS: frames with unwrapped positions, energies, and forces."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..model.system import Model
from .gromacs_program import Program

#: chemfiles' unit of length is the angstrom.
_NM = 0.1


class Frame(NamedTuple):
    """GROMACS's step, positions (nm, as in the file) and velocities (nm/ps), shape (N, 3) each."""

    step: int
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]


def frames(path: Path) -> Iterator[Frame]:
    """Read a trajectory (.trr) frame by frame."""
    import chemfiles  # imported here, as only GROMACS needs it

    with chemfiles.Trajectory(str(path)) as trajectory:
        for _ in range(trajectory.nsteps):
            frame = trajectory.read()
            yield Frame(frame.step, frame.positions * _NM, frame.velocities * _NM)


class Unwrapping:
    """Unwraps positions frame by frame; between two frames no atom may move by half a box."""

    def __init__(self, model: Model, positions: NDArray) -> None:
        self._model = model
        self._last = positions

    def follow(self, wrapped: NDArray) -> NDArray[np.float64]:
        """Return the next frame's positions: unwrapped, waters whole, the membrane unmoved."""
        model, last = self._model, self._last
        now = _nearest(wrapped, last, model.box)
        hydrogens, oxygens = model.waters[:, 1:], model.waters[:, :1]
        now[hydrogens] = _nearest(wrapped[hydrogens], now[oxygens], model.box)
        now[model.frozen] = last[model.frozen]
        self._last = now
        return now


def _nearest(positions: NDArray, to: NDArray, box: NDArray) -> NDArray[np.float64]:
    nearest: NDArray[np.float64] = positions + box * np.round((to - positions) / box)
    return nearest


def potential_energies(program: Program, folder: Path, energies: Path, tethered: bool) -> NDArray:
    """Times (ps) and potential energies (kJ/mol) of an energy file, without the tether's.

    Returns:
        Shape (2, n).
    """
    terms = ["Potential", *(["COM-Pull-En."] if tethered else [])]
    program.run(
        folder,
        *("energy", "-f", energies.name, "-o", "energies.xvg", "-dp"),
        answers="\n".join([*terms, "", ""]),
    )
    text = (folder / "energies.xvg").read_text(encoding="utf-8", errors="replace")
    # The columns are in the order of the energy file, not in that of the request.
    names = re.findall(r'^@ s\d+ legend "(.*)"', text, re.M)
    time, *values = np.loadtxt(text.splitlines(), comments=("#", "@"), ndmin=2).T
    sign = {"Potential": 1.0}
    return np.array([time, sum(sign.get(n, -1.0) * v for n, v in zip(names, values, strict=True))])


def forces(program: Program, folder: Path, run: str, trajectory: Path) -> NDArray[np.float64]:
    """Forces of a trajectory's only frame, kJ/mol/nm, shape (N, 3)."""
    program.run(
        folder,
        *("traj", "-s", run, "-f", trajectory.name, "-of", "forces.xvg", "-xvg", "none", "-fp"),
        answers="0\n",
    )
    values: NDArray[np.float64] = np.loadtxt(folder / "forces.xvg", ndmin=1)[1:]
    return values.reshape(-1, 3)
