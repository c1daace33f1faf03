"""Periodic fields; all are analysed alike (see :class:`views.Cycle`)."""

from typing import Literal

from pydantic import Field

from ..values import Amplitude, Positive, Whole
from .base import Driven
from .field import (
    Programme,
    Ramp,
    Repeat,
    Sequence,
    SineWave,
)
from .views import Cycle


class Periodic(Driven):
    """A field of an amplitude and a frequency, for a number of cycles."""

    amplitude_V_per_nm: Amplitude = 1.2
    frequency_GHz: Positive = 0.2
    cycles: Whole = Field(10, ge=1, le=100_000)

    @property
    def period_ps(self) -> float:
        """Length of a cycle."""
        return 1000.0 / self.frequency_GHz

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"1000 / frequency_GHz": self.period_ps}

    @property
    def cycle(self) -> Cycle:
        """The periodic field."""
        return Cycle(self.programme(), self.amplitude_V_per_nm, self.frequency_GHz)


class Sine(Periodic):
    """E = A sin(2 pi f t) (paper, Figs 1B, 1C, 2B, 2C, 4)."""

    name: Literal["sine"] = "sine"

    def programme(self, snapshots: int = 1) -> Programme:
        """One segment for all cycles."""
        length = self.cycles * self.period_ps
        return SineWave(length, self.amplitude_V_per_nm, self.frequency_GHz)


class Triangle(Periodic):
    """E rises and falls at a constant rate between A and -A, starting from 0 upwards.

    Unlike a sine it spends equal times at all fields, and |dE/dt|, which drives the charging
    current of the reservoirs, is constant: the waveform of cyclic voltammetry.
    """

    name: Literal["triangle"] = "triangle"

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"250 / frequency_GHz": self.period_ps / 4}

    def programme(self, snapshots: int = 1) -> Programme:
        """A rise, a fall and a second rise, repeated."""
        top, quarter_ps = self.amplitude_V_per_nm, self.period_ps / 4
        up = Ramp(quarter_ps, 0.0, top)
        down = Ramp(2 * quarter_ps, top, -top)
        back = Ramp(quarter_ps, -top, 0.0)
        return Repeat(Sequence((up, down, back)), self.cycles)
