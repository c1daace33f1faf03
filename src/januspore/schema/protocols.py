"""Protocols: the whole recipe of a job, one class each."""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from .sections import Cell, Dynamics, Equilibration, ForceField, Recording
from .values import Amplitude, Duration, FieldValue, Length, Positive, Real, Section, Whole


class _Protocol(Section):
    cell: Cell = Cell()
    force_field: ForceField = ForceField()
    dynamics: Dynamics = Dynamics()
    recording: Recording = Recording()

    @model_validator(mode="after")
    def _whole_steps(self) -> "_Protocol":
        dt = self.dynamics.timestep_ps
        sample = self.recording.sample_interval_ps
        _check_multiple("recording.sample_interval_ps", sample, dt, "dynamics.timestep_fs")
        for key in ("energy_interval_ps", "frame_interval_ps"):
            value = getattr(self.recording, key)
            _check_multiple(f"recording.{key}", value, sample, "recording.sample_interval_ps")
        for key, value in self.durations().items():
            _check_multiple(key, value, sample, "recording.sample_interval_ps")
        return self

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return {}


class _Driven(_Protocol):
    equilibration: Equilibration = Equilibration()

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        eq = self.equilibration
        return {
            "equilibration.relax_ps": eq.relax_ps,
            "equilibration.snapshot_interval_ps": eq.snapshot_interval_ps,
        }


class Equilibrate(_Protocol):
    """Build, minimise and relax at E = 0, keeping snapshots that other jobs start from."""

    name: Literal["equilibrate"] = "equilibrate"
    relax_ps: Duration = 10_000.0
    snapshot_interval_ps: Duration = 500.0

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return {"relax_ps": self.relax_ps, "snapshot_interval_ps": self.snapshot_interval_ps}


class Sine(_Driven):
    """E = A sin(2 pi f t) (paper, Figs 1B, 1C, 2B, 2C, 4)."""

    name: Literal["sine"] = "sine"
    amplitude_V_per_nm: Amplitude = 1.2
    frequency_GHz: Positive = 0.2
    cycles: Whole = Field(10, ge=1, le=100_000)

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"1000 / frequency_GHz": 1000.0 / self.frequency_GHz}


class Staircase(_Driven):
    """Holds at rising fields (forward), then the same fields falling (paper, Figs 2D, 3)."""

    name: Literal["staircase"] = "staircase"
    holds_V_per_nm: list[FieldValue] = Field(min_length=1, max_length=200)
    hold_ps: Duration = 50.0

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"hold_ps": self.hold_ps}


class Steps(_Driven):
    """Steps between two fields, up and down, again and again (paper, Figs 2D, 3).

    After `down_ps` at the lower field, `repeats` times `up_ps` at the higher field and `down_ps` at
    the lower one. Repeats tell the time of an exponential, which the paper's staircase of small
    steps, each made once, does not.
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


class _Pulsed(_Driven):
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


class PairedPulse(_Pulsed):
    """Two pulses with each of several delays between them (paper, Fig. 5A)."""

    name: Literal["paired_pulse"] = "paired_pulse"
    delays_ps: list[Duration] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _distinct(self) -> "PairedPulse":
        if len(set(self.delays_ps)) < len(self.delays_ps):
            raise ValueError(f"delays_ps = {self.delays_ps}: each delay may be given once")
        return self

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        delays = {f"delays_ps[{i}]": value for i, value in enumerate(self.delays_ps)}
        return super().durations() | delays


class PulseTrain(_Pulsed):
    """Many pulses with one delay between them (paper, Figs 5B, 5C)."""

    name: Literal["pulse_train"] = "pulse_train"
    delay_ps: Duration = 5.0
    pulses: Whole = Field(30, ge=2, le=10_000)

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"delay_ps": self.delay_ps}


class Barrier(_Driven):
    """Mean force on an ion tethered along the pore axis, at held fields (paper, Table 1).

    The ion approaches the first window, then visits every window of every field, one after the
    other, to and fro: `settle_ps` to move there and settle, `window_ps` to sample. Each field's
    first window waits `charging_ps`, in which the reservoirs charge while the ion is held there.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"charging_ps"})

    name: Literal["barrier"] = "barrier"
    ion: Literal["K", "Cl"] = "Cl"
    fields_V_per_nm: list[FieldValue] = Field(min_length=1, max_length=50)
    positions_nm: list[Annotated[Real, Field(ge=-100, le=100)]] = Field(
        min_length=2, max_length=1000
    )
    approach_ps: Duration = 20.0
    charging_ps: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    settle_ps: Duration = 50.0
    window_ps: Duration = 500.0
    radius_nm: Length = 0.3
    stiffness_kJ_per_mol_nm2: Annotated[Real, Field(ge=100, le=1e6)] = 20_000.0

    @model_validator(mode="after")
    def _windows(self) -> "Barrier":
        if any(b <= a for a, b in pairwise(self.positions_nm)):
            raise ValueError(f"positions_nm = {self.positions_nm}: must rise from each to the next")
        if len(set(self.fields_V_per_nm)) < len(self.fields_V_per_nm):
            raise ValueError(
                f"fields_V_per_nm = {self.fields_V_per_nm}: each field may be given once"
            )
        farthest = max(-self.positions_nm[0], self.positions_nm[-1])
        if farthest > self.cell.reservoir_nm:
            raise ValueError(
                f"positions_nm reach {farthest:g} nm from the membrane; cell.reservoir_nm is "
                f"{self.cell.reservoir_nm:g}"
            )
        return self

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        keys = ("approach_ps", "charging_ps", "settle_ps", "window_ps")
        return super().durations() | {key: getattr(self, key) for key in keys}


AnyProtocol = Equilibrate | Sine | Staircase | Steps | PairedPulse | PulseTrain | Barrier
Protocol = Annotated[AnyProtocol, Field(discriminator="name")]


def _check_multiple(key: str, value: float, unit: float, unit_key: str) -> None:
    ratio = value / unit
    if abs(ratio - round(ratio)) > 1e-6 or (value and not round(ratio)):
        raise ValueError(
            f"{key} = {value:g} ps must be a whole multiple of {unit_key} ({unit:g} ps)"
        )
