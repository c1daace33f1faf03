"""Time all installed engines, with the additional cost of the driver and the recorder.

    python benchmarks/engines.py --cells tiny small --seconds 20 --output engines.json

Every engine gets the same relaxed configuration, field and time step, on its default device
(JANUSPORE_PLATFORM and JANUSPORE_THREADS apply to the engine named by --engines). Prints ms per
step, ns per day and the fraction of a sample interval that is not integration, and writes them as
JSON with device and versions. The processor time of a step, which includes sampling and programs
that an engine runs, is less disturbed by other work than wall time.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from januspore.check.cells import CELLS, FIELD_V_PER_NM, SAMPLE_PS, Case, relaxed
from januspore.check.machine import machine
from januspore.engines import Engine, Resources, available, create
from januspore.engines.stretch import Stretch
from januspore.protocols import Recording
from januspore.protocols.field import Constant
from januspore.simulate.recorder import Recorder


def main() -> int:
    options = _options()
    resources = Resources.from_environment(options.threads)
    results = []
    for name in options.cells:
        case = relaxed(name)
        for engine in options.engines:
            result = measure(case, engine, resources, options.seconds)
            results.append(result)
            print(_line(result), flush=True)
    report = {"machine": machine(), "sample_interval_ps": SAMPLE_PS, "results": results}
    if options.output:
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Formatter)
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=["tiny", "small"])
    parser.add_argument("--engines", nargs="+", choices=available(), default=available())
    parser.add_argument("--seconds", type=float, default=20.0, help="of integration to time")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--output", help="JSON file to write")
    return parser.parse_args()


class _Formatter(argparse.RawDescriptionHelpFormatter):
    pass


def measure(case: Case, name: str, resources: Resources, seconds: float) -> dict[str, Any]:
    """Time stretches of one engine in one cell, as the driver runs them, and the recorder."""
    dynamics = case.point.protocol.dynamics
    began = time.perf_counter()
    wanted = Resources(name, resources.platform, resources.precision, resources.threads)
    engine = create(case.model, case.state, dynamics, wanted)
    recorder = Recorder(case.model, Recording(), dynamics.timestep_ps)
    recorder.begin(engine.save())
    _follow(engine, recorder, dynamics.timestep_ps, seconds / 8)  # lets the engine compile and tune
    start_s = time.perf_counter() - began
    first, cpu_began, began = engine.step, _cpu_s(), time.perf_counter()
    sampling = _follow(engine, recorder, dynamics.timestep_ps, seconds)
    spent, cpu_s, steps = time.perf_counter() - began, _cpu_s() - cpu_began, engine.step - first
    return {
        "cell": case.name,
        "atoms": case.model.n_atoms,
        "timestep_fs": dynamics.timestep_fs,
        "engine": engine.provenance(),
        "steps": steps,
        "ms_per_step": 1e3 * spent / steps,
        "cpu_ms_per_step": 1e3 * cpu_s / steps,
        "ns_per_day": dynamics.timestep_fs * 1e-6 * 86400 * steps / spent,
        "ms_per_sample": 1e3 * float(np.mean(sampling)),
        "sampling_share": sum(sampling) / spent,
        "start_s": start_s,
    }


def _follow(engine: Engine, recorder: Recorder, timestep_ps: float, seconds: float) -> list[float]:
    """Simulate for some wall time; return the recorder's time for each sample, s."""
    end, steps = time.perf_counter() + seconds, round(SAMPLE_PS / timestep_ps)
    sampling: list[float] = []
    while (left := end - time.perf_counter()) > 0:
        stretch = Stretch(
            Constant(1e6, FIELD_V_PER_NM),
            timestep_ps,
            end_step=engine.step + 10**6 * steps,
            sample_steps=steps,
            energy_steps=recorder.energy_steps,
            over=lambda: time.perf_counter() >= end,
            seconds=left,
        )
        for sample in engine.follow(stretch):
            began = time.perf_counter()
            recorder.sample(sample)
            sampling.append(time.perf_counter() - began)
    recorder.drain()
    return sampling


def _cpu_s() -> float:
    """Processor time of this process and of programs that it ran and waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _line(result: dict[str, Any]) -> str:
    engine = result["engine"]
    where = f"{engine['name']} {engine['version']} {engine['platform']} x{engine['threads']}"
    return (
        f"{result['cell']:6s} {result['atoms']:6d} atoms  {where:32s} "
        f"{result['ms_per_step']:8.2f} ms/step (CPU {result['cpu_ms_per_step']:.1f}) "
        f"{result['ns_per_day']:8.2f} ns/day  "
        f"sample {result['ms_per_sample']:6.2f} ms ({result['sampling_share']:.1%})"
    )


if __name__ == "__main__":
    sys.exit(main())
