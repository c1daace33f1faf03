"""OpenMM's platforms: which are available, and a context on the one to use."""

import openmm as mm

from ..errors import SettingError
from ..settings import Resources
from .base import Device
from .drivers import GPU_PLATFORMS, driver_devices


def devices() -> list[Device]:
    """Return where OpenMM can run here, the fastest first: GPUs, the CPU, then slower ones."""
    names = _registered()
    drivers = [d for name in GPU_PLATFORMS if name in names for d in driver_devices(name)]
    return [
        *(device for device in drivers if device.is_gpu),
        *(Device("CPU", "CPU") for name in names if name == "CPU"),
        *(device for device in drivers if not device.is_gpu),
        Device("Reference", "CPU"),
    ]


def make_context(system: mm.System, integrator: mm.Integrator, resources: Resources) -> mm.Context:
    """Make a context on the platform that `resources` names, else the fastest one here.

    Raises:
        SettingError: there is no such platform or precision.
    """
    name, properties = choose_platform(resources)
    return mm.Context(system, integrator, mm.Platform.getPlatformByName(name), properties)


def choose_platform(resources: Resources) -> tuple[str, dict[str, str]]:
    """Return a platform's name and properties, for :func:`make_context`.

    Raises:
        SettingError: there is no such platform or precision.
    """
    names, wanted = _registered(), resources.platform
    if wanted and wanted not in names:
        raise SettingError(f"JANUSPORE_PLATFORM = {wanted!r}: OpenMM here has {', '.join(names)}")
    precision = resources.precision or "mixed"
    if precision not in ("single", "mixed", "double"):
        raise SettingError(f"JANUSPORE_PRECISION = {precision!r}: must be single, mixed or double")
    # Of several drivers, use the one with a GPU. A platform whose only device is the CPU is used if
    # it is named, but never chosen by default.
    found = [d for d in devices() if d.is_gpu and d.platform == (wanted or d.platform)]
    chosen = wanted or (found[0].platform if found else "CPU")
    properties: dict[str, str] = {}
    if chosen in GPU_PLATFORMS:
        properties = {"Precision": precision, **dict(found[0].settings if found else ())}
    else:
        fixed = {"CPU": "mixed", "Reference": "double"}.get(chosen, precision)
        if resources.precision not in (None, fixed):
            raise SettingError(
                f"JANUSPORE_PRECISION = {precision!r}: OpenMM's {chosen} platform has {fixed} "
                "precision only (JANUSPORE_PLATFORM: Reference has double)"
            )
        if chosen == "CPU":
            properties["Threads"] = str(resources.threads)
    return chosen, properties


def _registered() -> list[str]:
    count = mm.Platform.getNumPlatforms()
    return [mm.Platform.getPlatform(i).getName() for i in range(count)]
