"""What every protocol is: the keys that all have, what a job of it simulates, what can be read.

A protocol is one class: its keys, its field programme, its branches and kept frames, and its
views. A view, such as :class:`Cycle`, is what an analysis or a product needs to know of a protocol;
a protocol that overrides the property has that capability, and everything that asks for the
capability works on it. Nothing outside this package asks of which class a protocol is.
"""

from typing import ClassVar, TypeVar

from pydantic import model_validator

from ..values import Section
from .field import Programme
from .sections import (
    Cell,
    Dynamics,
    Equilibration,
    ForceField,
    Recording,
)
from .views import (
    Branch,
    Cycle,
    Holds,
    Pairs,
    RepeatedSteps,
    Snapshots,
    Solution,
    Train,
)
from .windows import Windows

View = TypeVar("View")

#: Names of the properties that say what a protocol can be read as.
CAPABILITIES = (
    "starts_from",
    "snapshots",
    "cycle",
    "holds",
    "steps",
    "pairs",
    "train",
    "windows",
    "bulk",
)


class BaseProtocol(Section):
    """Keys of every protocol, and the answers of a protocol that has no capability."""

    cell: Cell = Cell()
    force_field: ForceField = ForceField()
    dynamics: Dynamics = Dynamics()
    recording: Recording = Recording()

    #: What saves simulated time against separate runs, in words; empty if nothing does.
    saved_by: ClassVar[str] = ""

    @model_validator(mode="after")
    def _whole_steps(self) -> "BaseProtocol":
        dt = self.dynamics.timestep_ps
        sample = self.recording.sample_interval_ps
        check_multiple("recording.sample_interval_ps", sample, dt, "dynamics.timestep_fs")
        for key in ("energy_interval_ps", "frame_interval_ps"):
            value = getattr(self.recording, key)
            check_multiple(f"recording.{key}", value, sample, "recording.sample_interval_ps")
        for key, value in self.durations().items():
            check_multiple(key, value, sample, "recording.sample_interval_ps")
        return self

    # --- what a job simulates ------------------------------------------------------------------

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        return {}

    def check_fits(self, edges_nm: tuple[float, float]) -> None:
        """Check what depends on the membrane's edges along y and z, nm.

        Raises:
            ValueError: the protocol does not fit into so small a membrane.
        """

    def programme(self, snapshots: int = 1) -> Programme:
        """Return the field along x as a function of time, V/nm.

        Args:
            snapshots: how many states an equilibration keeps for other jobs; of no effect on
                other protocols.

        Returns:
            The programme of the job's trajectory, from which `branches` leave.
        """
        raise NotImplementedError

    def branches(self) -> tuple[Branch, ...]:
        """Return the runs that leave the job's trajectory and end apart from it."""
        return ()

    def simulated_ps(self, snapshots: int = 1) -> float:
        """Simulated time of a job, branches included, ps."""
        own = sum(branch.programme.duration_ps - branch.leaves_ps for branch in self.branches())
        return self.programme(snapshots).duration_ps + own

    def separate_ps(self) -> float:
        """Simulated time of a job if each of its parts were a run of its own, ps."""
        return self.simulated_ps()

    def frame_steps(self, snapshots: int = 1) -> frozenset[int]:
        """Steps whose configurations are kept: where branches leave, else at equal intervals."""
        dt = self.dynamics.timestep_ps
        if branches := self.branches():
            return frozenset(round(branch.leaves_ps / dt) for branch in branches)
        total = round(self.programme(snapshots).duration_ps / dt)
        return frozenset(range(0, total + 1, round(self.recording.frame_interval_ps / dt)))

    # --- what it can be read as ----------------------------------------------------------------

    @classmethod
    def capabilities(cls) -> frozenset[str]:
        """Names of the views that the protocol has, those of `CAPABILITIES` that it overrides."""
        return frozenset(
            name for name in CAPABILITIES if getattr(cls, name) is not getattr(BaseProtocol, name)
        )

    @property
    def starts_from(self) -> Equilibration | None:
        """Relaxed states that the job starts from; None: it builds and relaxes its own."""
        return None

    @property
    def snapshots(self) -> Snapshots | None:
        """States kept for other jobs to start from."""
        return None

    @property
    def cycle(self) -> Cycle | None:
        """A periodic field."""
        return None

    @property
    def holds(self) -> Holds | None:
        """Fields held one after the other, forward and back."""
        return None

    @property
    def steps(self) -> RepeatedSteps | None:
        """Repeated steps between two fields."""
        return None

    @property
    def pairs(self) -> Pairs | None:
        """Pairs of pulses with several delays."""
        return None

    @property
    def train(self) -> Train | None:
        """A train of equal pulses."""
        return None

    @property
    def windows(self) -> Windows | None:
        """Windows in which an ion is held."""
        return None

    @property
    def bulk(self) -> Solution | None:
        """A bulk liquid: there is no membrane, and `cell` is a `Box`."""
        return None


class Driven(BaseProtocol):
    """A protocol that starts from a relaxed state of an `equilibrate` job."""

    equilibration: Equilibration = Equilibration()

    def durations(self) -> dict[str, float]:
        """Durations in ps that must be whole numbers of sample intervals, by key."""
        eq = self.equilibration
        return {
            "equilibration.relax_ps": eq.relax_ps,
            "equilibration.snapshot_interval_ps": eq.snapshot_interval_ps,
        }

    @property
    def starts_from(self) -> Equilibration:
        """Relaxed states that the job starts from."""
        return self.equilibration


def required(view: View | None, capability: str) -> View:
    """Return a view of a protocol that must have it.

    Raises:
        TypeError: the protocol does not have it.
    """
    if view is None:
        raise TypeError(f"this needs a protocol with the capability {capability!r}")
    return view


def check_multiple(key: str, value: float, unit: float, unit_key: str) -> None:
    """Check that a duration is a whole number of units, both in ps.

    Raises:
        ValueError: it is not, or it is shorter than one.
    """
    ratio = value / unit
    if abs(ratio - round(ratio)) > 1e-6 or (value and not round(ratio)):
        raise ValueError(
            f"{key} = {value:g} ps must be a whole multiple of {unit_key} ({unit:g} ps)"
        )
