"""The frames kept of a job's trajectory, each with its field."""

import sys
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from ..model.state import State, StateFileError, read_state
from ..model.system import Model
from ..protocols import required
from ..schema import StatePoint
from ..simulate.layout import frames_in, trajectory
from .hydration import hydration_sums
from .nernst_planck import end_counts


def kept_frames(job: Any, point: StatePoint) -> Iterator[tuple[float, State]]:
    """Yield (field along x in V/nm, state) of each frame, in time; name and skip damaged ones."""
    programme = point.protocol.programme()
    for path in frames_in(trajectory(job)):
        try:
            state = read_state(path, job.id)
        except StateFileError as error:
            print(f"frame left out: {error}", file=sys.stderr)
            continue
        time_ps = state.step * point.protocol.dynamics.timestep_ps
        yield programme.value(time_ps), state


def frame_sums(job: Any, point: StatePoint, model: Model) -> dict[str, NDArray]:
    """Sums of the frames of a job with a periodic field (see `hydration`)."""
    amplitude = required(point.protocol.cycle, "cycle").amplitude_V_per_nm
    frames = ((field, state.positions) for field, state in kept_frames(job, point))
    return hydration_sums(frames, amplitude, model, point.protocol.recording)


def end_sums(job: Any, point: StatePoint, model: Model) -> dict[str, NDArray]:
    """Sums of the frames of a job with a held ion: the others at the ends of its windows."""
    windows = required(point.protocol.windows, "windows")
    ions = model.indices(windows.ion)
    dt = point.protocol.dynamics.timestep_ps
    frames = (
        (state.step * dt, state.positions[ions[0], 0], state.positions[ions[1:], 0])
        for _, state in kept_frames(job, point)
    )
    return end_counts(frames, windows, model.box)
