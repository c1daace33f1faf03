"""Barrier: an ion held along the pore's axis."""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ..materials import SALTS
from ..values import (
    Duration,
    FieldValue,
    Length,
    Real,
)
from .base import Driven
from .field import Constant, Programme, Sequence
from .windows import Windows


class Barrier(Driven):
    """Mean force on an ion tethered along the pore axis, at held fields (paper, Table 1).

    The ion approaches the first window, then visits every window of every field, one after the
    other, up and back down the axis: `settle_ps` to move there and settle, `window_ps` to sample.
    Before its first window each field waits `charging_ps`, in which the reservoirs charge while the
    ion is held.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"charging_ps"})

    name: Literal["barrier"] = "barrier"
    ion: str = "Cl"
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

    saved_by: ClassVar[str] = "windows that begin where their neighbour ended"

    @model_validator(mode="after")
    def _ion_is_there(self) -> "Barrier":
        ions = SALTS[self.cell.salt].charges
        if self.ion not in ions:
            allowed = " or ".join(map(repr, ions))
            raise ValueError(f"ion = {self.ion!r}: must be {allowed}, as cell.salt is")
        return self

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

    def check_fits(self, edges_nm: tuple[float, float]) -> None:
        """Check that the cylinder's images do not overlap.

        Raises:
            ValueError: they do.
        """
        edge = min(edges_nm)
        if self.radius_nm >= edge / 2:
            raise ValueError(
                f"protocol.radius_nm = {self.radius_nm:g} must be below half the "
                f"membrane's shorter edge, {edge / 2:.3f} nm"
            )

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        keys = ("approach_ps", "charging_ps", "settle_ps", "window_ps")
        return super().durations() | {key: getattr(self, key) for key in keys}

    @property
    def windows(self) -> Windows:
        """The windows that the ion visits."""
        return Windows(
            ion=self.ion,
            fields_V_per_nm=tuple(self.fields_V_per_nm),
            positions_nm=tuple(self.positions_nm),
            approach_ps=self.approach_ps,
            charging_ps=self.charging_ps,
            settle_ps=self.settle_ps,
            window_ps=self.window_ps,
            radius_nm=self.radius_nm,
            stiffness_kJ_per_mol_nm2=self.stiffness_kJ_per_mol_nm2,
        )

    def programme(self, snapshots: int = 1) -> Programme:
        """One field after the other; `windows` says where the ion is held at each time."""
        fields = self.fields_V_per_nm
        length = len(self.positions_nm) * (self.settle_ps + self.window_ps)
        parts = [Constant(self.approach_ps, fields[0], "approach")]
        for field in fields:
            if self.charging_ps:
                parts.append(Constant(self.charging_ps, field, "charging"))
            parts.append(Constant(length, field, "windows"))
        return Sequence(tuple(parts))

    def separate_ps(self) -> float:
        """Simulated time, ps, if every window were a run of its own that starts from the snapshot.

        Each would need its own approach and charging, but not the half of `settle_ps` in which the
        tether moves from the neighbouring window.
        """
        before = self.approach_ps + self.charging_ps
        one = before + 0.5 * self.settle_ps + self.window_ps
        return one * len(self.positions_nm) * len(self.fields_V_per_nm)
