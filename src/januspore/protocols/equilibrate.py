"""Equilibration: relaxed states that other jobs start from."""

from typing import Literal

from ..values import Duration
from .base import BaseProtocol
from .field import Constant, Programme
from .views import Snapshots


class Equilibrate(BaseProtocol):
    """Build, minimise and relax at E = 0, keeping snapshots that other jobs start from."""

    name: Literal["equilibrate"] = "equilibrate"
    relax_ps: Duration = 10_000.0
    snapshot_interval_ps: Duration = 500.0

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return {"relax_ps": self.relax_ps, "snapshot_interval_ps": self.snapshot_interval_ps}

    @property
    def snapshots(self) -> Snapshots:
        """States kept for other jobs to start from."""
        return Snapshots(self.relax_ps, self.snapshot_interval_ps, self.dynamics.timestep_ps)

    def programme(self, snapshots: int = 1) -> Programme:
        """No field, to the last snapshot."""
        length = self.relax_ps + (snapshots - 1) * self.snapshot_interval_ps
        return Constant(length, 0.0, "relax")

    def frame_steps(self, snapshots: int = 1) -> frozenset[int]:
        """Step 0, which is the system as built and minimised, and the snapshots."""
        return frozenset([0, *self.snapshots.steps(snapshots)])
