"""Devices of CUDA, HIP and OpenCL, and which of them are GPUs, read from the drivers' libraries.

OpenMM registers a platform wherever its driver's library is installed: OpenCL also where its only
device is the CPU (PoCL, Intel's), ten times slower than the CPU platform; CUDA and HIP also where
the driver has no device. OpenMM 8.3 has no call that lists devices, and GROMACS lists them only in
a run.
"""

import ctypes
from functools import lru_cache
from typing import Any

from .base import Device

#: Platforms made for GPUs, the fastest first.
GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")

_OPENCL = ("libOpenCL.so.1", "OpenCL", "/System/Library/Frameworks/OpenCL.framework/OpenCL")
_CUDA = ("libcuda.so.1", "nvcuda")
_HIP = ("libamdhip64.so.7", "libamdhip64.so.6", "amdhip64_7", "amdhip64_6")
#: Functions that initialise, count devices and name one; CUDA and HIP declare them alike.
_CUDA_CALLS = ("cuInit", "cuDeviceGetCount", "cuDeviceGetName")
_HIP_CALLS = ("hipInit", "hipGetDeviceCount", "hipDeviceGetName")
#: From CL/cl.h.
_CL_DEVICE_TYPE, _CL_DEVICE_NAME = 0x1000, 0x102B
_CL_CPU, _CL_GPU = 1 << 1, 1 << 2


@lru_cache(maxsize=8)
def driver_devices(platform: str) -> tuple[Device, ...]:
    """Return the devices of a GPU platform that OpenMM has registered; empty if there is none.

    Where a driver's library cannot be loaded, CUDA and HIP, whose devices are all GPUs, count as
    one GPU of unknown name, and OpenCL as no device.
    """
    if platform == "OpenCL":
        return _opencl_devices()
    if platform == "CUDA":
        return _counted(platform, _CUDA, *_CUDA_CALLS)
    return _counted(platform, _HIP, *_HIP_CALLS)


def sees_gpu() -> bool:
    """Whether any installed driver has a GPU."""
    found = [
        device
        for platform, names in (("CUDA", _CUDA), ("HIP", _HIP), ("OpenCL", _OPENCL))
        if _library(names) is not None
        for device in driver_devices(platform)
    ]
    return any(device.is_gpu for device in found)


def _opencl_devices() -> tuple[Device, ...]:
    library = _library(_OPENCL)
    if library is None:
        return ()
    found = []
    for index, platform in enumerate(_opencl_list(library.clGetPlatformIDs)):
        # OpenMM considers devices of these types.
        for device in _opencl_list(
            library.clGetDeviceIDs, ctypes.c_void_p(platform), ctypes.c_uint64(_CL_CPU | _CL_GPU)
        ):
            kind = int.from_bytes(_opencl_value(library, device, _CL_DEVICE_TYPE), "little")
            name = _opencl_value(library, device, _CL_DEVICE_NAME)
            # OpenMM takes the fastest of this driver's devices, and ranks a GPU above a CPU.
            found.append(
                Device(
                    "OpenCL",
                    _text(name),
                    bool(kind & _CL_GPU),
                    (("OpenCLPlatformIndex", str(index)),),
                )
            )
    return tuple(found)


def _opencl_list(function: Any, *arguments: Any) -> list[int]:
    """Handles that an OpenCL function lists; it is called first for their number."""
    count = ctypes.c_uint(0)
    if function(*arguments, 0, None, ctypes.byref(count)) != 0 or not count.value:
        return []
    handles = (ctypes.c_void_p * count.value)()
    if function(*arguments, count, handles, None) != 0:
        return []
    return [handle for handle in handles if handle is not None]


def _opencl_value(library: ctypes.CDLL, device: int, what: int) -> bytes:
    value, size = ctypes.create_string_buffer(1024), ctypes.c_size_t(0)
    if library.clGetDeviceInfo(
        ctypes.c_void_p(device),
        ctypes.c_uint(what),
        ctypes.c_size_t(len(value)),
        value,
        ctypes.byref(size),
    ):
        return b""
    return value.raw[: size.value]


def _counted(
    platform: str, names: tuple[str, ...], initialise: str, get_count: str, get_name: str
) -> tuple[Device, ...]:
    """Devices of CUDA or HIP."""
    library = _library(names)
    if library is None:
        return (Device(platform, "unknown", True),)
    count, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
    if library[initialise](0) != 0 or library[get_count](ctypes.byref(count)) != 0:
        return ()
    found = []
    for index in range(count.value):
        library[get_name](name, ctypes.c_int(len(name)), ctypes.c_int(index))
        found.append(Device(platform, _text(name.value), True))
    return tuple(found)


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace").strip() or "unknown"


def _library(names: tuple[str, ...]) -> ctypes.CDLL | None:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
