"""Protocols: the whole recipe of a job, one class each.

A new protocol is a class in a module here, derived from :class:`Driven`, and a line in
`AnyProtocol`. What it overrides of `base.CAPABILITIES` decides which products read it.
"""

from typing import Annotated, get_args

from pydantic import Field

from .barrier import Barrier
from .base import (
    CAPABILITIES,
    BaseProtocol,
    Driven,
    required,
)
from .bulk import Bulk
from .equilibrate import Equilibrate
from .periodic import Sine, Triangle
from .pulses import PairedPulse, PulseTrain
from .sections import (
    Box,
    Cell,
    Dynamics,
    Equilibration,
    ForceField,
    Recording,
)
from .staircase import Staircase
from .steps import Steps

AnyProtocol = (
    Equilibrate | Sine | Triangle | Staircase | Steps | PairedPulse | PulseTrain | Barrier | Bulk
)
#: The same for validation: the key `name` says which it is.
Protocol = Annotated[AnyProtocol, Field(discriminator="name")]

#: Names of the capabilities of each protocol, by the protocol's name.
_CAPABILITIES: dict[str, frozenset[str]] = {
    kind.model_fields["name"].default: kind.capabilities() for kind in get_args(AnyProtocol)
}


def capabilities_of(name: str) -> frozenset[str]:
    """Return the capabilities of the protocol of a name; none for a name that no protocol has."""
    return _CAPABILITIES.get(name, frozenset())


def names_with(capability: str) -> list[str]:
    """Return the names of the protocols that have a capability, in the order of `AnyProtocol`.

    Args:
        capability: one of `CAPABILITIES`; "" for every protocol.
    """
    return [name for name, own in _CAPABILITIES.items() if not capability or capability in own]


__all__ = [
    "CAPABILITIES",
    "AnyProtocol",
    "Barrier",
    "BaseProtocol",
    "Box",
    "Bulk",
    "Cell",
    "Driven",
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
    "Steps",
    "Triangle",
    "capabilities_of",
    "names_with",
    "required",
]
