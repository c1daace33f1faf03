"""Engines: the one narrow door through which the rest of the package runs dynamics.

:class:`~januspore.engines.base.Engine` is the whole interface; no type of an engine's own library
passes through it. An engine is a module here that defines ``create`` and a row in `_MODULES`.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import replace

from ..errors import SettingError
from ..model.state import State
from ..model.system import Model
from ..protocols import Dynamics
from ..settings import Resources, engine_set, preferred
from . import gromacs_program
from .base import Device, Engine, Tether

_MODULES = {"openmm": ".openmm_engine", "hoomd": ".hoomd_engine", "gromacs": ".gromacs_engine"}
_INSTALLED: dict[str, Callable[[], bool]] = {
    "openmm": lambda: importlib.util.find_spec("openmm") is not None,
    "hoomd": lambda: importlib.util.find_spec("hoomd") is not None,
    "gromacs": gromacs_program.is_installed,
}

__all__ = [
    "Device",
    "Engine",
    "Resources",
    "Tether",
    "available",
    "choose",
    "create",
    "devices",
    "minimise",
]


def available() -> list[str]:
    """Return the engines whose library or program is installed here, without loading it."""
    return [name for name in _MODULES if _INSTALLED[name]()]


def choose(name: str | None = None) -> str:
    """Return the engine to use: `name`, else JANUSPORE_ENGINE, else what suits the machine best.

    That is what the data space prefers on such a machine, where `python -m januspore check` has
    measured it; else HOOMD-blue where it is installed and sees a GPU, and OpenMM otherwise.

    Raises:
        SettingError: no such engine, or it is not installed, or of no use.
    """
    wanted = name or engine_set() or ""
    installed = available()
    if wanted and wanted not in _MODULES:
        raise SettingError(f"JANUSPORE_ENGINE = {wanted!r}: must be one of {', '.join(_MODULES)}")
    if wanted == "gromacs":
        gromacs_program.find()  # says what is missing
    if wanted and wanted not in installed:
        raise SettingError(
            f"engine {wanted!r} is not installed here; found: {', '.join(installed)}"
        )
    if not installed:
        raise SettingError("no engine is installed; pip install openmm")
    return wanted or _preferred(installed) or _usual(installed)


def _preferred(installed: list[str]) -> str | None:
    """The data space's preference on this kind of machine, None if there is none to follow."""
    wanted = {k: name for k, name in preferred().items() if name in installed}
    on_gpu, on_cpu = wanted.get("gpu"), wanted.get("cpu")
    if on_gpu and _takes_gpu(on_gpu):
        return on_gpu
    # What is best on CPUs says nothing of a machine whose usual engine has a GPU.
    return on_cpu if on_cpu and not _takes_gpu(_usual(installed)) else None


def _takes_gpu(name: str) -> bool:
    """Whether an engine would run on a GPU here without being told."""
    try:
        return devices(name)[0].is_gpu
    except SettingError:  # installed, and of no use
        return False


def _usual(installed: list[str]) -> str:
    return "hoomd" if "hoomd" in installed and _hoomd_sees_gpu() else installed[0]


def devices(name: str) -> list[Device]:
    """Return where an engine can run here, the place that it chooses by itself first."""
    module = importlib.import_module(_MODULES[name], __package__)
    found: list[Device] = module.devices()
    return found


def create(
    model: Model,
    state: State,
    dynamics: Dynamics,
    resources: Resources | None = None,
    tether: Tether | None = None,
) -> Engine:
    """Create the engine that `resources` names, with a tether if any, and load `state` into it."""
    resources = resources or Resources.from_environment()
    module = importlib.import_module(_MODULES[choose(resources.engine)], __package__)
    engine: Engine = module.create(model, dynamics, resources, tether)
    engine.load(state)
    return engine


def minimise(model: Model, state: State, resources: Resources | None = None) -> State:
    """Return a nearby energy minimum, at rest: the start of a run of any engine, made by OpenMM.

    One minimiser for all: HOOMD-blue's own (FIRE) fails with rigid bodies on a GPU in version 4
    (hoomd-blue #2080).
    """
    # Imported here: start-up loads no engine's library.
    from .openmm_minimiser import minimise as by_openmm

    return by_openmm(model, state, openmm_resources(resources or Resources.from_environment()))


def openmm_resources(resources: Resources) -> Resources:
    """Return what OpenMM may use beside the engine that runs.

    The platform and precision of another engine mean nothing to OpenMM and are left to it: the GPU
    where there is one, unless that engine is told to run on the CPU.
    """
    if choose(resources.engine) == "openmm":
        return resources
    platform = "CPU" if (resources.platform or "").lower() == "cpu" else None
    return replace(resources, engine="openmm", platform=platform, precision=None)


def _hoomd_sees_gpu() -> bool:
    # Imported here: the look for a GPU loads HOOMD-blue, which start-up must not.
    from .hoomd_library import sees_gpu

    return sees_gpu()
