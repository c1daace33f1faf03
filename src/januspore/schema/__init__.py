"""The state point: ``charge_set``, ``protocol``, ``seed`` and nothing else.

Everything that changes a trajectory's physics is a key here, with its unit in its name; the
engine, platform and precision are not (they are provenance, see :mod:`januspore.space.provenance`).
Floats are rounded on entry, so float noise never makes a second job.
"""

from ..protocols import (
    AnyProtocol,
    Barrier,
    Cell,
    Dynamics,
    Equilibrate,
    Equilibration,
    ForceField,
    PairedPulse,
    Protocol,
    PulseTrain,
    Recording,
    Sine,
    Staircase,
    Steps,
)
from ..values import MAX_FIELD_V_PER_NM, SEED_END, SEED_WIDTH
from .charges import (
    CHARGE_SETS,
    BaseChargeSet,
    ChargeSet,
    material_of,
)
from .parse import parse, state_point, with_seed
from .point import (
    StatePoint,
    equilibration_of,
    parent_of,
    snapshot_of,
)

__all__ = [
    "CHARGE_SETS",
    "MAX_FIELD_V_PER_NM",
    "SEED_END",
    "SEED_WIDTH",
    "AnyProtocol",
    "Barrier",
    "BaseChargeSet",
    "Cell",
    "ChargeSet",
    "Dynamics",
    "Equilibrate",
    "Equilibration",
    "ForceField",
    "PairedPulse",
    "Protocol",
    "PulseTrain",
    "Recording",
    "Sine",
    "Staircase",
    "StatePoint",
    "Steps",
    "equilibration_of",
    "material_of",
    "parent_of",
    "parse",
    "snapshot_of",
    "state_point",
    "with_seed",
]
