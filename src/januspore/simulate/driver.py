"""The driver: runs an engine along a field programme, in chunks that survive a kill.

The programme is cut into stretches, at the ends of its segments and at the steps of frames; the
engine follows one after the other, and the recorder makes a row of every sample. At the end of a
chunk its rows are written as a part of the record, then a checkpoint. The rows therefore always
reach at least as far as the checkpoint; a restart drops the rows beyond it.
"""

import multiprocessing
import signal
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil, floor
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from ..engines.base import Engine
from ..engines.stretch import Stretch
from ..files import clear_litter
from ..model.state import State
from ..model.system import Model
from ..protocols import AnyProtocol
from ..protocols.field import Programme
from ..settings import OUT_OF_TIME, Limits, quiet
from .held import HeldIon
from .record import RecordFiles
from .recorder import Recorder
from .resume import Checkpoints, Frames, resume


@dataclass(frozen=True)
class Run:
    """One trajectory: what to simulate, where its files lie, which steps are kept as frames."""

    folder: Path
    owner: str
    model: Model
    protocol: AnyProtocol
    programme: Programme
    frame_steps: frozenset[int]
    #: The ion that a barrier holds, if any.
    held: HeldIon | None = None
    #: Steps whose frames other jobs start from: a lost one is simulated again.
    needed: frozenset[int] = frozenset()
    #: Step at which a branch leaves its trunk.
    first_step: int = 0
    #: Returns the attributes that are stored with the finished record.
    attributes: Callable[[], dict[str, Any]] = dict

    @property
    def timestep_ps(self) -> float:
        """Time step."""
        return self.protocol.dynamics.timestep_ps

    @property
    def total_steps(self) -> int:
        """Steps of the whole programme."""
        return round(self.programme.duration_ps / self.timestep_ps)

    @property
    def steps_per_sample(self) -> int:
        """Steps between two rows."""
        return round(self.protocol.recording.sample_interval_ps / self.timestep_ps)

    @property
    def frames(self) -> Frames:
        """The frames kept of it."""
        return Frames(self.folder, self.model, self.owner)


def drive(
    run: Run,
    initial: Callable[[], State],
    make_engine: Callable[[State], Engine],
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> None:
    """Simulate to the end of the programme, from the last checkpoint if there is one.

    Args:
        run: what to simulate and where to write.
        initial: gives the state to start from, at step 0 or, for a branch, at the step where it
            leaves its trunk; called only when there is no checkpoint.
        make_engine: creates the engine from a state.
        limits: wall time between checkpoints, and when to stop.

    Raises:
        KeyboardInterrupt, SystemExit: SIGINT or SIGTERM came, or the time is nearly up; a
            checkpoint was written first.
        FloatingPointError: the system blew up; the last checkpoint stands.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    clear_litter(run.folder)
    files = RecordFiles(run.folder, run.owner)
    checkpoints = Checkpoints(run.folder, run.model, run.owner)
    reach = files.reach(run.first_step, run.steps_per_sample)
    if reach >= run.total_steps and all(run.frames.path(step).exists() for step in run.needed):
        files.consolidate(run.attributes())
        return
    state = resume(files, checkpoints, run.frames, reach, run.needed)
    start = state.step if state is not None else run.first_step
    files.rewind(start)
    if start < run.total_steps and limits.near_end():
        _leave([])
    if state is None:
        state = initial()
        start = state.step  # a branch goes on from a step of its trunk
    if start < run.total_steps:
        recorder = Recorder(run.model, run.protocol.recording, run.timestep_ps, run.held)
        recorder.begin(state)
        engine = make_engine(state)
        with _signals() as caught, _progress(run, start) as bar:
            _advance(run, engine, recorder, files, checkpoints, limits, caught, bar)
    files.consolidate(run.attributes())


def _advance(
    run: Run,
    engine: Engine,
    recorder: Recorder,
    files: RecordFiles,
    checkpoints: Checkpoints,
    limits: Limits,
    caught: list[int],
    bar: "tqdm[Any]",
) -> None:
    if 0 in run.frame_steps and engine.step == 0:
        _keep_frame(run, engine.save(), recorder)
    ends, saved = stretch_ends(run), time.monotonic()

    def must_stop() -> bool:
        return bool(caught) or limits.near_end()

    def must_save() -> bool:
        return must_stop() or time.monotonic() - saved >= limits.checkpoint_s

    while engine.step < run.total_steps:
        stretch = Stretch(
            programme=run.programme,
            timestep_ps=run.timestep_ps,
            end_step=ends[bisect_right(ends, engine.step)],
            sample_steps=run.steps_per_sample,
            energy_steps=recorder.energy_steps,
            over=must_save,
            seconds=saved + limits.checkpoint_s - time.monotonic(),
            tether=run.held.target if run.held else None,
        )
        for sample in engine.follow(stretch):
            recorder.sample(sample)
            bar.update(run.steps_per_sample)
        if engine.step in run.frame_steps:
            _keep_frame(run, engine.save(), recorder)
        last, stop = engine.step >= run.total_steps, must_stop()
        if last or stop or must_save():
            files.append(recorder.drain())
            checkpoints.write(replace(engine.save(), carry=recorder.carry()))
            saved = time.monotonic()
            _report_rate(run, bar)
        if stop and not last:
            _leave(caught)


def stretch_ends(run: Run) -> list[int]:
    """Steps, in order, at which a stretch must end: kept frames, ends of segments, the tether's."""
    ends = {*run.frame_steps, run.total_steps}
    dt, sample = run.timestep_ps, run.steps_per_sample
    ends.update(round(begins / dt) for begins, _ in run.programme.leaves())
    for corner in run.held.corners_ps() if run.held else ():
        # A corner inside a sample interval makes that interval a stretch of its own.
        samples = round(corner / dt / sample, 6)
        ends.update((floor(samples) * sample, ceil(samples) * sample))
    return sorted(ends)


def _keep_frame(run: Run, state: State, recorder: Recorder) -> None:
    # The recorder's counters go with it: a branch then counts crossings as its trunk would have.
    run.frames.keep(replace(state, carry=recorder.carry()))


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT, so that a checkpoint can be written before the process ends.

    Signals that the process ignores stay ignored. Python lets only the main thread set handlers;
    in another thread none is set, and the main thread receives the signals.
    """
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    both = (signal.SIGTERM, signal.SIGINT)
    try:
        heard = [s for s in both if signal.getsignal(s) is not signal.SIG_IGN]
        previous = {s: signal.signal(s, catch) for s in heard}
    except ValueError:
        previous = {}
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(caught: list[int]) -> None:
    """End the process after everything has been written to disk."""
    if not caught:
        print("the time is nearly up; run again to go on from here", file=sys.stderr)
        raise SystemExit(OUT_OF_TIME)
    print("checkpoint written; run again to go on from here", file=sys.stderr)
    if caught[0] == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + caught[0])


def _line_of_progress() -> int | None:
    """Line of this worker's progress bar below the cursor: one line for each worker."""
    process: Any = multiprocessing.current_process()
    number = process.name.removeprefix("worker-")
    return int(number) - 1 if number.isdigit() else None


def _progress(run: Run, start: int) -> "tqdm[Any]":
    log = not sys.stderr.isatty()
    return tqdm(
        desc=f"{run.protocol.name} {run.owner[:8]}",
        total=run.total_steps,
        initial=start,
        unit="step",
        mininterval=15.0 if log else 0.5,
        ascii=log,
        ncols=100,
        position=_line_of_progress(),
        disable=quiet(),
    )


def _report_rate(run: Run, bar: "tqdm[Any]") -> None:
    if bar.disable:
        return
    rate = bar.format_dict["rate"] or (bar.n - bar.initial) / max(bar.format_dict["elapsed"], 1e-9)
    bar.set_postfix_str(f"{rate * run.timestep_ps * 86.4:.1f} ns/day", refresh=False)
