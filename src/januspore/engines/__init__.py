"""Engines: the interface through which the rest of the package runs dynamics.

:class:`~januspore.engines.base.Engine` is the whole interface; types of an engine's own library are
not visible through it. An engine is a module here that defines ``create`` (a `base.Maker`) and
``devices``, and a row in `ENGINES`.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import SettingError
from ..model.state import State
from ..model.system import Model
from ..protocols import Dynamics
from ..settings import Resources, engine_set, preferred
from . import gromacs_program
from .base import Device, Engine, Maker, Tether


@dataclass(frozen=True)
class Entry:
    """The module of an engine, and a test that loads nothing for whether it is installed here."""

    module: str
    is_installed: Callable[[], bool]


ENGINES = {
    "openmm": Entry(".openmm_engine", lambda: importlib.util.find_spec("openmm") is not None),
    "hoomd": Entry(".hoomd_engine", lambda: importlib.util.find_spec("hoomd") is not None),
    "gromacs": Entry(".gromacs_engine", gromacs_program.is_installed),
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
    return [name for name, entry in ENGINES.items() if entry.is_installed()]


def choose(name: str | None = None) -> str:
    """Return the engine to use: `name`, else JANUSPORE_ENGINE, else what suits the machine best.

    The last is the data space's preference for this kind of machine, if `python -m januspore check`
    has measured one; else HOOMD-blue where it is installed and sees a GPU, else OpenMM.

    Raises:
        SettingError: there is no such engine, it is not installed, or it cannot be used.
    """
    wanted = name or engine_set() or ""
    installed = available()
    if wanted and wanted not in ENGINES:
        raise SettingError(f"JANUSPORE_ENGINE = {wanted!r}: must be one of {', '.join(ENGINES)}")
    if wanted == "gromacs":
        gromacs_program.find()  # raises an error that names what is missing
    if wanted and wanted not in installed:
        raise SettingError(
            f"engine {wanted!r} is not installed here; found: {', '.join(installed)}"
        )
    if not installed:
        raise SettingError("no engine is installed; pip install openmm")
    return wanted or _preferred(installed) or _usual(installed)


def _preferred(installed: list[str]) -> str | None:
    """Return the data space's preference for this kind of machine, None if it has none."""
    wanted = {k: name for k, name in preferred().items() if name in installed}
    on_gpu, on_cpu = wanted.get("gpu"), wanted.get("cpu")
    if on_gpu and _takes_gpu(on_gpu):
        return on_gpu
    # The preference for CPUs does not apply where the default engine would run on a GPU.
    return on_cpu if on_cpu and not _takes_gpu(_usual(installed)) else None


def _takes_gpu(name: str) -> bool:
    """Whether an engine would choose a GPU on this machine by itself."""
    try:
        return devices(name)[0].is_gpu
    except SettingError:  # it is installed but cannot be used
        return False


def _usual(installed: list[str]) -> str:
    return "hoomd" if "hoomd" in installed and _hoomd_sees_gpu() else installed[0]


def devices(name: str) -> list[Device]:
    """Return the devices that an engine can run on here; the first is its own choice."""
    module = importlib.import_module(ENGINES[name].module, __package__)
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
    module = importlib.import_module(ENGINES[choose(resources.engine)].module, __package__)
    make: Maker = module.create
    engine = make(model, dynamics, resources, tether)
    engine.load(state)
    return engine


def minimise(model: Model, state: State, resources: Resources | None = None) -> State:
    """Return a nearby energy minimum, at rest: the start of a run of any engine, made by OpenMM.

    OpenMM minimises for every engine: HOOMD-blue's own minimiser (FIRE) fails with rigid bodies on
    a GPU in version 4 (hoomd-blue #2080).
    """
    # Imported here, so that start-up loads no engine's library.
    from .openmm_minimiser import minimise as by_openmm

    return by_openmm(model, state, openmm_resources(resources or Resources.from_environment()))


def openmm_resources(resources: Resources) -> Resources:
    """Return the resources of OpenMM where it computes beside the engine that runs.

    The platform and precision of another engine do not apply to OpenMM, which chooses its own: a
    GPU where there is one, unless the other engine is told to run on the CPU.
    """
    if choose(resources.engine) == "openmm":
        return resources
    platform = "CPU" if (resources.platform or "").lower() == "cpu" else None
    return replace(resources, engine="openmm", platform=platform, precision=None)


def _hoomd_sees_gpu() -> bool:
    # Imported here, as looking for a GPU loads HOOMD-blue, which start-up must not.
    from .hoomd_library import sees_gpu

    return sees_gpu()
