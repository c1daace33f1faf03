"""Width of the nonbonded kernel of OpenMM's CPU platform: 8 numbers with AVX, 4 without.

OpenMM has no call that returns it. One function of its library creates the kernel for this CPU, and
the object contains its C++ type's name, as every object with virtual functions does (Itanium C++
ABI: Linux, macOS). The wheels of 8.4.0 to 8.6.1 always make the 4-wide one:
docs/upstream-openmm-avx.md.
"""

import ctypes
import subprocess
import sys
from pathlib import Path

#: createCpuNonbondedForceVec(OpenMM::CpuNeighborList const&), which only stores the reference.
_FACTORY = "_Z26createCpuNonbondedForceVecRKN6OpenMM15CpuNeighborListE"
_WIDTHS = {"fvec4": 4, "fvec8": 8, "fvecAvx2": 8}


def kernel_width() -> int | None:
    """Return 4 or 8; None where it cannot be determined.

    It runs in a process of its own, as it may crash with a differently built library.
    """
    command = [sys.executable, "-m", "januspore.check.kernel"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return int(done.stdout.split()[-1]) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, OSError, ValueError, IndexError):
        return None


def _library() -> Path:
    import openmm

    plugins = Path(openmm.version.openmm_library_path) / "plugins"
    return next(plugins.glob("libOpenMMCPU.*"))


def _width(library: Path) -> int:
    make = ctypes.CDLL(str(library))[_FACTORY]
    make.argtypes, make.restype = [ctypes.c_void_p], ctypes.c_void_p
    nothing = ctypes.create_string_buffer(4096)  # in place of the neighbour list
    pointers = ctypes.POINTER(ctypes.c_void_p)
    table = ctypes.cast(make(ctypes.addressof(nothing)), pointers)[0]
    type_info = ctypes.cast(table, pointers)[-1]
    name = (ctypes.cast(type_info, ctypes.POINTER(ctypes.c_char_p))[1] or b"").decode()
    return next(width for kind, width in _WIDTHS.items() if f"{len(kind)}{kind}E" in name)


if __name__ == "__main__":
    print(_width(_library()))
