"""Field programmes: the applied field along x as a pure function of absolute time.

A programme is a tree: constants and sines are its leaves, a :class:`Sequence` puts programmes one
after the other. Times are in ps, fields in V/nm. Engines are given the mean over each update
interval, so that the impulse on an ion, q times the integral of E, is exact at every sample.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from .schema import (
    AnyProtocol,
    Barrier,
    Equilibrate,
    PairedPulse,
    PulseTrain,
    Sine,
    Staircase,
    Steps,
)


@dataclass(frozen=True)
class Constant:
    """A held field."""

    duration_ps: float
    field_V_per_nm: float
    label: str = ""

    def value(self, t: float) -> float:
        """Field at time t since the segment's start."""
        return self.field_V_per_nm

    def integral(self, t0: float, t1: float) -> float:
        """Integral of the field from t0 to t1, V/nm ps."""
        return self.field_V_per_nm * (t1 - t0)

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, "Constant | SineWave"]]:
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

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, "Constant | SineWave"]]:
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
        for part, start, end in self._spans():
            if t < end:
                return part.value(max(t - start, 0.0))
        return self.parts[-1].value(t - self.starts[-2])

    def integral(self, t0: float, t1: float) -> float:
        """Integral of the field from t0 to t1, V/nm ps."""
        return math.fsum(
            part.integral(max(t0, start) - start, min(t1, end) - start)
            for part, start, end in self._spans()
            if t0 < end and t1 > start
        )

    def leaves(self, start: float = 0.0) -> Iterator[tuple[float, Constant | SineWave]]:
        """Yield (start time, segment) of every leaf, in order."""
        for part, offset, _ in self._spans():
            yield from part.leaves(start + offset)

    def _spans(self) -> Iterator[tuple["Programme", float, float]]:
        return zip(self.parts, self.starts, self.starts[1:], strict=False)


Programme = Constant | SineWave | Sequence


def mean(programme: Programme, t0: float, t1: float) -> float:
    """Mean field between two times, V/nm."""
    return programme.integral(t0, t1) / (t1 - t0)


def programme_of(protocol: AnyProtocol, snapshots: int = 1) -> Programme:
    """Return the field programme of a protocol.

    Args:
        protocol: a validated protocol.
        snapshots: for `equilibrate`, how many snapshots its children ask for.

    Returns:
        The programme of the job's trajectory; for `paired_pulse` that of the trunk, from which
        `branches_of` leave.
    """
    if isinstance(protocol, Equilibrate):
        length = protocol.relax_ps + (snapshots - 1) * protocol.snapshot_interval_ps
        return Constant(length, 0.0, "relax")
    if isinstance(protocol, Sine):
        period = 1000.0 / protocol.frequency_GHz
        return SineWave(
            protocol.cycles * period, protocol.amplitude_V_per_nm, protocol.frequency_GHz
        )
    if isinstance(protocol, Staircase):
        up = [Constant(protocol.hold_ps, e, "forward") for e in protocol.holds_V_per_nm]
        down = [Constant(protocol.hold_ps, e, "reverse") for e in protocol.holds_V_per_nm[::-1]]
        return Sequence((*up, *down))
    if isinstance(protocol, Steps):
        low, high = protocol.low_V_per_nm, protocol.high_V_per_nm
        settle = Constant(protocol.down_ps, low, "settle")
        pair = [Constant(protocol.up_ps, high, "up"), Constant(protocol.down_ps, low, "down")]
        return Sequence((settle, *pair * protocol.repeats))
    if isinstance(protocol, PulseTrain):
        *before, pulse = _first_pulse(protocol)
        rest = Constant(protocol.delay_ps, protocol.rest_V_per_nm, "rest")
        return Sequence((*before, *([pulse, rest] * protocol.pulses)[:-1]))
    if isinstance(protocol, PairedPulse):
        hold = Constant(max(protocol.delays_ps), protocol.rest_V_per_nm, "rest")
        return Sequence((*_first_pulse(protocol), hold))
    assert isinstance(protocol, Barrier)
    # One field after the other; where the ion is held meanwhile is told by `windows`.
    fields = protocol.fields_V_per_nm
    length = len(protocol.positions_nm) * (protocol.settle_ps + protocol.window_ps)
    parts = [Constant(protocol.approach_ps, fields[0], "approach")]
    for field in fields:
        if protocol.charging_ps:
            parts.append(Constant(protocol.charging_ps, field, "charging"))
        parts.append(Constant(length, field, "windows"))
    return Sequence(tuple(parts))


def branches_of(protocol: PairedPulse) -> dict[float, Programme]:
    """Return the whole programme of each branch, in the trunk's time, by its delay in ps.

    A branch leaves the trunk at the end of its delay; until then it is the trunk.
    """
    *before, pulse = _first_pulse(protocol)
    return {
        delay: Sequence((*before, pulse, Constant(delay, protocol.rest_V_per_nm, "rest"), pulse))
        for delay in protocol.delays_ps
    }


def _first_pulse(protocol: PairedPulse | PulseTrain) -> list[Constant]:
    pulse = Constant(protocol.pulse_ps, protocol.pulse_V_per_nm, "pulse")
    if not protocol.preparation_ps:
        return [pulse]
    return [Constant(protocol.preparation_ps, protocol.preparation_V_per_nm, "preparation"), pulse]


def simulated_ps(protocol: AnyProtocol, snapshots: int = 1) -> float:
    """Simulated time of a protocol's job, ps; branches of paired pulses included."""
    if isinstance(protocol, PairedPulse):
        return programme_of(protocol).duration_ps + protocol.pulse_ps * len(protocol.delays_ps)
    return programme_of(protocol, snapshots).duration_ps
