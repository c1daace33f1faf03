"""Measure the additional cost of a barrier: the tether, and the parts of the force on ions.

    python benchmarks/barrier.py --cells tiny small --rounds 20

Prints processor times as JSON: medians over rounds in which engines with and without a tether
alternate. At the end of each interval the parts of the force are computed, for one ion and for all.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from januspore.check.cells import CELLS, Case, relaxed
from januspore.check.machine import machine
from januspore.engines import Resources, Tether, available, create
from januspore.engines.force_parts import ForceParts

STEPS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=["tiny", "small"])
    parser.add_argument("--engines", nargs="+", choices=available(), default=available())
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(), "results": []}
    for name in options.cells:
        case = relaxed(name)
        report["results"] += [measure(case, e, options.rounds) for e in options.engines]
    print(json.dumps(report, indent=2))


def measure(case: Case, name: str, rounds: int) -> dict[str, Any]:
    """Median CPU times, ms, of a step with and without the tether, and of the parts."""
    model, dynamics = case.model, case.point.protocol.dynamics
    resources, ion = Resources(name, threads=1), model.indices("Cl")[:1]
    free = create(model, case.state, dynamics, resources)
    tethered = create(model, case.state, dynamics, resources, Tether(int(ion[0]), 20000.0))
    x, y, z = case.state.positions[ion[0]]
    tethered.set_tether(float(x), float(np.hypot(y, z)))
    began = time.process_time()
    parts = ForceParts(model, resources)
    parts.along_x(case.state.positions, ion, 0.0)
    making = time.process_time() - began
    times: dict[str, list[float]] = {"free": [], "tethered": [], "one_ion": [], "all_ions": []}
    for _ in range(rounds):
        for key, engine in (("free", free), ("tethered", tethered)):
            times[key].append(_ms(lambda engine=engine: engine.advance(STEPS)) / STEPS)
            where = engine.positions()
            times["one_ion"].append(_ms(lambda where=where: parts.along_x(where, ion, 0.0)))
            times["all_ions"].append(_ms(lambda where=where: parts.along_x(where, model.ions, 0.0)))
    medians = {f"{key}_ms": round(float(np.median(value)), 2) for key, value in times.items()}
    cell = {"cell": case.name, "atoms": model.n_atoms, "engine": name}
    return {**cell, **medians, "making_parts_ms": round(1e3 * making)}


def _ms(action: Callable[[], Any]) -> float:
    began = time.process_time()
    action()
    return 1e3 * (time.process_time() - began)


if __name__ == "__main__":
    main()
