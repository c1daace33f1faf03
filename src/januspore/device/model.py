"""The device: ds/dt = (s_inf(E) - s) / tau, I = E L (g(E) + m (|s| - |s_inf(E)|)).

s, the state, is the mean cosine between the dipoles of the pore's waters and +x, the slow variable
of the paper's mechanism. tau is one function of the field while order grows (|s| < |s_inf|,
"forward") and another while it decays ("back"). g is the steady conductance, and m the change of
conductance per unit of order beyond its steady value. Without a field the current is 0 for any s:
the loop is pinched (Chua 2014).

Functions of the field are tables at the fields that were held, linear between them and constant
beyond them. Units: V/nm, ps, nS, nA. The voltage is E L, where L is the cell's length; in steady
state all of it falls across the pore.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..protocols.field import Leaf, Programme, Repeat, SineWave

#: Steps of the integration; the error of s is then below 1e-3 (a test compares with an adaptive
#: integrator).
STEPS_A_CYCLE, STEPS_A_HOLD = 4000, 50
#: Points of a cycle in a loop.
LOOP_POINTS = 400


@dataclass(frozen=True)
class Table:
    """A function of the field: linear between the fields, constant beyond them."""

    fields_V_per_nm: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, field_V_per_nm: NDArray | float) -> NDArray[np.float64]:
        """Values at some fields."""
        return np.asarray(np.interp(field_V_per_nm, self.fields_V_per_nm, self.values))

    def mirrored(self, sign: float = 1.0) -> "Table":
        """Return the table with its values, times `sign`, added at the negated fields."""
        both = dict(zip(self.fields_V_per_nm, self.values, strict=True))
        both = {-e: sign * v for e, v in both.items()} | both
        fields = tuple(sorted(both))
        return Table(fields, tuple(both[e] for e in fields))


@dataclass(frozen=True)
class Device:
    """A device of which every parameter has a value.

    Attributes:
        length_nm: L.
        order: s_inf.
        forward_ps, back_ps: tau while order grows, and while it decays.
        conductance_nS: g.
        memory_nS: m.
    """

    length_nm: float
    order: Table
    forward_ps: Table
    back_ps: Table
    conductance_nS: Table
    memory_nS: float

    def rate(self, field: NDArray | float, s: NDArray | float) -> NDArray[np.float64]:
        """ds/dt, 1/ps."""
        goal = self.order.at(field)
        grows = np.abs(s) < np.abs(goal)
        return (goal - s) / np.where(grows, self.forward_ps.at(field), self.back_ps.at(field))

    def current(self, field: NDArray, s: NDArray) -> NDArray[np.float64]:
        """I, nA, of arrays of field and state of the same shape."""
        beyond = np.abs(s) - np.abs(self.order.at(field))
        conductance = self.conductance_nS.at(field) + self.memory_nS * beyond
        return np.asarray(field * self.length_nm * conductance)

    def relaxed(self, field_V_per_nm: float = 0.0) -> float:
        """s after a long time at a field."""
        return float(self.order.at(field_V_per_nm))

    def solve(
        self, programme: Programme, times_ps: NDArray, start: float | None = None
    ) -> NDArray[np.float64]:
        """Return s at some times of a programme.

        The field is taken as constant over short steps, at its value in their middle, so s is an
        exponential in each: exact for held fields, of second order otherwise, and stable for any
        tau. (Adaptive integrators stall where tau changes from one way to the other.)

        Args:
            programme: field against time.
            times_ps: rising, from the programme's start.
            start: s at the programme's start; None: relaxed at no field.
        """
        s = self.relaxed() if start is None else start
        found = np.full(len(times_ps), np.nan)
        leaves = list(programme.leaves())
        for k, (begins, leaf) in enumerate(leaves):
            ends = begins + leaf.duration_ps
            inside = (times_ps >= begins) | (k == 0)
            inside &= (times_ps < ends) | (k == len(leaves) - 1)
            asked = np.clip(times_ps[inside] - begins, 0.0, leaf.duration_ps)
            grid = np.unique(np.concatenate([_grid(leaf), asked]))
            path = self._along(leaf, grid, s)
            found[inside] = path[np.searchsorted(grid, asked)]
            s = float(path[-1])
        return found

    def _along(self, leaf: Leaf, grid: NDArray, s: float) -> NDArray[np.float64]:
        """Return s at rising times within a segment."""
        middle, step = (grid[1:] + grid[:-1]) / 2, np.diff(grid)
        field = np.array([leaf.value(t) for t in middle])
        goals = self.order.at(field)
        forward, back = (np.exp(-step / tau.at(field)) for tau in (self.forward_ps, self.back_ps))
        path = [s]
        for goal, up, down in zip(goals.tolist(), forward.tolist(), back.tolist(), strict=True):
            s = goal + (s - goal) * (up if abs(s) < abs(goal) else down)
            path.append(s)
        return np.array(path)


def _grid(leaf: Leaf) -> NDArray[np.float64]:
    """Return the ends of the integration steps of a segment; a held field needs only a few."""
    steps = STEPS_A_CYCLE
    if leaf.held_V_per_nm is not None:
        steps = STEPS_A_HOLD
    elif isinstance(leaf, SineWave):
        steps = int(np.ceil(STEPS_A_CYCLE * leaf.duration_ps * leaf.frequency_GHz * 1e-3))
    return np.linspace(0.0, leaf.duration_ps, steps + 1)


@dataclass(frozen=True)
class Loop:
    """One settled cycle: field, order and current at equal times, shape (LOOP_POINTS,) each."""

    field_V_per_nm: NDArray
    order: NDArray
    current_nA: NDArray

    def area(self, values: NDArray) -> float:
        """Return the area that `values` enclose against the field, both lobes added up.

        Values are multiplied by the field's sign. The area is positive where they are higher while
        |E| falls than while it rises.
        """
        field = self.field_V_per_nm
        size = np.abs(field)
        step = (np.roll(size, -1) - size) * (np.roll(values, -1) + values) / 2
        return float(-np.sum(np.where(field + np.roll(field, -1) >= 0, step, -step)))


def settled_loop(device: Device, cycle: Programme, cycles: int = 3) -> Loop:
    """Return the last of several cycles, for a programme of one cycle."""
    times = np.linspace(0, cycle.duration_ps, LOOP_POINTS, endpoint=False)
    field = np.array([cycle.value(t) for t in times])
    whole = Repeat(cycle, cycles)
    order = device.solve(whole, times + (cycles - 1) * cycle.duration_ps)
    return Loop(field, order, device.current(field, order))
