"""What is right: the bounds of docs/engines.md, and one line for each number beyond its bound."""

from collections.abc import Mapping
from typing import Any

#: Largest allowed of each number of a trial, and what it is. Forces: relative root mean square
#: differences, the engines' own meshes included. Lengths: single precision rounds 1e-7 nm; the
#: path after a restart grows apart from that in `trial`'s 25 steps, to 1e-6 nm.
LIMITS = {
    "ions": (5e-4, "forces on ions differ from OpenMM's Reference platform by"),
    "waters": (5e-4, "forces on waters differ from OpenMM's Reference platform by"),
    "field": (1e-3, "the applied field's force differs from q E by"),
    "bonds_nm": (1e-4, "bonds of rigid waters are off, in nm, by"),
    "membrane_nm": (1e-5, "the frozen membrane has moved, in nm, by"),
    "restart_nm": (1e-4, "the path after a restart is off, in nm, by"),
}
#: Mean temperatures of 1 ps that begins at 300 K with little relaxation.
COLDEST_K, HOTTEST_K = 240.0, 360.0


def faults_of(numbers: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the numbers of a trial's tasks; empty if nothing is."""
    found = [str(numbers["fault"])] if "fault" in numbers else []
    for name, (limit, what) in LIMITS.items():
        # Written so that NaN is a fault.
        if name in numbers and not numbers[name] <= limit:
            found.append(f"{what} {numbers[name]:.1e}, more than {limit:g}")
    for name in ("T_trans_K", "T_rot_K"):
        if name in numbers and not COLDEST_K <= numbers[name] <= HOTTEST_K:
            found.append(
                f"{name} = {numbers[name]:.0f} after 1 ps at 300 K: must be from {COLDEST_K:g} to "
                f"{HOTTEST_K:g}"
            )
    return found
