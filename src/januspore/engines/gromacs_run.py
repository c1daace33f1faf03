"""One run of GROMACS: its folder, its input, the program, and its output."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError, StoppedError
from ..model.system import Model
from ..protocols import Dynamics
from ..settings import Resources
from . import gromacs_input as given
from . import gromacs_program
from .base import Device, Tether
from .drivers import sees_gpu
from .gromacs_output import forces as read_forces
from .gromacs_output import potential_energies
from .gromacs_program import Program

#: Steps between two neighbour lists, tried in order until the list fits into the box. The usual
#: sample intervals are multiples of 25 steps.
_NEIGHBOUR_STEPS = (25, 10, 5, 2, 1)
_LIST_TOO_LONG = "longer than half the shortest box"
_REACHED = re.compile(r"^Writing checkpoint, step (\d+)", re.M)


@dataclass(frozen=True)
class Course:
    """Specification of a run; steps and times are the programme's.

    Attributes:
        begin_step: where it starts.
        end_step: where it ends unless it is stopped before.
        offset: GROMACS's step number at the programme's step 0.
        field: the applied field.
        output: what is written, and how often.
        pull: motion of the tether, if there is one.
    """

    begin_step: int
    end_step: int
    offset: int
    field: given.Wave
    output: given.Output
    pull: given.Pull | None = None


@dataclass(frozen=True)
class Outcome:
    """A run's folder, the programme's step that it reached, and GROMACS's checkpoint there."""

    folder: Path
    step: int
    checkpoint: bytes | None

    def files(self, kind: str) -> list[Path]:
        """Files with a suffix, such as "trr"; GROMACS numbers those of a continued run."""
        return sorted(self.folder.glob(f"run*.{kind}"))


class Runner:
    """Runs GROMACS on one model, each time in a folder of its own within a temporary one."""

    def __init__(
        self,
        program: Program,
        model: Model,
        dynamics: Dynamics,
        resources: Resources,
        tether: Tether | None,
    ) -> None:
        self.platform = _platform(program, resources)
        self._program, self._threads = program, resources.threads
        self._model, self._dynamics, self._tether = model, dynamics, tether
        self._neighbour_steps = list(_NEIGHBOUR_STEPS)
        # A system with its membrane has none. Others are warned of for their centre of mass, which
        # is not held, and for having no charges, or a net charge.
        self._warnings = "0" if model.frozen.any() else "3"
        # With this name, the next run in the job's folder removes it if this process is killed.
        self._temporary = tempfile.TemporaryDirectory(
            prefix=".gromacs.", suffix=".tmp", dir=resources.scratch, ignore_cleanup_errors=True
        )
        self._folder = Path(self._temporary.name)
        (self._folder / "topol.top").write_text(given.topology(model), encoding="utf-8")
        (self._folder / "index.ndx").write_text(given.groups(model, tether), encoding="utf-8")

    def place(self, positions: NDArray, velocities: NDArray) -> None:
        """Set positions, nm, and velocities, nm/ps, for a run without a checkpoint."""
        text = given.configuration(self._model, positions, velocities)
        (self._folder / "start.gro").write_text(text, encoding="utf-8")

    def run(
        self, course: Course, checkpoint: bytes | None, over: Callable[[], bool] | None = None
    ) -> Outcome:
        """Integrate along a course, from a checkpoint or else from the state of `place`.

        Raises:
            FloatingPointError: the system blew up.
            StoppedError: GROMACS failed, or was killed.
        """
        dt = self._dynamics.timestep_ps
        folder = self._prepare(course, course.end_step + course.offset, -course.offset * dt)
        resume = []
        if checkpoint is not None:
            (folder / "start.cpt").write_bytes(checkpoint)
            resume = ["-cpi", "start.cpt", "-noappend"]
        self._integrate(folder, *resume, over=over)
        logs = [
            log.read_text(encoding="utf-8", errors="replace") for log in folder.glob("run*.log")
        ]
        reached = [int(step) for step in _REACHED.findall("".join(logs))]
        if reached:
            left = (folder / "run.cpt").read_bytes()
            return Outcome(folder, reached[-1] - course.offset, left)
        if over is None:
            raise StoppedError("gmx mdrun came to its end and wrote no checkpoint")
        return Outcome(
            folder, course.begin_step, checkpoint
        )  # it was stopped before its first step

    def forces(self, field_V_per_nm: float, target: tuple[float, float] | None) -> NDArray:
        """Forces at the positions of `place`, kJ/mol/nm, (N, 3), with field and tether."""
        folder = self._single_point(field_V_per_nm, target)
        return read_forces(self._program, folder, "run.tpr", folder / "run.trr")

    def potential_energy(self) -> float:
        """Potential energy at the positions of `place`, kJ/mol, without field and tether."""
        folder = self._single_point(0.0, None)
        return float(potential_energies(self._program, folder, folder / "run.edr", False)[1, 0])

    def potential_energies(self, course: Course, outcome: Outcome) -> dict[int, float]:
        """Potential energies of a run, kJ/mol, by the programme's step, where they were written."""
        found: dict[int, float] = {}
        dt, tethered = self._dynamics.timestep_ps, course.pull is not None
        for file in outcome.files("edr"):
            times, values = potential_energies(self._program, outcome.folder, file, tethered)
            steps = np.rint((times + course.field.start_ps) / dt).astype(int)
            found |= dict(zip(steps.tolist(), values.tolist(), strict=True))
        return found

    def _single_point(self, field_V_per_nm: float, target: tuple[float, float] | None) -> Path:
        pull = given.Pull(0.0, target, 0.0, target) if target else None
        output = given.Output(frames=1, energies=1, forces=1)
        course = Course(0, 0, 0, given.Wave(field_V_per_nm, 0.0, 0.0), output, pull)
        folder = self._prepare(course, 0, 0.0)
        self._integrate(folder)
        return folder

    def _prepare(self, course: Course, last_step: int, zero_ps: float) -> Path:
        """Make a folder with a run's whole input, `run.tpr`."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        pull = {}
        if self._tether and course.pull:
            pull = given.tether_parameters(self._tether, course.pull, course.field.start_ps)
        while True:
            text = given.parameters(
                self._model,
                self._dynamics,
                last_step,
                zero_ps,
                course.field,
                course.output,
                self._neighbour_steps[0],
                pull,
            )
            (folder / "run.mdp").write_text(text, encoding="utf-8")
            try:
                self._program.run(
                    folder,
                    *("grompp", "-f", "run.mdp", "-c", "../start.gro", "-p", "../topol.top"),
                    *("-n", "../index.ndx", "-o", "run.tpr", "-maxwarn", self._warnings),
                )
                return folder
            except StoppedError as error:
                if _LIST_TOO_LONG not in str(error) or len(self._neighbour_steps) == 1:
                    raise
                self._neighbour_steps.pop(0)

    def _integrate(
        self, folder: Path, *options: str, over: Callable[[], bool] | None = None
    ) -> None:
        self._program.mdrun(
            folder,
            *("-s", "run.tpr", "-deffnm", "run", *options, "-nb", self.platform),
            # Checkpoints only at a run's end; -reprod makes restarts exact.
            *("-cpt", "1000000", "-reprod", "-notunepme", "-pin", "off"),
            *("-nstlist", str(self._neighbour_steps[0])),
            threads=self._threads,
            over=over,
        )


def devices() -> list[Device]:
    """Return where GROMACS can run: the CPU, its default, and a GPU.

    The GPU is listed if GROMACS was built for one and a driver has one.
    """
    gpu = gromacs_program.find().gpu
    built = gpu != "disabled" and sees_gpu()
    return [Device("cpu", "CPU"), *([Device("gpu", gpu, True)] if built else [])]


def _platform(program: Program, resources: Resources) -> str:
    """Return cpu or gpu.

    Raises:
        SettingError: this GROMACS has no such platform or precision.
    """
    wanted = (resources.platform or "cpu").lower()
    if wanted not in ("cpu", "gpu"):
        raise SettingError(f"JANUSPORE_PLATFORM = {resources.platform!r}: GROMACS has cpu and gpu")
    if wanted == "gpu" and program.gpu == "disabled":
        raise SettingError("JANUSPORE_PLATFORM = 'gpu': this GROMACS was built without GPU support")
    if resources.precision not in (None, program.precision):
        raise SettingError(
            f"JANUSPORE_PRECISION = {resources.precision!r}: {program.path} was built in "
            f"{program.precision} precision"
        )
    return wanted
