"""Time two installations of OpenMM side by side on the CPU: one thread, alternating processes.

    python benchmarks/openmm_versions.py --interpreters OLD/bin/python NEW/bin/python

Each interpreter needs this package's dependencies, with the OpenMM in question. All get the same
relaxed configuration, field and time step. One process runs at a time, and rounds alternate, so
that other work on the machine disturbs both. Prints the median processor and wall time of a step of
each, the nonbonded kernel that its library uses, and the ratio of the first's time to each, and
writes them as JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from januspore.check.cells import CELLS, FIELD_V_PER_NM, Case, relaxed
from januspore.check.kernel import kernel_width
from januspore.check.machine import machine
from januspore.engines import Resources, create
from januspore.model.state import read_state, write_state
from januspore.model.system import build_model
from januspore.schema import state_point

STEPS = 10


def main() -> int:
    options = _options()
    if options.time:
        print(json.dumps(_timed(json.loads(options.time))))
        return 0
    cells = []
    for name in options.cells:
        load = os.getloadavg()[0]
        found = side_by_side(relaxed(name), options)
        cells.append({"load_average": load, **found})
        for row in found["interpreters"]:
            print(
                f"{name:6s} OpenMM {row['version']:20s} {row['kernel_width']}-wide: "
                f"{row['cpu_ms_per_step']:.2f} CPU ms a step ({row['ms_per_step']:.2f} by the "
                f"clock), {row['times_as_fast']:.2f} times as fast as the first",
                flush=True,
            )
    if options.output:
        report = {"machine": machine(), "threads": 1, "cells": cells}
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--interpreters", nargs="+", default=[sys.executable])
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=["tiny", "small"])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each process")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--ewald-tolerance", type=float, help="of the mesh; by default that of a state point"
    )
    parser.add_argument("--output", help="JSON file to write")
    parser.add_argument("--time", help=argparse.SUPPRESS)  # for the process of one round
    return parser.parse_args()


def side_by_side(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Alternate the interpreters for some rounds; returns each one's medians, and all rounds."""
    rounds: dict[str, list[dict[str, Any]]] = {each: [] for each in options.interpreters}
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.gsd"
        write_state(state, case.model, case.state)
        point = case.point.model_dump(mode="json")
        if options.ewald_tolerance:
            point["protocol"]["dynamics"]["ewald_tolerance"] = options.ewald_tolerance
        task = {
            "point": point,
            "state": str(state),
            "seconds": options.seconds,
        }
        for _ in range(options.rounds):
            for interpreter, told in rounds.items():
                command = [interpreter, __file__, "--time", json.dumps(task)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                told.append(json.loads(done.stdout.splitlines()[-1]))
    rows = [
        {
            "version": told[0]["version"],
            "kernel_width": told[0]["kernel_width"],
            **{key: float(np.median([t[key] for t in told])) for key in _TIMES},
            "rounds": [{key: t[key] for key in _TIMES} for t in told],
        }
        for told in rounds.values()
    ]
    for row in rows:
        row["times_as_fast"] = rows[0]["cpu_ms_per_step"] / row["cpu_ms_per_step"]
    tolerance = point["protocol"]["dynamics"]["ewald_tolerance"]
    return {
        "cell": case.name,
        "atoms": case.model.n_atoms,
        "ewald_tolerance": tolerance,
        "interpreters": rows,
    }


_TIMES = ("cpu_ms_per_step", "ms_per_step")


def _timed(task: dict[str, Any]) -> dict[str, Any]:
    point = state_point(task["point"])
    model, state = build_model(point), read_state(Path(task["state"]))
    resources = Resources("openmm", "CPU", threads=1)
    engine = create(model, state, point.protocol.dynamics, resources)
    engine.set_field(FIELD_V_PER_NM)
    engine.advance(2 * STEPS)  # makes neighbour lists and tunes
    steps, began, cpu_began = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < task["seconds"]:
        engine.advance(STEPS)
        steps += STEPS
    return {
        "version": engine.provenance()["version"],
        "kernel_width": kernel_width(),
        "cpu_ms_per_step": 1e3 * (time.process_time() - cpu_began) / steps,
        "ms_per_step": 1e3 * (time.perf_counter() - began) / steps,
    }


if __name__ == "__main__":
    sys.exit(main())
