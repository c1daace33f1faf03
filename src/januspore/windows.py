"""Windows of a barrier: where the tether of the held ion stands at any time of the programme.

After an approach the ion visits every window of the first field from the lowest position to the
highest, then those of the second field back again, and so on: each window starts from the end of
its neighbour, and no field starts with a long way. Before its first window each field waits for
`charging_ps`, the ion held where it is. A window begins with `settle_ps`: the tether
moves during the first half and rests in the second; then it is sampled for `window_ps`.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from .schema import Barrier


@dataclass(frozen=True)
class Window:
    """One visit: indices of its field and position, and when it settles and is sampled, ps."""

    field: int
    position: int
    begins_ps: float
    sampled_ps: float
    ends_ps: float


def windows(protocol: Barrier) -> list[Window]:
    """Return every window in the order of visits."""
    n = len(protocol.positions_nm)
    visits = []
    for field in range(len(protocol.fields_V_per_nm)):
        order = range(n) if field % 2 == 0 else reversed(range(n))
        visits += [(field, position) for position in order]
    length = protocol.settle_ps + protocol.window_ps
    starts = [
        protocol.approach_ps + (field + 1) * protocol.charging_ps + k * length
        for k, (field, _) in enumerate(visits)
    ]
    return [
        Window(field, position, start, start + protocol.settle_ps, start + length)
        for (field, position), start in zip(visits, starts, strict=True)
    ]


def charged_ps(protocol: Barrier) -> float:
    """Least time, ps, between a field's coming on and the first sample under it."""
    wait = protocol.charging_ps + protocol.settle_ps
    return wait if len(protocol.fields_V_per_nm) > 1 else protocol.approach_ps + wait


def separate_ps(protocol: Barrier) -> float:
    """Simulated time, ps, if every window were begun from the snapshot instead of its neighbour.

    Each would need an approach and charging of its own; the half of `settle_ps` in which the
    tether moves from the neighbour would fall away.
    """
    before = protocol.approach_ps + protocol.charging_ps
    one = before + 0.5 * protocol.settle_ps + protocol.window_ps
    return one * len(protocol.positions_nm) * len(protocol.fields_V_per_nm)


@dataclass(frozen=True)
class Path:
    """Where the tether stands: x, nm, and the radius of the cylinder, nm, at any time.

    Attributes:
        protocol: gives the windows.
        start_nm: (x, r) of the ion at time 0, r its distance from the pore's axis.
    """

    protocol: Barrier
    start_nm: tuple[float, float]

    @cached_property
    def _windows(self) -> list[Window]:
        return windows(self.protocol)

    @cached_property
    def _begins(self) -> list[float]:
        return [w.begins_ps for w in self._windows]

    def at(self, t_ps: float) -> tuple[float, float]:
        """Return (x, radius) at a time."""
        positions, radius = self.protocol.positions_nm, self.protocol.radius_nm
        k = self._visit(t_ps)
        if k < 0:
            part = t_ps / self.protocol.approach_ps
            x, r = self.start_nm
            # The cylinder closes from where the ion is, never on an ion outside it.
            return _between(x, positions[0], part), _between(max(r, radius), radius, part)
        here = self._windows[k]
        there = positions[self._windows[max(k - 1, 0)].position]
        part = (t_ps - here.begins_ps) / (0.5 * self.protocol.settle_ps)
        return _between(there, positions[here.position], part), radius

    def corners_ps(self) -> list[float]:
        """Times at which the tether may change its speed; in between it keeps it."""
        moving = 0.5 * self.protocol.settle_ps
        return [t for w in self._windows for t in (w.begins_ps, w.begins_ps + moving)]

    def sampled(self, t0_ps: float, t1_ps: float) -> int:
        """Index of the window that an interval samples, -1 if none.

        The index is field x number of positions + position, whatever the order of visits.
        """
        middle = 0.5 * (t0_ps + t1_ps)
        k = self._visit(middle)
        if k < 0 or not self._windows[k].sampled_ps <= middle < self._windows[k].ends_ps:
            return -1
        here = self._windows[k]
        return here.field * len(self.protocol.positions_nm) + here.position

    def _visit(self, t_ps: float) -> int:
        # Times are whole steps in floating point: a window begins a hair before its sum says.
        return bisect_right(self._begins, t_ps + 1e-6) - 1


def _between(a: float, b: float, part: float) -> float:
    return a + (b - a) * min(max(part, 0.0), 1.0)
