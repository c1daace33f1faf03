"""Windows of a barrier: where the tether of the held ion stands at any time of the programme.

After an approach the ion visits every window of the first field from the lowest position to the
highest, then those of the second field in the opposite order, and so on: each window starts where
its neighbour ended, and no field begins with a move along the whole axis. Before its first window
each field waits for `charging_ps` with the ion held where it is. A window begins with `settle_ps`:
the tether moves during the first half and rests in the second; then it is sampled for `window_ps`.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Window:
    """One visit: indices of its field and position, and when it settles and is sampled, ps."""

    field: int
    position: int
    begins_ps: float
    sampled_ps: float
    ends_ps: float


@dataclass(frozen=True)
class Windows:
    """Where an ion is held, at which fields, and for how long.

    Attributes:
        ion: name of its species.
        fields_V_per_nm: fields, in order, each once.
        positions_nm: places along the axis, rising.
        approach_ps: time to get to the first window.
        charging_ps: time before a field's first window, the ion held where it is.
        settle_ps: time to get to a window from its neighbour, and settle.
        window_ps: time sampled in each.
        radius_nm: of the cylinder about the axis that the ion is kept in.
        stiffness_kJ_per_mol_nm2: of the tether along the axis.
    """

    ion: str
    fields_V_per_nm: tuple[float, ...]
    positions_nm: tuple[float, ...]
    approach_ps: float
    charging_ps: float
    settle_ps: float
    window_ps: float
    radius_nm: float
    stiffness_kJ_per_mol_nm2: float

    @property
    def charged_ps(self) -> float:
        """Least time, ps, between the change to a field and the first sample under it."""
        wait = self.charging_ps + self.settle_ps
        return wait if len(self.fields_V_per_nm) > 1 else self.approach_ps + wait

    def sampled_field(self, t_ps: float) -> int | None:
        """Index of the field under which a window is sampled at a time, None if none is."""
        k = bisect_right([w.sampled_ps for w in self.visits], t_ps - 1e-6) - 1
        if k < 0 or t_ps > self.visits[k].ends_ps + 1e-6:
            return None
        return self.visits[k].field

    @cached_property
    def visits(self) -> list[Window]:
        """Every window in the order of visits."""
        n = len(self.positions_nm)
        visits = []
        for field in range(len(self.fields_V_per_nm)):
            order = range(n) if field % 2 == 0 else reversed(range(n))
            visits += [(field, position) for position in order]
        length = self.settle_ps + self.window_ps
        starts = [
            self.approach_ps + (field + 1) * self.charging_ps + k * length
            for k, (field, _) in enumerate(visits)
        ]
        return [
            Window(field, position, start, start + self.settle_ps, start + length)
            for (field, position), start in zip(visits, starts, strict=True)
        ]


@dataclass(frozen=True)
class Path:
    """Where the tether stands: x, nm, and the radius of the cylinder, nm, at any time.

    Attributes:
        windows: the windows that are visited.
        start_nm: (x, r) of the ion at time 0, r its distance from the pore's axis.
    """

    windows: Windows
    start_nm: tuple[float, float]

    @cached_property
    def _begins(self) -> list[float]:
        return [w.begins_ps for w in self.windows.visits]

    def at(self, t_ps: float) -> tuple[float, float]:
        """Return (x, radius) at a time."""
        positions, radius = self.windows.positions_nm, self.windows.radius_nm
        k = self._visit(t_ps)
        if k < 0:
            part = t_ps / self.windows.approach_ps
            x, r = self.start_nm
            # The cylinder shrinks from the ion's own distance, so that it never pulls suddenly.
            return _between(x, positions[0], part), _between(max(r, radius), radius, part)
        here = self.windows.visits[k]
        there = positions[self.windows.visits[max(k - 1, 0)].position]
        part = (t_ps - here.begins_ps) / (0.5 * self.windows.settle_ps)
        return _between(there, positions[here.position], part), radius

    def corners_ps(self) -> list[float]:
        """Times at which the tether may change its speed, which is constant between them."""
        moving = 0.5 * self.windows.settle_ps
        moves = [t for w in self.windows.visits for t in (w.begins_ps, w.begins_ps + moving)]
        return [self.windows.approach_ps, *moves]

    def sampled(self, t0_ps: float, t1_ps: float) -> int:
        """Index of the window that an interval samples, -1 if none.

        The index is field x number of positions + position, whatever the order of visits.
        """
        middle = 0.5 * (t0_ps + t1_ps)
        k = self._visit(middle)
        if k < 0:
            return -1
        here = self.windows.visits[k]
        if not here.sampled_ps <= middle < here.ends_ps:
            return -1
        return here.field * len(self.windows.positions_nm) + here.position

    def _visit(self, t_ps: float) -> int:
        # Sums of floating-point times may exceed the exact start of a window by rounding.
        return bisect_right(self._begins, t_ps + 1e-6) - 1


def _between(a: float, b: float, part: float) -> float:
    return a + (b - a) * min(max(part, 0.0), 1.0)
