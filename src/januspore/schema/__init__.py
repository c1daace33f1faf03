"""The state point: ``charge_set``, ``protocol`` and ``seed``.

Everything that changes a trajectory's physics is a key here, with its unit in its name; the
engine, platform and precision are not (they are provenance, see :mod:`januspore.space.provenance`).
Protocols are in :mod:`januspore.protocols`, and imported from there.
Floats are rounded on entry, so that rounding noise never makes a second job.
"""

from .charges import (
    CHARGE_SETS,
    BaseChargeSet,
    ChargeSet,
    NoMembrane,
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
    "BaseChargeSet",
    "ChargeSet",
    "NoMembrane",
    "StatePoint",
    "equilibration_of",
    "material_of",
    "parent_of",
    "parse",
    "snapshot_of",
    "state_point",
    "with_seed",
]
