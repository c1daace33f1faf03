"""Pulses: pairs with several delays, and trains (paper, Fig. 5)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ..values import (
    Duration,
    FieldValue,
    Real,
    Whole,
)
from .base import Driven
from .field import Constant, Programme, Sequence
from .views import Branch, Pairs, Train


class Pulsed(Driven):
    """A preparation, then pulses of one field with another between them."""

    mode: Literal["facilitation", "depression"]
    preparation_V_per_nm: FieldValue
    preparation_ps: Annotated[Real, Field(ge=0, le=1e6)]
    pulse_V_per_nm: FieldValue
    pulse_ps: Duration
    rest_V_per_nm: FieldValue

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        keys = {"preparation_ps": self.preparation_ps, "pulse_ps": self.pulse_ps}
        return super().durations() | keys

    @property
    def pulse(self) -> Constant:
        """One pulse."""
        return Constant(self.pulse_ps, self.pulse_V_per_nm, "pulse")

    def rest(self, duration_ps: float) -> Constant:
        """The field between two pulses, held for a time."""
        return Constant(duration_ps, self.rest_V_per_nm, "rest")

    def first_pulse(self) -> list[Constant]:
        """The preparation, unless its duration is 0, and the first pulse."""
        before = Constant(self.preparation_ps, self.preparation_V_per_nm, "preparation")
        return [before, self.pulse] if self.preparation_ps else [self.pulse]


class PairedPulse(Pulsed):
    """Two pulses with each of several delays between them (paper, Fig. 5A)."""

    name: Literal["paired_pulse"] = "paired_pulse"
    delays_ps: list[Duration] = Field(min_length=1, max_length=200)

    saved_by: ClassVar[str] = "branching"

    @model_validator(mode="after")
    def _distinct(self) -> "PairedPulse":
        if len(set(self.delays_ps)) < len(self.delays_ps):
            raise ValueError(f"delays_ps = {self.delays_ps}: each delay may be given once")
        return self

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        delays = {f"delays_ps[{i}]": value for i, value in enumerate(self.delays_ps)}
        return super().durations() | delays

    @property
    def pairs(self) -> Pairs:
        """The delays, in the order of the branches."""
        return Pairs(self.mode, tuple(self.delays_ps))

    def programme(self, snapshots: int = 1) -> Programme:
        """The first pulse and the longest delay."""
        return Sequence((*self.first_pulse(), self.rest(max(self.delays_ps))))

    def branches(self) -> tuple[Branch, ...]:
        """The second pulse after each delay, in the order of `delays_ps`."""
        branches = []
        for delay in self.delays_ps:
            whole = Sequence((*self.first_pulse(), self.rest(delay), self.pulse))
            branches.append(Branch(whole.duration_ps - self.pulse_ps, whole))
        return tuple(branches)

    def separate_ps(self) -> float:
        """Simulated time of a job if each delay were a run of its own, ps."""
        return sum(branch.programme.duration_ps for branch in self.branches())


class PulseTrain(Pulsed):
    """Many pulses with one delay between them (paper, Figs 5B, 5C)."""

    name: Literal["pulse_train"] = "pulse_train"
    delay_ps: Duration = 5.0
    pulses: Whole = Field(30, ge=2, le=10_000)

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"delay_ps": self.delay_ps}

    @property
    def train(self) -> Train:
        """The train."""
        return Train(self.mode)

    def programme(self, snapshots: int = 1) -> Programme:
        """The preparation, then pulses with the delay between them."""
        *before, pulse = self.first_pulse()
        pulses = [pulse, self.rest(self.delay_ps)] * self.pulses
        return Sequence((*before, *pulses[:-1]))
