"""Loading HOOMD-blue and choosing its device; it is imported only on request."""

import importlib
import signal
import sys
import threading
from functools import lru_cache
from typing import Any

from ..errors import SettingError
from ..settings import Resources
from .base import Device

_OLDEST = (4, 8)
_PRECISION = {(64, 64): "double", (64, 32): "mixed", (32, 32): "single"}


@lru_cache(maxsize=1)
def library() -> Any:
    """Import HOOMD-blue, undoing what its import does to signals and uncaught exceptions.

    Raises:
        SettingError: it is not installed, or too old.
    """
    main = threading.current_thread() is threading.main_thread()
    on_terminate, hook = signal.getsignal(signal.SIGTERM), sys.excepthook
    try:
        hoomd = importlib.import_module("hoomd")
        importlib.import_module("hoomd.md")
    except ImportError as error:
        raise SettingError(f"engine 'hoomd' cannot be loaded: {error}") from None
    finally:
        sys.excepthook = hook
        if main:
            signal.signal(signal.SIGTERM, on_terminate)
    version = hoomd.version.version
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise SettingError(f"engine 'hoomd' is version {version} here; 4.8 or newer is needed")
    return hoomd


@lru_cache(maxsize=1)
def sees_gpu() -> bool:
    """Whether a usable HOOMD-blue is installed and sees a GPU."""
    try:
        return any(found.is_gpu for found in devices())
    except SettingError:
        return False


def devices() -> list[Device]:
    """Return where HOOMD-blue can run here, a GPU first."""
    kinds = library().device
    # `is_available` is true for every build with GPU support, also on a machine without a GPU.
    gpus = [Device("gpu", str(name), True) for name in kinds.GPU.get_available_devices()]
    return [*gpus, Device("cpu", "CPU")]


def device(hoomd: Any, resources: Resources) -> Any:
    """Return the device that `resources` asks for: a GPU where HOOMD-blue sees one, else the CPU.

    Raises:
        SettingError: there is no such device, precision, or more than one MPI rank.
    """
    wanted = (resources.platform or ("gpu" if sees_gpu() else "cpu")).lower()
    if wanted not in ("cpu", "gpu"):
        raise SettingError(
            f"JANUSPORE_PLATFORM = {resources.platform!r}: HOOMD-blue has cpu and gpu"
        )
    if wanted == "gpu" and not sees_gpu():
        raise SettingError(f"JANUSPORE_PLATFORM = {resources.platform!r}: HOOMD-blue sees no GPU")
    if resources.precision and resources.precision != precision(hoomd):
        raise SettingError(
            f"JANUSPORE_PRECISION = {resources.precision!r}: this HOOMD-blue was built in "
            f"{precision(hoomd)} precision"
        )
    kind = hoomd.device.GPU if wanted == "gpu" else hoomd.device.CPU
    made = kind(notice_level=1)
    ranks = made.communicator.num_ranks
    if ranks > 1:
        raise SettingError(
            f"engine 'hoomd' runs one replica on one MPI rank, not on {ranks}: "
            "start each job on its own, or use engine 'openmm'"
        )
    return made


def precision(hoomd: Any) -> str:
    """Return the precision that this HOOMD-blue was built in: double, mixed or single."""
    return _PRECISION.get(tuple(hoomd.version.floating_point_precision), "unknown")
