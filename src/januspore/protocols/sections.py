"""Sections that every protocol has: the cell, the force field, the dynamics, the recording."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ..materials import SALTS
from ..values import (
    Duration,
    Length,
    Positive,
    Real,
    Section,
    Whole,
)


def _known_salt(name: str) -> str:
    if name not in SALTS:
        raise ValueError(f"must be one of {', '.join(SALTS)}")
    return name


class Cell(Section):
    """The simulated cell: membrane, pore and reservoirs; `salt` is one of `materials.SALTS`."""

    LATER: ClassVar[frozenset[str]] = frozenset({"salt"})

    repeats_y: Whole = Field(16, ge=2, le=200)
    repeats_z: Whole = Field(9, ge=2, le=200)
    reservoir_nm: Length = 3.0
    pore_diameter_nm: Length = 0.85
    pore_cut: Whole = Field(0, ge=0, le=20)
    salt: Annotated[str, AfterValidator(_known_salt)] = "KCl"
    salt_mol_per_L: Annotated[Real, Field(ge=0, le=6)] = 1.0


class Box(Section):
    """A cubic box of solution without a membrane.

    `water_per_nm3` is the number density of the water molecules; left out, it is the one that the
    reservoirs of a membrane's cell are filled with (`model.system.bulk_water_density`).
    """

    edge_nm: Length = 3.0
    salt: Annotated[str, AfterValidator(_known_salt)] = "KCl"
    salt_mol_per_L: Annotated[Real, Field(ge=0, le=6)] = 1.0
    water_per_nm3: Annotated[Real, Field(gt=0, le=40)] | None = None


class ForceField(Section):
    """What the paper leaves open in the force field; all else is in `materials.toml`.

    `generic_lennard_jones` allows elements whose parameters there are those of a general force
    field, not fitted to a dichalcogenide.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"generic_lennard_jones"})

    Se_sigma_nm: Length = 0.387541
    Se_epsilon_kJ_per_mol: Positive = 2.606632
    generic_lennard_jones: bool = False


class Dynamics(Section):
    """How Newton's equations are integrated."""

    timestep_fs: Annotated[Real, Field(gt=0, le=4)] = 1.0
    temperature_K: Annotated[Real, Field(gt=0, le=1000)] = 300.0
    thermostat_tau_ps: Positive = 0.1
    cutoff_nm: Annotated[Real, Field(ge=0.6, le=3)] = 1.2
    ewald_tolerance: Annotated[Real, Field(ge=1e-8, le=1e-2)] = 5e-5

    @property
    def timestep_ps(self) -> float:
        """Time step."""
        return self.timestep_fs * 1e-3


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

    @property
    def slab_length_nm(self) -> float:
        """Length along x of the slab that the pore's current is taken over."""
        return 2 * self.slab_half_width_nm


class Equilibration(Section):
    """Which relaxed states a driven job starts from.

    Seed ``s`` starts from snapshot ``s // count`` of equilibration ``s % count``. Seeds that start
    from a later snapshot than the first draw fresh velocities.
    """

    count: Whole = Field(10, ge=1, le=1000)
    relax_ps: Duration = 10_000.0
    snapshot_interval_ps: Duration = 500.0
