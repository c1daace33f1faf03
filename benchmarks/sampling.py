"""Measure the cost of recording: processor time of a sample in the paper's cell.

    python benchmarks/sampling.py --output benchmarks/results/sampling-cpu.json

A sample reads OpenMM's positions and, once per energy interval, its velocities. The potential
energy, which is then evaluated as well, is left out, as it costs the engine's forces of one step in
any case. Positions are those of the built cell; no step is made. The goal is 0.4 ms: 3 % of a run
in which a step takes 0.25 ms and a sample is taken every 50 steps.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from januspore.check.cells import CELLS, cell_point
from januspore.check.machine import machine
from januspore.engines import Resources
from januspore.engines.openmm_engine import OpenMMEngine
from januspore.engines.step_by_step import sample_of
from januspore.model.builder import build_state
from januspore.model.system import build_model
from januspore.model.velocities import thermal_velocities
from januspore.protocols import Recording
from januspore.simulate.recorder import Recorder


class WithoutEnergy(OpenMMEngine):
    """OpenMM without the cost of the potential energy, at a given step."""

    step = 0

    def potential_energy(self) -> float:
        return 0.0


def main() -> int:
    options = _options()
    result = measure(options.cell, options.samples)
    print(
        f"{result['cell']} cell, {result['atoms']} atoms, CPU ms: "
        f"{result['plain_ms']:.3f} a plain sample, {result['with_temperatures_ms']:.3f} with "
        f"temperatures, {result['mean_ms']:.3f} on average over an energy interval of "
        f"{result['samples_per_energy']} samples"
    )
    if options.output:
        report = {"machine": machine(), **result}
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cell", choices=list(CELLS), default="paper")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--output", help="JSON file to write")
    return parser.parse_args()


def measure(cell: str, samples: int) -> dict[str, Any]:
    """Medians of the processor time of samples, ms, and their average over an energy interval."""
    point = cell_point(cell)
    model, rng = build_model(point), np.random.default_rng(0)
    dynamics, recording = point.protocol.dynamics, Recording()
    state = build_state(model, rng)
    velocities = thermal_velocities(model, state.positions, dynamics.temperature_K, rng)
    state = replace(state, velocities=velocities)
    engine = WithoutEnergy(model, dynamics, Resources("openmm", platform="CPU", threads=1))
    engine.load(state)
    recorder = Recorder(model, recording, dynamics.timestep_ps)
    recorder.begin(state)
    steps = round(recording.sample_interval_ps / dynamics.timestep_ps)
    every = round(recording.energy_interval_ps / recording.sample_interval_ps)
    spent: list[float] = []
    for k in range(1, samples + 1):
        engine.step = k * steps
        began = time.process_time()
        recorder.sample(sample_of(engine, 0.0, recorder.energy_steps))
        spent.append(1e3 * (time.process_time() - began))
    rows = recorder.drain()
    full = np.isfinite(rows["T_trans_K"])
    median_ms = {
        kind: float(np.median(np.array(spent)[rows_of])) if rows_of.any() else float("nan")
        for kind, rows_of in (("plain", ~full), ("full", full))
    }
    return {
        "cell": cell,
        "atoms": model.n_atoms,
        "samples": samples,
        "samples_per_energy": every,
        "plain_ms": median_ms["plain"],
        "with_temperatures_ms": median_ms["full"],
        "mean_ms": float(np.mean(spent)),
    }


if __name__ == "__main__":
    sys.exit(main())
