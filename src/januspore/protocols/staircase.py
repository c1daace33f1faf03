"""Staircase: fields held one after the other."""

from typing import Literal

from pydantic import Field

from ..values import Duration, FieldValue
from .base import Driven
from .field import Constant, Programme, Sequence
from .views import Holds


class Staircase(Driven):
    """Holds at rising fields (forward), then the same fields falling (paper, Figs 2D, 3)."""

    name: Literal["staircase"] = "staircase"
    holds_V_per_nm: list[FieldValue] = Field(min_length=1, max_length=200)
    hold_ps: Duration = 50.0

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"hold_ps": self.hold_ps}

    @property
    def holds(self) -> Holds:
        """The fields and the length of a hold."""
        return Holds(tuple(self.holds_V_per_nm), self.hold_ps)

    def programme(self, snapshots: int = 1) -> Programme:
        """The holds forward, then back."""
        up = [Constant(self.hold_ps, e, "forward") for e in self.holds_V_per_nm]
        down = [Constant(self.hold_ps, e, "reverse") for e in self.holds_V_per_nm[::-1]]
        return Sequence((*up, *down))
