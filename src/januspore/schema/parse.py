"""Validation with one clear line for a user."""

from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import InputError
from ..protocols import AnyProtocol
from ..values import SEED_END
from .charges import MoS2, MoSSe
from .point import StatePoint

_TAGS = {kind.model_fields["material"].default for kind in (MoSSe, MoS2)} | {
    kind.model_fields["name"].default for kind in get_args(AnyProtocol)
}
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def parse(kind: Any, data: Any, where: str = "state point") -> Any:
    """Validate `data` as `kind` (a section, `ChargeSet` or `Protocol`).

    Raises:
        InputError: one line naming the first offending key, its value and what is allowed.
    """
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    try:
        return _ADAPTERS[kind].validate_python(data)
    except ValidationError as error:
        raise InputError(_one_line(error, where)) from None


def _one_line(error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    # A discriminated union puts its tag in the path; it is no key of the user's.
    path = [str(p) for p in first["loc"] if p not in _TAGS]
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


def state_point(data: Any, where: str = "state point") -> StatePoint:
    """Validate a whole state point; see :func:`parse`."""
    return parse(StatePoint, data, where)


def with_seed(point: StatePoint, seed: Any, where: str = "state point") -> StatePoint:
    """Return a state point with another seed, checked; the rest is shared, not checked again."""
    if type(seed) is int and 0 <= seed < SEED_END:
        return point.model_copy(update={"seed": seed})
    parts = {"charge_set": point.charge_set, "protocol": point.protocol, "seed": seed}
    return state_point(parts, where)  # says what is wrong with it
