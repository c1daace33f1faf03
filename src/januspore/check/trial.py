"""Tasks of a trial on one engine and platform: `python -m januspore.check.trial`, given as JSON.

Every task is a function of a folder, which holds configurations and the reference forces, and
returns plain JSON values. A process carries out one task and prints the result as its last line.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import engines
from ..engines import Engine, Resources
from ..engines.step_by_step import StepByStep
from ..engines.stretch import Stretch
from ..errors import InputError
from ..model.state import State, read_state, write_state
from ..model.system import Model, build_model, water_geometry
from ..model.velocities import temperatures
from ..protocols import Dynamics
from ..protocols.field import Constant
from ..schema import state_point
from ..units import VOLT_PER_NM
from .beside import side_by_side
from .cells import FIELD_V_PER_NM, cell_point, relaxed
from .pace import followed

#: Field in which forces are compared; the paper's largest under a sine.
_STRONG_V_PER_NM = 1.2
#: Steps of the trial run (1 ps, half of them before the restart), steps that are compared after the
#: restart, and steps between two readings of the temperature.
_RUN_STEPS, _COMPARED_STEPS, _READ_STEPS = 500, 25, 25
#: Steps between samples as in production; fewer for an engine that is slow and called step by step.
_SAMPLE_STEPS, _FEW_STEPS = 50, 10
#: An engine that runs as a program is timed this many times longer, as in production its start
#: takes a smaller fraction of the time.
_LONGER = 3


def prepare(folder: Path, resources: Resources, cell: str) -> dict[str, Any]:
    """Write a relaxed configuration of a cell to the folder."""
    began = time.monotonic()
    case = relaxed(cell, resources)
    write_state(folder / f"{cell}.gsd", case.model, case.state)
    return {"atoms": case.model.n_atoms, "seconds": time.monotonic() - began}


def devices(folder: Path, resources: Resources) -> dict[str, Any]:
    """List the devices that an engine can run on here."""
    return {"devices": [asdict(d) for d in engines.devices(engines.choose(resources.engine))]}


def yardstick(folder: Path, resources: Resources) -> dict[str, Any]:
    """Write the forces of OpenMM's Reference platform on the tiny cell to the folder."""
    model, dynamics, state = _loaded(folder, "tiny")
    engine = engines.create(model, state, dynamics, Resources("openmm", "Reference"))
    np.save(folder / "forces.npy", engine.forces())
    return {}


def forces(folder: Path, resources: Resources) -> dict[str, Any]:
    """Compare an engine's forces on the tiny cell with the reference, and the field's with q E.

    Returns:
        Relative root mean square differences: of ions, of waters' net forces, of the field's force.
    """
    model, dynamics, state = _loaded(folder, "tiny")
    engine = engines.create(model, state, dynamics, resources)
    found, expected = engine.forces(), np.load(folder / "forces.npy")
    engine.set_field(_STRONG_V_PER_NM)
    pulled = (engine.forces() - found)[~model.frozen, 0]
    charges = model.charge[~model.frozen] * (_STRONG_V_PER_NM * VOLT_PER_NM)
    return {
        "engine": engine.provenance(),
        "ions": _relative(found[model.ions], expected[model.ions]),
        "waters": _relative(*(f[model.waters].sum(axis=1) for f in (found, expected))),
        "field": _relative(pulled, charges),
    }


def motion(folder: Path, resources: Resources) -> dict[str, Any]:
    """Run the tiny cell for 1 ps in a field, with a restart from a file half way.

    Returns:
        Mean temperatures, K, and the deviations of the waters' bonds, of the frozen membrane and of
        the path after the restart, nm.
    """
    model, dynamics, state = _loaded(folder, "tiny")
    straight = engines.create(model, state, dynamics, resources)
    heat = _heat_on_the_way(straight, model, dynamics, _RUN_STEPS // 2)
    path = folder / f"restart-{resources.engine}-{resources.platform}.gsd"
    write_state(path, model, straight.save())
    resumed = engines.create(model, read_state(path), dynamics, resources)
    for engine in (straight, resumed):
        engine.set_field(FIELD_V_PER_NM)
        engine.advance(_COMPARED_STEPS)
    apart = np.abs(straight.positions() - resumed.positions()).max()
    heat += _heat_on_the_way(resumed, model, dynamics, _RUN_STEPS - resumed.step)
    translation, rotation = np.mean(heat, axis=0)
    still = resumed.positions()[model.frozen] - state.positions[model.frozen]
    return {
        "steps": resumed.step,
        "T_trans_K": float(translation),
        "T_rot_K": float(rotation),
        "bonds_nm": _stretched(model, resumed.positions()),
        "membrane_nm": float(np.abs(still).max()),
        "restart_nm": float(apart),
    }


def speed(
    folder: Path,
    resources: Resources,
    cell: str,
    seconds: float,
    dynamics: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Time an engine as the driver runs it, sampling included.

    Args:
        folder: where the cell's configuration lies.
        resources: engine, platform and threads.
        cell: of `cells.CELLS`.
        seconds: wall time to measure for, without preparation.
        dynamics: keys of the protocol's dynamics instead of the cell's own.
    """
    model, own, state = _loaded(folder, cell, dynamics)
    began = time.monotonic()
    engine = engines.create(model, state, own, resources)
    is_gpu = any(
        d.is_gpu and d.platform == engine.provenance()["platform"]
        for d in engines.devices(engine.name)
    )
    called = isinstance(engine, StepByStep)
    sample_steps = _FEW_STEPS if called and not is_gpu else _SAMPLE_STEPS
    followed(engine, own, sample_steps, seconds / 2)  # lets the engine compile and tune
    start_s = time.monotonic() - began
    steps, spent = followed(engine, own, sample_steps, seconds * (1 if called else _LONGER))
    return {
        "cell": cell,
        "atoms": model.n_atoms,
        "cutoff_nm": own.cutoff_nm,
        "timestep_fs": own.timestep_fs,
        "steps": steps,
        "ms_per_step": 1e3 * spent / steps,
        "ns_per_day": own.timestep_fs * 1e-6 * 86400 * steps / spent,
        "start_s": start_s,
    }


def _loaded(
    folder: Path, cell: str, changed: dict[str, Any] | None = None
) -> tuple[Model, Dynamics, State]:
    point = cell_point(cell)
    if changed:
        data = point.model_dump(mode="json")
        data["protocol"]["dynamics"] |= changed
        point = state_point(data)
    return build_model(point), point.protocol.dynamics, read_state(folder / f"{cell}.gsd")


def _heat_on_the_way(
    engine: Engine, model: Model, dynamics: Dynamics, steps: int
) -> list[tuple[float, float]]:
    """Follow the held field for some steps; returns (translation, rotation) temperatures, K."""
    stretch = Stretch(
        Constant(1e6, FIELD_V_PER_NM),
        dynamics.timestep_ps,
        end_step=engine.step + steps,
        sample_steps=_READ_STEPS,
        energy_steps=_READ_STEPS,
    )
    heat = []
    for sample in engine.follow(stretch):
        now = sample.observed
        assert now.velocities is not None
        heat.append(temperatures(model, now.positions, now.velocities))
    return heat


def _stretched(model: Model, positions: NDArray) -> float:
    shape, worst = water_geometry(), 0.0
    for i, j in ((0, 1), (0, 2), (1, 2)):
        a, b = (positions[model.waters[:, k]] for k in (i, j))
        length = np.linalg.norm(a - b, axis=1) - np.linalg.norm(shape[i] - shape[j])
        worst = max(worst, float(np.abs(length).max()))
    return worst


def _relative(found: NDArray, expected: NDArray) -> float:
    return float(np.sqrt(np.square(found - expected).sum() / np.square(expected).sum()))


_TASKS = (prepare, devices, yardstick, forces, motion, speed, side_by_side)
TASKS: dict[str, Callable[..., dict[str, Any]]] = {task.__name__: task for task in _TASKS}


def carry_out(task: dict[str, Any]) -> dict[str, Any]:
    """Carry out a task: {"do": its name, "folder": path, "resources": keys, and its own keys}.

    An error is returned as {"fault": one line}.
    """
    own = dict(task)
    what, folder = TASKS[own.pop("do")], Path(own.pop("folder"))
    try:
        return what(folder, resources=Resources(**own.pop("resources")), **own)
    except (InputError, FloatingPointError) as error:
        return {"fault": str(error)}
    except Exception as error:  # a driver may raise any type of error
        return {"fault": f"{type(error).__name__}: {' '.join(str(error).split())}"}


if __name__ == "__main__":
    print(json.dumps(carry_out(json.load(sys.stdin))))
