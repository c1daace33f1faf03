"""Throughput of several simulations side by side, on one GPU or on the CPUs."""

import multiprocessing
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..engines import Resources, create
from ..model.state import read_state
from ..model.system import build_model
from .cells import SAMPLE_PS, cell_point
from .pace import followed

#: A process that has not finished after this wall time counts as failed.
PATIENCE_S = 900.0


@contextmanager
def mps() -> Iterator[bool]:
    """Start CUDA MPS where possible, with which processes use a GPU at the same time.

    Yields whether it runs.
    """
    control = shutil.which("nvidia-cuda-mps-control")
    if control is None:
        yield False
        return
    with tempfile.TemporaryDirectory(prefix="mps.") as folder:
        names = ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(dict.fromkeys(names, folder))
        # Without pipes, which the daemon would keep open.
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = subprocess.run([control, "-d"], check=False, **quiet).returncode == 0
        try:
            yield started
        finally:
            if started:
                subprocess.run([control], input="quit\n", text=True, check=False, **quiet)
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def side_by_side(
    folder: Path, resources: Resources, cell: str, count: int, seconds: float
) -> dict[str, Any]:
    """Run several simulations of a cell at once, each in a process of its own.

    Args:
        folder: where the cell's configuration lies, as `trial.prepare` left it.
        resources: what each may use.
        cell: of `cells.CELLS`.
        count: number of processes.
        seconds: wall time to measure for; all begin to count at the same moment.

    Returns:
        Speeds in ns a day, of each and together; the slowest in atoms times steps a second.

    Raises:
        RuntimeError: one of them failed.
    """
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(count), context.Queue()
    about = (folder, resources, cell, seconds, start, answers)
    processes = [context.Process(target=_one, args=about) for _ in range(count)]
    for process in processes:
        process.start()
    told = [answers.get(timeout=PATIENCE_S + seconds) for _ in processes]
    for process in processes:
        process.join()
    faults = [answer["fault"] for answer in told if "fault" in answer]
    if faults:
        raise RuntimeError(faults[0])
    rates = [answer["steps_per_s"] for answer in told]
    point = cell_point(cell)
    ns = point.protocol.dynamics.timestep_fs * 1e-6 * 86400
    atoms = build_model(point).n_atoms
    return {
        "cell": cell,
        "atoms": atoms,
        "engine": told[0]["engine"],
        "side_by_side": count,
        "ns_per_day_each": [ns * rate for rate in rates],
        "ns_per_day": ns * sum(rates),
        "atom_steps_per_s_each": atoms * min(rates),
    }


def _one(
    folder: Path, resources: Resources, cell: str, seconds: float, start: Any, answers: Any
) -> None:
    try:
        point = cell_point(cell)
        dynamics = point.protocol.dynamics
        model, state = build_model(point), read_state(folder / f"{cell}.gsd")
        engine = create(model, state, dynamics, resources)
        sample_steps = round(SAMPLE_PS / dynamics.timestep_ps)
        followed(engine, dynamics, sample_steps, seconds / 2)  # lets the engine compile and tune
        start.wait(PATIENCE_S)
        steps, spent = followed(engine, dynamics, sample_steps, seconds)
        answers.put({"steps_per_s": steps / spent, "engine": engine.provenance()})
    except Exception as error:  # a driver may raise any type of error
        start.abort()  # the others must not wait for this one
        answers.put({"fault": f"{type(error).__name__}: {error}"})
