"""Bulk: water or a salt solution in a cubic box without a membrane, with or without a field."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..values import Duration, FieldValue
from .base import BaseProtocol
from .field import Constant, Programme, Sequence
from .sections import Box
from .views import Solution


class Bulk(BaseProtocol):
    """A bulk liquid at a fixed volume: what the force field gives before a membrane is there.

    The job builds and relaxes its own box: `relax_ps` in the field, which no analysis reads, then
    `run_ps` in the same field. What is measured comes from the frames, which are kept every
    `recording.frame_interval_ps`, and from the charge that the record counts.
    """

    name: Literal["bulk"] = "bulk"
    if not TYPE_CHECKING:
        #: In place of a membrane's cell, whose keys mean nothing here; what reads those asks
        #: `bulk` first, so to a type checker it stays a `Cell`.
        cell: Box = Box()
    field_V_per_nm: FieldValue = Field(0.0)
    relax_ps: Duration = 100.0
    run_ps: Duration = 1000.0

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return {"relax_ps": self.relax_ps, "run_ps": self.run_ps}

    @property
    def bulk(self) -> Solution:
        """The box, the field and the part of the run that is analysed."""
        box: Any = self.cell
        return Solution(
            edge_nm=box.edge_nm,
            water_per_nm3=box.water_per_nm3,
            field_V_per_nm=self.field_V_per_nm,
            relax_ps=self.relax_ps,
        )

    def programme(self, snapshots: int = 1) -> Programme:
        """The field, held; the part that is left out of the analysis is a segment of its own."""
        relax = Constant(self.relax_ps, self.field_V_per_nm, "relax")
        return Sequence((relax, Constant(self.run_ps, self.field_V_per_nm, "run")))

    def frame_steps(self, snapshots: int = 1) -> frozenset[int]:
        """Steps whose configurations are kept: at equal intervals from the relaxation's end on."""
        dt = self.dynamics.timestep_ps
        first, last = round(self.relax_ps / dt), round((self.relax_ps + self.run_ps) / dt)
        return frozenset(range(first, last + 1, round(self.recording.frame_interval_ps / dt)))
