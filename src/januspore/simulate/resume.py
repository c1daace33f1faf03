"""Where a run continues: at its newest checkpoint, or earlier where files are lost or damaged.

Every kept frame is a complete state. Where rows, checkpoints or frames are lost, the run continues
from the newest frame that the rows on disk reach, not from the start.
"""

import sys
from collections.abc import Collection
from pathlib import Path

from ..files import check_fences, put_aside
from ..model.state import (
    State,
    StateFileError,
    read_state,
    write_state,
)
from ..model.system import Model
from .layout import CHECKPOINTS, FRAMES, frame_name, frames_in
from .record import RecordFiles


class Checkpoints:
    """Two checkpoint files, so that one is left when the other is damaged."""

    def __init__(self, folder: Path, model: Model, owner: str) -> None:
        self._newest, self._previous = (folder / name for name in CHECKPOINTS)
        self._model, self._owner = model, owner

    def write(self, state: State) -> None:
        """Write a state as the newest checkpoint; the one before becomes the previous one."""
        aside = self._newest.with_name(".checkpoint.new.gsd")
        write_state(aside, self._model, state, self._owner)
        check_fences()
        if self._newest.exists():
            self._newest.replace(self._previous)
        aside.replace(self._newest)

    def read(self) -> State | None:
        """Return the newest checkpoint that is whole and this job's, None if there is none."""
        for path in (self._newest, self._previous):
            if not path.exists():
                continue
            try:
                return read_state(path, self._owner)
            except StateFileError as error:
                print(f"checkpoint passed over: {error}", file=sys.stderr)
                # Otherwise the next write would replace the undamaged previous one by this one.
                put_aside(path)
        return None

    def put_aside(self) -> None:
        """Rename both, where the run has to continue from an earlier frame."""
        for path in (self._newest, self._previous):
            if path.exists():
                put_aside(path)


class Frames:
    """The frames kept of a run, by step."""

    def __init__(self, folder: Path, model: Model, owner: str) -> None:
        self._run, self._folder = folder, folder / FRAMES
        self._model, self._owner = model, owner

    def path(self, step: int) -> Path:
        """Path of the frame kept at a step."""
        return self._folder / frame_name(step)

    def keep(self, state: State) -> None:
        """Write a state, which holds the recorder's counters too, as the frame of its step."""
        self._folder.mkdir(exist_ok=True)
        write_state(self.path(state.step), self._model, state, self._owner)

    def newest(self, until: int) -> State | None:
        """Return the newest frame up to a step that is whole and this job's, None if none is."""
        for path in reversed(frames_in(self._run)):
            if int(path.stem) <= until:
                try:
                    return read_state(path, self._owner)
                except StateFileError as error:
                    print(f"frame passed over: {error}", file=sys.stderr)
        return None


def resume(
    files: RecordFiles,
    checkpoints: Checkpoints,
    frames: Frames,
    reach: int,
    needed: Collection[int],
) -> State | None:
    """Return the state to continue from; None: the initial one.

    Args:
        files: the record's.
        checkpoints: of the run.
        frames: of the run.
        reach: the step up to which every row is on disk, see `RecordFiles.reach`.
        needed: steps whose frames other jobs start from: a lost one is simulated again.
    """
    state = checkpoints.read()
    lost = [step for step in sorted(needed) if step <= reach and not frames.path(step).exists()]
    if state is not None and lost == [state.step]:
        frames.keep(state)
        lost = []
    if state is not None and state.step <= reach and (not lost or state.step < lost[0]):
        return state
    before = min([reach, *(step - 1 for step in lost)])
    found = frames.newest(before)
    if state is not None or found is not None:
        why = (
            f"the frame at step {lost[0]} is lost"
            if lost
            else f"rows are lost after step {reach}"
            if state is not None
            else "the checkpoint is lost"
        )
        on = found.step if found is not None else "the start"
        print(f"{files.path.parent}: {why}; simulated again from {on}", file=sys.stderr)
    checkpoints.put_aside()
    return found
