"""Bounds of correctness (docs/engines.md), and a line for each number beyond its bound."""

from collections.abc import Mapping
from typing import Any

#: Largest allowed value of each number of a trial, and its description. Forces are relative root
#: mean square differences, with each engine's own mesh. Lengths: single precision rounds to 1e-7
#: nm, and from that the path after a restart deviates by 1e-6 nm in `trial`'s 25 steps.
LIMITS = {
    "ions": (5e-4, "forces on ions differ from OpenMM's Reference platform by"),
    "waters": (5e-4, "forces on waters differ from OpenMM's Reference platform by"),
    "field": (1e-3, "the applied field's force differs from q E by"),
    "bonds_nm": (1e-4, "bonds of rigid waters are off, in nm, by"),
    "membrane_nm": (1e-5, "the frozen membrane has moved, in nm, by"),
    "restart_nm": (1e-4, "the path after a restart is off, in nm, by"),
}
#: Allowed mean temperatures of 1 ps that begins at 300 K with little relaxation.
COLDEST_K, HOTTEST_K = 240.0, 360.0


def faults_of(numbers: Mapping[str, Any]) -> list[str]:
    """Return the faults among the numbers of a trial, one line each."""
    found = [str(numbers["fault"])] if "fault" in numbers else []
    for name, (limit, what) in LIMITS.items():
        # Written so that NaN counts as a fault.
        if name in numbers and not numbers[name] <= limit:
            found.append(f"{what} {numbers[name]:.1e}, more than {limit:g}")
    for name in ("T_trans_K", "T_rot_K"):
        if name in numbers and not COLDEST_K <= numbers[name] <= HOTTEST_K:
            found.append(
                f"{name} = {numbers[name]:.0f} after 1 ps at 300 K: must be from {COLDEST_K:g} to "
                f"{HOTTEST_K:g}"
            )
    return found
