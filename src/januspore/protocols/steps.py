"""Repeated steps between two fields."""

from typing import Literal

from pydantic import Field, model_validator

from ..values import Duration, FieldValue, Whole
from .base import Driven
from .field import Constant, Programme, Sequence
from .views import RepeatedSteps


class Steps(Driven):
    """Repeated steps up and down between two fields (paper, Figs 2D, 3).

    After `down_ps` at the lower field, `repeats` times `up_ps` at the higher field and `down_ps` at
    the lower one. Repeated large steps determine the time constant of an exponential; the paper's
    staircase of small steps, each made once, does not.
    """

    name: Literal["steps"] = "steps"
    low_V_per_nm: FieldValue = 0.0
    high_V_per_nm: FieldValue
    up_ps: Duration = 20.0
    down_ps: Duration = 40.0
    repeats: Whole = Field(20, ge=1, le=100_000)

    @model_validator(mode="after")
    def _rises(self) -> "Steps":
        low, high = self.low_V_per_nm, self.high_V_per_nm
        if abs(high) <= abs(low) or low * high < 0:
            raise ValueError(
                f"high_V_per_nm = {high:g}: must be farther from 0 than low_V_per_nm, {low:g}, on "
                "the same side"
            )
        return self

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"up_ps": self.up_ps, "down_ps": self.down_ps}

    @property
    def steps(self) -> RepeatedSteps:
        """The fields and times of the steps."""
        return RepeatedSteps(
            low_V_per_nm=self.low_V_per_nm,
            high_V_per_nm=self.high_V_per_nm,
            up_ps=self.up_ps,
            down_ps=self.down_ps,
            repeats=self.repeats,
            sample_ps=self.recording.sample_interval_ps,
        )

    def programme(self, snapshots: int = 1) -> Programme:
        """The lower field, then both fields in turn."""
        low = Constant(self.down_ps, self.low_V_per_nm, "settle")
        up = Constant(self.up_ps, self.high_V_per_nm, "up")
        down = Constant(self.down_ps, self.low_V_per_nm, "down")
        return Sequence((low, *[up, down] * self.repeats))
