"""Time OpenMM and HOOMD-blue side by side, with what the driver and the recorder add.

    python benchmarks/engines.py --cells tiny small --seconds 20 --output engines.json

Every engine gets the same relaxed configuration, field and time step, on whatever the machine has
(JANUSPORE_PLATFORM and JANUSPORE_THREADS apply, to the engine named by --engines). Prints ms a
step, ns a day and the share of a sample interval that is not integration; writes all of it as JSON
with device and versions. Processor time a step, sampling included, is less disturbed than wall time
where other work runs beside it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from januspore.check.cells import CELLS, FIELD_V_PER_NM, SAMPLE_PS, Case, relaxed
from januspore.check.machine import machine
from januspore.engines import Engine, Resources, available, create
from januspore.engines.stretch import sample_of
from januspore.schema import Recording
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
    """Time integration and sampling of one engine on one cell."""
    dynamics = case.point.protocol.dynamics
    began = time.perf_counter()
    wanted = Resources(name, resources.platform, resources.precision, resources.threads)
    engine = create(case.model, case.state, dynamics, wanted)
    engine.set_field(FIELD_V_PER_NM)
    engine.advance(1)
    start_s = time.perf_counter() - began
    steps = round(SAMPLE_PS / dynamics.timestep_ps)
    recorder = Recorder(case.model, Recording(), dynamics.timestep_ps)
    recorder.begin(engine.save())
    engine.advance(2 * steps)
    cpu_began = time.process_time()
    integrating, sampling = _time_intervals(engine, recorder, steps, seconds)
    cpu_s = time.process_time() - cpu_began
    step_s = float(np.median(integrating)) / steps
    sample_s = float(np.mean(sampling))
    return {
        "cell": case.name,
        "atoms": case.model.n_atoms,
        "timestep_fs": dynamics.timestep_fs,
        "engine": engine.provenance(),
        "steps": steps * len(integrating),
        "ms_per_step": 1e3 * step_s,
        "ms_per_step_quartiles": [
            1e3 * float(q) / steps for q in np.quantile(integrating, [0.25, 0.75])
        ],
        "cpu_ms_per_step": 1e3 * cpu_s / (steps * len(integrating)),
        "ns_per_day": dynamics.timestep_fs * 1e-6 * 86400 / step_s,
        "ms_per_sample": 1e3 * sample_s,
        "sampling_share": sample_s / (sample_s + steps * step_s),
        "start_s": start_s,
    }


def _time_intervals(
    engine: Engine, recorder: Recorder, steps: int, seconds: float
) -> tuple[list[float], list[float]]:
    """Wall time of each interval's integration and of its sample (energies now and then)."""
    integrating: list[float] = []
    sampling: list[float] = []
    while sum(integrating) < seconds or len(integrating) < 5:
        began = time.perf_counter()
        engine.set_field(FIELD_V_PER_NM)
        engine.advance(steps)
        between = time.perf_counter()
        recorder.sample(sample_of(engine, FIELD_V_PER_NM, recorder.energy_steps))
        integrating.append(between - began)
        sampling.append(time.perf_counter() - between)
    return integrating, sampling


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
