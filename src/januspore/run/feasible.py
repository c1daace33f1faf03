"""Whether planned jobs can be built, and how much memory the largest one needs.

Thousands of jobs share a few cells, each of which is checked once.
"""

import os
from collections import defaultdict
from collections.abc import Iterable

from ..errors import InputError
from ..model.pore import find_pore
from ..model.system import count
from ..schema import StatePoint
from .resources import atoms, memory_GB


def recipes(points: Iterable[StatePoint]) -> list[StatePoint]:
    """Return one of the state points that share charge set and protocol, for each such pair."""
    # Keyed by identity, as comparing thousands of protocols is slow; seeds of a sweep share both.
    return list({(id(p.charge_set), id(p.protocol)): p for p in points}.values())


def check_buildable(points: Iterable[StatePoint]) -> None:
    """Refuse state points of which no model can be built.

    Raises:
        InputError: see `januspore.model.system.count`.
    """
    for point in recipes(points):
        try:
            count(point)
        except InputError as error:
            raise InputError(f"protocol {point.protocol.name!r}: {error}") from None


def largest(points: Iterable[StatePoint]) -> tuple[int, float]:
    """Return atoms and memory in GB of the largest job."""
    most = max(map(atoms, recipes(points)))
    return most, memory_GB(most)


def check_memory(points: Iterable[StatePoint]) -> None:
    """Refuse jobs that this machine's memory does not hold.

    Raises:
        InputError: the largest job needs more.
    """
    most, needed = largest(points)
    here = machine_memory_GB()
    if needed > here:
        raise InputError(
            f"cell: the largest job has {most:,} atoms and needs about {needed:.0f} GB of memory; "
            f"this machine has {here:.0f} GB. Smaller repeats_y, repeats_z or reservoir_nm (of a "
            "bulk liquid, edge_nm), or --force where another machine will run it"
        )


def machine_memory_GB() -> float:
    """Physical memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def same_pores(points: Iterable[StatePoint]) -> list[str]:
    """Name different target diameters that give the same pore.

    The cut nearest to the target is used (`januspore.model.pore`), so targets that lie close give
    jobs with different ids that simulate the same system.
    """
    targets: dict[tuple[str, float, int, str], set[tuple[float, int]]] = defaultdict(set)
    for point in recipes(points):
        material, cell = point.charge_set.material, point.protocol.cell
        if point.protocol.bulk:
            continue
        try:
            pore = find_pore(material, cell.pore_diameter_nm, cell.pore_cut)
        except InputError:
            continue  # a job of an older version, which did not check this
        key = material, round(pore.diameter_nm, 4), pore.formula_units, pore.edge
        targets[key].add((cell.pore_diameter_nm, cell.pore_cut))
    return [
        f"the same pore of {material}, {diameter:.3f} nm wide and {units} formula units, under "
        f"several ids: {'; '.join(_target(*one) for one in sorted(found))}"
        for (material, diameter, units, _), found in sorted(targets.items())
        if len(found) > 1
    ]


def _target(diameter_nm: float, cut: int) -> str:
    return f"pore_diameter_nm = {diameter_nm:g}" + (f", pore_cut = {cut}" if cut else "")
