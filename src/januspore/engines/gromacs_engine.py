"""GROMACS behind the engine interface: a program that runs a stretch of the programme at a time.

Leap-frog, rigid water by SETTLE, the membrane a freeze group, smooth PME, Nose-Hoover, and
GROMACS's own electric field, constant or a cosine. Nothing removes the motion of the centre of
mass: the frozen membrane takes up momentum. Between two runs the state is kept as GROMACS's own
checkpoint, so it is not rounded. Only the `gromacs_*` modules use its files and options.
"""

import math
import shutil
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoppedError
from ..model.state import State
from ..model.system import Model
from ..protocols import Dynamics
from ..protocols.field import Constant
from ..settings import Resources
from ..units import VOLT_PER_NM
from . import gromacs_program
from .base import Maker, Tether
from .gromacs_input import Output, Pull, wave
from .gromacs_output import Unwrapping, frames
from .gromacs_run import Course, Outcome, Runner
from .gromacs_run import devices as devices
from .stretch import Observed, Sample, Stretch, has_energies

#: Longest time between two frames, ps: in it no atom moves by half a box.
_MOST_BETWEEN_PS = 0.5
#: Samples of an engine's first run; the length of the next runs follows from its speed.
_FIRST_SAMPLES = 20
#: Most that a run's trajectory may take on disk, bytes; it is deleted when it has been read.
_MOST_BYTES = 500_000_000
#: Bytes of an atom in a frame: position and velocity in double precision.
_ATOM_BYTES = 48


class GromacsEngine:
    """See :class:`januspore.engines.base.Engine`.

    Raises:
        SettingError: GROMACS is not here, or cannot do what `resources` ask for.
    """

    name = "gromacs"

    def __init__(
        self,
        model: Model,
        dynamics: Dynamics,
        resources: Resources,
        tether: Tether | None = None,
    ) -> None:
        self._program = gromacs_program.find()
        self._runner = Runner(self._program, model, dynamics, resources, tether)
        self._model, self._dynamics, self._resources = model, dynamics, resources
        self._field_V_per_nm = 0.0
        self._target: tuple[float, float] | None = None
        self._seconds_a_step: float | None = None
        self.step = 0

    def provenance(self) -> dict[str, Any]:
        """Engine, version, platform, precision and device, as plain JSON values."""
        platform = self._runner.platform
        return {
            "name": self.name,
            "version": self._program.version,
            "platform": platform,
            "precision": self._program.precision,
            "device": "CPU" if platform == "cpu" else self._program.gpu,
            "threads": self._resources.threads,
            "simd": self._program.simd,
        }

    def load(self, state: State) -> None:
        """Continue from a state, with GROMACS's own checkpoint where it is that state's."""
        self._positions, self._velocities = state.positions.copy(), state.velocities.copy()
        self.step = state.step
        self._checkpoint: bytes | None = None
        #: GROMACS's step number at the programme's step 0.
        self._offset = -state.step
        own = state.native if state.engine == self.name else {}
        # The checkpoint is of no use if the state was changed since, as when ions are renumbered.
        if own and own["checkpoint_of"][0] == self._mark():
            self._checkpoint = own["checkpoint"].tobytes()
            self._offset = int(own["checkpoint_step"][0]) - state.step
        self._place()

    def save(self) -> State:
        """Return the present state with GROMACS's own checkpoint."""
        native: dict[str, NDArray] = {}
        if self._checkpoint is not None:
            native = {
                "checkpoint": np.frombuffer(self._checkpoint, dtype=np.uint8),
                "checkpoint_step": np.array([float(self.step + self._offset)]),
                "checkpoint_of": np.array([self._mark()]),
            }
        return State(
            positions=self._positions.copy(),
            velocities=self._velocities.copy(),
            box=self._model.box.copy(),
            step=self.step,
            engine=self.name,
            native=native,
        )

    def set_field(self, field_V_per_nm: float) -> None:
        """Set the uniform field along x that acts from the next step on."""
        self._field_V_per_nm = field_V_per_nm

    def set_tether(self, x_nm: float, radius_nm: float) -> None:
        """Set where the tether pulls to, and its cylinder's radius, from the next step on."""
        self._target = (x_nm, radius_nm)

    def advance(self, steps: int) -> None:
        """Integrate; raises FloatingPointError if the system blew up."""
        end = self.step + steps
        target = self._target
        while self.step < end:
            ahead = Stretch(
                programme=Constant(math.inf, self._field_V_per_nm),
                timestep_ps=self._dynamics.timestep_ps,
                end_step=end,
                sample_steps=end - self.step,
                energy_steps=0,
                tether=(lambda _t: target) if target else None,
            )
            for _ in self.follow(ahead):
                pass

    def follow(self, stretch: Stretch) -> Iterator[Sample]:
        """See :class:`januspore.engines.base.Engine`; samples come when GROMACS has ended.

        A run that is told to end stops between two samples; a second one goes on to the next.
        """
        course = self._course(stretch)
        sample, runs = stretch.sample_steps, []
        try:
            step = self.step
            while step < course.end_step:
                alone = course.end_step - step <= sample
                began = time.monotonic()
                ran = self._runner.run(course, self._checkpoint, None if alone else stretch.over)
                runs.append(ran)
                if ran.step > step:
                    self._seconds_a_step = (time.monotonic() - began) / (ran.step - step)
                step, self._checkpoint = ran.step, ran.checkpoint
                if step < course.end_step and stretch.over():
                    samples = max(1, math.ceil((step - self.step) / sample))
                    course = replace(course, end_step=self.step + samples * sample)
            yield from self._samples(stretch, course, runs)
        finally:
            for ran in runs:
                shutil.rmtree(ran.folder, ignore_errors=True)

    def observe(self, energies: bool) -> Observed:
        """Read positions and, with `energies`, velocities and the potential energy."""
        if not energies:
            return Observed(self.positions())
        return Observed(self.positions(), self.velocities(), self.potential_energy())

    def positions(self) -> NDArray[np.float64]:
        """Unwrapped positions, nm, shape (N, 3)."""
        return self._positions.copy()

    def velocities(self) -> NDArray[np.float64]:
        """Velocities, nm/ps, shape (N, 3): of half a step before the positions."""
        return self._velocities.copy()

    def forces(self) -> NDArray[np.float64]:
        """Forces, kJ/mol/nm, shape (N, 3), the applied field's and the tether's included."""
        self._place()
        found = self._runner.forces(self._field_V_per_nm, self._target)
        # The interface's field acts on mobile charges only; GROMACS's acts on frozen ones as well.
        frozen = self._model.frozen
        found[frozen, 0] -= self._model.charge[frozen] * (self._field_V_per_nm * VOLT_PER_NM)
        return found

    def potential_energy(self) -> float:
        """Potential energy without the applied field and the tether, kJ/mol."""
        self._place()
        return self._runner.potential_energy()

    def _course(self, stretch: Stretch) -> Course:
        """Return the length, field, tether and output of the next run."""
        dt, tether = stretch.timestep_ps, stretch.tether
        end = min(stretch.end_step, self.step + self._most_samples(stretch) * stretch.sample_steps)
        begin_ps, end_ps = self.step * dt, end * dt
        pull = None
        if tether:
            self._place()  # GROMACS checks how far the atom is from the point that it is pulled to
            pull = Pull(begin_ps, tether(begin_ps), end_ps, tether(end_ps))
        return Course(
            begin_step=self.step,
            end_step=end,
            offset=self._offset,
            field=wave(stretch.programme, begin_ps, end_ps, dt),
            output=self._output(stretch),
            pull=pull,
        )

    def _most_samples(self, stretch: Stretch) -> int:
        """Number of samples that fit on disk and, at the last run's speed, into the time."""
        most = _MOST_BYTES // (_ATOM_BYTES * self._model.n_atoms)
        if math.isfinite(stretch.seconds):
            a_sample = (self._seconds_a_step or math.inf) * stretch.sample_steps
            in_time = stretch.seconds / a_sample if self._seconds_a_step else _FIRST_SAMPLES
            most = min(most, int(in_time))
        return max(1, most)

    def _output(self, stretch: Stretch) -> Output:
        """Steps between outputs, at whose multiples GROMACS writes, also between far samples."""
        between = math.gcd(stretch.sample_steps, self.step + self._offset)
        most = max(1, int(_MOST_BETWEEN_PS / stretch.timestep_ps + 1e-6))
        between = max(n for n in range(1, min(most, between) + 1) if between % n == 0)
        # Set also where no such step lies in this stretch: forces are rounded differently at steps
        # with energies, and the trajectory must not depend on where it was cut into runs.
        energies = math.gcd(stretch.energy_steps, self._offset) if stretch.energy_steps else 0
        return Output(between, energies)

    def _samples(self, stretch: Stretch, course: Course, runs: list[Outcome]) -> Iterator[Sample]:
        """Read the runs' trajectories frame by frame, and yield each sample."""
        unwrapping = Unwrapping(self._model, self._positions)
        potentials: dict[int, float] = {}
        steps = range(self.step + stretch.sample_steps, course.end_step + 1, stretch.sample_steps)
        wanted = any(has_energies(step, stretch.energy_steps) for step in steps)
        for ran in runs if wanted else ():
            potentials |= self._runner.potential_energies(course, ran)
        files = [file for ran in runs for file in ran.files("trr")]
        for frame in (frame for file in files for frame in frames(file)):
            step = frame.step - self._offset
            if step <= self.step:
                continue  # the first frame of a run is the last one of the run before
            positions = unwrapping.follow(frame.positions)
            if (step - course.begin_step) % stretch.sample_steps:
                continue
            self.step, self._positions, self._velocities = step, positions, frame.velocities
            with_energies = has_energies(step, stretch.energy_steps)
            observed = Observed(
                positions.copy(),
                frame.velocities.copy() if with_energies else None,
                potentials[step] if with_energies else None,
            )
            yield Sample(step, stretch.mean_field(step), observed)
        if self.step != course.end_step:
            raise StoppedError(f"GROMACS wrote no frame after step {self.step}")

    def _place(self) -> None:
        self._runner.place(self._positions, self._velocities)

    def _mark(self) -> float:
        """Checksum of a state, by which the checkpoint that belongs to it is recognised."""
        return float(zlib.crc32(self._velocities.tobytes(), zlib.crc32(self._positions.tobytes())))


#: What `engines.create` calls.
create: Maker = GromacsEngine
