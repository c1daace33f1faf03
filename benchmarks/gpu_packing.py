"""Aggregate speed of N simulations side by side on one GPU, with CUDA MPS where it is installed.

    CUDA_VISIBLE_DEVICES=0 python benchmarks/gpu_packing.py --cells tiny small paper

Every simulation is a process of its own, as in a packed submission; all begin to count at the same
moment, sampling included. Prints the sum of their ns a day, and its gain over one alone. Set
JANUSPORE_JOBS_PER_GPU to the N after which the sum hardly grows, and JANUSPORE_ATOM_STEPS_PER_S to
the last column. With JANUSPORE_PLATFORM=CPU (OpenMM) the processes share the CPUs instead.

Never run on a GPU so far.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engines import CELLS, FIELD_V_PER_NM, SAMPLE_PS, Case, machine, relaxed

from januspore.engines import Resources, create
from januspore.engines.stretch import sample_of
from januspore.schema import Recording
from januspore.simulate.recorder import Recorder

#: A process that has not come so far after this wall time has failed.
PATIENCE_S = 900.0


def main() -> int:
    options = _options()
    results = []
    with mps() as served:
        for cell in options.cells:
            case = relaxed(cell)
            alone = None
            for count in options.counts:
                result = {"mps": served, **packed(case, count, options.seconds)}
                alone = alone or result["ns_per_day"] / count
                result["gain"] = result["ns_per_day"] / alone
                results.append(result)
                print(_line(result), flush=True)
    if options.output:
        report = {"machine": machine(), "results": results}
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=["small", "paper"])
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=30.0, help="to count steps for")
    parser.add_argument("--output", help="JSON file to write")
    return parser.parse_args()


@contextmanager
def mps() -> Iterator[bool]:
    """Run CUDA MPS of one's own, where it is installed and a GPU is meant."""
    control = shutil.which("nvidia-cuda-mps-control")
    if control is None or os.environ.get("JANUSPORE_PLATFORM", "").lower() == "cpu":
        yield False
        return
    with tempfile.TemporaryDirectory(prefix="mps.") as folder:
        os.environ["CUDA_MPS_PIPE_DIRECTORY"] = os.environ["CUDA_MPS_LOG_DIRECTORY"] = folder
        subprocess.run([control, "-d"], check=True)
        try:
            yield True
        finally:
            subprocess.run([control], input="quit\n", text=True, check=False)


def packed(case: Case, count: int, seconds: float) -> dict[str, Any]:
    """Run so many simulations of a case side by side; returns their speeds and the sum."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(count), context.Queue()
    processes = [
        context.Process(target=_simulate, args=(case, seconds, start, answers))
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    told = [answers.get(timeout=PATIENCE_S + seconds) for _ in processes]
    for process in processes:
        process.join()
    rates = [steps_per_s for steps_per_s, _ in told]
    ns = case.point.protocol.dynamics.timestep_fs * 1e-6 * 86400
    return {
        "cell": case.name,
        "atoms": case.model.n_atoms,
        "engine": told[0][1],
        "side_by_side": count,
        "ns_per_day_each": [ns * rate for rate in rates],
        "ns_per_day": ns * sum(rates),
        "atom_steps_per_s_each": case.model.n_atoms * min(rates),
    }


def _simulate(case: Case, seconds: float, start: Any, answers: Any) -> None:
    dynamics = case.point.protocol.dynamics
    engine = create(case.model, case.state, dynamics, Resources.from_environment(1))
    engine.set_field(FIELD_V_PER_NM)
    timestep_ps = dynamics.timestep_ps
    steps = round(SAMPLE_PS / timestep_ps)
    recorder = Recorder(case.model, Recording(), timestep_ps)
    recorder.begin(engine.save())
    engine.advance(2 * steps)  # kernels compiled and tuned
    recorder.begin(engine.save())
    start.wait(PATIENCE_S)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        engine.advance(steps)
        recorder.sample(sample_of(engine, FIELD_V_PER_NM, recorder.energy_steps))
        count += steps
    answers.put((count / (time.perf_counter() - began), engine.provenance()))


def _line(result: dict[str, Any]) -> str:
    return (
        f"{result['cell']:6s} {result['side_by_side']:2d} side by side on "
        f"{result['engine']['platform']}{' with MPS' if result['mps'] else ''}: "
        f"{result['ns_per_day']:8.2f} ns/day, {result['gain']:.2f} times one alone, "
        f"{result['atom_steps_per_s_each']:.3g} atom steps/s each"
    )


if __name__ == "__main__":
    sys.exit(main())
