"""The state point: ``charge_set``, ``protocol``, ``seed`` and nothing else.

Everything that changes a trajectory's physics is a key here, with its unit in its name; the
engine, platform and precision are not (they are provenance, see :mod:`januspore.provenance`).
Floats are rounded on entry, so float noise never makes a second job.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from .errors import InputError

#: Fields beyond this are absurd: water breaks down and ions outrun the thermostat.
MAX_FIELD_V_PER_NM = 5.0
#: HOOMD-blue keeps 16 bits of a seed; two seeds equal modulo this are one seed to it.
SEED_WIDTH = 1 << 16
#: Decimals kept of every float in a state point.
DECIMALS = 9


def _rounded(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return round(value, DECIMALS) + 0.0  # -0.0 and 0.0 are one state point


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):  # Python takes true for 1
        raise ValueError("must be a number")
    return value


# Rounded first and bounded then: a positive number must not round to zero behind its bound.
Real = Annotated[float, BeforeValidator(_no_truth_value), AfterValidator(_rounded)]
Whole = Annotated[int, BeforeValidator(_no_truth_value)]
Positive = Annotated[Real, Field(gt=0, le=1e7)]
Length = Annotated[Real, Field(gt=0, le=100)]
Charge = Annotated[Real, Field(ge=-4, le=4)]
FieldValue = Annotated[Real, Field(ge=-MAX_FIELD_V_PER_NM, le=MAX_FIELD_V_PER_NM)]
Amplitude = Annotated[Real, Field(gt=0, le=MAX_FIELD_V_PER_NM)]
Duration = Annotated[Real, Field(gt=0, le=1e7)]


class Section(BaseModel):
    """A part of the state point: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class MoSSe(Section):
    """Charges in e of a Janus MoSSe monolayer; S faces +x, Se faces -x."""

    material: Literal["MoSSe"] = "MoSSe"
    Mo: Charge
    S: Charge
    Se: Charge

    @model_validator(mode="after")
    def _neutral(self) -> "MoSSe":
        _check_neutral(Mo=self.Mo, S=self.S, Se=self.Se)
        return self


class MoS2(Section):
    """Charges in e of a MoS2 monolayer."""

    material: Literal["MoS2"] = "MoS2"
    Mo: Charge
    S: Charge

    @model_validator(mode="after")
    def _neutral(self) -> "MoS2":
        _check_neutral(Mo=self.Mo, S=2 * self.S)
        return self


def _check_neutral(**terms: float) -> None:
    total = sum(terms.values())
    if abs(total) > 1e-6:
        raise ValueError(
            f"one formula unit must sum to 0 e within 1e-6, got {total:+.6g} e "
            f"({' '.join(f'{k}={v:+g}' for k, v in terms.items())})"
        )


ChargeSet = Annotated[MoSSe | MoS2, Field(discriminator="material")]


class Cell(Section):
    """The simulated cell: membrane, pore and reservoirs (design: the physical system)."""

    repeats_y: Whole = Field(16, ge=2, le=200)
    repeats_z: Whole = Field(9, ge=2, le=200)
    reservoir_nm: Length = 3.0
    pore_diameter_nm: Length = 0.85
    pore_cut: Whole = Field(0, ge=0, le=20)
    salt_mol_per_L: Annotated[Real, Field(ge=0, le=6)] = 1.0


class ForceField(Section):
    """What the paper leaves open in the force field; the rest is fixed in `model.forcefield`."""

    Se_sigma_nm: Length = 0.387541
    Se_epsilon_kJ_per_mol: Positive = 2.606632


class Dynamics(Section):
    """How Newton's equations are integrated."""

    timestep_fs: Annotated[Real, Field(gt=0, le=4)] = 1.0
    temperature_K: Annotated[Real, Field(gt=0, le=1000)] = 300.0
    thermostat_tau_ps: Positive = 0.1
    cutoff_nm: Annotated[Real, Field(ge=0.6, le=3)] = 1.2
    ewald_tolerance: Annotated[Real, Field(ge=1e-8, le=1e-2)] = 5e-5


class Recording(Section):
    """What is recorded, how often, and the regions that the record counts in."""

    sample_interval_ps: Annotated[Real, Field(gt=0, le=10)] = 0.1
    energy_interval_ps: Duration = 1.0
    frame_interval_ps: Duration = 1000.0
    pore_half_length_nm: Length = 0.3
    pore_radius_nm: Length = 0.45
    slab_half_width_nm: Length = 0.35
    gate_nm: Length = 0.3
    bulk_width_nm: Length = 0.4


class Equilibration(Section):
    """Which relaxed states a driven job starts from.

    Seed ``s`` starts from equilibration ``s % count``, at its snapshot ``s // count``; snapshots
    after the first give other seeds with fresh velocities.
    """

    count: Whole = Field(10, ge=1, le=1000)
    relax_ps: Duration = 10_000.0
    snapshot_interval_ps: Duration = 500.0


class _Protocol(Section):
    cell: Cell = Cell()
    force_field: ForceField = ForceField()
    dynamics: Dynamics = Dynamics()
    recording: Recording = Recording()

    @model_validator(mode="after")
    def _whole_steps(self) -> "_Protocol":
        dt = self.dynamics.timestep_fs * 1e-3
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
    """Mean force on an ion held along the pore axis, at held fields (paper, Table 1)."""

    name: Literal["barrier"] = "barrier"
    ion: Literal["K", "Cl"] = "Cl"
    fields_V_per_nm: list[FieldValue] = Field(min_length=1, max_length=50)
    positions_nm: list[Real] = Field(min_length=2, max_length=1000)
    settle_ps: Duration = 50.0
    window_ps: Duration = 500.0

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return super().durations() | {"settle_ps": self.settle_ps, "window_ps": self.window_ps}


AnyProtocol = Equilibrate | Sine | Staircase | PairedPulse | PulseTrain | Barrier
Protocol = Annotated[AnyProtocol, Field(discriminator="name")]


class StatePoint(Section):
    """One job: a charge set, a protocol and a seed."""

    charge_set: ChargeSet
    protocol: Protocol
    seed: Whole = Field(ge=0, lt=2**31)

    @model_validator(mode="after")
    def _cell_holds_cutoff(self) -> "StatePoint":
        from .model.lattice import LATTICE_NM

        cell, cutoff = self.protocol.cell, self.protocol.dynamics.cutoff_nm
        a = LATTICE_NM[self.charge_set.material]
        edges = {
            "cell.repeats_y": cell.repeats_y * a,
            "cell.repeats_z": cell.repeats_z * a * math.sqrt(3),
            "cell.reservoir_nm": 2 * cell.reservoir_nm,
        }
        for key, edge in edges.items():
            if edge <= 2 * cutoff:
                raise ValueError(
                    f"protocol.{key} gives an edge of {edge:.3f} nm; it must be above twice "
                    f"dynamics.cutoff_nm, {2 * cutoff:.3f} nm"
                )
        if min(list(edges.values())[:2]) < cell.pore_diameter_nm + 0.6:
            raise ValueError(
                f"protocol.cell.pore_diameter_nm = {cell.pore_diameter_nm} leaves less than "
                "0.6 nm of membrane between the pore and its periodic image"
            )
        return self

    @model_validator(mode="after")
    def _regions_fit(self) -> "StatePoint":
        recording, depth = self.protocol.recording, self.protocol.cell.reservoir_nm
        for key in ("pore_half_length_nm", "slab_half_width_nm", "gate_nm", "bulk_width_nm"):
            if getattr(recording, key) >= depth:
                raise ValueError(
                    f"protocol.recording.{key} = {getattr(recording, key):g} must be below "
                    f"cell.reservoir_nm, {depth:g}"
                )
        return self


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def parse(kind: Any, data: Any, where: str = "state point") -> Any:
    """Validate `data` as `kind` (a section, `ChargeSet` or `Protocol`).

    Raises:
        InputError: one line naming the first offending key, its value and what is allowed.
    """
    adapter = _ADAPTERS.setdefault(kind, TypeAdapter(kind))
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise InputError(_one_line(error, where)) from None


def _one_line(error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    tags = {"MoSSe", "MoS2", "equilibrate", "sine", "staircase", "paired_pulse", "pulse_train"}
    tags |= {"barrier"}
    # A discriminated union puts its tag in the path; it is no key of the user's.
    path = [str(p) for p in first["loc"] if str(p) not in tags]
    key = ".".join(path)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "is not a key here"
    value = first.get("input")
    shown = "" if isinstance(value, dict | BaseModel) else f" = {value!r}"[:80]
    more = len(error.errors()) - 1
    tail = f" (and {more} more)" if more else ""
    named = f"{where}: {key}{shown}: " if key else f"{where}: "
    return f"{named}{message}{tail}".replace("\n", " ")


def _check_multiple(key: str, value: float, unit: float, unit_key: str) -> None:
    ratio = value / unit
    if abs(ratio - round(ratio)) > 1e-6 or (value and not round(ratio)):
        raise ValueError(
            f"{key} = {value:g} ps must be a whole multiple of {unit_key} ({unit:g} ps)"
        )


def state_point(data: Any, where: str = "state point") -> StatePoint:
    """Validate a whole state point; see :func:`parse`."""
    return parse(StatePoint, data, where)


def parent_of(point: StatePoint) -> StatePoint | None:
    """Return the equilibrate state point a driven job starts from; None for equilibrate itself."""
    protocol = point.protocol
    if isinstance(protocol, Equilibrate):
        return None
    eq, sample = protocol.equilibration, protocol.recording.sample_interval_ps
    return StatePoint(
        charge_set=point.charge_set,
        protocol=Equilibrate(
            cell=protocol.cell,
            force_field=protocol.force_field,
            dynamics=protocol.dynamics,
            # Only the sample interval matters to a start state; other recording keys may differ
            # between studies without asking for equilibrations of their own.
            recording=Recording(
                sample_interval_ps=sample, energy_interval_ps=10 * sample, frame_interval_ps=sample
            ),
            relax_ps=eq.relax_ps,
            snapshot_interval_ps=eq.snapshot_interval_ps,
        ),
        seed=point.seed % eq.count,
    )


def snapshot_of(point: StatePoint) -> int:
    """Return the index of the equilibration's snapshot that this driven job starts from."""
    protocol = point.protocol
    return 0 if isinstance(protocol, Equilibrate) else point.seed // protocol.equilibration.count
