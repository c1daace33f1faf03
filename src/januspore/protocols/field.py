"""Field programmes: the applied field along x as a pure function of absolute time.

A programme is a tree: constants, ramps and sines are its leaves, a :class:`Sequence` puts
programmes one after the other, and a :class:`Repeat` runs one again and again. Times are in ps,
fields in V/nm. Engines are given the mean over each update interval, so that the impulse on an ion,
q times the integral of E, is exact at every sample.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Constant:
    """A held field."""

    duration_ps: float
    field_V_per_nm: float
    label: str = ""

    @property
    def held_V_per_nm(self) -> float:
        """The field that is held; None on a leaf whose field changes."""
        return self.field_V_per_nm

    def value(self, t: float) -> float:
        """Field at time t since the segment's start."""
        return self.field_V_per_nm

    def integral(self, t0: float, t1: float) -> float:
        """Integral of the field from t0 to t1, V/nm ps."""
        return self.field_V_per_nm * (t1 - t0)

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, "Leaf"]]:
        """Yield (start time, segment)."""
        yield start, self


@dataclass(frozen=True)
class Ramp:
    """A field that changes from `first_V_per_nm` to `last_V_per_nm` at a constant rate."""

    duration_ps: float
    first_V_per_nm: float
    last_V_per_nm: float
    label: str = ""

    #: The field is never held.
    held_V_per_nm: ClassVar[float | None] = None

    def value(self, t: float) -> float:
        """Field at time t since the segment's start."""
        rise = self.last_V_per_nm - self.first_V_per_nm
        return self.first_V_per_nm + rise * t / self.duration_ps

    def integral(self, t0: float, t1: float) -> float:
        """Integral of the field from t0 to t1, V/nm ps."""
        return self.value((t0 + t1) / 2) * (t1 - t0)

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, "Leaf"]]:
        """Yield (start time, segment)."""
        yield start, self


@dataclass(frozen=True)
class SineWave:
    """A sin(2 pi f t + phase), t since the segment's start."""

    duration_ps: float
    amplitude_V_per_nm: float
    frequency_GHz: float
    phase: float = 0.0
    label: str = ""

    #: The field is never held.
    held_V_per_nm: ClassVar[float | None] = None

    @property
    def _omega(self) -> float:
        return 2e-3 * math.pi * self.frequency_GHz

    def value(self, t: float) -> float:
        """Field at time t since the segment's start."""
        return self.amplitude_V_per_nm * math.sin(self._omega * t + self.phase)

    def integral(self, t0: float, t1: float) -> float:
        """Integral of the field from t0 to t1, V/nm ps."""
        # 2 sin sin instead of a difference of cosines: no cancellation over short intervals.
        middle = self._omega * (t0 + t1) / 2 + self.phase
        half = self._omega * (t1 - t0) / 2
        return 2 * self.amplitude_V_per_nm / self._omega * math.sin(middle) * math.sin(half)

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, "Leaf"]]:
        """Yield (start time, segment)."""
        yield start, self


@dataclass(frozen=True)
class Sequence:
    """Programmes one after the other."""

    parts: tuple["Programme", ...]
    label: str = ""

    @cached_property
    def starts(self) -> tuple[float, ...]:
        """Start of every part, and the end of the last."""
        return tuple(accumulate((p.duration_ps for p in self.parts), initial=0.0))

    @property
    def duration_ps(self) -> float:
        """Total duration."""
        return self.starts[-1]

    def value(self, t: float) -> float:
        """Field at time t; a part's end belongs to the next part."""
        k = self._part(t)
        return self.parts[k].value(max(t - self.starts[k], 0.0))

    def integral(self, t0: float, t1: float) -> float:
        """Integral of the field from t0 to t1, V/nm ps."""
        first, last = self._part(t0), self._part(t1)
        return math.fsum(
            self.parts[k].integral(*_within(t0, t1, self.starts[k], self.starts[k + 1]))
            for k in range(first, last + 1)
        )

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, "Leaf"]]:
        """Yield (start time, segment) of every leaf, in order."""
        for part, offset in zip(self.parts, self.starts, strict=False):
            yield from part.leaves(start + offset)

    def _part(self, t: float) -> int:
        """Index of the part at a time; times outside belong to the first or to the last part.

        A train has thousands of parts and is asked at every sample, hence the bisection.
        """
        return min(max(bisect_right(self.starts, t) - 1, 0), len(self.parts) - 1)


@dataclass(frozen=True)
class Repeat:
    """One programme, repeated."""

    part: "Programme"
    times: int
    label: str = ""

    @property
    def duration_ps(self) -> float:
        """Total duration."""
        return self.times * self.part.duration_ps

    def value(self, t: float) -> float:
        """Field at time t; a repetition's end belongs to the next one."""
        return self.part.value(max(t - self._repetition(t) * self.part.duration_ps, 0.0))

    def integral(self, t0: float, t1: float) -> float:
        """Integral of the field from t0 to t1, V/nm ps."""
        first, last, length = self._repetition(t0), self._repetition(t1), self.part.duration_ps
        parts = [
            self.part.integral(*_within(t0, t1, k * length, (k + 1) * length))
            for k in {first, last}
        ]
        between = max(last - first - 1, 0) * self.part.integral(0.0, length)
        return math.fsum([*parts, between])

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, "Leaf"]]:
        """Yield (start time, segment) of every leaf, in order."""
        for k in range(self.times):
            yield from self.part.leaves(start + k * self.part.duration_ps)

    def _repetition(self, t: float) -> int:
        return min(max(int(t // self.part.duration_ps), 0), self.times - 1)


Leaf = Constant | Ramp | SineWave
Programme = Leaf | Sequence | Repeat


def _within(t0: float, t1: float, start: float, end: float) -> tuple[float, float]:
    """Return the part of an interval that lies within a segment, counted from the segment's start.

    It is cut in absolute time, so that an interval has the same mean to the last bit in two
    programmes of which only one has a boundary at the interval's end. A branch then equals a
    separate run exactly.
    """
    return min(max(t0, start), end) - start, min(max(t1, start), end) - start


def mean(programme: Programme, t0: float, t1: float) -> float:
    """Mean field between two times, V/nm.

    >>> mean(Sequence((Constant(2.0, 0.0), Constant(1.0, 0.9))), 1.0, 3.0)
    0.45
    """
    return programme.integral(t0, t1) / (t1 - t0)


def held_fields(programme: Programme) -> NDArray[np.float64]:
    """Fields that a programme holds, V/nm, rising, each once."""
    held = {leaf.held_V_per_nm for _, leaf in programme.leaves()}
    return np.array(sorted(field for field in held if field is not None))
