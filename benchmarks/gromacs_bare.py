"""januspore on GROMACS beside a bare `gmx mdrun` of the same system, one and two at a time.

    python benchmarks/gromacs_bare.py --cell small --ps 40 --rounds 3 --output gromacs-bare.json

A run of januspore is the driver's own: stretches, samples, the record, checkpoints, everything from
the engine's making to the joined record. The bare run has the same atoms, field and thermostat and
writes energies alone; its neighbour lists are GROMACS's own choice, and mdrun is free to tune. Each
is one thread. The two take turns, so that other work on the machine disturbs both; what is compared
is simulated time by wall time, and by processor time. On a loaded machine the time between
checkpoints is best longer (JANUSPORE_CHECKPOINT_SECONDS): they are counted in wall time.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from januspore.check.cells import CELLS, FIELD_V_PER_NM, SAMPLE_PS, Case, cell_point, relaxed
from januspore.check.machine import machine
from januspore.engines import Resources, create, gromacs_program
from januspore.engines.gromacs_input import (
    Output,
    configuration,
    groups,
    parameters,
    topology,
    wave,
)
from januspore.model.state import State, read_state, write_state
from januspore.model.system import build_model
from januspore.protocols.field import Constant
from januspore.settings import Limits
from januspore.simulate.driver import Run, drive

#: What a user who types the run parameters leaves to GROMACS.
_LEFT_OUT = ("nstlist", "rlist", "nsttcouple")
#: A process that has not come to its end after this wall time has failed.
_PATIENCE_S = 3600.0


def main() -> int:
    options = _options()
    case = relaxed(options.cell)
    with tempfile.TemporaryDirectory(prefix="gromacs_bare.") as folder:
        write_state(Path(folder) / "start.gsd", case.model, case.state)
        results = _compare(Path(folder) / "start.gsd", case, options)
    if options.output:
        program = vars(gromacs_program.find())
        report = {"machine": machine(), "gromacs": program, "results": results}
        Path(options.output).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _compare(start: Path, case: Case, options: argparse.Namespace) -> list[dict[str, Any]]:
    context = multiprocessing.get_context("spawn")
    results = []
    for count in options.side_by_side:
        found: dict[str, list[dict[str, float]]] = {"bare": [], "januspore": []}
        for _ in range(options.rounds):
            for kind in found:
                found[kind] += _together(context, kind, start, options, count)
        result = _summary(case, count, options.ps, found)
        results.append(result)
        print(_line(result), flush=True)
    return results


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cell", choices=list(CELLS), default="small")
    parser.add_argument("--ps", type=float, default=40.0, help="simulated time of each run")
    parser.add_argument("--rounds", type=int, default=3, help="of each kind, taking turns")
    parser.add_argument("--side-by-side", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--output", help="JSON file to write")
    return parser.parse_args()


def _together(
    context: Any, kind: str, start: Path, options: argparse.Namespace, count: int
) -> list[dict[str, float]]:
    """Run so many of a kind at once; each tells the seconds that it took."""
    ready, answers = context.Barrier(count), context.Queue()
    told = (kind, options.cell, start, options.ps, ready, answers)
    workers = [context.Process(target=_one, args=told) for _ in range(count)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=_PATIENCE_S) for _ in workers]
    for worker in workers:
        worker.join()
    return found


def _one(kind: str, cell: str, start: Path, ps: float, ready: Any, answers: Any) -> None:
    point = cell_point(cell)
    case = Case(cell, point, build_model(point), read_state(start))
    with tempfile.TemporaryDirectory(prefix="gromacs_bare.") as folder:
        ready.wait(_PATIENCE_S)
        began, used = time.perf_counter(), _cpu_s()
        {"bare": _bare, "januspore": _januspore}[kind](Path(folder), case, ps)
        answers.put({"wall_s": time.perf_counter() - began, "cpu_s": _cpu_s() - used})


def _januspore(folder: Path, case: Case, ps: float) -> None:
    protocol = case.point.protocol
    run = Run(folder, "", case.model, protocol, Constant(ps, FIELD_V_PER_NM), frozenset())

    def make(state: State) -> Any:
        resources = Resources("gromacs", threads=1, scratch=folder)
        return create(case.model, state, protocol.dynamics, resources)

    drive(run, lambda: case.state, make, Limits.from_environment())


def _bare(folder: Path, case: Case, ps: float) -> None:
    program, dynamics, model = gromacs_program.find(), case.point.protocol.dynamics, case.model
    field = wave(Constant(ps, FIELD_V_PER_NM), 0.0, ps, dynamics.timestep_ps)
    steps = round(ps / dynamics.timestep_ps)
    energies = Output(frames=0, energies=round(10 * SAMPLE_PS / dynamics.timestep_ps))
    text = parameters(model, dynamics, steps, 0.0, field, energies, 10, {})
    kept = [line for line in text.splitlines() if line.split(" = ")[0] not in _LEFT_OUT]
    (folder / "run.mdp").write_text("\n".join([*kept, ""]))
    (folder / "topol.top").write_text(topology(model))
    (folder / "index.ndx").write_text(groups(model, None))
    state = case.state
    (folder / "start.gro").write_text(configuration(model, state.positions, state.velocities))
    program.run(
        folder,
        *("grompp", "-f", "run.mdp", "-c", "start.gro", "-p", "topol.top", "-n", "index.ndx"),
        *("-o", "run.tpr"),
    )
    program.mdrun(folder, "-s", "run.tpr", "-deffnm", "run", "-pin", "off", threads=1)


def _cpu_s() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _summary(
    case: Case, count: int, ps: float, found: dict[str, list[dict[str, float]]]
) -> dict[str, Any]:
    middle = {
        kind: {key: median(one[key] for one in each) for key in ("wall_s", "cpu_s")}
        for kind, each in found.items()
    }
    bare, ours = middle["bare"], middle["januspore"]
    return {
        "cell": case.name,
        "atoms": case.model.n_atoms,
        "side_by_side": count,
        "ps": ps,
        "runs": found,
        "ns_per_day": {kind: 86.4 * ps / each["wall_s"] for kind, each in middle.items()},
        "ratio_wall": bare["wall_s"] / ours["wall_s"],
        "ratio_cpu": bare["cpu_s"] / ours["cpu_s"],
    }


def _line(result: dict[str, Any]) -> str:
    speed = result["ns_per_day"]
    return (
        f"{result['cell']} ({result['atoms']} atoms), {result['side_by_side']} at a time: bare "
        f"{speed['bare']:.1f}, januspore {speed['januspore']:.1f} ns/day each; ratio "
        f"{result['ratio_wall']:.3f} by wall time, {result['ratio_cpu']:.3f} by processor time"
    )


if __name__ == "__main__":
    sys.exit(main())
